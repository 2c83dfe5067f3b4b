#include "switch/core/congestion.h"

#include "switch/base/check.h"

enum {
    BURST = 10 * TH_WAY_STEP, /* RFC 9002, 7.7 */
    BURST_MS = 2,             /* of the pace, as timers come late */
    /* HyStart++, in its words: MIN_RTT_THRESH, MAX_RTT_THRESH, MIN_RTT_DIVISOR, N_RTT_SAMPLE,
     * CSS_GROWTH_DIVISOR, CSS_ROUNDS */
    RISE_MIN_US = 4000,
    RISE_MAX_US = 16000,
    RISE_PART = 8,
    SAMPLES_MIN = 8,
    SLOWER_PART = 4,
    SLOWER_ROUNDS = 5
};

/* the round trip */

void th_congestion_on_rtt(struct th_congestion *way, th_ms rtt_ms, struct th_now now)
{
    uint32_t us = rtt_ms < 60000 ? (uint32_t)rtt_ms * 1000 : 60000000;
    (void)now;

    if (us == 0)
        us = 500; /* the clock ticks in ms */
    if (way->min_rtt_us == 0 || us < way->min_rtt_us)
        way->min_rtt_us = us;
    if (way->srtt_us == 0) {
        way->srtt_us = us;
        way->rttvar_us = us / 2;
    } else {
        uint32_t apart = us > way->srtt_us ? us - way->srtt_us : way->srtt_us - us;
        way->rttvar_us = (uint32_t)((3 * (uint64_t)way->rttvar_us + apart) / 4);
        way->srtt_us = (uint32_t)((7 * (uint64_t)way->srtt_us + us) / 8);
    }
    if (us < way->hystart.min_us)
        way->hystart.min_us = us;
    way->hystart.samples++;
}

th_ms th_congestion_probe_ms(const struct th_congestion *way, th_ms delay_ms)
{
    uint64_t us = 3 * (uint64_t)TH_WAY_RTT_FIRST_MS * 1000;
    uint64_t spread = 4 * (uint64_t)way->rttvar_us;

    if (way->srtt_us > 0)
        us = way->srtt_us + (spread > 1000 ? spread : 1000);
    return us / 1000 + 1 + delay_ms;
}

/* beginning */

static void begin_round(struct th_hystart *hystart, struct th_now now)
{
    hystart->last_min_us = hystart->min_us;
    hystart->min_us = UINT32_MAX;
    hystart->samples = 0;
    hystart->round_since = now.mono + 1; /* what was sent in this ms may be of the round before */
}

static void begin(struct th_congestion *way, struct th_now now)
{
    uint64_t in_flight = way->in_flight, reductions = way->reductions;

    *way = (struct th_congestion){.window = TH_WAY_WINDOW_FIRST,
                                  .threshold = UINT64_MAX,
                                  .in_flight = in_flight,
                                  .allowance = BURST,
                                  .paced_at = now.mono,
                                  .hystart = {.min_us = UINT32_MAX},
                                  .reductions = reductions};
    begin_round(&way->hystart, now);
}

void th_congestion_init(struct th_congestion *way, uint32_t rtt_ms, struct th_now now)
{
    *way = (struct th_congestion){0};
    begin(way, now);
    if (rtt_ms == 0)
        return;
    way->srtt_us = (rtt_ms < 60000 ? rtt_ms : 60000) * 1000;
    way->rttvar_us = way->srtt_us / 2;
}

void th_congestion_on_moved(struct th_congestion *way, struct th_now now)
{
    begin(way, now);
    way->reduced_at = now.mono; /* what is lost of the old way says nothing of the new one */
}

/* the pace */

/* Bytes a second; 0: as fast as can be. Half as much again as one window a round trip, and twice as
 * much while it doubles. */
static uint64_t pace(const struct th_congestion *way)
{
    bool is_slow_start = way->window < way->threshold;

    if (way->srtt_us < TH_WAY_PACED_US)
        return 0;
    return way->window * (is_slow_start ? 2000000 : 1250000) / way->srtt_us;
}

static int64_t allowance_at(const struct th_congestion *way, th_ms mono)
{
    uint64_t per_s = pace(way);
    uint64_t most = BURST + per_s * BURST_MS / 1000;
    th_ms passed = mono - way->paced_at;

    if (passed > 10000)
        return (int64_t)most;
    int64_t allowance = way->allowance + (int64_t)(per_s * passed / 1000);
    return allowance < (int64_t)most ? allowance : (int64_t)most;
}

bool th_congestion_may_send(struct th_congestion *way, uint64_t bytes, struct th_now now)
{
    if (way->in_flight + bytes > way->window) {
        way->full_at = now.mono;
        return false;
    }
    return pace(way) == 0 || allowance_at(way, now.mono) > 0;
}

bool th_congestion_may_send_again(struct th_congestion *way)
{
    bool may = way->is_first_again;

    way->is_first_again = false;
    return may;
}

th_ms th_congestion_send_at(const struct th_congestion *way, struct th_now now)
{
    uint64_t per_s = pace(way);
    int64_t allowance = allowance_at(way, now.mono);

    if (per_s == 0 || allowance > 0)
        return now.mono;
    return now.mono + 1 + (uint64_t)-allowance * 1000 / per_s;
}

void th_congestion_on_sent(struct th_congestion *way, uint64_t bytes, struct th_now now)
{
    if (pace(way) > 0) {
        way->allowance = allowance_at(way, now.mono) - (int64_t)bytes;
        way->paced_at = now.mono;
    }
    way->in_flight += bytes;
}

/* growing */

/* floor of the cube root */
static uint64_t cube_root(uint64_t value)
{
    uint64_t root = 0;

    for (int bit = 20; bit >= 0; bit--) {
        uint64_t next = root | 1ull << bit;
        if (next * next * next <= value)
            root = next;
    }
    return root;
}

/* RFC 9438, 4.2: C = 0.4 of a segment for each cubed second away from K. */
static int64_t curve(const struct th_congestion *way, uint64_t ms)
{
    int64_t apart = (int64_t)ms - (int64_t)way->to_peak_ms;

    if (apart > 60000)
        apart = 60000;
    if (apart < -60000)
        apart = -60000;
    return (int64_t)way->peak + apart * apart * apart / 1000000 * 4 * TH_WAY_STEP / 10000;
}

static void begin_epoch(struct th_congestion *way, struct th_now now)
{
    way->epoch_at = now.mono;
    way->reno = way->window;
    way->to_peak_ms = 0;
    if (way->peak > way->window)
        way->to_peak_ms =
            (uint32_t)cube_root((way->peak - way->window) * 2500000000ull / TH_WAY_STEP);
    else
        way->peak = way->window;
}

static void grow_by_curve(struct th_congestion *way, uint64_t bytes, struct th_now now)
{
    if (way->epoch_at == 0)
        begin_epoch(way, now);
    /* RFC 9438, 4.3: alpha is 9/17 until Reno would be back at the peak, then 1 */
    uint64_t step = way->reno < way->peak ? TH_WAY_STEP * 9 / 17 : TH_WAY_STEP;
    way->reno += (bytes * step + way->window / 2) / way->window;

    uint64_t passed = now.mono - way->epoch_at;
    int64_t target = curve(way, passed + way->srtt_us / 1000);
    int64_t most = (int64_t)(way->window + way->window / 2);
    if (target > most)
        target = most;
    if (target > (int64_t)way->window)
        way->window += ((uint64_t)target - way->window) * bytes / way->window;
    if (way->window < way->reno)
        way->window = way->reno;
}

static void end_slow_start(struct th_congestion *way)
{
    way->threshold = way->window;
    way->peak = way->window;
    way->epoch_at = 0;
}

/* RFC 9406, 4.2, at the end of a round that began with the first packet since. */
static void judge_delay(struct th_congestion *way)
{
    struct th_hystart *h = &way->hystart;

    if (h->samples < SAMPLES_MIN || h->last_min_us == UINT32_MAX || h->min_us == UINT32_MAX)
        return;
    if (h->base_us > 0 && h->min_us < h->base_us) {
        h->base_us = 0; /* it was no queue of ours */
        h->slower = 0;
        return;
    }
    uint32_t rise = h->last_min_us / RISE_PART;
    rise = rise < RISE_MIN_US ? RISE_MIN_US : rise > RISE_MAX_US ? RISE_MAX_US : rise;
    if (h->base_us == 0 && h->min_us >= h->last_min_us + rise)
        h->base_us = h->min_us;
}

static void end_round(struct th_congestion *way, struct th_now now)
{
    if (way->hystart.base_us > 0 && ++way->hystart.slower >= SLOWER_ROUNDS)
        end_slow_start(way);
    begin_round(&way->hystart, now);
}

void th_congestion_on_acked(struct th_congestion *way, uint64_t bytes, uint64_t fresh,
                            th_ms sent_at, struct th_now now)
{
    bool is_slow_start = way->window < way->threshold;
    /* An application that sends little teaches nothing of the way (RFC 9002, 7.8). */
    bool is_tried = sent_at <= way->full_at ||
                    way->in_flight + TH_WAY_STEP >= (is_slow_start ? way->window / 2 : way->window);

    th_congestion_on_gone(way, bytes);
    if (fresh > 0 && is_tried && is_slow_start) {
        judge_delay(way);
        way->window += way->hystart.base_us > 0 ? fresh / SLOWER_PART : fresh;
    } else if (fresh > 0 && is_tried) {
        grow_by_curve(way, fresh, now);
    }
    if (way->window > TH_WAY_WINDOW_MAX)
        way->window = TH_WAY_WINDOW_MAX;
    if (sent_at >= way->hystart.round_since)
        end_round(way, now);
}

/* shrinking */

static void reduce(struct th_congestion *way, struct th_now now)
{
    /* RFC 9438, 4.7: who has less than before leaves room for others */
    way->peak = way->window < way->peak ? way->window * 17 / 20 : way->window;
    way->window = way->window * 7 / 10;
    if (way->window < TH_WAY_WINDOW_MIN)
        way->window = TH_WAY_WINDOW_MIN;
    way->threshold = way->window;
    way->reduced_at = now.mono;
    way->epoch_at = 0;
    way->is_first_again = true;
    way->reductions++;
}

void th_congestion_on_lost(struct th_congestion *way, uint64_t bytes, th_ms sent_at,
                           struct th_now now)
{
    th_congestion_on_gone(way, bytes);
    if (sent_at > way->reduced_at)
        reduce(way, now);
}

void th_congestion_on_outage(struct th_congestion *way, struct th_now now)
{
    reduce(way, now);
    way->window = TH_WAY_WINDOW_MIN;
}

void th_congestion_on_gone(struct th_congestion *way, uint64_t bytes)
{
    TH_CHECK(way->in_flight >= bytes);
    way->in_flight -= bytes;
}
