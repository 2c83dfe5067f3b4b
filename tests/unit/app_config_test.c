#include "tools/app/config.h"

#include <string.h>

#include "tests/lib/test_cmocka.h"

static const struct th_environment root = {.uid = 0, .home = "/root"};
static const struct th_environment user = {
    .uid = 1000, .home = "/home/u", .xdg_runtime_dir = "/run/user/1000"};

#define READ(config, env, say, ...)                                                                \
    read_flags((config), (env), (say), (char *const[]){"telehashd", __VA_ARGS__, NULL})

/* What was read, to be freed at the end: a test reads many into one. */
static struct th_config kept[512];
static unsigned kept_count;

static enum th_err read_flags(struct th_config *config, const struct th_environment *env,
                              char say[TH_SAY_MAX], char *const argv[])
{
    int argc = 0;

    while (argv[argc])
        argc++;
    say[0] = '\0';
    enum th_err e = th_config_read(config, argc, argv, env, say);
    if (e == TH_OK)
        kept[kept_count++] = *config;
    return e;
}

static int clear_all(void **state)
{
    (void)state;
    while (kept_count > 0)
        th_config_clear(&kept[--kept_count]);
    return 0;
}

static void nothing_needs_to_be_said(void **state)
{
    (void)state;
    struct th_config config;
    char say[TH_SAY_MAX];

    assert_int_equal(READ(&config, &root, say, NULL), TH_OK);

    assert_int_equal(config.task, TH_TASK_RUN);
    assert_string_equal(config.state_dir, "/var/lib/telehash");
    assert_string_equal(config.socket, "/run/telehash/telehashd.sock");
    assert_false(config.is_socket_given);
    assert_int_equal(config.listen_count, 0);
    assert_int_equal(config.log_level, TH_LOG_INFO);
}

static void a_user_has_places_of_his_own(void **state)
{
    (void)state;
    struct th_config config;
    struct th_environment env = user;
    char say[TH_SAY_MAX];

    assert_int_equal(READ(&config, &env, say, NULL), TH_OK);
    assert_string_equal(config.state_dir, "/home/u/.local/state/telehash");
    assert_string_equal(config.socket, "/run/user/1000/telehash/telehashd.sock");

    env.xdg_state_home = "/data";
    env.xdg_runtime_dir = NULL;
    assert_int_equal(READ(&config, &env, say, NULL), TH_OK);
    assert_string_equal(config.state_dir, "/data/telehash");
    assert_string_equal(config.socket, "/data/telehash/telehashd.sock");

    env.has_run_user = true;
    assert_int_equal(READ(&config, &env, say, NULL), TH_OK);
    assert_string_equal(config.socket, "/run/user/1000/telehash/telehashd.sock");
}

/* A11 */
static void a_service_manager_names_the_places(void **state)
{
    (void)state;
    struct th_config config;
    struct th_environment env = root;
    char say[TH_SAY_MAX];

    env.state_directory = "/var/lib/private/th:/other";
    env.runtime_directory = "/run/th:/run/other";
    assert_int_equal(READ(&config, &env, say, NULL), TH_OK);
    assert_string_equal(config.state_dir, "/var/lib/private/th");
    assert_string_equal(config.socket, "/run/th/telehashd.sock");

    env.telehash_socket = "/tmp/s";
    assert_int_equal(READ(&config, &env, say, "--state", "/x"), TH_OK);
    assert_string_equal(config.state_dir, "/x");
    assert_string_equal(config.socket, "/tmp/s");
}

/* A11 */
static void every_flag_is_read(void **state)
{
    (void)state;
    struct th_config c;
    char say[TH_SAY_MAX], addr[TH_ADDR_TEXT_MAX];

    assert_int_equal(READ(&c, &user, say, "--state-dir=/s", "--socket", "/c", "--listen",
                          "127.0.0.1:0", "--listen", "[::1]:7", "--advertise", "host.example:1",
                          "--seeds", "a", "--seeds=b", "--threads", "1", "--k", "2", "--links-max",
                          "8", "--log-level", "debug"),
                     TH_OK);

    assert_string_equal(c.state_dir, "/s");
    assert_string_equal(c.socket, "/c");
    assert_true(c.is_socket_given);
    assert_int_equal(c.listen_count, 2);
    th_addr_write(addr, &c.listen[1]);
    assert_string_equal(addr, "[::1]:7");
    assert_int_equal(c.advertise_count, 1);
    assert_string_equal(c.advertise[0], "host.example:1");
    assert_int_equal(c.seeds_count, 2);
    assert_string_equal(c.seeds[1], "b");
    assert_true(c.is_one_loop);
    assert_int_equal(c.k, 2);
    assert_int_equal(c.links_max, 8);
    assert_int_equal(c.log_level, TH_LOG_DEBUG);
}

static void what_is_no_flag_or_value_is_named_in_one_line(void **state)
{
    (void)state;
    struct th_config config = {.k = 77};
    char say[TH_SAY_MAX];
    char *const cases[][3] = {
        {"--wrong", NULL, "--wrong"},
        {"word", NULL, "word"},
        {"--k", NULL, "--k needs a value"},
        {"--k", "1", "--k 1"},
        {"--k", "3x", "--k 3x"},
        {"--k", "-3", "--k -3"},
        {"--links-max", "7", "--links-max 7"},
        {"--threads", "2", "--threads 2"},
        {"--listen", "1.2.3.4", "--listen 1.2.3.4"},
        {"--listen", "name:1", "--listen name:1"},
        {"--advertise", "0.0.0.0:1", "--advertise 0.0.0.0:1"},
        {"--advertise", "[fe80::1]:1", "--advertise [fe80::1]:1"},
        {"--advertise", "name", "--advertise name"},
        {"--advertise", "name:0", "--advertise name:0"},
        {"--advertise", ":5", "--advertise :5"},
        {"--log-level", "loud", "--log-level loud"},
        {"--state-dir", "", "--state-dir"},
        {"--init=1", NULL, "--init takes no value"},
        {"", NULL, "unknown argument \"\""},
        {"--k", "", "--k \"\""},
        {"--k", "--init", "--k needs a value"},
        {"--seeds", "", "--seeds \"\""},
        {"--listen", "224.0.0.1:1", "multicast"},
        {"--listen", "[fe80::1]:1", "link-local"},
        {"--advertise", "2001:db8::1:1", "[2001:db8::1]:42424"},
        {"--advertise", "[::1:1", "HOST:PORT"},
        {"--advertise", "name: 1", "HOST:PORT"},
        {"--advertise", "300.1.1.1:1", "HOST:PORT"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(READ(&config, &user, say, cases[i][0], cases[i][1]), TH_INVALID);
        assert_non_null(strstr(say, cases[i][2]));
        assert_null(strchr(say, '\n'));
    }
    assert_int_equal(config.k, 77); /* untouched */
}

/* Once the last of two won, and nobody was told that the first one meant nothing. */
static void what_has_one_value_is_not_given_two(void **state)
{
    (void)state;
    struct th_config config;
    char say[TH_SAY_MAX];
    char *const flags[][2] = {{"--state-dir", "/a"}, {"--socket", "/a"},   {"--threads", "1"},
                              {"--k", "4"},          {"--links-max", "9"}, {"--log-level", "info"}};

    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        char *const *flag = flags[i];

        assert_int_equal(READ(&config, &user, say, flag[0], flag[1], flag[0], flag[1]), TH_INVALID);
        assert_non_null(strstr(say, "twice"));
    }
    assert_int_equal(READ(&config, &user, say, "--state-dir", "/a", "--state", "/a"), TH_INVALID);
    assert_int_equal(READ(&config, &user, say, "--init", "--init"), TH_OK);
}

static void a_path_too_long_for_a_socket_is_refused_by_name_and_length(void **state)
{
    (void)state;
    struct th_config config;
    char say[TH_SAY_MAX], path[TH_SOCKET_PATH_MAX + 1];

    memset(path, 'x', sizeof path);
    path[0] = '/';
    path[107] = '\0';
    assert_int_equal(READ(&config, &user, say, "--socket", path), TH_OK);

    path[107] = 'x';
    path[108] = '\0';
    assert_int_equal(READ(&config, &user, say, "--socket", path), TH_TOO_BIG);
    assert_non_null(strstr(say, path));
    assert_non_null(strstr(say, "108 bytes"));

    struct th_environment env = user;
    env.telehash_socket = path;
    assert_int_equal(READ(&config, &env, say, NULL), TH_TOO_BIG);
    assert_non_null(strstr(say, "TELEHASH_SOCKET"));
}

static void without_a_home_the_state_needs_a_flag(void **state)
{
    (void)state;
    struct th_config config;
    struct th_environment env = {.uid = 1000};
    char say[TH_SAY_MAX];

    assert_int_equal(READ(&config, &env, say, NULL), TH_INVALID);
    assert_non_null(strstr(say, "--state-dir"));
    assert_int_equal(READ(&config, &env, say, "--state-dir", "/s"), TH_INVALID);
    assert_non_null(strstr(say, "--socket"));
    assert_int_equal(READ(&config, &env, say, "--help"), TH_OK);
    assert_int_equal(config.task, TH_TASK_HELP);
}

static void a_task_is_chosen_by_its_flag(void **state)
{
    (void)state;
    struct th_config config;
    char say[TH_SAY_MAX];

    assert_int_equal(READ(&config, &user, say, "--init"), TH_OK);
    assert_int_equal(config.task, TH_TASK_INIT);
    assert_int_equal(READ(&config, &user, say, "--print-hashname", "--init"), TH_OK);
    assert_int_equal(config.task, TH_TASK_PRINT_HASHNAME);
    assert_int_equal(READ(&config, &user, say, "--version"), TH_OK);
    assert_int_equal(config.task, TH_TASK_VERSION);
    assert_int_equal(READ(&config, &user, say, "-h"), TH_OK);
    assert_int_equal(config.task, TH_TASK_HELP);
}

static void thctl_looks_for_the_users_socket_then_the_systems(void **state)
{
    (void)state;
    char paths[TH_SOCKET_CANDIDATES_MAX][TH_SOCKET_PATH_MAX], say[TH_SAY_MAX];
    struct th_environment env = user;

    assert_int_equal(th_socket_candidates(paths, NULL, &env, say), 2);
    assert_string_equal(paths[0], "/run/user/1000/telehash/telehashd.sock");
    assert_string_equal(paths[1], "/run/telehash/telehashd.sock");
    assert_int_equal(th_socket_candidates(paths, NULL, &root, say), 1);
    assert_string_equal(paths[0], "/run/telehash/telehashd.sock");

    env.telehash_socket = "/env";
    assert_int_equal(th_socket_candidates(paths, NULL, &env, say), 1);
    assert_string_equal(paths[0], "/env");
    assert_int_equal(th_socket_candidates(paths, "/flag", &env, say), 1);
    assert_string_equal(paths[0], "/flag");
}

static void what_may_pass_by_itself_ends_with_one(void **state)
{
    (void)state;

    assert_int_equal(th_exit_code(TH_OK), 0);
    assert_int_equal(th_exit_code(TH_IN_USE), 1);
    assert_int_equal(th_exit_code(TH_NO_MEMORY), 1);
    assert_int_equal(th_exit_code(TH_INVALID), 2);
    assert_int_equal(th_exit_code(TH_NEWER), 2);
    assert_int_equal(th_exit_code(TH_NO_PERMISSION), 2);
}

static void bridge_is_for_all_or_for_hashnames(void **state)
{
    (void)state;
    static const char id[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    struct th_config config;
    char say[TH_SAY_MAX];

    assert_int_equal(READ(&config, &root, say, NULL), TH_OK);
    assert_false(config.is_bridge_for_all || config.bridged_count > 0);
    assert_int_equal(READ(&config, &root, say, "--bridge", "all", "--bridge", (char *)id,
                          "--bridge-rate", "5000"),
                     TH_OK);
    assert_true(config.is_bridge_for_all);
    assert_int_equal(config.bridged_count, 1);
    assert_int_equal(config.bridged[0].b[1], 0x23);
    assert_int_equal(config.bridge_rate, 5000);

    assert_int_equal(READ(&config, &root, say, "--bridge", "some"), TH_INVALID);
    assert_non_null(strstr(say, "neither all nor"));
    assert_int_equal(READ(&config, &root, say, "--bridge-rate", "5000"), TH_INVALID);
    assert_non_null(strstr(say, "without --bridge"));
    assert_int_equal(READ(&config, &root, say, "--bridge", "all", "--bridge-rate", "999"),
                     TH_INVALID);
}

static void bridge_is_for_64_nodes(void **state)
{
    (void)state;
    static char id[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    char *argv[2 * (TH_BRIDGED_MAX + 1) + 2] = {"telehashd"};
    struct th_config config;
    char say[TH_SAY_MAX];

    for (unsigned i = 0; i <= TH_BRIDGED_MAX; i++) {
        argv[1 + 2 * i] = "--bridge";
        argv[2 + 2 * i] = id;
    }
    assert_int_equal(read_flags(&config, &root, say, argv), TH_INVALID);
    assert_non_null(strstr(say, "more than 64"));
    argv[1 + 2 * TH_BRIDGED_MAX] = NULL;
    assert_int_equal(read_flags(&config, &root, say, argv), TH_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_needs_to_be_said),
        cmocka_unit_test(a_user_has_places_of_his_own),
        cmocka_unit_test(a_service_manager_names_the_places),
        cmocka_unit_test(every_flag_is_read),
        cmocka_unit_test(what_is_no_flag_or_value_is_named_in_one_line),
        cmocka_unit_test(what_has_one_value_is_not_given_two),
        cmocka_unit_test(a_path_too_long_for_a_socket_is_refused_by_name_and_length),
        cmocka_unit_test(without_a_home_the_state_needs_a_flag),
        cmocka_unit_test(a_task_is_chosen_by_its_flag),
        cmocka_unit_test(thctl_looks_for_the_users_socket_then_the_systems),
        cmocka_unit_test(what_may_pass_by_itself_ends_with_one),
        cmocka_unit_test(bridge_is_for_all_or_for_hashnames),
        cmocka_unit_test(bridge_is_for_64_nodes),
    };

    return cmocka_run_group_tests(tests, NULL, clear_all);
}
