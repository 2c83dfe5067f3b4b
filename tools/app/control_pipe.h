/*
 * control_pipe.h - a connection to the control socket that becomes a stream to another node: the methods
 * pipe.open and pipe.listen. Private to control*.c.
 *
 * After the answer to either the connection is no JSON-RPC any more. What the client sends are the bytes of
 * the stream, and when it shuts down its side, their end. What it gets are frames: a length of 4 bytes,
 * big-endian, and so many bytes. A length of 0 is the other side's end; TH_PIPE_FAILED says that the stream
 * has failed, and the rest until the connection ends is why. A client that goes lets go of the stream: what
 * it had sent still goes out.
 *
 * Floor:  7 (app).
 * Thread: the control server's place.
 */
#ifndef TH_APP_CONTROL_PIPE_H
#define TH_APP_CONTROL_PIPE_H

#include "switch/pull.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct th_control;
struct th_client;
struct th_job;

#define TH_PIPE_FAILED UINT32_MAX

enum { TH_PIPES_MAX = 64 };

struct th_pipe;

/* The two methods. */
void th_pipe_open(struct th_control *c, const struct th_self *self, struct th_job *job);
void th_pipe_listen(struct th_control *c, const struct th_self *self, struct th_job *job);

/* Where bytes of the client are to be put; NULL while it may not send. */
uint8_t *th_pipe_room(struct th_pipe *pipe, size_t *len);
/* So many were put there. */
void th_pipe_on_bytes(struct th_pipe *pipe, size_t len);
/* The client has shut down its side. */
void th_pipe_on_end(struct th_pipe *pipe);

/* Asks the switch for what is to be asked. is_read: the client has taken all that it got. */
void th_pipe_go_on(struct th_control *c, const struct th_self *self, struct th_pipe *pipe,
                   bool is_read);

/* Both ends are done, or it has failed: once the client has taken all, it can be let go. */
bool th_pipe_is_over(const struct th_pipe *pipe);

/* A client has gone; it may have had a pipe, or waited for one. */
void th_pipe_on_gone(struct th_control *c, const struct th_self *self, uintptr_t client);

/* The control server ends: the switch notices. */
void th_pipe_clear(struct th_control *c);

#endif
