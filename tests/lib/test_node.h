/*
 * test_node.h - a node of the public API in a test, and what its callbacks count.
 *
 * Callbacks run on threads of the nodes, the asserts on the main thread.
 */
#ifndef TH_TEST_NODE_H
#define TH_TEST_NODE_H

#include "router/telehash.h"

#include <string.h>

#include "tests/lib/patience.h"

#include "tests/lib/test_cmocka.h"

enum { TEST_ENTRY_MAX = 4096, TEST_WAIT_MS = TEST_PATIENCE_MS };

/* Guards what callbacks found, and wakes who waits for it. */
struct test_bell {
    uv_mutex_t lock;
    uv_cond_t changed;
};

static inline void test_bell_init(struct test_bell *bell)
{
    assert_int_equal(uv_mutex_init(&bell->lock), 0);
    assert_int_equal(uv_cond_init(&bell->changed), 0);
}

static inline void test_bell_clear(struct test_bell *bell)
{
    uv_cond_destroy(&bell->changed);
    uv_mutex_destroy(&bell->lock);
}

static inline void test_count(struct test_bell *bell, unsigned *what)
{
    uv_mutex_lock(&bell->lock);
    (*what)++;
    uv_cond_broadcast(&bell->changed);
    uv_mutex_unlock(&bell->lock);
}

/* Something went on: who waits for what it leads to has patience for as long again. */
static inline void test_progress(struct test_bell *bell)
{
    uv_mutex_lock(&bell->lock);
    uv_cond_broadcast(&bell->changed);
    uv_mutex_unlock(&bell->lock);
}

/* Waits for something that a callback counts; false when it does not come. */
static inline int test_wait_for(struct test_bell *bell, const unsigned *what, unsigned n)
{
    int is_there;

    uv_mutex_lock(&bell->lock);
    while (*what < n &&
           uv_cond_timedwait(&bell->changed, &bell->lock, TEST_WAIT_MS * (uint64_t)1000000) == 0)
        continue;
    is_there = *what >= n;
    uv_mutex_unlock(&bell->lock);
    return is_there;
}

/* A node that listens on some port of this machine alone, and joins from the entry if there is one. */
static inline struct th_node *test_node_new(const char *entry)
{
    static const char *const listen[] = {"127.0.0.1:0"};
    struct th_node_options options;
    struct th_node *node = NULL;

    th_node_options_init(&options, sizeof options);
    options.listen = listen;
    options.listen_count = 1;
    options.seeds = entry;
    options.seeds_len = entry ? strlen(entry) : 0;
    assert_int_equal(th_node_new(&node, &options), TH_OK);
    return node;
}

static inline void test_entry_of(struct th_node *node, char entry[TEST_ENTRY_MAX])
{
    size_t len = TEST_ENTRY_MAX;

    assert_int_equal(th_node_seeds_entry(node, entry, &len), TH_OK);
    assert_int_equal(len, strlen(entry) + 1);
}

#endif
