#include "switch/core/reliable_inside.h"

#include "switch/base/mem.h"

#include <string.h>

enum { PARTS_SAID_MAX = 32, DOUBT_PROBES = 2 };

struct th_reliable *th_reliable_new(const struct th_reliable_config *config, struct th_now now)
{
    struct th_reliable *r = th_mem_zalloc(1, sizeof *r);

    if (r == NULL)
        return NULL;
    TH_CHECK(strlen(config->type) < sizeof r->type);
    r->c = config->c;
    strcpy(r->type, config->type);
    r->is_ours = config->is_ours;
    r->is_compact = config->is_compact;
    r->takes_parts = config->takes_parts;
    r->way = config->way;
    r->heard_at = r->said_at = now.mono;
    r->over_at = r->release_ends_at = TH_NEVER;
    th_out_init(&r->out);
    th_in_init(&r->in, config->credit, now);
    return r;
}

void th_reliable_free(struct th_reliable *r)
{
    if (r == NULL)
        return;
    th_out_clear(&r->out, r->way);
    th_in_clear(&r->in);
    th_mem_free(r);
}

/* ends */

static bool is_done(const struct th_reliable *r)
{
    return r->why == TH_OK && th_out_is_done(&r->out) && th_in_is_done(r);
}

/* What has arrived in order is still read: the other side was told that we have it. */
static void die(struct th_reliable *r, enum th_err why, th_ms over_at)
{
    if (r->why != TH_OK)
        return;
    th_out_clear(&r->out, r->way);
    th_in_stop(&r->in);
    r->why = why;
    r->over_at = over_at;
}

struct th_reliable *th_reliable_leave(struct th_reliable *r, enum th_err why)
{
    bool is_left = (r->in.read < r->in.next || r->in.is_at_end) && !r->is_released && !r->is_reset;
    struct th_reliable *left = is_left ? th_mem_zalloc(1, sizeof *left) : NULL;

    if (left == NULL)
        return NULL;
    die(r, why, 0);
    *left = *r;
    th_in_init(&r->in, NULL, (struct th_now){0});
    return left;
}

/* Anything may have ended it: notes when it will be gone. */
static void settle(struct th_reliable *r, struct th_now now)
{
    if (r->over_at == TH_NEVER && is_done(r))
        r->over_at = now.mono + TH_REL_LINGER_MS;
}

void th_reliable_end(struct th_reliable *r)
{
    if (r->why == TH_OK)
        r->out.wants_end = true;
}

void th_reliable_reset(struct th_reliable *r, struct th_now now, const char *err)
{
    size_t len = strnlen(err, sizeof r->err - 1);

    if (r->why != TH_OK)
        return;
    die(r, TH_CANCELLED, now.mono + TH_REL_LINGER_MS);
    th_in_clear(&r->in);
    while (err[len] != 0 && len > 0 && ((uint8_t)err[len] & 0xc0) == 0x80)
        len--; /* no half of a UTF-8 sequence */
    memcpy(r->err, err, len);
    r->is_reset = r->wants_err = true;
}

static void discard(struct th_reliable *r, struct th_now now)
{
    uint8_t waste[1024];

    while (th_in_read(r, now, waste, sizeof waste) > 0)
        continue;
}

void th_reliable_release(struct th_reliable *r, struct th_now now)
{
    if (r->is_released)
        return;
    r->is_released = true;
    r->release_ends_at = now.mono + TH_REL_RELEASE_MS;
    r->release_by = now.mono + TH_REL_RELEASE_MAX_MS;
    th_reliable_end(r);
    if (r->why == TH_OK)
        discard(r, now);
    settle(r, now);
}

bool th_reliable_is_over(const struct th_reliable *r, struct th_now now)
{
    return r->is_released && !r->wants_err && r->over_at <= now.mono;
}

/* the application's side */

enum th_err th_reliable_write(struct th_reliable *r, struct th_now now, struct th_bytes bytes,
                              size_t *taken)
{
    size_t room = th_out_room(&r->out, r->way);
    (void)now;

    if (r->why != TH_OK)
        return r->why;
    if (r->out.wants_end || bytes.len == 0)
        return TH_INVALID;
    if (room == 0)
        return TH_AGAIN;
    if (bytes.len > room)
        bytes.len = room;
    enum th_err err = th_out_write(&r->out, bytes);
    if (err == TH_OK)
        *taken = bytes.len;
    return err;
}

enum th_err th_reliable_read(struct th_reliable *r, struct th_now now, uint8_t *buffer, size_t cap,
                             size_t *got)
{
    size_t len = th_in_read(r, now, buffer, cap);

    settle(r, now);
    if (len > 0) {
        *got = len;
        return TH_OK;
    }
    if (r->in.is_at_end && !r->is_reset)
        return TH_EOF;
    return r->why != TH_OK ? r->why : TH_AGAIN;
}

bool th_reliable_is_readable(const struct th_reliable *r)
{
    return r->why != TH_OK || r->in.is_at_end || r->in.read < r->in.next;
}

bool th_reliable_is_writable(const struct th_reliable *r)
{
    return r->why != TH_OK || r->out.wants_end || th_out_room(&r->out, r->way) > 0;
}

size_t th_reliable_readable(const struct th_reliable *r)
{
    return th_in_readable(&r->in);
}

const char *th_reliable_type(const struct th_reliable *r)
{
    return r->type;
}

const char *th_reliable_err(const struct th_reliable *r)
{
    return r->is_reset ? "" : r->err;
}

enum th_err th_reliable_why(const struct th_reliable *r)
{
    return r->why;
}

void th_reliable_look(const struct th_reliable *r, struct th_reliable_look *look)
{
    *look = (struct th_reliable_look){.is_compact = r->is_compact,
                                      .written = r->out.written,
                                      .read = r->in.total - r->in.unread,
                                      .waiting = r->out.written - r->out.first,
                                      .unread = r->in.unread,
                                      .packets = r->out.packets,
                                      .again = r->out.again,
                                      .probes = r->out.probed,
                                      .window = r->in.window};
}

/* the line's side */

static enum th_drop on_late(struct th_reliable *r, struct th_now now,
                            const struct th_relpkt *packet)
{
    /* Ours was lost, or crossed it; who goes on talking hears it again, but not each time. */
    if (r->is_reset && packet->err[0] == 0 && packet->has_seq &&
        now.mono >= r->err_at + TH_REL_ERR_MS)
        r->wants_err = true;
    return TH_DROP_CHANNEL_CLOSED;
}

enum th_drop th_reliable_on_packet(struct th_reliable *r, struct th_now now,
                                   const struct th_relpkt *packet)
{
    enum th_drop why = TH_DROP_NONE;

    if (r->why != TH_OK)
        return on_late(r, now, packet);
    if (packet->err[0]) {
        memcpy(r->err, packet->err, sizeof r->err);
        die(r, r->has_heard ? TH_GONE : TH_REFUSED, 0);
        return TH_DROP_NONE;
    }
    if (!th_out_is_sane(&r->out, packet))
        return TH_DROP_STREAM_ACK;
    r->heard_at = now.mono;
    r->has_heard = true;
    r->is_compact |= packet->has_max;
    r->takes_parts |= packet->takes_parts;
    th_out_on_ack(r, now, packet);
    if (packet->has_seq)
        why = th_in_take(r, now, packet);
    if (r->is_released) {
        /* Not sooner: an err takes from the other side what it has not yet read of ours. */
        bool is_in_vain = r->in.unread > 0 && th_out_is_done(&r->out);
        discard(r, now);
        if (is_in_vain)
            th_reliable_reset(r, now, "closed");
    }
    settle(r, now);
    return why;
}

bool th_reliable_takes_parts(const struct th_reliable *r)
{
    return r->takes_parts;
}

bool th_reliable_is_in_doubt(const struct th_reliable *r)
{
    return r->why == TH_OK && r->out.probes >= DOUBT_PROBES;
}

void th_reliable_on_moved(struct th_reliable *r, struct th_now now)
{
    if (r->why != TH_OK)
        return;
    r->out.sent_at = 0; /* a probe is due */
    r->out.probes = 0;
    th_out_probe(r, now);
    r->in.wants_ack |= r->has_heard;
}

static bool make(struct th_reliable *r, struct th_now now, const struct th_relpkt *packet,
                 uint8_t *out, size_t cap, size_t *len)
{
    /* A head has its room in every packet; an err of control characters alone does not fit. */
    TH_CHECK(th_relpkt_write(out, cap, len, packet) == TH_OK);
    r->said_at = now.mono;
    return true;
}

bool th_reliable_next(struct th_reliable *r, struct th_now now, uint8_t *out, size_t cap,
                      size_t *len)
{
    uint8_t body[TH_CHANPKT_PROVEN_MAX];
    struct th_relpkt packet;

    memset(&packet, 0, offsetof(struct th_relpkt, miss));
    packet.body = (struct th_bytes){0};
    packet.c = r->c;
    if (r->wants_err) {
        r->wants_err = false;
        r->err_at = now.mono;
        memcpy(packet.err, r->err, sizeof packet.err);
        return make(r, now, &packet, out, cap, len);
    }
    if (r->why != TH_OK)
        return false;
    bool has_list = r->in.wants_ack && th_in_has_holes(&r->in);
    uint32_t seq = has_list ? TH_SEG_NONE : th_out_pick(r, now, cap);
    bool has_content = seq != TH_SEG_NONE && th_out_send(r, now, seq, cap, &packet, body);
    if (!has_content && !r->in.wants_ack)
        return false;
    th_in_fill_ack(r, &packet, !has_content);
    if (!has_content && r->parts_said < PARTS_SAID_MAX) {
        packet.takes_parts = true;
        r->parts_said++;
    }
    return make(r, now, &packet, out, cap, len);
}

static th_ms silence_ms(const struct th_reliable *r)
{
    if (r->is_compact)
        return TH_REL_SILENCE_MS;
    return r->has_heard ? TH_REL_FOREIGN_SILENCE_MS : TH_REL_OPEN_MS;
}

/* Who is not one of ours says nothing for long while it has nothing to say. */
static bool keeps_alive(const struct th_reliable *r)
{
    return r->is_compact && r->has_heard && !is_done(r);
}

static th_ms next_at(const struct th_reliable *r, struct th_now now)
{
    const struct th_congestion *way = r->way;

    if (r->in.wants_ack || r->out.probes_due > 0 || r->out.part_at > 0)
        return now.mono;
    if (r->out.lost_count > 0 && way->is_first_again)
        return now.mono;
    if (th_out_wants(r) && way->in_flight + r->out.full <= way->window)
        return th_congestion_send_at(way, now);
    return TH_NEVER;
}

th_ms th_reliable_deadline(const struct th_reliable *r, struct th_now now)
{
    th_ms at = r->over_at;

    if (r->wants_err)
        return now.mono;
    if (r->why != TH_OK)
        return r->is_released ? at : TH_NEVER;
    at = r->is_released ? at : TH_NEVER;
    at = th_sooner(at, next_at(r, now));
    at = th_sooner(at, r->in.ack_at);
    at = th_sooner(at, th_sooner(r->out.overdue_at, th_out_probe_at(r)));
    at = th_sooner(at, r->release_ends_at);
    if (keeps_alive(r))
        at = th_sooner(at, r->said_at + TH_REL_KEEP_MS);
    return is_done(r) ? at : th_sooner(at, r->heard_at + silence_ms(r));
}

static void expire_silence(struct th_reliable *r, struct th_now now)
{
    if (is_done(r) || now.mono < r->heard_at + silence_ms(r))
        return;
    if (!r->is_compact && th_out_is_done(&r->out)) {
        /* To others our end, once they have it, ends both ways. */
        r->in.has_end = r->in.is_at_end = true;
        settle(r, now);
        return;
    }
    die(r, TH_TIMED_OUT, 0);
}

static void expire_release(struct th_reliable *r, struct th_now now)
{
    if (now.mono < r->release_ends_at)
        return;
    r->release_ends_at = TH_NEVER;
    if (!is_done(r))
        th_reliable_reset(r, now, "closed");
}

void th_reliable_tick(struct th_reliable *r, struct th_now now)
{
    if (r->why != TH_OK)
        return;
    expire_silence(r, now);
    expire_release(r, now);
    if (r->why != TH_OK)
        return;
    if (r->in.ack_at <= now.mono) {
        r->in.ack_at = TH_NEVER;
        r->in.wants_ack = true;
    }
    if (r->out.overdue_at <= now.mono)
        th_out_find_lost(r, now);
    th_out_probe(r, now);
    if (keeps_alive(r) && now.mono >= r->said_at + TH_REL_KEEP_MS) {
        r->in.wants_ack = true;
        th_out_rest(&r->out);
        th_in_rest(&r->in);
    }
}
