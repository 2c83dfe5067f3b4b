/* The keeper between a scripted switch and router, on a disk in memory. */
#include "router/keeper.h"
#include "switch/base/mem.h"
#include "switch/run/host_sim.h"
#include "tools/sim/disk_sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/test_cmocka.h"

enum { LOG_MAX = 4096, PEERS_MAX = 4 };

struct world {
    struct th_host *host;
    struct th_place *place, *disk_place;
    struct th_rng rng;
    struct th_disk_sim sim;
    struct th_keeper_config config;
    struct th_log log;
    char logged[LOG_MAX];
    th_pid sw, router, keeper;

    /* what the others answer */
    bool is_mute; /* nothing at all */
    int64_t at;
    unsigned peers;
    struct th_seed peer[PEERS_MAX];
    unsigned questions;
};

/* --- the others ------------------------------------------------------------------------------------- */

static void *status_of(const struct world *w)
{
    struct th_switch_status *status = th_mem_zalloc(1, sizeof *status);

    assert_non_null(status);
    status->at_highest = w->at;
    return status;
}

static void *lines_of(const struct world *w)
{
    struct th_switch_lines *lines =
        th_mem_zalloc(1, sizeof *lines + PEERS_MAX * sizeof lines->line[0]);

    assert_non_null(lines);
    for (lines->count = 0; lines->count < w->peers; lines->count++)
        lines->line[lines->count] = (struct th_line_look){
            .id = w->peer[lines->count].id,
            .parts = w->peer[lines->count].parts,
            .key = w->peer[lines->count].key,
            .is_up = true,
            .has_addr = true,
            .addr = {.ip = {192, 0, 2, 1}, .port = 42424, .family = TH_FAMILY_IPV4}};
    return lines;
}

static void *table_of(const struct world *w)
{
    struct th_router_table *table =
        th_mem_zalloc(1, sizeof *table + PEERS_MAX * sizeof table->link[0]);

    assert_non_null(table);
    for (table->count = 0; table->count < w->peers; table->count++)
        table->link[table->count] =
            (struct th_link_look){.id = w->peer[table->count].id, .is_up = true};
    return table;
}

static void *ages_of(const struct world *w)
{
    struct th_router_ages *ages = th_mem_zalloc(1, sizeof *ages + PEERS_MAX * sizeof ages->age[0]);

    assert_non_null(ages);
    for (ages->count = 0; ages->count < w->peers; ages->count++)
        ages->age[ages->count] = (struct th_age){w->peer[ages->count].id, 1000, 2000};
    return ages;
}

static enum th_err other_init(void *state, const struct th_self *self, void *arg)
{
    (void)self;
    *(struct world **)state = arg;
    return TH_OK;
}

static enum th_err other_on_msg(void *state, const struct th_self *self, struct th_msg *msg)
{
    struct world *w = *(struct world **)state;
    struct th_msg reply = {.kind = msg->kind};

    w->questions++;
    if (w->is_mute)
        return TH_OK;
    if (msg->kind == &th_switch_msg_status)
        reply.body = status_of(w);
    else if (msg->kind == &th_switch_msg_lines)
        reply.body = lines_of(w);
    else if (msg->kind == &th_router_msg_table)
        reply.body = table_of(w);
    else if (msg->kind == &th_router_msg_ages)
        reply.body = ages_of(w);
    th_reply(self->host, th_from_of(msg), reply);
    return TH_OK;
}

static const struct th_server_ops other_ops = {.name = "other",
                                               .state_size = sizeof(struct world *),
                                               .init = other_init,
                                               .on_msg = other_on_msg};

/* --- the world -------------------------------------------------------------------------------------- */

static void note_log(void *data, enum th_log_level level, const char *topic, const char *text)
{
    struct world *w = data;
    size_t len = strlen(w->logged);

    snprintf(w->logged + len, sizeof w->logged - len, "%s %s %s\n", th_log_level_name(level), topic,
             text);
}

static unsigned logged(const struct world *w, const char *text)
{
    unsigned n = 0;

    for (const char *at = w->logged; (at = strstr(at, text)); at++)
        n++;
    return n;
}

static th_pid spawn(struct world *w, const struct th_server_ops *ops, const char *name, void *arg)
{
    th_pid pid;

    assert_int_equal(
        th_spawn(w->host,
                 &(struct th_server_spec){.ops = ops,
                                          .arg = arg,
                                          .name = name,
                                          .place = ops == &other_ops ? w->place : w->disk_place,
                                          .log = &w->log},
                 &pid),
        TH_OK);
    return pid;
}

static void start_keeper(struct world *w)
{
    w->keeper = spawn(w, &th_keeper_ops, "keeper", &w->config);
}

/* A slow disk holds up who waits for it. */
static void hold_up(void *data, th_ms ms)
{
    struct world *w = data;

    (void)th_suspend(w->host, w->keeper, ms);
}

static int begin(void **state)
{
    struct world *w = calloc(1, sizeof *w);

    assert_non_null(w);
    th_rng_init(&w->rng, (const uint8_t[TH_RNG_SEED_BYTES]){7});
    th_disk_sim_init(&w->sim, "/state", &w->rng);
    w->sim.on_slow = hold_up;
    w->sim.data = w;
    w->log = (struct th_log){TH_LOG_DEBUG, note_log, w};
    w->config = (struct th_keeper_config){
        .disk = &w->sim.disk, .switch_name = "switch", .router_name = "router"};
    for (uint8_t n = 0; n < PEERS_MAX; n++) {
        struct th_identity id;

        th_identity_make(&id, (const uint8_t[TH_KEY_BYTES]){n, 3});
        w->peer[n] = (struct th_seed){.id = id.hashname, .parts = id.parts, .key = id.keys.pub};
        th_identity_clear(&id);
    }
    assert_int_equal(th_host_sim_new(&w->host, 5), TH_OK);
    assert_int_equal(th_host_sim_place(w->host, "all", &w->place), TH_OK);
    assert_int_equal(th_host_sim_place(w->host, "disk", &w->disk_place), TH_OK);
    w->sw = spawn(w, &other_ops, "switch", w);
    w->router = spawn(w, &other_ops, "router", w);
    start_keeper(w);
    *state = w;
    return 0;
}

static int end(void **state)
{
    struct world *w = *state;

    th_host_sim_close(w->host);
    th_disk_sim_clear(&w->sim);
    free(w);
    return 0;
}

static bool is_there(const struct world *w, const char *file)
{
    return th_disk_sim_text(&w->sim, file) != NULL;
}

/* What a next run would find. */
static struct th_kept kept(struct world *w)
{
    char warning[TH_KEEP_SAY_MAX], say[TH_KEEP_SAY_MAX];
    struct th_disk_faults faults = w->sim.faults;
    struct th_kept found = {0};
    struct th_keep keep;

    w->sim.faults = (struct th_disk_faults){0};
    th_keep_init(&keep, &w->sim.disk);
    assert_int_equal(th_keep_load(&keep, &found, warning, say), TH_OK);
    assert_string_equal(warning, "");
    th_keep_clear(&keep);
    w->sim.faults = faults;
    return found;
}

static int64_t kept_at(struct world *w)
{
    struct th_kept found = kept(w);
    int64_t at = found.at;

    th_kept_clear(&found);
    return at;
}

static enum th_err save_now(struct world *w, th_ms timeout_ms)
{
    struct th_msg reply = {0};
    enum th_err e = th_call_wait(w->host, w->keeper, (struct th_msg){.kind = &th_keeper_msg_save},
                                 timeout_ms, &reply);

    if (e == TH_OK && reply.body)
        e = *(enum th_err *)reply.body;
    if (reply.kind)
        th_msg_drop(&reply);
    return e;
}

/* --- when ------------------------------------------------------------------------------------------- */

static void what_is_known_is_written_soon_after_the_start_and_then_now_and_then(void **state)
{
    struct world *w = *state;

    w->at = 100;
    w->peers = 2;
    th_host_sim_run(w->host, TH_KEEPER_FIRST_MS - 1);
    assert_false(is_there(w, "state.json"));
    th_host_sim_run(w->host, 2);

    struct th_kept found = kept(w);
    assert_int_equal(found.at, 100);
    assert_int_equal(found.peers.count, 2);
    assert_int_equal(found.ages_count, 2);
    th_kept_clear(&found);

    w->at = 200;
    th_host_sim_run(w->host, TH_KEEPER_EVERY_MS - 10);
    assert_int_equal(kept_at(w), 100);
    th_host_sim_run(w->host, 10);
    assert_int_equal(kept_at(w), 200);
}

static void what_did_not_change_is_not_written_again(void **state)
{
    struct world *w = *state;

    w->at = 100;
    w->peers = 1;
    th_host_sim_run(w->host, TH_KEEPER_FIRST_MS + 10);
    uint64_t steps = w->sim.steps;
    th_host_sim_run(w->host, 100 * (th_ms)TH_KEEPER_EVERY_MS);

    assert_true(steps > 0);
    assert_true(w->sim.steps == steps);
}

static void ages_are_written_less_often(void **state)
{
    struct world *w = *state;

    w->peers = 1;
    th_host_sim_run(w->host, TH_KEEPER_FIRST_MS + 10);
    w->peers = 2;
    th_host_sim_run(w->host, TH_KEEPER_EVERY_MS);
    struct th_kept early = kept(w);
    th_host_sim_run(w->host, TH_KEEPER_AGES_MS);
    struct th_kept late = kept(w);

    assert_int_equal(early.peers.count, 2);
    assert_int_equal(early.ages_count, 1);
    assert_int_equal(late.ages_count, 2);
    th_kept_clear(&early);
    th_kept_clear(&late);
}

static void who_asks_is_answered_when_all_is_written(void **state)
{
    struct world *w = *state;

    w->at = 100;
    w->peers = 1;
    assert_int_equal(save_now(w, 1000), TH_OK);

    th_disk_sim_crash(&w->sim);
    assert_int_equal(kept_at(w), 100);
    assert_true(is_there(w, "peers.json") && is_there(w, "ages.json"));
}

static void who_asks_does_not_wait_long_for_servers_that_do_not_answer(void **state)
{
    struct world *w = *state;

    w->is_mute = true;
    th_host_sim_run(w->host, TH_KEEPER_FIRST_MS + 100); /* a round is under way and waits */
    th_ms begun = th_host_now(w->host).mono;
    assert_int_equal(save_now(w, 5000), TH_OK);

    assert_in_range(th_host_now(w->host).mono - begun, 1, TH_KEEPER_HURRY_MS);
}

static void it_writes_once_more_when_it_is_stopped(void **state)
{
    struct world *w = *state;

    w->at = 100;
    th_host_sim_run(w->host, 1);
    th_stop(w->host, w->keeper, TH_SHUTDOWN);
    th_host_sim_run(w->host, 100);

    assert_true(th_whereis(w->host, 0, "keeper") == 0);
    assert_int_equal(kept_at(w), 100);
}

/* The node has said farewell by then: what is asked now would say less. */
static void it_ends_at_once_when_it_has_just_written(void **state)
{
    struct world *w = *state;

    assert_int_equal(save_now(w, 1000), TH_OK);
    w->questions = 0;
    th_stop(w->host, w->keeper, TH_SHUTDOWN);
    th_host_sim_run(w->host, 100);

    assert_true(th_whereis(w->host, 0, "keeper") == 0);
    assert_int_equal(w->questions, 0);
}

static void it_ends_in_time_though_nobody_answers(void **state)
{
    struct world *w = *state;

    w->is_mute = true;
    th_host_sim_run(w->host, 1);
    th_stop(w->host, w->keeper, TH_SHUTDOWN);
    th_host_sim_run(w->host, TH_KEEPER_HURRY_MS - 10);
    assert_true(th_whereis(w->host, 0, "keeper") == w->keeper);
    th_host_sim_run(w->host, 20);

    assert_true(th_whereis(w->host, 0, "keeper") == 0);
}

/* --- disks that fail -------------------------------------------------------------------------------- */

static void disk_that_fails_is_said_once_and_tried_again_until_it_works(void **state)
{
    struct world *w = *state;

    w->at = 100;
    th_host_sim_run(w->host, TH_KEEPER_FIRST_MS + 10);
    w->sim.faults.fail_per_mille = 1000;
    for (w->at = 101; w->at < 110; w->at++)
        th_host_sim_run(w->host, TH_KEEPER_EVERY_MS);
    assert_true(th_whereis(w->host, 0, "keeper") == w->keeper);
    assert_int_equal(logged(w, "error keeper not_saved /state/state.json: "), 1);
    assert_int_equal(save_now(w, 1000), TH_IO);

    w->sim.faults.fail_per_mille = 0;
    th_host_sim_run(w->host, TH_KEEPER_EVERY_MS);
    assert_int_equal(kept_at(w), 110);
    assert_int_equal(logged(w, "info keeper saved_again"), 1);
}

static void full_disk_keeps_what_it_has_and_is_named(void **state)
{
    struct world *w = *state;

    w->at = 100;
    w->peers = 1;
    th_host_sim_run(w->host, TH_KEEPER_FIRST_MS + 10);
    w->sim.faults.room = 1;
    w->at = 200;
    w->peers = 2;
    th_host_sim_run(w->host, TH_KEEPER_EVERY_MS);

    struct th_kept found = kept(w);
    assert_int_equal(found.at, 100);
    assert_int_equal(found.peers.count, 1);
    th_kept_clear(&found);
    assert_int_equal(logged(w, "peers.json: the disk is full (the peers are not saved)"), 1);
    assert_int_equal(logged(w, "state.json: the disk is full"), 1);
}

static void slow_disk_holds_up_nobody_else(void **state)
{
    struct world *w = *state;

    w->at = 100;
    w->sim.faults.slow_max_ms = 2000;
    th_host_sim_run(w->host, TH_KEEPER_FIRST_MS + 1000);
    assert_int_equal(kept_at(w), 0); /* it is at it */
    struct th_msg reply = {0};
    assert_int_equal(
        th_call_wait(w->host, w->sw, (struct th_msg){.kind = &th_switch_msg_status}, 1, &reply),
        TH_OK);
    th_msg_drop(&reply);

    th_host_sim_run(w->host, 40000);
    assert_int_equal(kept_at(w), 100);
}

static void what_cannot_be_read_is_not_written_over(void **state)
{
    struct world *w = *state;

    assert_int_equal(th_disk_sim_put(&w->sim, "state.json", "{\"format\":2,\"at\":7}"), TH_OK);
    w->at = 100;
    w->peers = 1;
    th_host_sim_run(w->host, 10 * (th_ms)TH_KEEPER_EVERY_MS);

    assert_string_equal(th_disk_sim_text(&w->sim, "state.json"), "{\"format\":2,\"at\":7}");
    assert_false(is_there(w, "peers.json"));
    assert_int_equal(logged(w, "not_saved /state/state.json: format 2 is of a newer"), 1);
}

/* --- what ------------------------------------------------------------------------------------------- */

static void peers_of_before_stay_behind_those_of_now(void **state)
{
    struct world *w = *state;

    w->peers = 2;
    assert_int_equal(save_now(w, 1000), TH_OK);
    th_stop(w->host, w->keeper, TH_SHUTDOWN);
    th_host_sim_run(w->host, 100);
    w->peer[0] = w->peer[2];
    w->peers = 1;
    start_keeper(w);
    assert_int_equal(save_now(w, 1000), TH_OK);

    struct th_kept found = kept(w);
    assert_int_equal(found.peers.count, 3);
    assert_true(th_hashname_is_equal(&found.peers.seed[0].id, &w->peer[0].id));
    th_kept_clear(&found);
}

static void at_that_was_kept_is_never_lowered(void **state)
{
    struct world *w = *state;

    w->at = 200;
    assert_int_equal(save_now(w, 1000), TH_OK);
    th_stop(w->host, w->keeper, TH_SHUTDOWN);
    th_host_sim_run(w->host, 100);
    w->at = 100; /* the clock was set back */
    start_keeper(w);
    assert_int_equal(save_now(w, 1000), TH_OK);

    assert_int_equal(kept_at(w), 200);
}

static void more_who_ask_than_there_is_room_for_are_told(void **state)
{
    struct world *w = *state;

    w->is_mute = true;
    for (unsigned i = 0; i < TH_KEEPER_WAITERS_MAX; i++)
        assert_int_equal(save_now(w, 1), TH_TIMED_OUT);
    assert_int_equal(save_now(w, 1), TH_LIMIT);

    th_host_sim_run(w->host, TH_KEEPER_HURRY_MS);
    w->is_mute = false;
    assert_int_equal(save_now(w, 1), TH_OK);
}

int main(void)
{
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {
        IN_WORLD(what_is_known_is_written_soon_after_the_start_and_then_now_and_then),
        IN_WORLD(what_did_not_change_is_not_written_again),
        IN_WORLD(ages_are_written_less_often),
        IN_WORLD(who_asks_is_answered_when_all_is_written),
        IN_WORLD(who_asks_does_not_wait_long_for_servers_that_do_not_answer),
        IN_WORLD(it_writes_once_more_when_it_is_stopped),
        IN_WORLD(it_ends_at_once_when_it_has_just_written),
        IN_WORLD(it_ends_in_time_though_nobody_answers),
        IN_WORLD(disk_that_fails_is_said_once_and_tried_again_until_it_works),
        IN_WORLD(full_disk_keeps_what_it_has_and_is_named),
        IN_WORLD(slow_disk_holds_up_nobody_else),
        IN_WORLD(what_cannot_be_read_is_not_written_over),
        IN_WORLD(peers_of_before_stay_behind_those_of_now),
        IN_WORLD(at_that_was_kept_is_never_lowered),
        IN_WORLD(more_who_ask_than_there_is_room_for_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
