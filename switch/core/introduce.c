#include "switch/core/board.h"

#include "switch/base/mem.h"

#include <string.h>

enum { TH_INTRODUCE_HEARD_MS = 30000 }; /* we introduce only whom we heard this lately */

/* Where we see a node; NULL: through another only. */
static const struct th_addr *own_addr(const struct th_exchange *ex)
{
    const struct th_exchange_path *path = th_exchange_paths_look(&ex->paths);

    return path && th_exchange_path_is_direct(path) ? &path->addr : NULL;
}

static bool is_bridged(const struct th_exchange_path *path)
{
    return path && path->is_bridge;
}

/* Behind one NAT, as far as we can see: only there, or where we see one of them without a NAT, does a
 * private address mean the same to both. Who comes by a bridge may be anywhere. */
static bool may_be_neighbours(const struct th_addr *seen, const struct th_exchange *asker,
                              const struct th_exchange *target)
{
    const struct th_exchange_path *path = th_exchange_paths_look(&target->paths);

    if (is_bridged(path) || is_bridged(th_exchange_paths_look(&asker->paths)))
        return false;
    return path == NULL || th_addr_realm(seen) != TH_REALM_PUBLIC ||
           th_addr_realm(&path->addr) != TH_REALM_PUBLIC || seen->family != path->addr.family ||
           memcmp(seen->ip, path->addr.ip, sizeof seen->ip) == 0;
}

/* A loopback address means another machine to everybody but us. */
static bool may_pass_on(const struct th_addr *addr, const struct th_addr *seen,
                        const struct th_exchange *asker, const struct th_exchange *target)
{
    if (th_addr_realm(addr) == TH_REALM_PRIVATE)
        return may_be_neighbours(seen, asker, target);
    return th_exchange_can_use(target, addr);
}

/* A private address that was told, to one that we see at a private one ourselves. */
static bool may_tell(const struct th_addr *addr, const struct th_exchange *target)
{
    const struct th_addr *at = own_addr(target);
    enum th_realm realm = th_addr_realm(addr);
    bool is_near = at && th_addr_realm(at) == TH_REALM_PRIVATE;

    return (realm == TH_REALM_PUBLIC || (realm == TH_REALM_PRIVATE && is_near)) &&
           th_exchange_can_use(target, addr);
}

static void add_place(struct th_paths *out, const struct th_addr *addr)
{
    for (unsigned i = 0; i < out->count; i++)
        if (th_addr_is_equal(&out->addr[i], addr))
            return;
    if (out->count < TH_CONNECT_ADDRS_MAX)
        out->addr[out->count++] = *addr;
}

/* One that we see through another only has told us where it is, in a `path`: without that its target,
 * behind a NAT that lets in whom it sent to, would not let it in. Those where it answered us come first. */
static void gather_told(struct th_paths *out, struct th_exchange *asker,
                        const struct th_exchange *target)
{
    for (unsigned i = 0; i < 2 * asker->paths.count; i++) {
        const struct th_exchange_path *path =
            th_exchange_paths_at(&asker->paths, i % asker->paths.count);
        if (path->is_answered == (i < asker->paths.count) && th_exchange_path_is_direct(path) &&
            may_tell(&path->addr, target))
            add_place(out, &path->addr);
    }
}

/* What the target is told of the asker, which sends from an address: where we see it, then what it says of
 * itself. */
static void gather(struct th_paths *out, const struct th_paths *said, const struct th_addr *from,
                   struct th_exchange *asker, const struct th_exchange *target)
{
    static const struct th_addr nowhere = {.family = TH_FAMILY_RELAY};
    bool is_elsewhere = is_bridged(th_exchange_paths_find(&asker->paths, from));
    const struct th_addr *seen = is_elsewhere ? &nowhere : from;

    *out = (struct th_paths){0};
    if (seen->family == TH_FAMILY_RELAY)
        gather_told(out, asker, target);
    else if (th_exchange_can_use(target, seen))
        add_place(out, seen);
    for (unsigned i = 0; i < said->count; i++)
        if (may_pass_on(&said->addr[i], seen, asker, target))
            add_place(out, &said->addr[i]);
}

static void refuse(struct th_switchboard *board, struct th_exchange *asker, struct th_now now,
                   struct th_channel *channel, const char *err, enum th_drop why)
{
    struct th_chanpkt_out packet = {.c = channel->id, .end = true, .err = err};

    th_drop_count(&board->drops, why);
    th_board_say(board, now, &asker->id, &packet);
}

/*
 * Whether the target would listen to us (take_places); if not, the asker would wait for nothing. The
 * latter half of what it hears in a minute is kept for askers that we introduced to nobody lately: when
 * many come at once through us each meets somebody, and goes on from there, before some meet many.
 * addrs: those that are new to the target. Two that were introduced a moment ago count as one: a dial
 * beside another one asks again before the first has its line.
 */
static bool may_introduce(struct th_exchange *asker, struct th_exchange *target, unsigned addrs,
                          th_ms now)
{
    enum { MINUTE_MS = 60000, EACH_MS = MINUTE_MS / TH_CONNECT_PER_MIN };
    struct th_dealings *of_asker = th_exchange_dealings(asker);
    struct th_dealings *of_target = th_exchange_dealings(target);

    if (of_asker == NULL || of_target == NULL)
        return false;
    th_ms most = th_dealings_until(of_asker, TH_ASKED) <= now ? MINUTE_MS : MINUTE_MS / 2;
    th_ms until = th_dealings_until(of_target, TH_INTRODUCED);
    th_ms used = until > now ? until - now : 0;

    used += (th_ms)addrs * EACH_MS;
    if (used > most)
        return false;
    th_dealings_set_until(of_target, TH_INTRODUCED, now + used);
    th_dealings_set_until(of_asker, TH_ASKED, now + EACH_MS);
    return true;
}

/* The same for those addresses, or for the first alone, where we see the asker. */
static bool may_meet(struct th_switchboard *board, struct th_exchange *asker,
                     struct th_exchange *target, struct th_paths *paths, th_ms now)
{
    bool is_known = th_board_has_pair(board, &asker->id, &target->id);

    if (may_introduce(asker, target, is_known || paths->count == 0 ? 1 : paths->count, now))
        return true;
    if (paths->count <= 1)
        return false;
    paths->count = 1;
    return may_introduce(asker, target, 1, now);
}

/* One that we know to be there, and that is another. */
static struct th_exchange *find_target(struct th_switchboard *board,
                                       const struct th_exchange *asker, struct th_now now,
                                       const struct th_hashname *id)
{
    struct th_exchange *target = th_board_find(board, id);
    bool is_heard = target != asker && th_exchange_is_up(target) &&
                    now.mono - th_half_rx_at(&target->line->current) <= TH_INTRODUCE_HEARD_MS;

    return is_heard ? target : NULL;
}

/* Tells the target of the asker. NULL when there is no room for a channel. */
static struct th_channel *tell_target(struct th_switchboard *board, struct th_exchange *asker,
                                      struct th_exchange *target, struct th_now now,
                                      const struct th_paths *paths, bool is_all)
{
    char fields[TH_FIELDS_MAX];
    struct th_text text = th_text_in(fields, sizeof fields);
    struct th_channel *connect = NULL;
    struct th_parts parts;

    th_exchange_parts(asker, &parts);
    th_connect_put(&text, &parts, paths->addr, paths->count);
    struct th_channel_request request = {.type = TH_CHANNEL_CONNECT,
                                         .end = is_all,
                                         .fields = th_text_bytes(&text),
                                         .body = {asker->key.b, sizeof asker->key.b}};
    if (th_board_open_channel(board, target, now, &request, &connect) != TH_OK)
        th_drop_count(&board->drops, TH_DROP_CHANNEL_LIMIT);
    else if (is_all)
        th_board_close_channel(board, target, connect, now);
    th_board_reset_alarm(board, target);
    return connect;
}

void th_board_on_peer(struct th_switchboard *board, struct th_exchange *asker, struct th_now now,
                      const struct th_addr *from, struct th_channel *channel,
                      const struct th_chanpkt *packet)
{
    struct th_peer_head head;
    struct th_parts parts;
    struct th_paths paths;

    th_exchange_parts(asker, &parts);
    if (th_peer_read(&head, packet->head) != TH_DROP_NONE ||
        !th_parts_have_key(&parts, asker->cipher->csid, packet->body)) {
        refuse(board, asker, now, channel, "cannot be read", TH_DROP_PEER_BAD);
        return;
    }
    struct th_exchange *target = find_target(board, asker, now, &head.target);
    if (target == NULL) {
        refuse(board, asker, now, channel, "not found", TH_DROP_PEER_UNKNOWN);
        return;
    }
    gather(&paths, &head.paths, from, asker, target);
    if (!may_meet(board, asker, target, &paths, now.mono)) {
        refuse(board, asker, now, channel, "busy", TH_DROP_PEER_LIMIT);
        return;
    }
    struct th_channel *connect = tell_target(board, asker, target, now, &paths, false);
    if (connect) /* nothing is relayed through a relay, but who is reached by one now soon is directly */
        th_board_pair(board, now, asker, channel, target, connect);
}

/* How long a host has enough of newcomers, at the least; TH_NEVER for one that cannot be told of the
 * asker, or has enough for now. The address of a newcomer that we hear is right, and soon proves to be. */
static th_ms crowd_of(struct th_switchboard *board, struct th_exchange *asker, struct th_now now,
                      const struct th_hashname *id)
{
    struct th_exchange *host = find_target(board, asker, now, id);
    const struct th_addr *at = own_addr(asker);

    if (host == NULL || at == NULL || !th_exchange_can_use(host, at))
        return TH_NEVER;
    th_ms until = host->dealings ? th_dealings_until(host->dealings, TH_HANDED) : 0;
    th_ms crowd = until > now.mono ? until - now.mono : 0;
    return crowd + TH_HAND_ON_EACH_MS <= TH_HAND_ON_EACH_MS * TH_HAND_ON_AT_ONCE ? crowd : TH_NEVER;
}

/* The least crowded of some, the first of those. */
static struct th_exchange *choose_host(struct th_switchboard *board, struct th_exchange *asker,
                                       struct th_now now, const struct th_hashname *hosts,
                                       unsigned count)
{
    const struct th_hashname *best = NULL;
    th_ms least = TH_NEVER;

    for (unsigned i = 0; i < count; i++) {
        th_ms crowd = crowd_of(board, asker, now, &hosts[i]);
        if (crowd < least) {
            least = crowd;
            best = &hosts[i];
        }
    }
    return best ? th_board_find(board, best) : NULL;
}

static void describe(struct th_see_entry *told, const struct th_exchange *host,
                     const struct th_exchange *asker)
{
    const struct th_addr *at = own_addr(host);

    *told = (struct th_see_entry){.id = host->id, .csid = host->cipher->csid};
    told->has_addr = at && th_exchange_can_use(asker, at);
    if (told->has_addr)
        told->addr = *at;
}

bool th_switchboard_hand_on(struct th_switchboard *board, struct th_now now,
                            const struct th_hashname *who, const struct th_hashname *hosts,
                            unsigned count, struct th_see_entry *told)
{
    struct th_exchange *asker = th_board_find(board, who);
    struct th_exchange *host =
        th_exchange_is_up(asker) ? choose_host(board, asker, now, hosts, count) : NULL;
    struct th_dealings *dealings = host ? th_exchange_dealings(host) : NULL;

    if (dealings == NULL) {
        th_drop_count(&board->drops, TH_DROP_HAND_ON_LIMIT);
        return false;
    }
    const struct th_paths paths = {.count = 1, .addr = {*own_addr(asker)}};
    if (tell_target(board, asker, host, now, &paths, true) == NULL)
        return false;
    th_ms until = th_dealings_until(dealings, TH_HANDED);
    th_dealings_set_until(dealings, TH_HANDED,
                          (until > now.mono ? until : now.mono) + TH_HAND_ON_EACH_MS);
    describe(told, host, asker);
    return true;
}

/* How many addresses of a list this introducer may still name; takes them. */
static bool may_name(struct th_exchange *middle, struct th_now now)
{
    struct th_dealings *dealings = th_exchange_dealings(middle);

    return dealings &&
           th_naming_take(&dealings->connects, TH_CONNECT_PER_MIN, now.mono / TH_NAMING_CONNECT_S);
}

void th_board_on_named(struct th_switchboard *board, struct th_exchange *ex,
                       const struct th_addr *addr, struct th_now now)
{
    const struct th_exchange_path *path = th_exchange_paths_find(&ex->paths, addr);
    struct th_hashname by;

    if (path == NULL || !path->is_answered ||
        !th_named_take(&board->named, &ex->id, addr, now.mono, &by))
        return;
    struct th_exchange *middle = th_board_find(board, &by);
    if (middle && middle->dealings)
        th_naming_give(&middle->dealings->connects, TH_CONNECT_PER_MIN);
}

/* Where it is said to be, as far as the introducer may name that. */
static void take_places(struct th_switchboard *board, struct th_exchange *middle, struct th_now now,
                        const struct th_connect_head *head, struct th_paths *paths)
{
    struct th_exchange *known = th_board_find(board, &head->id);

    for (unsigned i = 0; i < head->paths.count && paths->count < TH_CONNECT_ADDRS_MAX; i++) {
        const struct th_addr *addr = &head->paths.addr[i];
        bool is_new = known == NULL || th_exchange_paths_find(&known->paths, addr) == NULL;
        if (th_addr_realm(addr) == TH_REALM_NONE || (is_new && !may_name(middle, now))) {
            th_drop_count(&board->drops, TH_DROP_CONNECT_LIMIT);
            continue;
        }
        paths->addr[paths->count++] = *addr;
        if (is_new)
            th_named_note(&board->named, &middle->id, &head->id, addr, now.mono);
    }
}

/* The channel is a way to it too: one that its opens take a little later than the others. */
static void add_relay(struct th_switchboard *board, struct th_exchange *middle, struct th_now now,
                      const struct th_addr *from, struct th_channel *channel,
                      struct th_exchange *ex)
{
    struct th_addr addr;

    if (from->family == TH_FAMILY_RELAY || ex == NULL || ex == middle ||
        !th_board_relay_by(board, now, middle, channel, &addr) ||
        th_board_may_come_from(board, &addr, &ex->id) != TH_DROP_NONE)
        return;
    channel->silence_ms = TH_RELAY_UNUSED_MS;
    th_channel_touch(channel, now);
    th_board_reset_alarm(board, middle);
    if (th_board_begin_by_relay(board, ex, &addr, now) != TH_OK)
        th_drop_count(&board->drops, TH_DROP_CONNECT_LIMIT);
    th_board_reset_alarm(board, ex);
}

void th_board_on_connect(struct th_switchboard *board, struct th_exchange *middle,
                         struct th_now now, const struct th_addr *from, struct th_channel *channel,
                         const struct th_chanpkt *packet)
{
    struct th_connect_head head;
    struct th_public_key key;
    struct th_paths paths = {0};

    if (th_connect_read(&head, packet->head) != TH_DROP_NONE || packet->body.len != sizeof key) {
        th_drop_count(&board->drops, TH_DROP_CONNECT_BAD);
        return;
    }
    memcpy(&key, packet->body.at, sizeof key);
    if (!th_allow_has(board->config.allow, &head.id)) {
        th_drop_count(&board->drops, TH_DROP_CONNECT_NOT_ALLOWED);
        return;
    }

    take_places(board, middle, now, &head, &paths);
    enum th_err err = th_switchboard_open(board, now, &head.id, &head.from, &key, &paths);
    struct th_exchange *ex = th_board_find(board, &head.id);
    /* Who asks to be introduced has no line to us, whatever we think: it was started anew. Or it has,
     * and moved: our NAT lets nothing in from there until something went out. */
    if (err == TH_OK) {
        th_board_ask_again(board, ex, now);
        /* or we have moved: who is between sees where we are */
        th_board_ask_path(board, middle, now, false);
    }
    if (packet->end && (err == TH_OK || err == TH_AGAIN || err == TH_NO_PATH))
        return; /* nothing more is passed on */
    if (err == TH_OK || err == TH_AGAIN || err == TH_NO_PATH)
        add_relay(board, middle, now, from, channel, ex);
    else
        th_drop_count(&board->drops,
                      err == TH_INVALID ? TH_DROP_CONNECT_BAD : TH_DROP_CONNECT_LIMIT);
}
