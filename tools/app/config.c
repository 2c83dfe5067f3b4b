#include "tools/app/config.h"

#include "router/router.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One flag. value: what follows it, NULL when it takes nothing. */
struct flag {
    const char *name, *value, *help;
    bool is_repeatable;
    enum th_err (*read)(struct th_config *config, const char *text, char say[TH_SAY_MAX]);
};

/* --- reading one value ---------------------------------------------------------------------------- */

static enum th_err refuse(char say[TH_SAY_MAX], const char *flag, const char *text,
                          const char *wanted)
{
    snprintf(say, TH_SAY_MAX, "%s %.200s: %s", flag, text[0] ? text : "\"\"", wanted);
    return TH_INVALID;
}

static enum th_err read_state_dir(struct th_config *c, const char *text, char say[TH_SAY_MAX])
{
    if (text[0] == '\0')
        return refuse(say, "--state-dir", text, "name a folder");
    if (strlen(text) >= sizeof c->state_dir - 32) /* room for names of files in it */
        return refuse(say, "--state-dir", text, "the name is too long; choose a shorter one");
    snprintf(c->state_dir, sizeof c->state_dir, "%s", text);
    return TH_OK;
}

static enum th_err read_socket_path(char path[TH_SOCKET_PATH_MAX], const char *whose,
                                    const char *text, char say[TH_SAY_MAX])
{
    size_t len = strlen(text);

    path[0] = '\0';
    if (len == 0)
        return refuse(say, whose, text, "name a file for the control socket");
    if (len >= TH_SOCKET_PATH_MAX) {
        snprintf(
            say, TH_SAY_MAX,
            "%s %.300s: %zu bytes, but the path of a socket has at most %d; choose a shorter one",
            whose, text, len, TH_SOCKET_PATH_MAX - 1);
        return TH_TOO_BIG;
    }
    memcpy(path, text, len + 1);
    return TH_OK;
}

static enum th_err read_socket(struct th_config *c, const char *text, char say[TH_SAY_MAX])
{
    c->is_socket_given = true;
    return read_socket_path(c->socket, "--socket", text, say);
}

static bool is_multicast(const struct th_addr *addr)
{
    return addr->family == TH_FAMILY_IPV6 ? addr->ip[0] == 0xff : addr->ip[0] >= 224;
}

static enum th_err read_listen(struct th_config *c, const char *text, char say[TH_SAY_MAX])
{
    struct th_addr addr;

    if (!th_addr_read(&addr, text, strlen(text)))
        return refuse(say, "--listen", text, "is no ADDR:PORT, such as 0.0.0.0:42424 or [::1]:0");
    if (is_multicast(&addr))
        return refuse(say, "--listen", text,
                      "is a multicast or reserved address; name one of this machine, or 0.0.0.0");
    if (addr.family == TH_FAMILY_IPV6 && th_addr_realm(&addr) == TH_REALM_LINK)
        return refuse(say, "--listen", text,
                      "a link-local address means nothing without its interface; [::] has all");
    if (c->listen_count == TH_LISTEN_MAX)
        return refuse(say, "--listen", text, "more than 8 addresses to listen on");
    for (unsigned i = 0; i < c->listen_count; i++)
        if (addr.port != 0 && th_addr_is_equal(&c->listen[i], &addr))
            return refuse(say, "--listen", text, "was said already");
    c->listen[c->listen_count++] = addr;
    return TH_OK;
}

/* Whether it can be the name of a host: no number, nor an IPv6 address that lacks its brackets. */
static bool is_host_name(const char *text, size_t len)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

    return len > 0 && strspn(text, letters) >= len && strspn(text, "0123456789.") < len;
}

/* The name is looked up later; a number is judged at once. */
static enum th_err read_advertise(struct th_config *c, const char *text, char say[TH_SAY_MAX])
{
    const char *colon = strrchr(text, ':');
    const char *digits = colon ? colon + 1 : "";
    unsigned long port = strtoul(digits, NULL, 10);
    bool is_port = digits[0] && digits[strspn(digits, "0123456789")] == '\0' && port >= 1 &&
                   port <= UINT16_MAX;
    struct th_addr addr;
    bool is_ip = is_port && th_addr_read(&addr, text, strlen(text));

    if (!is_port || !(is_ip || is_host_name(text, (size_t)(colon - text))))
        return refuse(say, "--advertise", text,
                      "is no HOST:PORT, such as node.example.org:42424 or [2001:db8::1]:42424");
    if (is_ip && (th_addr_realm(&addr) == TH_REALM_NONE || th_addr_realm(&addr) == TH_REALM_LINK))
        return refuse(say, "--advertise", text,
                      "nobody could reach that; name an address that others can use");
    if (c->advertise_count == TH_ADVERTISE_MAX)
        return refuse(say, "--advertise", text, "more than 8 addresses to advertise");
    c->advertise[c->advertise_count++] = text;
    return TH_OK;
}

static enum th_err read_seeds(struct th_config *c, const char *text, char say[TH_SAY_MAX])
{
    if (text[0] == '\0')
        return refuse(say, "--seeds", text, "name a FILE, as thctl seeds export prints it");
    if (c->seeds_count == TH_SEEDS_FILES_MAX)
        return refuse(say, "--seeds", text, "more than 16 files of seeds");
    c->seeds[c->seeds_count++] = text;
    return TH_OK;
}

static enum th_err read_identity(struct th_config *c, const char *text, char say[TH_SAY_MAX])
{
    if (text[0] == '\0')
        return refuse(say, "--identity", text, "is no name of a file");
    if (c->identity)
        return refuse(say, "--identity", text, "a node has one identity");
    c->identity = text;
    return TH_OK;
}

static enum th_err read_init(struct th_config *c, const char *text, char say[TH_SAY_MAX])
{
    (void)text, (void)say;
    if (c->task == TH_TASK_RUN)
        c->task = TH_TASK_INIT;
    return TH_OK;
}

static enum th_err read_print_hashname(struct th_config *c, const char *text, char say[TH_SAY_MAX])
{
    (void)text, (void)say;
    if (c->task == TH_TASK_RUN || c->task == TH_TASK_INIT)
        c->task = TH_TASK_PRINT_HASHNAME;
    return TH_OK;
}

static enum th_err read_threads(struct th_config *c, const char *text, char say[TH_SAY_MAX])
{
    if (strcmp(text, "1") != 0)
        return refuse(say, "--threads", text,
                      "only 1 is known (every server on one loop); leave it out for a loop each");
    c->is_one_loop = true;
    return TH_OK;
}

static enum th_err read_number(unsigned *out, const char *flag, const char *text, unsigned low,
                               unsigned high, char say[TH_SAY_MAX])
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    if (text[0] < '0' || text[0] > '9' || *end != '\0' || n < low || n > high) {
        snprintf(say, TH_SAY_MAX, "%s %.200s: is no number %u to %u", flag, text[0] ? text : "\"\"",
                 low, high);
        return TH_INVALID;
    }
    *out = (unsigned)n;
    return TH_OK;
}

static enum th_err read_k(struct th_config *c, const char *text, char say[TH_SAY_MAX])
{
    return read_number(&c->k, "--k", text, TH_K_MIN, TH_K_MAX, say);
}

static enum th_err read_links_max(struct th_config *c, const char *text, char say[TH_SAY_MAX])
{
    return read_number(&c->links_max, "--links-max", text, TH_K_MIN, TH_LINKS_MAX_MAX, say);
}

static enum th_err read_bridge(struct th_config *c, const char *text, char say[TH_SAY_MAX])
{
    struct th_hashname id;

    if (strcmp(text, "all") == 0) {
        c->is_bridge_for_all = true;
        return TH_OK;
    }
    if (!th_hashname_read(&id, text, strlen(text)))
        return refuse(say, "--bridge", text, "is neither all nor the 64 hex digits of a hashname");
    if (c->bridged_count == TH_BRIDGED_MAX)
        return refuse(say, "--bridge", text, "more than 64 nodes to be a bridge for");
    c->bridged[c->bridged_count++] = id;
    return TH_OK;
}

static enum th_err read_bridge_rate(struct th_config *c, const char *text, char say[TH_SAY_MAX])
{
    return read_number(&c->bridge_rate, "--bridge-rate", text, TH_BRIDGE_RATE_MIN,
                       TH_BRIDGE_RATE_MAX, say);
}

static enum th_err read_log_level(struct th_config *c, const char *text, char say[TH_SAY_MAX])
{
    for (enum th_log_level level = TH_LOG_ERROR; level <= TH_LOG_DEBUG; level++)
        if (strcmp(text, th_log_level_name(level)) == 0) {
            c->log_level = level;
            return TH_OK;
        }
    return refuse(say, "--log-level", text, "is none of error, warn, info, debug");
}

static enum th_err read_help(struct th_config *c, const char *text, char say[TH_SAY_MAX])
{
    (void)text, (void)say;
    c->task = TH_TASK_HELP;
    return TH_OK;
}

static enum th_err read_version(struct th_config *c, const char *text, char say[TH_SAY_MAX])
{
    (void)text, (void)say;
    if (c->task != TH_TASK_HELP)
        c->task = TH_TASK_VERSION;
    return TH_OK;
}

/* --- the table ------------------------------------------------------------------------------------ */

static const struct flag flags[] = {
    {"--state-dir", "DIR", "where identity and remembered peers are kept", false, read_state_dir},
    {"--state", "DIR", "the same", false, read_state_dir},
    {"--socket", "PATH", "the control socket, for thctl", false, read_socket},
    {"--listen", "ADDR:PORT", "where to listen; repeatable, port 0 takes a free one", true,
     read_listen},
    {"--advertise", "HOST:PORT", "what others are told instead of our own addresses; repeatable",
     true, read_advertise},
    {"--seeds", "FILE", "nodes to join from; repeatable", true, read_seeds},
    {"--identity", "FILE", "a key outside the state directory; it is only read", false,
     read_identity},
    {"--init", NULL, "make the identity if there is none, print its seeds entry and end", false,
     read_init},
    {"--print-hashname", NULL, "the same, but print only the hashname", false, read_print_hashname},
    {"--threads", "1", "all servers on one loop, not a loop each", false, read_threads},
    {"--k", "N", "links wanted in each bucket, and the width of searches for them (8)", false,
     read_k},
    {"--links-max", "N", "links in all (256)", false, read_links_max},
    {"--bridge", "WHO", "forward lines of nodes that cannot meet: all or a hashname; repeatable",
     true, read_bridge},
    {"--bridge-rate", "BYTES", "at most so many a second in all (1048576)", false,
     read_bridge_rate},
    {"--log-level", "LEVEL", "error, warn, info (default) or debug", false, read_log_level},
    {"--help", NULL, "print this and end", false, read_help},
    {"--version", NULL, "print the version and end", false, read_version},
};
enum { FLAGS = sizeof flags / sizeof flags[0] };

/* The flag that an argument names; `--name=value` too, with value set to what follows the sign. */
static const struct flag *find_flag(const char *argument, const char **value)
{
    const char *sign = strchr(argument, '=');
    size_t len = sign ? (size_t)(sign - argument) : strlen(argument);

    *value = sign ? sign + 1 : NULL;
    for (size_t i = 0; i < FLAGS; i++)
        if (strlen(flags[i].name) == len && strncmp(flags[i].name, argument, len) == 0)
            return &flags[i];
    return NULL;
}

/* Whether a flag that may be given once was given before; one of two names is the same flag. */
static bool is_said_twice(const struct flag *flag, bool said[FLAGS])
{
    bool is_twice = false;

    for (size_t i = 0; i < FLAGS; i++)
        if (flags[i].read == flag->read)
            is_twice = is_twice || said[i];
    said[flag - flags] = true;
    return is_twice && flag->value && !flag->is_repeatable;
}

static enum th_err read_flags(struct th_config *config, int argc, char *const argv[],
                              char say[TH_SAY_MAX])
{
    bool said[FLAGS] = {false};

    for (int i = 1; i < argc; i++) {
        const char *value;
        const struct flag *flag =
            find_flag(strcmp(argv[i], "-h") == 0 ? "--help" : argv[i], &value);

        if (flag == NULL) {
            snprintf(say, TH_SAY_MAX, "unknown argument %.200s; telehashd --help lists the flags",
                     argv[i][0] ? argv[i] : "\"\"");
            return TH_INVALID;
        }
        if (flag->value == NULL && value != NULL) {
            snprintf(say, TH_SAY_MAX, "%s takes no value", flag->name);
            return TH_INVALID;
        }
        if (flag->value != NULL && value == NULL) {
            /* What looks like a flag is one: whoever means a file of that name writes --flag=FILE. */
            if (i + 1 == argc || strncmp(argv[i + 1], "--", 2) == 0) {
                snprintf(say, TH_SAY_MAX, "%s needs a value: %s %s", flag->name, flag->name,
                         flag->value);
                return TH_INVALID;
            }
            value = argv[++i];
        }
        enum th_err e = flag->read(config, value, say);
        if (e != TH_OK)
            return e;
        if (is_said_twice(flag, said)) {
            snprintf(say, TH_SAY_MAX, "%s is given twice; leave one out", flag->name);
            return TH_INVALID;
        }
    }
    return TH_OK;
}

void th_config_help(FILE *out)
{
    fputs("Usage: telehashd [FLAG...]\n"
          "Runs a node of the telehash v2.1 mesh. Needs no flag at all.\n\n",
          out);
    for (size_t i = 0; i < FLAGS; i++) {
        char name[40];

        snprintf(name, sizeof name, "%s%s%s", flags[i].name, flags[i].value ? " " : "",
                 flags[i].value ? flags[i].value : "");
        fprintf(out, "  %-22s %s\n", name, flags[i].help);
    }
    fputs("\n"
          "State is kept in $STATE_DIRECTORY, else in /var/lib/telehash (root) or\n"
          "${XDG_STATE_HOME:-~/.local/state}/telehash. The control socket is $TELEHASH_SOCKET,\n"
          "$RUNTIME_DIRECTORY/telehashd.sock, else /run/telehash/telehashd.sock (root) or\n"
          "$XDG_RUNTIME_DIR/telehash/telehashd.sock. Without --listen: both families, port 42424.\n"
          "\n"
          "Exit: 0 after a clean end; 1 what may pass by itself (a port, the socket or the state\n"
          "directory is in use, no memory); 2 a bad flag, file or permission.\n"
          "SIGTERM and SIGINT end it cleanly, a second one at once. thctl talks to it.\n",
          out);
}

/* --- what holds when nothing is said -------------------------------------------------------------- */

static const char *set_or_null(const char *name)
{
    const char *value = getenv(name);

    return value && value[0] ? value : NULL;
}

/* The XDG specification: what is no absolute path is as if it were not set. */
static const char *absolute_or_null(const char *name)
{
    const char *value = getenv(name);

    return value && value[0] == '/' ? value : NULL;
}

void th_environment_read(struct th_environment *env)
{
    char run_user[64];
    struct stat st;

    *env = (struct th_environment){
        .uid = (unsigned)geteuid(),
        .home = set_or_null("HOME"),
        .xdg_state_home = absolute_or_null("XDG_STATE_HOME"),
        .xdg_runtime_dir = absolute_or_null("XDG_RUNTIME_DIR"),
        .state_directory = set_or_null("STATE_DIRECTORY"),
        .runtime_directory = set_or_null("RUNTIME_DIRECTORY"),
        .telehash_socket = set_or_null("TELEHASH_SOCKET"),
    };
    snprintf(run_user, sizeof run_user, "/run/user/%u", env->uid);
    env->has_run_user = stat(run_user, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == env->uid;
}

/* The state directory of a user; false without a home. */
static bool write_user_state(char path[TH_FILE_PATH_MAX], const struct th_environment *env)
{
    int len = -1;

    if (env->xdg_state_home)
        len = snprintf(path, TH_FILE_PATH_MAX, "%s/telehash", env->xdg_state_home);
    else if (env->home)
        len = snprintf(path, TH_FILE_PATH_MAX, "%s/.local/state/telehash", env->home);
    return len > 0 && len < TH_FILE_PATH_MAX - 32;
}

static enum th_err default_state_dir(struct th_config *config, const struct th_environment *env,
                                     char say[TH_SAY_MAX])
{
    if (env->state_directory) {
        /* Several are separated by colons; ours is the first. */
        char first[TH_FILE_PATH_MAX];

        snprintf(first, sizeof first, "%s", env->state_directory);
        first[strcspn(first, ":")] = '\0';
        return read_state_dir(config, first, say);
    }
    if (env->uid == 0)
        return read_state_dir(config, "/var/lib/telehash", say);
    if (!write_user_state(config->state_dir, env)) {
        snprintf(say, TH_SAY_MAX,
                 "no place for the state: HOME is not set (or too long); give "
                 "--state-dir DIR");
        return TH_INVALID;
    }
    return TH_OK;
}

/* The path of the user's socket: a session's folder, else one beside the state, for there is no
 * other that is only the user's. False when there is none. */
static bool write_user_socket(char path[TH_FILE_PATH_MAX + 64], const struct th_environment *env)
{
    char state[TH_FILE_PATH_MAX];

    if (env->xdg_runtime_dir)
        snprintf(path, TH_FILE_PATH_MAX + 64, "%s/telehash/telehashd.sock", env->xdg_runtime_dir);
    else if (env->has_run_user)
        snprintf(path, TH_FILE_PATH_MAX + 64, "/run/user/%u/telehash/telehashd.sock", env->uid);
    else if (write_user_state(state, env))
        snprintf(path, TH_FILE_PATH_MAX + 64, "%s/telehashd.sock", state);
    else
        return false;
    return true;
}

static const char system_socket[] = "/run/telehash/telehashd.sock";

static enum th_err default_socket(struct th_config *config, const struct th_environment *env,
                                  char say[TH_SAY_MAX])
{
    char path[TH_FILE_PATH_MAX + 64];

    if (env->telehash_socket)
        return read_socket_path(config->socket, "TELEHASH_SOCKET", env->telehash_socket, say);
    if (env->runtime_directory) {
        int len = (int)strcspn(env->runtime_directory, ":");

        snprintf(path, sizeof path, "%.*s/telehashd.sock", len, env->runtime_directory);
        return read_socket_path(config->socket, "RUNTIME_DIRECTORY", path, say);
    }
    if (env->uid == 0)
        return read_socket_path(config->socket, "--socket", system_socket, say);
    if (!write_user_socket(path, env)) {
        snprintf(say, TH_SAY_MAX,
                 "no place for the control socket: neither XDG_RUNTIME_DIR nor HOME "
                 "is set; give --socket PATH");
        return TH_INVALID;
    }
    return read_socket_path(config->socket, "control socket", path, say);
}

/* What no flag can be judged for alone. */
static enum th_err check_together(const struct th_config *config, char say[TH_SAY_MAX])
{
    unsigned k = config->k ? config->k : TH_K_DEFAULT;

    if (config->links_max && config->links_max < k) {
        snprintf(say, TH_SAY_MAX, "--links-max %u: is below the %u links of a bucket (--k)",
                 config->links_max, k);
        return TH_INVALID;
    }
    if (config->bridge_rate && !config->is_bridge_for_all && config->bridged_count == 0) {
        snprintf(say, TH_SAY_MAX, "--bridge-rate %u: is of no use without --bridge",
                 config->bridge_rate);
        return TH_INVALID;
    }
    return TH_OK;
}

enum th_err th_config_read(struct th_config *out, int argc, char *const argv[],
                           const struct th_environment *env, char say[TH_SAY_MAX])
{
    struct th_config config = {.log_level = TH_LOG_INFO};
    enum th_err e = read_flags(&config, argc, argv, say);

    if (e == TH_OK && config.task != TH_TASK_HELP && config.task != TH_TASK_VERSION) {
        if (config.state_dir[0] == '\0')
            e = default_state_dir(&config, env, say);
        if (e == TH_OK && config.socket[0] == '\0')
            e = default_socket(&config, env, say);
        if (e == TH_OK)
            e = check_together(&config, say);
    }
    if (e == TH_OK)
        *out = config;
    return e;
}

unsigned th_socket_candidates(char paths[TH_SOCKET_CANDIDATES_MAX][TH_SOCKET_PATH_MAX],
                              const char *given, const struct th_environment *env,
                              char say[TH_SAY_MAX])
{
    char path[TH_FILE_PATH_MAX + 64];
    unsigned count = 0;

    say[0] = '\0';
    if (given || env->telehash_socket) {
        enum th_err e = read_socket_path(paths[0], given ? "--socket" : "TELEHASH_SOCKET",
                                         given ? given : env->telehash_socket, say);
        (void)e; /* said, and paths[0] is empty */
        return 1;
    }
    /* Without a session root's daemon listens on the system's socket only. */
    if ((env->uid != 0 || env->xdg_runtime_dir) && write_user_socket(path, env) &&
        read_socket_path(paths[count], "control socket", path, say) == TH_OK)
        count++;
    snprintf(paths[count++], TH_SOCKET_PATH_MAX, "%s", system_socket);
    return count;
}

void th_complain(const char *who, const char *say)
{
    char line[TH_SAY_MAX];

    snprintf(line, sizeof line, "%s", say);
    for (char *at = line; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            *at = '?';
    fprintf(stderr, "%s: %s\n", who, line);
}

int th_exit_code(enum th_err e)
{
    switch (e) {
    case TH_OK:
        return 0;
    case TH_INVALID:
    case TH_FORMAT:
    case TH_TOO_BIG:
    case TH_NO_PERMISSION:
    case TH_NO_ENTRY:
    case TH_NEWER:
        return 2;
    case TH_NO_MEMORY:
    case TH_LIMIT:
    case TH_FULL:
    case TH_GONE:
    case TH_TIMED_OUT:
    case TH_CANCELLED:
    case TH_WOULD_DEADLOCK:
    case TH_SHUTDOWN:
    case TH_NO_PATH:
    case TH_NO_LINE:
    case TH_NOT_FOUND:
    case TH_REFUSED:
    case TH_IN_USE:
    case TH_IO:
    case TH_NO_SPACE:
    case TH_AGAIN:
    case TH_EOF:
        return 1;
    }
    return 1;
}
