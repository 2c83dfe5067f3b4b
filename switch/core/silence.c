/*
 * Lines on which we talk and hear nothing: the peer is gone, or it moved, or we did, and its NAT lets
 * nothing in from where we are now.
 *
 * Not every packet wants an answer. One that ends a channel does not, nor does one that leaves soon
 * after something came, for it may be the answer to that, unless it opens a channel. Of the others the
 * first that nobody answers makes us ask `path` at every address; when that is not answered either the line is silent, and its
 * owners are told: somebody may introduce the two once more. It goes on, with all its channels, as
 * soon as anything decrypts, wherever it comes from.
 */
#include "switch/core/board.h"

static th_ms silence(const struct th_exchange *ex, struct th_now now)
{
    return now.mono - ex->line->current.heard_at;
}

/* Whether nothing came lately by the way that ours goes: what comes by another, such as a relay, does
 * not show that ours arrives. */
static bool is_quiet(struct th_exchange *ex, struct th_now now, th_ms least)
{
    const struct th_exchange_path *used = th_exchange_paths_used(&ex->paths);
    th_ms quiet = used && used->rx_at ? th_exchange_path_ago(used->rx_at, now) : silence(ex, now);

    return quiet >= least;
}

static th_ms unanswered(const struct th_line *line, struct th_now now)
{
    return line->unanswered_since ? th_exchange_path_ago(line->unanswered_since, now) : 0;
}

/* --- what goes along with a packet ------------------------------------------------------------------ */

/* A line that may be gone on the other side: the open goes along (protocol.md 4, design 6). */
static void reopen_if_doubtful(struct th_switchboard *board, struct th_exchange *ex,
                               struct th_now now)
{
    struct th_line *line = ex->line;

    if (silence(ex, now) < TH_LINE_STALE_MS && unanswered(line, now) < TH_LINE_UNANSWERED_MS)
        return;
    if (line->open_sent_at && th_exchange_path_ago(line->open_sent_at, now) < TH_LINE_REOPEN_MS)
        return;
    th_board_send_opens(board, ex, now);
}

/* Who is between us passes on only what comes from where it knows us to be; when that changed, and we
 * had nothing to say to it, it learns it now. Again soon: it may have heard us just before we moved,
 * and then stays with the old address for TH_PATH_LOYAL_MS. */
static void show_middle_where_we_are(struct th_switchboard *board, const struct th_exchange *ex,
                                     struct th_now now)
{
    struct th_exchange *middle;
    struct th_exchange_path *path;

    if (!th_exchange_paths_want_better(&ex->paths) ||
        unanswered(ex->line, now) < TH_LINE_STALLED_MS)
        return;
    middle = th_board_middle_of(board, ex);
    path = th_exchange_is_up(middle) ? th_exchange_paths_used(&middle->paths) : NULL;
    th_ms pause = silence(ex, now) < TH_LINE_DOUBT_MS ? TH_LINE_SHOW_MS : TH_LINE_REOPEN_MS;
    if (path == NULL || (path->probed_at && th_exchange_path_ago(path->probed_at, now) < pause))
        return;
    path->probed_at = th_exchange_path_time(now);
    th_board_ask_path(board, middle, now, false);
    th_board_reset_alarm(board, middle);
}

/* --- from doubt to silence -------------------------------------------------------------------------- */

/* Two round trips are enough for an answer, where we know how long one takes. */
static th_ms answer_time(const struct th_line *line, th_ms least)
{
    th_ms twice = 2 * (th_ms)(line->usual_rtt_ms ? line->usual_rtt_ms : line->rtt_ms);

    return twice > least ? twice : least;
}

static void wait_in_doubt(struct th_line *line, th_ms pause, struct th_now now)
{
    line->doubt_at = (uint32_t)(now.mono + pause);
}

static void tell_silent(struct th_switchboard *board, struct th_exchange *ex, struct th_now now)
{
    struct th_line *line = ex->line;

    line->doubt = TH_DOUBT_SILENT;
    wait_in_doubt(line, (th_ms)TH_LINE_TELL_MS << line->silences, now);
    if (line->silences < TH_LINE_SILENCES_MAX)
        line->silences++;
    th_exchange_paths_doubt_used(&ex->paths);
    for (unsigned i = 0; i < ex->paths.count; i++) /* also those that are spare */
        th_board_probe(board, ex, th_exchange_paths_at(&ex->paths, i), now);
    th_board_tell_line(board, ex, TH_ACTION_SILENT, TH_OK, now);
}

static void ask(struct th_switchboard *board, struct th_exchange *ex, struct th_now now)
{
    struct th_line *line = ex->line;
    const struct th_exchange_path *used = th_exchange_paths_used(&ex->paths);

    if (used && !th_exchange_path_may_probe(used, now, true)) {
        wait_in_doubt(line, th_exchange_path_probe_in(used, now, true), now);
        return;
    }
    line->asked_at = th_exchange_path_time(now);
    line->doubt = TH_DOUBT_ASKED;
    show_middle_where_we_are(board, ex, now);
    th_board_probe_all(board, ex, now);
    wait_in_doubt(line, answer_time(line, TH_LINE_ASKED_MS), now);
}

/* Without knowing how long an answer takes we are not so quick to miss one. */
static bool wants_answer(struct th_exchange *ex, struct th_now now, enum th_wish wish)
{
    if (wish == TH_WISH_ANSWER && ex->line->usual_rtt_ms > 0)
        return true;
    return wish != TH_WISH_NONE && is_quiet(ex, now, TH_LINE_QUIET_MS);
}

void th_board_on_sent(struct th_switchboard *board, struct th_exchange *ex, struct th_now now,
                      enum th_wish wish)
{
    struct th_line *line = ex->line;

    reopen_if_doubtful(board, ex, now);
    show_middle_where_we_are(board, ex, now);
    if (!wants_answer(ex, now, wish))
        return;
    if (line->unanswered_since == 0)
        line->unanswered_since = th_exchange_path_time(now);
    if (line->doubt == TH_DOUBT_NONE) {
        th_ms pause = answer_time(line, TH_LINE_ANSWER_MS);
        th_ms asked = line->asked_at ? th_exchange_path_ago(line->asked_at, now) : TH_NEVER;
        line->doubt = TH_DOUBT_WAITING;
        if (asked < TH_PATH_PROBE_MS && pause < TH_PATH_PROBE_MS - asked)
            pause = TH_PATH_PROBE_MS - asked;
        wait_in_doubt(line, pause, now);
    } else if (line->doubt == TH_DOUBT_SILENT && now.mono >= th_line_doubt_at(line)) {
        tell_silent(board, ex, now);
    }
}

void th_board_ask_again(struct th_switchboard *board, struct th_exchange *ex, struct th_now now)
{
    th_board_send_opens(board, ex, now);
    if (is_quiet(ex, now, TH_LINE_ANSWER_MS)) /* it missed an answer of ours for so long at least */
        th_board_probe_all(board, ex, now);
}

void th_board_expect_answer(struct th_exchange *ex, struct th_now now)
{
    struct th_line *line = ex->line;

    if (line->doubt == TH_DOUBT_SILENT)
        return;
    line->doubt = TH_DOUBT_ASKED;
    wait_in_doubt(line, answer_time(line, TH_LINE_MOVED_MS), now);
}

void th_board_on_heard(struct th_switchboard *board, struct th_exchange *ex, struct th_now now)
{
    struct th_line *line = ex->line;
    const struct th_exchange_path *used = th_exchange_paths_used(&ex->paths);
    bool was_silent = line->doubt == TH_DOUBT_SILENT;

    if (used && used->rx_at != th_exchange_path_time(now))
        return;
    th_line_forget_doubt(line);
    if (was_silent && line->is_up)
        th_board_tell_line(board, ex, TH_ACTION_HEARD, TH_OK, now);
}

void th_board_tick_silence(struct th_switchboard *board, struct th_exchange *ex, struct th_now now)
{
    if (ex->line == NULL || th_line_doubt_deadline(ex->line) > now.mono)
        return;
    if (ex->line->doubt == TH_DOUBT_WAITING)
        ask(board, ex, now);
    else
        tell_silent(board, ex, now);
}
