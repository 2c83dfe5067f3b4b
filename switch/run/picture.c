#include "switch/run/picture.h"

#include "switch/base/mem.h"

enum { ANSWER_MS = 2000 };

static void ask(struct th_picture *picture, const struct th_self *self);

static enum th_err on_facts(void *state, const struct th_self *self, void *ctx, enum th_err why,
                            struct th_msg *reply)
{
    struct th_picture *picture = ctx;
    bool asks_again = picture->asks_again;
    enum th_err err = TH_OK;

    picture->is_asking = false;
    if (why == TH_OK)
        err = picture->take(state, self, reply->body);
    else if (why != TH_GONE) /* that comes as a down message too */
        picture->again_at = self->now.mono + TH_PICTURE_AGAIN_MS;
    if (err == TH_OK && why == TH_OK && asks_again)
        ask(picture, self);
    return err;
}

static void ask(struct th_picture *picture, const struct th_self *self)
{
    struct th_msg msg = {.kind = &th_facts_ask_msg};
    enum th_err err = TH_NO_MEMORY;

    picture->asks_again = picture->is_asking;
    if (picture->is_asking)
        return;
    picture->again_at = TH_NEVER;
    msg.body = th_mem_copy(&picture->interest, sizeof picture->interest);
    if (msg.body)
        err = th_call(self, picture->manager, msg, ANSWER_MS, on_facts, picture, NULL);
    picture->is_asking = err == TH_OK;
    if (err != TH_OK)
        picture->again_at = self->now.mono + TH_PICTURE_AGAIN_MS;
}

static enum th_err on_subscribed(void *state, const struct th_self *self, void *ctx,
                                 enum th_err why, struct th_msg *reply)
{
    struct th_picture *picture = ctx;

    (void)state, (void)reply;
    picture->is_subscribed = why == TH_OK;
    if (why == TH_OK)
        ask(picture, self);
    else if (why != TH_GONE && why != TH_LIMIT) /* TH_GONE comes as a down message too */
        picture->again_at = self->now.mono + TH_PICTURE_AGAIN_MS;
    return why == TH_LIMIT ? why : TH_OK;
}

static enum th_err subscribe(struct th_picture *picture, const struct th_self *self)
{
    picture->again_at = TH_NEVER;
    return th_subscribe(self, picture->manager, picture->interest, on_subscribed, picture);
}

enum th_err th_picture_begin(struct th_picture *picture, const struct th_self *self, th_pid manager,
                             struct th_interest interest, th_picture_fn take)
{
    *picture = (struct th_picture){.manager = manager, .interest = interest, .take = take};
    return subscribe(picture, self);
}

void th_picture_ask(struct th_picture *picture, const struct th_self *self)
{
    if (picture->is_subscribed)
        ask(picture, self);
}

th_ms th_picture_deadline(const struct th_picture *picture)
{
    return picture->again_at ? picture->again_at : TH_NEVER;
}

enum th_err th_picture_on_alarm(struct th_picture *picture, const struct th_self *self)
{
    if (th_picture_deadline(picture) > self->now.mono)
        return TH_OK;
    if (!picture->is_subscribed)
        return subscribe(picture, self);
    ask(picture, self);
    return TH_OK;
}
