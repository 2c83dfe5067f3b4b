/* The agent's side of listening for channels: it tells the switch which types the application accepts. */
#include "router/telehash_chan.h"

#include "switch/base/mem.h"

#include <string.h>

/* Whether the switch is to be told again; names are checked before, and no other server listens. */
static bool is_to_be_told_again(enum th_err why, const struct th_msg *reply)
{
    const struct th_switch_result *result = why == TH_OK ? reply->body : NULL;

    if (why == TH_OK && (result == NULL || result->err == TH_NO_MEMORY))
        return true;
    return why != TH_OK && why != TH_GONE;
}

/* A while later: at once it would be refused again. */
static void tell_again(struct th_taking *t, const struct th_self *self)
{
    t->wants_listen = true;
    th_taking_try_again(t, self);
}

static enum th_err on_listened(void *state, const struct th_self *self, void *ctx, enum th_err why,
                               struct th_msg *reply)
{
    struct th_taking *t = ctx;
    (void)state;

    if (is_to_be_told_again(why, reply))
        tell_again(t, self);
    else
        th_taking_look(t, self);
    return TH_OK;
}

/* Under the lock. */
static void remove_listen(struct th_taking *t, struct th_chan_listen *listen)
{
    struct th_chan_listen **at = &t->node->chans.listens;

    while (*at != listen)
        at = &(*at)->next;
    *at = listen->next;
    t->told_listens = --t->node->chans.listen_count;
    th_mem_free(listen);
}

/* The switch takes none of the type any more, unless the application listens again. */
static enum th_err on_left(void *state, const struct th_self *self, void *ctx, enum th_err why,
                           struct th_msg *reply)
{
    struct th_chan_listen *listen = ctx;
    struct th_node *node = listen->node;
    struct th_taking *t = node->taking;
    (void)state;

    uv_mutex_lock(&node->lock);
    listen->is_leaving = false;
    bool is_again = listen->on_incoming || is_to_be_told_again(why, reply);
    if (!is_again)
        remove_listen(t, listen);
    uv_mutex_unlock(&node->lock);
    if (is_again)
        tell_again(t, self);
    else
        th_taking_look(t, self);
    return TH_OK;
}

/* Under the lock. */
static bool tell_listen(struct th_taking *t, const struct th_self *self,
                        struct th_chan_listen *listen)
{
    struct th_pull_listen *body = th_mem_zalloc(1, sizeof *body);
    bool is_off = listen->on_incoming == NULL;

    if (body == NULL)
        return false;
    strcpy(body->type, listen->type);
    body->is_over = is_off;
    enum th_err err =
        th_call(self, t->sw, (struct th_msg){.kind = &th_switch_msg_chan_listen, .body = body},
                TH_NEVER, is_off ? on_left : on_listened, is_off ? (void *)listen : t, NULL);
    listen->is_leaving = is_off && err == TH_OK;
    return err == TH_OK;
}

/* It minds none that it knows. */
void th_taking_tell_listens(struct th_taking *t, const struct th_self *self)
{
    struct th_node *node = t->node;
    bool is_told = true;

    uv_mutex_lock(&node->lock);
    node->chans.has_new_listen = false;
    for (struct th_chan_listen *at = node->chans.listens; at; at = at->next)
        if (!at->is_leaving) /* one question at a time; its answer asks again */
            is_told &= tell_listen(t, self, at);
    t->told_listens = node->chans.listen_count;
    uv_mutex_unlock(&node->lock);
    t->wants_listen = !is_told;
    if (!is_told)
        th_taking_try_again(t, self);
}
