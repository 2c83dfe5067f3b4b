#include "switch/wire/open.h"

#include "switch/wire/json.h"
#include "switch/wire/packet.h"

#include <inttypes.h>
#include <sodium.h>
#include <string.h>

enum th_err th_open_write_inner(uint8_t *out, size_t cap, size_t *len, const struct th_parts *from,
                                const struct th_public_key *key, const struct th_line_id *line,
                                int64_t at, const struct th_hashname *to)
{
    char head[TH_OPEN_MAX], to_hex[TH_HASHNAME_HEX + 1], line_hex[2 * TH_LINE_ID_BYTES + 1];
    struct th_text text = th_text_in(head, sizeof head);

    th_hashname_write(to_hex, to);
    th_hex_write(line_hex, line->b, sizeof line->b);
    th_text_put(&text, "{\"at\":%" PRId64 ",\"to\":\"%s\",\"from\":", at, to_hex);
    th_parts_put(&text, from);
    th_text_put(&text, ",\"line\":\"%s\"}", line_hex);
    if (text.is_cut)
        return TH_TOO_BIG;
    return th_packet_write(out, cap, len, th_text_bytes(&text),
                           (struct th_bytes){key->b, sizeof key->b});
}

enum th_err th_open_write(uint8_t *out, size_t cap, size_t *len, const struct th_cipher *cipher,
                          const struct th_identity *self, const struct th_keypair *line_keys,
                          const struct th_line_id *line, int64_t at, const struct th_hashname *to,
                          const struct th_public_key *to_key)
{
    uint8_t inner[TH_OPEN_MAX];
    size_t inner_len;
    enum th_err e = th_open_write_inner(inner, sizeof inner, &inner_len, &self->parts,
                                        &self->keys.pub, line, at, to);

    if (e != TH_OK)
        return e;
    return cipher->open_seal(out, cap, len, to_key, &self->keys, line_keys,
                             (struct th_bytes){inner, inner_len});
}

static bool read_at(int64_t *out, const json_t *value)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *out = json_integer_value(value);
    return true;
}

static enum th_drop check_fields(struct th_open *open, const struct th_identity *self,
                                 const json_t *head, struct th_bytes body)
{
    struct th_hashname to;

    if (!th_json_hashname(&to, json_object_get(head, "to")) ||
        !th_json_parts(&open->parts, json_object_get(head, "from")) ||
        !read_at(&open->at, json_object_get(head, "at")) ||
        !th_json_line_id(&open->line, json_object_get(head, "line")) ||
        body.len != sizeof open->key.b)
        return TH_DROP_OPEN_INNER;
    if (!th_hashname_is_equal(&to, &self->hashname))
        return TH_DROP_OPEN_NOT_US;

    memcpy(open->key.b, body.at, body.len);
    if (!th_parts_have_key(&open->parts, open->csid, body))
        return TH_DROP_OPEN_KEY;
    if (th_identity_shared(self, &open->parts)->csid != open->csid)
        return TH_DROP_OPEN_NOT_HIGHEST;

    th_hashname_of(&open->from, &open->parts);
    return th_hashname_is_equal(&open->from, &self->hashname) ? TH_DROP_OPEN_SELF : TH_DROP_NONE;
}

static enum th_drop read_inner(struct th_open *open, const struct th_identity *self,
                               struct th_bytes inner)
{
    struct th_packet packet;
    enum th_drop why = th_packet_split(&packet, inner);

    if (why != TH_DROP_NONE)
        return why;
    if (packet.kind != TH_PACKET_JSON)
        return TH_DROP_OPEN_INNER;

    json_t *head = th_json_read(packet.head, NULL);
    if (head == NULL)
        return TH_DROP_PACKET_JSON;
    why = check_fields(open, self, head, packet.body);
    json_decref(head);
    return why;
}

/* Cheapest first: the authenticator costs a key agreement more, so it comes last. */
enum th_drop th_open_read(struct th_open *out, const struct th_identity *self,
                          struct th_bytes datagram)
{
    struct th_packet outer;
    struct th_open open = {0};
    uint8_t inner[TH_DATAGRAM_IN_MAX];
    size_t inner_len;
    enum th_drop why = th_packet_split(&outer, datagram);

    if (why != TH_DROP_NONE)
        return why;
    if (outer.kind != TH_PACKET_BINARY)
        return TH_DROP_PACKET_KIND;

    const struct th_cipher *cipher = th_identity_cipher(self, outer.head.at[0]);
    if (cipher == NULL)
        return TH_DROP_OPEN_CSID;
    if (datagram.len > sizeof inner)
        return TH_DROP_OPEN_INNER;

    open.csid = cipher->csid;
    why = cipher->open_unseal(inner, &inner_len, &open.line_key, &self->keys, datagram);
    if (why == TH_DROP_NONE)
        why = read_inner(&open, self, (struct th_bytes){inner, inner_len});
    if (why == TH_DROP_NONE)
        why = cipher->open_verify(&self->keys, &open.key, datagram);
    sodium_memzero(inner, sizeof inner);
    if (why != TH_DROP_NONE)
        return why;

    *out = open;
    return TH_DROP_NONE;
}
