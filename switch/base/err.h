/*
 * err.h - what can go wrong in the world, as one enum.
 *
 * A mistake of ours is a TH_CHECK, a peer's is a counted drop; only the world's trouble (no memory,
 * a port in use, a mailbox that is full) is one of these.
 *
 * Floor:  0.
 * Thread: any.
 */
#ifndef TH_BASE_ERR_H
#define TH_BASE_ERR_H

/* name, words for a person */
#define TH_ERR_LIST(X)                                                                             \
    X(OK, "no error")                                                                              \
    X(NO_MEMORY, "out of memory")                                                                  \
    X(INVALID, "invalid argument")                                                                 \
    X(FORMAT, "malformed data")                                                                    \
    X(TOO_BIG, "too big")                                                                          \
    X(LIMIT, "a limit was reached")                                                                \
    X(FULL, "the mailbox is full")                                                                 \
    X(GONE, "the server is gone")                                                                  \
    X(TIMED_OUT, "timed out")                                                                      \
    X(CANCELLED, "cancelled")                                                                      \
    X(WOULD_DEADLOCK, "a server's thread may not block")                                           \
    X(SHUTDOWN, "shutting down")                                                                   \
    X(NO_PATH, "no path to that hashname")                                                         \
    X(NO_LINE, "no line to that hashname")                                                         \
    X(NOT_FOUND, "not found")                                                                      \
    X(REFUSED, "refused")                                                                          \
    X(IN_USE, "already in use")                                                                    \
    X(NO_PERMISSION, "no permission")                                                              \
    X(IO, "input/output error")                                                                    \
    X(NO_SPACE, "the disk is full")                                                                \
    X(NO_ENTRY, "no such file")                                                                    \
    X(NEWER, "written by a newer version")                                                         \
    X(AGAIN, "try again later")                                                                    \
    X(EOF, "end of the stream")

/* telehash.h, which stands alone, has the same list; whoever includes both gets one of them. */
#ifndef TH_ERR_IS_DEFINED
#define TH_ERR_IS_DEFINED
enum th_err {
#define TH_ERR_ENUM(name, words) TH_##name,
    TH_ERR_LIST(TH_ERR_ENUM)
#undef TH_ERR_ENUM
};
#endif

/* Returns a short English phrase without newline; never NULL, also for a value that is none. Visible
 * in the shared library: telehash.h offers it too. */
__attribute__((visibility("default"))) const char *th_strerror(enum th_err e);

#endif
