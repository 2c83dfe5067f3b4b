/*
 * notify.h - tells a service manager how we are: systemd's sd_notify, without its library.
 *
 * The manager names a datagram socket of its own in NOTIFY_SOCKET and reads lines of KEY=VALUE there.
 * Nothing is told where it named none. A message is never waited for: one that finds no room is lost, and
 * the next comes soon.
 *
 * Floor:  7 (app).
 * Thread: one at a time.
 */
#ifndef TH_APP_NOTIFY_H
#define TH_APP_NOTIFY_H

#include "switch/base/clock.h"

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

enum { TH_NOTIFY_STATUS_MAX = 200 };

struct th_notify {
    int fd; /* -1: nobody wants to be told */
    struct sockaddr_un to;
    socklen_t to_len;
    uint64_t pulse_at; /* of pulse.h: when the next is due, th_notify_usec; 0: now */
    th_ms watchdog_ms; /* how long the manager waits for a sign of life; 0: it does not */
    char status[TH_NOTIFY_STATUS_MAX]; /* that was told last */
};

/*
 * socket        NOTIFY_SOCKET: an absolute path, or @ and an abstract name; NULL: none.
 * watchdog_usec WATCHDOG_USEC; NULL: none.
 * watchdog_pid  WATCHDOG_PID, the process that is to give the sign; NULL: any. Another than pid: not us.
 *
 * Returns false when there is a socket that cannot be used; nothing is told then.
 */
bool th_notify_open(struct th_notify *n, const char *socket, const char *watchdog_usec,
                    const char *watchdog_pid, pid_t pid);

void th_notify_close(struct th_notify *n);

static inline bool th_notify_is_wanted(const struct th_notify *n)
{
    return n->fd >= 0;
}

/* The clock of timers in microseconds, by which a manager knows which reload is told of. */
uint64_t th_notify_usec(void);

void th_notify_ready(struct th_notify *n);
void th_notify_reloading(struct th_notify *n); /* ready follows */
void th_notify_stopping(struct th_notify *n);

/* A sign of life; nothing where no watchdog waits for it. */
void th_notify_watchdog(struct th_notify *n);

/* How we are, in one line. Told only when it is another than before. */
void th_notify_status(struct th_notify *n, const char *text);

#endif
