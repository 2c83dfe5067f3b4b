#include "tools/sim/liar.h"

#include "switch/base/mem.h"
#include "switch/wire/text.h"
#include "tools/sim/cipher_null.h"

#include <string.h>

enum { AGAIN_MS = 30000, FRIENDS_MAX = 128, NEAR_TRIES = 1 << 20, OWNER = 1 };

struct friend
{
    const struct th_world_node *node;
    th_ms at; /* when to see to it again */
    bool is_linked;
};

struct th_liar {
    struct th_liars *liars;
    enum th_lie lie;
    struct th_identity id;
    struct th_sim_port *port;
    struct th_switchboard *board;
    struct th_rng rng;
    th_ms alarm_at; /* the earliest that is set; TH_NEVER */
    unsigned friend_count;
    struct friend friends[FRIENDS_MAX];
};

static void *need(void *memory)
{
    TH_CHECK(memory != NULL);
    return memory;
}

static struct th_now now_of(const struct th_liar *liar)
{
    th_ms now = liar->liars->world->now + 1;

    return (struct th_now){.mono = now, .wall = TH_WORLD_EPOCH + (th_epoch_ms)now};
}

/* --- what it says --- */

static struct th_see_entry entry_of(const struct th_liar *liar)
{
    return (struct th_see_entry){.id = liar->id.hashname,
                                 .csid = liar->id.cipher->csid,
                                 .has_addr = true,
                                 .addr = th_sim_port_addr(liar->port)};
}

/* The liars nearest to the target, itself left out. */
static unsigned name_friends(const struct th_liar *liar, const struct th_hashname *target,
                             struct th_see_entry *out)
{
    const struct th_liars *liars = liar->liars;
    unsigned count = 0;

    for (unsigned i = 0; i < liars->count; i++) {
        const struct th_liar *other = liars->liar[i];
        unsigned at = count;
        if (other == liar)
            continue;
        while (at > 0 && th_hashname_nearer(target, &other->id.hashname, &out[at - 1].id) < 0)
            at--;
        if (at == TH_SEE_SENT_MAX)
            continue;
        count += count < TH_SEE_SENT_MAX;
        memmove(&out[at + 1], &out[at], (count - 1 - at) * sizeof *out);
        out[at] = entry_of(other);
    }
    return count;
}

/* Nobody has these names; the addresses are its own. */
static unsigned name_ghosts(struct th_liar *liar, const struct th_prefix *sought,
                            struct th_see_entry *out)
{
    unsigned known = (sought->digits + 1) / 2;

    for (unsigned i = 0; i < TH_SEE_SENT_MAX; i++) {
        out[i] = entry_of(liar);
        out[i].id = sought->padded;
        th_rng_fill(&liar->rng, out[i].id.b + known, sizeof out[i].id.b - known);
    }
    return TH_SEE_SENT_MAX;
}

static void answer(struct th_liar *liar, const struct th_action *packet, struct th_bytes fields,
                   bool end)
{
    const struct th_chanpkt_out out = {.c = packet->channel.id, .end = end, .fields = fields};

    enum th_err err = th_switchboard_send(liar->board, now_of(liar), &packet->id, &out);
    (void)err; /* whose channel is over hears no lies */
}

static void on_seek(struct th_liar *liar, const struct th_action *packet)
{
    struct th_see_entry entry[TH_SEE_SENT_MAX];
    char fields[TH_FIELDS_MAX];
    struct th_text text = th_text_in(fields, sizeof fields);
    struct th_prefix sought;
    unsigned count = 0;

    liar->liars->asked++;
    if (liar->lie == TH_LIE_SILENCE || th_seek_read(&sought, packet->packet.head) != TH_DROP_NONE)
        return;
    count = liar->lie == TH_LIE_FRIENDS ? name_friends(liar, &sought.padded, entry)
                                        : name_ghosts(liar, &sought, entry);
    th_see_put(&text, entry, count);
    answer(liar, packet, th_text_bytes(&text), true);
}

static void link_fields(const struct th_liar *liar, const struct th_hashname *to,
                        struct th_text *text)
{
    struct th_see_entry entry[TH_SEE_SENT_MAX];
    unsigned count = name_friends(liar, to, entry);

    th_link_put(text, true);
    th_text_put(text, ",");
    th_see_put(text, entry, count);
}

/* A keepalive is answered at once, so that the other has nothing to answer in turn. */
static void on_link(struct th_liar *liar, const struct th_action *packet)
{
    char fields[TH_FIELDS_MAX];
    struct th_text text = th_text_in(fields, sizeof fields);
    bool is_answer = packet->channel.is_ours && packet->channel.rx_packets <= 1;

    if (packet->packet.end || is_answer)
        return;
    if (packet->is_first)
        link_fields(liar, &packet->id, &text);
    else
        th_link_put(&text, true);
    answer(liar, packet, th_text_bytes(&text), false);
}

/* --- friends --- */

static struct friend *find_friend(struct th_liar *liar, const struct th_hashname *id)
{
    for (unsigned i = 0; i < liar->friend_count; i++)
        if (th_hashname_is_equal(&liar->friends[i].node->id.hashname, id))
            return &liar->friends[i];
    return NULL;
}

static void see_to(struct th_liar *liar, struct friend *friend)
{
    const struct th_identity *id = &friend->node->id;
    const struct th_paths paths = {.count = 1, .addr = {th_sim_port_addr(friend->node->port)}};
    const struct th_public_key *key = &id->keys.pub;
    char fields[TH_FIELDS_MAX];
    struct th_text text = th_text_in(fields, sizeof fields);
    struct th_channel_request request = {.type = TH_CHANNEL_LINK, .owner = OWNER};
    uint32_t c;

    friend->at = now_of(liar).mono + AGAIN_MS;
    if (friend->is_linked)
        return;
    enum th_err err =
        th_switchboard_open(liar->board, now_of(liar), &id->hashname, &id->parts, key, &paths);
    if (err != TH_OK && err != TH_AGAIN)
        return;
    link_fields(liar, &id->hashname, &text);
    request.fields = th_text_bytes(&text);
    err = th_switchboard_channel(liar->board, now_of(liar), &id->hashname, &request, &c);
    (void)err; /* it tries again */
}

static void set_linked(struct th_liar *liar, const struct th_hashname *id, bool is_linked)
{
    struct friend *friend = find_friend(liar, id);

    if (friend)
        friend->is_linked = is_linked;
}

/* --- running --- */

static void on_packet(struct th_liar *liar, const struct th_action *packet)
{
    if (packet->channel.type == TH_CHANNEL_SEEK && packet->is_first) {
        on_seek(liar, packet);
    } else if (packet->channel.type == TH_CHANNEL_LINK) {
        set_linked(liar, &packet->id, !packet->packet.end);
        on_link(liar, packet);
    }
}

static void act(struct th_liar *liar)
{
    struct th_action action;

    while (th_switchboard_next(liar->board, &action)) {
        switch (action.kind) {
        case TH_ACTION_SEND:
            th_sim_port_send(liar->port, &action.addr, action.bytes);
            break;
        case TH_ACTION_PACKET:
            on_packet(liar, &action);
            break;
        case TH_ACTION_LINE_DOWN:
            set_linked(liar, &action.id, false);
            break;
        case TH_ACTION_ENDED:
            if (action.channel.type == TH_CHANNEL_LINK)
                set_linked(liar, &action.id, false);
            break;
        case TH_ACTION_LINE_UP:
        case TH_ACTION_PATH:
        case TH_ACTION_STREAM:
        case TH_ACTION_SILENT:
        case TH_ACTION_HEARD:
        case TH_ACTION_CLOCK_WRONG:
            break;
        }
    }
}

static void set_alarm(struct th_liar *liar);

static void on_alarm(struct th_world *world, void *data, uint64_t number)
{
    struct th_liar *liar = data;

    (void)world;
    if (number == liar->alarm_at)
        liar->alarm_at = TH_NEVER;
    th_switchboard_tick(liar->board, now_of(liar));
    for (unsigned i = 0; i < liar->friend_count; i++)
        if (liar->friends[i].at <= now_of(liar).mono)
            see_to(liar, &liar->friends[i]);
    act(liar);
    set_alarm(liar);
}

static void set_alarm(struct th_liar *liar)
{
    th_ms at = th_switchboard_deadline(liar->board), now = now_of(liar).mono;

    for (unsigned i = 0; i < liar->friend_count; i++)
        at = th_sooner(at, liar->friends[i].at);
    at = at <= now ? now + 1 : at;
    if (at >= liar->alarm_at)
        return;
    liar->alarm_at = at;
    th_world_at(liar->liars->world, at - 1, on_alarm, liar, at);
}

static void on_raw(void *data, struct th_sim_port *port, const struct th_addr *from,
                   struct th_bytes bytes)
{
    struct th_liar *liar = data;

    (void)port;
    th_switchboard_on_datagram(liar->board, now_of(liar), from, bytes);
    act(liar);
    set_alarm(liar);
}

/* --- life --- */

static void draw_identity(struct th_liar *liar)
{
    uint8_t seed[TH_KEY_BYTES];

    th_rng_fill(&liar->rng, seed, sizeof seed);
    if (liar->liars->world->options.faults.null)
        th_identity_make_of(&liar->id, &th_cipher_null, seed);
    else
        th_identity_make(&liar->id, seed);
}

static bool is_near(const struct th_hashname *id, const struct th_hashname *near, unsigned bits)
{
    return th_hashname_bucket(id, near) < 256 - (int)bits;
}

struct th_liar *th_liars_add(struct th_liars *liars, enum th_lie lie,
                             const struct th_hashname *near, unsigned bits)
{
    struct th_liar *liar = need(th_mem_zalloc(1, sizeof *liar));

    liar->liars = liars;
    liar->lie = lie;
    liar->alarm_at = TH_NEVER;
    th_rng_fork(&liars->rng, &liar->rng);
    draw_identity(liar);
    for (unsigned i = 0; near && i < NEAR_TRIES && !is_near(&liar->id.hashname, near, bits); i++)
        draw_identity(liar);
    const struct th_switchboard_config config = {.identity = &liar->id};
    liar->board = need(th_switchboard_new(&config, &liar->rng, now_of(liar)));
    TH_CHECK(th_net_sim_add(&liars->world->net, &(struct th_sim_port_options){0}, &liar->port) ==
             TH_OK);
    th_sim_port_set_raw(liar->port, on_raw, liar);
    if (liars->count == liars->room) {
        liars->room = liars->room ? 2 * liars->room : 16;
        liars->liar = need(th_mem_resize(liars->liar, liars->room, sizeof(struct th_liar *)));
    }
    liars->liar[liars->count++] = liar;
    return liar;
}

void th_liar_befriend(struct th_liar *liar, const struct th_world_node *node)
{
    struct friend *friend = &liar->friends[liar->friend_count];

    if (liar->friend_count == FRIENDS_MAX)
        return;
    liar->friend_count++;
    *friend =
        (struct friend){.node = node, .at = now_of(liar).mono + th_rng_below(&liar->rng, AGAIN_MS)};
    set_alarm(liar);
}

void th_liars_init(struct th_liars *liars, struct th_world *world)
{
    *liars = (struct th_liars){.world = world};
    th_rng_fork(&world->rng, &liars->rng);
}

void th_liars_clear(struct th_liars *liars)
{
    for (unsigned i = 0; i < liars->count; i++) {
        struct th_liar *liar = liars->liar[i];
        th_sim_port_set_raw(liar->port, NULL, NULL);
        th_switchboard_free(liar->board);
        th_identity_clear(&liar->id);
        th_rng_clear(&liar->rng);
        th_mem_free(liar);
    }
    th_mem_free(liars->liar);
    th_rng_clear(&liars->rng);
    *liars = (struct th_liars){0};
}
