/* Memory of events: what is in a ring, what comes from malloc, and who may give it back. */
#include "tests/unit/run_threads.h"

#include "switch/run/event_ring.h"
#include "switch/run/place.h"

enum { MORE = 3 };

struct held {
    struct th_event *event[TH_EVENT_RING + MORE];
};

static void take_all(struct th_event_ring *ring, struct held *held)
{
    for (int i = 0; i < TH_EVENT_RING; i++)
        held->event[i] = th_run_event_ring_take(ring);
}

static void next_event_is_taken_again_once_it_was_given_back(void **state)
{
    (void)state;
    struct th_event_ring ring = {0};
    struct held held;
    take_all(&ring, &held);

    th_run_event_ring_give(held.event[1]);
    assert_null(th_run_event_ring_take(&ring));
    assert_null(th_run_event_ring_take(&ring));
    assert_int_equal(ring.held, 2);

    th_run_event_ring_give(held.event[0]);
    assert_ptr_equal(th_run_event_ring_take(&ring), held.event[0]);
    assert_ptr_equal(th_run_event_ring_take(&ring), held.event[1]);
    assert_int_equal(ring.held, 2);
    for (int i = 0; i < TH_EVENT_RING; i++)
        th_run_event_ring_give(held.event[i]);
    th_run_event_ring_clear(&ring);
}

static void ring_without_memory_gives_no_event(void **state)
{
    (void)state;
    struct th_event_ring ring = {0};

    th_mem_refuse(1);
    assert_null(th_run_event_ring_take(&ring));

    assert_int_equal(ring.held, 0);
    th_run_event_ring_clear(&ring);
}

static void event_that_is_still_held_can_be_given_back_after_its_ring_has_ended(void **state)
{
    (void)state;
    struct th_event_ring ring = {0};
    struct th_event *event = th_run_event_ring_take(&ring);
    void *memory = ring.memory;

    th_run_event_ring_clear(&ring);
    assert_null(ring.memory);
    th_run_event_ring_give(event);

    th_mem_free(memory); /* which the ring had to leave behind */
}

/* on_msg: makes more events than the place's ring has. */
static enum th_err makes_many(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    struct held *held = probe->data;

    for (int i = 0; i < TH_EVENT_RING + MORE; i++)
        held->event[i] = th_event_new(1, 0, false, NULL, NULL);
    return probe_answers(probe, self, msg);
}

static void place_makes_events_of_its_ring_and_the_rest_of_malloc(void **state)
{
    (void)state;
    struct held held = {0};
    struct probe probe = {.on_msg = makes_many, .data = &held};
    struct th_host *host = open_host();
    struct th_place *place = open_place(host, "one");
    th_pid pid = probe_spawn(host, place, NULL, &probe);

    for (uint64_t round = 1; round <= 2; round++) {
        ask(host, pid, 1);
        for (int i = 0; i < TH_EVENT_RING + MORE; i++) {
            assert_int_equal(held.event[i]->is_in_ring, i < TH_EVENT_RING);
            th_event_release(held.event[i]); /* here, on another thread */
        }
        assert_int_equal(place->events.held, round * MORE);
    }

    th_host_uv_close(host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(next_event_is_taken_again_once_it_was_given_back),
        cmocka_unit_test(ring_without_memory_gives_no_event),
        cmocka_unit_test(event_that_is_still_held_can_be_given_back_after_its_ring_has_ended),
        cmocka_unit_test(place_makes_events_of_its_ring_and_the_rest_of_malloc),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
