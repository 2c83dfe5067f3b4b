/*
 * pcapng.h - a file of packets as Wireshark's tools read it: one section, one interface, each packet
 * with a comment.
 *
 *     th_pcapng_begin(&out, file, &head);
 *     th_pcapng_packet(&out, &packet);        // each
 *     th_pcapng_end(&out, at_us);             // what was received and lost, all in all
 *
 * The format: draft-ietf-opsawg-pcapng. Its numbers are those of this machine's byte order, as it
 * wants them. The link type is WIRESHARK_UPPER_PDU (252): what was decrypted is no datagram, and
 * headers of IP and UDP that never were would say so. Addresses, ports and the protocol's name stand
 * before the packet as tags (Wireshark's exported_pdu.h).
 *
 * Floor:  7 (app).
 * Thread: one only.
 */
#ifndef TH_APP_PCAPNG_H
#define TH_APP_PCAPNG_H

#include "switch/base/bytes.h"
#include "switch/wire/path.h"

#include <stdint.h>
#include <stdio.h>

enum {
    TH_PCAPNG_COMMENT_MAX = 1024,
    TH_PCAPNG_TAGS_MAX = 128,
    TH_PCAPNG_PACKET_MAX = 4096 /* with what stands before it */
};

struct th_pcapng {
    FILE *file;
    uint64_t packets, bytes; /* bytes: of the file */
    uint64_t lost;           /* all in all */
};

struct th_pcapng_packet {
    uint64_t at_us; /* since 1970 */
    bool is_in;
    struct th_addr from, to; /* family NONE or RELAY: not said */
    struct th_bytes bytes;   /* those that were kept */
    uint32_t len;            /* of the whole packet */
    uint64_t lost;           /* since the one before */
    const char *comment;
};

/* Texts are cut at TH_PCAPNG_COMMENT_MAX. What cannot be written is seen by ferror(file). */
void th_pcapng_begin(struct th_pcapng *out, FILE *file, const char *program, const char *interface,
                     const char *description);
void th_pcapng_packet(struct th_pcapng *out, const struct th_pcapng_packet *packet);
void th_pcapng_end(struct th_pcapng *out, uint64_t at_us);

#endif
