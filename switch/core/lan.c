#include "switch/core/lan.h"

#include "switch/base/check.h"

#include <string.h>

void th_lan_init(struct th_lan *lan, const struct th_identity *self, struct th_rng *rng,
                 struct th_now now)
{
    *lan = (struct th_lan){.self = self, .rng = rng, .ping_at = self ? now.mono : TH_NEVER};
    th_limit_init(&lan->reads, TH_LAN_READ_PER_S, TH_LAN_READ_PER_S, now.mono);
    th_limit_init(&lan->pongs, TH_LAN_READ_PER_S, TH_LAN_READ_PER_S, now.mono);
    th_limit_init(&lan->answers, TH_LAN_ANSWERS_PER_S, TH_LAN_ANSWERS_PER_S, now.mono);
}

static bool is_ours(const struct th_lan *lan, const char *trace)
{
    for (unsigned i = 0; i < 2; i++)
        if (lan->has_trace[i] && th_lan_is_trace(trace, lan->trace[i]))
            return true;
    return false;
}

/* Forgets whom it answered long enough ago. */
static void forget_sources(struct th_lan *lan, th_ms now)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < lan->source_count; i++)
        if (now - lan->source[i].answered_at < TH_LAN_ANSWER_MS)
            lan->source[kept++] = lan->source[i];
    lan->source_count = kept;
}

static bool was_answered(const struct th_lan *lan, const struct th_addr *from)
{
    for (unsigned i = 0; i < lan->source_count; i++)
        if (lan->source[i].family == from->family &&
            memcmp(lan->source[i].ip, from->ip, sizeof from->ip) == 0)
            return true;
    return false;
}

/* Whether an address may have an answer now; notes that it has one. One machine has many ports. */
static enum th_drop take_turn(struct th_lan *lan, const struct th_addr *from, th_ms now)
{
    forget_sources(lan, now);
    if (was_answered(lan, from))
        return TH_DROP_LAN_FAST;
    if (!th_limit_take(&lan->answers, now, 1))
        return TH_DROP_LAN_LIMIT;
    TH_CHECK(lan->source_count < TH_LAN_SOURCES_MAX);
    struct th_lan_source *source = &lan->source[lan->source_count++];
    *source = (struct th_lan_source){.family = from->family, .answered_at = now};
    memcpy(source->ip, from->ip, sizeof source->ip);
    return TH_DROP_NONE;
}

bool th_lan_on_datagram(struct th_lan *lan, struct th_now now, const struct th_addr *from,
                        struct th_bytes bytes, struct th_lan_action *action)
{
    struct th_lan_packet packet;

    if (lan->self == NULL)
        return false;
    enum th_drop why = th_limit_take(&lan->reads, now.mono, 1) ? TH_DROP_NONE : TH_DROP_LAN_LIMIT;
    if (why == TH_DROP_NONE)
        why = th_lan_read(&packet, lan->self->cipher->csid, bytes);
    if (why == TH_DROP_NONE && packet.kind == TH_LAN_PONG)
        why = TH_DROP_LAN_BAD; /* an answer to all */
    if (why == TH_DROP_NONE && is_ours(lan, packet.trace))
        why = TH_DROP_LAN_OWN;
    if (why == TH_DROP_NONE && !packet.has_csid)
        why = TH_DROP_LAN_CSID;
    if (why == TH_DROP_NONE)
        why = take_turn(lan, from, now.mono);
    th_drop_count(&lan->drops, why);
    if (why != TH_DROP_NONE)
        return false;
    *action = (struct th_lan_action){.kind = TH_LAN_ANSWER, .addr = *from};
    action->bytes =
        (struct th_bytes){lan->out, th_lan_pong_write(lan->out, lan->self, packet.trace)};
    return true;
}

void th_lan_on_foreign(struct th_lan *lan, unsigned count)
{
    lan->drops.n[TH_DROP_LAN_FOREIGN] += count;
}

bool th_lan_on_pong(struct th_lan *lan, struct th_now now, const struct th_addr *from,
                    struct th_bytes bytes, struct th_lan_action *action)
{
    struct th_lan_packet packet;

    if (lan->self == NULL)
        return false;
    enum th_drop why = th_limit_take(&lan->pongs, now.mono, 1) ? TH_DROP_NONE : TH_DROP_LAN_LIMIT;
    if (why == TH_DROP_NONE)
        why = th_lan_read(&packet, lan->self->cipher->csid, bytes);
    if (why == TH_DROP_NONE && (packet.kind == TH_LAN_PING || !is_ours(lan, packet.trace)))
        why = TH_DROP_LAN_UNASKED;
    if (why == TH_DROP_NONE && lan->opens == TH_LAN_OPENS_MAX)
        why = TH_DROP_LAN_LIMIT;
    th_drop_count(&lan->drops, why);
    if (why != TH_DROP_NONE)
        return false;
    lan->opens++;
    *action = (struct th_lan_action){
        .kind = TH_LAN_OPEN, .addr = *from, .parts = packet.parts, .key = packet.key};
    return true;
}

void th_lan_on_moved(struct th_lan *lan, struct th_now now)
{
    if (lan->self == NULL)
        return;
    lan->rounds = 0;
    lan->ping_at = now.mono;
}

th_ms th_lan_deadline(const struct th_lan *lan)
{
    return lan->ping_at;
}

bool th_lan_tick(struct th_lan *lan, struct th_now now, struct th_lan_action *action)
{
    if (lan->ping_at > now.mono)
        return false;
    lan->rounds++;
    th_ms pause = lan->rounds < TH_LAN_SOON ? TH_LAN_PING_SOON_MS : TH_LAN_PING_MS;
    /* Machines that were switched on together do not go on together. */
    lan->ping_at = now.mono + pause - th_rng_below(lan->rng, pause / 4);
    lan->opens = 0;
    memcpy(lan->trace[1], lan->trace[0], sizeof lan->trace[0]);
    lan->has_trace[1] = lan->has_trace[0];
    th_rng_fill(lan->rng, lan->trace[0], sizeof lan->trace[0]);
    lan->has_trace[0] = true;
    *action = (struct th_lan_action){.kind = TH_LAN_ANNOUNCE};
    action->bytes =
        (struct th_bytes){lan->out, th_lan_ping_write(lan->out, lan->self, lan->trace[0])};
    return true;
}
