#include "switch/wire/json.h"
#include "switch/wire/json_hash.h"

#include <sodium.h>
#include <string.h>

void th_json_fix_hash(void)
{
    json_object_seed(1);
}

json_t *th_json_read(struct th_bytes text, json_error_t *error)
{
    /* jansson takes NULL for a mistake of ours, an empty text for one of the sender. */
    const char *at = text.at ? (const char *)text.at : "";

    return json_loadb(at, text.len, JSON_ALLOW_NUL, error);
}

json_t *th_json_read_object(struct th_bytes text, json_error_t *error)
{
    json_t *json = th_json_read(text, error);

    if (json_is_object(json))
        return json;
    json_decref(json);
    return NULL;
}

const char *th_json_text(const json_t *value)
{
    const char *text = json_string_value(value);

    return text && strlen(text) == json_string_length(value) ? text : NULL;
}

bool th_json_u32(uint32_t *out, const json_t *value)
{
    if (!json_is_integer(value))
        return false;

    json_int_t n = json_integer_value(value);
    if (n < 0 || n > UINT32_MAX)
        return false;
    *out = (uint32_t)n;
    return true;
}

bool th_json_hashname(struct th_hashname *out, const json_t *value)
{
    const char *hex = th_json_text(value);

    return hex && th_hashname_read(out, hex, strlen(hex));
}

bool th_json_line_id(struct th_line_id *out, const json_t *value)
{
    const char *hex = th_json_text(value);

    return hex && th_hex_read(out->b, sizeof out->b, hex, strlen(hex));
}

static bool is_lower_hex(const char *text, size_t len)
{
    return strlen(text) == len && strspn(text, "0123456789abcdef") == len;
}

bool th_json_parts(struct th_parts *out, const json_t *value)
{
    struct th_parts parts = {0};
    const char *csid_hex;
    json_t *item;

    json_object_foreach((json_t *)value, csid_hex, item)
    {
        const char *hex = th_json_text(item);
        struct th_fingerprint fp;
        uint8_t csid;

        if (!is_lower_hex(csid_hex, 2) || hex == NULL || !is_lower_hex(hex, 2 * sizeof fp.b) ||
            !th_hex_read(&csid, 1, csid_hex, 2) ||
            !th_hex_read(fp.b, sizeof fp.b, hex, 2 * sizeof fp.b) ||
            !th_parts_add(&parts, csid, &fp))
            return false;
    }
    if (parts.count == 0)
        return false;
    *out = parts;
    return true;
}

bool th_json_path(struct th_addr *out, const json_t *value)
{
    const char *type = th_json_text(json_object_get(value, "type"));
    const char *ip = th_json_text(json_object_get(value, "ip"));
    struct th_addr addr;
    uint32_t port;

    if (type == NULL || ip == NULL || !th_json_u32(&port, json_object_get(value, "port")) ||
        port == 0 || port > UINT16_MAX || !th_addr_read_ip(&addr, ip, (uint16_t)port))
        return false;
    if (strcmp(type, addr.family == TH_FAMILY_IPV4 ? "ipv4" : "ipv6") != 0)
        return false;

    th_addr_unmap(&addr);
    if (th_addr_realm(&addr) == TH_REALM_NONE)
        return false;
    *out = addr;
    return true;
}

bool th_json_paths(struct th_paths *out, const json_t *value)
{
    struct th_paths paths = {0};
    size_t i;
    json_t *item;

    if (value != NULL && !json_is_array(value))
        return false;

    json_array_foreach(value, i, item)
    {
        if (paths.count < TH_PATHS_MAX && th_json_path(&paths.addr[paths.count], item))
            paths.count++;
    }
    *out = paths;
    return true;
}

bool th_json_key(uint8_t key[TH_KEY_BYTES], const json_t *value)
{
    const char *text = th_json_text(value);
    uint8_t bytes[TH_KEY_BYTES];
    size_t len;

    if (text == NULL)
        return false;

    size_t digits = strcspn(text, "=");
    if (strcmp(text + digits, "") != 0 && strcmp(text + digits, "=") != 0)
        return false;
    bool is_key = sodium_base642bin(bytes, sizeof bytes, text, digits, NULL, &len, NULL,
                                    sodium_base64_VARIANT_ORIGINAL_NO_PADDING) == 0 &&
                  len == sizeof bytes;
    if (is_key)
        memcpy(key, bytes, sizeof bytes);
    sodium_memzero(bytes, sizeof bytes);
    return is_key;
}

void th_key_write(char text[TH_KEY_TEXT_MAX], const uint8_t key[TH_KEY_BYTES])
{
    sodium_bin2base64(text, TH_KEY_TEXT_MAX, key, TH_KEY_BYTES, sodium_base64_VARIANT_ORIGINAL);
}

void th_parts_put(struct th_text *text, const struct th_parts *parts)
{
    th_text_put(text, "{");
    for (unsigned i = 0; i < parts->count; i++) {
        const struct th_part *part = &parts->part[i];
        char hex[2 * sizeof part->fingerprint.b + 1];

        th_hex_write(hex, part->fingerprint.b, sizeof part->fingerprint.b);
        th_text_put(text, "%s\"%02x\":\"%s\"", i ? "," : "", (unsigned)part->csid, hex);
    }
    th_text_put(text, "}");
}
