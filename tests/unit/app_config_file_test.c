#include "tools/app/config_table.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/test_cmocka.h"

static char path[] = "/tmp/th-config-XXXXXX";

static int make_path(void **state)
{
    (void)state;
    int fd = mkstemp(path);

    return fd < 0 ? -1 : close(fd);
}

static int remove_path(void **state)
{
    (void)state;
    return unlink(path);
}

/* Reads what a file says, with flags besides. */
static enum th_err read_with(struct th_config *config, const char *text, char *const flags[],
                             char say[TH_SAY_MAX])
{
    const struct th_environment env = {.uid = 0, .config_file = path};
    char *argv[16] = {"telehashd"};
    int argc = 1;
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    for (; flags && flags[argc - 1]; argc++)
        argv[argc] = flags[argc - 1];
    say[0] = '\0';
    return th_config_read(config, argc, argv, &env, say);
}

static enum th_err read_file(struct th_config *config, const char *text, char say[TH_SAY_MAX])
{
    return read_with(config, text, NULL, say);
}

/* A11 */
static void a_file_says_what_flags_say(void **state)
{
    (void)state;
    struct th_config c;
    char say[TH_SAY_MAX];

    assert_int_equal(read_file(&c,
                               "// ours\n{ \"state_dir\": \"/s\", // a folder\n"
                               "  \"listen\": [\"127.0.0.1:0\", \"[::1]:7\"],\n"
                               "  \"advertise\": \"host.example:1\", // one needs no list\n"
                               "  \"k\": 4, \"links_max\": 9, \"threads\": 1, \"identity\": null,\n"
                               "  \"log_level\": \"debug\", \"log_format\": \"json\" }\n",
                               say),
                     TH_OK);

    assert_string_equal(c.state_dir, "/s");
    assert_int_equal(c.listen_count, 2);
    assert_int_equal(c.advertise_count, 1);
    assert_string_equal(c.advertise[0], "host.example:1");
    assert_int_equal(c.k, 4);
    assert_int_equal(c.links_max, 9);
    assert_true(c.is_one_loop && c.is_log_json);
    assert_null(c.identity);
    assert_int_equal(c.log_level, TH_LOG_DEBUG);
    assert_string_equal(c.file_in_use, path);
    th_config_clear(&c);
}

static void a_flag_overrides_the_file(void **state)
{
    (void)state;
    struct th_config c;
    char say[TH_SAY_MAX];

    assert_int_equal(read_with(&c, "{\"k\": 4, \"listen\": [\"127.0.0.1:1\", \"127.0.0.1:2\"]}",
                               (char *[]){"--listen", "127.0.0.1:0", NULL}, say),
                     TH_OK);
    assert_int_equal(c.k, 4);
    assert_int_equal(c.listen_count, 1);
    assert_int_equal(c.listen[0].port, 0);
    th_config_clear(&c);
}

static void slashes_in_a_text_are_no_comment(void **state)
{
    (void)state;
    struct th_config c;
    char say[TH_SAY_MAX];

    assert_int_equal(read_file(&c, "{\"state_dir\": \"/a//b\\\"//\"}", say), TH_OK);
    assert_string_equal(c.state_dir, "/a//b\"//");
    th_config_clear(&c);
}

static void what_is_wrong_is_named_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned line;
        const char *words;
    } cases[] = {
        {"", 1, ""},
        {"\n\n{", 3, ""},
        {"[]", 1, "a list"},
        {"{\n\"k\": 4,\n\"k\": 5}", 3, "duplicate"},
        {"// a \" in a comment\n{\n// \"k\": 1\n\"k\": 1}", 4, "k 1: is no number 2 to 64"},
        {"{\n\"links_max\": 256,\n\"kk\": 4}", 3, "kk: unknown key"},
        {"{\"a\": {\"k\": 1}}", 1, "a: unknown key"},
        {"{\n\n\"lisen\": []}", 3, "lisen: unknown key; did you mean listen?"},
        {"{\n\"log-level\": \"info\"}", 2, "did you mean log_level?"},
        {"{\n\"help\": true}", 2, "help: unknown key"},
        {"{\n\"k\": \"4\"}", 2, "k: is no whole number"},
        {"{\n\"k\": 4.5}", 2, "k: is no whole number"},
        {"{\n\"k\": true}", 2, "k: is no whole number"},
        {"{\n\"socket\": 7}", 2, "socket: is no text"},
        {"{\n\"socket\": [\"/a\"]}", 2, "socket: is no text"},
        {"{\n\"listen\": 7}", 2, "listen: is neither a text"},
        {"{\n\"listen\": [\n\"127.0.0.1:0\",\n7]}", 4, "listen: is neither a text"},
        {"{\n\"listen\": [\"127.0.0.1:0\",\n\"127.0.0.1\"]}", 3, "listen 127.0.0.1: is no ADDR"},
        {"{\n\"k\": 16,\n\"links_max\": 4}", 3, "links_max 4: is below the 16 links"},
        {"{\n\"seed\": \"telehash://00\"}", 2, "64 hex digits"},
        {"{\n\"log_level\": \"loud\"}", 2, "log_level loud: is none of"},
        {"{\n\"log_format\": \"xml\"}", 2, "log_format xml: is neither"},
        {"{\n\"rcvbuf\": 1}", 2, "rcvbuf 1: is no number 4096"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct th_config c = {.k = 77};
        char say[TH_SAY_MAX], where[64];

        assert_int_not_equal(read_file(&c, cases[i].text, say), TH_OK);
        snprintf(where, sizeof where, "%s: line %u: ", path, cases[i].line);
        if (strncmp(say, where, strlen(where)) != 0 || strstr(say, cases[i].words) == NULL)
            fail_msg("%s\n%s", cases[i].text, say);
        assert_int_equal(c.k, 77);
    }
}

static void what_a_flag_overrides_must_be_right_all_the_same(void **state)
{
    (void)state;
    struct th_config c;
    char say[TH_SAY_MAX];

    assert_int_equal(read_with(&c, "{\"k\": \"x\"}", (char *[]){"--k", "4", NULL}, say),
                     TH_INVALID);
}

static void a_file_that_was_named_must_be_there(void **state)
{
    (void)state;
    const struct th_environment env = {.uid = 0, .config_file = "/nowhere/telehashd.conf"};
    struct th_config c;
    char say[TH_SAY_MAX];

    assert_int_equal(th_config_read(&c, 1, (char *[]){"telehashd", NULL}, &env, say), TH_OK);
    assert_string_equal(c.file_in_use, "");
    th_config_clear(&c);
    assert_int_equal(
        th_config_read(&c, 2, (char *[]){"telehashd", "--config=/nowhere/a", NULL}, &env, say),
        TH_NO_ENTRY);
    assert_non_null(strstr(say, "/nowhere/a: no such file"));
}

static void what_is_printed_can_be_read_and_is_what_holds_without_it(void **state)
{
    (void)state;
    const struct th_environment none = {.uid = 0};
    struct th_config with, without;
    char say[TH_SAY_MAX], *text;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    th_config_print(out);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(read_file(&with, text, say), TH_OK);
    assert_int_equal(th_config_read(&without, 1, (char *[]){"telehashd", NULL}, &none, say), TH_OK);

    assert_string_equal(with.state_dir, without.state_dir);
    assert_string_equal(with.socket, without.socket);
    assert_int_equal(with.listen_count, 0);
    assert_int_equal(with.log_level, without.log_level);
    for (unsigned i = 0; i < th_config_key_count; i++) {
        char name[TH_KEY_NAME_MAX];

        th_config_file_name(name, &th_config_keys[i]);
        if (th_config_keys[i].kind != TH_KEY_TASK)
            assert_non_null(strstr(text, name));
    }
    th_config_clear(&with);
    th_config_clear(&without);
    free(text);
}

struct changes {
    unsigned count;
    char text[400];
};

static void note_change(void *data, const char *key, const char *was, const char *is, bool is_live)
{
    struct changes *changes = data;
    size_t len = strlen(changes->text);

    changes->count++;
    snprintf(changes->text + len, sizeof changes->text - len, "%s %s %s %d\n", key, was, is,
             is_live);
}

static void what_changed_is_told_by_key(void **state)
{
    (void)state;
    struct th_config old, now;
    struct changes changes = {0};
    char say[TH_SAY_MAX];

    assert_int_equal(
        read_file(&old, "{\"k\": 4, \"seeds\": [\"a\", \"b\"], \"rcvbuf\": 5000}", say), TH_OK);
    assert_int_equal(read_file(&now,
                               "{\"k\": 4, \"seeds\": [\"a\"], \"rcvbuf\": 6000,\n"
                               "\"log_level\": \"debug\"}",
                               say),
                     TH_OK);

    th_config_compare(&old, &now, note_change, &changes);
    assert_string_equal(changes.text, "seeds [\"a\", \"b\"] [\"a\"] 1\n"
                                      "rcvbuf 5000 6000 0\n"
                                      "log_level null \"debug\" 1\n");
    changes.count = 0;
    th_config_compare(&now, &now, note_change, &changes);
    assert_int_equal(changes.count, 0);
    th_config_clear(&old);
    th_config_clear(&now);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_says_what_flags_say),
        cmocka_unit_test(a_flag_overrides_the_file),
        cmocka_unit_test(slashes_in_a_text_are_no_comment),
        cmocka_unit_test(what_is_wrong_is_named_with_its_line),
        cmocka_unit_test(what_a_flag_overrides_must_be_right_all_the_same),
        cmocka_unit_test(a_file_that_was_named_must_be_there),
        cmocka_unit_test(what_is_printed_can_be_read_and_is_what_holds_without_it),
        cmocka_unit_test(what_changed_is_told_by_key),
    };

    return cmocka_run_group_tests(tests, make_path, remove_path);
}
