#include "tests/vectors/vectors.h"

#include "switch/wire/chanpkt.h"
#include "switch/wire/identity.h"
#include "switch/wire/line.h"
#include "switch/wire/open.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

struct side {
    struct th_identity id;
    struct th_keypair line_keys;
    struct th_line_id line;
    int64_t at;
    struct th_line_keys keys; /* of the line to the other side */
};

static void read_keypair(struct test_run *run, struct th_keypair *out, const json_t *json)
{
    uint8_t pub[TH_KEY_BYTES];
    char base64[64];

    test_fixed(run, out->pub.b, sizeof out->pub.b, vectors_text(json, "public"));
    test_fixed(run, out->secret, sizeof out->secret, vectors_text(json, "secret"));
    crypto_scalarmult_base(pub, out->secret);
    test_expect(run, memcmp(pub, out->pub.b, sizeof pub) == 0,
                "the public key is not the secret's");
    sodium_bin2base64(base64, sizeof base64, pub, sizeof pub, sodium_base64_VARIANT_ORIGINAL);
    if (vectors_text(json, "public_base64"))
        test_expect(run, strcmp(base64, vectors_text(json, "public_base64")) == 0,
                    "public_base64 differs");
}

/* Reads the identity as a program would: from its text. */
static void read_identity(struct test_run *run, struct th_identity *out,
                          const struct th_keypair *keys)
{
    char pub[64], secret[64], text[TH_IDENTITY_TEXT_MAX], complaint[TH_COMPLAINT_MAX] = "";

    sodium_bin2base64(pub, sizeof pub, keys->pub.b, 32, sodium_base64_VARIANT_ORIGINAL);
    sodium_bin2base64(secret, sizeof secret, keys->secret, 32, sodium_base64_VARIANT_ORIGINAL);
    snprintf(text, sizeof text, "{\"3a\":\"%s\",\"3a_secret\":\"%s\"}", pub, secret);
    enum th_err e = th_identity_read(out, th_bytes_of(text), complaint);
    test_expect(run, e == TH_OK, "the identity cannot be read: %s", complaint);
}

static void read_side(struct test_run *run, struct side *side, const json_t *json,
                      const char *letter)
{
    struct th_keypair keys;
    char name[16];

    *side = (struct side){0};
    snprintf(name, sizeof name, "%s_static", letter);
    read_keypair(run, &keys, vectors_at(json, "keys", name));
    read_identity(run, &side->id, &keys);
    snprintf(name, sizeof name, "%s_line", letter);
    read_keypair(run, &side->line_keys, vectors_at(json, "keys", name));
    test_fixed(run, side->line.b, sizeof side->line.b,
               json_string_value(vectors_at(json, "line_ids", letter)));
    side->at = json_integer_value(vectors_at(json, "at", letter));
}

static void agree(struct test_run *run, struct side *own, const struct side *peer)
{
    enum th_err e = th_cipher_find(TH_CS3A)->line_keys(
        &own->keys, &own->line_keys, &peer->line_keys.pub, &own->line, &peer->line);
    test_expect(run, e == TH_OK, "no line keys: %s", th_strerror(e));
}

static void run_names(struct test_run *run, const json_t *json, const struct side *side,
                      const char *letter)
{
    const struct th_fingerprint *fp = &side->id.parts.part[0].fingerprint;

    test_same(run, "fingerprint", (struct th_bytes){fp->b, sizeof fp->b},
              json_string_value(vectors_at(json, "fingerprints", letter)));
    test_same(run, "hashname", (struct th_bytes){side->id.hashname.b, TH_HASHNAME_BYTES},
              json_string_value(vectors_at(json, "hashnames", letter)));
}

/* What the file says about the inside, checked with the keys that it gives. */
static void run_open_inside(struct test_run *run, const json_t *json,
                            const struct test_blob *packet)
{
    uint8_t nonce[24], open_secret[32], mac_key[32], mac[16], inner[TEST_BLOB_MAX];
    struct test_blob box = test_hex(run, vectors_text(json, "ciphertext"));
    struct th_packet in;

    test_fixed(run, nonce, sizeof nonce, vectors_text(json, "open_nonce"));
    test_fixed(run, open_secret, sizeof open_secret, vectors_text(json, "open_secret"));
    test_fixed(run, mac_key, sizeof mac_key, vectors_text(json, "mac_key"));
    test_same(run, "head", (struct th_bytes){packet->b + 2, 1}, vectors_text(json, "head"));
    test_same(run, "mac", (struct th_bytes){packet->b + 3, 16}, vectors_text(json, "mac"));
    test_same(run, "line_public", (struct th_bytes){packet->b + 19, 32},
              vectors_text(json, "line_public"));
    test_expect(run, packet->len == box.len + 51 && memcmp(packet->b + 51, box.b, box.len) == 0,
                "the ciphertext is not the packet's");

    crypto_onetimeauth(mac, packet->b + 19, packet->len - 19, mac_key);
    test_expect(run, memcmp(mac, packet->b + 3, 16) == 0, "mac_key does not make the MAC");
    if (!test_expect(run,
                     crypto_secretbox_open_easy(inner, box.b, box.len, nonce, open_secret) == 0,
                     "open_secret does not open the ciphertext"))
        return;
    struct th_bytes plain = {inner, box.len - 16};
    test_same(run, "inner", plain, vectors_text(json, "inner"));
    if (!test_expect(run, th_packet_read(&in, plain) == TH_DROP_NONE, "inner is no packet"))
        return;
    test_expect(run, th_bytes_are_equal(in.head, th_bytes_of(vectors_text(json, "inner_json"))),
                "inner_json differs");
    test_same(run, "inner_body", in.body, vectors_text(json, "inner_body"));
}

static void run_open(struct test_run *run, const json_t *json, const struct side *from,
                     const struct side *to)
{
    const struct th_cipher *cipher = th_cipher_find(TH_CS3A);
    struct test_blob packet = test_hex(run, vectors_text(json, "packet"));
    uint8_t own[TH_OPEN_MAX], inner[TEST_BLOB_MAX];
    size_t len = 0;
    struct th_open open;
    struct th_public_key line_key;

    enum th_err e = th_open_write(own, sizeof own, &len, cipher, &from->id, &from->line_keys,
                                  &from->line, from->at, &to->id.hashname, &to->id.keys.pub);
    test_expect(run, e == TH_OK, "not written: %s", th_strerror(e));
    test_same(run, "the open that we write", (struct th_bytes){own, len},
              vectors_text(json, "packet"));
    test_expect(run, vectors_number(json, "packet_length", -1) == (json_int_t)packet.len,
                "packet_length differs");

    enum th_drop why =
        cipher->open_unseal(inner, &len, &line_key, &to->id.keys, test_bytes(&packet));
    if (test_expect(run, why == TH_DROP_NONE, "not unsealed: %s", th_drop_name(why)))
        test_same(run, "what we unseal", (struct th_bytes){inner, len},
                  vectors_text(json, "inner"));
    why = cipher->open_verify(&to->id.keys, &from->id.keys.pub, test_bytes(&packet));
    test_expect(run, why == TH_DROP_NONE, "not verified: %s", th_drop_name(why));
    run_open_inside(run, json, &packet);

    why = th_open_read(&open, &to->id, test_bytes(&packet));
    if (!test_expect(run, why == TH_DROP_NONE, "not read: %s", th_drop_name(why)))
        return;
    test_expect(run,
                open.csid == TH_CS3A && open.at == from->at &&
                    th_hashname_is_equal(&open.from, &from->id.hashname) &&
                    memcmp(&open.key, &from->id.keys.pub, sizeof open.key) == 0 &&
                    memcmp(&open.line_key, &from->line_keys.pub, sizeof open.line_key) == 0 &&
                    memcmp(&open.line, &from->line, sizeof open.line) == 0,
                "read with another content");
}

static void run_line_keys(struct test_run *run, const json_t *json, const struct side *a,
                          const struct side *b)
{
    const char *a_to_b = json_string_value(vectors_at(json, "line_keys", "A_to_B"));
    const char *b_to_a = json_string_value(vectors_at(json, "line_keys", "B_to_A"));
    uint8_t secret[32];

    test_expect(run, crypto_box_beforenm(secret, b->line_keys.pub.b, a->line_keys.secret) == 0,
                "no line secret");
    test_same(run, "line_secret", (struct th_bytes){secret, 32}, vectors_text(json, "line_secret"));
    test_same(run, "A sends", (struct th_bytes){a->keys.send, 32}, a_to_b);
    test_same(run, "A receives", (struct th_bytes){a->keys.receive, 32}, b_to_a);
    test_same(run, "B sends", (struct th_bytes){b->keys.send, 32}, b_to_a);
    test_same(run, "B receives", (struct th_bytes){b->keys.receive, 32}, a_to_b);
}

/* The head as channel packets are read, against the same head read by jansson alone. */
static void run_channel_head(struct test_run *run, const char *text, struct th_bytes plain)
{
    json_t *head = json_loads(text, 0, NULL);
    const char *type = vectors_text(head, "type") ? vectors_text(head, "type") : "";
    const char *err = vectors_text(head, "err") ? vectors_text(head, "err") : "";
    struct th_chanpkt packet = {0};

    enum th_drop why = th_chanpkt_read(&packet, plain);
    if (test_expect(run, why == TH_DROP_NONE, "no channel packet: %s", th_drop_name(why))) {
        test_expect(run, packet.c == vectors_number(head, "c", -1), "c differs");
        test_expect(run, strcmp(packet.type, type) == 0, "type differs");
        test_expect(run, strcmp(packet.err, err) == 0, "err differs");
        test_expect(run, packet.end == json_is_true(json_object_get(head, "end")), "end differs");
        test_expect(
            run, (packet.has_seq ? (json_int_t)packet.seq : -1) == vectors_number(head, "seq", -1),
            "seq differs");
        test_expect(
            run, (packet.has_ack ? (json_int_t)packet.ack : -1) == vectors_number(head, "ack", -1),
            "ack differs");
    }
    json_decref(head);
}

static void run_line(struct test_run *run, const json_t *json, const struct side *a,
                     const struct side *b)
{
    const struct th_cipher *cipher = th_cipher_find(TH_CS3A);
    bool is_to_b = strcmp(vectors_text(json, "direction"), "A->B") == 0;
    const struct side *from = is_to_b ? a : b, *to = is_to_b ? b : a;
    struct test_blob packet = test_hex(run, vectors_text(json, "packet")), nonce;
    uint8_t plain[TEST_BLOB_MAX], sealed[TEST_BLOB_MAX];
    size_t len = 0, sealed_len = 0;
    struct th_line_id id;
    struct th_packet in;

    test_expect(run, vectors_number(json, "packet_length", -1) == (json_int_t)packet.len,
                "packet_length differs");
    test_expect(run, th_line_read_id(&id, test_bytes(&packet)) == TH_DROP_NONE, "no line id");
    test_same(run, "line_id", (struct th_bytes){id.b, sizeof id.b}, vectors_text(json, "line_id"));
    test_expect(run, memcmp(&id, &to->line, sizeof id) == 0, "the line id is not the receiver's");

    enum th_drop why = cipher->line_unseal(plain, &len, to->keys.receive, test_bytes(&packet));
    if (!test_expect(run, why == TH_DROP_NONE, "not unsealed: %s", th_drop_name(why)))
        return;
    struct th_bytes inside = {plain, len};
    test_same(run, "plain", inside, vectors_text(json, "plain"));
    nonce = test_hex(run, vectors_text(json, "nonce"));
    test_expect(run,
                nonce.len == TH_LINE_NONCE_BYTES &&
                    cipher->line_seal(sealed, sizeof sealed, &sealed_len, from->keys.send,
                                      &to->line, nonce.b, inside) == TH_OK,
                "not sealed");
    test_same(run, "what we seal", (struct th_bytes){sealed, sealed_len},
              vectors_text(json, "packet"));

    if (!test_expect(run, th_packet_read(&in, inside) == TH_DROP_NONE, "plain is no packet"))
        return;
    test_same(run, "body", in.body, vectors_text(json, "body"));
    if (vectors_text(json, "json") == NULL) {
        test_expect(run, in.kind == TH_PACKET_BODY, "there is a head");
        return;
    }
    test_expect(run, th_bytes_are_equal(in.head, th_bytes_of(vectors_text(json, "json"))),
                "json differs");
    run_channel_head(run, vectors_text(json, "json"), inside);
}

static void run_parity(struct test_run *run, const json_t *json, const struct side *a,
                       const struct side *b)
{
    bool a_is_lower = th_hashname_compare(&a->id.hashname, &b->id.hashname) < 0;
    json_int_t of_a = json_integer_value(vectors_at(json, "first_channel_id", "A"));
    json_int_t of_b = json_integer_value(vectors_at(json, "first_channel_id", "B"));

    test_expect(run, (of_a % 2 == 0) == a_is_lower && (of_b % 2 == 0) == !a_is_lower,
                "the lower hashname does not use even channel ids");
}

static void read_sides(struct test_run *run, struct side *a, struct side *b, const json_t *json)
{
    read_side(run, a, json, "A");
    read_side(run, b, json, "B");
    agree(run, a, b);
    agree(run, b, a);
}

void vectors_cs3a(struct test_run *run, const json_t *json)
{
    struct side a, b;
    size_t i;
    json_t *line;

    test_case_begin(run, "keys");
    read_sides(run, &a, &b, json);
    test_case_end(run);
    test_case_begin(run, "names of A");
    run_names(run, json, &a, "A");
    test_case_end(run);
    test_case_begin(run, "names of B");
    run_names(run, json, &b, "B");
    test_case_end(run);
    test_case_begin(run, "first_channel_id");
    run_parity(run, json, &a, &b);
    test_case_end(run);
    test_case_begin(run, "open_A_to_B");
    run_open(run, json_object_get(json, "open_A_to_B"), &a, &b);
    test_case_end(run);
    test_case_begin(run, "open_B_to_A");
    run_open(run, json_object_get(json, "open_B_to_A"), &b, &a);
    test_case_end(run);
    test_case_begin(run, "line_keys");
    run_line_keys(run, json, &a, &b);
    test_case_end(run);
    json_array_foreach(json_object_get(json, "lines"), i, line)
    {
        test_case_begin(run, vectors_text(line, "name"));
        run_line(run, line, &a, &b);
        test_case_end(run);
    }
}

/* --- cs3a-invalid ------------------------------------------------------------------------------- */

/* "accept" is the word of "accept" and "accept, but …". */
static bool is_word(const char *expected, const char *word)
{
    size_t len = strlen(word);

    return expected && strncmp(expected, word, len) == 0 &&
           (expected[len] == 0 || expected[len] == ',' || expected[len] == ' ');
}

static void leave_to_core(struct test_run *run, const char *expected)
{
    printf("  left to core: %s: %s: %s\n", run->file, run->name, expected ? expected : "?");
    run->left++;
}

/* What one open alone cannot show: it needs a clock, or the opens before it. */
static bool is_left_to_core(const char *name)
{
    static const char *const words[] = {"future", "ahead", "clock",  "older",
                                        "newer",  "equal", "replay", "twice"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strstr(name, words[i]))
            return true;
    return false;
}

static void run_accepted(struct test_run *run, const struct th_open *open, struct th_bytes packet,
                         const char *expected)
{
    struct th_hashname rolled;
    struct th_fingerprint fp;
    const struct th_part *part = th_parts_find(&open->parts, open->csid);

    th_hashname_of(&rolled, &open->parts);
    th_fingerprint_of(&fp, open->key.b, sizeof open->key.b);
    test_expect(run, th_hashname_is_equal(&open->from, &rolled), "not the hashname of its parts");
    test_expect(run, part && memcmp(&part->fingerprint, &fp, sizeof fp) == 0,
                "not the key of from");
    test_expect(run, memcmp(open->line_key.b, packet.at + 19, 32) == 0, "not its line key");
    if (strstr(expected, "both parts"))
        test_expect(run, open->parts.count == 2, "%u parts, should be both", open->parts.count);
}

static void run_given_open(struct test_run *run, const json_t *json, const struct side *to)
{
    const char *expected = vectors_text(json, "expect");
    struct test_blob packet = test_hex(run, vectors_text(json, "packet"));
    struct th_open open;

    enum th_drop why = th_open_read(&open, &to->id, test_bytes(&packet));
    bool is_drop = is_word(expected, "drop");
    if (!is_drop && !is_word(expected, "accept")) {
        leave_to_core(run, expected);
        return;
    }
    if (is_drop && why == TH_DROP_NONE && is_left_to_core(run->name)) {
        leave_to_core(run, expected);
        return;
    }
    test_expect(run, is_drop == (why != TH_DROP_NONE), "%s, should be: %s",
                why == TH_DROP_NONE ? "accepted" : th_drop_name(why), expected);
    if (why == TH_DROP_NONE && !is_drop)
        run_accepted(run, &open, test_bytes(&packet), expected);
    test_case_end(run);
}

/* What the switch does with a line packet, in short. */
static enum th_drop receive(const struct side *to, struct th_replay *replay, struct th_bytes packet)
{
    uint8_t plain[TEST_BLOB_MAX];
    size_t len;
    struct th_line_id id;
    struct th_packet outer;

    enum th_drop why = th_packet_split(&outer, packet);
    if (why == TH_DROP_NONE)
        why = outer.kind == TH_PACKET_BODY ? th_line_read_id(&id, packet) : TH_DROP_PACKET_KIND;
    if (why == TH_DROP_NONE && memcmp(&id, &to->line, sizeof id) != 0)
        why = TH_DROP_LINE_UNKNOWN;
    if (why == TH_DROP_NONE)
        why = th_cipher_find(TH_CS3A)->line_unseal(plain, &len, to->keys.receive, packet);
    if (why == TH_DROP_NONE && !th_replay_note(replay, packet, (struct th_now){0}))
        why = TH_DROP_LINE_REPLAY;
    return why;
}

static void run_given_line(struct test_run *run, const json_t *json, const struct side *to,
                           struct th_replay *replay)
{
    const char *expected = vectors_text(json, "expect");
    bool is_good = is_word(expected, "accept");
    struct test_blob packet = test_hex(run, vectors_text(json, "packet"));

    if (!is_good && !is_word(expected, "drop")) {
        leave_to_core(run, expected);
        return;
    }
    enum th_drop why = receive(to, replay, test_bytes(&packet));
    test_expect(run, is_good == (why == TH_DROP_NONE), "%s, should be: %s", th_drop_name(why),
                expected);
    if (is_good) {
        why = receive(to, replay, test_bytes(&packet));
        test_expect(run, why == TH_DROP_LINE_REPLAY, "once more: %s, should be line_replay",
                    th_drop_name(why));
    }
    test_case_end(run);
}

/* The file that "about" names, "cs3a.json" when it names none; NULL (and said) when it is not there. */
static json_t *load_nodes(struct test_run *run, const json_t *json)
{
    const char *about = vectors_text(json, "about") ? vectors_text(json, "about") : "";
    const char *name = strstr(about, "cs3a"), *end = name ? strstr(name, ".json") : NULL;
    char path[1024];
    json_error_t error;

    if (end == NULL || memchr(name, ' ', (size_t)(end - name)))
        snprintf(path, sizeof path, "%s/cs3a.json", run->folder);
    else
        snprintf(path, sizeof path, "%s/%.*s.json", run->folder, (int)(end - name), name);
    json_t *nodes = json_load_file(path, 0, &error);
    test_expect(run, nodes != NULL, "%s: %s", path, error.text);
    return nodes;
}

void vectors_cs3a_invalid(struct test_run *run, const json_t *json)
{
    struct side a, b;
    struct th_replay replay = {0};
    size_t i;
    json_t *item;

    test_case_begin(run, "keys");
    json_t *nodes = load_nodes(run, json);
    if (nodes)
        read_sides(run, &a, &b, nodes);
    test_case_end(run);
    if (nodes == NULL)
        return;

    json_array_foreach(json_object_get(json, "cases"), i, item)
    {
        test_case_begin(run, vectors_text(item, "name"));
        run_given_open(run, item, &b);
    }
    json_array_foreach(json_object_get(json, "lines_to_B_after_the_opens"), i, item)
    {
        test_case_begin(run, vectors_text(item, "name"));
        run_given_line(run, item, &b, &replay);
    }
    th_replay_clear(&replay);
    json_decref(nodes);
}
