/*
 * run_threads.h - what the tests of the threaded host share. Nobody sleeps: the main thread waits in
 * th_call_wait, in a close or for a semaphore, and asserts there; callbacks only count, and are
 * looked at when the host has closed.
 */
#ifndef TH_TESTS_RUN_THREADS_H
#define TH_TESTS_RUN_THREADS_H

#include "tests/unit/run_probe.h"

#include "switch/run/host_uv.h"

#include "tests/lib/patience.h"

static inline struct th_host *open_host(void)
{
    struct th_host *host = NULL;

    assert_int_equal(th_host_uv_new(&host), TH_OK);
    return host;
}

static inline struct th_place *open_place(struct th_host *host, const char *name)
{
    struct th_place *place = NULL;

    assert_int_equal(th_host_uv_place(host, name, &place), TH_OK);
    return place;
}

/* Calls and waits; returns the number in the reply. */
static inline uint64_t ask(struct th_host *host, th_pid pid, uint64_t number)
{
    struct th_msg reply;
    uint64_t answer;

    assert_int_equal(th_call_wait(host, pid, probe_number(number), TEST_PATIENCE_MS, &reply),
                     TH_OK);
    answer = probe_number_of(&reply);
    th_msg_drop(&reply);
    return answer;
}

#endif
