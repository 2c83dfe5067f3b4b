/* The supervisor: starts in order, restarts alone, gives up, stops in reverse order. */
#include "tests/unit/run_probe.h"

enum { KIDS = 3 };

struct family {
    struct th_host *host;
    struct th_place *place;
    th_pid supervisor;
    struct th_supervisor_spec spec;
    struct th_child children[KIDS];
    struct probe kids[KIDS];
    struct probe log; /* letters: what happened in which order */
};

static const char *const names[KIDS] = {"a", "b", "c"};

static enum th_err notes_start(struct probe *probe, const struct th_self *self)
{
    probe_note(&((struct family *)probe->data)->log, self->name[0]);
    return TH_OK;
}

static void notes_end(struct probe *probe, const struct th_self *self, enum th_err why)
{
    (void)why;
    probe_note(&((struct family *)probe->data)->log, (char)(self->name[0] - 'a' + 'A'));
}

/* on_msg: ends with the number as reason. */
static enum th_err ends(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    (void)probe, (void)self;
    return msg->kind == &probe_msg ? (enum th_err)probe_number_of(msg) : TH_OK;
}

static void prepare(struct family *family, uint64_t seed)
{
    *family = (struct family){0};
    assert_int_equal(th_host_step_new(&family->host, seed), TH_OK);
    assert_int_equal(th_host_step_place(family->host, "all", &family->place), TH_OK);
    for (int i = 0; i < KIDS; i++) {
        family->kids[i] = (struct probe){
            .init = notes_start, .terminate = notes_end, .on_msg = ends, .data = family};
        family->children[i].spec = probe_spec(family->place, names[i], &family->kids[i]);
    }
    family->spec = (struct th_supervisor_spec){.children = family->children, .count = KIDS};
}

static void start(struct family *family)
{
    struct th_server_spec spec = {
        .ops = &th_supervisor_ops, .arg = &family->spec, .name = "top", .place = family->place};

    assert_int_equal(th_spawn(family->host, &spec, &family->supervisor), TH_OK);
    th_host_step_run(family->host, 1);
}

/* D5 */
static void children_start_in_order_and_stop_in_reverse_order(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct family family;
        prepare(&family, seed);
        start(&family);
        th_host_step_close(family.host);
        assert_string_equal(family.log.trace, "abcCBA");
    }
}

/* D5 */
static void child_that_ends_is_restarted_alone_under_its_name(void **state)
{
    (void)state;
    struct family family;
    prepare(&family, 0);
    start(&family);
    th_pid before = family.kids[1].pid;

    assert_int_equal(th_post(family.host, before, probe_number(TH_IO)), TH_OK);
    th_host_step_run(family.host, 1);

    assert_string_equal(family.log.trace, "abcBb");
    assert_int_not_equal(family.kids[1].pid, before);
    assert_int_equal(th_whereis(family.host, 0, "b"), family.kids[1].pid);
    th_host_step_close(family.host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(children_start_in_order_and_stop_in_reverse_order),
        cmocka_unit_test(child_that_ends_is_restarted_alone_under_its_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
