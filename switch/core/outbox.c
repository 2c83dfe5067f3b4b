#include "switch/core/outbox.h"

#include "switch/base/mem.h"

#include <string.h>

/* Everything was taken: the next turn writes from the start again. The memory of a busy moment is given
 * back, but never under a view: what was taken last is not looked at any more by now. */
static void rewind_if_empty(struct th_outbox *outbox)
{
    if (outbox->count == 0 || outbox->taken < outbox->count)
        return;
    outbox->taken = outbox->count = outbox->used = 0;
    if (outbox->room > TH_OUTBOX_KEPT) {
        th_mem_free(outbox->actions);
        outbox->actions = NULL;
        outbox->room = 0;
    }
    if (outbox->bytes_room > TH_OUTBOX_BYTES_KEPT) {
        th_mem_free(outbox->bytes);
        outbox->bytes = NULL;
        outbox->bytes_room = 0;
    }
}

uint8_t *th_outbox_room(struct th_outbox *outbox, size_t len)
{
    rewind_if_empty(outbox);
    if (outbox->bytes == NULL || outbox->bytes_room - outbox->used < len) {
        size_t room = outbox->bytes_room ? outbox->bytes_room : TH_OUTBOX_BYTES_KEPT;
        while (room - outbox->used < len)
            room *= 2;
        void *bytes = th_mem_resize(outbox->bytes, room, 1);
        if (bytes == NULL)
            return NULL;
        outbox->bytes = bytes;
        outbox->bytes_room = room;
    }
    return outbox->bytes + outbox->used;
}

static bool make_place(struct th_outbox *outbox)
{
    if (outbox->count < outbox->room)
        return true;

    size_t room = outbox->room ? 2 * outbox->room : TH_OUTBOX_KEPT;
    void *actions = th_mem_resize(outbox->actions, room, sizeof *outbox->actions);
    if (actions == NULL)
        return false;
    outbox->actions = actions;
    outbox->room = room;
    return true;
}

/* Copies bytes in and makes the view an offset. */
static void keep(struct th_outbox *outbox, struct th_bytes *view)
{
    if (view->len > 0)
        memcpy(outbox->bytes + outbox->used, view->at, view->len);
    view->at = (const uint8_t *)outbox->used;
    outbox->used += view->len;
}

bool th_outbox_put(struct th_outbox *outbox, const struct th_action *action, size_t len)
{
    bool is_packet = action->kind == TH_ACTION_PACKET;
    size_t copied = is_packet ? action->packet.head.len + action->packet.body.len : 0;
    struct th_action *put;

    rewind_if_empty(outbox);
    if (!make_place(outbox) || th_outbox_room(outbox, len + copied) == NULL)
        return false;

    put = &outbox->actions[outbox->count++];
    *put = *action;
    put->bytes = (struct th_bytes){(const uint8_t *)outbox->used, len};
    outbox->used += len;
    if (is_packet) {
        keep(outbox, &put->packet.head);
        keep(outbox, &put->packet.body);
    }
    return true;
}

static void resolve(const struct th_outbox *outbox, struct th_bytes *view)
{
    view->at = view->len > 0 ? outbox->bytes + (uintptr_t)view->at : NULL;
}

bool th_outbox_take(struct th_outbox *outbox, struct th_action *action)
{
    if (outbox->taken == outbox->count)
        return false;

    *action = outbox->actions[outbox->taken++];
    resolve(outbox, &action->bytes);
    if (action->kind == TH_ACTION_PACKET) {
        resolve(outbox, &action->packet.head);
        resolve(outbox, &action->packet.body);
    }
    return true;
}

void th_outbox_clear(struct th_outbox *outbox)
{
    th_mem_free(outbox->actions);
    th_mem_free(outbox->bytes);
    *outbox = (struct th_outbox){0};
}
