#include "tools/app/ctl_pipe.h"

#include "tools/app/control_pipe.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CHUNK = 64 << 10, HEAD = 4 };

struct pump {
    struct th_ctl *ctl;
    char in[CHUNK]; /* of standard input, to be sent */
    size_t in_len, in_at;
    bool is_in_over, is_end_sent;
    uint8_t head[HEAD]; /* of the frame that comes */
    size_t head_len;
    uint32_t left; /* of its bytes */
    bool is_at_end, has_failed;
    char why[TH_SAY_MAX];
    size_t why_len;
};

static bool write_all(int fd, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

static void on_head(struct pump *p)
{
    p->head_len = 0;
    p->left = (uint32_t)p->head[0] << 24 | (uint32_t)p->head[1] << 16 | (uint32_t)p->head[2] << 8 |
              p->head[3];
    p->has_failed = p->left == TH_PIPE_FAILED;
    p->is_at_end = p->left == 0;
    if (p->is_at_end)
        close(STDOUT_FILENO); /* whoever reads it hears of the end while we may still send */
}

/* Takes bytes of the daemon. False when standard output cannot be written. */
static bool take(struct pump *p, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        size_t n = 1;

        if (p->has_failed) {
            n = len < sizeof p->why - 1 - p->why_len ? len : sizeof p->why - 1 - p->why_len;
            memcpy(p->why + p->why_len, bytes, n);
            p->why_len += n;
            return true;
        }
        if (p->left > 0) {
            n = len < p->left ? len : p->left;
            if (!write_all(STDOUT_FILENO, bytes, n))
                return false;
            p->left -= (uint32_t)n;
        } else {
            p->head[p->head_len++] = *bytes;
            if (p->head_len == HEAD)
                on_head(p);
        }
        bytes += n;
        len -= n;
    }
    return true;
}

static bool is_over(const struct pump *p)
{
    return p->is_at_end && (p->is_end_sent || isatty(STDIN_FILENO));
}

static void read_input(struct pump *p)
{
    ssize_t n = read(STDIN_FILENO, p->in, sizeof p->in);

    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    p->in_at = 0;
    p->in_len = n > 0 ? (size_t)n : 0;
    p->is_in_over = n <= 0;
}

/* Sends what was read, and then the end. False when the daemon has gone. */
static bool send_input(struct pump *p)
{
    while (p->in_at < p->in_len) {
        ssize_t n =
            send(p->ctl->fd, p->in + p->in_at, p->in_len - p->in_at, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK || errno == EPIPE;
        p->in_at += (size_t)n;
    }
    if (p->is_in_over && !p->is_end_sent)
        p->is_end_sent = shutdown(p->ctl->fd, SHUT_WR) == 0;
    return true;
}

/* 1: bytes were taken; 0: the daemon closed; -1: standard output cannot be written. */
static int receive(struct pump *p)
{
    static uint8_t bytes[CHUNK];
    ssize_t n = recv(p->ctl->fd, bytes, sizeof bytes, MSG_DONTWAIT);

    if (n < 0)
        return errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK;
    if (n == 0)
        return 0;
    return take(p, bytes, (size_t)n) ? 1 : -1;
}

static int carry(struct pump *p, char say[TH_SAY_MAX])
{
    for (;;) {
        bool has_input = p->in_at < p->in_len;
        struct pollfd fds[2] = {
            {.fd = p->ctl->fd, .events = (short)(POLLIN | (has_input ? POLLOUT : 0))},
            {.fd = has_input || p->is_in_over ? -1 : STDIN_FILENO, .events = POLLIN}};

        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            break;
        if (fds[1].revents)
            read_input(p);
        if (!send_input(p))
            break;
        int taken = fds[0].revents & (POLLIN | POLLHUP | POLLERR) ? receive(p) : 1;
        if (taken < 0) {
            snprintf(say, TH_SAY_MAX, "standard output: %s", strerror(errno));
            return 1;
        }
        if (is_over(p))
            return 0;
        if (taken == 0)
            break;
    }
    if (p->has_failed)
        snprintf(say, TH_SAY_MAX, "%s", p->why);
    else
        snprintf(say, TH_SAY_MAX, "telehashd (pid %ld) closed the connection; see its log",
                 (long)p->ctl->pid);
    return 1;
}

static int join_with(struct th_ctl *ctl, char say[TH_SAY_MAX])
{
    static struct pump pump;

    signal(SIGPIPE, SIG_IGN);
    pump = (struct pump){.ctl = ctl};
    /* The answer may have come together with first frames. */
    if (!take(&pump, (const uint8_t *)ctl->in, ctl->in_len)) {
        snprintf(say, TH_SAY_MAX, "standard output: %s", strerror(errno));
        return 1;
    }
    ctl->in_len = 0;
    return is_over(&pump) ? 0 : carry(&pump, say);
}

/* --- beginnings ----------------------------------------------------------------------------------- */

enum { TYPE_TEXT_MAX = 128 };

static void write_type(char type[TYPE_TEXT_MAX], const char *name)
{
    bool is_type = name[0] == '_' || strcmp(name, "sock") == 0;

    snprintf(type, TYPE_TEXT_MAX, "%s%s", is_type ? "" : "_", name);
}

/* Standard output is the stream's; who it is with is said beside it. answer: given. */
static int carry_on(const struct th_ctl_run *run, const char *direction, json_t *answer,
                    char say[TH_SAY_MAX])
{
    const char *who = json_string_value(json_object_get(answer, "hashname"));

    if (isatty(STDERR_FILENO))
        fprintf(stderr, "%s %s\n", direction, who ? who : "?");
    json_decref(answer);
    return join_with(run->ctl, say);
}

int th_ctl_pipe_open(const struct th_ctl_run *run, const char *hashname, const char *name,
                     unsigned more_ms, char say[TH_SAY_MAX])
{
    char type[TYPE_TEXT_MAX];
    json_t *answer;

    write_type(type, name);
    int code = th_ctl_ask_long(run, "pipe.open",
                               json_pack("{s:s, s:s}", "hashname", hashname, "type", type), more_ms,
                               &answer, say);
    return code ? code : carry_on(run, "to", answer, say);
}

int th_ctl_pipe_listen(const struct th_ctl_run *run, const char *name, char say[TH_SAY_MAX])
{
    char type[TYPE_TEXT_MAX];
    json_t *answer;

    write_type(type, name);
    int code =
        th_ctl_ask(run, "pipe.listen", json_pack("{s:s}", "type", type), INT_MAX, &answer, say);
    return code ? code : carry_on(run, "from", answer, say);
}
