/*
 * telehashd - a node of the mesh as a daemon.
 *
 * The main thread is no server: it puts the parts together, waits for signals, takes them down again.
 */
#include "router/node.h"
#include "switch/base/mem.h"
#include "switch/run/host_uv.h"
#include "switch/udp.h"
#include "tools/app/config.h"
#include "tools/app/control.h"
#include "tools/app/guard.h"
#include "tools/app/load.h"
#include "tools/app/logger.h"
#include "tools/app/notify.h"
#include "tools/app/portmap.h"
#include "tools/app/process.h"
#include "tools/app/pulse.h"
#include "tools/app/sandbox.h"
#include "tools/app/settings.h"
#include "tools/app/task.h"
#include "tools/app/welcome.h"
#include "tools/cli/cli.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    READY_MS = 5000, /* for all servers to have begun */
    SAVE_MS = 900, /* at the end: what is to be kept and a farewell fit into the 2 s that we have */
    LEAVE_MS = 600,
    RELOAD_MS = 5000,
    RELEASE_MS = 2500, /* of a mapped port, where there is one: its router is looked for again */
    ASK_MS = 300,
    END_S = 5 /* then a server hangs, and the process ends without it */
};

enum ending { ENDING_NOT, ENDING_ASKED, ENDING_FAILED };

struct daemon {
    struct th_config config;
    struct th_logger logger;
    struct th_loaded loaded;
    struct th_control_socket socket;
    struct th_host *host;
    struct th_net *net;
    struct th_tap tap;
    struct th_node_tree *tree;
    struct th_control_config control;
    struct th_settings_config settings;
    struct th_portmap_config portmap;
    struct th_child children[3]; /* the last one maps a port, if that is wanted */
    struct th_supervisor_spec control_tree;
    th_pid control_supervisor;
    struct th_guard_config guard;
    int argc; /* read again by a reload */
    char **argv;
    struct th_environment env;
    bool had_terminal;
    struct th_notify notify;
    atomic_int ending;
    atomic_int failure; /* enum th_err; of the tree that gave up */
};

static int complain(const char *say, int code)
{
    th_complain("telehashd", say);
    return code;
}

/* --- being told that a part gave up --------------------------------------------------------------- */

/* Wakes the main thread, which waits for signals. Thread: any. */
static void end(struct daemon *d, enum ending why)
{
    int expected = ENDING_NOT;

    if (atomic_compare_exchange_strong(&d->ending, &expected, why))
        kill(getpid(), SIGTERM);
}

static void on_stop_asked(void *data)
{
    end(data, ENDING_ASKED);
}

/* A supervisor gave up. */
static void on_failed(void *data, enum th_err why)
{
    struct daemon *d = data;

    atomic_store(&d->failure, (int)why);
    end(d, ENDING_FAILED);
}

/* --- the node ------------------------------------------------------------------------------------- */

/* The floor of `at` that the last run left; none when it can only come from a wrong clock. */
static int64_t at_floor(struct daemon *d)
{
    th_epoch_ms wall = th_host_now(d->host).wall;
    int64_t floor = th_keep_floor(d->loaded.kept.at, wall);

    if (floor != d->loaded.kept.at)
        TH_LOG(&d->logger.log, WARN, "store",
               "ignored at=%lld clock=%lld: the clock was ahead once, or is behind",
               (long long)d->loaded.kept.at, (long long)wall);
    return floor;
}

enum {
    PLACE_SWITCH,
    PLACE_ROUTER,
    PLACE_DIALER,
    PLACE_BOOTSTRAP,
    PLACE_CONTROL,
    PLACE_KEEPER, /* waits for the disk; the settings are here too */
    PLACES
};

/* On one loop what waits for the disk has a thread all the same, and nobody waits for it. */
static enum th_err make_places(struct daemon *d, struct th_place *places[PLACES])
{
    static const char *const names[PLACES] = {"switch",    "router",  "dialer",
                                              "bootstrap", "control", "keeper"};

    for (unsigned i = 0; i < PLACES; i++) {
        bool is_shared = d->config.is_one_loop && i != PLACE_KEEPER;
        enum th_err e = TH_OK;

        if (is_shared && i > 0)
            places[i] = places[0];
        else
            e = th_host_uv_place(d->host, is_shared ? "all" : names[i], &places[i]);
        if (e != TH_OK)
            return e;
    }
    return TH_OK;
}

static enum th_err open_net(struct daemon *d, struct th_place *place, bool loses_root,
                            char say[TH_SAY_MAX])
{
    struct th_udp_config config = {.listen_count = d->config.listen_count,
                                   .is_patient = true,
                                   .loses_root = loses_root,
                                   .is_lan = d->config.is_lan,
                                   .rcvbuf = (int)d->config.rcvbuf,
                                   .log = &d->logger.log};
    char complaint[TH_UDP_COMPLAINT_MAX] = "";

    memcpy(config.listen, d->config.listen, sizeof config.listen);
    if (config.listen_count == 0) {
        config.listen_count = 2;
        config.listen[0] = (struct th_addr){.port = TH_PORT_DEFAULT, .family = TH_FAMILY_IPV4};
        config.listen[1] = (struct th_addr){.port = TH_PORT_DEFAULT, .family = TH_FAMILY_IPV6};
        config.missing_ok = 1u << 1; /* many machines have no IPv6 */
    }
    enum th_err e = th_udp_new(&d->net, th_host_uv_loop(place), &config, complaint);
    if (e != TH_OK)
        snprintf(say, TH_SAY_MAX, "%s", complaint);
    return e;
}

static enum th_err start_node(struct daemon *d, struct th_place *places[PLACES])
{
    struct th_node_config config = {
        .identity = &d->loaded.identity,
        .seeds = &d->loaded.seeds,
        .remembered = &d->loaded.kept.peers,
        .net = d->net,
        .allowed = &d->loaded.allowed,
        .tap = d->config.may_capture ? &d->tap : NULL,
        .log = &d->logger.log,
        .k = d->config.k,
        .links_max = d->config.links_max,
        .is_seed = true,
        .is_lan = d->config.is_lan,
        .bridge = {.is_for_everybody = d->config.is_bridge_for_all,
                   .allowed_count = d->config.bridged_count,
                   .allowed = d->config.bridged,
                   .bytes_per_s = d->config.bridge_rate},
        .advertised_count = d->loaded.advertised.count,
        .at_floor = at_floor(d),
        .ages = d->loaded.kept.age,
        .ages_count = d->loaded.kept.ages_count,
        .disk = &d->loaded.store.disk.disk,
        .switch_place = places[PLACE_SWITCH],
        .dialer_place = places[PLACE_DIALER],
        .router_place = places[PLACE_ROUTER],
        .bootstrap_place = places[PLACE_BOOTSTRAP],
        .supervisor_place = places[PLACE_CONTROL],
        .keeper_place = places[PLACE_KEEPER],
    };
    struct th_msg reply;

    memcpy(config.advertised, d->loaded.advertised.addr, sizeof config.advertised);
    randombytes_buf(config.rng_seed, sizeof config.rng_seed);
    enum th_err e = th_node_tree_start(&d->tree, d->host, &config);
    sodium_memzero(config.rng_seed, sizeof config.rng_seed);
    if (e == TH_OK)
        e = th_call_wait(d->host, th_node_tree_supervisor(d->tree),
                         (struct th_msg){.kind = &th_supervisor_ready_msg}, READY_MS, &reply);
    if (e == TH_OK)
        th_msg_drop(&reply);
    return e;
}

/* What the servers beside the node are told; they keep a pointer to it. */
static void set_up_control(struct daemon *d, struct th_place *place)
{
    d->control = (struct th_control_config){
        .socket = &d->socket,
        .place = place,
        .identity = &d->loaded.identity,
        .advertised = &d->loaded.advertised,
        .hosts = d->loaded.hosts,
        .host_count = d->loaded.host_count,
        .logger = &d->logger,
        .tap = d->config.may_capture ? &d->tap : NULL,
        .started_at = th_host_now(d->host).mono,
        .started_wall = th_host_now(d->host).wall,
        .stop = on_stop_asked,
        .data = d,
    };
    d->settings = (struct th_settings_config){
        .logger = &d->logger,
        .disk = &d->loaded.store.disk.disk,
        .self = &d->loaded.identity.hashname,
        .started_with = &d->config,
        .seeds = &d->loaded.seeds,
        .book = &d->loaded.book,
        .allowed = &d->loaded.allowed,
        .advertised = &d->loaded.advertised,
        .missing_count = d->loaded.missing_count,
        .missing = d->loaded.missing,
        .argc = d->argc,
        .argv = d->argv,
        .env = &d->env,
    };
}

static enum th_err start_control(struct daemon *d, struct th_place *place,
                                 struct th_place *disk_place)
{
    th_pid guard;

    set_up_control(d, place);
    d->children[0] = (struct th_child){.spec = {.ops = &th_settings_ops,
                                                .arg = &d->settings,
                                                .name = TH_SETTINGS_NAME,
                                                .place = disk_place,
                                                .log = &d->logger.log}};
    d->children[1] = (struct th_child){.spec = {.ops = &th_control_ops,
                                                .arg = &d->control,
                                                .name = TH_CONTROL_NAME,
                                                .place = place,
                                                .log = &d->logger.log}};
    d->control_tree = (struct th_supervisor_spec){.children = d->children, .count = 2};
    if (d->config.is_port_map &&
        th_portmap_child(&d->children[2], &d->portmap, d->net, place, &d->logger.log))
        d->control_tree.count++;
    enum th_err e = th_spawn(d->host,
                             &(struct th_server_spec){.ops = &th_supervisor_ops,
                                                      .arg = &d->control_tree,
                                                      .name = TH_CONTROL_SUPERVISOR_NAME,
                                                      .place = place,
                                                      .log = &d->logger.log},
                             &d->control_supervisor);
    if (e != TH_OK)
        return e;
    d->guard = (struct th_guard_config){
        .count = 2,
        .watched = {th_node_tree_supervisor(d->tree), d->control_supervisor},
        .on_down = on_failed,
        .data = d};
    return th_spawn(d->host,
                    &(struct th_server_spec){.ops = &th_guard_ops,
                                             .arg = &d->guard,
                                             .name = TH_CONTROL_GUARD_NAME,
                                             .place = place,
                                             .log = &d->logger.log},
                    &guard);
}

static enum th_err become(struct daemon *d, const struct th_user *user, char say[TH_SAY_MAX])
{
    enum th_err e = th_process_become(user, say);

    if (e == TH_OK) {
        th_control_set_owner(&d->socket, user->name);
        TH_LOG(&d->logger.log, INFO, "telehashd", "root's rights given up user=%s", user->name);
    }
    return e;
}

/* Everything that can be refused is asked for before anything runs; and what was named on the
 * command line before anything is made, so that a typing error leaves no trace. */
static enum th_err start(struct daemon *d, char say[TH_SAY_MAX])
{
    struct th_place *places[PLACES];

    struct th_user user;
    bool is_other = false;

    enum th_err e =
        d->config.user ? th_process_find_user(&user, &is_other, d->config.user, say) : TH_OK;
    if (e == TH_OK)
        e = th_load_named(&d->loaded, &d->config, &d->logger.log, say);
    if (e == TH_OK && is_other)
        e = th_process_may_give(&user, d->config.state_dir, d->config.socket, say);
    if (e == TH_OK)
        e = th_store_open(&d->loaded.store, d->config.state_dir, say);
    if (e == TH_OK)
        e = th_control_bind(&d->socket, d->config.socket, say);
    if (e == TH_OK)
        e = th_load_state(&d->loaded, &d->config, &d->logger.log, say);
    if (e == TH_OK && is_other)
        e = th_process_give(&user, d->loaded.store.dir_fd, d->socket.path, d->socket.is_for_group,
                            say);
    if (e != TH_OK)
        return e;
    th_sandbox_enter(d->loaded.store.dir_fd, d->socket.path, &d->logger.log);

    snprintf(say, TH_SAY_MAX, "the threads cannot be started; see ulimit -u and -n");
    e = th_host_uv_new(&d->host);
    if (e == TH_OK)
        e = make_places(d, places);
    if (e != TH_OK)
        return e;
    th_host_set_watchdog(d->host, 1000, &d->logger.log);
    e = open_net(d, places[PLACE_SWITCH], is_other, say);
    if (e == TH_OK && is_other)
        e = become(d, &user, say);
    if (e != TH_OK)
        return e;

    e = start_node(d, places);
    if (e == TH_OK)
        e = start_control(d, places[PLACE_CONTROL], places[PLACE_KEEPER]);
    if (e != TH_OK)
        snprintf(say, TH_SAY_MAX, "the node cannot start: %s; the lines above say more",
                 th_strerror(e));
    return e;
}

static void print_welcome(const struct daemon *d)
{
    struct th_addr bound[TH_NET_ADDRS_MAX];
    unsigned count = d->net->ops->addrs(d->net, bound, TH_NET_ADDRS_MAX);

    th_welcome_print(&d->loaded, &d->config, bound, count);
}

/* --- while it runs, and the end ------------------------------------------------------------------- */

static enum th_err ask(struct daemon *d, const char *server, const struct th_msg_kind *kind,
                       th_ms limit_ms, struct th_msg *reply)
{
    *reply = (struct th_msg){0};
    return th_call_wait(d->host, th_whereis(d->host, 0, server), (struct th_msg){.kind = kind},
                        limit_ms, reply);
}

/* The settings say in the log what became of it. */
static void reload(struct daemon *d)
{
    struct th_settings_ask *ask = th_mem_zalloc(1, sizeof *ask);
    struct th_msg reply;
    enum th_err e = TH_NO_MEMORY;

    if (ask) {
        ask->what = TH_SETTINGS_RELOAD;
        e = th_call_wait(d->host, th_whereis(d->host, 0, TH_SETTINGS_NAME),
                         (struct th_msg){.kind = &th_settings_msg_ask, .body = ask}, RELOAD_MS,
                         &reply);
    }
    if (e == TH_OK)
        th_msg_drop(&reply);
    else
        TH_LOG(&d->logger.log, ERROR, "telehashd", "not reloaded: the settings do not answer (%s)",
               th_strerror(e));
}

static void on_end_is_late(int signal_number)
{
    static const char line[] = "telehashd: a server does not end; leaving without it\n";

    (void)signal_number;
    struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};

    if (poll(&out, 1, 0) > 0) /* it may be what hangs */
        (void)!write(STDERR_FILENO, line, sizeof line - 1);
    _exit(1);
}

/* From here on a second signal ends the process at once, and so does a server that hangs. */
static void hurry(const sigset_t *ends)
{
    signal(SIGALRM, on_end_is_late);
    alarm(END_S);
    signal(SIGTERM, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, ends, NULL);
}

/* Sleeps until a signal, or a part of ours, ends the run; meanwhile tells the service manager how we are.
 * SIGHUP reloads, but ends us when our terminal has gone: nobody is left there who could. */
static void wait_for_end(struct daemon *d, const sigset_t *ends)
{
    int signal_number, expected = ENDING_NOT;

    th_notify_ready(&d->notify);
    for (;;) {
        signal_number = th_pulse_wait(d->host, &d->notify, ends);
        if (signal_number == SIGHUP && !(d->had_terminal && !th_process_has_terminal())) {
            th_notify_reloading(&d->notify);
            reload(d);
            th_notify_ready(&d->notify);
        } else if (signal_number > 0) {
            break;
        }
    }
    atomic_compare_exchange_strong(&d->ending, &expected, ENDING_ASKED);
    th_notify_stopping(&d->notify);
    hurry(ends); /* before the log, whose reader may be the one that hangs */
    TH_LOG(&d->logger.log, INFO, "telehashd", "ending signal=%d", signal_number);
}

/* Keeps whom we are linked to, then tells them that we go, and gives the switch the time to send that. */
static void leave(struct daemon *d)
{
    struct th_msg reply;

    if (d->portmap.port != 0 &&
        ask(d, TH_PORTMAP_NAME, &th_portmap_msg_release, RELEASE_MS, &reply) == TH_OK)
        th_msg_drop(&reply);
    if (ask(d, TH_NODE_KEEPER, &th_keeper_msg_save, SAVE_MS, &reply) == TH_OK)
        th_msg_drop(&reply);
    if (ask(d, TH_NODE_ROUTER, &th_router_msg_leave, LEAVE_MS, &reply) == TH_OK)
        th_msg_drop(&reply);
    if (ask(d, TH_NODE_SWITCH, &th_switch_msg_status, ASK_MS, &reply) == TH_OK)
        th_msg_drop(&reply);
}

static void clear(struct daemon *d)
{
    if (d->host)
        th_host_uv_close(d->host);
    if (d->tree)
        th_node_tree_free(d->tree);
    th_udp_free(d->net);
    th_control_unbind(&d->socket);
    th_load_clear(&d->loaded);
    th_config_clear(&d->settings.applied);
    th_config_clear(&d->config);
    th_notify_close(&d->notify);
    th_logger_flush(&d->logger); /* its lines stay, for a thread that was left behind */
}

static int run(struct daemon *d, const sigset_t *ends)
{
    char say[TH_SAY_MAX] = "";
    int code = 0;

    enum th_err e = start(d, say);
    if (e != TH_OK) {
        code = complain(say, th_exit_code(e));
    } else {
        print_welcome(d);
        wait_for_end(d, ends);
        if (atomic_load(&d->ending) == ENDING_FAILED) {
            snprintf(say, TH_SAY_MAX, "the node gave up: %s; the lines above say more",
                     th_strerror((enum th_err)atomic_load(&d->failure)));
            code = complain(say, 1);
        } else {
            leave(d);
        }
    }
    clear(d);
    return code;
}

/* What one look at the files answers. */
static int do_without_node(struct daemon *d, char say[TH_SAY_MAX])
{
    enum th_err e = d->config.task == TH_TASK_CHECK ? th_task_check(&d->loaded, &d->config, say)
                                                    : th_task_identity(&d->loaded, &d->config, say);

    return e == TH_OK ? 0 : complain(say, th_exit_code(e));
}

static void open_notify(struct daemon *d)
{
    const char *name = getenv("NOTIFY_SOCKET");

    if (!th_notify_open(&d->notify, name, getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID"),
                        getpid()))
        TH_LOG(&d->logger.log, WARN, "telehashd", "not notified socket=%.100s: it cannot be used",
               name);
}

int main(int argc, char *argv[])
{
    static struct daemon daemon = {
        .notify.fd = -1, .loaded.store = {.dir_fd = -1, .lock_fd = -1}, .socket = {.fd = -1}};
    struct daemon *d = &daemon;
    char say[TH_SAY_MAX];
    sigset_t ends;
    int code = th_config_hidden(argc, argv);

    if (code >= 0)
        return code;
    code = 0;
    if (!th_process_open_descriptors())
        return 1;
    d->argc = argc;
    d->argv = argv;
    d->had_terminal = th_process_has_terminal();
    th_environment_read(&d->env);
    enum th_err e = th_config_read(&d->config, argc, argv, &d->env, say);
    if (e != TH_OK)
        return complain(say, th_exit_code(e));
    if (sodium_init() < 0)
        return complain("libsodium cannot start: the system gives no randomness", 1);
    th_process_guard_secrets(&d->loaded.identity, sizeof d->loaded.identity);
    th_allowed_init(&d->loaded.allowed, NULL);
    th_tap_init(&d->tap, th_wall_us);
    th_logger_init(&d->logger, STDERR_FILENO, getenv("JOURNAL_STREAM"));
    th_logger_set(&d->logger, d->config.log_level, d->config.is_log_json);

    switch (d->config.task) {
    case TH_TASK_RUN:
        th_process_hold_signals(&ends);
        open_notify(d);
        th_process_write_no_core();
        code = run(d, &ends);
        break;
    case TH_TASK_INIT:
    case TH_TASK_PRINT_HASHNAME:
    case TH_TASK_CHECK:
        code = do_without_node(d, say);
        clear(d);
        break;
    case TH_TASK_PRINT_CONFIG:
        th_config_print(stdout);
        break;
    case TH_TASK_HELP:
        th_config_help(stdout);
        break;
    case TH_TASK_VERSION:
        th_cli_print_version(stdout, "telehashd");
        break;
    }
    return code;
}
