/*
 * json.h - what the readers of heads and files share. Private to switch/wire: json_t ends here.
 *
 * Of duplicate keys the last one wins, as in JSON.parse.
 *
 * Floor:  1 (wire).
 * Thread: any.
 */
#ifndef TH_WIRE_JSON_H
#define TH_WIRE_JSON_H

#include "switch/wire/cipher.h"
#include "switch/wire/hashname.h"
#include "switch/wire/path.h"

#include <jansson.h>

/* Base64 of a key, with padding and a closing 0. */
enum { TH_KEY_TEXT_MAX = 45 };

/* Reads a whole text; NULL when it is no object or array in UTF-8. error may be NULL. */
json_t *th_json_read(struct th_bytes text, json_error_t *error);

/* As th_json_read, and NULL for an array. */
json_t *th_json_read_object(struct th_bytes text, json_error_t *error);

/* The string without 0 inside that a value is; NULL when it is none. value may be NULL. */
const char *th_json_text(const json_t *value);

/* Reads an integer 0..2^32-1. */
TH_MUST bool th_json_u32(uint32_t *out, const json_t *value);

/* Reads 64 hex digits. */
TH_MUST bool th_json_hashname(struct th_hashname *out, const json_t *value);

/* Reads the 32 hex digits of a line id. */
TH_MUST bool th_json_line_id(struct th_line_id *out, const json_t *value);

/*
 * Reads {csid: fingerprint, …}, at least one. Both must be lower-case: the hashname is made of the
 * characters, so others would roll up something else.
 */
TH_MUST bool th_json_parts(struct th_parts *out, const json_t *value);

/* Reads a list of paths; a missing one is empty. False when it is no list. */
TH_MUST bool th_json_paths(struct th_paths *out, const json_t *value);

/* Reads one path; false for an unknown type or an address that no peer can have. */
TH_MUST bool th_json_path(struct th_addr *out, const json_t *value);

/* Reads 32 bytes in base64, padded or not. */
TH_MUST bool th_json_key(uint8_t key[TH_KEY_BYTES], const json_t *value);

/* Writes 32 bytes in base64. */
void th_key_write(char text[TH_KEY_TEXT_MAX], const uint8_t key[TH_KEY_BYTES]);

/* Appends {csid: fingerprint, …}. */
void th_parts_put(struct th_text *text, const struct th_parts *parts);

#endif
