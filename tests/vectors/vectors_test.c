/*
 * vectors_test.c - known answers: runs every file of the known shapes in the folders it is given.
 *
 *     vectors_test FOLDER...
 *
 * A file is known by the beginning of its name and by its keys: cs3a (two nodes, their opens and
 * lines), cs3a-invalid (packets for node B of a cs3a file, which its "about" may name), packet,
 * hashname, dht. Exit 0: all passed, 1: not, 77: there is no such folder.
 */
#include "tests/vectors/vectors.h"

#include "switch/wire/hashname.h"
#include "switch/wire/packet.h"

#include <dirent.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const json_t *vectors_at(const json_t *json, const char *outer, const char *inner)
{
    return json_object_get(json_object_get(json, outer), inner);
}

const char *vectors_text(const json_t *json, const char *key)
{
    return json_string_value(json_object_get(json, key));
}

json_int_t vectors_number(const json_t *json, const char *key, json_int_t missing)
{
    const json_t *value = json_object_get(json, key);

    return value ? json_integer_value(value) : missing;
}

static void same_json(struct test_run *run, struct th_bytes head, const char *wanted)
{
    json_t *got = json_loadb((const char *)head.at, head.len, JSON_ALLOW_NUL, NULL);
    json_t *known = json_loads(wanted, JSON_ALLOW_NUL, NULL);

    test_expect(run, got && known && json_equal(got, known), "the head is not the known JSON");
    json_decref(got);
    json_decref(known);
}

/* --- packet, hashname, dht -------------------------------------------------------------------------- */

static void run_encode(struct test_run *run, const json_t *json)
{
    struct test_blob head = test_hex(run, vectors_text(json, "head"));
    struct test_blob body = test_hex(run, vectors_text(json, "body"));
    uint8_t packet[TEST_BLOB_MAX];
    size_t len = 0;

    enum th_err e =
        th_packet_write(packet, sizeof packet, &len, test_bytes(&head), test_bytes(&body));
    test_expect(run, e == TH_OK, "not written: %s", th_strerror(e));
    test_same(run, "packet", (struct th_bytes){packet, len}, vectors_text(json, "packet"));
    if (vectors_text(json, "json"))
        test_expect(run,
                    th_bytes_are_equal(test_bytes(&head), th_bytes_of(vectors_text(json, "json"))),
                    "head and json differ");
}

static void run_decode(struct test_run *run, const json_t *json)
{
    struct test_blob bytes = test_hex(run, vectors_text(json, "packet"));
    bool is_valid = json_is_true(json_object_get(json, "spec_valid"));
    struct th_packet packet;

    enum th_drop why = th_packet_read(&packet, test_bytes(&bytes));
    if (!test_expect(run, is_valid == (why == TH_DROP_NONE), "%s, should be %s", th_drop_name(why),
                     is_valid ? "valid" : "dropped") ||
        !is_valid)
        return;
    test_expect(run, vectors_number(json, "head_length", -1) == (json_int_t)packet.head.len,
                "head_length differs");
    test_same(run, "head", packet.head, vectors_text(json, "head"));
    test_same(run, "body", packet.body, vectors_text(json, "body"));
    test_expect(run, (packet.kind == TH_PACKET_JSON) == (vectors_text(json, "json") != NULL),
                "kind differs");
    if (vectors_text(json, "json"))
        same_json(run, packet.head, vectors_text(json, "json"));
}

static void run_fingerprint(struct test_run *run, const json_t *json)
{
    struct test_blob key = test_hex(run, vectors_text(json, "public"));
    struct th_fingerprint fp;

    th_fingerprint_of(&fp, key.b, key.len);
    test_same(run, "fingerprint", (struct th_bytes){fp.b, sizeof fp.b},
              vectors_text(json, "fingerprint"));
}

static void run_hashname(struct test_run *run, const json_t *json)
{
    struct th_parts parts = {0};
    struct th_hashname hashname;
    const char *csid_hex;
    json_t *item;

    json_object_foreach(json_object_get(json, "parts"), csid_hex, item)
    {
        struct th_fingerprint fp;
        uint8_t csid;

        test_fixed(run, fp.b, sizeof fp.b, json_string_value(item));
        test_expect(run, th_hex_read(&csid, 1, csid_hex, strlen(csid_hex)), "%s is no csid",
                    csid_hex);
        test_expect(run, th_parts_add(&parts, csid, &fp), "%s cannot be added", csid_hex);
    }
    th_hashname_of(&hashname, &parts);
    test_same(run, "hashname", (struct th_bytes){hashname.b, sizeof hashname.b},
              vectors_text(json, "hashname"));
}

static void run_distance(struct test_run *run, const json_t *json)
{
    json_int_t wanted = vectors_number(json, "bucket", -1);
    struct th_hashname a, b;

    test_fixed(run, a.b, sizeof a.b, vectors_text(json, "a"));
    test_fixed(run, b.b, sizeof b.b, vectors_text(json, "b"));
    test_expect(run, th_hashname_bucket(&a, &b) == wanted, "bucket %d, should be %d",
                th_hashname_bucket(&a, &b), (int)wanted);
    test_expect(run, th_hashname_bucket(&b, &a) == wanted, "not the same from the other side");
}

static void run_each(struct test_run *run, const json_t *list,
                     void (*run_one)(struct test_run *run, const json_t *json))
{
    size_t i;
    json_t *item;

    json_array_foreach(list, i, item)
    {
        char number[32];

        snprintf(number, sizeof number, "number %zu", i + 1);
        test_case_begin(run, vectors_text(item, "name") ? vectors_text(item, "name") : number);
        run_one(run, item);
        test_case_end(run);
    }
}

/* --- files and folders --------------------------------------------------------------------------- */

static void run_packet_file(struct test_run *run, const json_t *json)
{
    run_each(run, json_object_get(json, "encode"), run_encode);
    run_each(run, json_object_get(json, "decode"), run_decode);
}

static void run_hashname_file(struct test_run *run, const json_t *json)
{
    run_each(run, json_object_get(json, "fingerprint"), run_fingerprint);
    run_each(run, json_object_get(json, "hashnames"), run_hashname);
}

static void run_dht_file(struct test_run *run, const json_t *json)
{
    run_each(run, json_object_get(json, "distances"), run_distance);
}

static const struct shape {
    const char *prefix; /* of the file's name */
    const char *keys[2];
    void (*run_file)(struct test_run *run, const json_t *json);
} shapes[] = {
    {"cs3a", {"keys", "lines"}, vectors_cs3a},
    {"cs3a", {"cases", "lines_to_B_after_the_opens"}, vectors_cs3a_invalid},
    {"packet", {"encode", "decode"}, run_packet_file},
    {"hashname", {"fingerprint", "hashnames"}, run_hashname_file},
    {"dht", {"distances", "distances"}, run_dht_file},
};

static const struct shape *shape_of(const char *file, const json_t *json)
{
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        const struct shape *shape = &shapes[i];
        if (strncmp(file, shape->prefix, strlen(shape->prefix)) == 0 &&
            json_object_get(json, shape->keys[0]) && json_object_get(json, shape->keys[1]))
            return shape;
    }
    return NULL;
}

/* Returns how many cases ran; counts failures, a file that cannot be read too. */
static unsigned run_file(const char *folder, const char *file, unsigned *failed)
{
    struct test_run run = {.folder = folder, .file = file};
    char path[1024];
    json_error_t error;

    snprintf(path, sizeof path, "%s/%s", folder, file);
    json_t *json = json_load_file(path, 0, &error);
    const struct shape *shape = shape_of(file, json);
    if (json == NULL) {
        printf("%s: FAILED: line %d: %s\n", path, error.line, error.text);
        (*failed)++;
    } else if (shape == NULL) {
        printf("%s: skipped, not of a shape that is known here\n", path);
    } else {
        shape->run_file(&run, json);
        printf("%s: %u of %u cases passed", path, run.passed, run.passed + run.failed);
        printf(run.left ? ", %u left to core\n" : "\n", run.left);
    }
    json_decref(json);
    *failed += run.failed;
    return run.passed + run.failed;
}

static int is_json(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');

    return dot && strcmp(dot, ".json") == 0;
}

int main(int argc, char **argv)
{
    unsigned cases = 0, failed = 0;

    TH_CHECK(sodium_init() >= 0);
    for (int i = 1; i < argc; i++) {
        struct dirent **entries;
        int count = scandir(argv[i], &entries, is_json, alphasort);

        if (count < 0) {
            printf("skipped: there is no folder %s\n", argv[i]);
            continue;
        }
        for (int n = 0; n < count; n++) {
            cases += run_file(argv[i], entries[n]->d_name, &failed);
            free(entries[n]);
        }
        free(entries);
    }
    if (cases == 0 && failed == 0) {
        printf("skipped: no cases (usage: vectors_test FOLDER...)\n");
        return 77;
    }
    printf("%u cases, %u failed\n", cases, failed);
    return failed ? 1 : 0;
}
