#include "tools/web/cache.h"

#include <pthread.h>
#include <semaphore.h>
#include <string.h>

#include "tests/lib/test_cmocka.h"

enum { CLIENTS = TH_WEB_WAITING_MAX + 6 };

/* A daemon that can be made to fail, or to answer only when it is let. */
struct scene {
    struct th_web_cache *cache;
    th_ms now;
    atomic_uint asked;
    bool is_down, is_slow;
    sem_t is_asked, may_answer;
    sem_t is_done; /* a client has its answer */
    atomic_uint good, bad;
};

static struct th_web_answer *fetch(void *data, enum th_web_what what)
{
    struct scene *s = data;
    unsigned nth = atomic_fetch_add(&s->asked, 1) + 1;

    sem_post(&s->is_asked);
    if (s->is_slow)
        sem_wait(&s->may_answer);
    if (s->is_down)
        return th_web_answer_why_not(what, "nobody is there");
    return th_web_answer_of(what, json_pack("{s:i, s:b}", "nth", (int)nth, "healthy", 1));
}

static th_ms now(void *data)
{
    return ((struct scene *)data)->now;
}

static int make_scene(void **state)
{
    static struct scene scene;

    memset(&scene, 0, sizeof scene);
    scene.now = 5000;
    sem_init(&scene.is_asked, 0, 0);
    sem_init(&scene.may_answer, 0, 0);
    sem_init(&scene.is_done, 0, 0);
    *state = &scene;
    return th_web_cache_new(
               &scene.cache,
               &(struct th_web_cache_config){.fetch = fetch, .now = now, .data = &scene}) == TH_OK
               ? 0
               : -1;
}

static int free_scene(void **state)
{
    struct scene *s = *state;

    th_web_cache_free(s->cache);
    sem_destroy(&s->is_asked);
    sem_destroy(&s->may_answer);
    sem_destroy(&s->is_done);
    return 0;
}

static void assert_says(struct scene *s, enum th_web_what what, const char *json)
{
    struct th_web_answer *answer = th_web_cache_get(s->cache, what);

    assert_non_null(answer);
    assert_string_equal(answer->text[TH_WEB_JSON].at, json);
    th_web_answer_release(answer);
}

static void daemon_is_asked_once_a_second_however_many_want_to_know(void **state)
{
    struct scene *s = *state;

    for (int i = 0; i < 1000; i++)
        assert_says(s, TH_WEB_STATUS, "{\"nth\":1,\"healthy\":true}\n");
    assert_int_equal(s->asked, 1);
    assert_says(s, TH_WEB_HEALTH, "{\"nth\":2,\"healthy\":true}\n"); /* another thing */
    s->now += TH_WEB_FRESH_MS - 1;
    assert_says(s, TH_WEB_STATUS, "{\"nth\":1,\"healthy\":true}\n");
    s->now += 1;
    assert_says(s, TH_WEB_STATUS, "{\"nth\":3,\"healthy\":true}\n");
}

static void failure_is_asked_about_once_a_second_as_well(void **state)
{
    struct scene *s = *state;
    s->is_down = true;

    for (int i = 0; i < 1000; i++)
        assert_says(s, TH_WEB_STATUS, "{\"error\":\"nobody is there\"}\n");
    assert_int_equal(s->asked, 1);
    s->is_down = false;
    s->now += TH_WEB_FRESH_MS;
    assert_says(s, TH_WEB_STATUS, "{\"nth\":2,\"healthy\":true}\n");
}

static void *client(void *data)
{
    struct scene *s = data;
    struct th_web_answer *answer = th_web_cache_get(s->cache, TH_WEB_PEERS);

    atomic_fetch_add(answer && answer->is_good ? &s->good : &s->bad, 1);
    th_web_answer_release(answer);
    sem_post(&s->is_done);
    return NULL;
}

/* One asks, as many as there is room for wait with it, the others are told at once. */
static void only_so_many_wait_for_a_daemon_that_hangs(void **state)
{
    struct scene *s = *state;
    pthread_t thread[CLIENTS];
    s->is_slow = true;

    pthread_create(&thread[0], NULL, client, s);
    sem_wait(&s->is_asked);
    for (int i = 1; i < CLIENTS; i++)
        pthread_create(&thread[i], NULL, client, s);
    for (int i = 0; i < CLIENTS - 1 - TH_WEB_WAITING_MAX; i++)
        sem_wait(&s->is_done);
    unsigned refused = s->bad, waiting = th_web_cache_waiting(s->cache);
    sem_post(&s->may_answer);
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(thread[i], NULL);

    assert_int_equal(refused, CLIENTS - 1 - TH_WEB_WAITING_MAX);
    assert_true(waiting <= TH_WEB_WAITING_MAX);
    assert_int_equal(s->good, 1 + TH_WEB_WAITING_MAX);
    assert_int_equal(s->bad, refused);
    assert_int_equal(s->asked, 1);
    assert_int_equal(th_web_cache_waiting(s->cache), 0);
}

/* Else a daemon that hangs would keep everybody waiting again and again. */
static void nobody_waits_for_a_daemon_that_failed_before(void **state)
{
    struct scene *s = *state;
    pthread_t thread;
    s->is_down = true;
    assert_says(s, TH_WEB_PEERS, "{\"error\":\"nobody is there\"}\n");
    s->now += TH_WEB_FRESH_MS;
    s->is_slow = true;
    sem_wait(&s->is_asked);

    pthread_create(&thread, NULL, client, s);
    sem_wait(&s->is_asked);
    assert_says(s, TH_WEB_PEERS, "{\"error\":\"nobody is there\"}\n"); /* while the other waits */
    sem_post(&s->may_answer);
    pthread_join(thread, NULL);

    assert_int_equal(s->asked, 2);
}

static void metrics_come_in_all_forms_and_an_ill_node_as_health(void **state)
{
    struct scene *s = *state;
    struct th_web_answer *metrics = th_web_cache_get(s->cache, TH_WEB_METRICS);
    s->is_down = true;
    struct th_web_answer *health = th_web_cache_get(s->cache, TH_WEB_HEALTH);

    assert_non_null(strstr(metrics->text[TH_WEB_OPENMETRICS].at, "# TYPE telehash_build info\n"));
    assert_non_null(strstr(metrics->text[TH_WEB_PLAIN].at, "# TYPE telehash_build_info gauge\n"));
    assert_false(health->is_good || health->is_healthy);
    assert_string_equal(health->text[TH_WEB_JSON].at,
                        "{\"alive\":null,\"healthy\":false,\"summary\":\"nobody is there\","
                        "\"reasons\":[],\"error\":\"nobody is there\"}\n");
    th_web_answer_release(metrics);
    th_web_answer_release(health);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(daemon_is_asked_once_a_second_however_many_want_to_know,
                                        make_scene, free_scene),
        cmocka_unit_test_setup_teardown(failure_is_asked_about_once_a_second_as_well, make_scene,
                                        free_scene),
        cmocka_unit_test_setup_teardown(only_so_many_wait_for_a_daemon_that_hangs, make_scene,
                                        free_scene),
        cmocka_unit_test_setup_teardown(nobody_waits_for_a_daemon_that_failed_before, make_scene,
                                        free_scene),
        cmocka_unit_test_setup_teardown(metrics_come_in_all_forms_and_an_ill_node_as_health,
                                        make_scene, free_scene),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
