#include "switch/wire/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct th_text th_text_in(char *buffer, size_t cap)
{
    TH_CHECK(cap > 0);
    buffer[0] = 0;
    return (struct th_text){.at = buffer, .cap = cap};
}

void th_text_put(struct th_text *text, const char *format, ...)
{
    va_list args;

    if (text->is_cut)
        return;

    size_t room = text->cap - text->len;
    va_start(args, format);
    int wanted = vsnprintf(text->at + text->len, room, format, args);
    va_end(args);

    if (wanted < 0 || (size_t)wanted >= room) {
        text->at[text->len] = 0;
        text->is_cut = true;
        return;
    }
    text->len += (size_t)wanted;
}

void th_text_add(struct th_text *text, const char *at, size_t len)
{
    if (text->is_cut)
        return;
    if (len >= text->cap - text->len) {
        text->is_cut = true;
        return;
    }
    if (len > 0)
        memcpy(text->at + text->len, at, len);
    text->len += len;
    text->at[text->len] = 0;
}

/* How many characters from here on stand for themselves. */
static size_t plain_len(const char *value)
{
    size_t len = 0;

    while ((unsigned char)value[len] >= 0x20 && value[len] != '"' && value[len] != '\\')
        len++;
    return len;
}

void th_text_put_json(struct th_text *text, const char *value)
{
    struct th_text before = *text;

    th_text_add(text, "\"", 1);
    while (*value != 0) {
        size_t len = plain_len(value);
        th_text_add(text, value, len);
        value += len;
        if (*value == '"' || *value == '\\')
            th_text_put(text, "\\%c", *value++);
        else if (*value != 0)
            th_text_put(text, "\\u%04x", (unsigned)*value++);
    }
    th_text_add(text, "\"", 1);

    if (text->is_cut) {
        *text = before;
        text->at[text->len] = 0;
        text->is_cut = true;
    }
}

struct th_bytes th_text_bytes(const struct th_text *text)
{
    return (struct th_bytes){(const uint8_t *)text->at, text->len};
}
