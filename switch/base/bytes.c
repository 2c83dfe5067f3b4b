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

int th_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
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
