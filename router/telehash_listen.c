/* The agent's side of listening: it tells the switch which types the application accepts, asks for the
 * streams that others open, and offers each. The lock is not held in callbacks. */
#include "router/telehash_stream.h"

#include "switch/base/mem.h"

#include <string.h>

/* Whether the switch is to be told again; names are checked before, and no other server listens. */
static bool is_to_be_told_again(enum th_err why, const struct th_msg *reply)
{
    if (why == TH_OK)
        return ((const struct th_switch_result *)reply->body)->err == TH_NO_MEMORY;
    return why != TH_GONE;
}

/* A while later: at once it would be refused again. */
static void tell_again(struct th_pulling *p, const struct th_self *self)
{
    p->wants_listen = true;
    th_pulling_try_again(p, self);
}

static enum th_err on_listened(void *state, const struct th_self *self, void *ctx, enum th_err why,
                               struct th_msg *reply)
{
    struct th_pulling *p = ctx;
    (void)state;

    if (is_to_be_told_again(why, reply))
        tell_again(p, self);
    else
        th_pulling_look(p, self);
    return TH_OK;
}

/* Under the lock. */
static void remove_listen(struct th_listen *listen)
{
    struct th_listen **at = &listen->node->listens;

    while (*at != listen)
        at = &(*at)->next;
    *at = listen->next;
    listen->node->listen_count--;
    th_mem_free(listen);
}

/* The switch takes none of the type any more, unless the application listens again. */
static enum th_err on_left(void *state, const struct th_self *self, void *ctx, enum th_err why,
                           struct th_msg *reply)
{
    struct th_listen *listen = ctx;
    struct th_node *node = listen->node;
    (void)state;

    uv_mutex_lock(&node->lock);
    listen->is_leaving = false;
    bool is_again = listen->on_incoming || is_to_be_told_again(why, reply);
    if (!is_again)
        remove_listen(listen);
    uv_mutex_unlock(&node->lock);
    if (is_again)
        tell_again(node->pulling, self);
    else
        th_pulling_look(node->pulling, self);
    return TH_OK;
}

/* Under the lock. */
static bool tell_listen(struct th_pulling *p, const struct th_self *self, struct th_listen *listen)
{
    struct th_pull_listen *body = th_mem_zalloc(1, sizeof *body);
    bool is_off = listen->on_incoming == NULL;

    if (body == NULL)
        return false;
    strcpy(body->type, listen->type);
    body->is_over = is_off;
    enum th_err err =
        th_call(self, p->sw, (struct th_msg){.kind = &th_switch_msg_listen, .body = body}, TH_NEVER,
                is_off ? on_left : on_listened, is_off ? (void *)listen : p, NULL);
    listen->is_leaving = is_off && err == TH_OK;
    return err == TH_OK;
}

/* Tells the switch of all types; it minds none that it knows. */
static void tell_listens(struct th_pulling *p, const struct th_self *self)
{
    struct th_node *node = p->node;
    bool is_told = true;

    uv_mutex_lock(&node->lock);
    node->has_new_listen = false;
    for (struct th_listen *at = node->listens; at; at = at->next)
        if (!at->is_leaving) /* one question at a time; its answer asks again */
            is_told &= tell_listen(p, self, at);
    uv_mutex_unlock(&node->lock);
    p->wants_listen = !is_told;
    if (!is_told)
        th_pulling_try_again(p, self);
}

static enum th_err on_nothing(void *state, const struct th_self *self, void *ctx, enum th_err why,
                              struct th_msg *reply)
{
    (void)state, (void)self, (void)ctx, (void)why, (void)reply;
    return TH_OK;
}

static void refuse(struct th_pulling *p, const struct th_self *self, th_stream_number number)
{
    struct th_pull_finish *body = th_mem_zalloc(1, sizeof *body);

    if (body == NULL)
        return; /* it goes with its silence */
    body->stream = number;
    body->how = TH_FINISH_RESET;
    strcpy(body->err, "refused");
    if (th_call(self, p->sw, (struct th_msg){.kind = &th_switch_msg_finish, .body = body}, TH_NEVER,
                on_nothing, NULL, NULL) != TH_OK)
        return;
}

static void offer(struct th_pulling *p, const struct th_self *self,
                  const struct th_pull_accepted *accepted)
{
    char hashname[TH_HASHNAME_SIZE];
    struct th_incoming_inside inside = {
        .incoming = {.hashname = hashname,
                     .type = accepted->type,
                     .first = accepted->bytes,
                     .first_len = accepted->len},
        .node = p->node,
        .accepted = accepted,
    };
    struct th_node *node = p->node;
    th_accept_fn on_incoming = NULL;
    void *data = NULL;

    th_hashname_write(hashname, &accepted->from);
    uv_mutex_lock(&node->lock);
    for (const struct th_listen *at = node->listens; at; at = at->next)
        if (strcmp(at->type, accepted->type) == 0) {
            on_incoming = at->on_incoming;
            data = at->data;
        }
    uv_mutex_unlock(&node->lock);
    if (on_incoming)
        on_incoming(node, &inside.incoming, data);
    if (inside.stream == NULL)
        refuse(p, self, accepted->stream);
}

static enum th_err on_accepted(void *state, const struct th_self *self, void *ctx, enum th_err why,
                               struct th_msg *reply)
{
    struct th_pulling *p = ctx;
    const struct th_pull_accepted *accepted = why == TH_OK ? reply->body : NULL;
    (void)state;

    p->is_accepting = false;
    if (why == TH_FULL)
        th_pulling_try_again(p, self);
    if (accepted && accepted->err == TH_OK && !p->has_stopped)
        offer(p, self, accepted);
    th_pulling_look(p, self);
    return TH_OK;
}

static void accept_next(struct th_pulling *p, const struct th_self *self)
{
    uv_mutex_lock(&p->node->lock);
    bool is_needed = p->node->listen_count > 0 && !p->is_accepting;
    uv_mutex_unlock(&p->node->lock);
    if (!is_needed)
        return;
    p->is_accepting = th_call(self, p->sw, (struct th_msg){.kind = &th_switch_msg_accept}, TH_NEVER,
                              on_accepted, p, NULL) == TH_OK;
    if (!p->is_accepting)
        th_pulling_try_again(p, self);
}

void th_pulling_accept(struct th_pulling *p, const struct th_self *self)
{
    if (p->wants_listen)
        tell_listens(p, self);
    accept_next(p, self);
}
