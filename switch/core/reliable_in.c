/* The half that receives: packets wait by their number until the application reads them. */
#include "switch/core/reliable_inside.h"

#include "switch/base/mem.h"

#include <string.h>

enum {
    SLOTS_FIRST = 16,
    RUNS_FIRST = 8,
    ACK_EVERY = 2, /* packets: sooner than TH_REL_ACK_MS (RFC 9000, 13.2.2) */
    RTT_UNKNOWN_US = 100000,
    RUNS_OLDEST = 4 /* of the runs that are told: the lowest ones, so that a hole can be filled */
};

static struct th_slot *slot_of(const struct th_in *in, uint32_t seq)
{
    return &in->slots[seq & (in->room - 1)];
}

void th_in_init(struct th_in *in, struct th_credit *credit, struct th_now now)
{
    *in = (struct th_in){.window = TH_REL_WINDOW_FIRST,
                         .max = TH_REL_WINDOW_FIRST,
                         .credit = credit,
                         .grown_at = now.mono,
                         .ack_at = TH_NEVER};
}

/* Forgets what came out of order. */
static void forget_runs(struct th_in *in)
{
    for (unsigned i = 0; i < in->run_count; i++)
        for (uint32_t seq = in->runs[i].first; seq <= in->runs[i].last; seq++) {
            struct th_slot *slot = slot_of(in, seq);
            in->unread -= slot->len;
            th_mem_free(slot->bytes);
            *slot = (struct th_slot){0};
        }
    in->run_count = 0;
}

void th_in_stop(struct th_in *in)
{
    forget_runs(in);
    in->is_stopped = true;
    if (in->read == in->next)
        th_in_clear(in);
}

void th_in_clear(struct th_in *in)
{
    if (in->credit)
        in->credit->left += in->window - TH_REL_WINDOW_FIRST;
    in->window = TH_REL_WINDOW_FIRST;
    for (uint32_t i = 0; i < in->room; i++)
        th_mem_free(in->slots[i].bytes);
    th_mem_free(in->slots);
    th_mem_free(in->runs);
    in->slots = NULL;
    in->runs = NULL;
    in->room = 0;
    in->run_count = in->run_room = 0;
    in->unread = 0;
    in->next = in->read;
    in->read_len = 0;
}

/* taking */

static bool make_room(struct th_in *in, uint32_t seq)
{
    uint32_t room = in->room ? in->room : SLOTS_FIRST;

    while (room <= seq - in->read)
        room *= 2;
    if (room == in->room)
        return true;
    struct th_slot *slots = th_mem_zalloc(room, sizeof *slots);
    if (slots == NULL)
        return false;
    for (uint32_t i = 0; i < in->room; i++) {
        uint32_t at = in->read + i;
        slots[at & (room - 1)] = *slot_of(in, at);
    }
    th_mem_free(in->slots);
    in->slots = slots;
    in->room = room;
    return true;
}

/* Notes a number beyond the first missing one; false when there are too many holes. */
static bool add_run(struct th_in *in, uint32_t seq)
{
    unsigned i = in->run_count;

    while (i > 0 && in->runs[i - 1].first > seq)
        i--;
    bool joins_before = i > 0 && in->runs[i - 1].last + 1 == seq;
    bool joins_after = i < in->run_count && in->runs[i].first == seq + 1;
    if (joins_before && joins_after) {
        in->runs[i - 1].last = in->runs[i].last;
        in->run_count--;
        memmove(&in->runs[i], &in->runs[i + 1], (in->run_count - i) * sizeof in->runs[0]);
    } else if (joins_before) {
        in->runs[i - 1].last = seq;
    } else if (joins_after) {
        in->runs[i].first = seq;
    } else {
        if (in->run_count == TH_REL_RUNS_MAX)
            return false;
        if (in->run_count == in->run_room) {
            unsigned room = in->run_room ? 2 * in->run_room : RUNS_FIRST;
            void *runs = th_mem_resize(in->runs, room, sizeof in->runs[0]);
            if (runs == NULL)
                return false;
            in->runs = runs;
            in->run_room = room;
        }
        memmove(&in->runs[i + 1], &in->runs[i], (in->run_count - i) * sizeof in->runs[0]);
        in->runs[i] = (struct th_run){seq, seq};
        in->run_count++;
    }
    return true;
}

static void advance(struct th_in *in)
{
    in->next++;
    if (in->run_count == 0 || in->runs[0].first != in->next)
        return;
    in->next = in->runs[0].last + 1;
    in->run_count--;
    memmove(&in->runs[0], &in->runs[1], in->run_count * sizeof in->runs[0]);
}

static bool keep(struct th_in *in, const struct th_relpkt *packet)
{
    uint8_t *bytes = NULL;

    if (!make_room(in, packet->seq))
        return false;
    if (packet->body.len > 0 && (bytes = th_mem_zalloc(packet->body.len, 1)) == NULL)
        return false;
    if (packet->seq > in->next && !add_run(in, packet->seq)) {
        th_mem_free(bytes);
        return false;
    }
    if (bytes)
        memcpy(bytes, packet->body.at, packet->body.len);
    th_mem_free(slot_of(in, packet->seq)->bytes); /* parts of it */
    *slot_of(in, packet->seq) = (struct th_slot){
        .bytes = bytes, .len = (uint16_t)packet->body.len, .is_there = true, .end = packet->end};
    in->unread += packet->body.len;
    in->total += packet->body.len;
    if (packet->seq == in->next)
        advance(in);
    return true;
}

static uint32_t top_of(const struct th_reliable *r)
{
    return r->is_compact ? r->in.max : r->in.read + TH_REL_FOREIGN_IN;
}

static bool is_known(const struct th_in *in, uint32_t seq)
{
    return seq < in->next || (seq - in->read < in->room && slot_of(in, seq)->is_there);
}

static enum th_drop take_whole(struct th_reliable *r, struct th_now now,
                               const struct th_relpkt *packet)
{
    struct th_in *in = &r->in;
    uint32_t seq = packet->seq;
    bool is_beyond_end = in->has_end && (seq > in->end_seq || (packet->end && seq < in->end_seq));

    if (seq == UINT32_MAX)
        return TH_DROP_STREAM_BEYOND;
    if (seq + 1 > in->seen)
        in->seen = seq + 1;
    if (is_known(in, seq)) {
        in->wants_ack = true; /* ours was lost */
        return TH_DROP_STREAM_REPEAT;
    }
    if (packet->end && in->run_count > 0 && seq < in->runs[in->run_count - 1].last)
        is_beyond_end = true;
    if (seq >= top_of(r) || is_beyond_end || (!in->has_end && packet->end && seq < in->next)) {
        in->wants_ack = true; /* it may have missed its credit */
        return TH_DROP_STREAM_BEYOND;
    }

    bool had_holes = in->run_count > 0;
    if (!keep(in, packet))
        return TH_DROP_STREAM_BEYOND;
    if (packet->end) {
        in->has_end = true;
        in->end_seq = seq;
    }
    in->is_short |= packet->has_more;
    in->unacked++;
    if (had_holes || in->run_count > 0 || in->unacked >= ACK_EVERY || packet->end)
        in->wants_ack = true;
    else if (in->ack_at == TH_NEVER)
        in->ack_at = now.mono + TH_REL_ACK_MS;
    th_in_read(r, now, NULL, 0); /* what is empty is read */
    return TH_DROP_NONE;
}

/* A part waits in its slot; one that is not the next is dropped, as if lost. The last makes it whole. */
static enum th_drop take_part(struct th_reliable *r, struct th_now now,
                              const struct th_relpkt *packet)
{
    struct th_in *in = &r->in;
    uint32_t seq = packet->seq;

    if (is_known(in, seq) || seq >= top_of(r))
        return take_whole(r, now, packet); /* which knows what to say of it, and takes nothing */
    if (packet->of > TH_CHANPKT_PROVEN_MAX || !make_room(in, seq))
        return TH_DROP_STREAM_BEYOND;
    struct th_slot *slot = slot_of(in, seq);
    if (packet->at == 0)
        slot->len = 0; /* it is sent anew */
    if (packet->at != slot->len)
        return TH_DROP_STREAM_REPEAT;
    if (slot->bytes == NULL)
        slot->bytes = th_mem_zalloc(TH_CHANPKT_PROVEN_MAX, 1);
    if (slot->bytes == NULL)
        return TH_DROP_STREAM_BEYOND;
    memcpy(slot->bytes + packet->at, packet->body.at, packet->body.len);
    slot->len = (uint16_t)(packet->at + packet->body.len);
    if (slot->len < packet->of)
        return TH_DROP_NONE;

    uint8_t bytes[TH_CHANPKT_PROVEN_MAX];
    struct th_relpkt whole = *packet;
    memcpy(bytes, slot->bytes, packet->of);
    whole.of = whole.at = 0;
    whole.body = (struct th_bytes){bytes, packet->of};
    return take_whole(r, now, &whole);
}

enum th_drop th_in_take(struct th_reliable *r, struct th_now now, const struct th_relpkt *packet)
{
    return packet->of > 0 ? take_part(r, now, packet) : take_whole(r, now, packet);
}

/* reading */

static void widen(struct th_in *in)
{
    uint32_t more = in->window;

    if (in->credit && in->credit->left < more) {
        th_drop_count(in->credit->drops, TH_DROP_STREAM_CREDIT);
        return;
    }
    if (in->credit)
        in->credit->left -= more;
    in->window += more;
}

/* Who reads half its credit within two round trips would take more, and who has read all while the other
 * side has used all its credit and waits, or says that it would have sent more (RFC 9000, 4.1 has a frame for it).
 * The time alone does not tell: we know what a round trip took, not what it takes while queues are long, and
 * streams of one line would then get as much as their credit happens to be. */
static void grow(struct th_reliable *r, struct th_now now)
{
    struct th_in *in = &r->in;
    uint64_t rtt_us = r->way->srtt_us ? r->way->srtt_us : RTT_UNKNOWN_US;
    bool has_stopped = in->read == in->next && (in->read == in->max || in->is_short);

    if (in->read - in->grown_from < in->window / 2)
        return;
    bool is_fast = (now.mono - in->grown_at) * 1000 <= 2 * rtt_us + 1000;
    if ((is_fast || has_stopped) && in->window < TH_REL_WINDOW_MAX)
        widen(in);
    in->is_short = false;
    in->grown_at = now.mono;
    in->grown_from = in->read;
}

static void give_credit(struct th_reliable *r, struct th_now now)
{
    struct th_in *in = &r->in;

    grow(r, now);
    if (in->read + in->window > in->max)
        in->max = in->read + in->window;
    if (in->max - in->told_max >= in->window / 4 || !r->is_compact)
        in->wants_ack = true;
}

size_t th_in_read(struct th_reliable *r, struct th_now now, uint8_t *buffer, size_t cap)
{
    struct th_in *in = &r->in;
    uint32_t before = in->read;
    size_t got = 0;

    while (in->read < in->next && !in->is_at_end) {
        struct th_slot *slot = slot_of(in, in->read);
        size_t left = slot->len - in->read_len;
        size_t len = left < cap - got ? left : cap - got;
        if (len > 0)
            memcpy(buffer + got, slot->bytes + in->read_len, len);
        got += len;
        in->read_len += (uint32_t)len;
        if (in->read_len < slot->len)
            break;
        in->is_at_end = slot->end;
        th_mem_free(slot->bytes);
        *slot = (struct th_slot){0};
        in->read_len = 0;
        in->read++;
    }
    in->unread -= got;
    if (in->read == before)
        return got;
    if (!in->is_stopped)
        give_credit(r, now);
    else if (in->read == in->next)
        th_in_clear(in);
    return got;
}

size_t th_in_readable(const struct th_in *in)
{
    size_t len = 0;

    for (uint32_t seq = in->read; seq < in->next; seq++)
        len += slot_of(in, seq)->len;
    return len - in->read_len;
}

void th_in_rest(struct th_in *in)
{
    if (in->read < in->next || in->run_count > 0)
        return;
    for (uint32_t i = 0; i < in->room; i++)
        th_mem_free(in->slots[i].bytes); /* parts, of which the others did not come */
    th_mem_free(in->slots);
    th_mem_free(in->runs);
    in->slots = NULL;
    in->runs = NULL;
    in->room = 0;
    in->run_room = 0;
}

/* acknowledging */

static void list_runs(const struct th_in *in, struct th_relpkt *packet)
{
    unsigned count = in->run_count < TH_GOT_MAX ? in->run_count : TH_GOT_MAX;

    for (unsigned i = 0; i < count; i++) {
        bool is_old = i < RUNS_OLDEST || count == in->run_count;
        packet->got[i] = in->runs[is_old ? i : in->run_count - count + i];
    }
    packet->got_count = count;
}

static void list_misses(const struct th_in *in, uint32_t top, struct th_relpkt *packet)
{
    uint32_t until = in->seen < top ? in->seen : top;
    unsigned run = 0;

    for (uint32_t seq = in->next; seq < until && packet->miss_count < TH_MISS_MAX; seq++) {
        if (run < in->run_count && seq == in->runs[run].first)
            seq = in->runs[run++].last;
        else
            packet->miss[packet->miss_count++] = seq;
    }
}

bool th_in_has_holes(const struct th_in *in)
{
    return in->run_count > 0 || in->seen > in->next;
}

void th_in_fill_ack(struct th_reliable *r, struct th_relpkt *packet, bool with_lists)
{
    struct th_in *in = &r->in;
    /* Who is not known to be one of ours is told what was read; it is what `ack` means to others. */
    uint32_t next = r->is_compact ? in->next : in->read;

    packet->has_ack = next > 0;
    packet->ack = next > 0 ? next - 1 : 0;
    packet->has_max = true;
    packet->max = in->max;
    packet->miss_count = packet->got_count = 0;
    in->told_max = in->max;
    if (with_lists && r->is_compact)
        list_runs(in, packet);
    else if (with_lists)
        list_misses(in, top_of(r), packet);
    if (with_lists || !th_in_has_holes(in)) {
        in->wants_ack = false;
        in->unacked = 0;
        in->ack_at = TH_NEVER;
    }
}

bool th_in_is_done(const struct th_reliable *r)
{
    const struct th_in *in = &r->in;

    return in->has_end && (r->is_compact ? in->next > in->end_seq : in->is_at_end);
}
