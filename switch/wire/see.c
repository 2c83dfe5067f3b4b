#include "switch/wire/see.h"

#include "switch/wire/json.h"

#include <string.h>

static void put_entry(struct th_text *text, const struct th_see_entry *entry)
{
    char hex[TH_HASHNAME_HEX + 1], ip[TH_ADDR_TEXT_MAX];

    th_hashname_write(hex, &entry->id);
    th_text_put(text, "\"%s,%02x", hex, (unsigned)entry->csid);
    if (entry->has_addr) {
        th_addr_write_ip(ip, &entry->addr);
        th_text_put(text, ",%s,%u", ip, (unsigned)entry->addr.port);
    }
    th_text_put(text, "\"");
}

void th_see_put(struct th_text *text, const struct th_see_entry *entries, unsigned count)
{
    th_text_put(text, "\"see\":[");
    for (unsigned i = 0; i < count && i < TH_SEE_SENT_MAX; i++) {
        if (i > 0)
            th_text_put(text, ",");
        put_entry(text, &entries[i]);
    }
    th_text_put(text, "]");
}

/* "ip,port" */
static bool read_entry_addr(struct th_addr *out, const char *text)
{
    const char *comma = strchr(text, ',');
    char with_port[TH_ADDR_TEXT_MAX];
    struct th_text put = th_text_in(with_port, sizeof with_port);
    struct th_addr addr;

    if (comma == NULL)
        return false;
    bool is_ipv6 = memchr(text, ':', (size_t)(comma - text)) != NULL;
    th_text_put(&put, is_ipv6 ? "[%.*s]:%s" : "%.*s:%s", (int)(comma - text), text, comma + 1);
    if (put.is_cut || !th_addr_read(&addr, put.at, put.len) || addr.port == 0)
        return false;

    th_addr_unmap(&addr);
    if (th_addr_realm(&addr) == TH_REALM_NONE)
        return false;
    *out = addr;
    return true;
}

static bool read_entry(struct th_see_entry *out, const char *text)
{
    enum { CSID_AT = TH_HASHNAME_HEX + 1, ADDR_AT = CSID_AT + 3 };
    struct th_see_entry entry = {0};
    size_t len = strlen(text);

    if (len < ADDR_AT - 1 || text[TH_HASHNAME_HEX] != ',' ||
        !th_hashname_read(&entry.id, text, TH_HASHNAME_HEX) ||
        !th_hex_read(&entry.csid, 1, text + CSID_AT, 2))
        return false;
    if (len >= ADDR_AT) {
        if (text[ADDR_AT - 1] != ',' || !read_entry_addr(&entry.addr, text + ADDR_AT))
            return false;
        entry.has_addr = true;
    }
    *out = entry;
    return true;
}

/* False when there is a "see" that is no list. */
static bool read_see(struct th_see *out, const json_t *see)
{
    size_t i;
    json_t *item;

    *out = (struct th_see){0};
    if (see != NULL && !json_is_array(see))
        return false;

    json_array_foreach(see, i, item)
    {
        const char *text = th_json_text(item);

        if (text && *text == 0)
            continue;
        if (out->count + out->bad == TH_SEE_READ_MAX)
            out->over++;
        else if (text && read_entry(&out->entry[out->count], text))
            out->count++;
        else
            out->bad++;
    }
    return true;
}

enum th_drop th_see_read(struct th_see *out, struct th_bytes head)
{
    struct th_see see;
    json_t *json = th_json_read_object(head, NULL);
    bool is_good = json && read_see(&see, json_object_get(json, "see"));

    if (is_good)
        *out = see;
    json_decref(json);
    return is_good ? TH_DROP_NONE : TH_DROP_SEE_BAD;
}

void th_seek_put(struct th_text *text, const struct th_hashname *target, unsigned digits)
{
    char hex[TH_HASHNAME_HEX + 1];

    TH_CHECK(digits >= 1 && digits <= TH_HASHNAME_HEX);
    th_hashname_write(hex, target);
    th_text_put(text, "\"seek\":\"%.*s\"", (int)digits, hex);
}

enum th_drop th_seek_read(struct th_prefix *out, struct th_bytes head)
{
    json_t *json = th_json_read_object(head, NULL);
    const char *hex = th_json_text(json_object_get(json, "seek"));
    bool is_good = hex && th_prefix_read(out, hex, strlen(hex));

    json_decref(json);
    return is_good ? TH_DROP_NONE : TH_DROP_SEEK_BAD;
}

void th_link_put(struct th_text *text, bool is_seed)
{
    th_text_put(text, "\"seed\":%s", is_seed ? "true" : "false");
}

enum th_drop th_link_read(struct th_link_head *out, struct th_bytes head)
{
    json_t *json = th_json_read_object(head, NULL);

    if (json == NULL)
        return TH_DROP_LINK_BAD;
    out->is_seed = json_is_true(json_object_get(json, "seed"));
    if (!read_see(&out->see, json_object_get(json, "see")))
        out->see.bad = 1;
    json_decref(json);
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
