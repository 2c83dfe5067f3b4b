#include "switch/wire/chanpkt.h"
#include "switch/wire/see.h"
#include "switch/wire/seeds.h"

#include "switch/base/mem.h"

#include <stdio.h>
#include <string.h>

#include "tests/lib/test_seed.h"
#include "tests/lib/test_cmocka.h"

enum { ROUNDS = 2000, ROOM = 4096 };

static struct th_rng rng;

static unsigned below(unsigned limit)
{
    return (unsigned)th_rng_below(&rng, limit);
}

static struct th_hashname any_hashname(void)
{
    struct th_hashname h;

    th_rng_fill(&rng, h.b, sizeof h.b);
    return h;
}

/* Often with runs of zeros, which an IPv6 text folds. */
static struct th_addr any_addr(void)
{
    struct th_addr a = {.port = (uint16_t)th_rng_between(&rng, 1, 65535)};

    a.family = below(2) ? TH_FAMILY_IPV4 : TH_FAMILY_IPV6;
    unsigned len = a.family == TH_FAMILY_IPV4 ? 4 : 16;
    th_rng_fill(&rng, a.ip, len);
    for (unsigned i = 0; i < len; i++)
        if (below(2))
            a.ip[i] = 0;
    return a;
}

/* One that a peer may have: of a realm, and not mapped. */
static struct th_addr peer_addr(void)
{
    struct th_addr a;

    do {
        a = any_addr();
        th_addr_unmap(&a);
    } while (th_addr_realm(&a) == TH_REALM_NONE);
    return a;
}

static unsigned peer_addrs(struct th_addr addrs[TH_PATHS_MAX])
{
    unsigned count = below(TH_PATHS_MAX + 1);

    for (unsigned i = 0; i < count; i++)
        addrs[i] = peer_addr();
    return count;
}

static struct th_parts any_parts(void)
{
    struct th_parts parts = {0};

    while (parts.count == 0 || (below(3) && parts.count < TH_PARTS_MAX)) {
        struct th_fingerprint fp;
        th_rng_fill(&rng, fp.b, sizeof fp.b);
        bool is_added = th_parts_add(&parts, (uint8_t)below(256), &fp);
        (void)is_added; /* a csid may come twice */
    }
    return parts;
}

static void same_paths(const struct th_paths *got, const struct th_addr *addrs, unsigned count)
{
    assert_int_equal(got->count, count);
    for (unsigned i = 0; i < count; i++)
        assert_memory_equal(&got->addr[i], &addrs[i], sizeof addrs[i]);
}

/* The members written so far as a head. */
static struct th_bytes head_of(char *head, const struct th_text *members)
{
    struct th_text text = th_text_in(head, ROOM);

    assert_false(members->is_cut);
    th_text_put(&text, "{%s}", members->at);
    return th_text_bytes(&text);
}

static void addresses_survive_their_text(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct th_addr a = any_addr(), again;
        char text[TH_ADDR_TEXT_MAX], ip[TH_ADDR_TEXT_MAX];

        th_addr_write(text, &a);
        th_addr_write_ip(ip, &a);

        assert_true(th_addr_read(&again, text, strlen(text)));
        assert_memory_equal(&again, &a, sizeof a);
        assert_true(th_addr_read_ip(&again, ip, a.port));
        assert_memory_equal(&again, &a, sizeof a);
    }
}

static void packets_survive(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint8_t body[500], out[ROOM], byte = (uint8_t)below(256);
        char json[100];
        struct th_bytes heads[] = {{NULL, 0}, {&byte, 1}, {NULL, 0}};
        struct th_packet packet;
        size_t len;
        snprintf(json, sizeof json, "{\"n\":[%u,\"%u\"]}", below(1000), below(1000));
        heads[2] = th_bytes_of(json);
        th_rng_fill(&rng, body, sizeof body);
        struct th_bytes in_head = heads[below(3)], in_body = {body, below(sizeof body)};

        assert_int_equal(th_packet_write(out, sizeof out, &len, in_head, in_body), TH_OK);
        assert_int_equal(th_packet_read(&packet, (struct th_bytes){out, len}), TH_DROP_NONE);

        assert_true(th_bytes_are_equal(packet.head, in_head));
        assert_true(th_bytes_are_equal(packet.body, in_body));
    }
}

/* A text of characters that JSON has to escape, and others. */
static void any_text(char *text, size_t cap)
{
    static const char *const pieces[] = {"a", "\"", "\\", "\n", "\x01", "/", "\xc3\xa9", "{", " "};
    size_t len = th_rng_below(&rng, cap);

    text[0] = 0;
    for (;;) {
        const char *piece = pieces[below(sizeof pieces / sizeof pieces[0])];
        if (strlen(text) + strlen(piece) > len)
            return;
        strcat(text, piece);
    }
}

static void channel_packets_survive(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        char type[TH_TYPE_MAX], err[TH_CHANNEL_ERR_MAX], fields[100];
        uint8_t body[300], bytes[ROOM];
        struct th_chanpkt packet;
        size_t len;
        any_text(type, sizeof type);
        any_text(err, sizeof err);
        uint32_t seq = (uint32_t)th_rng_u64(&rng), ack = (uint32_t)th_rng_u64(&rng);
        snprintf(fields, sizeof fields, "\"seq\":%u,\"ack\":%u", seq, ack);
        th_rng_fill(&rng, body, sizeof body);
        bool has_type = below(2), has_err = below(2), has_fields = below(2), end = below(2);
        struct th_chanpkt_out out = {.c = (uint32_t)th_rng_between(&rng, 1, UINT32_MAX),
                                     .type = has_type ? type : NULL,
                                     .err = has_err ? err : NULL,
                                     .end = end,
                                     .body = {body, below(sizeof body)}};
        if (has_fields)
            out.fields = th_bytes_of(fields);

        assert_int_equal(th_chanpkt_write(bytes, sizeof bytes, &len, &out), TH_OK);
        assert_int_equal(th_chanpkt_read(&packet, (struct th_bytes){bytes, len}), TH_DROP_NONE);

        assert_true(packet.c == out.c && packet.end == end);
        assert_string_equal(packet.type, has_type ? type : "");
        assert_string_equal(packet.err, has_err ? err : "");
        assert_true(packet.has_seq == has_fields && packet.has_ack == has_fields);
        assert_true(!has_fields || (packet.seq == seq && packet.ack == ack));
        assert_true(th_bytes_are_equal(packet.body, out.body));
    }
}

static void a_see_and_a_link_survive(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct th_see_entry entries[TH_SEE_SENT_MAX];
        char members[ROOM], head[ROOM];
        struct th_text text = th_text_in(members, sizeof members);
        unsigned count = below(TH_SEE_SENT_MAX + 1);
        bool is_seed = below(2);
        struct th_link_head link;
        struct th_see see;
        memset(entries, 0, sizeof entries);
        for (unsigned n = 0; n < count; n++) {
            entries[n].id = any_hashname();
            entries[n].csid = (uint8_t)below(256);
            entries[n].has_addr = below(2);
            if (entries[n].has_addr)
                entries[n].addr = peer_addr();
        }

        th_link_put(&text, is_seed);
        th_text_put(&text, ",");
        th_see_put(&text, entries, count);
        assert_int_equal(th_link_read(&link, head_of(head, &text)), TH_DROP_NONE);
        assert_int_equal(th_see_read(&see, head_of(head, &text)), TH_DROP_NONE);

        assert_int_equal(link.is_seed, is_seed);
        assert_int_equal(see.count, count);
        assert_int_equal(see.bad + see.over, 0);
        for (unsigned n = 0; n < count; n++) {
            const struct th_see_entry *got = &see.entry[n], *put = &entries[n];
            assert_true(th_hashname_is_equal(&got->id, &put->id) && got->csid == put->csid &&
                        got->has_addr == put->has_addr);
            assert_true(th_addr_is_equal(&got->addr, &put->addr));
            assert_true(th_hashname_is_equal(&link.see.entry[n].id, &put->id));
        }
    }
}

static void seeks_survive(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct th_hashname target = any_hashname();
        char members[200], head[ROOM];
        struct th_text text = th_text_in(members, sizeof members);
        unsigned digits = 1 + below(64);
        struct th_prefix prefix;

        th_seek_put(&text, &target, digits);
        assert_int_equal(th_seek_read(&prefix, head_of(head, &text)), TH_DROP_NONE);

        assert_int_equal(prefix.digits, digits);
        assert_true(th_hashname_has_prefix(&target, &prefix));
    }
}

static void introductions_survive(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct th_addr addrs[TH_PATHS_MAX];
        unsigned count = peer_addrs(addrs);
        struct th_hashname target = any_hashname();
        struct th_parts parts = any_parts();
        char members[ROOM], head[ROOM];
        struct th_peer_head peer;
        struct th_connect_head connect;

        struct th_text text = th_text_in(members, sizeof members);
        th_peer_put(&text, &target, addrs, count);
        assert_int_equal(th_peer_read(&peer, head_of(head, &text)), TH_DROP_NONE);
        assert_true(th_hashname_is_equal(&peer.target, &target));
        same_paths(&peer.paths, addrs, count);

        text = th_text_in(members, sizeof members);
        th_connect_put(&text, &parts, addrs, count);
        assert_int_equal(th_connect_read(&connect, head_of(head, &text)), TH_DROP_NONE);
        assert_int_equal(connect.from.count, parts.count);
        assert_memory_equal(connect.from.part, parts.part, parts.count * sizeof parts.part[0]);
        same_paths(&connect.paths, addrs, count);
    }
}

static void paths_survive(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct th_addr addrs[TH_PATHS_MAX], seen = peer_addr();
        unsigned count = peer_addrs(addrs);
        char members[ROOM], head[ROOM];
        struct th_text text = th_text_in(members, sizeof members);
        struct th_path_head path;

        th_paths_put(&text, addrs, count);
        th_text_put(&text, ",");
        th_path_put_seen(&text, &seen);
        assert_int_equal(th_path_read(&path, head_of(head, &text)), TH_DROP_NONE);

        same_paths(&path.paths, addrs, count);
        assert_true(path.has_seen);
        assert_memory_equal(&path.seen, &seen, sizeof seen);
    }
}

static void seeds_and_identities_survive(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROUNDS / 20; i++) {
        struct th_seed put[10] = {0};
        unsigned count = below(10);
        struct th_seeds seeds = {0};
        char *text, complaint[TH_COMPLAINT_MAX], identity[TH_IDENTITY_TEXT_MAX];
        for (unsigned n = 0; n < count; n++) {
            uint8_t seed[TH_KEY_BYTES];
            struct th_identity id, again;
            th_rng_fill(&rng, seed, sizeof seed);
            th_identity_make(&id, seed);
            th_identity_write(&id, identity);
            assert_int_equal(th_identity_read(&again, th_bytes_of(identity), complaint), TH_OK);
            assert_memory_equal(&again.keys, &id.keys, sizeof id.keys);
            put[n] = (struct th_seed){.id = id.hashname, .parts = id.parts, .key = id.keys.pub};
            put[n].paths.count = peer_addrs(put[n].paths.addr);
        }

        assert_int_equal(th_seeds_write(&text, put, count), TH_OK);
        assert_int_equal(th_seeds_read(&seeds, th_bytes_of(text), complaint), TH_OK);

        assert_int_equal(seeds.count, count);
        for (unsigned n = 0; n < count; n++) {
            assert_true(th_hashname_is_equal(&seeds.seed[n].id, &put[n].id));
            assert_memory_equal(&seeds.seed[n].key, &put[n].key, sizeof put[n].key);
            same_paths(&seeds.seed[n].paths, put[n].paths.addr, put[n].paths.count);
        }
        th_mem_free(text);
        th_seeds_clear(&seeds);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_survive_their_text),
        cmocka_unit_test(packets_survive),
        cmocka_unit_test(channel_packets_survive),
        cmocka_unit_test(a_see_and_a_link_survive),
        cmocka_unit_test(seeks_survive),
        cmocka_unit_test(introductions_survive),
        cmocka_unit_test(paths_survive),
        cmocka_unit_test(seeds_and_identities_survive),
    };
    test_seed(&rng);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
