#include "switch/run/fact.h"

#include "switch/base/mem.h"
#include "switch/run/fact_keep.h"

#include <string.h>

static void drop_facts(void *body)
{
    struct th_facts *facts = body;

    for (unsigned i = 0; i < facts->count; i++)
        th_event_release(facts->event[i]);
    th_mem_free(facts);
}

const struct th_msg_kind th_facts_ask_msg = {"event.facts", th_mem_free};
const struct th_msg_kind th_facts_msg = {"event.facts", drop_facts};

struct th_event *th_fact_event_new(uint64_t kind, const struct th_fact_kind *fact, bool is_over,
                                   const void *body, size_t size)
{
    struct th_fact_event *made = th_mem_zalloc(1, sizeof *made + size);

    TH_CHECK(fact->key_len <= TH_FACT_KEY_MAX && fact->key_len <= size);
    TH_CHECK(size <= TH_FACT_BODY_MAX);
    if (made == NULL)
        return NULL;
    made->event = (struct th_event){
        .kind = kind, .is_state = true, .is_over = is_over, .fact = fact, .body = made->body};
    atomic_init(&made->event.holders, 1);
    made->size = size;
    memcpy(made->body, body, size);
    return &made->event;
}

struct th_fact_event *th_run_fact_of(const struct th_event *event)
{
    TH_CHECK(event->fact != NULL);
    /* Only what the event says is const for those who read it. */
    return TH_HEAP_OWNER((void *)(uintptr_t)event, struct th_fact_event, event);
}

bool th_fact_is_same(const struct th_event *a, const struct th_event *b)
{
    return a->fact->kind == b->fact->kind && a->fact->key_len == b->fact->key_len &&
           memcmp(a->body, b->body, a->fact->key_len) == 0;
}
