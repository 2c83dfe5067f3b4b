#include "switch/core/named.h"

#include "switch/base/mem.h"

#include <string.h>

static void take_out(struct th_named *named, unsigned at)
{
    named->count--;
    memmove(&named->one[at], &named->one[at + 1], (named->count - at) * sizeof *named->one);
    if (named->count > 0)
        return;
    th_mem_free(named->one);
    named->one = NULL;
    named->room = 0;
}

static void drop_old(struct th_named *named, th_ms now)
{
    while (named->count > 0 && named->one[0].at + TH_NAMED_MS <= now)
        take_out(named, 0);
}

void th_named_note(struct th_named *named, const struct th_hashname *by,
                   const struct th_hashname *who, const struct th_addr *addr, th_ms now)
{
    drop_old(named, now);
    if (named->count == TH_NAMED_MAX) {
        named->forgotten++;
        take_out(named, 0);
    }
    if (named->count == named->room) {
        unsigned room = named->room ? 2 * named->room : 2;
        void *grown = th_mem_resize(named->one, room, sizeof *named->one);
        if (grown == NULL)
            return;
        named->one = grown;
        named->room = room;
    }
    named->one[named->count++] = (struct th_named_one){*by, *who, *addr, now};
}

bool th_named_take(struct th_named *named, const struct th_hashname *who,
                   const struct th_addr *addr, th_ms now, struct th_hashname *by)
{
    drop_old(named, now);
    for (unsigned i = 0; i < named->count; i++)
        if (th_hashname_is_equal(&named->one[i].who, who) &&
            th_addr_is_equal(&named->one[i].addr, addr)) {
            *by = named->one[i].by;
            take_out(named, i);
            return true;
        }
    return false;
}

void th_named_clear(struct th_named *named)
{
    th_mem_free(named->one);
    *named = (struct th_named){0};
}
