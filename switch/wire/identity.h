/*
 * identity.h - who a node is: its static keys and what follows from them.
 *
 * The text form is the one that the other implementations write:
 * {"3a": base64 public key, "3a_secret": base64 secret key}.
 *
 * Floor:  1 (wire).
 * Thread: any.
 */
#ifndef TH_WIRE_IDENTITY_H
#define TH_WIRE_IDENTITY_H

#include "switch/wire/cipher.h"
#include "switch/wire/hashname.h"

enum {
    TH_IDENTITY_TEXT_MAX = 512, /* with its closing 0 */
    TH_COMPLAINT_MAX = 160      /* words for a person about a text that cannot be read */
};

/* Wipe with th_identity_clear. Keys of cipher sets that we do not have are not kept. */
struct th_identity {
    struct th_hashname hashname;
    struct th_parts parts;
    const struct th_cipher *cipher; /* the one that we have */
    struct th_keypair keys;         /* of it */
};

/* Makes an identity of CS3a from 32 bytes of randomness. */
void th_identity_make(struct th_identity *out, const uint8_t seed[TH_KEY_BYTES]);

/* The same of any cipher set. cipher: borrowed for its life; it needs no row in the table. */
void th_identity_make_of(struct th_identity *out, const struct th_cipher *cipher,
                         const uint8_t seed[TH_KEY_BYTES]);

/* Our cipher set of a csid; NULL when we do not have it. */
const struct th_cipher *th_identity_cipher(const struct th_identity *id, uint8_t csid);

/* The cipher set in which we talk to a node of these parts: the highest that both have; NULL when
 * there is none. */
const struct th_cipher *th_identity_shared(const struct th_identity *id,
                                           const struct th_parts *parts);

/*
 * Reads the text form, which has keys of CS3a.
 *
 * complaint  filled on failure with what is wrong and where, for the operator; never key material.
 * Errors: TH_FORMAT (no JSON, a key missing or not base64 of 32 bytes, a public key that does not
 *         belong to its secret); out is untouched.
 */
TH_MUST enum th_err th_identity_read(struct th_identity *out, struct th_bytes text,
                                     char complaint[TH_COMPLAINT_MAX]);

/* Writes the text form with a newline at its end. */
void th_identity_write(const struct th_identity *id, char text[TH_IDENTITY_TEXT_MAX]);

void th_identity_clear(struct th_identity *id);

#endif
