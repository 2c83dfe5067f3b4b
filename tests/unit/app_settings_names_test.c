#include "tools/app/settings_inside.h"

#include <string.h>

#include "tests/lib/test_cmocka.h"

/* A daemon whose two names to advertise had no address at the start. */
struct scene {
    struct th_seed_host missing[2];
    struct th_paths advertised;
    struct th_settings_config config;
    struct th_self self;
    struct settings s;
};

static struct th_addr addr(const char *text)
{
    struct th_addr a;

    assert_true(th_addr_read(&a, text, strlen(text)));
    return a;
}

static void init(struct scene *scene)
{
    *scene =
        (struct scene){.missing = {{"a.example", 1}, {"b.example", 2}}, .self = {.now = {1000, 0}}};
    scene->config = (struct th_settings_config){
        .advertised = &scene->advertised, .missing_count = 2, .missing = scene->missing};
    scene->s.config = &scene->config;
    th_settings_names_init(&scene->s, &scene->self);
}

static void answer(struct scene *scene, unsigned k, const char *address)
{
    struct th_resolved resolved = {.host = scene->missing[k]};

    if (address)
        resolved.paths = (struct th_paths){.count = 1, .addr = {addr(address)}};
    th_settings_name_found(&scene->s, &scene->self, &resolved);
}

static void a_late_answer_is_booked_on_the_name_that_it_is_about(void **state)
{
    (void)state;
    struct scene scene;
    init(&scene);
    unsigned asked = scene.s.name, other = 1 - asked;

    answer(&scene, asked, NULL); /* so that the other is asked for */
    assert_int_equal(scene.s.name, other);
    answer(&scene, asked, "192.0.2.1:1");

    assert_true(scene.config.is_found[asked]);
    assert_false(scene.config.is_found[other]);
    assert_int_equal(scene.s.name, other);
    assert_true(scene.s.name_at < TH_NEVER);
}

static void a_second_answer_adds_no_address_twice_and_puts_off_no_other_name(void **state)
{
    (void)state;
    struct scene scene;
    init(&scene);
    unsigned asked = scene.s.name, other = 1 - asked;

    answer(&scene, asked, "192.0.2.1:1");
    scene.self.now.mono += 500;
    th_ms at = scene.s.name_at;
    answer(&scene, asked, "192.0.2.1:1");
    answer(&scene, asked, NULL);

    assert_int_equal(scene.config.found.count, 1);
    assert_false(scene.config.is_found[other]);
    assert_true(scene.s.name_at == at);
    assert_int_equal(scene.s.name_fails, 0);
}

static void an_address_that_is_told_already_is_left_out(void **state)
{
    (void)state;
    struct scene scene;
    init(&scene);
    scene.advertised = (struct th_paths){.count = 1, .addr = {addr("192.0.2.1:1")}};

    answer(&scene, 0, "192.0.2.1:1");
    answer(&scene, 1, "192.0.2.1:2");

    assert_int_equal(scene.config.found.count, 1);
    assert_int_equal(scene.config.found.addr[0].port, 2);
    assert_true(scene.s.name_at == TH_NEVER);
}

static void names_that_were_not_found_so_far_are_told(void **state)
{
    (void)state;
    struct scene scene;
    struct th_settings_status status = {0};
    init(&scene);

    th_settings_names_status(&scene.s, &status);
    assert_int_equal(status.own_missing, 2);
    answer(&scene, 0, "192.0.2.1:1");
    status = (struct th_settings_status){0};
    th_settings_names_status(&scene.s, &status);
    assert_int_equal(status.own_missing, 1);
    assert_string_equal(status.own, "b.example");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_late_answer_is_booked_on_the_name_that_it_is_about),
        cmocka_unit_test(a_second_answer_adds_no_address_twice_and_puts_off_no_other_name),
        cmocka_unit_test(an_address_that_is_told_already_is_left_out),
        cmocka_unit_test(names_that_were_not_found_so_far_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
