#include "switch/wire/seeds.h"

#include "switch/base/mem.h"
#include "switch/wire/json.h"

#include <stdio.h>
#include <string.h>

/* 64 of hashname, 8 parts of 73, a key of 44, 8 paths of at most 90, and the names around them. */
enum { SEED_TEXT_MAX = 2048 };

/* The highest cipher set of a node that has a row in the table; NULL when none has. */
static const struct th_cipher *cipher_of(const struct th_parts *parts)
{
    const struct th_cipher *cipher = NULL;

    for (unsigned i = parts->count; i-- > 0 && cipher == NULL;)
        cipher = th_cipher_find(parts->part[i].csid);
    return cipher;
}

/* Returns what is wrong, NULL when nothing is. */
static const char *read_seed(struct th_seed *out, const char *hex, const json_t *json)
{
    struct th_hashname rolled;

    if (!th_hashname_read(&out->id, hex, strlen(hex)))
        return "is no hashname of 64 hex digits";
    if (!th_json_parts(&out->parts, json_object_get(json, "parts")))
        return "\"parts\" is not there or is no {csid: fingerprint}";
    th_hashname_of(&rolled, &out->parts);
    if (!th_hashname_is_equal(&rolled, &out->id))
        return "its parts make another hashname";

    const json_t *keys = json_object_get(json, "keys");
    const struct th_cipher *cipher = cipher_of(&out->parts);
    if (cipher == NULL || json_object_get(keys, cipher->name) == NULL)
        return "no key of cipher set 3a";
    if (!th_json_key(out->key.b, json_object_get(keys, cipher->name)))
        return "its key is not base64 of 32 bytes";
    struct th_bytes key = {out->key.b, sizeof out->key.b};
    if (!th_parts_have_key(&out->parts, cipher->csid, key))
        return "its key does not match its fingerprint";

    if (!th_json_paths(&out->paths, json_object_get(json, "paths")))
        return "\"paths\" is no list";
    return NULL;
}

static bool is_there(const struct th_seeds *seeds, const struct th_hashname *id)
{
    for (unsigned i = 0; i < seeds->count; i++)
        if (th_hashname_is_equal(&seeds->seed[i].id, id))
            return true;
    return false;
}

static enum th_err append_all(struct th_seeds *all, const json_t *json,
                              char complaint[TH_COMPLAINT_MAX])
{
    const char *hex;
    json_t *item;

    json_object_foreach((json_t *)json, hex, item)
    {
        struct th_seed seed = {0};
        const char *wrong = read_seed(&seed, hex, item);

        if (wrong) {
            snprintf(complaint, TH_COMPLAINT_MAX, "\"%.64s\": %s", hex, wrong);
            return TH_FORMAT;
        }
        if (is_there(all, &seed.id))
            continue;
        if (all->count == all->room) {
            snprintf(complaint, TH_COMPLAINT_MAX, "more than %d seeds", TH_SEEDS_MAX);
            return TH_LIMIT;
        }
        all->seed[all->count++] = seed;
    }
    return TH_OK;
}

/* Reads into a list of its own, so that a bad node late in the file leaves the old list alone. */
static enum th_err read_object(struct th_seeds *out, const json_t *json,
                               char complaint[TH_COMPLAINT_MAX])
{
    size_t wanted = out->count + json_object_size(json);
    struct th_seeds all = {.count = out->count,
                           .room = wanted < TH_SEEDS_MAX ? (unsigned)wanted : TH_SEEDS_MAX};

    if (json_object_size(json) == 0)
        return TH_OK;
    all.seed = th_mem_zalloc(all.room, sizeof *all.seed);
    if (all.seed == NULL) {
        snprintf(complaint, TH_COMPLAINT_MAX, "no memory for %u seeds", all.room);
        return TH_NO_MEMORY;
    }
    if (out->count > 0)
        memcpy(all.seed, out->seed, out->count * sizeof *all.seed);

    enum th_err e = append_all(&all, json, complaint);
    if (e != TH_OK) {
        th_seeds_clear(&all);
        return e;
    }
    th_seeds_clear(out);
    *out = all;
    return TH_OK;
}

enum th_err th_seeds_read(struct th_seeds *out, struct th_bytes text,
                          char complaint[TH_COMPLAINT_MAX])
{
    json_error_t error;
    json_t *json = th_json_read(text, &error);
    enum th_err e = TH_FORMAT;

    if (json == NULL)
        snprintf(complaint, TH_COMPLAINT_MAX, "line %d, column %d: %.100s", error.line,
                 error.column, error.text);
    else if (!json_is_object(json))
        snprintf(complaint, TH_COMPLAINT_MAX, "line 1, column 1: a list, not {hashname: seed}");
    else
        e = read_object(out, json, complaint);
    json_decref(json);
    return e;
}

/* uri: NULL for none. */
static void put_seed(struct th_text *text, const struct th_seed *seed, const char *uri)
{
    char hex[TH_HASHNAME_HEX + 1], key[TH_KEY_TEXT_MAX];
    const struct th_cipher *cipher = cipher_of(&seed->parts);

    TH_CHECK(cipher);
    th_hashname_write(hex, &seed->id);
    th_key_write(key, seed->key.b);
    th_text_put(text, "  \"%s\": {\n    ", hex);
    th_paths_put(text, seed->paths.addr, seed->paths.count);
    th_text_put(text, ",\n    \"parts\":");
    th_parts_put(text, &seed->parts);
    th_text_put(text, ",\n    \"keys\":{\"%s\":\"%s\"}", cipher->name, key);
    if (uri)
        th_text_put(text, ",\n    \"uri\":\"%s\"", uri);
    th_text_put(text, "\n  }");
}

enum th_err th_seeds_write(char **text, const struct th_seed *seeds, unsigned count)
{
    size_t cap = ((size_t)count + 1) * SEED_TEXT_MAX;
    char *at = th_mem_zalloc(cap, 1);

    if (at == NULL)
        return TH_NO_MEMORY;

    struct th_text out = th_text_in(at, cap);
    th_text_put(&out, "{\n");
    for (unsigned i = 0; i < count; i++) {
        put_seed(&out, &seeds[i], NULL);
        th_text_put(&out, i + 1 < count ? ",\n" : "\n");
    }
    th_text_put(&out, "}\n");
    TH_CHECK(!out.is_cut);
    *text = at;
    return TH_OK;
}

enum th_err th_seeds_write_one(char **text, const struct th_seed *seed, const char *uri)
{
    size_t cap = 2 * SEED_TEXT_MAX + strlen(uri);
    char *at = th_mem_zalloc(cap, 1);

    if (at == NULL)
        return TH_NO_MEMORY;
    struct th_text out = th_text_in(at, cap);
    th_text_put(&out, "{\n");
    put_seed(&out, seed, uri);
    th_text_put(&out, "\n}\n");
    TH_CHECK(!out.is_cut);
    *text = at;
    return TH_OK;
}

enum th_err th_seeds_add(struct th_seeds *seeds, const struct th_seed *seed)
{
    for (unsigned i = 0; i < seeds->count; i++)
        if (th_hashname_is_equal(&seeds->seed[i].id, &seed->id)) {
            th_paths_add(&seeds->seed[i].paths, &seed->paths);
            return TH_OK;
        }
    if (seeds->count == TH_SEEDS_MAX)
        return TH_LIMIT;
    if (seeds->count == seeds->room) {
        unsigned room = th_mem_room_after(seeds->room);
        struct th_seed *more = th_mem_resize(seeds->seed, room, sizeof *more);

        if (more == NULL)
            return TH_NO_MEMORY;
        seeds->seed = more;
        seeds->room = room;
    }
    seeds->seed[seeds->count++] = *seed;
    return TH_OK;
}

void th_seeds_clear(struct th_seeds *seeds)
{
    th_mem_free(seeds->seed);
    *seeds = (struct th_seeds){0};
}
