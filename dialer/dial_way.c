#include "dialer/dial.h"

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

void th_dialing_begin_way(struct th_dialing *dial, const struct th_self *self,
                          const struct th_hashname *via)
{
    struct th_dial_way *way = find(dial, via);

    if (dial->told == NULL || (way == NULL && dial->way_count == TH_DIAL_WAYS_MAX))
        return;
    if (way == NULL) {
        way = &dial->told->way[dial->way_count++];
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
