#include "switch/core/paths.h"

#include "switch/base/mem.h"

static void be_empty(struct th_exchange_paths *paths)
{
    paths->one = (struct th_exchange_path){0};
    paths->count = 0;
    paths->room = 1;
    paths->used = -1;
}

void th_exchange_paths_init(struct th_exchange_paths *paths, struct th_now now)
{
    be_empty(paths);
    th_exchange_paths_touch(paths, now);
}

void th_exchange_paths_clear(struct th_exchange_paths *paths)
{
    if (paths->room > 1)
        th_mem_free(paths->many);
    be_empty(paths);
}

void th_exchange_paths_touch(struct th_exchange_paths *paths, struct th_now now)
{
    paths->used_at_low = (uint32_t)now.mono;
    paths->used_at_high = (uint8_t)(now.mono >> 32);
}

th_ms th_exchange_paths_used_at(const struct th_exchange_paths *paths)
{
    return (th_ms)paths->used_at_high << 32 | paths->used_at_low;
}

struct th_exchange_path *th_exchange_paths_at(struct th_exchange_paths *paths, unsigned index)
{
    return paths->room > 1 ? &paths->many[index] : &paths->one;
}

static const struct th_exchange_path *look_at(const struct th_exchange_paths *paths, unsigned index)
{
    return paths->room > 1 ? &paths->many[index] : &paths->one;
}

struct th_exchange_path *th_exchange_paths_find(struct th_exchange_paths *paths,
                                                const struct th_addr *addr)
{
    for (unsigned i = 0; i < paths->count; i++)
        if (th_addr_is_equal(&look_at(paths, i)->addr, addr))
            return th_exchange_paths_at(paths, i);
    return NULL;
}

static bool is_theirs(const struct th_exchange_path *path)
{
    return path->is_told || path->is_proven;
}

bool th_exchange_path_is_direct(const struct th_exchange_path *path)
{
    return path->addr.family != TH_FAMILY_RELAY && !path->is_bridge;
}

/* The higher the better. */
static unsigned kind_of(const struct th_exchange_path *path)
{
    if (path->addr.family == TH_FAMILY_RELAY)
        return 0;
    return path->is_bridge ? 1 : 2;
}

/* It was heard lately, or is asked whether it can be. */
static bool is_good_relay(const struct th_exchange_path *path, struct th_now now)
{
    if (path->is_answered && th_exchange_path_ago(path->rx_at, now) < TH_PATH_SPARE_MS)
        return true;
    return path->probed_at != 0 && th_exchange_path_ago(path->probed_at, now) < TH_PATH_ASKED_MS;
}

/* The lower the sooner it goes. First where only opens came from: whoever replays or forges opens from
 * many addresses pushes out such alone. Then relays: each introduction makes another, and any is as
 * good. */
enum worth {
    WORTH_OF_OPENS,
    WORTH_OF_RELAY,
    WORTH_OF_GOOD_RELAY,
    WORTH_OF_NAMED,
    WORTH_OF_ADDRESS
};

static enum worth worth_of(const struct th_exchange_path *path, struct th_now now)
{
    if (!is_theirs(path))
        return path->is_named ? WORTH_OF_NAMED : WORTH_OF_OPENS;
    if (path->addr.family == TH_FAMILY_RELAY)
        return is_good_relay(path, now) ? WORTH_OF_GOOD_RELAY : WORTH_OF_RELAY;
    return WORTH_OF_ADDRESS;
}

/* True when a goes before b. */
static bool is_worse(const struct th_exchange_path *a, const struct th_exchange_path *b,
                     struct th_now now)
{
    enum worth of_a = worth_of(a, now), of_b = worth_of(b, now);

    if (of_a != of_b)
        return of_a < of_b;
    return th_exchange_path_ago(a->noted_at, now) > th_exchange_path_ago(b->noted_at, now);
}

static unsigned worst_of(const struct th_exchange_paths *paths, struct th_now now)
{
    unsigned worst = paths->used == 0 ? 1 : 0;

    for (unsigned i = 0; i < paths->count; i++)
        if ((int)i != paths->used && is_worse(look_at(paths, i), look_at(paths, worst), now))
            worst = i;
    return worst;
}

static bool grow(struct th_exchange_paths *paths)
{
    unsigned room = 2u * paths->room;
    if (room > TH_EXCHANGE_PATHS_MAX)
        room = TH_EXCHANGE_PATHS_MAX;
    struct th_exchange_path *many =
        th_mem_resize(paths->room > 1 ? paths->many : NULL, room, sizeof *many);

    if (many == NULL)
        return false;
    if (paths->room == 1)
        many[0] = paths->one;
    paths->many = many;
    paths->room = (uint8_t)room;
    return true;
}

/* Most nodes have one address, and a relay before that one was found. */
static void shrink(struct th_exchange_paths *paths)
{
    struct th_exchange_path *many = paths->many;

    if (paths->room == 1 || paths->count == paths->room)
        return;
    if (paths->count > 1) {
        many = th_mem_resize(many, paths->count, sizeof *many);
        if (many == NULL)
            return;
        paths->many = many;
        paths->room = paths->count;
        return;
    }
    paths->one = many[0]; /* of none at all it is not looked at */
    paths->room = 1;
    th_mem_free(many);
}

struct th_exchange_path *th_exchange_paths_add(struct th_exchange_paths *paths,
                                               const struct th_addr *addr, struct th_now now)
{
    struct th_exchange_path *path = th_exchange_paths_find(paths, addr);

    if (path) {
        path->noted_at = th_exchange_path_time(now);
        return path;
    }
    if (paths->count == paths->room && paths->room < TH_EXCHANGE_PATHS_MAX && !grow(paths))
        return NULL;
    unsigned place = paths->count < paths->room ? paths->count++ : worst_of(paths, now);
    path = th_exchange_paths_at(paths, place);
    *path = (struct th_exchange_path){.addr = *addr, .noted_at = th_exchange_path_time(now)};
    return path;
}

struct th_exchange_path *th_exchange_paths_used(struct th_exchange_paths *paths)
{
    return paths->used < 0 ? NULL : th_exchange_paths_at(paths, (unsigned)paths->used);
}

const struct th_exchange_path *th_exchange_paths_look(const struct th_exchange_paths *paths)
{
    return paths->used < 0 ? NULL : look_at(paths, (unsigned)paths->used);
}

void th_exchange_paths_use(struct th_exchange_paths *paths, const struct th_exchange_path *path)
{
    paths->used = (int8_t)(path - look_at(paths, 0));
}

static bool use(struct th_exchange_paths *paths, const struct th_exchange_path *path)
{
    int8_t before = paths->used;

    th_exchange_paths_use(paths, path);
    return paths->used != before;
}

/* Any relay is as good, so none makes room for another while it is. Of two nodes that more introduce than
 * have room here each packet pushed out a relay, whose answer then was of no use, and was a reason to ask
 * the one that it came by: they did so all the time, as fast as they could. */
static bool is_one_too_many(struct th_exchange_paths *paths, const struct th_addr *addr,
                            struct th_now now)
{
    const struct th_exchange_path *used = th_exchange_paths_look(paths);

    return addr->family == TH_FAMILY_RELAY && used && used->is_proven &&
           paths->count == TH_EXCHANGE_PATHS_MAX && th_exchange_paths_find(paths, addr) == NULL &&
           worth_of(look_at(paths, worst_of(paths, now)), now) == WORTH_OF_GOOD_RELAY;
}

bool th_exchange_paths_on_proof(struct th_exchange_paths *paths, const struct th_addr *addr,
                                struct th_now now)
{
    if (is_one_too_many(paths, addr, now))
        return false;

    struct th_exchange_path *path = th_exchange_paths_add(paths, addr, now);
    struct th_exchange_path *used = th_exchange_paths_used(paths);
    if (path == NULL)
        return false;
    path->is_proven = true;
    path->rx_at = th_exchange_path_time(now);
    if (path == used || used == NULL || !used->is_proven)
        return use(paths, path);
    if (kind_of(path) > kind_of(used))
        return path->is_answered && use(paths, path);
    th_ms patience = kind_of(path) < kind_of(used) ? TH_PATH_LOST_MS : TH_PATH_LOYAL_MS;
    return th_exchange_path_ago(used->rx_at, now) >= patience && use(paths, path);
}

/* So much that it is no chance: a quarter, and 5 ms. */
static bool is_much_quicker(const struct th_exchange_path *a, const struct th_exchange_path *b)
{
    return b->is_answered && a->rtt_ms + 5 < b->rtt_ms && a->rtt_ms < b->rtt_ms / 4 * 3;
}

bool th_exchange_paths_on_answer(struct th_exchange_paths *paths, uint32_t probe, struct th_now now)
{
    struct th_exchange_path *used = th_exchange_paths_used(paths);
    struct th_exchange_path *path = NULL;

    for (unsigned i = 0; i < paths->count; i++)
        if (look_at(paths, i)->probe == probe && probe != 0)
            path = th_exchange_paths_at(paths, i);
    if (path == NULL)
        return false;
    path->probe = 0;
    path->unanswered = 0;
    path->is_answered = true;
    path->rtt_ms = (uint32_t)th_exchange_path_ago(path->probed_at, now);
    if (!path->is_proven || path == used)
        return false;
    bool is_good = used == NULL || kind_of(path) > kind_of(used) ||
                   (kind_of(path) == kind_of(used) && is_much_quicker(path, used));
    return is_good && use(paths, path);
}

/* True when a is the one to use of two that are proven: of a kind the one that was heard last. */
static bool is_better(const struct th_exchange_path *a, const struct th_exchange_path *b,
                      struct th_now now)
{
    if (kind_of(a) != kind_of(b))
        return kind_of(a) > kind_of(b);
    return th_exchange_path_ago(a->rx_at, now) < th_exchange_path_ago(b->rx_at, now);
}

static void use_best(struct th_exchange_paths *paths, struct th_now now)
{
    const struct th_exchange_path *best = NULL;

    paths->used = -1;
    for (unsigned i = 0; i < paths->count; i++) {
        const struct th_exchange_path *path = look_at(paths, i);
        if (path->is_proven && (best == NULL || is_better(path, best, now)))
            best = path;
    }
    if (best)
        use(paths, best);
}

static void take_out(struct th_exchange_paths *paths, unsigned index)
{
    unsigned last = --paths->count;

    *th_exchange_paths_at(paths, index) = *look_at(paths, last);
    if (paths->used == (int)last)
        paths->used = (int8_t)index;
}

bool th_exchange_paths_remove(struct th_exchange_paths *paths, const struct th_addr *addr,
                              struct th_now now)
{
    const struct th_exchange_path *path = th_exchange_paths_find(paths, addr);

    if (path == NULL)
        return false;
    unsigned index = (unsigned)(path - look_at(paths, 0));
    bool was_used = paths->used == (int)index;
    if (was_used)
        paths->used = -1;
    take_out(paths, index);
    shrink(paths);
    if (was_used)
        use_best(paths, now);
    return was_used;
}

bool th_exchange_paths_use_heard(struct th_exchange_paths *paths)
{
    const struct th_exchange_path *best = NULL;

    for (unsigned i = 0; i < paths->count; i++) {
        const struct th_exchange_path *path = look_at(paths, i);
        bool is_good = th_exchange_path_is_direct(path) && path->budget > 0;
        if (is_good && (best == NULL || (int32_t)(path->noted_at - best->noted_at) > 0))
            best = path;
    }
    return best && use(paths, best);
}

void th_exchange_paths_on_up(struct th_exchange_paths *paths, const struct th_addr *alone)
{
    for (unsigned i = 0; i < paths->count; i++) {
        struct th_exchange_path *path = th_exchange_paths_at(paths, i);
        if (path->is_told && !(alone && th_addr_is_equal(alone, &path->addr)))
            path->is_heard = true;
    }
}

void th_exchange_paths_on_end(struct th_exchange_paths *paths)
{
    paths->used = -1;
    for (unsigned i = paths->count; i-- > 0;) {
        struct th_exchange_path *path = th_exchange_paths_at(paths, i);
        bool is_kept = th_exchange_path_is_direct(path) && is_theirs(path) &&
                       (!path->is_named || path->is_proven);
        if (is_kept)
            *path = (struct th_exchange_path){.addr = path->addr,
                                              .is_told = true,
                                              .is_heard = !th_exchange_path_is_open(path),
                                              .noted_at = path->noted_at,
                                              .open_sent_at = path->open_sent_at};
        else
            take_out(paths, i);
    }
    shrink(paths);
}

/* What was proven once stays a place to send to. */
static void doubt(struct th_exchange_path *path)
{
    path->is_heard = !th_exchange_path_is_open(path);
    path->is_told = path->is_told || path->is_proven;
    path->is_proven = false;
    path->is_answered = false;
    path->unanswered = 0;
}

void th_exchange_paths_doubt_used(struct th_exchange_paths *paths)
{
    if (paths->used >= 0)
        doubt(th_exchange_paths_used(paths));
}

void th_exchange_paths_doubt(struct th_exchange_paths *paths)
{
    for (unsigned i = 0; i < paths->count; i++)
        doubt(th_exchange_paths_at(paths, i));
}

bool th_exchange_paths_want_better(const struct th_exchange_paths *paths)
{
    return paths->used < 0 || !th_exchange_path_is_direct(th_exchange_paths_look(paths));
}

void th_exchange_path_on_bytes(struct th_exchange_path *path, size_t len)
{
    uint64_t budget = path->budget + (uint64_t)TH_PATH_AMPLIFY * len;

    path->budget = (budget < TH_PATH_BUDGET_MAX ? budget : TH_PATH_BUDGET_MAX) & TH_PATH_BUDGET_MAX;
}

bool th_exchange_path_is_open(const struct th_exchange_path *path)
{
    return path->is_answered || (path->is_told && !path->is_heard) ||
           path->addr.family == TH_FAMILY_RELAY;
}

void th_exchange_path_on_stream(struct th_exchange_path *path, size_t len)
{
    if (!th_exchange_path_is_open(path))
        path->budget = (path->budget > len ? path->budget - len : 0) & TH_PATH_BUDGET_MAX;
}

bool th_exchange_path_may_send(struct th_exchange_path *path, size_t len)
{
    if (path->is_proven || path->is_told)
        return true;
    if (len > path->budget)
        return false;
    path->budget = (path->budget - len) & TH_PATH_BUDGET_MAX;
    return true;
}

th_ms th_exchange_path_probe_in(const struct th_exchange_path *path, struct th_now now,
                                bool is_urgent)
{
    bool is_known = !path->is_named || path->is_proven;
    th_ms pause = is_urgent && is_known ? TH_PATH_PROBE_URGENT_MS : TH_PATH_PROBE_MS;

    if (path->unanswered >= 3 && !path->is_answered)
        pause *= path->unanswered == 3 ? 2 : 4;
    th_ms ago = th_exchange_path_ago(path->probed_at, now);
    return path->probed_at == 0 || ago >= pause ? 0 : pause - ago;
}

bool th_exchange_path_may_probe(const struct th_exchange_path *path, struct th_now now,
                                bool is_urgent)
{
    return th_exchange_path_probe_in(path, now, is_urgent) == 0;
}

bool th_exchange_path_may_open(const struct th_exchange_path *path, struct th_now now)
{
    return path->open_sent_at == 0 ||
           th_exchange_path_ago(path->open_sent_at, now) >= TH_PATH_OPEN_MS;
}
