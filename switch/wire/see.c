#include "switch/wire/see.h"

#include "switch/wire/head.h"
#include "switch/wire/json.h"

#include <string.h>

static void put_entry(struct th_text *text, const struct th_see_entry *entry)
{
    char hex[TH_HASHNAME_HEX + 1], ip[TH_ADDR_TEXT_MAX];

    th_hashname_write(hex, &entry->id);
    th_text_add(text, "\"", 1);
    th_text_add(text, hex, TH_HASHNAME_HEX);
    if (entry->has_addr) {
        th_addr_write_ip(ip, &entry->addr);
        th_text_put(text, ",%02x,%s,%u\"", (unsigned)entry->csid, ip, (unsigned)entry->addr.port);
    } else {
        th_text_put(text, ",%02x\"", (unsigned)entry->csid);
    }
}

void th_see_put(struct th_text *text, const struct th_see_entry *entries, unsigned count)
{
    th_text_add(text, "\"see\":[", 7);
    for (unsigned i = 0; i < count && i < TH_SEE_SENT_MAX; i++) {
        if (i > 0)
            th_text_add(text, ",", 1);
        put_entry(text, &entries[i]);
    }
    th_text_add(text, "]", 1);
}

/* "ip,port" */
static bool read_entry_addr(struct th_addr *out, const char *text, size_t len)
{
    const char *comma = memchr(text, ',', len);
    char with_port[TH_ADDR_TEXT_MAX];
    struct th_text put = th_text_in(with_port, sizeof with_port);
    struct th_addr addr;

    if (comma == NULL)
        return false;
    size_t ip = (size_t)(comma - text);
    bool is_ipv6 = memchr(text, ':', ip) != NULL;
    th_text_add(&put, "[", is_ipv6 ? 1 : 0);
    th_text_add(&put, text, ip);
    th_text_add(&put, is_ipv6 ? "]:" : ":", is_ipv6 ? 2 : 1);
    th_text_add(&put, comma + 1, len - ip - 1);
    if (put.is_cut || !th_addr_read(&addr, put.at, put.len) || addr.port == 0)
        return false;

    th_addr_unmap(&addr);
    if (th_addr_realm(&addr) == TH_REALM_NONE)
        return false;
    *out = addr;
    return true;
}

static bool read_entry(struct th_see_entry *out, struct th_bytes bytes)
{
    enum { CSID_AT = TH_HASHNAME_HEX + 1, ADDR_AT = CSID_AT + 3 };
    struct th_see_entry entry = {0};
    const char *text = (const char *)bytes.at;

    if (bytes.len < ADDR_AT - 1 || text[TH_HASHNAME_HEX] != ',' ||
        !th_hashname_read(&entry.id, text, TH_HASHNAME_HEX) ||
        !th_hex_read(&entry.csid, 1, text + CSID_AT, 2))
        return false;
    if (bytes.len >= ADDR_AT) {
        if (text[ADDR_AT - 1] != ',' ||
            !read_entry_addr(&entry.addr, text + ADDR_AT, bytes.len - ADDR_AT))
            return false;
        entry.has_addr = true;
    }
    *out = entry;
    return true;
}

/* False when there is a "see" that is no list. */
static bool read_see(struct th_see *out, struct th_value see)
{
    struct th_value item;

    *out = (struct th_see){0};
    if (see.kind != TH_VALUE_NONE && see.kind != TH_VALUE_LIST)
        return false;

    while (th_value_next(&see, &item)) {
        bool is_text = th_value_is_text(&item);

        if (is_text && item.text.len == 0)
            continue;
        if (out->count + out->bad == TH_SEE_READ_MAX)
            out->over++;
        else if (is_text && read_entry(&out->entry[out->count], item.text))
            out->count++;
        else
            out->bad++;
    }
    return true;
}

/* False, with nothing to be cleared, when it is no JSON object. */
static bool read_object(struct th_head *head, struct th_bytes text)
{
    if (!th_head_read(head, text))
        return false;
    if (th_head_is_object(head))
        return true;
    th_head_clear(head);
    return false;
}

enum th_drop th_see_read(struct th_see *out, struct th_bytes text)
{
    struct th_see see;
    struct th_head head;

    if (!read_object(&head, text))
        return TH_DROP_SEE_BAD;
    bool is_good = read_see(&see, th_head_get(&head, "see"));
    if (is_good)
        *out = see;
    th_head_clear(&head);
    return is_good ? TH_DROP_NONE : TH_DROP_SEE_BAD;
}

void th_seek_put(struct th_text *text, const struct th_hashname *target, unsigned digits)
{
    char hex[TH_HASHNAME_HEX + 1];

    TH_CHECK(digits >= 1 && digits <= TH_HASHNAME_HEX);
    th_hashname_write(hex, target);
    th_text_put(text, "\"seek\":\"%.*s\"", (int)digits, hex);
}

enum th_drop th_seek_read(struct th_prefix *out, struct th_bytes text)
{
    struct th_head head;

    if (!read_object(&head, text))
        return TH_DROP_SEEK_BAD;
    struct th_value seek = th_head_get(&head, "seek");
    bool is_good =
        th_value_is_text(&seek) && th_prefix_read(out, (const char *)seek.text.at, seek.text.len);
    th_head_clear(&head);
    return is_good ? TH_DROP_NONE : TH_DROP_SEEK_BAD;
}

void th_link_put(struct th_text *text, bool is_seed)
{
    th_text_put(text, "\"seed\":%s", is_seed ? "true" : "false");
}

enum th_drop th_link_read(struct th_link_head *out, struct th_bytes text)
{
    struct th_head head;

    if (!read_object(&head, text))
        return TH_DROP_LINK_BAD;
    out->is_seed = th_head_get(&head, "seed").kind == TH_VALUE_TRUE;
    if (!read_see(&out->see, th_head_get(&head, "see")))
        out->see.bad = 1;
    th_head_clear(&head);
    return TH_DROP_NONE;
}

void th_peer_put(struct th_text *text, const struct th_hashname *target,
                 const struct th_addr *paths, unsigned count)
{
    char hex[TH_HASHNAME_HEX + 1];

    th_hashname_write(hex, target);
    th_text_put(text, "\"peer\":\"%s\"", hex);
    if (count == 0)
        return;
    th_text_put(text, ",");
    th_paths_put(text, paths, count);
}

enum th_drop th_peer_read(struct th_peer_head *out, struct th_bytes head)
{
    struct th_peer_head peer;
    json_t *json = th_json_read_object(head, NULL);
    bool is_good = th_json_hashname(&peer.target, json_object_get(json, "peer")) &&
                   th_json_paths(&peer.paths, json_object_get(json, "paths"));

    if (is_good)
        *out = peer;
    json_decref(json);
    return is_good ? TH_DROP_NONE : TH_DROP_PEER_BAD;
}

void th_connect_put(struct th_text *text, const struct th_parts *from, const struct th_addr *paths,
                    unsigned count)
{
    th_text_put(text, "\"from\":");
    th_parts_put(text, from);
    th_text_put(text, ",");
    th_paths_put(text, paths, count);
}

enum th_drop th_connect_read(struct th_connect_head *out, struct th_bytes head)
{
    struct th_connect_head connect;
    json_t *json = th_json_read_object(head, NULL);
    bool is_good = th_json_parts(&connect.from, json_object_get(json, "from")) &&
                   th_json_paths(&connect.paths, json_object_get(json, "paths"));

    if (is_good) {
        th_hashname_of(&connect.id, &connect.from);
        *out = connect;
    }
    json_decref(json);
    return is_good ? TH_DROP_NONE : TH_DROP_CONNECT_BAD;
}
