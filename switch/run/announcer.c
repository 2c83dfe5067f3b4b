#include "switch/run/announcer.h"

#include "switch/run/fact_keep.h"

void th_announcer_clear(struct th_announcer *announcer)
{
    struct th_fact_event *made;

    while ((made = announcer->first) != NULL) {
        announcer->first = made->newer;
        th_event_release(&made->event);
    }
    *announcer = (struct th_announcer){0};
}

/* Forgets what waits of the same fact: it is said anew. */
static void forget_same(struct th_announcer *announcer, const struct th_event *event)
{
    struct th_fact_event *before = NULL, *made = announcer->first;

    while (made && !th_fact_is_same(&made->event, event)) {
        before = made;
        made = made->newer;
    }
    if (made == NULL)
        return;
    *(before ? &before->newer : &announcer->first) = made->newer;
    if (announcer->last == made)
        announcer->last = before;
    announcer->count--;
    th_event_release(&made->event);
}

static void append(struct th_announcer *announcer, struct th_fact_event *made)
{
    made->newer = NULL;
    *(announcer->last ? &announcer->last->newer : &announcer->first) = made;
    announcer->last = made;
    announcer->count++;
}

/* Takes the first out: once it is with the manager, its place in a list is the manager's. */
static struct th_fact_event *take_first(struct th_announcer *announcer)
{
    struct th_fact_event *made = announcer->first;

    announcer->first = made->newer;
    if (announcer->first == NULL)
        announcer->last = NULL;
    announcer->count--;
    return made;
}

static void put_back(struct th_announcer *announcer, struct th_fact_event *made)
{
    made->newer = announcer->first;
    announcer->first = made;
    if (announcer->last == NULL)
        announcer->last = made;
    announcer->count++;
}

/* Announces what waits, as far as there is room. */
static enum th_err go_on(struct th_announcer *announcer, const struct th_self *self, th_pid manager)
{
    while (announcer->first) {
        struct th_fact_event *made = take_first(announcer);
        enum th_err err;

        th_event_hold(&made->event); /* th_notify takes one, whatever it returns */
        err = th_notify(self->host, manager, &made->event);
        if (err != TH_OK && err != TH_GONE) {
            put_back(announcer, made);
            announcer->again_at = self->now.mono + TH_ANNOUNCER_AGAIN_MS;
            return TH_OK;
        }
        th_event_release(&made->event);
        if (err == TH_GONE) {
            th_announcer_clear(announcer);
            return err;
        }
    }
    return TH_OK;
}

enum th_err th_announce(struct th_announcer *announcer, const struct th_self *self, th_pid manager,
                        struct th_event *event)
{
    struct th_fact_event *made = th_run_fact_of(event);

    forget_same(announcer, event);
    if (announcer->count >= TH_ANNOUNCER_WAITING_MAX) {
        th_event_release(event);
        return TH_LIMIT;
    }
    append(announcer, made);
    return go_on(announcer, self, manager);
}

th_ms th_announcer_deadline(const struct th_announcer *announcer)
{
    return announcer->first ? announcer->again_at : TH_NEVER;
}

enum th_err th_announcer_on_alarm(struct th_announcer *announcer, const struct th_self *self,
                                  th_pid manager)
{
    if (th_announcer_deadline(announcer) > self->now.mono)
        return TH_OK;
    return go_on(announcer, self, manager);
}
