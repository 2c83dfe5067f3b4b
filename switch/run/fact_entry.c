#include "switch/run/fact_entry.h"

#include "switch/base/mem.h"

#include <string.h>

/* What stands before a fact: its body but for the key, as its kind writes it or as it is. */
struct head {
    uint16_t len;
    uint8_t voice;
    uint8_t kind; /* of the event: its bit, and PACKED */
};

enum { PACKED = 0x80 };

_Static_assert(sizeof(struct head) == TH_FACT_HEAD_BYTES, "a fact's bytes");

static uint8_t *bytes_of(struct th_fact_entry *entry)
{
    return entry->len > TH_FACT_INSIDE ? entry->bytes.outside : entry->bytes.inside;
}

static struct head head_at(struct th_fact_entry *entry, size_t at)
{
    struct head head;

    memcpy(&head, bytes_of(entry) + at, sizeof head);
    return head;
}

size_t th_run_entry_next(struct th_fact_entry *entry, size_t at)
{
    return at + sizeof(struct head) + head_at(entry, at).len;
}

static const struct th_fact_kind *kind_at(struct th_fact_entry *entry,
                                          const struct th_fact_voice *voices, size_t at)
{
    return voices[head_at(entry, at).voice].fact;
}

unsigned th_run_entry_voice(struct th_fact_entry *entry, size_t at)
{
    return head_at(entry, at).voice;
}

size_t th_run_entry_find(struct th_fact_entry *entry, const struct th_fact_voice *voices,
                         const struct th_event *event)
{
    size_t at = entry->key_len;

    while (at < entry->len && kind_at(entry, voices, at)->kind != event->fact->kind)
        at = th_run_entry_next(entry, at);
    return at;
}

/* Where a fact stands from which the key follows, but for the one at `except`; the end when none does. */
static size_t find_maker(struct th_fact_entry *entry, const struct th_fact_voice *voices,
                         size_t except)
{
    size_t at = entry->key_len;

    while (at < entry->len && (at == except || !(head_at(entry, at).kind & PACKED) ||
                               kind_at(entry, voices, at)->form->make_key == NULL))
        at = th_run_entry_next(entry, at);
    return at;
}

void th_run_entry_key(struct th_fact_entry *entry, const struct th_fact_voice *voices,
                      uint8_t key[TH_FACT_KEY_MAX])
{
    size_t maker = entry->key_len > 0 ? entry->len : find_maker(entry, voices, entry->len);

    memcpy(key, bytes_of(entry), entry->key_len);
    if (maker < entry->len)
        kind_at(entry, voices, maker)
            ->form->make_key(key, bytes_of(entry) + maker + sizeof(struct head),
                             head_at(entry, maker).len);
}

/* --- changing it --- */

void th_run_entry_write(struct th_fact_written *out, const struct th_fact_event *said,
                        unsigned voice)
{
    const struct th_fact_kind *fact = said->event.fact;
    uint8_t *bytes = out->bytes + sizeof(struct head);
    size_t len = fact->form ? fact->form->pack(bytes, said->body, said->size) : 0;
    bool is_packed = len > 0;
    unsigned kind = 0;

    if (!is_packed) {
        len = said->size - fact->key_len;
        memcpy(bytes, said->body + fact->key_len, len);
    }
    while (said->event.kind >> kind != 1)
        kind++;
    struct head head = {(uint16_t)len, (uint8_t)voice, (uint8_t)(kind | (is_packed ? PACKED : 0))};
    memcpy(out->bytes, &head, sizeof head);
    out->len = sizeof head + len;
    out->makes_key = is_packed && fact->form->make_key;
    TH_CHECK(!out->makes_key || len >= fact->key_len);
}

/* Errors: TH_NO_MEMORY, TH_LIMIT; not when it gets no longer. */
static enum th_err set_len(struct th_fact_entry *entry, size_t len)
{
    bool was_outside = entry->len > TH_FACT_INSIDE;
    uint8_t *outside = was_outside ? entry->bytes.outside : NULL;

    if (len > UINT16_MAX)
        return TH_LIMIT;
    if (len > TH_FACT_INSIDE && len > entry->len) {
        uint8_t *bytes = th_mem_resize(outside, len, 1);
        if (bytes == NULL)
            return TH_NO_MEMORY;
        if (!was_outside)
            memcpy(bytes, entry->bytes.inside, entry->len);
        entry->bytes.outside = bytes;
    } else if (len <= TH_FACT_INSIDE && was_outside) {
        memcpy(entry->bytes.inside, outside, len);
        th_mem_free(outside);
    }
    entry->len = (uint16_t)len;
    return TH_OK;
}

enum th_err th_run_entry_put(struct th_fact_entry *entry, const struct th_fact_voice *voices,
                             size_t at, const struct th_fact_written *fact, struct th_bytes key)
{
    size_t old_end = entry->len, after = at < old_end ? th_run_entry_next(entry, at) : at;
    size_t before_len = at - entry->key_len, after_len = old_end - after;
    bool follows = fact->makes_key || find_maker(entry, voices, at) < old_end;
    size_t key_len = follows || before_len + fact->len + after_len == 0 ? 0 : key.len;
    size_t new_at = key_len + before_len, new_after = new_at + fact->len;
    size_t len = new_after + after_len;

    enum th_err err = len > old_end ? set_len(entry, len) : TH_OK;
    if (err != TH_OK)
        return err;
    uint8_t *bytes = bytes_of(entry);
    if (new_after >= after) /* what comes behind makes room first */
        memmove(bytes + new_after, bytes + after, after_len);
    memmove(bytes + key_len, bytes + entry->key_len, before_len);
    if (new_after < after)
        memmove(bytes + new_after, bytes + after, after_len);
    memcpy(bytes, key.at, key_len);
    memcpy(bytes + new_at, fact->bytes, fact->len);
    entry->key_len = (uint8_t)key_len;
    return set_len(entry, len);
}

struct th_event *th_run_entry_read(struct th_fact_entry *entry, const struct th_fact_voice *voices,
                                   size_t at, bool is_over, const uint8_t *key)
{
    const struct th_fact_kind *fact = kind_at(entry, voices, at);
    const uint8_t *bytes = bytes_of(entry) + at + sizeof(struct head);
    struct head head = head_at(entry, at);
    _Alignas(uint64_t) uint8_t body[TH_FACT_BODY_MAX] = {0};
    size_t size = fact->key_len + head.len;

    if (head.kind & PACKED)
        size = fact->form->unpack(body, bytes, head.len);
    else
        memcpy(body + fact->key_len, bytes, head.len);
    memcpy(body, key, fact->key_len);
    return th_fact_event_new(is_over ? fact->end_kind : 1ull << (head.kind & ~(unsigned)PACKED),
                             fact, is_over, body, size);
}

bool th_run_entry_is_of(struct th_fact_entry *entry, const struct th_event *event)
{
    return entry->key_len == 0 || (entry->key_len == event->fact->key_len &&
                                   memcmp(bytes_of(entry), event->body, entry->key_len) == 0);
}

void th_run_entry_clear(struct th_fact_entry *entry)
{
    if (entry->len > TH_FACT_INSIDE)
        th_mem_free(entry->bytes.outside);
    entry->len = entry->key_len = 0;
}
