/* What has arrived on a reliable channel is read, whatever ended it meanwhile: the other side was told that
 * we have it. It was lost once its end, its silence or its err came before the reader did. */
#include "tests/lib/stream_pair.h"

static struct pair pair;
static struct th_rng rng;
static const struct faults quiet = {.delay = 10};

static void begin(void)
{
    static const uint8_t seed[TH_RNG_SEED_BYTES] = {1};

    th_rng_init(&rng, seed);
    pair_begin(&pair, &rng, &quiet, 1, false);
}

static struct th_reliable *ours(void)
{
    return pair.end[0].channel[0];
}

static struct th_reliable *theirs(void)
{
    return pair.end[1].channel[0];
}

static enum th_err write_text(struct th_reliable *r, const char *text)
{
    size_t taken;

    return th_reliable_write(r, pair.now, th_bytes_of(text), &taken);
}

static void read_text(struct th_reliable *r, const char *text)
{
    char buffer[100] = {0};
    size_t got = 0;

    assert_true(th_reliable_is_readable(r));
    assert_int_equal(th_reliable_readable(r), strlen(text));
    assert_int_equal(th_reliable_read(r, pair.now, (uint8_t *)buffer, sizeof buffer - 1, &got),
                     TH_OK);
    assert_string_equal(buffer, text);
}

static void assert_reads(struct th_reliable *r, enum th_err err)
{
    uint8_t buffer[10];
    size_t got;

    assert_int_equal(th_reliable_readable(r), 0);
    assert_int_equal(th_reliable_read(r, pair.now, buffer, sizeof buffer, &got), err);
}

static void run(th_ms ms)
{
    for (th_ms until = pair.now.mono + ms; pair.now.mono < until;) {
        if (pair_deadline(&pair) > until)
            pair.now.mono = until;
        else
            pair_turn(&pair);
    }
}

static void all_with_its_end_is_read_though_the_other_side_is_silent(void **state)
{
    (void)state;
    begin();
    write_text(ours(), "all of it");
    th_reliable_end(ours());
    run(100);

    pair.faults.loss = 1000;
    run(TH_REL_SILENCE_MS + TH_REL_KEEP_MS);
    assert_int_equal(th_reliable_why(theirs()), TH_TIMED_OUT);
    assert_int_equal(write_text(theirs(), "answer"), TH_TIMED_OUT);
    read_text(theirs(), "all of it");
    assert_reads(theirs(), TH_EOF);
    pair_end(&pair);
}

static void part_is_read_before_it_is_told_that_no_more_comes(void **state)
{
    (void)state;
    begin();
    write_text(ours(), "the first half");
    run(100);

    pair.faults.loss = 1000;
    run(TH_REL_SILENCE_MS + TH_REL_KEEP_MS);
    read_text(theirs(), "the first half");
    assert_reads(theirs(), TH_TIMED_OUT);
    assert_reads(ours(), TH_TIMED_OUT);
    pair_end(&pair);
}

static void err_takes_nothing_back_of_what_has_arrived(void **state)
{
    (void)state;
    begin();
    write_text(ours(), "hello");
    run(100);

    th_reliable_reset(ours(), pair.now, "no more");
    run(100);
    assert_int_equal(th_reliable_why(theirs()), TH_GONE);
    read_text(theirs(), "hello");
    assert_reads(theirs(), TH_GONE);
    assert_string_equal(th_reliable_err(theirs()), "no more");
    pair_end(&pair);
}

/* Who has closed answers what is written to it by an err, though its last words are not read yet. */
static void last_words_of_who_closed_are_read_though_it_was_written_to(void **state)
{
    (void)state;
    begin();
    write_text(ours(), "last words");
    th_reliable_release(ours(), pair.now);
    run(100);
    assert_int_equal(write_text(theirs(), "to nobody"), TH_OK);
    run(100);

    assert_int_equal(write_text(theirs(), "still"), TH_GONE);
    read_text(theirs(), "last words");
    assert_reads(theirs(), TH_EOF);
    pair_end(&pair);
}

/* A minute after its release nothing has come of our end: it says "closed" and forgets the channel. */
static void who_reads_later_than_a_minute_after_the_release_gets_all(void **state)
{
    (void)state;
    begin();
    write_text(ours(), "for later");
    th_reliable_release(ours(), pair.now);
    run(2 * TH_REL_RELEASE_MS);

    assert_true(th_reliable_is_over(ours(), pair.now));
    read_text(theirs(), "for later");
    assert_reads(theirs(), TH_EOF);
    pair_end(&pair);
}

static void what_is_behind_a_hole_is_not_read_and_holds_no_memory(void **state)
{
    (void)state;
    static const uint8_t bytes[1000] = {1};
    begin();
    struct th_relpkt packet = {.c = 1, .has_seq = true, .has_max = true, .max = 64};
    packet.body = (struct th_bytes){bytes, sizeof bytes};
    assert_int_equal(th_reliable_on_packet(theirs(), pair.now, &packet), TH_DROP_NONE);
    packet.seq = 2;
    assert_int_equal(th_reliable_on_packet(theirs(), pair.now, &packet), TH_DROP_NONE);

    const struct th_relpkt err = {.c = 1, .err = "gone"};
    assert_int_equal(th_reliable_on_packet(theirs(), pair.now, &err), TH_DROP_NONE);
    struct th_reliable_look look;
    th_reliable_look(theirs(), &look);
    assert_int_equal(look.unread, sizeof bytes); /* that is all it holds */
    uint8_t buffer[2000];
    size_t got;
    assert_int_equal(th_reliable_read(theirs(), pair.now, buffer, sizeof buffer, &got), TH_OK);
    assert_int_equal(got, sizeof bytes);
    assert_reads(theirs(), TH_GONE);
    pair_end(&pair);
}

/* Our own reset is for who has no use for what arrives. */
static void who_resets_it_reads_nothing_more(void **state)
{
    (void)state;
    begin();
    write_text(ours(), "hello");
    run(100);
    th_reliable_reset(theirs(), pair.now, "enough");
    assert_reads(theirs(), TH_CANCELLED);
    pair_end(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_with_its_end_is_read_though_the_other_side_is_silent),
        cmocka_unit_test(part_is_read_before_it_is_told_that_no_more_comes),
        cmocka_unit_test(err_takes_nothing_back_of_what_has_arrived),
        cmocka_unit_test(last_words_of_who_closed_are_read_though_it_was_written_to),
        cmocka_unit_test(who_reads_later_than_a_minute_after_the_release_gets_all),
        cmocka_unit_test(what_is_behind_a_hole_is_not_read_and_holds_no_memory),
        cmocka_unit_test(who_resets_it_reads_nothing_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
