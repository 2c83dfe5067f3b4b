#include "switch/core/skew.h"

static int64_t drift(struct th_now now)
{
    return now.wall - (int64_t)now.mono;
}

void th_skew_init(struct th_skew *skew, struct th_now now)
{
    *skew = (struct th_skew){.wall_minus_mono = drift(now)};
}

void th_skew_on_time(struct th_skew *skew, struct th_now now)
{
    int64_t moved = drift(now) - skew->wall_minus_mono;

    if (moved > TH_SKEW_STEP_MS || moved < -TH_SKEW_STEP_MS)
        th_skew_init(skew, now);
}

bool th_skew_is_ahead(const struct th_skew *skew, int64_t at, int64_t limit_ms, struct th_now now)
{
    return at > now.wall + skew->correction_ms + limit_ms;
}

static void keep(struct th_skew *skew, const struct th_hashname *peer, int64_t ahead_ms)
{
    for (unsigned i = 0; i < skew->count; i++) {
        if (th_hashname_is_equal(&skew->peer[i], peer)) {
            skew->ahead_ms[i] = ahead_ms;
            return;
        }
    }
    skew->peer[skew->next] = *peer;
    skew->ahead_ms[skew->next] = ahead_ms;
    skew->next = (skew->next + 1) % TH_SKEW_PEERS;
    if (skew->count < TH_SKEW_PEERS)
        skew->count++;
}

static int64_t median(const struct th_skew *skew)
{
    int64_t sorted[TH_SKEW_PEERS];

    for (unsigned i = 0; i < skew->count; i++) {
        unsigned j = i;
        for (; j > 0 && sorted[j - 1] > skew->ahead_ms[i]; j--)
            sorted[j] = sorted[j - 1];
        sorted[j] = skew->ahead_ms[i];
    }
    return sorted[(skew->count - 1) / 2];
}

bool th_skew_note(struct th_skew *skew, const struct th_hashname *peer, int64_t at,
                  struct th_now now)
{
    bool was_right = skew->correction_ms == 0;

    if (at > INT64_MAX / 2)
        return false;
    keep(skew, peer, at - now.wall);
    if (skew->count >= TH_SKEW_PEERS_NEEDED)
        skew->correction_ms = median(skew);
    return was_right && skew->correction_ms != 0;
}
