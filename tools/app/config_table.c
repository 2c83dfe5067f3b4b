#include "tools/app/config_table.h"

#include "tools/app/gateway.h"
#include "tools/cli/cli.h"

#include "router/router.h"
#include "switch/wire/seed_uri.h"

#include <stdlib.h>
#include <string.h>

/* --- reading one value ---------------------------------------------------------------------------- */

static enum th_err refuse(char why[TH_SAY_MAX], const char *reason)
{
    snprintf(why, TH_SAY_MAX, "%s", reason);
    return TH_INVALID;
}

static enum th_err read_file(struct th_config *c, const char *text, char why[TH_SAY_MAX])
{
    if (text[0] == '\0')
        return refuse(why, "is no name of a file");
    c->file = text;
    return TH_OK;
}

static enum th_err read_check(struct th_config *c, const char *text, char why[TH_SAY_MAX])
{
    c->task = TH_TASK_CHECK;
    return read_file(c, text, why);
}

enum th_err th_config_state_dir(struct th_config *c, const char *text, char why[TH_SAY_MAX])
{
    if (text[0] == '\0')
        return refuse(why, "name a folder");
    if (strlen(text) >= sizeof c->state_dir - 32) /* room for names of files in it */
        return refuse(why, "the name is too long; choose a shorter one");
    snprintf(c->state_dir, sizeof c->state_dir, "%s", text);
    return TH_OK;
}

enum th_err th_config_socket_path(char path[TH_SOCKET_PATH_MAX], const char *text,
                                  char why[TH_SAY_MAX])
{
    size_t len = strlen(text);

    path[0] = '\0';
    if (len == 0)
        return refuse(why, "name a file for the control socket");
    if (len >= TH_SOCKET_PATH_MAX) {
        snprintf(why, TH_SAY_MAX,
                 "%zu bytes, but the path of a socket has at most %d; choose a shorter one", len,
                 TH_SOCKET_PATH_MAX - 1);
        return TH_TOO_BIG;
    }
    memcpy(path, text, len + 1);
    return TH_OK;
}

static enum th_err read_socket(struct th_config *c, const char *text, char why[TH_SAY_MAX])
{
    c->is_socket_given = true;
    return th_config_socket_path(c->socket, text, why);
}

static bool is_multicast(const struct th_addr *addr)
{
    return addr->family == TH_FAMILY_IPV6 ? addr->ip[0] == 0xff : addr->ip[0] >= 224;
}

static enum th_err read_listen(struct th_config *c, const char *text, char why[TH_SAY_MAX])
{
    struct th_addr addr;

    if (!th_addr_read(&addr, text, strlen(text)))
        return refuse(why, "is no ADDR:PORT, such as 0.0.0.0:42424 or [::1]:0");
    if (is_multicast(&addr))
        return refuse(why,
                      "is a multicast or reserved address; name one of this machine, or 0.0.0.0");
    if (addr.family == TH_FAMILY_IPV6 && th_addr_realm(&addr) == TH_REALM_LINK)
        return refuse(why,
                      "a link-local address means nothing without its interface; [::] has all");
    if (c->listen_count == TH_LISTEN_MAX)
        return refuse(why, "more than 8 addresses to listen on");
    for (unsigned i = 0; i < c->listen_count; i++)
        if (addr.port != 0 && th_addr_is_equal(&c->listen[i], &addr))
            return refuse(why, "was said already");
    c->listen[c->listen_count++] = addr;
    return TH_OK;
}

/* The name is looked up later; a number is judged at once. */
static enum th_err read_advertise(struct th_config *c, const char *text, char why[TH_SAY_MAX])
{
    struct th_seed_host host;
    struct th_addr addr;
    bool is_ip = th_addr_read(&addr, text, strlen(text)) && addr.port != 0;

    if (strlen(text) > TH_HOST_MAX + 6)
        return refuse(why, "the name is too long");
    if (!is_ip && !th_seed_host_read(&host, text, strlen(text)))
        return refuse(why,
                      "is no HOST:PORT, such as node.example.org:42424 or [2001:db8::1]:42424");
    if (is_ip && (th_addr_realm(&addr) == TH_REALM_NONE || th_addr_realm(&addr) == TH_REALM_LINK))
        return refuse(why, "nobody could reach that; name an address that others can use");
    if (c->advertise_count == TH_ADVERTISE_MAX)
        return refuse(why, "more than 8 addresses to advertise");
    c->advertise[c->advertise_count++] = text;
    return TH_OK;
}

static enum th_err read_seeds(struct th_config *c, const char *text, char why[TH_SAY_MAX])
{
    if (text[0] == '\0')
        return refuse(why, "name a FILE, as thctl seeds export prints it");
    if (c->seeds_count == TH_SEEDS_FILES_MAX)
        return refuse(why, "more than 16 files of seeds");
    c->seeds[c->seeds_count++] = text;
    return TH_OK;
}

static enum th_err read_seed(struct th_config *c, const char *text, char why[TH_SAY_MAX])
{
    char complaint[TH_COMPLAINT_MAX];
    struct th_named_seed seed;

    if (th_seed_uri_read(&seed, text, complaint) != TH_OK)
        return refuse(why, complaint);
    if (c->seed_uri_count == TH_SEED_URIS_MAX)
        return refuse(why, "more than 64 seeds; put them into a file and name that with seeds");
    c->seed_uri[c->seed_uri_count++] = text;
    return TH_OK;
}

static enum th_err read_allow(struct th_config *c, const char *text, char why[TH_SAY_MAX])
{
    if (text[0] == '\0')
        return refuse(why, "name a hashname, or a FILE with one in each line");
    if (c->allow_count == TH_ALLOW_SAID_MAX)
        return refuse(why, "more than 64 of them; put the hashnames into one file");
    c->allow[c->allow_count++] = text;
    return TH_OK;
}

static enum th_err read_lan(struct th_config *c, const char *text, char why[TH_SAY_MAX])
{
    (void)why;
    c->is_lan = strcmp(text, "true") == 0;
    return TH_OK;
}

static enum th_err read_port_map(struct th_config *c, const char *text, char why[TH_SAY_MAX])
{
    c->is_port_map = strcmp(text, "true") == 0;
    if (c->is_port_map && !th_gateway_is_built())
        return refuse(why, "this telehashd was built without libnatpmp and libminiupnpc");
    return TH_OK;
}

static enum th_err read_capture(struct th_config *c, const char *text, char why[TH_SAY_MAX])
{
    c->may_capture = strcmp(text, "allow") == 0;
    return c->may_capture || strcmp(text, "deny") == 0 ? TH_OK
                                                       : refuse(why, "is neither allow nor deny");
}

static enum th_err read_identity(struct th_config *c, const char *text, char why[TH_SAY_MAX])
{
    if (text[0] == '\0')
        return refuse(why, "is no name of a file");
    if (c->identity)
        return refuse(why, "a node has one identity");
    c->identity = text;
    return TH_OK;
}

static enum th_err read_user(struct th_config *c, const char *text, char why[TH_SAY_MAX])
{
    if (text[0] == '\0')
        return refuse(why, "is no name of a user");
    if (c->user)
        return refuse(why, "a process has one user");
    c->user = text;
    return TH_OK;
}

static enum th_err read_init(struct th_config *c, const char *text, char why[TH_SAY_MAX])
{
    (void)text, (void)why;
    if (c->task == TH_TASK_RUN)
        c->task = TH_TASK_INIT;
    return TH_OK;
}

static enum th_err read_print_hashname(struct th_config *c, const char *text, char why[TH_SAY_MAX])
{
    (void)text, (void)why;
    if (c->task == TH_TASK_RUN || c->task == TH_TASK_INIT)
        c->task = TH_TASK_PRINT_HASHNAME;
    return TH_OK;
}

static enum th_err read_threads(struct th_config *c, const char *text, char why[TH_SAY_MAX])
{
    if (strcmp(text, "1") != 0)
        return refuse(why,
                      "only 1 is known (every server on one loop); leave it out for a loop each");
    c->is_one_loop = true;
    return TH_OK;
}

static enum th_err read_number(unsigned *out, const char *text, unsigned low, unsigned high,
                               char why[TH_SAY_MAX])
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    if (text[0] < '0' || text[0] > '9' || *end != '\0' || n < low || n > high) {
        snprintf(why, TH_SAY_MAX, "is no number %u to %u", low, high);
        return TH_INVALID;
    }
    *out = (unsigned)n;
    return TH_OK;
}

static enum th_err read_k(struct th_config *c, const char *text, char why[TH_SAY_MAX])
{
    return read_number(&c->k, text, TH_K_MIN, TH_K_MAX, why);
}

static enum th_err read_links_max(struct th_config *c, const char *text, char why[TH_SAY_MAX])
{
    return read_number(&c->links_max, text, TH_K_MIN, TH_LINKS_MAX_MAX, why);
}

static enum th_err read_bridge(struct th_config *c, const char *text, char why[TH_SAY_MAX])
{
    struct th_hashname id;

    if (strcmp(text, "all") == 0) {
        c->is_bridge_for_all = true;
        return TH_OK;
    }
    if (!th_hashname_read(&id, text, strlen(text)))
        return refuse(why, "is neither all nor the 64 hex digits of a hashname");
    if (c->bridged_count == TH_BRIDGED_MAX)
        return refuse(why, "more than 64 nodes to be a bridge for");
    c->bridged[c->bridged_count++] = id;
    return TH_OK;
}

static enum th_err read_bridge_rate(struct th_config *c, const char *text, char why[TH_SAY_MAX])
{
    return read_number(&c->bridge_rate, text, TH_BRIDGE_RATE_MIN, TH_BRIDGE_RATE_MAX, why);
}

static enum th_err read_rcvbuf(struct th_config *c, const char *text, char why[TH_SAY_MAX])
{
    return read_number(&c->rcvbuf, text, TH_RCVBUF_MIN, TH_RCVBUF_MAX, why);
}

static enum th_err read_log_level(struct th_config *c, const char *text, char why[TH_SAY_MAX])
{
    for (enum th_log_level level = TH_LOG_ERROR; level <= TH_LOG_DEBUG; level++)
        if (strcmp(text, th_log_level_name(level)) == 0) {
            c->log_level = level;
            return TH_OK;
        }
    return refuse(why, "is none of error, warn, info, debug");
}

static enum th_err read_log_format(struct th_config *c, const char *text, char why[TH_SAY_MAX])
{
    c->is_log_json = strcmp(text, "json") == 0;
    return c->is_log_json || strcmp(text, "text") == 0 ? TH_OK
                                                       : refuse(why, "is neither text nor json");
}

static enum th_err read_print_config(struct th_config *c, const char *text, char why[TH_SAY_MAX])
{
    (void)text, (void)why;
    c->task = TH_TASK_PRINT_CONFIG;
    return TH_OK;
}

static enum th_err read_help(struct th_config *c, const char *text, char why[TH_SAY_MAX])
{
    (void)text, (void)why;
    c->task = TH_TASK_HELP;
    return TH_OK;
}

static enum th_err read_version(struct th_config *c, const char *text, char why[TH_SAY_MAX])
{
    (void)text, (void)why;
    if (c->task != TH_TASK_HELP)
        c->task = TH_TASK_VERSION;
    return TH_OK;
}

/* --- the table ------------------------------------------------------------------------------------ */

const struct th_config_key th_config_keys[] = {
    {"config", "FILE", TH_KEY_TASK, "null", false,
     "what else is to hold; else /etc/telehash/telehashd.conf, if it is there", read_file},
    {"state-dir", "DIR", TH_KEY_TEXT, "null", false, "where identity and remembered peers are kept",
     th_config_state_dir},
    {"state", "DIR", TH_KEY_TASK, "null", false, "the same", th_config_state_dir},
    {"socket", "PATH", TH_KEY_TEXT, "null", false, "the control socket, for thctl", read_socket},
    {"listen", "ADDR:PORT", TH_KEY_LIST, "[]", false,
     "where to listen; repeatable, port 0 takes a free one", read_listen},
    {"advertise", "HOST:PORT", TH_KEY_LIST, "[]", false,
     "what others are told instead of our own addresses; repeatable", read_advertise},
    {"seeds", "FILE", TH_KEY_LIST, "[]", true, "nodes to join from; repeatable", read_seeds},
    {"seed", "URI", TH_KEY_LIST, "[]", true,
     "one node to join from, telehash://…, as thctl seeds export --uri prints it; repeatable",
     read_seed},
    {"allow", "WHO", TH_KEY_LIST, "[]", true,
     "talk only to these: a hashname, or a file of them; repeatable", read_allow},
    {"lan", NULL, TH_KEY_SWITCH, "false", false,
     "look for nodes on the networks that this machine is on, and answer such", read_lan},
    {"port-map", NULL, TH_KEY_SWITCH, "false", false,
     "ask the router to let others in to our port (NAT-PMP, UPnP)", read_port_map},
    {"identity", "FILE", TH_KEY_TEXT, "null", false,
     "a key outside the state directory; it is only read", read_identity},
    {"threads", "1", TH_KEY_NUMBER, "null", false, "all servers on one loop, not a loop each",
     read_threads},
    {"k", "N", TH_KEY_NUMBER, "8", false,
     "links wanted in each bucket, and the width of searches for them (8)", read_k},
    {"links-max", "N", TH_KEY_NUMBER, "256", false, "links in all (256)", read_links_max},
    {"bridge", "WHO", TH_KEY_LIST, "[]", false,
     "forward lines of nodes that cannot meet: all or a hashname; repeatable", read_bridge},
    {"bridge-rate", "BYTES", TH_KEY_NUMBER, "1048576", false,
     "at most so many a second in all (1048576)", read_bridge_rate},
    {"user", "NAME", TH_KEY_TEXT, "null", false,
     "whom root becomes once the sockets are bound; its rights are given up", read_user},
    {"rcvbuf", "BYTES", TH_KEY_NUMBER, "4194304", false,
     "receive buffer asked of the system for each socket (4194304)", read_rcvbuf},
    {"log-level", "LEVEL", TH_KEY_TEXT, "\"info\"", true, "error, warn, info (default) or debug",
     read_log_level},
    {"log-format", "FORMAT", TH_KEY_TEXT, "\"text\"", true,
     "text (default), or json: one object a line", read_log_format},
    {"capture", "WHETHER", TH_KEY_TEXT, "\"deny\"", false,
     "allow: thctl capture shows the owner our packets decrypted; or deny (default)", read_capture},
    {"init", NULL, TH_KEY_TASK, "null", false,
     "make the identity if there is none, print its seeds entry and end", read_init},
    {"print-hashname", NULL, TH_KEY_TASK, "null", false, "the same, but print only the hashname",
     read_print_hashname},
    {"check-config", "FILE", TH_KEY_TASK, "null", false, "say what is wrong with a file, and end",
     read_check},
    {"print-config", NULL, TH_KEY_TASK, "null", false,
     "print a file with every key and what holds without it, and end", read_print_config},
    {"help", NULL, TH_KEY_TASK, "null", false, "print this and end", read_help},
    {"version", NULL, TH_KEY_TASK, "null", false, "print the version and end", read_version},
};
const unsigned th_config_key_count = sizeof th_config_keys / sizeof th_config_keys[0];

/* --- names ---------------------------------------------------------------------------------------- */

void th_config_file_name(char name[TH_KEY_NAME_MAX], const struct th_config_key *key)
{
    snprintf(name, TH_KEY_NAME_MAX, "%s", key->name);
    for (char *at = name; *at; at++)
        if (*at == '-')
            *at = '_';
}

static void name_of(char name[TH_KEY_NAME_MAX], const struct th_config_key *key, bool is_in_file)
{
    if (is_in_file)
        th_config_file_name(name, key);
    else
        snprintf(name, TH_KEY_NAME_MAX, "%s", key->name);
}

const struct th_config_key *th_config_find(const char *name, size_t len, bool is_in_file)
{
    char known[TH_KEY_NAME_MAX];

    for (unsigned i = 0; i < th_config_key_count; i++) {
        name_of(known, &th_config_keys[i], is_in_file);
        if (is_in_file && th_config_keys[i].kind == TH_KEY_TASK)
            continue;
        if (strlen(known) == len && memcmp(known, name, len) == 0)
            return &th_config_keys[i];
    }
    return NULL;
}

const struct th_config_key *th_config_nearest(const char *name, size_t len, bool is_in_file)
{
    const struct th_config_key *nearest = NULL;
    char known[TH_KEY_NAME_MAX];
    unsigned least = th_cli_near_max(len);

    for (unsigned i = 0; i < th_config_key_count; i++) {
        if (is_in_file && th_config_keys[i].kind == TH_KEY_TASK)
            continue;
        name_of(known, &th_config_keys[i], is_in_file);
        unsigned far = th_cli_distance(name, len, known);
        if (far < least) {
            least = far;
            nearest = &th_config_keys[i];
        }
    }
    return nearest;
}
