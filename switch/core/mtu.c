/*
 * How large a datagram may be on the way that a line takes now: the search of pmtu.h on lines that want
 * it. Its probes are `path` requests with a body of zeros, which every switch answers: the specification
 * lets any packet have a body, and theirs is read by none.
 */
#include "switch/core/board.h"

#include "switch/base/mem.h"

/* The search on the path in use; NULL: none, or it goes by a relay, whose other half we know nothing of.
 * Another path than before begins anew. */
static struct th_pmtu *search_of(struct th_exchange *ex, struct th_now now)
{
    struct th_pmtu *pmtu = ex->line ? th_line_more(ex->line)->pmtu : NULL;
    const struct th_exchange_path *path = th_exchange_paths_used(&ex->paths);

    if (pmtu == NULL || !ex->line->is_up || path == NULL || path->addr.family == TH_FAMILY_RELAY)
        return NULL;
    if (!th_addr_is_equal(&pmtu->addr, &path->addr)) {
        th_ms wanted_until = pmtu->wanted_until;
        th_pmtu_init(pmtu, &path->addr, now);
        pmtu->wanted_until = wanted_until;
    }
    return pmtu;
}

unsigned th_board_mtu(const struct th_exchange *ex)
{
    const struct th_pmtu *pmtu = ex->line ? th_line_more(ex->line)->pmtu : NULL;
    const struct th_exchange_path *path = th_exchange_paths_look(&ex->paths);

    return pmtu && path && th_addr_is_equal(&pmtu->addr, &path->addr) ? pmtu->size
                                                                      : TH_DATAGRAM_SAFE_MAX;
}

unsigned th_board_packet_max(const struct th_exchange *ex)
{
    unsigned mtu = ex->line && ex->line->is_up ? th_board_mtu(ex) : TH_DATAGRAM_SAFE_MAX;

    return mtu > TH_DATAGRAM_SAFE_MAX ? mtu - TH_CHANPKT_LINE : TH_CHANPKT_MAX;
}

void th_board_want_mtu(struct th_switchboard *board, struct th_exchange *ex, struct th_now now)
{
    const struct th_exchange_path *path = th_exchange_paths_used(&ex->paths);

    if (!th_exchange_is_up(ex) || path == NULL)
        return;
    struct th_line_more *more = th_line_make_more(ex->line);
    if (more && more->pmtu == NULL) {
        more->pmtu = th_mem_zalloc(1, sizeof *more->pmtu);
        if (more->pmtu)
            th_pmtu_init(more->pmtu, &path->addr, now);
    }
    if (more == NULL || more->pmtu == NULL)
        return; /* packets stay small */
    th_pmtu_want(more->pmtu, now);
    th_board_tick_mtu(board, ex, now);
    th_board_reset_alarm(board, ex);
}

static void probe(struct th_switchboard *board, struct th_exchange *ex, struct th_pmtu *pmtu,
                  unsigned size, struct th_now now)
{
    th_ms timeout_ms = TH_PMTU_PROBE_MS + (ex->line->has_rtt ? ex->line->rtt_ms : 0);

    if (th_pmtu_wants_company(pmtu))
        th_board_ask_path(board, ex, now, false);
    uint32_t channel = th_board_ask_padded(board, ex, size, now);
    th_pmtu_on_sent(pmtu, channel, timeout_ms, now);
}

void th_board_tick_mtu(struct th_switchboard *board, struct th_exchange *ex, struct th_now now)
{
    struct th_pmtu *pmtu = search_of(ex, now);

    if (pmtu == NULL)
        return;
    th_pmtu_tick(pmtu, th_half_rx_at(&ex->line->current), now);
    unsigned size = th_pmtu_next(pmtu, now);
    if (size > 0)
        probe(board, ex, pmtu, size, now);
}

void th_board_on_mtu_answer(struct th_switchboard *board, struct th_exchange *ex, uint32_t channel,
                            struct th_now now)
{
    struct th_pmtu *pmtu = search_of(ex, now);

    if (pmtu && th_pmtu_on_answer(pmtu, channel, now))
        th_board_tick_mtu(board, ex, now);
}

void th_board_note_large(struct th_exchange *ex, struct th_now now)
{
    struct th_pmtu *pmtu = search_of(ex, now);

    if (pmtu)
        th_pmtu_on_large(pmtu, now);
}

void th_switchboard_on_too_big(struct th_switchboard *board, struct th_now now,
                               const struct th_addr *to, size_t len)
{
    th_drop_count(&board->drops, TH_DROP_TOO_BIG);
    for (struct th_exchange *ex = board->roster.first; ex; ex = ex->next) {
        struct th_pmtu *pmtu = search_of(ex, now);
        if (pmtu == NULL || !th_addr_is_equal(&pmtu->addr, to))
            continue;
        th_pmtu_on_too_big(pmtu, len, now);
        th_board_reset_alarm(board, ex);
    }
}

unsigned th_switchboard_packet_max(struct th_switchboard *board, struct th_now now,
                                   const struct th_hashname *to)
{
    struct th_exchange *ex = th_board_find(board, to);

    if (ex == NULL)
        return TH_CHANPKT_MAX;
    th_board_want_mtu(board, ex, now);
    return th_board_packet_max(ex);
}
