/* What the half that sends does against silence: it sends something once more, to hear what has arrived. */
#include "switch/core/reliable_inside.h"

enum { PROBES_AT_ONCE = 2 /* RFC 9002, 6.2.4 */ };

static bool is_stopped_by_credit(const struct th_out *out)
{
    return out->oldest == TH_SEG_NONE && out->lost_count == 0 && out->sent < out->written &&
           out->next >= out->limit;
}

th_ms th_out_probe_at(const struct th_reliable *r)
{
    const struct th_out *out = &r->out;
    th_ms pause = th_congestion_probe_ms(r->way, TH_REL_ACK_MS);

    if (out->oldest == TH_SEG_NONE && !is_stopped_by_credit(out))
        return TH_NEVER;
    if (!r->is_compact && pause < TH_REL_FOREIGN_ACK_MS)
        pause = TH_REL_FOREIGN_ACK_MS; /* also the least time between two of one number */
    for (unsigned i = 0; i < out->probes && pause < TH_REL_PROBE_MAX_MS; i++)
        pause *= 2;
    return out->sent_at + (pause < TH_REL_PROBE_MAX_MS ? pause : TH_REL_PROBE_MAX_MS);
}

void th_out_probe(struct th_reliable *r, struct th_now now)
{
    struct th_out *out = &r->out;

    if (th_out_probe_at(r) > now.mono)
        return;
    out->probes++;
    out->probes_due = PROBES_AT_ONCE;
    out->sent_at = now.mono; /* the next is counted from here, even if nothing can leave */
}

uint32_t th_out_pick_probe(struct th_out *out)
{
    uint32_t seq = out->una;

    if (out->probes_due == 0)
        return TH_SEG_NONE;
    bool is_second = --out->probes_due == 0;
    if (out->oldest == TH_SEG_NONE)
        return is_stopped_by_credit(out) ? out->next : TH_SEG_NONE;
    if (is_second)
        seq = out->next - 1;
    while (seq < out->next && th_out_seg(out, seq)->has_arrived)
        seq++;
    return seq < out->next && !(is_second && seq == out->una) ? seq : TH_SEG_NONE;
}
