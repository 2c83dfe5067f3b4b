#include "switch/wire/head.h"

#include "switch/wire/json.h"

#include <string.h>

enum { DEPTH_MAX = 3 }; /* objects within each other, the head not counted; ours have 1 */

/* --- flat ones: each of these takes what it names from the front, or says that it is not there --- */

static bool take(struct th_bytes *text, char c)
{
    if (text->len == 0 || *text->at != (uint8_t)c)
        return false;
    text->at++;
    text->len--;
    return true;
}

static bool is_plain(uint8_t c)
{
    return c >= 0x20 && c < 0x7f && c != '\\';
}

/* Of a quoted text what is inside. */
static bool take_text(struct th_bytes *text, struct th_bytes *inside)
{
    size_t len = 0;

    if (!take(text, '"'))
        return false;
    while (len < text->len && text->at[len] != '"' && is_plain(text->at[len]))
        len++;
    *inside = (struct th_bytes){text->at, len};
    text->at += len;
    text->len -= len;
    return take(text, '"');
}

static bool take_word(struct th_bytes *text, const char *word)
{
    size_t len = strlen(word);

    if (text->len < len || memcmp(text->at, word, len) != 0)
        return false;
    text->at += len;
    text->len -= len;
    return true;
}

static bool take_number(struct th_bytes *text, uint32_t *number)
{
    uint64_t n = 0;
    size_t len = 0;

    while (len < text->len && len < 10 && text->at[len] >= '0' && text->at[len] <= '9')
        n = 10 * n + (uint64_t)(text->at[len++] - '0');
    if (len == 0 || (len > 1 && *text->at == '0') || n > UINT32_MAX)
        return false;
    text->at += len;
    text->len -= len;
    *number = (uint32_t)n;
    return true;
}

static bool take_value(struct th_bytes *text, struct th_value *value, unsigned depth);

/* An object that is part of a head: its members are looked at and not kept. */
static bool take_object(struct th_bytes *text, unsigned depth)
{
    struct th_bytes name;
    struct th_value value;

    if (depth == DEPTH_MAX || !take(text, '{'))
        return false;
    if (take(text, '}'))
        return true;
    do
        if (!take_text(text, &name) || !take(text, ':') || !take_value(text, &value, depth + 1))
            return false;
    while (take(text, ','));
    return take(text, '}');
}

/* An item of a list. */
static bool take_item(struct th_bytes *text, struct th_value *item, unsigned depth)
{
    bool is_object = text->len > 0 && *text->at == '{';

    *item = (struct th_value){.kind = is_object ? TH_VALUE_OTHER : TH_VALUE_TEXT};
    return is_object ? take_object(text, depth) : take_text(text, &item->text);
}

/* A list of texts and objects; inside: what is between its brackets. */
static bool take_list(struct th_bytes *text, struct th_bytes *inside, unsigned depth)
{
    struct th_value item;

    if (!take(text, '['))
        return false;
    inside->at = text->at;
    if (!take(text, ']')) {
        do
            if (!take_item(text, &item, depth))
                return false;
        while (take(text, ','));
        if (!take(text, ']'))
            return false;
    }
    inside->len = (size_t)(text->at - inside->at) - 1;
    return true;
}

/* depth: of the objects that it is within. */
static bool take_value(struct th_bytes *text, struct th_value *value, unsigned depth)
{
    *value = (struct th_value){.kind = TH_VALUE_TEXT};
    switch (text->len > 0 ? *text->at : 0) {
    case '"':
        return take_text(text, &value->text);
    case '[':
        value->kind = TH_VALUE_LIST;
        return take_list(text, &value->text, depth);
    case '{':
        value->kind = TH_VALUE_OTHER;
        return take_object(text, depth);
    case 't':
        value->kind = TH_VALUE_TRUE;
        return take_word(text, "true");
    case 'f':
        value->kind = TH_VALUE_FALSE;
        return take_word(text, "false");
    case 'n':
        value->kind = TH_VALUE_NULL;
        return take_word(text, "null");
    default:
        value->kind = TH_VALUE_NUMBER;
        return take_number(text, &value->number);
    }
}

/* False when it is not flat, or no JSON at all. What follows a number must be a comma or the end, so a
 * fraction or an exponent is not taken for one. */
static bool read_flat(struct th_head *head, struct th_bytes text)
{
    head->count = 0;
    if (!take(&text, '{'))
        return false;
    if (take(&text, '}'))
        return text.len == 0;
    do {
        struct th_head_member *member = &head->member[head->count];
        if (head->count == TH_HEAD_FLAT_MAX || !take_text(&text, &member->name) ||
            !take(&text, ':') || !take_value(&text, &member->value, 0))
            return false;
        head->count++;
    } while (take(&text, ','));
    return take(&text, '}') && text.len == 0;
}

/* --- others --- */

static struct th_value value_of(const json_t *json)
{
    struct th_value value = {.kind = TH_VALUE_OTHER};

    if (json == NULL) {
        value.kind = TH_VALUE_NONE;
    } else if (json_is_string(json)) {
        value.kind = TH_VALUE_TEXT;
        value.text =
            (struct th_bytes){(const uint8_t *)json_string_value(json), json_string_length(json)};
    } else if (th_json_u32(&value.number, json)) {
        value.kind = TH_VALUE_NUMBER;
    } else if (json_is_true(json)) {
        value.kind = TH_VALUE_TRUE;
    } else if (json_is_false(json)) {
        value.kind = TH_VALUE_FALSE;
    } else if (json_is_null(json)) {
        value.kind = TH_VALUE_NULL;
    } else if (json_is_array(json)) {
        value.kind = TH_VALUE_LIST;
        value.list = json;
    }
    return value;
}

/* --- either --- */

bool th_head_read(struct th_head *head, struct th_bytes text)
{
    head->json = NULL;
    if (read_flat(head, text))
        return true;
    head->json = th_json_read(text, NULL);
    return head->json != NULL;
}

bool th_head_is_object(const struct th_head *head)
{
    return head->json == NULL || json_is_object(head->json);
}

struct th_value th_head_get(const struct th_head *head, const char *name)
{
    size_t len = strlen(name);

    if (head->json)
        return value_of(json_object_get(head->json, name));
    for (unsigned i = head->count; i-- > 0;)
        if (head->member[i].name.len == len && memcmp(head->member[i].name.at, name, len) == 0)
            return head->member[i].value;
    return (struct th_value){.kind = TH_VALUE_NONE};
}

bool th_value_next(struct th_value *list, struct th_value *item)
{
    if (list->kind != TH_VALUE_LIST)
        return false;
    if (list->list) {
        *item = value_of(json_array_get(list->list, list->taken++));
        return item->kind != TH_VALUE_NONE;
    }
    bool is_there =
        take_item(&list->text, item, 0); /* it was read once, so it is there or all are taken */
    (void)take(&list->text, ',');
    return is_there;
}

bool th_value_is_text(const struct th_value *value)
{
    return value->kind == TH_VALUE_TEXT &&
           (value->text.len == 0 || memchr(value->text.at, 0, value->text.len) == NULL);
}

void th_head_clear(struct th_head *head)
{
    json_decref(head->json);
    head->json = NULL;
}
