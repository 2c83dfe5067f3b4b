/*
 * head.h - the head of a packet, member by member. Private to switch/wire.
 *
 * Nearly every head is flat: names and texts of printable ASCII without a backslash, numbers of 32 bits,
 * true, false, null, objects of such, lists of texts and objects, and no white space. Such a head is read
 * where it stands; of an object in it nothing more than that it is one.
 * Anything else is left to jansson, whose tree costs ten times as much; what is read is the same
 * (prop/wire_head compares them). Of duplicate names the last one wins, as in JSON.parse.
 *
 *     struct th_head head;
 *     if (!th_head_read(&head, text))
 *         return TH_DROP_PACKET_JSON;
 *     bool is_seed = th_head_get(&head, "seed").kind == TH_VALUE_TRUE;
 *     th_head_clear(&head);
 *
 * Floor:  1 (wire).
 * Thread: any.
 */
#ifndef TH_WIRE_HEAD_H
#define TH_WIRE_HEAD_H

#include "switch/base/bytes.h"

#include <jansson.h>

enum { TH_HEAD_FLAT_MAX = 8 }; /* members; ours have 5 at most */

enum th_value_kind {
    TH_VALUE_NONE, /* there is no such member */
    TH_VALUE_TEXT,
    TH_VALUE_NUMBER, /* an integer 0..2^32-1 */
    TH_VALUE_TRUE,
    TH_VALUE_FALSE,
    TH_VALUE_NULL,
    TH_VALUE_LIST,
    TH_VALUE_OTHER /* an object, another number */
};

struct th_value {
    enum th_value_kind kind;
    uint32_t number;
    struct th_bytes text; /* TEXT: UTF-8, without quotes and escapes; may hold a 0.
                             LIST of a flat head: what was not taken of it yet */
    const json_t *list;   /* LIST of another */
    size_t taken;         /* … of which so many were taken */
};

struct th_head_member {
    struct th_bytes name;
    struct th_value value;
};

struct th_head {
    json_t *json; /* NULL: it is flat */
    unsigned count;
    struct th_head_member member[TH_HEAD_FLAT_MAX]; /* borrow from the text */
};

/* Reads one. False when it is no JSON object or array; nothing is to be cleared then.
 * text  borrowed until th_head_clear. */
TH_MUST bool th_head_read(struct th_head *head, struct th_bytes text);

/* False for an array. */
bool th_head_is_object(const struct th_head *head);

/* A member; valid until th_head_clear. */
struct th_value th_head_get(const struct th_head *head, const char *name);

/* Takes the next item of a list; false when there is none, or it is no list. */
bool th_value_next(struct th_value *list, struct th_value *item);

/* True for a text without a 0 in it. */
bool th_value_is_text(const struct th_value *value);

void th_head_clear(struct th_head *head);

#endif
