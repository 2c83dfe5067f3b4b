#include "switch/wire/kept.h"

#include "switch/base/mem.h"
#include "switch/wire/json.h"
#include "switch/wire/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 64 of hashname, two numbers of up to 19 digits, and what is around them. */
enum { AGE_TEXT_MAX = 120 };

/* --- reading -------------------------------------------------------------------------------------- */

/* Reads a file of ours, of a format that we know. Errors: TH_FORMAT, TH_NEWER. */
static enum th_err read_ours(json_t **out, struct th_bytes text, char complaint[TH_COMPLAINT_MAX])
{
    json_error_t error;
    json_t *json = json_loadb((const char *)text.at, text.len, JSON_REJECT_DUPLICATES, &error);
    json_int_t format = json_integer_value(json_object_get(json, "format"));
    enum th_err e = TH_FORMAT;

    if (json == NULL) {
        snprintf(complaint, TH_COMPLAINT_MAX, "line %d, column %d: %.100s", error.line,
                 error.column, error.text);
    } else if (format > TH_KEPT_FORMAT) {
        snprintf(complaint, TH_COMPLAINT_MAX,
                 "format %lld is of a newer telehashd than this one (%s)", (long long)format,
                 TH_VERSION);
        e = TH_NEWER;
    } else if (format != TH_KEPT_FORMAT) {
        snprintf(complaint, TH_COMPLAINT_MAX, "no \"format\":%d", TH_KEPT_FORMAT);
    } else {
        *out = json;
        return TH_OK;
    }
    json_decref(json);
    return e;
}

enum th_err th_kept_read_peers(struct th_seeds *out, struct th_bytes text,
                               char complaint[TH_COMPLAINT_MAX])
{
    json_t *json;
    enum th_err e = read_ours(&json, text, complaint);

    if (e != TH_OK)
        return e;
    snprintf(complaint, TH_COMPLAINT_MAX, "no \"peers\"");
    char *peers = json_dumps(json_object_get(json, "peers"), 0);
    e = peers ? th_seeds_read(out, th_bytes_of(peers), complaint) : TH_FORMAT;
    free(peers);
    json_decref(json);
    return e == TH_LIMIT ? TH_FORMAT : e; /* too many: we did not write that */
}

enum th_err th_kept_read_at(int64_t *at, struct th_bytes text, char complaint[TH_COMPLAINT_MAX])
{
    json_t *json;
    enum th_err e = read_ours(&json, text, complaint);

    if (e != TH_OK)
        return e;
    const json_t *value = json_object_get(json, "at");
    if (json_is_integer(value) && json_integer_value(value) >= 0) {
        *at = json_integer_value(value);
    } else {
        snprintf(complaint, TH_COMPLAINT_MAX, "no \"at\"");
        e = TH_FORMAT;
    }
    json_decref(json);
    return e;
}

static bool read_age(struct th_age *out, const char *hex, const json_t *json)
{
    const json_t *first = json_array_get(json, 0), *last = json_array_get(json, 1);

    if (!th_hashname_read(&out->id, hex, strlen(hex)) || json_array_size(json) != 2 ||
        !json_is_integer(first) || !json_is_integer(last))
        return false;
    out->first_seen_at = json_integer_value(first);
    out->last_seen_at = json_integer_value(last);
    return out->first_seen_at >= 0 && out->last_seen_at >= out->first_seen_at;
}

static enum th_err read_all_ages(struct th_age *age, unsigned *count, const json_t *ages,
                                 char complaint[TH_COMPLAINT_MAX])
{
    const char *hex;
    json_t *value;

    json_object_foreach((json_t *)ages, hex, value)
    {
        if (!read_age(&age[*count], hex, value)) {
            snprintf(complaint, TH_COMPLAINT_MAX, "\"%.64s\": no hashname with [first, last]", hex);
            return TH_FORMAT;
        }
        ++*count;
    }
    return TH_OK;
}

enum th_err th_kept_read_ages(struct th_age **age, unsigned *count, struct th_bytes text,
                              char complaint[TH_COMPLAINT_MAX])
{
    struct th_age *read = NULL;
    unsigned n = 0;
    json_t *json;
    enum th_err e = read_ours(&json, text, complaint);

    if (e != TH_OK)
        return e;
    const json_t *ages = json_object_get(json, "ages");
    size_t size = json_object_size(ages);
    if (!json_is_object(ages) || size > TH_KEPT_AGES_MAX) {
        snprintf(complaint, TH_COMPLAINT_MAX, "\"ages\" is no object of at most %d",
                 TH_KEPT_AGES_MAX);
        e = TH_FORMAT;
    } else if (size > 0 && (read = th_mem_zalloc(size, sizeof *read)) == NULL) {
        snprintf(complaint, TH_COMPLAINT_MAX, "no memory for %zu ages", size);
        e = TH_NO_MEMORY;
    } else {
        e = read_all_ages(read, &n, ages, complaint);
    }
    json_decref(json);
    if (e != TH_OK) {
        th_mem_free(read);
        return e;
    }
    *age = read;
    *count = n;
    return TH_OK;
}

/* --- writing -------------------------------------------------------------------------------------- */

enum th_err th_kept_write_peers(char **text, const struct th_seed *peers, unsigned count)
{
    static const char start[] = "{\"format\":1,\"peers\":", end[] = "}\n";
    char *seeds;
    enum th_err e = th_seeds_write(&seeds, peers, count);

    if (e != TH_OK)
        return e;
    size_t cap = sizeof start + strlen(seeds) + sizeof end;
    char *out = th_mem_zalloc(cap, 1);
    if (out)
        snprintf(out, cap, "%s%s%s", start, seeds, end);
    th_mem_free(seeds);
    if (out == NULL)
        return TH_NO_MEMORY;
    *text = out;
    return TH_OK;
}

enum th_err th_kept_write_at(char **text, int64_t at)
{
    char out[64];
    int len = snprintf(out, sizeof out, "{\"format\":%d,\"at\":%" PRId64 "}\n", TH_KEPT_FORMAT, at);
    char *copy = th_mem_copy(out, (size_t)len);

    if (copy == NULL)
        return TH_NO_MEMORY;
    *text = copy;
    return TH_OK;
}

enum th_err th_kept_write_ages(char **text, const struct th_age *age, unsigned count)
{
    char hex[TH_HASHNAME_HEX + 1];
    size_t cap = ((size_t)count + 1) * AGE_TEXT_MAX;
    char *at = th_mem_zalloc(cap, 1);

    if (at == NULL)
        return TH_NO_MEMORY;
    struct th_text out = th_text_in(at, cap);
    th_text_put(&out, "{\"format\":%d,\"ages\":{", TH_KEPT_FORMAT);
    for (unsigned i = 0; i < count; i++) {
        th_hashname_write(hex, &age[i].id);
        th_text_put(&out, "%s\n  \"%s\":[%" PRId64 ",%" PRId64 "]", i ? "," : "", hex,
                    (int64_t)age[i].first_seen_at, (int64_t)age[i].last_seen_at);
    }
    th_text_put(&out, "}}\n");
    TH_CHECK(!out.is_cut);
    *text = at;
    return TH_OK;
}

void th_kept_clear(struct th_kept *kept)
{
    th_seeds_clear(&kept->peers);
    th_mem_free(kept->age);
    *kept = (struct th_kept){0};
}

static enum th_err read_uris(struct th_named_seed *seed, const json_t *list,
                             char complaint[TH_COMPLAINT_MAX])
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *uri = json_string_value(json_array_get(list, i));

        snprintf(complaint, TH_COMPLAINT_MAX, "seed %zu is no text", i + 1);
        if (uri == NULL || th_seed_uri_read(&seed[i], uri, complaint) != TH_OK)
            return TH_FORMAT;
    }
    return TH_OK;
}

enum th_err th_kept_read_seeds(struct th_named_seed **seed, unsigned *count, struct th_bytes text,
                               char complaint[TH_COMPLAINT_MAX])
{
    struct th_named_seed *seeds = NULL;
    json_t *json;
    enum th_err e = read_ours(&json, text, complaint);

    if (e != TH_OK)
        return e;
    const json_t *list = json_object_get(json, "seeds");
    size_t n = json_array_size(list);
    if (!json_is_array(list) || n > TH_SEEDS_MAX) {
        snprintf(complaint, TH_COMPLAINT_MAX, "no \"seeds\", or more than %d", TH_SEEDS_MAX);
        e = TH_FORMAT;
    } else if (n > 0) {
        seeds = th_mem_zalloc(n, sizeof *seeds);
        e = seeds ? read_uris(seeds, list, complaint) : TH_NO_MEMORY;
    }
    json_decref(json);
    if (e != TH_OK) {
        th_mem_free(seeds);
        return e;
    }
    *seed = seeds;
    *count = (unsigned)n;
    return TH_OK;
}

enum th_err th_kept_write_seeds(char **text, const struct th_named_seed *seed, unsigned count)
{
    size_t cap = ((size_t)count + 1) * (TH_SEED_URI_MAX + 8);
    char *at = th_mem_zalloc(cap, 1), uri[TH_SEED_URI_MAX];

    if (at == NULL)
        return TH_NO_MEMORY;
    struct th_text out = th_text_in(at, cap);
    th_text_put(&out, "{\"format\":%d,\"seeds\":[", TH_KEPT_FORMAT);
    for (unsigned i = 0; i < count; i++) {
        th_seed_uri_write(uri, &seed[i]);
        th_text_put(&out, "%s\n\"%s\"", i ? "," : "", uri);
    }
    th_text_put(&out, "]}\n");
    TH_CHECK(!out.is_cut);
    *text = at;
    return TH_OK;
}
