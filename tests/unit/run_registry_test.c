/* The registry: who comes and goes under a name is announced, in order, and can be listed. */
#include "tests/unit/run_events.h"
#include "tests/unit/run_hosts.h"

#include "switch/run/registry.h"

#include <sched.h>

static const struct th_registry_spec registry_arg = {
    .manager = "events", .registered_kind = 1, .exited_kind = 2};

static th_pid spawn_registry(struct stage *stage, unsigned mailbox_max)
{
    struct th_server_spec spec = {.ops = &th_registry_ops,
                                  .arg = (void *)(uintptr_t)&registry_arg,
                                  .name = "registry",
                                  .place = stage_next_place(stage),
                                  .mailbox_max = mailbox_max};
    th_pid pid;

    assert_int_equal(th_spawn(stage->host, &spec, &pid), TH_OK);
    return pid;
}

/* What a reader of the events knows: "+name" and "-name(why)", in order. */
struct story {
    struct probe probe;
    char text[4096];
    uint64_t last; /* number */
    unsigned out_of_order;
};

static enum th_err tells(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    struct story *story = probe->data;
    size_t len = strlen(story->text);

    (void)self;
    if (msg->kind != &th_event_msg)
        return TH_OK;
    const struct th_event *event = th_event_of(msg);
    const struct th_name_change *change = event->body;
    TH_CHECK(event->is_state);
    story->out_of_order += change->number < story->last;
    story->last = change->number;
    if (event->kind == 1)
        snprintf(story->text + len, sizeof story->text - len, "+%s ", change->name);
    else
        snprintf(story->text + len, sizeof story->text - len, "-%s(%s) ", change->name,
                 th_strerror(change->why));
    return TH_OK;
}

static enum th_err subscribes_to_all(struct probe *probe, const struct th_self *self)
{
    return th_subscribe(self, probe->other, all, NULL, NULL);
}

struct board {
    struct stage *stage;
    th_pid manager, registry;
    struct story story;
};

/* Manager, a reader without a name, then the registry. */
static void set_up(struct board *board, struct stage *stage, unsigned mailbox_max)
{
    *board = (struct board){.stage = stage};
    board->manager = spawn_manager(stage);
    board->story.probe = (struct probe){
        .init = subscribes_to_all, .on_msg = tells, .other = board->manager, .data = &board->story};
    stage_spawn(stage, &board->story.probe);
    stage_run(stage, 1);
    board->registry = spawn_registry(stage, mailbox_max);
    stage_run(stage, 1);
}

static void forget(struct board *board)
{
    board->story.text[0] = 0;
}

/* All names, "a b c". */
static const char *names_of(struct board *board, char text[256])
{
    struct th_msg reply;
    const struct th_name_list *rows;

    assert_int_equal(th_call_wait(board->stage->host, board->registry,
                                  (struct th_msg){.kind = &th_registry_list_msg}, 60000, &reply),
                     TH_OK);
    assert_ptr_equal(reply.kind, &th_registry_list_msg);
    rows = reply.body;
    text[0] = 0;
    for (unsigned i = 0; i < rows->count; i++) {
        size_t len = strlen(text);
        snprintf(text + len, 256 - len, "%s%s", i ? " " : "", rows->row[i].name);
        assert_int_equal(th_whereis(board->stage->host, 0, rows->row[i].name), rows->row[i].pid);
    }
    assert_true(rows->number >= board->story.last);
    th_msg_drop(&reply);
    return text;
}

/* B6 */
static void servers_that_come_and_go_are_announced_with_name_and_reason(void **state)
{
    struct stage *stage = *state;
    struct board board;
    struct probe a = {0}, b = {0}, unnamed = {0};
    char text[256];
    set_up(&board, stage, 0);
    assert_string_equal(board.story.text, "+registry ");

    probe_spawn(stage->host, stage_next_place(stage), "a", &a);
    th_pid b_pid = probe_spawn(stage->host, stage_next_place(stage), "b", &b);
    stage_spawn(stage, &unnamed);
    stage_run(stage, 1);
    assert_string_equal(names_of(&board, text), "events registry a b");
    th_stop(stage->host, b_pid, TH_IO);
    stage_run(stage, 1);

    assert_string_equal(board.story.text, "+registry +a +b -b(input/output error) ");
    assert_string_equal(names_of(&board, text), "events registry a");
    stage_close(stage);
}

/* B6: however it ends, and however soon, also in its init. */
static void life_of_a_name_is_told_whole_and_in_order(void **state)
{
    struct stage *stage = *state;
    struct board board;
    struct probe probe = {0};
    struct th_server_spec spec;
    char text[256];
    set_up(&board, stage, 0);
    forget(&board);
    spec = probe_spec(stage_next_place(stage), "a", &probe);

    for (unsigned n = 0; n < 20; n++) {
        th_pid pid;
        enum th_err err = th_spawn(stage->host, &spec, &pid);
        assert_true(err == TH_OK || err == TH_IN_USE);
        th_stop(stage->host, th_whereis(stage->host, 0, "a"), TH_OK);
        stage_run_a_little(stage, (stage->seed + n) % 5);
    }
    stage_run(stage, 1);

    const char *at = board.story.text;
    while (strncmp(at, "+a -a(no error) ", 16) == 0)
        at += 16;
    assert_string_equal(at, "");
    assert_true(board.story.text[0] != 0);
    assert_int_equal(board.story.out_of_order, 0);
    assert_string_equal(names_of(&board, text), "events registry");
    stage_close(stage);
}

/* B6, C7 */
static void changes_that_found_no_room_are_made_good(void **state)
{
    struct stage *stage = *state;
    struct board board;
    struct probe probes[5] = {0};
    th_pid pids[5];
    char text[256];
    const char *const called[5] = {"a", "b", "c", "d", "e"};
    set_up(&board, stage, 2);
    pids[0] = probe_spawn(stage->host, stage_next_place(stage), "a", &probes[0]);
    stage_run(stage, 1);
    forget(&board);

    assert_int_equal(th_suspend(stage->host, board.registry, 60000), TH_OK);
    for (int i = 1; i < 5; i++)
        pids[i] = probe_spawn(stage->host, stage_next_place(stage), called[i], &probes[i]);
    th_stop(stage->host, pids[0], TH_IO);
    th_stop(stage->host, pids[4], TH_IO); /* nobody ever hears of it */
    stage_run(stage, 1);
    assert_int_equal(th_resume(stage->host, board.registry), TH_OK);
    stage_run(stage, 1000);

    assert_string_equal(board.story.text, "-a(the server is gone) +b +c +d ");
    assert_string_equal(names_of(&board, text), "events registry b c d");
    assert_int_equal(board.story.out_of_order, 0);
    stage_close(stage);
}

/* B6: who reads the events asks for the list when the registry says that it is there. */
static void restart_of_registry_or_manager_is_a_reason_to_ask_anew(void **state)
{
    struct stage *stage = *state;
    struct board board;
    struct probe a = {0}, b = {0};
    char text[256];
    set_up(&board, stage, 0);
    probe_spawn(stage->host, stage_next_place(stage), "a", &a);
    stage_run(stage, 1);
    forget(&board);

    th_stop(stage->host, board.registry, TH_IO);
    stage_run(stage, 1);
    board.registry = spawn_registry(stage, 0);
    stage_run(stage, 1);
    assert_string_equal(board.story.text, "+registry ");
    assert_int_equal(board.story.out_of_order, 0);

    th_stop(stage->host, board.manager, TH_IO);
    stage_run(stage, 1);
    probe_spawn(stage->host, stage_next_place(stage), "b", &b); /* announced to nobody */
    stage_run(stage, 1);
    board.manager = spawn_manager(stage);
    struct story again = {0};
    again.probe = board.story.probe;
    again.probe.other = board.manager;
    again.probe.data = &again;
    stage_spawn(stage, &again.probe);
    stage_run(stage, 1000);

    assert_non_null(strstr(again.text, "+registry "));
    assert_string_equal(names_of(&board, text), "a registry b events");
    stage_close(stage);
}

static void names_of_another_scope_are_not_told(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    struct board board;
    struct probe probe = {0};
    struct th_server_spec spec;
    char text[256];
    th_pid pid;
    set_up(&board, &stage, 0);
    spec = probe_spec(stage.place, "a", &probe);
    spec.scope = 7;

    assert_int_equal(th_spawn(stage.host, &spec, &pid), TH_OK);
    th_host_sim_run(stage.host, 1);

    assert_string_equal(board.story.text, "+registry ");
    assert_string_equal(names_of(&board, text), "events registry");
    th_host_sim_close(stage.host);
}

static void registry_without_memory_is_right_again_later(void **state)
{
    (void)state;
    for (uint64_t nth = 1; nth < 40; nth++) {
        struct stage stage = stage_open(0);
        struct board board;
        struct probe a = {0}, b = {0};
        char text[256];
        set_up(&board, &stage, 0);
        probe_spawn(stage.host, stage.place, "a", &a);
        th_pid pid = probe_spawn(stage.host, stage.place, "b", &b);

        th_stop(stage.host, pid, TH_OK);
        th_mem_refuse(nth);
        th_host_sim_run(stage.host, 1);
        th_mem_refuse(0);
        th_host_sim_run(stage.host, 1000);

        assert_string_equal(names_of(&board, text), "events registry a");
        th_host_sim_close(stage.host);
    }
}

/* B6: taken on one thread, freed on another, told on a third. */
static void names_that_change_on_many_threads_are_known_in_the_end(void **state)
{
    (void)state;
    struct th_host *host = open_host();
    struct th_place *places[3] = {open_place(host, "one"), open_place(host, "two"),
                                  open_place(host, "three")};
    struct stage stage = {
        .host = host, .place = places[0], .places = {places[0]}, .place_count = 1};
    struct board board = {.stage = &stage};
    static struct probe probes[40][5];
    static char called[40][8];
    char text[256];
    spawn_manager(&stage);
    board.registry = spawn_registry(&stage, 8);

    for (unsigned round = 0; round < 5; round++) {
        th_pid pids[40];
        for (unsigned i = 0; i < 40; i++) {
            snprintf(called[i], sizeof called[i], "s%u", i);
            pids[i] = probe_spawn(host, places[i % 3], called[i], &probes[i][round]);
        }
        for (unsigned i = 0; i < 40; i++) {
            th_stop(host, pids[i], TH_OK);
            while (th_whereis(host, 0, called[i]) != 0)
                sched_yield();
        }
    }
    struct probe last = {0};
    probe_spawn(host, places[1], "last", &last);

    assert_string_equal(names_of(&board, text), "events registry last");
    th_host_uv_close(host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_EVERY_HOST(servers_that_come_and_go_are_announced_with_name_and_reason),
        ON_EVERY_HOST(life_of_a_name_is_told_whole_and_in_order),
        ON_EVERY_HOST(changes_that_found_no_room_are_made_good),
        ON_EVERY_HOST_IN_TIME(restart_of_registry_or_manager_is_a_reason_to_ask_anew),
        cmocka_unit_test(names_of_another_scope_are_not_told),
        cmocka_unit_test(registry_without_memory_is_right_again_later),
        cmocka_unit_test(names_that_change_on_many_threads_are_known_in_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
