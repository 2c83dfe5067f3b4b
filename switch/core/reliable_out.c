/* The half that sends: bytes wait in a ring; packets are cut from it when they may leave. */
#include "switch/core/reliable_inside.h"

#include "switch/base/mem.h"

#include <string.h>

enum {
    RING_FIRST = 4096,
    SEGS_FIRST = 16,
    HEAD_COST = 32,    /* of a packet in flight, beside its bytes */
    OUTAGE_PROBES = 3, /* in a row: nothing gets through any more */
    THRESHOLD = 3,     /* packets that arrived beyond a missing one: kPacketThreshold */
    PATIENCE_MAX = 8,
    /* the length of the packet's head, beside the content; a type goes along at first */
    FRAME = 2 + TH_REL_HEAD_MAX,
    TYPE_FRAME = 10
};

static uint64_t cost(const struct th_seg *seg)
{
    return (uint64_t)seg->len + HEAD_COST;
}

void th_out_init(struct th_out *out)
{
    *out = (struct th_out){.oldest = TH_SEG_NONE,
                           .newest = TH_SEG_NONE,
                           .limit = TH_REL_FOREIGN_OUT,
                           .full = TH_WAY_STEP,
                           .overdue_at = TH_NEVER,
                           .patience = 1};
}

/* bytes */

size_t th_out_room(const struct th_out *out, const struct th_congestion *way)
{
    uint64_t held = out->written - out->first, most = 2 * way->window;

    most = most < TH_REL_SEND_FIRST ? TH_REL_SEND_FIRST
           : most > TH_REL_SEND_MAX ? TH_REL_SEND_MAX
                                    : most;
    return held < most ? (size_t)(most - held) : 0;
}

static void copy_out(const struct th_out *out, uint64_t at, uint8_t *to, size_t len)
{
    size_t begin = (size_t)(at & (out->room - 1));
    size_t until_wrap = out->room - begin < len ? out->room - begin : len;

    memcpy(to, out->bytes + begin, until_wrap);
    memcpy(to + until_wrap, out->bytes, len - until_wrap);
}

static bool make_room(struct th_out *out, size_t held)
{
    size_t room = out->room ? out->room : RING_FIRST;

    while (room < held)
        room *= 2;
    if (room == out->room)
        return true;
    uint8_t *bytes = th_mem_zalloc(room, 1);
    if (bytes == NULL)
        return false;
    for (uint64_t at = out->first; at < out->written;) { /* to where it is of the larger ring */
        size_t begin = (size_t)(at & (room - 1)), len = (size_t)(out->written - at);
        len = len < room - begin ? len : room - begin;
        copy_out(out, at, bytes + begin, len);
        at += len;
    }
    th_mem_free(out->bytes);
    out->bytes = bytes;
    out->room = room;
    return true;
}

enum th_err th_out_write(struct th_out *out, struct th_bytes bytes)
{
    if (!make_room(out, (size_t)(out->written - out->first) + bytes.len))
        return TH_NO_MEMORY;
    size_t begin = (size_t)(out->written & (out->room - 1));
    size_t until_wrap = out->room - begin < bytes.len ? out->room - begin : bytes.len;
    memcpy(out->bytes + begin, bytes.at, until_wrap);
    memcpy(out->bytes, bytes.at + until_wrap, bytes.len - until_wrap);
    out->written += bytes.len;
    return TH_OK;
}

void th_out_rest(struct th_out *out)
{
    if (out->first < out->written || out->una < out->next)
        return;
    th_mem_free(out->bytes);
    th_mem_free(out->segs);
    out->bytes = NULL;
    out->segs = NULL;
    out->room = 0;
    out->seg_room = 0;
}

/* what is in flight, by the time of its sending */

static void put_in_flight(struct th_reliable *r, uint32_t seq, struct th_now now)
{
    struct th_out *out = &r->out;
    struct th_seg *seg = th_out_seg(out, seq);

    seg->is_in_flight = true;
    seg->sent_at = now.mono;
    seg->older = out->newest;
    seg->newer = TH_SEG_NONE;
    if (out->newest == TH_SEG_NONE)
        out->oldest = seq;
    else
        th_out_seg(out, out->newest)->newer = seq;
    out->newest = seq;
    th_congestion_on_sent(r->way, cost(seg), now);
}

/* The way is told by the caller: of arrived and lost ones in sums. */
static void take_from_flight(struct th_out *out, struct th_seg *seg)
{
    if (seg->older == TH_SEG_NONE)
        out->oldest = seg->newer;
    else
        th_out_seg(out, seg->older)->newer = seg->newer;
    if (seg->newer == TH_SEG_NONE)
        out->newest = seg->older;
    else
        th_out_seg(out, seg->newer)->older = seg->older;
    seg->is_in_flight = false;
}

void th_out_clear(struct th_out *out, struct th_congestion *way)
{
    while (out->oldest != TH_SEG_NONE) {
        struct th_seg *seg = th_out_seg(out, out->oldest);
        take_from_flight(out, seg);
        th_congestion_on_gone(way, cost(seg));
    }
    th_mem_free(out->bytes);
    th_mem_free(out->segs);
    th_out_init(out);
}

/* acknowledgements */

/* What one acknowledgement brought. */
struct news {
    uint64_t bytes, fresh; /* in flight until now; of them sent since the window was reduced */
    th_ms sent_at;
    bool is_any;       /* something arrived that had not been told */
    bool is_from_late; /* a packet that we had given up did arrive */
    bool has_sample;
    th_ms sampled_at; /* when the one was sent that was sent last, of those sent once */
};

static void note_rack(struct th_reliable *r, struct th_now now, uint32_t seq,
                      const struct th_seg *seg)
{
    struct th_out *out = &r->out;

    /* RFC 8985, 6.2: what was sent again and is acknowledged at once was the first one, late */
    if (seg->sends > 1 && (now.mono - seg->sent_at) * 1000 < r->way->min_rtt_us)
        return;
    if (seg->sent_at < out->rack_at || (seg->sent_at == out->rack_at && seq < out->rack_seq))
        return;
    out->rack_at = seg->sent_at;
    out->rack_seq = seq;
    out->rack_rtt = now.mono - seg->sent_at;
}

static void on_arrived(struct th_reliable *r, struct th_now now, uint32_t seq, struct news *news)
{
    struct th_out *out = &r->out;
    struct th_seg *seg = th_out_seg(out, seq);

    if (seg->has_arrived)
        return;
    if (seg->is_in_flight) {
        take_from_flight(out, seg);
        news->bytes += cost(seg);
        if (seg->sent_at > r->way->reduced_at)
            news->fresh += cost(seg);
    }
    if (seg->sends > 1 && (now.mono - seg->sent_at) * 1000 < r->way->min_rtt_us)
        news->is_from_late = true;
    if (seg->is_lost) {
        news->is_from_late = true;
        seg->is_lost = false;
        out->lost_count--;
    }
    if (seq + 1 < out->highest && seg->sends == 1)
        out->is_reordered = true;
    if (seq + 1 > out->highest)
        out->highest = seq + 1;
    if (seg->sends == 1 && seg->sent_at >= news->sampled_at) {
        news->has_sample = true;
        news->sampled_at = seg->sent_at;
    }
    if (seg->sent_at > news->sent_at)
        news->sent_at = seg->sent_at;
    note_rack(r, now, seq, seg);
    seg->has_arrived = true;
    news->is_any = true;
    out->arrived_count++;
}

static void on_all_up_to(struct th_reliable *r, struct th_now now, uint32_t ack, struct news *news)
{
    struct th_out *out = &r->out;

    for (; out->una <= ack && out->una < out->next; out->una++) {
        struct th_seg *seg = th_out_seg(out, out->una);
        on_arrived(r, now, out->una, news);
        out->arrived_count--;
        out->first += seg->len;
    }
}

/* Runs mostly repeat what the acknowledgement before told; only what they add is gone through. */
static void on_run(struct th_reliable *r, struct th_now now, const struct th_run *run,
                   struct news *news)
{
    struct th_out *out = &r->out;
    uint64_t seq = run->first > out->una ? run->first : out->una;

    for (unsigned i = 0; i < out->told_count; i++)
        if (out->told[i].first <= seq && seq <= out->told[i].last)
            seq = (uint64_t)out->told[i].last + 1;
    for (; seq <= run->last; seq++)
        on_arrived(r, now, (uint32_t)seq, news);
}

/* Gives a packet up as lost; it leaves the flight, of which the caller tells the way. */
static void give_up(struct th_out *out, uint32_t seq, uint64_t *bytes, th_ms *sent_at)
{
    struct th_seg *seg = th_out_seg(out, seq);

    if (seg->is_in_flight) {
        take_from_flight(out, seg);
        *bytes += cost(seg);
    }
    if (seg->sent_at > *sent_at)
        *sent_at = seg->sent_at;
    seg->is_lost = true;
    if (out->lost_count++ == 0 || seq < out->lost_from)
        out->lost_from = seq;
}

/* A foreign peer says what it misses, and by that what it has. */
static void on_miss(struct th_reliable *r, struct th_now now, const struct th_relpkt *packet,
                    struct news *news)
{
    struct th_out *out = &r->out;
    uint64_t bytes = 0, seq = out->una;
    th_ms sent_at = 0;

    for (unsigned i = 0; i < packet->miss_count && packet->miss[i] < out->next; i++) {
        if (packet->miss[i] < out->una)
            continue; /* a late acknowledgement: places below una are of other numbers by now */
        for (; seq < packet->miss[i]; seq++)
            on_arrived(r, now, (uint32_t)seq, news);
        seq = (uint64_t)packet->miss[i] + 1;
        struct th_seg *seg = th_out_seg(out, packet->miss[i]);
        bool is_recent = seg->sends > 1 && now.mono - seg->sent_at < TH_REL_RESEND_MS;
        if (!seg->has_arrived && !seg->is_lost && !is_recent)
            give_up(out, packet->miss[i], &bytes, &sent_at);
    }
    if (bytes > 0)
        th_congestion_on_lost(r->way, bytes, sent_at, now);
}

bool th_out_is_sane(const struct th_out *out, const struct th_relpkt *packet)
{
    if (packet->has_ack && packet->ack >= out->next)
        return false;
    return packet->got_count == 0 || packet->got[packet->got_count - 1].last < out->next;
}

static void on_news(struct th_reliable *r, struct th_now now, const struct news *news)
{
    struct th_out *out = &r->out;

    /* RFC 9002, 5.1: of the packet sent last. Of one before it the acknowledgement may have been lost, and
     * this is the answer to a probe. */
    if (news->has_sample && news->sampled_at >= news->sent_at)
        th_congestion_on_rtt(r->way, now.mono - news->sampled_at, now);
    if (news->is_from_late && now.mono - out->patience_at > r->way->srtt_us / 1000) {
        out->patience += out->patience < PATIENCE_MAX;
        out->patience_at = now.mono;
        out->is_reordered = true;
    }
    th_congestion_on_acked(r->way, news->bytes, news->fresh, news->sent_at, now);
    if (out->probes >= OUTAGE_PROBES)
        th_congestion_on_outage(r->way, now);
    out->probes = out->probes_due = 0;
    out->has_answer = true;
    if (r->is_released && r->release_ends_at != TH_NEVER)
        /* It still gets somewhere; that is no reason to hold it for ever. */
        r->release_ends_at = th_sooner(now.mono + TH_REL_RELEASE_MS, r->release_by);
}

void th_out_on_ack(struct th_reliable *r, struct th_now now, const struct th_relpkt *packet)
{
    struct th_out *out = &r->out;
    struct news news = {0};

    if (packet->has_ack)
        on_all_up_to(r, now, packet->ack, &news);
    for (unsigned i = 0; i < packet->got_count; i++)
        on_run(r, now, &packet->got[i], &news);
    memcpy(out->told, packet->got, packet->got_count * sizeof out->told[0]);
    out->told_count = packet->got_count;
    if (!r->is_compact)
        on_miss(r, now, packet, &news);
    if (news.is_any)
        on_news(r, now, &news);

    uint32_t limit = r->is_compact ? packet->max : out->una + TH_REL_FOREIGN_OUT;
    if (limit > out->limit) {
        out->limit = limit;
        out->probes = out->probes_due = 0;
    }
    th_out_find_lost(r, now);
}

/* losses */

/* RFC 8985, 6.2: how much later than its successors a packet may come. On a new way nothing may have been
 * measured yet, and never will be while all that is sent was sent before; then the newest arrival says it. */
static th_ms patience(const struct th_reliable *r)
{
    const struct th_out *out = &r->out;
    uint64_t rtt_us = r->way->min_rtt_us ? r->way->min_rtt_us : out->rack_rtt * 1000;
    uint64_t most_us = r->way->srtt_us ? r->way->srtt_us : out->rack_rtt * 1000;
    th_ms ms = rtt_us * out->patience / 4000;

    if (!out->is_reordered && (out->arrived_count >= THRESHOLD || out->lost_count > 0))
        return 0;
    ms = ms < 1 ? 1 : ms;
    return ms * 1000 < most_us ? ms : most_us / 1000 + 1;
}

void th_out_find_lost(struct th_reliable *r, struct th_now now)
{
    struct th_out *out = &r->out;
    uint64_t bytes = 0;
    th_ms sent_at = 0, wait = patience(r);

    out->overdue_at = TH_NEVER;
    if (!r->is_compact || out->highest == 0)
        return; /* others say what they miss */
    while (out->oldest != TH_SEG_NONE) {
        uint32_t seq = out->oldest;
        const struct th_seg *seg = th_out_seg(out, seq);
        if (seg->sent_at > out->rack_at || (seg->sent_at == out->rack_at && seq > out->rack_seq))
            break;
        if (seg->sent_at + out->rack_rtt + wait > now.mono) {
            out->overdue_at = seg->sent_at + out->rack_rtt + wait;
            break;
        }
        give_up(out, seq, &bytes, &sent_at);
    }
    if (bytes > 0)
        th_congestion_on_lost(r->way, bytes, sent_at, now);
}

/* Content for which a packet of so many bytes has room now. */
static size_t content_room(const struct th_reliable *r, size_t cap)
{
    size_t room = cap - FRAME;

    if (!r->out.has_answer)
        room -= (r->is_ours ? strlen(r->type) + TYPE_FRAME : 0) + TH_REL_PARTS_LEN;
    return room;
}

/* choosing */

static uint32_t first_lost(struct th_out *out)
{
    while (out->lost_from < out->next && !th_out_seg(out, out->lost_from)->is_lost)
        out->lost_from++;
    TH_CHECK(out->lost_from < out->next);
    return out->lost_from;
}

/* Content that was not cut yet: bytes, an end, or the first packet of a channel of ours, which may be
 * empty. */
static bool has_new(const struct th_reliable *r)
{
    const struct th_out *out = &r->out;

    return out->sent < out->written || (out->wants_end && !out->has_end) ||
           (r->is_ours && out->next == 0);
}

static bool may_be_new(const struct th_reliable *r)
{
    const struct th_out *out = &r->out;

    return has_new(r) && out->next < out->limit && out->next - out->una < TH_REL_WINDOW_MAX &&
           out->next < UINT32_MAX;
}

bool th_out_wants(const struct th_reliable *r)
{
    return r->out.lost_count > 0 || r->out.probes_due > 0 || r->out.part_at > 0 || may_be_new(r);
}

uint32_t th_out_pick(struct th_reliable *r, struct th_now now, size_t cap)
{
    struct th_out *out = &r->out;

    if (out->part_at > 0 && out->part_seq >= out->una &&
        !th_out_seg(out, out->part_seq)->has_arrived)
        return out->part_seq;
    out->part_at = 0;
    while (out->probes_due > 0) {
        uint32_t seq = th_out_pick_probe(out);
        if (seq == TH_SEG_NONE)
            continue;
        out->probed++;
        return seq;
    }
    out->full = (uint32_t)content_room(r, r->takes_parts ? cap : TH_CHANPKT_MAX) + HEAD_COST;
    if (!(out->lost_count > 0 || may_be_new(r)))
        return TH_SEG_NONE;
    bool is_first_again = out->lost_count > 0 && th_congestion_may_send_again(r->way);
    if (!is_first_again && !th_congestion_may_send(r->way, out->full, now))
        return TH_SEG_NONE;
    return out->lost_count > 0 ? first_lost(out) : out->next;
}

/* sending */

static bool make_seg_room(struct th_out *out)
{
    uint32_t room = out->seg_room ? out->seg_room : SEGS_FIRST;

    while (room <= out->next - out->una)
        room *= 2;
    if (room == out->seg_room)
        return true;
    struct th_seg *segs = th_mem_zalloc(room, sizeof *segs);
    if (segs == NULL)
        return false;
    for (uint32_t seq = out->una; seq < out->next; seq++)
        segs[seq & (room - 1)] = *th_out_seg(out, seq);
    th_mem_free(out->segs);
    out->segs = segs;
    out->seg_room = room;
    return true;
}

/* Whether the next new number is the last that may leave until the other side gives credit. */
static bool is_last_allowed(const struct th_out *out)
{
    return out->next + 1 == out->limit;
}

/* Cuts the next packet. */
static bool cut(struct th_reliable *r, size_t cap)
{
    struct th_out *out = &r->out;
    size_t room = content_room(r, r->takes_parts ? cap : TH_CHANPKT_MAX) -
                  (is_last_allowed(&r->out) ? TH_REL_MORE_LEN : 0);
    uint64_t len = out->written - out->sent;

    if (!make_seg_room(out))
        return false;
    if (len > room)
        len = room;
    bool end = out->wants_end && out->sent + len == out->written;
    *th_out_seg(out, out->next) =
        (struct th_seg){.at = (uint32_t)out->sent, .len = (uint16_t)len, .end = end};
    out->has_end |= end;
    out->sent += len;
    out->next++;
    return true;
}

/* Notes that it is sent, or its first part. */
static void note_sent(struct th_reliable *r, struct th_now now, uint32_t seq)
{
    struct th_out *out = &r->out;
    struct th_seg *seg = th_out_seg(out, seq);

    if (seg->is_in_flight) { /* a probe */
        take_from_flight(out, seg);
        th_congestion_on_gone(r->way, cost(seg));
    }
    if (seg->is_lost) {
        seg->is_lost = false;
        out->lost_count--;
    }
    out->again += seg->sends > 0;
    if (seg->sends < UINT8_MAX)
        seg->sends++;
    put_in_flight(r, seq, now);
    out->sent_at = now.mono;
    out->packets++;
}

/* How many bytes of the number go out now: all, or the next that a packet has room for. */
static size_t take_part(struct th_out *out, const struct th_seg *seg, uint32_t seq, size_t room,
                        struct th_relpkt *packet)
{
    size_t left = (size_t)seg->len - out->part_at;

    if (out->part_at == 0 && left <= room)
        return left;
    packet->at = out->part_at;
    packet->of = seg->len;
    room -= TH_REL_PART_LEN;
    size_t len = left < room ? left : room;
    out->part_seq = seq;
    out->part_at = len < left ? out->part_at + (uint32_t)len : 0;
    return len;
}

bool th_out_send(struct th_reliable *r, struct th_now now, uint32_t seq, size_t cap,
                 struct th_relpkt *packet, uint8_t body[TH_CHANPKT_PROVEN_MAX])
{
    struct th_out *out = &r->out;

    cap = cap < TH_CHANPKT_PROVEN_MAX ? cap : TH_CHANPKT_PROVEN_MAX;
    bool is_stopping = r->is_compact && seq == out->next && is_last_allowed(out);
    if (seq == out->next && !cut(r, cap))
        return false;
    struct th_seg *seg = th_out_seg(out, seq);
    if (out->part_at == 0)
        note_sent(r, now, seq);

    packet->has_seq = true;
    packet->seq = seq;
    packet->end = seg->end;
    packet->takes_parts = !out->has_answer;
    packet->has_more = is_stopping && has_new(r);
    if (!out->has_answer && r->is_ours)
        memcpy(packet->type, r->type, sizeof packet->type);
    size_t len = take_part(out, seg, seq, content_room(r, cap), packet);
    packet->body = (struct th_bytes){body, len};
    if (len > 0)
        copy_out(out, out->first + (uint32_t)(seg->at - (uint32_t)out->first) + packet->at, body,
                 len);
    return true;
}

bool th_out_is_done(const struct th_out *out)
{
    return out->has_end && out->una == out->next;
}
