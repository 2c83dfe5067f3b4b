/*
 * Channels in a program of their own: players tell each other where they are, ten times a second. A position
 * that is lost is not sent again, for a newer one is on its way.
 *
 *     cc -o beacon beacon.c $(pkg-config --cflags --libs telehash)
 *     ./beacon                   the field: takes players, and tells each of them where the others are
 *     ./beacon ENTRY HASHNAME    a player: joins with what the field printed, and walks about
 *
 * Each ends when its input does (Ctrl-D).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <telehash/telehash.h>

enum { PLAYERS_MAX = 16, STEP_MS = 100, JSON_MAX = 128 };

struct player {
    struct th_chan *chan; /* NULL: the place is free */
    unsigned number;
};

/* All of it is touched by callbacks alone, of which there is one at a time, or behind the lock. */
struct game {
    uv_mutex_t lock;
    uv_sem_t ready;
    struct player player[PLAYERS_MAX]; /* of the field */
    unsigned players;                  /* ever */
    struct th_chan *chan;              /* of a player */
    uv_sem_t closed;
    unsigned steps;
    int is_over;
};

static struct th_chan_packet packet_of(const char *json)
{
    struct th_chan_packet packet;

    memset(&packet, 0, sizeof packet);
    packet.json = json;
    packet.json_len = strlen(json);
    return packet;
}

/* --- the field --- */

struct seat {
    struct game *game;
    unsigned at;
};

/* Where one is goes to all the others. Who does not keep up misses some. */
static void tell_others(struct th_chan *from, const struct th_chan_packet *packet, void *data)
{
    struct seat *seat = (struct seat *)data;
    struct game *game = seat->game;
    char json[JSON_MAX];

    (void)from;
    if (packet->json == NULL || packet->json_len > JSON_MAX - 32)
        return;
    snprintf(json, sizeof json, "{\"player\":%u,\"at\":%.*s}", game->player[seat->at].number,
             (int)packet->json_len, packet->json);
    struct th_chan_packet told = packet_of(json);
    for (unsigned i = 0; i < PLAYERS_MAX; i++)
        if (i != seat->at && game->player[i].chan)
            th_chan_send(game->player[i].chan, &told); /* none waits for it: lost is lost */
}

static void player_left(struct th_chan *chan, enum th_err why, void *data)
{
    struct seat *seat = (struct seat *)data;

    printf("player %u left: %s\n", seat->game->player[seat->at].number, th_strerror(why));
    seat->game->player[seat->at].chan = NULL;
    th_chan_close(chan, NULL);
}

static void seat_is_free(struct th_chan *chan, enum th_err why, void *data)
{
    struct seat *seat = (struct seat *)data;

    (void)why;
    if (seat->game->player[seat->at].chan == chan) /* else another sits there by now */
        seat->game->player[seat->at].chan = NULL;
    free(seat);
}

static void on_incoming(struct th_node *node, const struct th_chan_incoming *incoming, void *data)
{
    static const struct th_chan_cb callbacks = {tell_others, player_left, seat_is_free};
    struct game *game = (struct game *)data;
    struct seat *seat = (struct seat *)calloc(1, sizeof *seat);
    unsigned at = 0;

    (void)node;
    while (at < PLAYERS_MAX && game->player[at].chan)
        at++;
    if (seat == NULL || at == PLAYERS_MAX) {
        free(seat);
        return; /* not taken: refused */
    }
    seat->game = game;
    seat->at = at;
    game->player[at].number = game->players + 1;
    if (th_chan_accept(incoming, &callbacks, seat, &game->player[at].chan) != TH_OK) {
        game->player[at].chan = NULL;
        free(seat);
        return;
    }
    game->players++;
    printf("player %u is %s\n", game->players, incoming->hashname);
}

/* --- a player --- */

static void see(struct th_chan *chan, const struct th_chan_packet *packet, void *data)
{
    (void)chan, (void)data;
    printf("sees %.*s\n", (int)packet->json_len, packet->json ? packet->json : "");
    if (packet->dropped)
        printf("missed %u\n", (unsigned)packet->dropped);
}

static void is_over(struct th_chan *chan, enum th_err why, void *data)
{
    struct game *game = (struct game *)data;

    printf("over: %s %s\n", th_strerror(why), th_chan_err(chan));
    uv_mutex_lock(&game->lock);
    game->is_over = 1;
    uv_mutex_unlock(&game->lock);
}

static void is_closed(struct th_chan *chan, enum th_err why, void *data)
{
    (void)chan, (void)why;
    uv_sem_post(&((struct game *)data)->closed);
}

static void on_event(struct th_node *node, const struct th_node_event *event, void *data)
{
    (void)node;
    if (event->kind == TH_EVENT_STATE && event->state == TH_STATE_READY && data)
        uv_sem_post(&((struct game *)data)->ready);
}

/* A thread that says where we are, for as long as the game goes on. The first packet that
 * arrives opens the channel, so it is of no matter which of them is lost. */
static void walk(void *data)
{
    struct game *game = (struct game *)data;
    int goes_on = 1;

    while (goes_on) {
        char json[JSON_MAX];
        uv_mutex_lock(&game->lock);
        game->steps++;
        snprintf(json, sizeof json, "{\"x\":%u,\"y\":%u}", game->steps % 80, game->steps * 7 % 25);
        struct th_chan_packet here = packet_of(json);
        goes_on = !game->is_over;
        if (goes_on)
            th_chan_send(game->chan, &here);
        uv_mutex_unlock(&game->lock);
        uv_sleep(STEP_MS);
    }
}

static enum th_err play(struct th_node *node, const char *hashname, struct game *game)
{
    static const struct th_chan_cb callbacks = {see, is_over, is_closed};
    uv_thread_t walker;

    uv_sem_wait(&game->ready);
    enum th_err err = th_chan_open(node, hashname, "_beacon", NULL, &callbacks, game, &game->chan);
    if (err != TH_OK)
        return err;
    if (uv_thread_create(&walker, walk, game) != 0)
        err = TH_LIMIT;
    while (err == TH_OK && getchar() != EOF)
        continue;
    uv_mutex_lock(&game->lock);
    game->is_over = 1;
    uv_mutex_unlock(&game->lock);
    if (err == TH_OK)
        uv_thread_join(&walker);
    th_chan_close(game->chan, NULL); /* not sooner: it is ours until then */
    uv_sem_wait(&game->closed);
    return err;
}

int main(int argc, char **argv)
{
    static const char *const addresses[] = {"127.0.0.1:0"}; /* without: all, port 42424 */
    struct th_node_options options;
    struct th_node *node = NULL;
    static struct game game;
    char entry[4096];
    size_t len = sizeof entry;
    int plays = argc > 2;

    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    uv_mutex_init(&game.lock);
    uv_sem_init(&game.ready, 0);
    uv_sem_init(&game.closed, 0);
    th_node_options_init(&options, sizeof options);
    options.listen = addresses;
    options.listen_count = 1;
    options.seeds = argc > 1 ? argv[1] : NULL;
    options.seeds_len = argc > 1 ? strlen(argv[1]) : 0;

    enum th_err err = th_node_new(&node, &options);
    if (err == TH_OK && !plays)
        err = th_chan_listen(node, "_beacon", on_incoming, &game);
    if (err == TH_OK)
        err = th_node_start(node, NULL, on_event, &game);
    if (err == TH_OK && plays)
        err = play(node, argv[2], &game);
    if (err == TH_OK && !plays)
        err = th_node_seeds_entry(node, entry, &len);
    if (err == TH_OK && !plays) {
        printf("hashname %s\n%s", th_node_hashname(node), entry);
        while (getchar() != EOF)
            continue;
    }
    if (err != TH_OK)
        fprintf(stderr, "beacon: %s\n", th_strerror(err));
    th_node_close(node, NULL, NULL); /* waits until all is over */
    return err == TH_OK ? 0 : 1;
}
