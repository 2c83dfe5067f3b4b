/*
 * wire_head_test.c - a head that is read where it stands says the same as to jansson. White space after
 * the first brace changes nothing of what is said, and is left to jansson: so each text is read twice.
 */
#include "switch/wire/chanpkt.h"
#include "switch/wire/head.h"
#include "switch/wire/see.h"

#include <stdio.h>
#include <string.h>

#include "tests/lib/test_seed.h"
#include "tests/lib/test_cmocka.h"

enum { ROUNDS = 60000, ROOM = 4096 };

static struct th_rng rng;
static unsigned flat, others, good; /* so that nothing is compared with itself all the time */

static unsigned below(size_t limit)
{
    return (unsigned)th_rng_below(&rng, limit);
}

/* --- texts: heads as nodes write them, some odd ones, some broken --- */

static const char *const names[] = {"c",    "type", "end", "err", "seq", "ack",
                                    "seed", "seek", "x",   "see", "",    "c\\u0000"};
enum { USUAL_NAMES = 9 };

static const char *const values[] = {
    "1", "7", "42", "4294967295", "true", "false", "null", "\"\"", "\"link\"", "\"c0ffee\"",
    "[\"\"]", "[{\"type\":\"ipv4\",\"ip\":\"1.2.3.4\",\"port\":7},{\"x\":[]}]", "{\"3a\":\"00ff\"}",
    /* and odd ones */
    "0", "4294967296", "00", "-1", "-0", "1.0", "1e2", "99999999999", "tru", "nul", "[]", "[1]",
    "[\"a\",]", "[,]", "[\"a\" ]", "[[]]", "{}", "{\"c\":1}", "[{}]", "{\"a\":1.5}",
    "[{\"a\":{\"b\":[{\"c\":1}]}}]", "{\"a\":{\"b\":{\"c\":{\"d\":{}}}}}",
    "[\"a\",{\"b\":true},\"c\"]", "{\"a\":1,}", "{\"a\"}", "{\"a\":[1]}", "[{\"a\":\"\\u0041\"}]",
    "{\"\xc3\xa9\":1}", "\"a\\u0000b\"", "\"\\u0000\"", "\"\\\"\"", "\"\xc3\xa9\"", "\"\xff\"",
    "\"\x7f\"", "\"\t\"",
    "\"an err that is much longer than the 63 bytes which are kept of it, so long\"",
    "\"a type of more than 31 characters is none\""};
enum { USUAL_VALUES = 13 };

static void put_see(char *text)
{
    static const char *const tails[] = {
        ",3a",   ",3a,127.0.0.1,42424", ",0a,2001:db8::1,7", ",3a,127.0.0.1", ",zz", "",
        ",3a,,", ",3a,1.2.3.4,0",       ",3a,1.2.3.4,70000"};

    strcat(text, "[");
    for (unsigned n = below(20), i = 0; i < n; i++) {
        struct th_hashname id;
        char hex[TH_HASHNAME_HEX + 1];

        th_rng_fill(&rng, id.b, sizeof id.b);
        th_hashname_write(hex, &id);
        sprintf(text + strlen(text), "%s\"%s%s\"", i ? "," : "", hex,
                tails[below(2) ? 1 : below(sizeof tails / sizeof *tails)]);
    }
    strcat(text, "]");
}

static void put_head(char text[ROOM])
{
    bool is_odd = below(3) == 0, has_see = false;

    strcpy(text, "{\"c\":5");
    for (unsigned n = below(is_odd ? 10 : 7); n > 0; n--) {
        if (!has_see && below(3) == 0) {
            strcat(text, ",\"see\":");
            put_see(text);
            has_see = true;
        } else {
            sprintf(text + strlen(text), ",\"%s\":%s",
                    names[below(is_odd ? sizeof names / sizeof *names : USUAL_NAMES)],
                    values[below(is_odd ? sizeof values / sizeof *values : USUAL_VALUES)]);
        }
    }
    strcat(text, "}");
}

static void spoil(char text[ROOM])
{
    static const char odd[] = "\"{}[],:019-.e\\\x80\xff \n";
    size_t len = strlen(text), at = len > 0 ? below(len) : 0;

    if (len == 0)
        return;
    if (below(2))
        text[at] = odd[below(sizeof odd - 1)];
    else
        memmove(text + at, text + at + 1, len - at);
}

/* --- what is read of both --- */

static void compare_channel(struct th_bytes a, struct th_bytes b)
{
    uint8_t bytes[2][ROOM + 2];
    struct th_chanpkt read[2] = {{.c = 9}, {.c = 9}};
    enum th_drop why[2];
    const struct th_bytes *text[] = {&a, &b};

    for (unsigned i = 0; i < 2; i++) {
        size_t len;
        assert_int_equal(
            th_packet_write(bytes[i], sizeof bytes[i], &len, *text[i], (struct th_bytes){0}),
            TH_OK);
        why[i] = th_chanpkt_read(&read[i], (struct th_bytes){bytes[i], len});
    }
    assert_int_equal(why[0], why[1]);
    assert_int_equal(read[0].c, read[1].c);
    assert_int_equal(read[0].end, read[1].end);
    assert_int_equal(read[0].has_seq, read[1].has_seq);
    assert_int_equal(read[0].has_ack, read[1].has_ack);
    assert_int_equal(read[0].seq, read[1].seq);
    assert_int_equal(read[0].ack, read[1].ack);
    assert_string_equal(read[0].type, read[1].type);
    assert_string_equal(read[0].err, read[1].err);
    good += why[0] == TH_DROP_NONE;
}

static void compare_see(const struct th_see *a, const struct th_see *b)
{
    assert_int_equal(a->count, b->count);
    assert_int_equal(a->bad, b->bad);
    assert_int_equal(a->over, b->over);
    for (unsigned i = 0; i < a->count; i++) {
        assert_true(th_hashname_is_equal(&a->entry[i].id, &b->entry[i].id));
        assert_int_equal(a->entry[i].csid, b->entry[i].csid);
        assert_int_equal(a->entry[i].has_addr, b->entry[i].has_addr);
        assert_memory_equal(&a->entry[i].addr, &b->entry[i].addr, sizeof a->entry[i].addr);
    }
}

static void compare_heads(struct th_bytes a, struct th_bytes b)
{
    struct th_see see[2] = {{0}, {0}};
    struct th_link_head link[2] = {{0}, {0}};
    struct th_prefix prefix[2] = {{.digits = 0}, {.digits = 0}};

    assert_int_equal(th_see_read(&see[0], a), th_see_read(&see[1], b));
    compare_see(&see[0], &see[1]);
    assert_int_equal(th_link_read(&link[0], a), th_link_read(&link[1], b));
    assert_int_equal(link[0].is_seed, link[1].is_seed);
    compare_see(&link[0].see, &link[1].see);
    assert_int_equal(th_seek_read(&prefix[0], a), th_seek_read(&prefix[1], b));
    assert_int_equal(prefix[0].digits, prefix[1].digits);
    assert_true(th_hashname_is_equal(&prefix[0].padded, &prefix[1].padded));
}

static void count(struct th_bytes text)
{
    struct th_head head;

    if (!th_head_read(&head, text))
        return;
    *(head.json ? &others : &flat) += 1;
    th_head_clear(&head);
}

static void what_stands_there_and_what_jansson_makes_of_it_are_the_same(void **state)
{
    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        char text[ROOM], spaced[ROOM + 1];

        put_head(text);
        for (unsigned n = below(3) ? 0 : 1 + below(3); n > 0; n--)
            spoil(text);
        size_t len = strlen(text);
        if (len < 2 || text[0] != '{')
            continue;
        sprintf(spaced, "{ %s", text + 1);

        const struct th_bytes a = th_bytes_of(text), b = th_bytes_of(spaced);
        count(a);
        compare_channel(a, b);
        compare_heads(a, b);
    }

    assert_in_range(flat, ROUNDS / 10, ROUNDS);
    assert_in_range(others, ROUNDS / 20, ROUNDS);
    assert_in_range(good, ROUNDS / 10, ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_stands_there_and_what_jansson_makes_of_it_are_the_same),
    };
    test_seed(&rng);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
