/*
 * ctl_capture.h - thctl capture: packets that the daemon shows decrypted, into a file for Wireshark.
 *
 * Floor:  7 (app).
 * Thread: one that may block.
 */
#ifndef TH_APP_CTL_CAPTURE_H
#define TH_APP_CTL_CAPTURE_H

#include "switch/base/bytes.h"
#include "tools/app/ctl_run.h"

/*
 * Captures until interrupted, or until what --for, --count and --bytes say is reached.
 * name  of the file, which must not be there unless --force; "-": standard output.
 * Returns the exit code; say is filled when it is not 0, else empty.
 */
int th_ctl_capture(const struct th_ctl_run *run, const char *name, char say[TH_SAY_MAX]);

/* What the comment of a packet says; for tests. packet: of capture.event. */
enum { TH_CAPTURE_COMMENT_MAX = 800 };
void th_capture_comment(char text[TH_CAPTURE_COMMENT_MAX], const json_t *packet);

/* Adds what is readable of the packet itself, which Wireshark shows as bytes: " head={…}", cut to the
 * room that is left, between characters. bytes: of the packet. For tests. */
void th_capture_add_head(char text[TH_CAPTURE_COMMENT_MAX], const json_t *packet,
                         struct th_bytes bytes);

#endif
