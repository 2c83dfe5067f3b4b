/* How long answers take. */
#include "dialer/lookup.h"

void th_lookup_rtt_add(struct th_lookup_rtt *rtt, th_ms sample)
{
    /* A late answer counts as what it is, but no single one may spoil the mean for long. */
    int32_t ms = sample < 2 * TH_LOOKUP_ANSWER_MS_MAX ? (int32_t)sample
                                                      : (int32_t)(2 * TH_LOOKUP_ANSWER_MS_MAX);

    if (!rtt->has_any) {
        *rtt = (struct th_lookup_rtt){true, (uint32_t)ms * 8, (uint32_t)ms * 2};
        return;
    }

    /* V. Jacobson, Congestion Avoidance and Control, 1988, appendix A. */
    int32_t error = ms - (int32_t)(rtt->srtt_8 / 8);
    int32_t deviation = error < 0 ? -error : error;
    rtt->srtt_8 = (uint32_t)((int32_t)rtt->srtt_8 + error);
    rtt->rttvar_4 = rtt->rttvar_4 - rtt->rttvar_4 / 4 + (uint32_t)deviation;
}

th_ms th_lookup_rtt_timeout(const struct th_lookup_rtt *rtt)
{
    th_ms ms = rtt->srtt_8 / 8 + rtt->rttvar_4;

    if (!rtt->has_any)
        return TH_LOOKUP_ANSWER_MS_FIRST;
    if (ms < TH_LOOKUP_ANSWER_MS_MIN)
        return TH_LOOKUP_ANSWER_MS_MIN;
    return ms < TH_LOOKUP_ANSWER_MS_MAX ? ms : TH_LOOKUP_ANSWER_MS_MAX;
}
