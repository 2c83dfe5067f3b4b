#include "tools/app/control_conn.h"

#include "switch/base/mem.h"

#include <string.h>

enum { KEPT_ROOM = 64 * 1024 }; /* what a wide answer took beyond it is given back */

/* Doubles room until it holds `wanted`. */
static enum th_err make_room(char **bytes, size_t *room, size_t wanted)
{
    size_t more = *room ? *room : 1024;

    if (wanted <= *room)
        return TH_OK;
    while (more < wanted)
        more *= 2;
    char *grown = th_mem_resize(*bytes, more, 1);
    if (grown == NULL)
        return TH_NO_MEMORY;
    *bytes = grown;
    *room = more;
    return TH_OK;
}

enum th_err th_conn_on_bytes(struct th_conn *conn, const char *bytes, size_t len)
{
    if (len == 0)
        return TH_OK;
    if (conn->in_at > 0) {
        conn->in_len -= conn->in_at;
        memmove(conn->in, conn->in + conn->in_at, conn->in_len);
        conn->in_at = 0;
    }
    enum th_err e = make_room(&conn->in, &conn->in_room, conn->in_len + len);
    if (e != TH_OK)
        return e;
    memcpy(conn->in + conn->in_len, bytes, len);
    conn->in_len += len;

    /* Whoever reads takes the lines after each piece, so only one that has not ended counts. */
    const char *last = memrchr(conn->in, '\n', conn->in_len);
    size_t unended = last ? conn->in_len - (size_t)(last + 1 - conn->in) : conn->in_len;
    return unended < TH_CONN_LINE_MAX ? TH_OK : TH_TOO_BIG;
}

bool th_conn_next(struct th_conn *conn, const char **line, size_t *len)
{
    while (conn->in_at < conn->in_len) {
        const char *start = conn->in + conn->in_at;
        const char *end = memchr(start, '\n', conn->in_len - conn->in_at);

        if (end == NULL)
            return false;
        conn->in_at = (size_t)(end + 1 - conn->in);
        size_t found = (size_t)(end - start);
        if (found > 0 && start[found - 1] == '\r')
            found--;
        if (found == 0)
            continue;
        *line = start;
        *len = found;
        return true;
    }
    return false;
}

/* Room for so many bytes more. The limit is of what waits: who is always a little behind never takes
 * all of it. What waits is moved up when at least as much was sent, so no byte is moved often. */
static enum th_err make_out_room(struct th_conn *conn, size_t len)
{
    size_t waiting = conn->out_len - conn->out_at;

    if (len > TH_CONN_OUTPUT_MAX || waiting > TH_CONN_OUTPUT_MAX - len)
        return TH_FULL;
    bool is_over = conn->out_len + len > TH_CONN_OUTPUT_MAX;
    if (waiting == 0 || is_over ||
        (conn->out_len + len > conn->out_room && conn->out_at >= waiting)) {
        if (waiting > 0)
            memmove(conn->out, conn->out + conn->out_at, waiting);
        conn->out_at = 0;
        conn->out_len = waiting;
    }
    return make_room(&conn->out, &conn->out_room, conn->out_len + len);
}

enum th_err th_conn_put_bytes(struct th_conn *conn, const void *bytes, size_t len)
{
    enum th_err e = make_out_room(conn, len);

    if (e != TH_OK)
        return e;
    memcpy(conn->out + conn->out_len, bytes, len);
    conn->out_len += len;
    return TH_OK;
}

enum th_err th_conn_put(struct th_conn *conn, const char *text, size_t len)
{
    enum th_err e = make_out_room(conn, len + 1);

    if (e != TH_OK)
        return e;
    e = th_conn_put_bytes(conn, text, len);
    return e == TH_OK ? th_conn_put_bytes(conn, "\n", 1) : e;
}

struct th_bytes th_conn_output(const struct th_conn *conn)
{
    if (conn->out_len == conn->out_at)
        return (struct th_bytes){0};
    return (struct th_bytes){(const uint8_t *)conn->out + conn->out_at,
                             conn->out_len - conn->out_at};
}

void th_conn_sent(struct th_conn *conn, size_t len)
{
    TH_CHECK(len <= conn->out_len - conn->out_at);
    conn->out_at += len;
    if (conn->out_at == conn->out_len && conn->out_room > KEPT_ROOM) {
        th_mem_free(conn->out);
        conn->out = NULL;
        conn->out_at = conn->out_len = conn->out_room = 0;
    }
}

void th_conn_clear(struct th_conn *conn)
{
    th_mem_free(conn->in);
    th_mem_free(conn->out);
    *conn = (struct th_conn){0};
}
