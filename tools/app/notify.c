#include "tools/app/notify.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void tell(const struct th_notify *n, const char *text)
{
    if (n->fd >= 0)
        (void)sendto(n->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT,
                     (const struct sockaddr *)&n->to, n->to_len);
}

static th_ms read_watchdog(const char *usec, const char *watched, pid_t pid)
{
    if (usec == NULL || (watched && strtol(watched, NULL, 10) != (long)pid))
        return 0;
    return strtoull(usec, NULL, 10) / 1000;
}

bool th_notify_open(struct th_notify *n, const char *socket_name, const char *watchdog_usec,
                    const char *watchdog_pid, pid_t pid)
{
    size_t len = socket_name ? strlen(socket_name) : 0;

    *n = (struct th_notify){.fd = -1, .to.sun_family = AF_UNIX};
    if (len == 0)
        return true;
    if ((socket_name[0] != '/' && socket_name[0] != '@') || len < 2 || len >= sizeof n->to.sun_path)
        return false;
    memcpy(n->to.sun_path, socket_name, len);
    if (socket_name[0] == '@')
        n->to.sun_path[0] = '\0'; /* an abstract name has no file, nor a closing 0 */
    n->to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    n->watchdog_ms = read_watchdog(watchdog_usec, watchdog_pid, pid);
    return n->fd >= 0;
}

void th_notify_close(struct th_notify *n)
{
    if (n->fd >= 0)
        close(n->fd);
    n->fd = -1;
}

uint64_t th_notify_usec(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void th_notify_ready(struct th_notify *n)
{
    tell(n, "READY=1");
}

void th_notify_reloading(struct th_notify *n)
{
    char text[64];

    snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, th_notify_usec());
    tell(n, text);
}

void th_notify_stopping(struct th_notify *n)
{
    tell(n, "STOPPING=1");
}

void th_notify_watchdog(struct th_notify *n)
{
    if (n->watchdog_ms > 0)
        tell(n, "WATCHDOG=1");
}

void th_notify_status(struct th_notify *n, const char *text)
{
    char line[sizeof "STATUS=" + TH_NOTIFY_STATUS_MAX];

    if (strncmp(n->status, text, sizeof n->status - 1) == 0)
        return;
    snprintf(n->status, sizeof n->status, "%s", text);
    snprintf(line, sizeof line, "STATUS=%s", n->status);
    tell(n, line);
}
