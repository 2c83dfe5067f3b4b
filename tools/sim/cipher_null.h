/*
 * cipher_null.h - a cipher set without secrets, for simulated nodes by the ten thousand.
 *
 * Its csid is one of those that the specification leaves to applications (cipher.h), and it exists in
 * the simulator's build alone. A node of it behaves as one of CS3a does: datagrams have the same
 * fields and lengths, and what is for another node, under other keys, or changed by one bit is
 * dropped for the same reason. But what two keys share is the XOR of both, known to everybody, and
 * nothing is encrypted: every key agreement and seal is a hash of a few bytes.
 *
 *     open   00 01 0a | MAC 16 | line key 32 | tag 16 | inside
 *     line   00 00 | line id 16 | nonce 24 | tag 16 | inside
 *
 * MAC and tag are SipHash of what follows them (the tag's of a line also of the nonce).
 *
 * Floor:  7 (sim).
 * Thread: any.
 */
#ifndef TH_SIM_CIPHER_NULL_H
#define TH_SIM_CIPHER_NULL_H

#include "switch/wire/cipher.h"

enum { TH_CS_NULL = 0x0a };

extern const struct th_cipher th_cipher_null;

#endif
