#include "tools/app/utf8.h"

#include <stddef.h>

/* What a character that begins so is made of, and what its second byte may be: RFC 3629, section 4. */
struct form {
    size_t len; /* 0: none begins so */
    unsigned char low, high;
};

static struct form form_of(unsigned char first)
{
    if (first < 0x80)
        return (struct form){1, 0, 0};
    if (first < 0xc2 || first > 0xf4)
        return (struct form){0, 0, 0};
    if (first < 0xe0)
        return (struct form){2, 0x80, 0xbf};
    if (first < 0xf0)
        return (struct form){3, first == 0xe0 ? 0xa0 : 0x80, first == 0xed ? 0x9f : 0xbf};
    return (struct form){4, first == 0xf0 ? 0x90 : 0x80, first == 0xf4 ? 0x8f : 0xbf};
}

/* How many of the bytes here are those of one character; *is_whole: all of it. */
static size_t run_of(const char *text, bool *is_whole)
{
    struct form form = form_of((unsigned char)text[0]);
    size_t len = form.len > 0;

    while (len > 0 && len < form.len) {
        unsigned char next = (unsigned char)text[len];
        unsigned char low = len == 1 ? form.low : 0x80, high = len == 1 ? form.high : 0xbf;

        if (next < low || next > high)
            break;
        len++;
    }
    *is_whole = len > 0 && len == form.len;
    return len;
}

void th_utf8_mend(char *text, bool is_cut)
{
    while (*text) {
        bool is_whole;
        size_t len = run_of(text, &is_whole);

        if (is_whole) {
            text += len;
        } else if (is_cut && len > 0 && text[len] == '\0') {
            *text = '\0';
        } else {
            *text++ = '?';
        }
    }
}
