#include "switch/run/waiters.h"

#include "switch/base/mem.h"

enum th_err th_waiters_add(struct th_waiters *waiters, struct th_from from, unsigned max)
{
    if (waiters->count >= max)
        return TH_LIMIT;
    if (waiters->count == waiters->room) {
        unsigned room = th_mem_room_after(waiters->room);
        void *more = th_mem_resize(waiters->from, room, sizeof *waiters->from);
        if (more == NULL)
            return TH_NO_MEMORY;
        waiters->from = more;
        waiters->room = room;
    }
    waiters->from[waiters->count++] = from;
    return TH_OK;
}

void th_waiters_clear(struct th_waiters *waiters)
{
    th_mem_free(waiters->from);
    *waiters = (struct th_waiters){0};
}
