#include "tools/sim/trace.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

enum { RECORD_MAX = 256, HEAD_BYTES = 16, NAME_HEX = 8 };

enum record_kind { RECORD_TURN = 1, RECORD_DATAGRAM, RECORD_WORDS };

/* --- the hash --- */

/* What happened, as bytes: little-endian numbers, and texts with their length before them. */
struct record {
    uint8_t bytes[RECORD_MAX];
    size_t len;
};

static void put(struct record *record, uint64_t number, unsigned bytes)
{
    for (unsigned i = 0; i < bytes && record->len < sizeof record->bytes; i++)
        record->bytes[record->len++] = (uint8_t)(number >> (8 * i));
}

static void put_bytes(struct record *record, const void *bytes, size_t len)
{
    size_t room = sizeof record->bytes - record->len;

    if (len > room)
        len = room;
    if (len > 0)
        memcpy(record->bytes + record->len, bytes, len);
    record->len += len;
}

static void put_text(struct record *record, const char *text)
{
    size_t len = strlen(text);

    put(record, len, 1);
    put_bytes(record, text, len);
}

static struct record begin(enum record_kind kind, th_ms now, uint32_t node)
{
    struct record record;

    record.len = 0;
    put(&record, (uint64_t)kind, 1);
    put(&record, now, 8);
    put(&record, node, 4);
    return record;
}

static void add(struct th_sim_trace *trace, const struct record *record)
{
    trace->events++;
    crypto_generichash_update(&trace->hash, record->bytes, record->len);
}

void th_sim_trace_init(struct th_sim_trace *trace)
{
    memset(trace, 0, sizeof *trace);
    crypto_generichash_init(&trace->hash, NULL, 0, TH_TRACE_HASH_BYTES);
}

void th_sim_trace_hash(const struct th_sim_trace *trace, char hex[TH_TRACE_HEX + 1])
{
    crypto_generichash_state hash = trace->hash;
    uint8_t bytes[TH_TRACE_HASH_BYTES];

    crypto_generichash_final(&hash, bytes, sizeof bytes);
    sodium_bin2hex(hex, TH_TRACE_HEX + 1, bytes, sizeof bytes);
}

/* --- the words --- */

struct name {
    char text[NAME_HEX + 1];
};

static struct name name_of(const struct th_sim_trace *trace, uint32_t node)
{
    const struct th_hashname *id =
        trace->name_of && node != TH_TRACE_NOBODY ? trace->name_of(trace->name_data, node) : NULL;
    char hex[TH_HASHNAME_HEX + 1];
    struct name name = {"stranger"}; /* no node of ours */

    if (id) {
        th_hashname_write(hex, id);
        memcpy(name.text, hex, NAME_HEX);
    }
    return name;
}

static bool is_shown(const struct th_sim_trace *trace, uint32_t node)
{
    const struct th_hashname *id;
    char hex[TH_HASHNAME_HEX + 1];

    if (trace->node[0] == 0)
        return true;
    id = trace->name_of && node != TH_TRACE_NOBODY ? trace->name_of(trace->name_data, node) : NULL;
    if (id == NULL)
        return false;
    th_hashname_write(hex, id);
    return strncmp(hex, trace->node, strlen(trace->node)) == 0;
}

static bool is_printed(const struct th_sim_trace *trace, th_ms now, uint32_t node, uint32_t other)
{
    return trace->out && now >= trace->from && (trace->to == 0 || now <= trace->to) &&
           (is_shown(trace, node) || is_shown(trace, other));
}

static void print_head(struct th_sim_trace *trace, th_ms now, uint32_t node)
{
    fprintf(trace->out, "%7" PRIu64 ".%03" PRIu64 " s  %-8s  ", now / 1000, now % 1000,
            name_of(trace, node).text);
}

/* Of what sort it is, as a word of a sentence. */
static const char *sort_of(struct th_bytes bytes)
{
    static const char *const words[TH_DATAGRAM_SORTS] = {"open", "line packet", "punch", "packet"};

    return words[th_datagram_sort_of(bytes)];
}

/* --- what happens --- */

void th_sim_trace_turn(struct th_sim_trace *trace, th_ms now, uint32_t node, const char *server,
                       const char *doing)
{
    struct record record = begin(RECORD_TURN, now, node);

    put_text(&record, server);
    put_text(&record, doing);
    add(trace, &record);
    if (is_printed(trace, now, node, TH_TRACE_NOBODY)) {
        print_head(trace, now, node);
        fprintf(trace->out, "%s handles %s\n", server, doing);
    }
}

void th_sim_trace_datagram(struct th_sim_trace *trace, th_ms now, enum th_fate fate, uint32_t from,
                           uint32_t to, struct th_bytes bytes)
{
    struct record record = begin(RECORD_DATAGRAM, now, from);

    put(&record, (uint64_t)fate, 1);
    put(&record, to, 4);
    put(&record, bytes.len, 4);
    put_bytes(&record, bytes.at, bytes.len < HEAD_BYTES ? bytes.len : HEAD_BYTES);
    add(trace, &record);
    if (!is_printed(trace, now, from, to))
        return;
    print_head(trace, now, fate == TH_FATE_ARRIVED ? to : from);
    if (fate == TH_FATE_SENT)
        fprintf(trace->out, "sends %s of %zu bytes to %s\n", sort_of(bytes), bytes.len,
                name_of(trace, to).text);
    else if (fate == TH_FATE_ARRIVED)
        fprintf(trace->out, "gets %s of %zu bytes from %s\n", sort_of(bytes), bytes.len,
                name_of(trace, from).text);
    else
        fprintf(trace->out, "%s of %zu bytes to %s is %s\n", sort_of(bytes), bytes.len,
                name_of(trace, to).text, th_fate_name(fate));
}

void th_sim_trace_say(struct th_sim_trace *trace, th_ms now, uint32_t node, const char *format, ...)
{
    struct record record = begin(RECORD_WORDS, now, node);
    char text[RECORD_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    put_text(&record, text);
    add(trace, &record);
    if (is_printed(trace, now, node, TH_TRACE_NOBODY)) {
        print_head(trace, now, node);
        fprintf(trace->out, "%s\n", text);
    }
}

void th_sim_trace_print(struct th_sim_trace *trace, th_ms now, uint32_t node, const char *format,
                        ...)
{
    va_list args;

    if (!is_printed(trace, now, node, TH_TRACE_NOBODY))
        return;
    print_head(trace, now, node);
    va_start(args, format);
    vfprintf(trace->out, format, args);
    va_end(args);
    fputc('\n', trace->out);
}

void th_sim_trace_remark(struct th_sim_trace *trace, th_ms now, const char *format, ...)
{
    va_list args;

    if (trace->out == NULL)
        return;
    fprintf(trace->out, "%7" PRIu64 ".%03" PRIu64 " s  --------  ", now / 1000, now % 1000);
    va_start(args, format);
    vfprintf(trace->out, format, args);
    va_end(args);
    fputc('\n', trace->out);
}
