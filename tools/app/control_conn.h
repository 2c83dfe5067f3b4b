/*
 * control_conn.h - one client's bytes: requests are lines that come in pieces, answers wait until
 * they can be sent.
 *
 *     th_conn_on_bytes(&conn, bytes, len);
 *     while (th_conn_next(&conn, &line, &len))
 *         answer(line, len);                      // th_conn_put
 *     n = write(fd, th_conn_output(&conn).at, th_conn_output(&conn).len);
 *     th_conn_sent(&conn, n);
 *
 * Floor:  7 (app), sans-I/O.
 * Thread: the owner's.
 * Limits: below; a client over them is let go.
 */
#ifndef TH_APP_CONTROL_CONN_H
#define TH_APP_CONTROL_CONN_H

#include "switch/base/bytes.h"
#include "switch/base/err.h"

enum {
    TH_CONN_LINE_MAX = 64 * 1024, /* a request, newline included */
    TH_CONN_OUTPUT_MAX =
        8 * 1024 * 1024 /* the widest answer (4096 lines of 600 bytes) three times */
};

/* A zeroed one is a new one and holds no memory. */
struct th_conn {
    char *in;
    size_t in_len, in_room, in_at; /* in_at: what of it was taken as lines */
    char *out;
    size_t out_len, out_room, out_at; /* out_at: what of it was sent */
};

/* Takes bytes that arrived. Errors: TH_TOO_BIG (a line over the limit), TH_NO_MEMORY. */
TH_MUST enum th_err th_conn_on_bytes(struct th_conn *conn, const char *bytes, size_t len);

/*
 * Takes the next whole line, without its newline; empty ones are skipped.
 * line  borrowed until the next th_conn_on_bytes.
 */
bool th_conn_next(struct th_conn *conn, const char **line, size_t *len);

/* Appends an answer and a newline. Errors: TH_FULL (more than TH_CONN_OUTPUT_MAX would wait),
 * TH_NO_MEMORY. */
TH_MUST enum th_err th_conn_put(struct th_conn *conn, const char *text, size_t len);

/* Appends bytes as they are. Errors: the same. */
TH_MUST enum th_err th_conn_put_bytes(struct th_conn *conn, const void *bytes, size_t len);

/* What waits to be sent. */
struct th_bytes th_conn_output(const struct th_conn *conn);

/* Notes that the first len bytes of it were sent. */
void th_conn_sent(struct th_conn *conn, size_t len);

void th_conn_clear(struct th_conn *conn);

#endif
