/*
 * run_meeting.h - for tests of letting go: a callback that takes its time, a thread that removes its
 * object meanwhile, and the finalizer.
 */
#ifndef TH_TESTS_RUN_MEETING_H
#define TH_TESTS_RUN_MEETING_H

#include "tests/unit/run_probe.h"

#include <pthread.h>
#include <semaphore.h>

/* What a callback that takes its time and the thread that removes its object share. */
struct meeting {
    pthread_mutex_t lock;  /* the removing thread's; the callback wants it too */
    sem_t is_in_callback;  /* the callback has begun */
    sem_t is_dropped;      /* the finalizer has run */
    pthread_t owner;       /* the thread of the callbacks */
    bool has_left;         /* the callback has ended */
    bool was_left_at_drop; /* and had when the finalizer ran */
    bool was_owner_at_drop;
    unsigned drops;
    uint64_t ref;
};

static inline void meeting_open(struct meeting *meeting)
{
    *meeting = (struct meeting){0};
    assert_int_equal(pthread_mutex_init(&meeting->lock, NULL), 0);
    assert_int_equal(sem_init(&meeting->is_in_callback, 0, 0), 0);
    assert_int_equal(sem_init(&meeting->is_dropped, 0, 0), 0);
}

static inline void meeting_close(struct meeting *meeting)
{
    sem_destroy(&meeting->is_dropped);
    sem_destroy(&meeting->is_in_callback);
    pthread_mutex_destroy(&meeting->lock);
}

static inline void await(sem_t *semaphore)
{
    while (sem_wait(semaphore) != 0)
        continue; /* a signal */
}

/* A callback in which the removing thread finds us: it wants the lock which that one holds. */
static inline void meet(struct meeting *meeting)
{
    meeting->owner = pthread_self();
    sem_post(&meeting->is_in_callback);
    pthread_mutex_lock(&meeting->lock);
    meeting->has_left = true;
    pthread_mutex_unlock(&meeting->lock);
}

static inline void note_drop(void *data)
{
    struct meeting *meeting = data;

    meeting->drops++;
    meeting->was_left_at_drop = meeting->has_left;
    meeting->was_owner_at_drop = pthread_equal(pthread_self(), meeting->owner) != 0;
    sem_post(&meeting->is_dropped);
}

static inline void assert_dropped_well(const struct meeting *meeting)
{
    assert_int_equal(meeting->drops, 1);
    assert_true(meeting->was_left_at_drop);
    assert_true(meeting->was_owner_at_drop);
}

#endif
