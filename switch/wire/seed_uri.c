#include "switch/wire/seed_uri.h"

#include "switch/base/mem.h"
#include "switch/wire/text.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char scheme[] = "telehash://";

/* --- hosts ---------------------------------------------------------------------------------------- */

/* Whether it can be the name of a host: no number, nor an IPv6 address that lacks its brackets. */
static bool is_host_name(const char *text, size_t len)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

    return len > 0 && strspn(text, letters) >= len && strspn(text, "0123456789.") < len;
}

bool th_seed_host_read(struct th_seed_host *out, const char *text, size_t len)
{
    const char *colon = memrchr(text, ':', len);
    struct th_seed_host host = {.port = 0};
    size_t name_len = colon ? (size_t)(colon - text) : len;
    unsigned port = 0;

    if (colon == NULL || name_len >= sizeof host.name || !is_host_name(text, name_len))
        return false;
    for (const char *at = colon + 1; at < text + len; at++) {
        if (*at < '0' || *at > '9' || port > UINT16_MAX)
            return false;
        port = 10 * port + (unsigned)(*at - '0');
    }
    if (port == 0 || port > UINT16_MAX)
        return false;
    memcpy(host.name, text, name_len);
    host.port = (uint16_t)port;
    *out = host;
    return true;
}

/* --- reading -------------------------------------------------------------------------------------- */

/* Takes %5B and %5D for brackets; nothing else needs to be written so. False when it does not fit. */
static bool unescape(char *out, size_t cap, const char *text, size_t len)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        char c = text[i];

        if (n + 1 == cap)
            return false;
        if (c == '%' && i + 2 < len && text[i + 1] == '5' && strchr("BbDd", text[i + 2])) {
            c = strchr("Bb", text[i + 2]) ? '[' : ']';
            i += 2;
        }
        out[n++] = c;
    }
    out[n] = '\0';
    return true;
}

/* CSID=…: a key of a cipher set that we have, or a fingerprint. */
static bool read_part(struct th_named_seed *out, const char *text, size_t len, bool *is_key)
{
    struct th_fingerprint fp;
    uint8_t csid;
    const char *value = text + 3;
    size_t value_len = len - 3, key_len;

    *is_key = false;
    if (!th_hex_read(&csid, 1, text, 2))
        return false;
    const struct th_cipher *cipher = th_cipher_find(csid);
    if (th_hex_read(fp.b, sizeof fp.b, value, value_len))
        return th_parts_add(&out->seed.parts, csid, &fp);
    if (cipher == NULL ||
        sodium_base642bin(out->seed.key.b, sizeof out->seed.key.b, value, value_len, NULL, &key_len,
                          NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
        key_len != sizeof out->seed.key.b)
        return false;
    th_fingerprint_of(&fp, out->seed.key.b, sizeof out->seed.key.b);
    *is_key = true;
    return th_parts_add(&out->seed.parts, csid, &fp);
}

static enum th_err read_host(struct th_named_seed *out, const char *text, const char **wrong)
{
    struct th_paths *paths = &out->seed.paths;
    struct th_addr addr;

    if (th_addr_read(&addr, text, strlen(text))) {
        *wrong = "an address that nobody could reach:";
        if (addr.port == 0 || th_addr_realm(&addr) == TH_REALM_NONE)
            return TH_FORMAT;
        *wrong = "more addresses than 8:";
        if (paths->count == TH_PATHS_MAX)
            return TH_LIMIT;
        paths->addr[paths->count++] = addr;
        return TH_OK;
    }
    *wrong = "more names of hosts than 4:";
    if (out->host_count == TH_SEED_HOSTS_MAX)
        return TH_LIMIT;
    *wrong = "is neither 3a=KEY nor HOST:PORT:";
    if (!th_seed_host_read(&out->host[out->host_count], text, strlen(text)))
        return TH_FORMAT;
    out->host_count++;
    return TH_OK;
}

static enum th_err read_segment(struct th_named_seed *out, const char *text, size_t len,
                                const char **wrong, bool *has_key)
{
    char host[TH_HOST_MAX + 16];
    bool is_key;

    if (len > 3 && text[2] == '=') {
        *wrong = "no key in base64url and no fingerprint, or its cipher set twice:";
        if (!read_part(out, text, len, &is_key))
            return TH_FORMAT;
        *has_key = *has_key || is_key;
        return TH_OK;
    }
    *wrong = "is neither 3a=KEY nor HOST:PORT:";
    return unescape(host, sizeof host, text, len) ? read_host(out, host, wrong) : TH_FORMAT;
}

/* What no segment can be judged for alone; NULL when all is well. */
static const char *check_whole(const struct th_named_seed *seed, bool has_key)
{
    struct th_hashname rolled;

    if (!has_key)
        return "no key of cipher set 3a";
    th_hashname_of(&rolled, &seed->seed.parts);
    if (!th_hashname_is_equal(&rolled, &seed->seed.id))
        return "its keys make another hashname: a part of the line is missing or was changed";
    if (seed->seed.paths.count + seed->host_count == 0)
        return "no HOST:PORT";
    return NULL;
}

enum th_err th_seed_uri_read(struct th_named_seed *out, const char *text,
                             char complaint[TH_COMPLAINT_MAX])
{
    struct th_named_seed seed = {.host_count = 0};
    size_t start = sizeof scheme - 1;
    bool has_key = false;
    const char *wrong;

    if (strncasecmp(text, scheme, start) != 0) {
        snprintf(complaint, TH_COMPLAINT_MAX, "does not begin with %s", scheme);
        return TH_FORMAT;
    }
    const char *at = text + start;
    size_t len = strcspn(at, "/");
    if (!th_hashname_read(&seed.seed.id, at, len)) {
        snprintf(complaint, TH_COMPLAINT_MAX, "no hashname of 64 hex digits after %s", scheme);
        return TH_FORMAT;
    }
    for (at += len; *at == '/'; at += len) {
        len = strcspn(++at, "/");
        enum th_err e = len ? read_segment(&seed, at, len, &wrong, &has_key) : TH_OK;
        if (e != TH_OK) {
            snprintf(complaint, TH_COMPLAINT_MAX, "%s %.*s", wrong, len < 70 ? (int)len : 70, at);
            return e;
        }
    }
    wrong = check_whole(&seed, has_key);
    if (wrong) {
        snprintf(complaint, TH_COMPLAINT_MAX, "%s", wrong);
        return TH_FORMAT;
    }
    *out = seed;
    return TH_OK;
}

/* --- writing -------------------------------------------------------------------------------------- */

static void put_parts(struct th_text *out, const struct th_seed *seed)
{
    char key[sodium_base64_ENCODED_LEN(TH_KEY_BYTES, sodium_base64_VARIANT_URLSAFE_NO_PADDING)];

    sodium_bin2base64(key, sizeof key, seed->key.b, sizeof seed->key.b,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    for (unsigned i = seed->parts.count; i-- > 0;) {
        const struct th_part *part = &seed->parts.part[i];
        struct th_bytes raw = {seed->key.b, sizeof seed->key.b};
        char hex[2 * sizeof part->fingerprint.b + 1];

        th_hex_write(hex, part->fingerprint.b, sizeof part->fingerprint.b);
        th_text_put(out, "/%02x=%s", part->csid,
                    th_parts_have_key(&seed->parts, part->csid, raw) ? key : hex);
    }
}

void th_seed_uri_write(char text[TH_SEED_URI_MAX], const struct th_named_seed *seed)
{
    struct th_text out = th_text_in(text, TH_SEED_URI_MAX);
    char hex[TH_HASHNAME_HEX + 1], ip[TH_ADDR_TEXT_MAX];

    th_hashname_write(hex, &seed->seed.id);
    th_text_put(&out, "%s%s", scheme, hex);
    put_parts(&out, &seed->seed);
    for (unsigned i = 0; i < seed->host_count; i++)
        th_text_put(&out, "/%s:%u", seed->host[i].name, seed->host[i].port);
    for (unsigned i = 0; i < seed->seed.paths.count; i++) {
        const struct th_addr *addr = &seed->seed.paths.addr[i];
        bool is_ipv6 = addr->family == TH_FAMILY_IPV6;

        th_addr_write_ip(ip, addr);
        th_text_put(&out, "/%s%s%s:%u", is_ipv6 ? "%5B" : "", ip, is_ipv6 ? "%5D" : "", addr->port);
    }
    TH_CHECK(!out.is_cut);
}
