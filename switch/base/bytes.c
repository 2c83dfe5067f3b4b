#include "switch/base/bytes.h"

#include <string.h>

struct th_bytes th_bytes_of(const char *text)
{
    return (struct th_bytes){(const uint8_t *)text, strlen(text)};
}

bool th_bytes_are_equal(struct th_bytes a, struct th_bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

void th_hex_write(char *hex, const uint8_t *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < len; i++) {
        hex[2 * i] = digits[bytes[i] >> 4];
        hex[2 * i + 1] = digits[bytes[i] & 15];
    }
    hex[2 * len] = 0;
}

/* The value of a digit and 1; 0 for any other character. A table, for who seeks reads hundreds of digits in
 * each answer. */
static const uint8_t digit_and_1[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16};

int th_hex_digit(char c)
{
    return digit_and_1[(uint8_t)c] - 1;
}

bool th_hex_read(uint8_t *bytes, size_t len, const char *hex, size_t hex_len)
{
    if (hex_len % 2 != 0 || hex_len / 2 != len)
        return false;
    for (size_t i = 0; i < hex_len; i++)
        if (th_hex_digit(hex[i]) < 0)
            return false;

    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(th_hex_digit(hex[2 * i]) << 4 | th_hex_digit(hex[2 * i + 1]));
    return true;
}
