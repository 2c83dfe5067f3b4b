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

static struct th_event event_of(const struct th_fact_event *made, uint64_t kind, bool is_over)
{
    return (struct th_event){
        .kind = kind, .is_state = true, .is_over = is_over, .fact = &made->fact};
}

struct th_event *th_fact_event_new(uint64_t kind, const struct th_fact *fact, bool is_over,
                                   void *body, void (*drop)(void *body))
{
    struct th_fact_event *made = th_mem_zalloc(1, sizeof *made);

    TH_CHECK(fact->key_len <= TH_FACT_KEY_MAX);
    if (made == NULL) {
        if (body && drop)
            drop(body);
        return NULL;
    }
    made->fact = *fact;
    made->event = event_of(made, kind, is_over);
    made->event.body = body;
    made->event.drop = drop;
    atomic_init(&made->event.holders, 1);
    made->end = event_of(made, fact->end_kind, true);
    made->end.body = body;
    atomic_init(&made->end.holders, 0);
    return &made->event;
}

struct th_fact_event *th_run_fact_of(const struct th_event *event)
{
    /* Only what the event says is const for those who read it. */
    return TH_HEAP_OWNER((void *)(uintptr_t)event->fact, struct th_fact_event, fact);
}

void th_run_fact_event_free(struct th_event *event)
{
    struct th_fact_event *made = th_run_fact_of(event);

    if (event == &made->end) {
        th_event_release(&made->event);
        return;
    }
    if (event->body && event->drop)
        event->drop(event->body);
    th_mem_free(made);
}

bool th_fact_is_same(const struct th_fact *a, const struct th_fact *b)
{
    return a->kind == b->kind && a->key_len == b->key_len &&
           memcmp(a->key, b->key, a->key_len) == 0;
}
