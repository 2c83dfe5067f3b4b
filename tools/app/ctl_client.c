#include "tools/app/ctl_client.h"

#include "switch/base/mem.h"
#include "tools/app/control_conn.h"
#include "tools/app/control_rpc.h"
#include "tools/app/control_table.h"
#include "tools/app/file.h"

#include <errno.h>
#include <grp.h>
#include <libgen.h>
#include <poll.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
    READ_BYTES = 65536,
    BUSY_PAUSE_MS = 120,
    ANSWER_MAX = 2 * TH_CONN_OUTPUT_MAX /* more than a daemon ever has for one client */
};

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* --- connecting ----------------------------------------------------------------------------------- */

static int connect_to(const char *path, unsigned timeout_ms)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval limit = {.tv_sec = (time_t)(timeout_ms / 1000),
                            .tv_usec = (suseconds_t)(timeout_ms % 1000 * 1000)};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    memcpy(address.sun_path, path, strlen(path) + 1);
    /* Of a Unix socket this also limits how long a connect waits for a full backlog. */
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    int failed = errno;
    close(fd);
    errno = failed;
    return -1;
}

enum { WHY_MAX = 160, NAMES_MAX = 4096 };

/* Whom to be for a socket that may not be opened. A folder that may not be entered is the same
 * obstacle one step earlier. */
static void say_who_may(char text[WHY_MAX], const char *path)
{
    char folder[TH_SOCKET_PATH_MAX];
    struct stat st;
    bool is_group = false, is_known = stat(path, &st) == 0;

    if (is_known) {
        is_group = (st.st_mode & S_IWGRP) != 0;
    } else {
        snprintf(folder, sizeof folder, "%s", path);
        is_known = stat(dirname(folder), &st) == 0;
        is_group = is_known && (st.st_mode & S_IXGRP) != 0;
    }
    struct group group_room, *group = NULL;
    struct passwd owner_room, *owner = NULL;
    char group_text[NAMES_MAX], owner_text[NAMES_MAX];

    /* Those that any thread may call; without room there is no name. */
    if (is_group)
        (void)getgrgid_r(st.st_gid, &group_room, group_text, sizeof group_text, &group);
    if (is_known)
        (void)getpwuid_r(st.st_uid, &owner_room, owner_text, sizeof owner_text, &owner);
    const char *name = owner ? owner->pw_name : "its owner";
    char others[48] = "";

    if (owner == NULL || owner->pw_uid != 0)
        snprintf(others, sizeof others, "%.32s or ", name);
    /* Nobody is to be told to join the group of root. */
    if (group && group->gr_gid != 0)
        snprintf(text, WHY_MAX, "no permission; join the group %.32s, or be %sroot", group->gr_name,
                 others);
    else
        snprintf(text, WHY_MAX, "no permission; be %sroot", others);
}

static const char *why_not(int failed)
{
    if (failed == ENOENT || failed == ENOTDIR)
        return "is not there";
    if (failed == ECONNREFUSED)
        return "nobody listens";
    if (failed == EAGAIN)
        return "does not answer";
    return strerror(failed);
}

static enum th_err worst(enum th_err so_far, int failed)
{
    if (failed == EACCES || failed == EPERM)
        return TH_NO_PERMISSION;
    if (failed == EAGAIN)
        return TH_TIMED_OUT;
    return so_far;
}

enum th_err th_ctl_connect(struct th_ctl *ctl,
                           char paths[TH_SOCKET_CANDIDATES_MAX][TH_SOCKET_PATH_MAX], unsigned count,
                           unsigned timeout_ms, char say[TH_SAY_MAX])
{
    enum th_err e = TH_GONE;
    size_t len = (size_t)snprintf(say, TH_SAY_MAX, "no telehashd here; tried");

    *ctl = (struct th_ctl){.fd = -1};
    for (unsigned i = 0; i < count; i++) {
        struct ucred who = {0};
        socklen_t who_len = sizeof who;
        int fd = connect_to(paths[i], timeout_ms);

        if (fd >= 0) {
            ctl->fd = fd;
            snprintf(ctl->path, sizeof ctl->path, "%s", paths[i]);
            if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &who_len) == 0)
                ctl->pid = who.pid;
            return TH_OK;
        }
        int failed = errno;
        char why[WHY_MAX];

        e = worst(e, failed);
        if (failed == EACCES || failed == EPERM)
            say_who_may(why, paths[i]);
        else
            snprintf(why, sizeof why, "%s", why_not(failed));
        len += (size_t)snprintf(say + len, TH_SAY_MAX - len, "%s %s (%s)", i ? "," : "", paths[i],
                                why);
        if (len >= TH_SAY_MAX)
            len = TH_SAY_MAX - 1;
    }
    if (e != TH_NO_PERMISSION)
        snprintf(say + len, TH_SAY_MAX - len, "; start it, or name its socket with --socket PATH");
    return e;
}

void th_ctl_close(struct th_ctl *ctl)
{
    if (ctl->fd >= 0)
        close(ctl->fd);
    th_mem_free(ctl->in);
    *ctl = (struct th_ctl){.fd = -1};
}

/* --- lines ---------------------------------------------------------------------------------------- */

/* Reads more. Errors: TH_TIMED_OUT, TH_GONE, TH_NO_MEMORY. */
static enum th_err read_more(struct th_ctl *ctl, int64_t until)
{
    int64_t left = until - now_ms();
    struct pollfd wait = {.fd = ctl->fd, .events = POLLIN};

    if (ctl->in_room - ctl->in_len < READ_BYTES) {
        size_t room =
            2 * (ctl->in_room + READ_BYTES); /* twice, so that a long answer is not copied often */
        char *in = th_mem_resize(ctl->in, room, 1);

        if (in == NULL)
            return TH_NO_MEMORY;
        ctl->in = in;
        ctl->in_room = room;
    }
    int ready = poll(&wait, 1, left > 0 ? (int)left : 0);
    if (ready == 0)
        return TH_TIMED_OUT;
    if (ready < 0)
        return errno == EINTR ? TH_OK : TH_GONE;
    ssize_t n = recv(ctl->fd, ctl->in + ctl->in_len, READ_BYTES, 0);
    if (n < 0 && errno == EINTR)
        return TH_OK;
    if (n <= 0)
        return TH_GONE;
    ctl->in_len += (size_t)n;
    return TH_OK;
}

/* Takes the next line as JSON. */
static enum th_err read_answer(struct th_ctl *ctl, int64_t until, json_t **answer)
{
    const char *end = NULL;
    size_t seen = 0; /* without an end of line */

    while (ctl->in_len == seen ||
           (end = memchr(ctl->in + seen, '\n', ctl->in_len - seen)) == NULL) {
        seen = ctl->in_len;
        enum th_err e = seen > ANSWER_MAX ? TH_FORMAT : read_more(ctl, until);

        if (e != TH_OK)
            return e;
    }
    size_t len = (size_t)(end - ctl->in);
    *answer = json_loadb(ctl->in, len, 0, NULL);
    ctl->in_len -= len + 1;
    memmove(ctl->in, end + 1, ctl->in_len);
    if (json_is_object(*answer))
        return TH_OK;
    json_decref(*answer);
    return TH_FORMAT;
}

static enum th_err write_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? TH_TIMED_OUT : TH_GONE;
        text += n;
        len -= (size_t)n;
    }
    return TH_OK;
}

/* --- calls ---------------------------------------------------------------------------------------- */

/* Sends a request and waits for the answer with its id. params: borrowed. */
static enum th_err exchange(struct th_ctl *ctl, const char *method, json_t *params, int64_t until,
                            json_t **answer)
{
    json_t *request =
        json_pack("{s:s, s:I, s:s}", "jsonrpc", "2.0", "id", ++ctl->last_id, "method", method);
    char *text = NULL;

    if (request && (params == NULL || json_object_set(request, "params", params) == 0))
        text = json_dumps(request, JSON_COMPACT);
    json_decref(request);
    if (text == NULL)
        return TH_NO_MEMORY;
    enum th_err e = write_all(ctl->fd, text, strlen(text));
    free(text);
    if (e == TH_OK)
        e = write_all(ctl->fd, "\n", 1);
    if (e == TH_GONE)
        e = TH_OK; /* whoever closed has perhaps said why */

    while (e == TH_OK && (e = read_answer(ctl, until, answer)) == TH_OK) {
        const json_t *id = json_object_get(*answer, "id");

        if (json_is_null(id) || json_integer_value(id) == ctl->last_id)
            break;
        json_decref(*answer); /* of a call that we no longer wait for */
    }
    return e;
}

/* A line for the error of an answer. */
static void describe_error(const json_t *error, char say[TH_SAY_MAX])
{
    const json_t *data = json_object_get(error, "data");
    const json_t *candidates = json_object_get(data, "candidates");
    const char *message = json_string_value(json_object_get(error, "message"));
    const char *group = json_string_value(json_object_get(data, "group"));
    const char *version = json_string_value(json_object_get(data, "version"));
    const char *owner = json_string_value(json_object_get(data, "owner"));
    size_t len = (size_t)snprintf(say, TH_SAY_MAX, "%.200s", message ? message : "error");

    /* A number is a user without a name, as a service has it for as long as it runs: nobody becomes that. */
    bool is_somebody = owner && owner[strspn(owner, "0123456789")] != '\0';

    if (is_somebody && strcmp(owner, "root") != 0)
        len += (size_t)snprintf(say + len, TH_SAY_MAX - len, "; be %.32s or root", owner);
    else if (owner)
        len += (size_t)snprintf(say + len, TH_SAY_MAX - len, "; be root");
    if (group && group[0])
        len += (size_t)snprintf(say + len, TH_SAY_MAX - len,
                                " (the group %.32s may only look and probe)", group);
    if (version)
        len += (size_t)snprintf(say + len, TH_SAY_MAX - len, " (the daemon is version %.32s)",
                                version);
    for (size_t i = 0; i < json_array_size(candidates) && len < TH_SAY_MAX - 80; i++) {
        const char *hex = json_string_value(json_array_get(candidates, i));

        len += (size_t)snprintf(say + len, TH_SAY_MAX - len, "%s %.64s", i ? "," : ":",
                                hex ? hex : "?");
    }
}

static void describe(const struct th_ctl *ctl, enum th_err e, char say[TH_SAY_MAX])
{
    if (e == TH_TIMED_OUT)
        snprintf(say, TH_SAY_MAX, "telehashd does not answer (pid %ld); see its log",
                 (long)ctl->pid);
    else if (e == TH_GONE)
        snprintf(say, TH_SAY_MAX, "telehashd (pid %ld) closed the connection; see its log",
                 (long)ctl->pid);
    else if (e == TH_FORMAT)
        snprintf(say, TH_SAY_MAX, "what listens on %s is no telehashd", ctl->path);
    else
        snprintf(say, TH_SAY_MAX, "%s", th_strerror(e));
}

/* Whether an error only says that this second's probes are used up. */
static bool is_rate_limit(const json_t *error)
{
    return json_integer_value(json_object_get(error, "code")) == TH_RPC_BUSY &&
           json_object_get(json_object_get(error, "data"), "per_s") != NULL;
}

/* Whether a result is what the table of methods says: an object, or a list of objects. */
static bool is_result_of(const json_t *result, const char *method)
{
    const struct th_method *known = th_method_find(method);

    if (known == NULL || known->result[0] != '[')
        return json_is_object(result);
    for (size_t i = 0; i < json_array_size(result); i++)
        if (!json_is_object(json_array_get(result, i)))
            return false;
    return json_is_array(result);
}

enum th_err th_ctl_call(struct th_ctl *ctl, const char *method, json_t *params, unsigned timeout_ms,
                        json_t **result, int *code, char say[TH_SAY_MAX])
{
    int64_t until = now_ms() + timeout_ms;
    json_t *answer = NULL;
    enum th_err e;

    for (;;) {
        e = exchange(ctl, method, params, until, &answer);
        if (e != TH_OK) {
            describe(ctl, e, say);
            break;
        }
        const json_t *error = json_object_get(answer, "error");
        if (error && is_rate_limit(error) && now_ms() + BUSY_PAUSE_MS < until) {
            poll(NULL, 0, BUSY_PAUSE_MS);
            json_decref(answer);
            continue;
        }
        *result = json_incref(json_object_get(answer, "result"));
        if (error) {
            e = TH_REFUSED;
            describe_error(error, say);
            if (code)
                *code = (int)json_integer_value(json_object_get(error, "code"));
        } else if (!is_result_of(*result, method)) {
            json_decref(*result);
            e = TH_FORMAT;
            describe(ctl, e, say);
        }
        json_decref(answer);
        break;
    }
    json_decref(params);
    return e;
}

enum th_err th_ctl_next(struct th_ctl *ctl, unsigned timeout_ms, json_t **note,
                        char say[TH_SAY_MAX])
{
    enum th_err e = read_answer(ctl, now_ms() + timeout_ms, note);

    if (e != TH_OK && e != TH_TIMED_OUT)
        describe(ctl, e, say);
    return e;
}

bool th_ctl_wait_closed(struct th_ctl *ctl, unsigned timeout_ms)
{
    int64_t until = now_ms() + timeout_ms;
    enum th_err e;

    do {
        ctl->in_len = 0;
        e = read_more(ctl, until);
    } while (e == TH_OK);
    return e == TH_GONE;
}
