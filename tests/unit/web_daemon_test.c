#include "tools/web/daemon.h"

#include "switch/base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/lib/test_cmocka.h"

/* A daemon that hangs: it listens, and takes nobody. */
struct scene {
    char folder[32];
    struct sockaddr_un at;
    int fd;
    struct th_web_daemon *daemon;
};

static int make_scene(void **state)
{
    static struct scene s;
    char paths[TH_SOCKET_CANDIDATES_MAX][TH_SOCKET_PATH_MAX] = {""};

    s = (struct scene){.folder = "/tmp/th-web-XXXXXX", .at.sun_family = AF_UNIX};
    if (mkdtemp(s.folder) == NULL)
        return -1;
    snprintf(s.at.sun_path, sizeof s.at.sun_path, "%s/sock", s.folder);
    snprintf(paths[0], sizeof paths[0], "%s/sock", s.folder);
    s.fd = socket(AF_UNIX, SOCK_STREAM, 0);
    *state = &s;
    return s.fd >= 0 && bind(s.fd, (struct sockaddr *)&s.at, sizeof s.at) == 0 &&
                   listen(s.fd, 8) == 0 && th_web_daemon_new(&s.daemon, paths, 1) == TH_OK
               ? 0
               : -1;
}

static int free_scene(void **state)
{
    struct scene *s = *state;

    th_web_daemon_free(s->daemon);
    close(s->fd);
    unlink(s->at.sun_path);
    rmdir(s->folder);
    return 0;
}

static enum th_err ask(struct scene *s, const char *method)
{
    char say[TH_SAY_MAX] = "";
    json_t *result;
    enum th_err e = th_web_daemon_ask(s->daemon, method, NULL, 1, &result, say);

    assert_int_not_equal(e, TH_OK);
    assert_string_not_equal(say, "");
    return e;
}

static void daemon_that_hangs_or_is_gone_is_down(void **state)
{
    struct scene *s = *state;

    assert_false(th_web_daemon_is_down(s->daemon));
    assert_int_equal(ask(s, "status"), TH_TIMED_OUT);
    assert_true(th_web_daemon_is_down(s->daemon));
}

static void daemon_that_cannot_be_reached_is_down_also_for_a_lookup(void **state)
{
    struct scene *s = *state;

    unlink(s->at.sun_path);
    assert_int_equal(ask(s, "seek"), TH_GONE);
    assert_true(th_web_daemon_is_down(s->daemon));
}

/* "telehashd does not answer", and "answers again" a second later, was said of one that was well. */
static void what_is_not_the_daemons_fault_does_not_make_it_down(void **state)
{
    struct scene *s = *state;

    assert_int_equal(ask(s, "seek"), TH_TIMED_OUT); /* a lookup may take long */
    assert_false(th_web_daemon_is_down(s->daemon));
    th_mem_refuse(1);
    assert_int_equal(ask(s, "status"), TH_NO_MEMORY);
    th_mem_refuse(0);
    assert_false(th_web_daemon_is_down(s->daemon));
    th_web_daemon_cancel(s->daemon);
    assert_int_equal(ask(s, "status"), TH_SHUTDOWN);
    assert_false(th_web_daemon_is_down(s->daemon));
}

static void what_is_not_the_daemons_fault_does_not_make_it_well_either(void **state)
{
    struct scene *s = *state;

    assert_int_equal(ask(s, "status"), TH_TIMED_OUT);
    assert_int_equal(ask(s, "seek"), TH_TIMED_OUT);
    th_mem_refuse(1);
    assert_int_equal(ask(s, "status"), TH_NO_MEMORY);
    th_mem_refuse(0);
    assert_true(th_web_daemon_is_down(s->daemon));
}

int main(void)
{
#define IN_SCENE(test) cmocka_unit_test_setup_teardown(test, make_scene, free_scene)
    const struct CMUnitTest tests[] = {
        IN_SCENE(daemon_that_hangs_or_is_gone_is_down),
        IN_SCENE(daemon_that_cannot_be_reached_is_down_also_for_a_lookup),
        IN_SCENE(what_is_not_the_daemons_fault_does_not_make_it_down),
        IN_SCENE(what_is_not_the_daemons_fault_does_not_make_it_well_either),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
