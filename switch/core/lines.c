#include "switch/core/board.h"

/* The one address to which our open went; NULL when it went to more, or none. */
static const struct th_addr *open_went_to(const struct th_line *line)
{
    return line->sealed && !line->sealed->is_spread ? &line->sealed->to : NULL;
}

/* The peer, which began, has our open: it went to that one address. So much is as good as an answer to a
 * `path` request, but for where we are seen; of which a node with hundreds of lines hears enough. */
static bool is_probed(struct th_switchboard *board, struct th_exchange *ex,
                      struct th_exchange_path *path, struct th_now now)
{
    const struct th_addr *to = open_went_to(ex->line);
    bool has_open = ex->line->current.is_confirmed && to && th_addr_is_equal(to, &path->addr) &&
                    th_exchange_path_is_direct(path);

    if (!has_open || board->lines <= TH_LINES_PROBED_MAX)
        return false;
    path->is_answered = true;
    path->rtt_ms = (uint32_t)th_exchange_path_ago(path->open_sent_at, now);
    th_board_on_named(board, ex, &path->addr, now);
    return true;
}

void th_board_line_up(struct th_switchboard *board, struct th_exchange *ex, struct th_now now)
{
    struct th_line *line = ex->line;
    struct th_held *waiting = line->sealed ? line->sealed->waiting : NULL;

    th_board_trust(board, line);
    th_line_stop_opening(line);
    if (line->sealed) {
        line->sealed->waiting = NULL;
        line->sealed->waiting_count = 0;
    }
    line->is_up = true;
    line->up_since_low = (uint32_t)now.mono;
    line->up_since_high = (uint8_t)(now.mono >> 32);
    th_line_forget_doubt(line);
    th_exchange_paths_on_up(&ex->paths, open_went_to(line));
    board->lines++;
    th_board_note_way(board, ex);
    th_board_tell_line(board, ex, TH_ACTION_LINE_UP, TH_OK, now);

    struct th_exchange_path *used = th_exchange_paths_used(&ex->paths);
    if (used && !th_board_asks_later(ex) && !is_probed(board, ex, used, now))
        th_board_probe(board, ex, used, now);
    th_board_search(board, ex, TH_SEARCHES_SLOW, now);
    if (line->is_to_link)
        th_board_search_by(line, now.mono + TH_ASK_LATER_MS);
    for (struct th_held *kept = waiting; kept; kept = kept->next)
        th_board_transmit(board, ex, now, (struct th_bytes){kept->bytes, kept->len}, TH_WISH_NONE);
    th_held_free(&waiting);
    th_board_wake_streams(board, ex);
}

void th_board_end_line(struct th_switchboard *board, struct th_exchange *ex, enum th_err why,
                       struct th_now now)
{
    th_board_end_channels(board, ex, why, now);
    if (ex->line->is_up) {
        board->lines--;
        th_board_tell_line(board, ex, TH_ACTION_LINE_DOWN, why, now);
    }
    th_board_drop_line(board, ex);
    th_exchange_paths_on_end(&ex->paths);
}

void th_board_tick_line(struct th_switchboard *board, struct th_exchange *ex, struct th_now now)
{
    const struct th_half *current;

    if (ex->line == NULL)
        return;
    current = &ex->line->current;
    if (current->is_confirmed && now.mono >= current->heard_at + TH_LINE_SILENCE_MS)
        th_board_end_line(board, ex, TH_TIMED_OUT, now);
    else if (th_line_is_unproven(ex->line, now))
        th_board_end_line(board, ex, TH_TIMED_OUT, now);
    else if (th_exchange_is_unused(ex) &&
             now.mono >= th_exchange_paths_used_at(&ex->paths) + board->idle_ms)
        th_board_end_line(board, ex, TH_EOF, now);
}
