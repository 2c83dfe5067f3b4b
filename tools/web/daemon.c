#include "tools/web/daemon.h"

#include "switch/base/mem.h"
#include "tools/app/ctl_client.h"

#include <pthread.h>
#include <string.h>
#include <sys/socket.h>

struct slot {
    bool is_taken;
    int fd; /* -1: not connected yet */
};

struct th_web_daemon {
    unsigned path_count;
    char path[TH_SOCKET_CANDIDATES_MAX][TH_SOCKET_PATH_MAX];
    pthread_mutex_t lock; /* of all below; not held while somebody waits for the daemon */
    bool is_cancelled;
    bool is_down; /* and it was said */
    struct slot slot[TH_WEB_ASKS_MAX];
};

enum th_err th_web_daemon_new(struct th_web_daemon **out,
                              char paths[TH_SOCKET_CANDIDATES_MAX][TH_SOCKET_PATH_MAX],
                              unsigned count)
{
    struct th_web_daemon *daemon = th_mem_zalloc(1, sizeof *daemon);

    if (daemon == NULL)
        return TH_NO_MEMORY;
    memcpy(daemon->path, paths, sizeof daemon->path);
    daemon->path_count = count;
    pthread_mutex_init(&daemon->lock, NULL);
    *out = daemon;
    return TH_OK;
}

static enum th_err take_slot(struct th_web_daemon *daemon, struct slot **out)
{
    enum th_err e = TH_LIMIT;

    pthread_mutex_lock(&daemon->lock);
    for (unsigned i = 0; i < TH_WEB_ASKS_MAX && e == TH_LIMIT; i++) {
        if (daemon->slot[i].is_taken)
            continue;
        daemon->slot[i] = (struct slot){.is_taken = true, .fd = -1};
        *out = &daemon->slot[i];
        e = TH_OK;
    }
    if (daemon->is_cancelled && e == TH_OK) {
        (*out)->is_taken = false;
        e = TH_SHUTDOWN;
    }
    pthread_mutex_unlock(&daemon->lock);
    return e;
}

/* fd -1 gives the slot back. False when all was cancelled meanwhile. */
static bool set_slot(struct th_web_daemon *daemon, struct slot *slot, int fd)
{
    pthread_mutex_lock(&daemon->lock);
    bool is_wanted = !daemon->is_cancelled;
    slot->fd = fd;
    slot->is_taken = fd >= 0;
    pthread_mutex_unlock(&daemon->lock);
    return is_wanted;
}

/* Whether a failure is none of the daemon's: we lack something or end, or a lookup took too long. */
static bool is_not_its_fault(enum th_err e, const struct th_ctl *ctl, const char *method)
{
    if (e == TH_TIMED_OUT)
        return ctl->fd >= 0 && strcmp(method, "seek") == 0;
    return e == TH_LIMIT || e == TH_NO_MEMORY || e == TH_SHUTDOWN;
}

/* Once for each time that it goes down, and comes back. */
static void tell_change(struct th_web_daemon *daemon, enum th_err e, const char *say)
{
    bool is_down = e != TH_OK && e != TH_REFUSED;

    pthread_mutex_lock(&daemon->lock);
    bool is_new = is_down != daemon->is_down && !daemon->is_cancelled;
    daemon->is_down = is_down;
    pthread_mutex_unlock(&daemon->lock);
    if (is_new)
        th_complain("telehash-web", is_down ? say : "telehashd answers again");
}

enum th_err th_web_daemon_ask(struct th_web_daemon *daemon, const char *method, json_t *params,
                              unsigned timeout_ms, json_t **result, char say[TH_SAY_MAX])
{
    struct th_ctl ctl = {.fd = -1};
    struct slot *slot;
    enum th_err e = take_slot(daemon, &slot);

    if (e != TH_OK) {
        json_decref(params);
        snprintf(say, TH_SAY_MAX, "%s", e == TH_LIMIT ? "too many ask telehashd" : "ending");
        return e;
    }
    e = th_ctl_connect(&ctl, daemon->path, daemon->path_count, TH_WEB_CONNECT_MS, say);
    if (e != TH_OK) {
        json_decref(params);
    } else if (!set_slot(daemon, slot, ctl.fd)) {
        json_decref(params);
        snprintf(say, TH_SAY_MAX, "ending");
        e = TH_SHUTDOWN;
    } else {
        e = th_ctl_call(&ctl, method, params, timeout_ms, result, NULL, say);
    }
    (void)set_slot(daemon, slot, -1);
    if (!is_not_its_fault(e, &ctl, method))
        tell_change(daemon, e, say);
    th_ctl_close(&ctl);
    return e;
}

bool th_web_daemon_is_down(struct th_web_daemon *daemon)
{
    pthread_mutex_lock(&daemon->lock);
    bool is_down = daemon->is_down;
    pthread_mutex_unlock(&daemon->lock);
    return is_down;
}

struct th_web_answer *th_web_daemon_fetch(void *data, enum th_web_what what)
{
    char say[TH_SAY_MAX];
    json_t *result;

    unsigned timeout_ms = what == TH_WEB_HEALTH ? TH_WEB_HEALTH_MS : TH_WEB_ASK_MS;

    if (th_web_daemon_ask(data, th_web_method(what), NULL, timeout_ms, &result, say) == TH_OK)
        return th_web_answer_of(what, result);
    return th_web_answer_why_not(what, say);
}

void th_web_daemon_cancel(struct th_web_daemon *daemon)
{
    pthread_mutex_lock(&daemon->lock);
    daemon->is_cancelled = true;
    for (unsigned i = 0; i < TH_WEB_ASKS_MAX; i++)
        if (daemon->slot[i].is_taken && daemon->slot[i].fd >= 0)
            shutdown(daemon->slot[i].fd, SHUT_RDWR);
    pthread_mutex_unlock(&daemon->lock);
}

void th_web_daemon_free(struct th_web_daemon *daemon)
{
    if (daemon == NULL)
        return;
    pthread_mutex_destroy(&daemon->lock);
    th_mem_free(daemon);
}
