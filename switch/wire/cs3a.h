/*
 * cs3a.h - cipher set 3a: X25519, XSalsa20, Poly1305. Private to switch/wire; see cipher.h.
 *
 * telehash.org v2/cs/3a.md; protocol.md 3. All of it is libsodium's crypto_box taken apart.
 *
 *     open   00 01 3a | MAC 16 | line key 32 | tag 16 | ciphertext
 *     line   00 00 | line id 16 | nonce 24 | tag 16 | ciphertext
 *
 * Floor:  1 (wire).
 * Thread: any.
 */
#ifndef TH_WIRE_CS3A_H
#define TH_WIRE_CS3A_H

#include "switch/wire/cipher.h"

extern const struct th_cipher th_cs3a;

#endif
