#include "tools/app/doctor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/test_cmocka.h"

/* A node on which nothing is wrong, up for an hour. Tests make one thing bad. */
struct scene {
    struct th_switch_status status;
    struct th_switch_lines *lines;
    struct th_router_table *table;
    struct th_bootstrap_status bootstrap;
    struct th_dialer_status dialer;
    struct th_bootstrap_sources *sources;
    struct th_keeper_status keeper;
    struct th_settings_status settings;
    struct th_server_look row[2];
    struct th_doctor_facts facts;
    struct th_findings findings;
};

enum { HOUR_MS = 3600000 };

static int make_scene(void **state)
{
    struct scene *s = calloc(1, sizeof *s);

    s->lines = calloc(1, sizeof *s->lines + sizeof s->lines->line[0]);
    s->lines->count = 1;
    s->lines->line[0].is_up = true;
    s->table = calloc(1, sizeof *s->table + sizeof s->table->link[0]);
    s->table->count = 1;
    s->table->link[0].is_up = true;
    s->table->bucket[255].links = 1;
    s->sources = calloc(1, sizeof *s->sources + 2 * sizeof s->sources->source[0]);
    s->sources->count = 2;
    for (unsigned i = 0; i < 2; i++)
        s->sources->source[i] = (struct th_source_look){.id = {{(uint8_t)(0xa0 + i)}},
                                                        .is_configured = true,
                                                        .is_line_up = true,
                                                        .is_linked = true,
                                                        .was_reached = true};
    s->status.listen_count = 1;
    s->status.listen[0] =
        (struct th_addr){.ip = {192, 168, 1, 2}, .port = 42424, .family = TH_FAMILY_IPV4};
    s->status.rx_packets = s->status.tx_packets = 1000;
    s->status.rcvbuf = 4 << 20;
    s->status.has_kernel_drops = true;
    s->bootstrap = (struct th_bootstrap_status){.state = TH_NODE_READY, .links = 1};
    s->keeper = (struct th_keeper_status){.has_saved = true, .saved_ms = 5000};
    s->settings.disk = (struct th_disk_look){.dir = "/var/lib/telehash",
                                             .is_writable = true,
                                             .free_bytes = 1u << 30,
                                             .dir_mode = 0700,
                                             .has_identity = true,
                                             .identity_mode = 0600,
                                             .has_files = true,
                                             .newest_ahead_ms = -5000};
    s->row[0] = (struct th_server_look){.name = "router", .mailbox_max = 100};
    s->row[1] = (struct th_server_look){.name = "dialer", .mailbox_max = 100};
    s->facts = (struct th_doctor_facts){.look = {.now = {.mono = HOUR_MS, .wall = HOUR_MS},
                                                 .status = &s->status,
                                                 .lines = s->lines,
                                                 .bootstrap = &s->bootstrap,
                                                 .table = s->table,
                                                 .dialer = &s->dialer},
                                        .server_count = 2,
                                        .server = s->row,
                                        .watchdog_ms = 1000,
                                        .sources = s->sources,
                                        .keeper = &s->keeper,
                                        .settings = &s->settings,
                                        .socket_path = "/run/telehash/telehashd.sock",
                                        .socket_group = "telehash",
                                        .socket_mode = 0660};
    *state = s;
    return 0;
}

static int free_scene(void **state)
{
    struct scene *s = *state;

    free(s->lines);
    free(s->table);
    free(s->sources);
    free(s);
    return 0;
}

static void judge(struct scene *s)
{
    s->findings = (struct th_findings){0};
    th_doctor_judge(&s->findings, &s->facts);
}

/* The only line that is not good: of that check and verdict, with these words, and a next step. */
static void assert_only(struct scene *s, const char *check, enum th_verdict verdict,
                        const char *words)
{
    const struct th_finding *found = NULL;

    judge(s);
    for (unsigned i = 0; i < s->findings.count; i++) {
        const struct th_finding *f = &s->findings.finding[i];

        if (f->verdict == TH_VERDICT_OK)
            continue;
        if (found)
            fail_msg("beside \"%s\" there is \"%s\"", found->text, f->text);
        found = f;
    }
    if (found == NULL)
        fail_msg("all is good");
    assert_string_equal(found->check, check);
    assert_string_equal(th_verdict_word(found->verdict), th_verdict_word(verdict));
    if (strstr(found->text, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", found->text, words);
    if (verdict != TH_VERDICT_UNKNOWN && found->next[0] == '\0')
        fail_msg("\"%s\" has no next step", found->text);
}

static void nothing_wrong_is_all_good(void **state)
{
    struct scene *s = *state;
    static const char *const checks[] = {"clock", "ports",    "traffic", "buffers", "kernel",
                                         "seeds", "seed",     "seed",    "table",   "servers",
                                         "disk",  "identity", "saved",   "socket"};

    judge(s);
    assert_int_equal(s->findings.count, sizeof checks / sizeof checks[0]);
    for (unsigned i = 0; i < s->findings.count; i++) {
        assert_string_equal(s->findings.finding[i].check, checks[i]);
        assert_int_equal(s->findings.finding[i].verdict, TH_VERDICT_OK);
    }
}

static void a_wrong_clock_is_seen_by_peers_files_handshakes_and_steps(void **state)
{
    struct scene *s = *state;

    s->status.clock_ms = 2 * HOUR_MS;
    assert_only(s, "clock", TH_VERDICT_BAD, "2 h 0 min behind the clocks of at least three peers");
    s->status.clock_ms = 0;
    s->settings.disk.newest_ahead_ms = TH_DOCTOR_AHEAD_MS + 1;
    assert_only(s, "clock", TH_VERDICT_BAD, "in the future");
    s->settings.disk.newest_ahead_ms = TH_DOCTOR_AHEAD_MS;
    s->status.at_highest = HOUR_MS + TH_DOCTOR_AHEAD_MS + 1;
    assert_only(s, "clock", TH_VERDICT_WARN, "later than now");
    s->status.at_highest = 0;
    s->facts.stepped_ms = -TH_DOCTOR_STEP_MS - 1000;
    assert_only(s, "clock", TH_VERDICT_WARN, "set back by 31 s");
}

static void blocked_udp_is_sent_without_an_answer(void **state)
{
    struct scene *s = *state;

    s->status.rx_packets = 0;
    assert_only(s, "traffic", TH_VERDICT_BAD, "none has come: UDP is blocked");
    s->status.tx_packets = TH_DOCTOR_SENT_MIN - 1;
    assert_only(s, "traffic", TH_VERDICT_WARN, "little was sent");
    s->status.rx_packets = 5;
    s->lines->line[0].is_up = false;
    assert_only(s, "traffic", TH_VERDICT_WARN, "there is no line");
    s->lines->line[0].is_up = true;
    s->status.listen_count = 0;
    assert_only(s, "ports", TH_VERDICT_BAD, "listens nowhere");
}

static void small_buffers_and_drops_of_the_kernel_are_told(void **state)
{
    struct scene *s = *state;

    s->status.rcvbuf = 212992;
    assert_only(s, "buffers", TH_VERDICT_WARN, "is 212.9 kB, 4.1 MB were asked for");
    s->settings.rcvbuf = 212992;
    s->status.kernel_drops = 10;
    assert_only(s, "kernel", TH_VERDICT_WARN, "dropped 10 datagrams");
    s->status.kernel_drops = 11;
    assert_only(s, "kernel", TH_VERDICT_BAD, "dropped 11 datagrams");
    s->status.kernel_drops = 0;
    s->status.has_kernel_drops = false;
    assert_only(s, "kernel", TH_VERDICT_UNKNOWN, "nobody tells");
}

static void a_silent_seed_says_since_when_and_worries_only_when_all_are(void **state)
{
    struct scene *s = *state;
    struct th_source_look *seed = s->sources->source;

    seed[1].is_line_up = seed[1].is_linked = false;
    seed[1].fails = 3;
    seed[1].reached_ms = 90000;
    seed[1].next_ms = 4000;
    assert_only(s, "seed", TH_VERDICT_WARN,
                "a100000000000000 (no address known): not reached now; last 1 min ago; 3 tries "
                "since, the next in 4 s");
    seed[1].is_line_up = true;
    assert_only(s, "seed", TH_VERDICT_WARN, "there is a line, but 3 tries for a link failed");
    seed[1].is_line_up = seed[1].was_reached = false;
    assert_only(s, "seed", TH_VERDICT_WARN, "never reached; 3 tries failed");

    seed[0] = seed[1];
    s->bootstrap.links = 0;
    judge(s);
    unsigned bad = 0;
    for (unsigned i = 0; i < s->findings.count; i++)
        bad += s->findings.finding[i].verdict == TH_VERDICT_BAD;
    assert_int_equal(bad, 3); /* the sum, and each */

    s->sources->count = 0;
    assert_only(s, "seeds", TH_VERDICT_BAD, "nobody to join from");
}

static void seeds_whose_names_are_not_found_are_told(void **state)
{
    struct scene *s = *state;

    s->settings.names = 2;
    s->settings.names_failing = 1;
    strcpy(s->settings.failing, "seed.example.org");
    assert_only(s, "dns", TH_VERDICT_WARN, "of 2 seeds given by name 1 is not found");
}

static void more_seeds_than_find_a_line_do_not_push_out_the_rest(void **state)
{
    struct scene *s = *state;
    enum { MANY = 256 };

    s->sources = realloc(s->sources, sizeof *s->sources + MANY * sizeof s->sources->source[0]);
    s->facts.sources = s->sources;
    s->sources->count = MANY;
    for (unsigned i = 2; i < MANY; i++)
        s->sources->source[i] = s->sources->source[0];
    judge(s);
    assert_int_equal(s->findings.left_out, 0);
    assert_string_equal(s->findings.finding[s->findings.count - 1].check, "socket");
}

static void each_trouble_of_a_server_is_told(void **state)
{
    struct scene *s = *state;
    struct th_server_look *row = &s->row[0];

    row->doing = "test.busy";
    row->doing_us = 1000000;
    assert_only(s, "server", TH_VERDICT_BAD, "router hangs: in one callback (test.busy) for 1 s");
    row->doing = NULL;
    row->state = TH_SERVER_SUSPENDED;
    assert_only(s, "server", TH_VERDICT_WARN, "router is suspended");
    row->state = TH_SERVER_IDLE;
    row->mailbox_peak = 81;
    assert_only(s, "server", TH_VERDICT_WARN, "held 81 of 100 once");
    row->refused = 7;
    assert_only(s, "server", TH_VERDICT_WARN, "had no room for 7 messages");
    row->refused = row->mailbox_peak = 0;
    row->restarts = 2;
    assert_only(s, "server", TH_VERDICT_WARN, "was restarted 2 times");
    row->restarts = 0;
    row->longest_callback = "init";
    row->longest_callback_us = TH_DOCTOR_SLOW_US;
    assert_only(s, "server", TH_VERDICT_WARN, "once took 1 s for init");
}

static void a_disk_that_cannot_be_written_is_told(void **state)
{
    struct scene *s = *state;
    struct th_disk_look *disk = &s->settings.disk;

    disk->is_writable = false;
    assert_only(s, "disk", TH_VERDICT_BAD, "cannot be written to");
    disk->is_read_only = true;
    assert_only(s, "disk", TH_VERDICT_BAD, "read-only");
    disk->is_writable = true;
    disk->is_read_only = false;
    disk->free_bytes = TH_DOCTOR_ROOM_WARN - 1;
    assert_only(s, "disk", TH_VERDICT_WARN, "has 67.1 MB left");
    disk->free_bytes = 0;
    assert_only(s, "disk", TH_VERDICT_BAD, "has 0 B left");
    disk->failed = EACCES;
    assert_only(s, "disk", TH_VERDICT_BAD, "Permission denied");
    disk->failed = 0;
    disk->free_bytes = 1u << 30;
    s->keeper.is_failing = true;
    strcpy(s->keeper.say, "peers.json: No space left on device");
    assert_only(s, "saved", TH_VERDICT_BAD, "No space left");
    s->keeper = (struct th_keeper_status){.has_saved = true, .saved_ms = TH_DOCTOR_SAVED_MS + 1};
    assert_only(s, "saved", TH_VERDICT_WARN, "nothing was written for 1 min");
}

static void modes_that_let_others_in_are_told(void **state)
{
    struct scene *s = *state;

    s->settings.disk.identity_mode = 0640;
    assert_only(s, "identity", TH_VERDICT_BAD, "mode 640");
    s->settings.disk.identity_mode = 0600;
    s->settings.disk.dir_mode = 0777;
    assert_only(s, "identity", TH_VERDICT_WARN, "mode 777");
    s->settings.disk.dir_mode = 0700;
    s->facts.socket_mode = 0666;
    assert_only(s, "socket", TH_VERDICT_WARN, "mode 666");
    s->facts.socket_mode = 0;
    assert_only(s, "socket", TH_VERDICT_BAD, "is gone");
}

static void what_nobody_answers_is_unknown_and_never_good(void **state)
{
    struct scene *s = *state;

    s->facts = (struct th_doctor_facts){.watchdog_ms = 1000,
                                        .server = s->row,
                                        .socket_path = "/x",
                                        .socket_group = "y",
                                        .socket_mode = 0660};
    judge(s);
    for (unsigned i = 0; i < s->findings.count; i++) {
        const struct th_finding *f = &s->findings.finding[i];
        bool is_ours = strcmp(f->check, "servers") == 0 || strcmp(f->check, "socket") == 0;
        assert_int_equal(f->verdict, is_ours ? TH_VERDICT_OK : TH_VERDICT_UNKNOWN);
    }
}

static void findings_beyond_the_room_are_counted(void **state)
{
    struct scene *s = *state;

    for (unsigned i = 0; i < TH_FINDINGS_MAX + 3; i++) {
        th_find(&s->findings, "x", TH_VERDICT_WARN, "%u", i);
        th_advise(&s->findings, "next of %u", i);
    }
    assert_int_equal(s->findings.count, TH_FINDINGS_MAX);
    assert_int_equal(s->findings.left_out, 3);
    assert_string_equal(s->findings.finding[TH_FINDINGS_MAX - 1].next, "next of 39");
}

static void a_name_of_ours_without_an_address_is_told(void **state)
{
    struct scene *s = *state;

    s->settings.own_missing = 1;
    strcpy(s->settings.own, "node.example.org");
    assert_only(s, "dns", TH_VERDICT_WARN,
                "1 name of --advertise has no address, such as node.example.org");
}

static void an_address_that_is_waited_for_is_told(void **state)
{
    struct scene *s = *state;

    s->settings.listen_count = 3;
    s->settings.listen[0] = (struct th_addr){.port = 42424, .family = TH_FAMILY_IPV6}; /* [::] */
    s->settings.listen[1] = s->status.listen[0];
    s->settings.listen[1].port = 0;
    s->settings.listen[2] = s->status.listen[0];
    judge(s);
    for (unsigned i = 0; i < s->findings.count; i++)
        assert_int_equal(s->findings.finding[i].verdict, TH_VERDICT_OK);
    s->settings.listen[2].ip[3] = 3;
    assert_only(s, "ports", TH_VERDICT_WARN, "it does not listen on 192.168.1.3:42424 yet");
}

static void assert_row(const json_t *row, const char *key, const char *wanted)
{
    const char *text = json_string_value(json_object_get(row, key));

    assert_non_null(text);
    assert_string_equal(text, wanted);
}

/* A row about a folder with such a name was not there, and the exit code said that all is well. */
static void finding_about_a_name_that_is_no_utf8_is_a_row_too(void **state)
{
    struct scene *s = *state;
    char name[TH_FINDING_TEXT_MAX - 1] = "";

    th_find(&s->findings, "disk", TH_VERDICT_BAD, "/d\xe9 is \u20ac");
    th_advise(&s->findings, "ls /d\xe9");
    memset(name, 'x', sizeof name - 1);
    th_find(&s->findings, "disk", TH_VERDICT_WARN, "%s\u00fc",
            name); /* there is room for half of it */
    json_t *rows = th_findings_json(&s->findings);

    assert_int_equal(json_array_size(rows), 2);
    assert_row(json_array_get(rows, 0), "verdict", "bad");
    assert_row(json_array_get(rows, 0), "text", "/d? is \u20ac");
    assert_row(json_array_get(rows, 0), "next", "ls /d?");
    assert_row(json_array_get(rows, 1), "text", name);
    json_decref(rows);
}

int main(void)
{
#define IN_SCENE(test) cmocka_unit_test_setup_teardown(test, make_scene, free_scene)
    const struct CMUnitTest tests[] = {
        IN_SCENE(nothing_wrong_is_all_good),
        IN_SCENE(a_wrong_clock_is_seen_by_peers_files_handshakes_and_steps),
        IN_SCENE(blocked_udp_is_sent_without_an_answer),
        IN_SCENE(small_buffers_and_drops_of_the_kernel_are_told),
        IN_SCENE(a_silent_seed_says_since_when_and_worries_only_when_all_are),
        IN_SCENE(seeds_whose_names_are_not_found_are_told),
        IN_SCENE(more_seeds_than_find_a_line_do_not_push_out_the_rest),
        IN_SCENE(each_trouble_of_a_server_is_told),
        IN_SCENE(a_disk_that_cannot_be_written_is_told),
        IN_SCENE(modes_that_let_others_in_are_told),
        IN_SCENE(what_nobody_answers_is_unknown_and_never_good),
        IN_SCENE(a_name_of_ours_without_an_address_is_told),
        IN_SCENE(an_address_that_is_waited_for_is_told),
        IN_SCENE(findings_beyond_the_room_are_counted),
        IN_SCENE(finding_about_a_name_that_is_no_utf8_is_a_row_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
