#include "switch/core/paths.h"

#include "switch/base/mem.h"

void th_exchange_paths_init(struct th_exchange_paths *paths)
{
    *paths = (struct th_exchange_paths){.used = -1};
}

void th_exchange_paths_clear(struct th_exchange_paths *paths)
{
    th_mem_free(paths->path);
    th_exchange_paths_init(paths);
}

struct th_exchange_path *th_exchange_paths_find(struct th_exchange_paths *paths,
                                                const struct th_addr *addr)
{
    for (unsigned i = 0; i < paths->count; i++)
        if (th_addr_is_equal(&paths->path[i].addr, addr))
            return &paths->path[i];
    return NULL;
}

static bool is_theirs(const struct th_exchange_path *path)
{
    return path->is_told || path->is_proven;
}

/* True when a goes before b. Where only opens came from goes first: whoever replays or forges opens
 * from many addresses may push out such alone. */
static bool is_worse(const struct th_exchange_path *a, const struct th_exchange_path *b)
{
    if (is_theirs(a) != is_theirs(b))
        return is_theirs(b);
    return a->rx_at < b->rx_at;
}

static unsigned worst_of(const struct th_exchange_paths *paths)
{
    unsigned worst = paths->used == 0 ? 1 : 0;

    for (unsigned i = 0; i < paths->count; i++)
        if ((int)i != paths->used && is_worse(&paths->path[i], &paths->path[worst]))
            worst = i;
    return worst;
}

static bool grow(struct th_exchange_paths *paths)
{
    unsigned room = paths->room ? 2u * paths->room : 1;
    struct th_exchange_path *path = th_mem_resize(paths->path, room, sizeof *path);

    if (path == NULL)
        return false;
    paths->path = path;
    paths->room = (uint8_t)room;
    return true;
}

struct th_exchange_path *th_exchange_paths_add(struct th_exchange_paths *paths,
                                               const struct th_addr *addr)
{
    struct th_exchange_path *path = th_exchange_paths_find(paths, addr);

    if (path)
        return path;
    if (paths->count == paths->room && paths->room < TH_EXCHANGE_PATHS_MAX && !grow(paths))
        return NULL;
    unsigned place = paths->count < paths->room ? paths->count++ : worst_of(paths);
    path = &paths->path[place];
    *path = (struct th_exchange_path){.addr = *addr};
    return path;
}

struct th_exchange_path *th_exchange_paths_used(struct th_exchange_paths *paths)
{
    return paths->used < 0 ? NULL : &paths->path[paths->used];
}

bool th_exchange_paths_on_proof(struct th_exchange_paths *paths, const struct th_addr *addr,
                                struct th_now now)
{
    struct th_exchange_path *path = th_exchange_paths_add(paths, addr);
    struct th_exchange_path *used = th_exchange_paths_used(paths);

    if (path == NULL)
        return false;
    path->is_proven = true;
    path->rx_at = now.mono;
    if (path == used)
        return false;
    if (used && used->is_proven && now.mono - used->rx_at < TH_PATH_LOYAL_MS)
        return false;
    paths->used = (int8_t)(path - paths->path);
    return true;
}

void th_exchange_paths_on_end(struct th_exchange_paths *paths)
{
    for (unsigned i = 0; i < paths->count; i++) {
        paths->path[i].is_told |= paths->path[i].is_proven;
        paths->path[i].is_proven = false;
    }
}

void th_exchange_path_on_open(struct th_exchange_path *path, size_t len)
{
    uint64_t budget = path->budget + (uint64_t)TH_PATH_AMPLIFY * len;

    path->budget = (budget < TH_PATH_BUDGET_MAX ? budget : TH_PATH_BUDGET_MAX) & TH_PATH_BUDGET_MAX;
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

bool th_exchange_path_may_open(const struct th_exchange_path *path, struct th_now now)
{
    return path->open_sent_at == 0 || now.mono - path->open_sent_at >= TH_PATH_OPEN_MS;
}
