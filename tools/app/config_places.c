#include "tools/app/config_table.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
    env->config_file = "/etc/telehash/telehashd.conf";
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

/* Puts what a complaint is about before its reason. */
static enum th_err complain_of(enum th_err e, const char *whose, const char *text, const char *why,
                               char say[TH_SAY_MAX])
{
    if (e != TH_OK)
        snprintf(say, TH_SAY_MAX, "%s %.200s: %.250s", whose, text[0] ? text : "\"\"", why);
    return e;
}

static enum th_err named_state_dir(struct th_config *config, const char *text, char say[TH_SAY_MAX])
{
    char why[TH_SAY_MAX];

    return complain_of(th_config_state_dir(config, text, why), "state directory", text, why, say);
}

static enum th_err named_socket(char path[TH_SOCKET_PATH_MAX], const char *whose, const char *text,
                                char say[TH_SAY_MAX])
{
    char why[TH_SAY_MAX];

    return complain_of(th_config_socket_path(path, text, why), whose, text, why, say);
}

enum th_err th_config_default_state(struct th_config *config, const struct th_environment *env,
                                    char say[TH_SAY_MAX])
{
    if (env->state_directory) {
        /* Several are separated by colons; ours is the first. */
        char first[TH_FILE_PATH_MAX];

        snprintf(first, sizeof first, "%s", env->state_directory);
        first[strcspn(first, ":")] = '\0';
        return named_state_dir(config, first, say);
    }
    if (env->uid == 0)
        return named_state_dir(config, "/var/lib/telehash", say);
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

enum th_err th_config_default_socket(struct th_config *config, const struct th_environment *env,
                                     char say[TH_SAY_MAX])
{
    char path[TH_FILE_PATH_MAX + 64];

    if (env->telehash_socket)
        return named_socket(config->socket, "TELEHASH_SOCKET", env->telehash_socket, say);
    if (env->runtime_directory) {
        int len = (int)strcspn(env->runtime_directory, ":");

        snprintf(path, sizeof path, "%.*s/telehashd.sock", len, env->runtime_directory);
        return named_socket(config->socket, "RUNTIME_DIRECTORY", path, say);
    }
    if (env->uid == 0)
        return named_socket(config->socket, "--socket", system_socket, say);
    if (!write_user_socket(path, env)) {
        snprintf(say, TH_SAY_MAX,
                 "no place for the control socket: neither XDG_RUNTIME_DIR nor HOME "
                 "is set; give --socket PATH");
        return TH_INVALID;
    }
    return named_socket(config->socket, "control socket", path, say);
}

unsigned th_socket_candidates(char paths[TH_SOCKET_CANDIDATES_MAX][TH_SOCKET_PATH_MAX],
                              const char *given, const struct th_environment *env,
                              char say[TH_SAY_MAX])
{
    char path[TH_FILE_PATH_MAX + 64];
    unsigned count = 0;

    say[0] = '\0';
    if (given || env->telehash_socket) {
        enum th_err e = named_socket(paths[0], given ? "--socket" : "TELEHASH_SOCKET",
                                     given ? given : env->telehash_socket, say);
        (void)e; /* said, and paths[0] is empty */
        return 1;
    }
    /* Without a session root's daemon listens on the system's socket only. */
    if ((env->uid != 0 || env->xdg_runtime_dir) && write_user_socket(path, env) &&
        named_socket(paths[count], "control socket", path, say) == TH_OK)
        count++;
    snprintf(paths[count++], TH_SOCKET_PATH_MAX, "%s", system_socket);
    return count;
}
