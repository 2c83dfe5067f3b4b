/* Rule 4 of the table: two ends of a link on a network that loses packets. */
#include "router/link.h"
#include "tests/lib/test_seed.h"
#include "tests/lib/test_table.h"

#include "tests/lib/test_cmocka.h"

enum { ON_THE_WAY_MAX = 64 };

struct end {
    struct th_link link;
    th_ms heard_at;   /* as the test saw it */
    unsigned unheard; /* packets sent since */
    th_ms sent_at;
    bool is_over;
};

struct packet {
    bool is_there;
    unsigned to;
    th_ms at;
};

struct pair {
    struct end end[2];
    struct packet packet[ON_THE_WAY_MAX];
    struct th_rng rng;
    unsigned loss; /* of 1000 */
    th_ms now, every;
    uint64_t sent;
};

static void send(struct pair *p, unsigned from)
{
    struct end *end = &p->end[from];

    assert_true(p->now - end->sent_at <= p->every); /* NATs forget */
    end->sent_at = p->now;
    end->unheard++;
    p->sent++;
    th_link_on_sent(&end->link, test_now(p->now), &p->rng);
    if (th_rng_below(&p->rng, 1000) < p->loss)
        return;
    for (unsigned i = 0; i < ON_THE_WAY_MAX; i++) {
        if (p->packet[i].is_there)
            continue;
        p->packet[i] = (struct packet){true, !from, p->now + th_rng_between(&p->rng, 1, 300)};
        return;
    }
    fail_msg("too many packets are on the way");
}

static void receive(struct pair *p, struct packet *packet)
{
    struct end *end = &p->end[packet->to];

    packet->is_there = false;
    if (end->is_over)
        return;
    bool owes = th_link_owes_answer(&end->link, test_now(p->now));
    end->heard_at = p->now;
    end->unheard = 0;
    th_link_on_heard(&end->link, 1, packet->to == 0, test_now(p->now), &p->rng);
    if (owes)
        send(p, packet->to);
}

static void tick(struct pair *p, unsigned who)
{
    struct end *end = &p->end[who];

    if (end->is_over)
        return;
    switch (th_link_tick(&end->link, test_now(p->now))) {
    case TH_LINK_WAIT:
        break;
    case TH_LINK_KEEP:
        send(p, who);
        break;
    case TH_LINK_GIVE_UP:
        assert_true(end->unheard >= TH_LINK_TRIES_MIN);
        assert_int_equal(p->now - end->heard_at, TH_LINK_TIMEOUT_MS);
        end->is_over = true;
        break;
    case TH_LINK_ASK:
        fail_msg("a link that is up asks");
    }
}

/* The next moment at which something happens. */
static th_ms soonest(const struct pair *p)
{
    th_ms at = TH_NEVER;

    for (unsigned i = 0; i < 2; i++)
        if (!p->end[i].is_over)
            at = th_sooner(at, th_link_deadline(&p->end[i].link));
    for (unsigned i = 0; i < ON_THE_WAY_MAX; i++)
        if (p->packet[i].is_there)
            at = th_sooner(at, p->packet[i].at);
    return at;
}

static void run(struct pair *p, th_ms until)
{
    for (th_ms at = soonest(p); at <= until; at = soonest(p)) {
        p->now = at;
        for (unsigned i = 0; i < ON_THE_WAY_MAX; i++)
            if (p->packet[i].is_there && p->packet[i].at <= at)
                receive(p, &p->packet[i]);
        tick(p, 0);
        tick(p, 1);
    }
}

/* every: 0 for any that may be configured. */
static void begin(struct pair *p, struct th_rng *rng, unsigned loss, th_ms every)
{
    *p = (struct pair){.loss = loss, .now = 1000};
    th_rng_fork(rng, &p->rng);
    p->every =
        every ? every : th_rng_between(&p->rng, TH_LINK_KEEPALIVE_MS_MIN, TH_LINK_KEEPALIVE_MS_MAX);
    for (unsigned i = 0; i < 2; i++) {
        th_link_init_up(&p->end[i].link, p->every, 1, i == 0, test_now(1000), &p->rng);
        p->end[i].heard_at = p->end[i].sent_at = 1000;
    }
}

static void link_without_loss_lives_for_ever_on_few_packets(void **state)
{
    struct th_rng rng;
    (void)state;

    test_seed(&rng);
    for (unsigned i = 0; i < 50; i++) {
        struct pair p;
        begin(&p, &rng, 0, 0);
        run(&p, 86400000);

        assert_false(p.end[0].is_over || p.end[1].is_over);
        /* A day of both: at most two packets for each shortest pause, with a few crossing ones. */
        assert_true(p.sent <= 2 * 86400000 / (p.every - p.every / 5) * 11 / 10);
    }
}

static void link_is_dropped_only_after_60_s_and_three_tries(void **state)
{
    struct th_rng rng;
    unsigned over = 0;
    (void)state;

    test_seed(&rng);
    for (unsigned i = 0; i < 400; i++) {
        struct pair p;
        begin(&p, &rng, (unsigned)th_rng_between(&rng, 100, 1000), 0);
        run(&p, 3600000);
        over += p.end[0].is_over;
    }
    assert_in_range(over, 1, 399);
}

/* Three answers in a row have to be lost: who answered less than 10 s ago does not do so again. */
static void link_of_a_lossy_line_mostly_lives(void **state)
{
    struct th_rng rng;
    unsigned over = 0;
    (void)state;

    test_seed(&rng);
    for (unsigned i = 0; i < 100; i++) {
        struct pair p;
        begin(&p, &rng, 10, TH_LINK_KEEPALIVE_MS_DEFAULT); /* one of 100 is lost */
        run(&p, 86400000);
        over += p.end[0].is_over;
    }
    assert_true(over <= 6); /* of 100 in a day */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(link_without_loss_lives_for_ever_on_few_packets),
        cmocka_unit_test(link_is_dropped_only_after_60_s_and_three_tries),
        cmocka_unit_test(link_of_a_lossy_line_mostly_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
