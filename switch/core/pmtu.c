#include "switch/core/pmtu.h"

void th_pmtu_init(struct th_pmtu *pmtu, const struct th_addr *addr, struct th_now now)
{
    uint16_t max = addr->family == TH_FAMILY_IPV6 ? TH_DATAGRAM_IPV6_MAX : TH_DATAGRAM_IPV4_MAX;

    *pmtu = (struct th_pmtu){
        .addr = *addr,
        .max = max,
        .size = TH_DATAGRAM_SAFE_MAX,
        .failed = (uint16_t)(max + 1),
        .due_at = now.mono,
        .confirm_at = TH_NEVER,
        .raise_at = TH_NEVER,
        .wanted_until = now.mono,
    };
}

/* The size that the search tries next; 0 when what is left is not worth it. */
static uint16_t candidate(const struct th_pmtu *pmtu)
{
    if (pmtu->size >= pmtu->max || pmtu->failed - pmtu->size <= TH_PMTU_GRAIN)
        return 0;
    return pmtu->failed > pmtu->max ? pmtu->max : (uint16_t)((pmtu->size + pmtu->failed) / 2);
}

static bool is_large(uint16_t size)
{
    return size > TH_DATAGRAM_SAFE_MAX;
}

void th_pmtu_want(struct th_pmtu *pmtu, struct th_now now)
{
    bool was_wanted = pmtu->wanted_until > now.mono;

    pmtu->wanted_until = now.mono + TH_PMTU_WANTED_MS;
    if (!was_wanted)
        th_pmtu_doubt(pmtu, now);
}

void th_pmtu_doubt(struct th_pmtu *pmtu, struct th_now now)
{
    if (is_large(pmtu->size))
        pmtu->confirm_at = th_sooner(pmtu->confirm_at, now.mono);
}

void th_pmtu_on_large(struct th_pmtu *pmtu, struct th_now now)
{
    if (is_large(pmtu->size) && pmtu->confirm_at == TH_NEVER)
        pmtu->confirm_at = now.mono + TH_PMTU_CONFIRM_MS;
}

/* When the next probe may be due, if it is wanted then. */
static th_ms next_at(const struct th_pmtu *pmtu)
{
    th_ms search_at = candidate(pmtu) ? pmtu->due_at : pmtu->raise_at;
    th_ms first = th_sooner(pmtu->confirm_at, search_at);

    return first > pmtu->due_at ? first : pmtu->due_at;
}

th_ms th_pmtu_deadline(const struct th_pmtu *pmtu)
{
    if (pmtu->probe)
        return pmtu->due_at;
    return next_at(pmtu) < pmtu->wanted_until ? next_at(pmtu) : TH_NEVER;
}

unsigned th_pmtu_next(const struct th_pmtu *pmtu, struct th_now now)
{
    if (pmtu->probe || pmtu->wanted_until <= now.mono || next_at(pmtu) > now.mono)
        return 0;
    if (pmtu->confirm_at <= now.mono)
        return pmtu->size;
    return candidate(pmtu) ? candidate(pmtu) : pmtu->max;
}

bool th_pmtu_wants_company(const struct th_pmtu *pmtu)
{
    return pmtu->tries > 0;
}

void th_pmtu_on_sent(struct th_pmtu *pmtu, uint32_t channel, th_ms timeout_ms, struct th_now now)
{
    uint16_t size = (uint16_t)th_pmtu_next(pmtu, now);

    pmtu->due_at = now.mono + timeout_ms;
    if (channel == 0)
        return;
    if (pmtu->tries == 0)
        pmtu->first_at = now.mono;
    if (pmtu->raise_at <= now.mono) { /* a new search; what it begins with may be confirmed first */
        pmtu->raise_at = TH_NEVER;
        pmtu->failed = (uint16_t)(pmtu->max + 1);
    }
    pmtu->probe = size;
    pmtu->channel = channel;
}

/* What comes after a size is settled one way or the other. */
static void go_on(struct th_pmtu *pmtu, struct th_now now)
{
    pmtu->probe = 0;
    pmtu->tries = 0;
    pmtu->due_at = now.mono;
    if (candidate(pmtu) == 0 && pmtu->size < pmtu->max && pmtu->raise_at == TH_NEVER)
        pmtu->raise_at = now.mono + TH_PMTU_RAISE_MS;
}

bool th_pmtu_on_answer(struct th_pmtu *pmtu, uint32_t channel, struct th_now now)
{
    bool is_other = pmtu->probe != pmtu->size;

    if (pmtu->probe == 0 || pmtu->channel != channel)
        return false;
    pmtu->size = pmtu->probe;
    pmtu->confirm_at = TH_NEVER;
    go_on(pmtu, now);
    return is_other;
}

/* A size does not pass. Returns true when it was thought to. */
static bool fail(struct th_pmtu *pmtu, uint16_t size, struct th_now now)
{
    bool is_black_hole = size <= pmtu->size;

    if (size < pmtu->failed)
        pmtu->failed = size;
    if (is_black_hole) {
        pmtu->size = TH_DATAGRAM_SAFE_MAX;
        pmtu->confirm_at = TH_NEVER;
        pmtu->raise_at = TH_NEVER;
    }
    go_on(pmtu, now);
    return is_black_hole;
}

bool th_pmtu_on_too_big(struct th_pmtu *pmtu, size_t len, struct th_now now)
{
    bool is_new = len > TH_DATAGRAM_SAFE_MAX && len < pmtu->failed;

    return is_new && fail(pmtu, (uint16_t)len, now);
}

bool th_pmtu_tick(struct th_pmtu *pmtu, th_ms heard_at, struct th_now now)
{
    uint16_t size = pmtu->probe;

    /* What was due before that is not sent any more, and the deadline knows no clock to say so. */
    if (pmtu->wanted_until <= now.mono)
        pmtu->wanted_until = 0;
    if (size == 0 || pmtu->due_at > now.mono)
        return false;
    pmtu->probe = 0;
    pmtu->tries++;
    if (pmtu->tries < TH_PMTU_TRIES)
        return false; /* once more, at once */
    if (heard_at > pmtu->first_at)
        return fail(pmtu, size, now);
    pmtu->tries = 0;
    pmtu->due_at = now.mono + TH_PMTU_SILENT_MS;
    return false;
}
