#include "switch/wire/identity.h"

#include "switch/wire/json.h"

#include <sodium.h>
#include <stdio.h>

static void derive(struct th_identity *id, const struct th_cipher *cipher)
{
    struct th_fingerprint fp;

    id->cipher = cipher;
    th_fingerprint_of(&fp, id->keys.pub.b, sizeof id->keys.pub.b);
    id->parts = (struct th_parts){0};
    TH_CHECK(th_parts_add(&id->parts, cipher->csid, &fp));
    th_hashname_of(&id->hashname, &id->parts);
}

void th_identity_make(struct th_identity *out, const uint8_t seed[TH_KEY_BYTES])
{
    th_identity_make_of(out, th_cipher_find(TH_CS3A), seed);
}

void th_identity_make_of(struct th_identity *out, const struct th_cipher *cipher,
                         const uint8_t seed[TH_KEY_BYTES])
{
    cipher->keypair(&out->keys, seed);
    derive(out, cipher);
}

const struct th_cipher *th_identity_cipher(const struct th_identity *id, uint8_t csid)
{
    return csid == id->cipher->csid ? id->cipher : NULL;
}

const struct th_cipher *th_identity_shared(const struct th_identity *id,
                                           const struct th_parts *parts)
{
    return th_parts_find(parts, id->cipher->csid) ? id->cipher : NULL;
}

/* Returns what is wrong, NULL when nothing is. */
static const char *read_keys(struct th_keypair *out, const json_t *json)
{
    struct th_public_key pub;

    if (!th_json_key(out->pub.b, json_object_get(json, "3a")))
        return "\"3a\" is not there or is not base64 of 32 bytes";
    if (!th_json_key(out->secret, json_object_get(json, "3a_secret")))
        return "\"3a_secret\" is not there or is not base64 of 32 bytes";
    if (crypto_scalarmult_base(pub.b, out->secret) != 0 ||
        sodium_memcmp(pub.b, out->pub.b, sizeof pub.b) != 0)
        return "\"3a\" is not the public key of \"3a_secret\"";
    return NULL;
}

/* The parser's copy; its strings are its own, and nobody else reads this one any more. */
static void wipe_secret(json_t *json)
{
    json_t *secret = json_object_get(json, "3a_secret");

    if (json_is_string(secret))
        sodium_memzero((char *)json_string_value(secret), json_string_length(secret));
}

enum th_err th_identity_read(struct th_identity *out, struct th_bytes text,
                             char complaint[TH_COMPLAINT_MAX])
{
    json_error_t error;
    json_t *json = th_json_read(text, &error);
    struct th_identity id = {0};

    if (json == NULL) {
        /* Not error.text: it quotes what it could not read. */
        snprintf(complaint, TH_COMPLAINT_MAX, "line %d, column %d: not JSON", error.line,
                 error.column);
        return TH_FORMAT;
    }

    const char *wrong = read_keys(&id.keys, json);
    wipe_secret(json);
    json_decref(json);
    if (wrong == NULL) {
        derive(&id, th_cipher_find(TH_CS3A));
        *out = id;
    } else {
        snprintf(complaint, TH_COMPLAINT_MAX, "%s", wrong);
    }
    th_identity_clear(&id);
    return wrong ? TH_FORMAT : TH_OK;
}

void th_identity_write(const struct th_identity *id, char text[TH_IDENTITY_TEXT_MAX])
{
    char pub[TH_KEY_TEXT_MAX], secret[TH_KEY_TEXT_MAX];
    struct th_text out = th_text_in(text, TH_IDENTITY_TEXT_MAX);

    th_key_write(pub, id->keys.pub.b);
    th_key_write(secret, id->keys.secret);
    th_text_put(&out, "{\"%s\":\"%s\",\"%s_secret\":\"%s\"}\n", id->cipher->name, pub,
                id->cipher->name, secret);
    sodium_memzero(secret, sizeof secret);
    TH_CHECK(!out.is_cut);
}

void th_identity_clear(struct th_identity *id)
{
    sodium_memzero(id, sizeof *id);
}
