#include "tools/app/config_table.h"

#include "router/router.h"
#include "switch/base/mem.h"

#include <stdlib.h>
#include <string.h>

/* --- what was said -------------------------------------------------------------------------------- */

enum th_err th_config_say(struct th_config *config, const struct th_config_key *key,
                          const char *text, unsigned line)
{
    char *copy = th_mem_copy(text, strlen(text));
    struct th_said *more =
        copy ? th_mem_resize(config->said, config->said_count + 1, sizeof *more) : NULL;

    if (more == NULL) {
        th_mem_free(copy);
        return TH_NO_MEMORY;
    }
    config->said = more;
    config->said[config->said_count++] = (struct th_said){key, copy, line};
    return TH_OK;
}

void th_config_clear(struct th_config *config)
{
    for (unsigned i = 0; i < config->said_count; i++)
        th_mem_free(config->said[i].text);
    th_mem_free(config->said);
    *config = (struct th_config){.said_count = 0};
}

/* How it was said: "--links-max 4", or "FILE: line 3: links_max 4". */
static void write_said(char out[TH_SAY_MAX], const struct th_config *config,
                       const struct th_said *said)
{
    const char *text = said->text[0] ? said->text : "\"\"";
    char name[TH_KEY_NAME_MAX];

    if (said->line) {
        th_config_file_name(name, said->key);
        snprintf(out, TH_SAY_MAX, "%.150s: line %u: %s %.120s", config->file_in_use, said->line,
                 name, text);
    } else {
        snprintf(out, TH_SAY_MAX, "--%s %.200s", said->key->name, text);
    }
}

/* --- flags ---------------------------------------------------------------------------------------- */

static enum th_err refuse_unknown(const char *argument, char say[TH_SAY_MAX])
{
    size_t len = strcspn(argument, "=");
    const struct th_config_key *nearest =
        strncmp(argument, "--", 2) == 0 ? th_config_nearest(argument + 2, len - 2, false) : NULL;

    snprintf(say, TH_SAY_MAX, "unknown argument %.200s; %s%s%stelehashd --help lists the flags",
             argument[0] ? argument : "\"\"", nearest ? "did you mean --" : "",
             nearest ? nearest->name : "", nearest ? "? " : "");
    return TH_INVALID;
}

static bool is_said_twice(const struct th_config *config, const struct th_config_key *key)
{
    unsigned count = 0;

    for (unsigned i = 0; i < config->said_count; i++)
        count += config->said[i].key->read == key->read;
    return count > 1 && key->value && key->kind != TH_KEY_LIST;
}

/* The value of the flag at argv[*at], which may be the next word. NULL: refused. */
static const char *value_of(const struct th_config_key *key, int argc, char *const argv[], int *at,
                            char say[TH_SAY_MAX])
{
    const char *sign = strchr(argv[*at], '=');

    if (key->kind == TH_KEY_SWITCH) {
        const char *text = sign ? sign + 1 : "true";

        if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
            return text;
        snprintf(say, TH_SAY_MAX, "--%s %.200s: is neither true nor false", key->name,
                 text[0] ? text : "\"\"");
        return NULL;
    }
    if (key->value == NULL) {
        if (sign)
            snprintf(say, TH_SAY_MAX, "--%s takes no value", key->name);
        return sign ? NULL : "";
    }
    if (sign)
        return sign + 1;
    /* What looks like a flag is one: whoever means a file of that name writes --flag=FILE. */
    if (*at + 1 == argc || strncmp(argv[*at + 1], "--", 2) == 0) {
        snprintf(say, TH_SAY_MAX, "--%s needs a value: --%s %s", key->name, key->name, key->value);
        return NULL;
    }
    return argv[++*at];
}

static enum th_err read_said(struct th_config *config, unsigned i, char say[TH_SAY_MAX])
{
    const struct th_said *said = &config->said[i];
    char how[TH_SAY_MAX], why[TH_SAY_MAX];
    enum th_err e = said->key->read(config, said->text, why);

    if (e != TH_OK) {
        write_said(how, config, said);
        snprintf(say, TH_SAY_MAX, "%.330s: %.170s", how, why);
    }
    return e;
}

static enum th_err read_flags(struct th_config *config, int argc, char *const argv[],
                              char say[TH_SAY_MAX])
{
    for (int i = 1; i < argc; i++) {
        const char *flag = strcmp(argv[i], "-h") == 0 ? "--help" : argv[i];
        const struct th_config_key *key =
            strncmp(flag, "--", 2) == 0 ? th_config_find(flag + 2, strcspn(flag + 2, "="), false)
                                        : NULL;

        if (key == NULL)
            return refuse_unknown(argv[i], say);
        const char *value = value_of(key, argc, argv, &i, say);
        if (value == NULL)
            return TH_INVALID;
        enum th_err e = th_config_say(config, key, value, 0);
        if (e == TH_OK)
            e = read_said(config, config->said_count - 1, say);
        else
            snprintf(say, TH_SAY_MAX, "no memory for the flags");
        if (e != TH_OK)
            return e;
        if (is_said_twice(config, key)) {
            snprintf(say, TH_SAY_MAX, "--%s is given twice; leave one out", key->name);
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
    for (unsigned i = 0; i < th_config_key_count; i++) {
        const struct th_config_key *key = &th_config_keys[i];
        char name[40];

        snprintf(name, sizeof name, "--%s%s%s", key->name, key->value ? " " : "",
                 key->value ? key->value : "");
        fprintf(out, "  %-22s %s\n", name, key->help);
    }
    fputs("\n"
          "Each may stand in the configuration file too, as a key with _ for -; --print-config\n"
          "prints such a file. A flag overrides the file. SIGHUP and thctl reload read it again.\n"
          "\n"
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

/* --- the whole ------------------------------------------------------------------------------------ */

/* Complains about a key in the words of whoever said it. */
static enum th_err refuse_said(const struct th_config *config, const char *name, const char *why,
                               char say[TH_SAY_MAX])
{
    char how[TH_SAY_MAX] = "";

    for (unsigned i = 0; i < config->said_count; i++)
        if (strcmp(config->said[i].key->name, name) == 0)
            write_said(how, config, &config->said[i]);
    snprintf(say, TH_SAY_MAX, "%.330s: %.170s", how, why);
    return TH_INVALID;
}

/* What no key can be judged for alone. */
static enum th_err check_together(const struct th_config *config, char say[TH_SAY_MAX])
{
    unsigned k = config->k ? config->k : TH_K_DEFAULT;
    char why[TH_SAY_MAX];

    if (config->links_max && config->links_max < k) {
        snprintf(why, sizeof why, "is below the %u links of a bucket (--k)", k);
        return refuse_said(config, "links-max", why, say);
    }
    if (config->bridge_rate && config->bridge_rate != TH_BRIDGE_BYTES_PER_S &&
        !config->is_bridge_for_all && config->bridged_count == 0)
        return refuse_said(config, "bridge-rate", "is of no use without --bridge", say);
    return TH_OK;
}

static enum th_err read_file(struct th_config *config, const struct th_environment *env,
                             char say[TH_SAY_MAX])
{
    const char *file = config->file ? config->file : env->config_file;
    unsigned flags = config->said_count;

    if (file == NULL)
        return TH_OK;
    snprintf(config->file_in_use, sizeof config->file_in_use, "%s", file);
    enum th_err e = th_config_read_file(config, file, say);
    if (e == TH_NO_ENTRY && config->file == NULL) {
        config->file_in_use[0] = '\0';
        return TH_OK;
    }
    for (unsigned i = flags; e == TH_OK && i < config->said_count; i++)
        e = read_said(config, i, say);
    return e;
}

static enum th_err read_all(struct th_config *config, int argc, char *const argv[],
                            const struct th_environment *env, char say[TH_SAY_MAX])
{
    enum th_err e = read_flags(config, argc, argv, say);

    if (e != TH_OK || config->task == TH_TASK_HELP || config->task == TH_TASK_VERSION ||
        config->task == TH_TASK_PRINT_CONFIG)
        return e;
    e = read_file(config, env, say);
    if (e == TH_OK && config->state_dir[0] == '\0')
        e = th_config_default_state(config, env, say);
    if (e == TH_OK && config->socket[0] == '\0')
        e = th_config_default_socket(config, env, say);
    return e == TH_OK ? check_together(config, say) : e;
}

enum th_err th_config_read(struct th_config *out, int argc, char *const argv[],
                           const struct th_environment *env, char say[TH_SAY_MAX])
{
    struct th_config config = {.log_level = TH_LOG_INFO};
    enum th_err e = read_all(&config, argc, argv, env, say);

    if (e == TH_OK)
        *out = config;
    else
        th_config_clear(&config);
    return e;
}

/* --- what is other -------------------------------------------------------------------------------- */

/* Writes what was said of a key, as a file would have it; cut when it is long. */
static void write_value(char *out, size_t cap, const struct th_config *config,
                        const struct th_config_key *key)
{
    bool is_list = key->kind == TH_KEY_LIST, is_quoted = is_list || key->kind == TH_KEY_TEXT;
    size_t len = 0;
    unsigned count = 0;

    for (unsigned i = 0; i < config->said_count; i++) {
        const struct th_said *said = &config->said[i];

        if (said->key->read != key->read || len >= cap)
            continue;
        len += (size_t)snprintf(out + len, cap - len, "%s%s%s%s",
                                count++ ? ", " : (is_list ? "[" : ""), is_quoted ? "\"" : "",
                                said->text, is_quoted ? "\"" : "");
    }
    if (count == 0)
        snprintf(out, cap, "null");
    else if (is_list && len < cap)
        snprintf(out + len, cap - len, "]");
}

/* The next thing that was said of a key, after number `*at`; NULL when there is no more. */
static const char *next_said(const struct th_config *config, const struct th_config_key *key,
                             unsigned *at)
{
    while (*at < config->said_count)
        if (config->said[(*at)++].key->read == key->read)
            return config->said[*at - 1].text;
    return NULL;
}

static bool is_same(const struct th_config *old, const struct th_config *now,
                    const struct th_config_key *key)
{
    const char *a, *b;
    unsigned at_a = 0, at_b = 0;

    do {
        a = next_said(old, key, &at_a);
        b = next_said(now, key, &at_b);
        if ((a == NULL) != (b == NULL) || (a && strcmp(a, b) != 0))
            return false;
    } while (a);
    return true;
}

void th_config_compare(const struct th_config *old, const struct th_config *now,
                       th_config_change_fn tell, void *data)
{
    for (unsigned i = 0; i < th_config_key_count; i++) {
        const struct th_config_key *key = &th_config_keys[i];
        char name[TH_KEY_NAME_MAX], was[TH_SAY_MAX], is[TH_SAY_MAX];

        if (key->kind == TH_KEY_TASK || is_same(old, now, key))
            continue;
        th_config_file_name(name, key);
        write_value(was, sizeof was, old, key);
        write_value(is, sizeof is, now, key);
        tell(data, name, was, is, key->is_live);
    }
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
