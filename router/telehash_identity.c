#include "router/telehash_node.h"

#include "switch/base/mem.h"

#include <sodium.h>
#include <string.h>

enum th_err th_node_hand_out(const char *text, char *out, size_t *len)
{
    size_t room = *len, needed = strlen(text) + 1;

    *len = needed;
    if (out == NULL)
        return TH_OK;
    if (room < needed)
        return TH_TOO_BIG;
    memcpy(out, text, needed);
    return TH_OK;
}

enum th_err th_node_random(void *bytes, size_t len)
{
    bool is_there = sodium_init() >= 0 && uv_random(NULL, NULL, bytes, len, 0, NULL) == 0;

    return is_there ? TH_OK : TH_IO;
}

enum th_err th_node_make_identity(struct th_identity *identity)
{
    uint8_t seed[TH_KEY_BYTES];
    enum th_err e = th_node_random(seed, sizeof seed);

    if (e == TH_OK)
        th_identity_make(identity, seed);
    sodium_memzero(seed, sizeof seed);
    return e;
}

enum th_err th_identity_generate(struct th_identity **out)
{
    struct th_identity *identity = out ? th_mem_zalloc(1, sizeof *identity) : NULL;
    enum th_err e;

    if (identity == NULL)
        return out ? TH_NO_MEMORY : TH_INVALID;
    e = th_node_make_identity(identity);
    if (e != TH_OK) {
        th_mem_free(identity);
        return e;
    }
    *out = identity;
    return TH_OK;
}

enum th_err th_identity_import(struct th_identity **out, const char *json, size_t len)
{
    char complaint[TH_COMPLAINT_MAX];
    struct th_identity *identity;
    enum th_err e;

    if (out == NULL || json == NULL)
        return TH_INVALID;
    identity = th_mem_zalloc(1, sizeof *identity);
    if (identity == NULL)
        return TH_NO_MEMORY;
    e = sodium_init() >= 0
            ? th_identity_read(identity, (struct th_bytes){(const uint8_t *)json, len}, complaint)
            : TH_IO;
    if (e != TH_OK) {
        th_mem_free(identity);
        return e;
    }
    *out = identity;
    return TH_OK;
}

enum th_err th_identity_export(const struct th_identity *identity, char *json, size_t *len)
{
    char text[TH_IDENTITY_TEXT_MAX];
    enum th_err e;

    if (identity == NULL || len == NULL)
        return TH_INVALID;
    th_identity_write(identity, text);
    e = th_node_hand_out(text, json, len);
    sodium_memzero(text, sizeof text);
    return e;
}

void th_identity_hashname(const struct th_identity *identity, char hashname[TH_HASHNAME_SIZE])
{
    if (hashname == NULL)
        return;
    if (identity)
        th_hashname_write(hashname, &identity->hashname);
    else
        hashname[0] = '\0';
}

void th_identity_free(struct th_identity *identity)
{
    if (identity)
        th_identity_clear(identity);
    th_mem_free(identity);
}
