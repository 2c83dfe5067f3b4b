#include "router/telehash_chan.h"
#include "router/telehash_stream.h"

#include "switch/base/mem.h"
#include "switch/run/host_uv.h"

#include <pthread.h>
#include <sodium.h>
#include <string.h>

/* --- options ------------------------------------------------------------------------------------------- */

/* Of programs that were built with an earlier version; members were only ever appended. */
enum { OPTIONS_SIZE_FIRST = offsetof(struct th_node_options, load) };

void th_node_options_init(struct th_node_options *options, size_t size)
{
    if (options == NULL || size < sizeof options->size)
        return;
    memset(options, 0, size);
    if (size < OPTIONS_SIZE_FIRST)
        return; /* size stays 0, which th_node_new refuses */
    options->size = size;
    options->is_seed = 1;
}

static void forward_log(void *data, enum th_log_level level, const char *topic, const char *text)
{
    const struct th_node *node = data;

    node->log_fn(node->log_data, (int)level, topic, text);
}

static bool read_addrs(const struct th_node *node, struct th_addr *out, unsigned max,
                       const char *const *texts, size_t count, const char *what)
{
    if (count > max || (count > 0 && texts == NULL)) {
        TH_LOG(&node->log, ERROR, "telehash",
               "%s: more than %u addresses, or none where some should be", what, max);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (texts[i] == NULL || !th_addr_read(&out[i], texts[i], strlen(texts[i]))) {
            TH_LOG(&node->log, ERROR, "telehash", "%s: \"%.80s\" is no ADDRESS:PORT", what,
                   texts[i] ? texts[i] : "");
            return false;
        }
    }
    return true;
}

static void listen_everywhere(struct th_udp_config *udp)
{
    enum { PORT = 42424 };

    udp->listen_count = 2;
    udp->listen[0] = (struct th_addr){.family = TH_FAMILY_IPV4, .port = PORT};
    udp->listen[1] = (struct th_addr){.family = TH_FAMILY_IPV6, .port = PORT};
    udp->missing_ok = 3; /* a machine without one of the families is no reason to fail */
}

static bool is_in_range(const struct th_node *node, unsigned value, unsigned max, const char *what)
{
    if (value == 0 || (value >= TH_K_MIN && value <= max))
        return true;
    TH_LOG(&node->log, ERROR, "telehash", "%s: %u is not within %d to %u", what, value, TH_K_MIN,
           max);
    return false;
}

static enum th_err read_options(struct th_node *node, const struct th_node_options *o)
{
    char complaint[TH_COMPLAINT_MAX];
    enum th_err e = TH_OK;

    if (!read_addrs(node, node->udp.listen, TH_UDP_LISTEN_MAX, o->listen, o->listen_count,
                    "listen") ||
        !read_addrs(node, node->advertised.addr, TH_PATHS_MAX, o->advertise, o->advertise_count,
                    "advertise") ||
        !is_in_range(node, o->k, TH_K_MAX, "k") ||
        !is_in_range(node, o->links_max, TH_LINKS_MAX_MAX, "links_max"))
        return TH_INVALID;
    node->k = o->k;
    node->links_max = o->links_max;
    node->udp.listen_count = (unsigned)o->listen_count;
    node->advertised.count = (unsigned)o->advertise_count;
    if (o->listen_count == 0)
        listen_everywhere(&node->udp);
    if (o->seeds) {
        const struct th_bytes text = {(const uint8_t *)o->seeds, o->seeds_len};
        e = th_seeds_read(&node->seeds, text, complaint);
    }
    if (e != TH_OK)
        TH_LOG(&node->log, ERROR, "telehash", "seeds: %s", complaint);
    return e == TH_OK ? th_node_recall(node, o) : e;
}

static void free_node(struct th_node *node)
{
    th_node_tree_free(node->tree);
    while (node->listens) {
        struct th_listen *next = node->listens->next;
        th_mem_free(node->listens);
        node->listens = next;
    }
    th_node_chans_clear(node);
    th_seeds_clear(&node->seeds);
    th_node_recall_clear(node);
    th_identity_clear(&node->identity);
    uv_sem_destroy(&node->ended);
    uv_mutex_destroy(&node->lock);
    th_mem_free(node);
}

static struct th_node *allocate_node(void)
{
    struct th_node *node = th_mem_zalloc(1, sizeof *node);

    if (node == NULL)
        return NULL;
    if (uv_mutex_init(&node->lock) != 0) {
        th_mem_free(node);
        return NULL;
    }
    if (uv_sem_init(&node->ended, 0) != 0) {
        uv_mutex_destroy(&node->lock);
        th_mem_free(node);
        return NULL;
    }
    return node;
}

enum th_err th_node_new(struct th_node **out, const struct th_node_options *options)
{
    struct th_node_options all = {0};
    struct th_node *node;
    enum th_err e;

    if (out == NULL || options == NULL || options->size < OPTIONS_SIZE_FIRST)
        return TH_INVALID;
    memcpy(&all, options, options->size < sizeof all ? options->size : sizeof all);
    node = allocate_node();
    if (node == NULL)
        return TH_NO_MEMORY;
    if (all.log) {
        int level = all.log_level < 0 ? 0 : all.log_level;
        node->log_fn = all.log;
        node->log_data = all.log_data;
        node->log.level = level > TH_LOG_DEBUG ? TH_LOG_DEBUG : (enum th_log_level)level;
        node->log.write = forward_log;
        node->log.data = node;
    }
    node->udp.log = &node->log;
    node->is_seed = all.is_seed != 0;
    e = read_options(node, &all);
    if (e != TH_OK) {
        free_node(node);
        return e;
    }
    th_hashname_write(node->hashname, &node->identity.hashname);
    *out = node;
    return TH_OK;
}

const char *th_node_hashname(const struct th_node *node)
{
    return node ? node->hashname : NULL;
}

/* --- starting ------------------------------------------------------------------------------------------ */

/* Where a node's servers run. */
struct places {
    struct th_place *sw, *dialer, *router, *bootstrap, *agent;
};

static enum th_err make_own_places(struct th_node *node, struct places *places)
{
    enum th_err e = th_host_uv_place(node->host, "switch", &places->sw);

    if (e == TH_OK)
        e = th_host_uv_place(node->host, "dialer", &places->dialer);
    if (e == TH_OK)
        e = th_host_uv_place(node->host, "router", &places->router);
    if (e == TH_OK)
        e = th_host_uv_place(node->host, "bootstrap", &places->bootstrap);
    if (e == TH_OK)
        e = th_host_uv_place(node->host, "telehash", &places->agent);
    return e;
}

static enum th_err make_places(struct th_node *node, struct places *places)
{
    enum { SLOW_MS = 1000 }; /* a callback, of the application's too, that takes longer is named */
    struct th_place *place = NULL;
    enum th_err e;

    th_host_set_watchdog(node->host, SLOW_MS, &node->log);
    if (node->loop == NULL)
        return make_own_places(node, places);
    e = th_host_uv_place_on(node->host, "telehash", node->loop, &place);
    *places = (struct places){place, place, place, place, place};
    return e;
}

static enum th_err bind_sockets(struct th_node *node, uv_loop_t *loop)
{
    char complaint[TH_UDP_COMPLAINT_MAX];
    enum th_err e = th_udp_new(&node->net, loop, &node->udp, complaint);

    if (e != TH_OK) {
        TH_LOG(&node->log, ERROR, "telehash", "%s", complaint);
        return e;
    }
    node->paths = node->advertised;
    if (node->paths.count == 0)
        node->paths.count = node->net->ops->addrs(node->net, node->paths.addr, TH_PATHS_MAX);
    return TH_OK;
}

static int64_t at_floor(const struct th_node *node)
{
    return th_keep_floor(node->kept.kept.at, th_host_now(node->host).wall);
}

static enum th_err start_servers(struct th_node *node, const struct places *places)
{
    struct th_node_config config = {.identity = &node->identity,
                                    .seeds = &node->seeds,
                                    .remembered = &node->kept.kept.peers,
                                    .net = node->net,
                                    .log = &node->log,
                                    .k = node->k,
                                    .links_max = node->links_max,
                                    .is_seed = node->is_seed,
                                    .advertised_count = node->advertised.count,
                                    .at_floor = at_floor(node),
                                    .ages = node->kept.kept.age,
                                    .ages_count = node->kept.kept.ages_count,
                                    .disk = node->kept.is_on ? &node->kept.disk.disk : NULL,
                                    .switch_place = places->sw,
                                    .dialer_place = places->dialer,
                                    .router_place = places->router,
                                    .bootstrap_place = places->bootstrap,
                                    .supervisor_place = places->agent,
                                    .keeper_place = places->agent}; /* as all callbacks */
    enum th_err e = th_node_random(config.rng_seed, sizeof config.rng_seed);

    memcpy(config.advertised, node->advertised.addr, sizeof config.advertised);
    if (e == TH_OK)
        e = th_node_tree_start(&node->tree, node->host, &config);
    sodium_memzero(&config, sizeof config);
    return e;
}

/* The first callback may close the node: what went well is not looked at any more. */
static enum th_err start_agent(struct th_node *node, const struct places *places)
{
    enum th_err e;

    uv_mutex_lock(&node->lock);
    node->phase = TH_NODE_RUNNING;
    node->has_agent = true;
    uv_mutex_unlock(&node->lock);
    e = th_node_agent_spawn(node, places->agent);
    if (e == TH_OK)
        return TH_OK;
    uv_mutex_lock(&node->lock);
    node->phase = TH_NODE_FAILED;
    node->has_agent = false;
    uv_mutex_unlock(&node->lock);
    return e;
}

static void on_closer(uv_async_t *closer);

/* What can be refused and taken back comes first. */
static enum th_err start_on_loop(struct th_node *node, struct places *places, bool *may_retry)
{
    enum th_err e = bind_sockets(node, node->loop);

    if (e == TH_OK) {
        node->closer.data = node;
        e = uv_async_init(node->loop, &node->closer, on_closer) == 0 ? TH_OK : TH_LIMIT;
    }
    if (e != TH_OK) {
        th_udp_free(node->net);
        node->net = NULL;
        return e;
    }
    *may_retry = false;
    node->last.data = node;
    uv_timer_init(node->loop, &node->last);
    e = th_host_uv_new(&node->host);
    return e == TH_OK ? make_places(node, places) : e;
}

/* In a callback of a server, this node's or another's, nothing can be waited for. */
static bool may_wait(struct th_host *host)
{
    static const struct th_msg_kind nothing = {"telehash.nothing", NULL};
    struct th_msg reply;

    return th_call_wait(host, 0, (struct th_msg){.kind = &nothing}, 1, &reply) != TH_WOULD_DEADLOCK;
}

static void close_host(struct th_node *node)
{
    if (node->host)
        th_host_uv_close(node->host);
    node->host = NULL;
    th_udp_free(node->net);
    node->net = NULL;
    th_node_tree_free(node->tree);
    node->tree = NULL;
}

static enum th_err start_own(struct th_node *node, struct places *places, bool *may_retry)
{
    enum th_err e = th_host_uv_new(&node->host);

    if (e != TH_OK)
        return e;
    *may_retry = false;
    e = make_places(node, places);
    return e == TH_OK ? bind_sockets(node, th_host_uv_loop(places->sw)) : e;
}

enum th_err th_node_start(struct th_node *node, uv_loop_t *loop, th_node_event_fn on_event,
                          void *data)
{
    struct places places = {0};
    bool may_retry = true;
    enum th_err e;

    if (node == NULL)
        return TH_INVALID;
    uv_mutex_lock(&node->lock);
    e = node->phase == TH_NODE_NEW ? TH_OK : TH_INVALID;
    if (e == TH_OK)
        node->phase = TH_NODE_FAILED; /* until we know better */
    uv_mutex_unlock(&node->lock);
    if (e != TH_OK)
        return e;

    node->loop = loop;
    node->on_event = on_event;
    node->event_data = data;
    e = loop ? start_on_loop(node, &places, &may_retry) : start_own(node, &places, &may_retry);
    if (e == TH_OK)
        e = start_servers(node, &places);
    if (e == TH_OK)
        e = start_agent(node, &places);
    if (e == TH_OK)
        return TH_OK;
    if (loop == NULL && !may_retry && may_wait(node->host)) {
        close_host(node);
        may_retry = true;
    }
    if (may_retry) {
        uv_mutex_lock(&node->lock);
        node->phase = TH_NODE_NEW;
        uv_mutex_unlock(&node->lock);
    }
    return e;
}

enum th_err th_node_seeds_entry(struct th_node *node, char *json, size_t *len)
{
    struct th_seed seed;
    char *text = NULL;
    bool is_running;
    enum th_err e;

    if (node == NULL || len == NULL)
        return TH_INVALID;
    uv_mutex_lock(&node->lock);
    is_running = node->phase == TH_NODE_RUNNING;
    uv_mutex_unlock(&node->lock);
    if (!is_running)
        return TH_INVALID;
    seed = (struct th_seed){.id = node->identity.hashname,
                            .parts = node->identity.parts,
                            .key = node->identity.keys.pub,
                            .paths = node->paths};
    e = th_seeds_write(&text, &seed, 1);
    if (e == TH_OK)
        e = th_node_hand_out(text, json, len);
    th_mem_free(text);
    return e;
}

/* --- connecting ---------------------------------------------------------------------------------------- */

struct th_connect *th_node_take_connect(struct th_node *node, uint64_t number)
{
    struct th_connect *taken, **at;

    uv_mutex_lock(&node->lock);
    at = &node->first;
    while (*at && (*at)->number != number)
        at = &(*at)->next;
    taken = *at;
    if (taken) {
        *at = taken->next;
        node->connect_count--;
    }
    uv_mutex_unlock(&node->lock);
    return taken;
}

/* Puts a request at the end of the list. */
static enum th_err add_connect(struct th_node *node, struct th_connect *connect, uint64_t *number)
{
    enum th_err e = TH_OK;

    uv_mutex_lock(&node->lock);
    if (node->phase != TH_NODE_RUNNING || node->is_over)
        e = TH_INVALID;
    else if (node->connect_count == TH_CONNECTS_MAX)
        e = TH_LIMIT;
    if (e == TH_OK) {
        struct th_connect **at = &node->first;
        while (*at)
            at = &(*at)->next;
        *at = connect;
        node->connect_count++;
        *number = connect->number = ++node->connects;
    }
    uv_mutex_unlock(&node->lock);
    return e;
}

enum th_err th_node_connect(struct th_node *node, const char *hashname, uint32_t timeout_ms,
                            th_connect_fn on_done, void *data)
{
    struct th_connect *connect;
    struct th_hashname target;
    uint64_t number = 0;
    enum th_err e;

    if (node == NULL || hashname == NULL ||
        !th_hashname_read(&target, hashname, strlen(hashname)) ||
        th_hashname_is_equal(&target, &node->identity.hashname))
        return TH_INVALID;
    connect = th_mem_zalloc(1, sizeof *connect);
    if (connect == NULL)
        return TH_NO_MEMORY;
    *connect = (struct th_connect){.target = target,
                                   .timeout_ms = timeout_ms ? timeout_ms : TH_DIAL_MS_DEFAULT,
                                   .on_done = on_done,
                                   .data = data};
    e = add_connect(node, connect, &number);
    if (e != TH_OK) {
        th_mem_free(connect);
        return e;
    }
    /* An agent with a full mailbox is awake; one that has ended has answered. */
    e = th_node_agent_wake(node);
    if (e != TH_NO_MEMORY)
        return TH_OK;
    connect = th_node_take_connect(node, number);
    th_mem_free(connect);
    return connect ? TH_NO_MEMORY : TH_OK;
}

/* --- closing ------------------------------------------------------------------------------------------- */

static void tell_closed(struct th_node *node)
{
    th_close_fn on_closed = node->on_closed;
    void *data = node->close_data;

    free_node(node);
    if (on_closed)
        on_closed(data);
}

/* The application's loop: the node's own handles are closed one turn after the host's. */
static void on_last_closed(uv_handle_t *last)
{
    tell_closed(last->data);
}

static void on_closer_closed(uv_handle_t *closer)
{
    struct th_node *node = closer->data;

    uv_close((uv_handle_t *)&node->last, on_last_closed);
}

static void on_last(uv_timer_t *last)
{
    struct th_node *node = last->data;

    uv_close((uv_handle_t *)&node->closer, on_closer_closed);
}

static void on_closer(uv_async_t *closer)
{
    struct th_node *node = closer->data;
    bool is_due;

    uv_mutex_lock(&node->lock);
    is_due = node->phase == TH_NODE_CLOSING && (node->is_over || !node->has_agent);
    uv_mutex_unlock(&node->lock);
    if (!is_due || uv_is_active((uv_handle_t *)&node->last))
        return;
    close_host(node);
    uv_timer_start(&node->last, on_last, 0, 0);
}

/* Own threads. */
static void close_and_wait(struct th_node *node)
{
    if (node->has_agent)
        uv_sem_wait(&node->ended);
    close_host(node);
    tell_closed(node);
}

static void *run_closing(void *node)
{
    close_and_wait(node);
    return NULL;
}

static void close_on_thread(struct th_node *node)
{
    pthread_attr_t detached;
    pthread_t thread;
    bool is_made = pthread_attr_init(&detached) == 0;

    /* Without a thread for it the node is left behind, stopped: there is nobody who may wait. */
    if (!is_made)
        return;
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    is_made = pthread_create(&thread, &detached, run_closing, node) == 0;
    pthread_attr_destroy(&detached);
    if (!is_made && may_wait(node->host))
        close_and_wait(node);
}

void th_node_close(struct th_node *node, th_close_fn on_closed, void *data)
{
    enum th_node_phase phase;

    if (node == NULL)
        return;
    uv_mutex_lock(&node->lock);
    phase = node->phase;
    node->phase = TH_NODE_CLOSING;
    uv_mutex_unlock(&node->lock);
    if (phase == TH_NODE_CLOSING)
        return;
    node->on_closed = on_closed;
    node->close_data = data;
    if (phase == TH_NODE_NEW) {
        tell_closed(node);
        return;
    }

    /* Not th_stop, if it can be helped: a server that is stopped before its init tells nobody. */
    if (node->has_agent && th_node_agent_wake(node) == TH_NO_MEMORY)
        th_stop(node->host, node->agent, TH_SHUTDOWN);
    if (node->loop)
        uv_async_send(&node->closer);
    else if (on_closed == NULL && may_wait(node->host))
        close_and_wait(node);
    else
        close_on_thread(node);
}
