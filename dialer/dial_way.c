#include "dialer/dial.h"

#include "switch/base/mem.h"

#include <string.h>

static struct th_dial_way *find(struct th_dialing *dial, const struct th_hashname *via)
{
    for (unsigned i = 0; i < dial->way_count; i++) {
        struct th_dial_way *way = &dial->told->way[i];
        if (via == NULL ? !way->has_via : way->has_via && th_hashname_is_equal(&way->via, via))
            return way;
    }
    return NULL;
}

bool th_dialing_has_tried(const struct th_dialing *dial, const struct th_hashname *via)
{
    for (unsigned i = 0; i < dial->way_count; i++)
        if (dial->told->way[i].has_via && dial->told->way[i].is_in_round &&
            th_hashname_is_equal(&dial->told->way[i].via, via))
            return true;
    return false;
}

void th_dialed_drop(void *told)
{
    struct th_dialed *dialed = told;

    if (dialed == NULL)
        return;
    th_mem_free(dialed->way);
    th_mem_free(dialed);
}

enum { ROOM_STEP = 4 };

/* NULL at the limit or without memory: then it is tried, and not told of. */
static struct th_dial_way *add(struct th_dialing *dial)
{
    if (dial->way_count == TH_DIAL_WAYS_MAX)
        return NULL;
    if (dial->way_count % ROOM_STEP == 0) {
        struct th_dial_way *ways =
            th_mem_resize(dial->told->way, dial->way_count + ROOM_STEP, sizeof *ways);
        if (ways == NULL)
            return NULL;
        dial->told->way = ways;
    }
    return &dial->told->way[dial->way_count++];
}

void th_dialing_begin_way(struct th_dialing *dial, const struct th_self *self,
                          const struct th_hashname *via)
{
    struct th_dial_way *way = find(dial, via);

    if (dial->told == NULL)
        return;
    if (way == NULL) {
        way = add(dial);
        if (way == NULL)
            return;
        *way = (struct th_dial_way){.has_via = via != NULL,
                                    .after_ms = self->now.mono - dial->began_at};
        if (via)
            way->via = *via;
    }
    way->tries++;
    way->outcome = TH_AGAIN;
    way->is_in_round = dial->rounds > 0;
    dial->last_way = (unsigned)(way - dial->told->way);
}

static void end(const struct th_dialing *dial, struct th_dial_way *way, const struct th_self *self,
                enum th_err outcome)
{
    way->outcome = outcome;
    way->took_ms = self->now.mono - dial->began_at - way->after_ms;
}

void th_dialing_end_way(struct th_dialing *dial, const struct th_self *self,
                        const struct th_hashname *via, enum th_err outcome, const char *said)
{
    struct th_dial_way *way = find(dial, via);

    if (way == NULL || way->outcome != TH_AGAIN)
        return;
    way->refusals++;
    if (way->has_via && way->refusals < way->tries)
        return;
    end(dial, way, self, outcome);
    strncpy(way->said, said, sizeof way->said - 1);
}

void th_dialing_end_ways(struct th_dialing *dial, const struct th_self *self, bool has_line)
{
    for (unsigned i = 0; i < dial->way_count; i++)
        if (dial->told->way[i].outcome == TH_AGAIN)
            end(dial, &dial->told->way[i], self,
                has_line && i == dial->last_way ? TH_OK : TH_TIMED_OUT);
}

bool th_dialing_is_hopeful(const struct th_dialing *dial)
{
    for (unsigned i = 0; i < dial->way_count; i++)
        if (dial->told->way[i].outcome == TH_AGAIN)
            return true;
    return false;
}
