/*
 * telehash-web - a node's status page, metrics and health by HTTP, over telehashd's control socket.
 */
#include "switch/udp_addr.h"
#include "tools/app/config.h"
#include "tools/app/control.h"
#include "tools/cli/cli.h"
#include "tools/web/http.h"

#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LISTEN_DEFAULT "127.0.0.1:42480"
enum { BACKLOG = 128 };

struct web {
    const char *listen;
    const char *socket; /* of the daemon; NULL: not said */
    struct th_web_names names;
    bool is_help, is_version;
    struct th_addr addr;            /* that we listen on, unless it is a file */
    struct th_control_socket local; /* unix: */
    int listen_fd;
    struct th_web_daemon *daemon;
    struct th_web_cache *cache;
    struct th_web_http *http;
};

static int complain(const char *say, int code)
{
    th_complain("telehash-web", say);
    return code;
}

/* --- the command line ----------------------------------------------------------------------------- */

static const struct th_cli_flag flags[] = {
    {"--listen", "WHERE", NULL,
     "ADDR:PORT to listen on (" LISTEN_DEFAULT
     "); or unix:PATH, a socket of that name, for a proxy",
     NULL, false},
    {"--host", "NAME", NULL,
     "a name under which the page may be asked for, besides localhost and any address; repeatable",
     NULL, false},
    {"--socket", "PATH", NULL, "the daemon's control socket; without, as thctl finds it", NULL,
     false},
    {"--help", NULL, NULL, "print this and end", NULL, false},
    {"--version", NULL, NULL, "print the versions of program and libraries and end", NULL, false},
};

static const struct th_cli_program table = {.name = "telehash-web",
                                            .params = "",
                                            .flags = flags,
                                            .flag_count = sizeof flags / sizeof flags[0]};

static void print_help(void)
{
    puts("Usage: telehash-web [--listen ADDR:PORT|unix:PATH] [--host NAME] [--socket PATH]\n"
         "Shows a running telehashd by HTTP: a status page at /, metrics at /metrics for\n"
         "Prometheus, and /healthz, which is 200 while the node is healthy, else 503.\n");
    th_cli_print_flags(stdout, &table, false);
    puts("\nWhoever reaches it sees this node's peers and addresses, and may look up hashnames;\n"
         "there is no password. Beyond this machine put a proxy before it that has one.\n"
         "\n"
         "Example: telehash-web --listen '[::1]:8080'\n"
         "\n"
         "Exit: 0 after SIGTERM or SIGINT; 2 a flag that is none; 1 what may pass by itself, such "
         "as\n"
         "a port in use. A daemon that is not there yet is no reason to end.");
}

/* Returns 0, or 2 with what is wrong in say. */
static int take_flag(struct web *web, const char *name, const char *value, char say[TH_SAY_MAX])
{
    bool is_listen = strcmp(name, "--listen") == 0, is_host = strcmp(name, "--host") == 0;

    if (th_cli_flag_find(flags, sizeof flags / sizeof flags[0], name) == NULL)
        snprintf(say, TH_SAY_MAX, "%.200s: unknown flag; telehash-web --help lists them", name);
    else if (value == NULL)
        snprintf(say, TH_SAY_MAX, "%s: a value is missing", name);
    else if (is_host && !th_web_is_name(value))
        snprintf(say, TH_SAY_MAX, "--host %.200s: is no name of a host", value);
    else if (is_host && web->names.count == TH_WEB_NAMES_MAX)
        snprintf(say, TH_SAY_MAX, "--host: no more than %d names", TH_WEB_NAMES_MAX);
    else if (is_host)
        web->names.name[web->names.count++] = value;
    else if (is_listen)
        web->listen = value;
    else
        web->socket = value;
    return say[0] ? 2 : 0;
}

static int read_flags(struct web *web, int argc, char *const argv[], char say[TH_SAY_MAX])
{
    char name[64];

    for (int i = 1; i < argc; i++) {
        const char *equals = strncmp(argv[i], "--", 2) == 0 ? strchr(argv[i], '=') : NULL;

        web->is_help |= strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0;
        web->is_version |= strcmp(argv[i], "--version") == 0;
        if (web->is_help || web->is_version)
            return 0;
        snprintf(name, sizeof name, "%.*s", equals ? (int)(equals - argv[i]) : 63, argv[i]);
        bool is_known = th_cli_flag_find(flags, sizeof flags / sizeof flags[0], name) != NULL;
        const char *value = equals ? equals + 1 : is_known && i + 1 < argc ? argv[++i] : NULL;
        if (take_flag(web, name, value, say))
            return 2;
    }
    if (strncmp(web->listen, "unix:", 5) == 0 && strlen(web->listen + 5) >= TH_SOCKET_PATH_MAX)
        snprintf(say, TH_SAY_MAX, "--listen: the path of a socket has at most %d bytes, not %zu",
                 TH_SOCKET_PATH_MAX - 1, strlen(web->listen + 5));
    else if (strncmp(web->listen, "unix:", 5) == 0 && web->listen[5] == '\0')
        snprintf(say, TH_SAY_MAX, "--listen unix: a path is missing after it");
    else if (strncmp(web->listen, "unix:", 5) != 0 &&
             !th_addr_read(&web->addr, web->listen, strlen(web->listen)))
        snprintf(say, TH_SAY_MAX,
                 "--listen %.200s: is no ADDR:PORT, such as 127.0.0.1:42480 or [::1]:42480, and no "
                 "unix:PATH",
                 web->listen);
    return say[0] ? 2 : 0;
}

/* --- listening ------------------------------------------------------------------------------------ */

static bool is_unix(const struct web *web)
{
    return strncmp(web->listen, "unix:", 5) == 0;
}

/* The port that the system chose. */
static void note_port(struct web *web)
{
    struct sockaddr_storage name = {0};
    socklen_t len = sizeof name;
    struct th_addr bound;

    if (getsockname(web->listen_fd, (struct sockaddr *)&name, &len) != 0)
        return;
    th_udp_from_sockaddr(&bound, &name);
    web->addr.port = bound.port;
}

static int listen_tcp(struct web *web, char say[TH_SAY_MAX])
{
    struct sockaddr_storage name;
    socklen_t len = th_udp_to_sockaddr(&name, &web->addr);
    int one = 1;
    int fd = socket(name.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        if (name.ss_family == AF_INET6)
            setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
        if (bind(fd, (struct sockaddr *)&name, len) == 0 && listen(fd, BACKLOG) == 0) {
            web->listen_fd = fd;
            note_port(web);
            return 0;
        }
    }
    int failed = errno;
    if (fd >= 0)
        close(fd);
    snprintf(say, TH_SAY_MAX, "cannot listen on %.200s: %s; choose another address with --listen",
             web->listen, strerror(failed));
    return failed == EACCES || failed == EPERM ? 2 : 1;
}

/* As the control socket: mode 0660, and one on which nobody listens is replaced. */
static int listen_unix(struct web *web, char say[TH_SAY_MAX])
{
    char why[TH_SAY_MAX];
    enum th_err e = th_control_bind(&web->local, web->listen + 5, why);

    if (e != TH_OK) {
        snprintf(say, TH_SAY_MAX, "cannot listen on %.120s: %s", web->listen,
                 e == TH_IN_USE    ? "somebody listens there; choose another one with --listen"
                 : e == TH_INVALID ? "a file that is no socket has that name"
                                   : th_strerror(e));
        return th_exit_code(e);
    }
    web->listen_fd = dup(web->local.fd); /* libmicrohttpd closes what it is given */
    if (web->listen_fd >= 0)
        return 0;
    snprintf(say, TH_SAY_MAX, "cannot listen on %.120s: %s", web->listen, strerror(errno));
    return 1;
}

static void say_where(const struct web *web)
{
    char where[TH_ADDR_TEXT_MAX];

    if (is_unix(web)) {
        printf("telehash-web " TH_VERSION "\nlisten   %s\n", web->listen);
    } else {
        th_addr_write(where, &web->addr);
        printf("telehash-web " TH_VERSION "\npage     http://%s/\nmetrics  http://%s/metrics\n",
               where, where);
        if (th_addr_realm(&web->addr) != TH_REALM_LOOPBACK)
            th_complain("telehash-web", "others than this machine can reach it, and there is no "
                                        "password; see --help");
    }
    fflush(stdout);
}

/* --- running -------------------------------------------------------------------------------------- */

static th_ms mono_ms(void *data)
{
    struct timespec now;

    (void)data;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (th_ms)now.tv_sec * 1000 + (th_ms)now.tv_nsec / 1000000;
}

static void run_until_told(struct web *web, const sigset_t *ends)
{
    struct timespec second = {.tv_sec = 1};
    int got;

    while ((got = sigtimedwait(ends, NULL, &second)) < 0)
        th_web_http_tick(web->http);
}

static int find_daemon(struct web *web, char say[TH_SAY_MAX])
{
    char paths[TH_SOCKET_CANDIDATES_MAX][TH_SOCKET_PATH_MAX];
    struct th_environment env;

    th_environment_read(&env);
    unsigned count = th_socket_candidates(paths, web->socket, &env, say);
    if (paths[0][0] == '\0')
        return 2;
    say[0] = '\0';
    if (th_web_daemon_new(&web->daemon, paths, count) == TH_OK)
        return 0;
    snprintf(say, TH_SAY_MAX, "%s", th_strerror(TH_NO_MEMORY));
    return 1;
}

static int start(struct web *web, char say[TH_SAY_MAX])
{
    int code = find_daemon(web, say);

    if (code == 0)
        code = is_unix(web) ? listen_unix(web, say) : listen_tcp(web, say);
    if (code)
        return code;
    struct th_web_cache_config cache = {
        .fetch = th_web_daemon_fetch, .now = mono_ms, .data = web->daemon};
    enum th_err e = th_web_cache_new(&web->cache, &cache);
    struct th_web_http_config config = {.listen_fd = web->listen_fd,
                                        .names = &web->names,
                                        .daemon = web->daemon,
                                        .cache = web->cache};
    if (e == TH_OK)
        e = th_web_http_new(&web->http, &config);
    if (e != TH_OK)
        snprintf(say, TH_SAY_MAX, "cannot start: %s", th_strerror(e));
    return e == TH_OK ? 0 : 1;
}

static int serve(struct web *web)
{
    char say[TH_SAY_MAX] = "";
    sigset_t ends;

    /* Blocked before there are threads, so that none of them is interrupted. */
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    signal(SIGPIPE, SIG_IGN);
    json_object_seed(0);
    int code = start(web, say);
    if (code == 0) {
        say_where(web);
        run_until_told(web, &ends);
        th_web_daemon_cancel(web->daemon);
    }
    th_web_http_free(web->http);
    if (is_unix(web))
        th_control_unbind(&web->local);
    th_web_cache_free(web->cache);
    th_web_daemon_free(web->daemon);
    return code ? complain(say, code) : 0;
}

int main(int argc, char *argv[])
{
    struct web web = {.listen = LISTEN_DEFAULT, .listen_fd = -1, .local = {.fd = -1}};
    char say[TH_SAY_MAX] = "";
    int hidden = th_cli_hidden(&table, argc, argv);

    if (hidden >= 0)
        return hidden;
    if (read_flags(&web, argc, argv, say))
        return complain(say, 2);
    if (web.is_help)
        print_help();
    else if (web.is_version)
        th_cli_print_version(stdout, "telehash-web");
    else
        return serve(&web);
    return 0;
}
