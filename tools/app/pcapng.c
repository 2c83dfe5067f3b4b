#include "tools/app/pcapng.h"

#include <string.h>

enum {
    BLOCK_SECTION = 0x0a0d0d0a,
    BLOCK_INTERFACE = 1,
    BLOCK_STATISTICS = 5,
    BLOCK_PACKET = 6,
    BYTE_ORDER_MAGIC = 0x1a2b3c4d,
    LINK_UPPER_PDU = 252,

    OPTION_END = 0,
    OPTION_COMMENT = 1,
    OPTION_PROGRAM = 4, /* of a section */
    OPTION_NAME = 2,    /* of an interface */
    OPTION_DESCRIPTION = 3,
    OPTION_RESOLUTION = 9,
    OPTION_FLAGS = 2, /* of a packet */
    OPTION_LOST_BEFORE = 4,
    OPTION_RECEIVED = 4, /* of statistics */
    OPTION_LOST = 5,

    FLAG_IN = 1,
    FLAG_OUT = 2,

    TAG_END = 0,
    TAG_DISSECTOR = 12,
    TAG_IPV4_FROM = 20,
    TAG_IPV4_TO = 21,
    TAG_IPV6_FROM = 22,
    TAG_IPV6_TO = 23,
    TAG_PORT_SORT = 24,
    TAG_PORT_FROM = 25,
    TAG_PORT_TO = 26,
    TAG_PROTOCOL = 33,
    PORT_SORT_UDP = 3,

    BLOCK_MAX = TH_PCAPNG_PACKET_MAX + TH_PCAPNG_COMMENT_MAX + 512
};

/* --- a block in the making ------------------------------------------------------------------------ */

struct block {
    size_t len;
    uint8_t bytes[BLOCK_MAX];
};

/* What finds no room is left out; callers keep within the limits. */
static void put(struct block *b, const void *bytes, size_t len)
{
    if (len == 0 || len > sizeof b->bytes - b->len) /* of nothing there may be no address */
        return;
    memcpy(b->bytes + b->len, bytes, len);
    b->len += len;
}

static void put_16(struct block *b, uint32_t n)
{
    uint16_t value = (uint16_t)n;

    put(b, &value, sizeof value);
}

static void put_32(struct block *b, uint32_t value)
{
    put(b, &value, sizeof value);
}

static void pad(struct block *b, size_t len)
{
    put(b, "\0\0\0", (4 - len % 4) % 4);
}

static void put_option(struct block *b, uint32_t code, const void *value, size_t len)
{
    put_16(b, code);
    put_16(b, (uint32_t)len);
    put(b, value, len);
    pad(b, len);
}

static void put_text(struct block *b, uint32_t code, const char *text)
{
    put_option(b, code, text, strnlen(text, TH_PCAPNG_COMMENT_MAX));
}

static void write_block(struct th_pcapng *out, uint32_t type, struct block *b)
{
    uint32_t len = (uint32_t)b->len + 3 * (uint32_t)sizeof len;

    fwrite(&type, sizeof type, 1, out->file);
    fwrite(&len, sizeof len, 1, out->file);
    fwrite(b->bytes, 1, b->len, out->file);
    fwrite(&len, sizeof len, 1, out->file);
    out->bytes += len;
}

/* --- head and end --------------------------------------------------------------------------------- */

void th_pcapng_begin(struct th_pcapng *out, FILE *file, const char *program, const char *interface,
                     const char *description)
{
    struct block section = {0}, link = {0};
    uint64_t unknown_length = UINT64_MAX;
    uint8_t microseconds = 6;

    *out = (struct th_pcapng){.file = file};
    put_32(&section, BYTE_ORDER_MAGIC);
    put_16(&section, 1); /* version 1.0 */
    put_16(&section, 0);
    put(&section, &unknown_length, sizeof unknown_length);
    put_text(&section, OPTION_PROGRAM, program);
    put_option(&section, OPTION_END, NULL, 0);
    write_block(out, BLOCK_SECTION, &section);

    put_16(&link, LINK_UPPER_PDU);
    put_16(&link, 0);
    put_32(&link, TH_PCAPNG_PACKET_MAX);
    put_text(&link, OPTION_NAME, interface);
    put_text(&link, OPTION_DESCRIPTION, description);
    put_option(&link, OPTION_RESOLUTION, &microseconds, 1);
    put_option(&link, OPTION_END, NULL, 0);
    write_block(out, BLOCK_INTERFACE, &link);
}

static void put_time(struct block *b, uint64_t at_us)
{
    put_32(b, (uint32_t)(at_us >> 32));
    put_32(b, (uint32_t)at_us);
}

void th_pcapng_end(struct th_pcapng *out, uint64_t at_us)
{
    struct block b = {0};
    uint64_t received = out->packets + out->lost;

    put_32(&b, 0); /* the interface */
    put_time(&b, at_us);
    put_option(&b, OPTION_RECEIVED, &received, sizeof received);
    put_option(&b, OPTION_LOST, &out->lost, sizeof out->lost);
    put_option(&b, OPTION_END, NULL, 0);
    write_block(out, BLOCK_STATISTICS, &b);
}

/* --- packets -------------------------------------------------------------------------------------- */

/* Tags are in the byte order of the network. */
static void put_tag(struct block *b, unsigned tag, const void *value, size_t len)
{
    size_t padded = (len + 3) / 4 * 4;
    uint8_t head[4] = {(uint8_t)(tag >> 8), (uint8_t)tag, (uint8_t)(padded >> 8), (uint8_t)padded};

    put(b, head, sizeof head);
    put(b, value, len);
    pad(b, len);
}

static void put_number_tag(struct block *b, unsigned tag, uint32_t n)
{
    uint8_t value[4] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};

    put_tag(b, tag, value, sizeof value);
}

static bool is_ip(const struct th_addr *addr)
{
    return addr->family == TH_FAMILY_IPV4 || addr->family == TH_FAMILY_IPV6;
}

static void put_addr(struct block *b, const struct th_addr *addr, bool is_from)
{
    if (!is_ip(addr))
        return;
    if (addr->family == TH_FAMILY_IPV4)
        put_tag(b, is_from ? TAG_IPV4_FROM : TAG_IPV4_TO, addr->ip, 4);
    else
        put_tag(b, is_from ? TAG_IPV6_FROM : TAG_IPV6_TO, addr->ip, 16);
    put_number_tag(b, is_from ? TAG_PORT_FROM : TAG_PORT_TO, addr->port);
}

static void put_tags(struct block *b, const struct th_pcapng_packet *packet)
{
    put_tag(b, TAG_DISSECTOR, "data", 4);
    put_tag(b, TAG_PROTOCOL, "telehash", 8);
    if (is_ip(&packet->from) || is_ip(&packet->to))
        put_number_tag(b, TAG_PORT_SORT, PORT_SORT_UDP);
    put_addr(b, &packet->from, true);
    put_addr(b, &packet->to, false);
    put_tag(b, TAG_END, NULL, 0);
}

void th_pcapng_packet(struct th_pcapng *out, const struct th_pcapng_packet *packet)
{
    struct block tags = {0}, b = {0};
    uint32_t flags = packet->is_in ? FLAG_IN : FLAG_OUT;
    size_t room = TH_PCAPNG_PACKET_MAX - TH_PCAPNG_TAGS_MAX;
    size_t kept = packet->bytes.len < room ? packet->bytes.len : room;

    put_tags(&tags, packet);
    put_32(&b, 0); /* the interface */
    put_time(&b, packet->at_us);
    put_32(&b, (uint32_t)(tags.len + kept));
    put_32(&b, (uint32_t)tags.len + packet->len);
    put(&b, tags.bytes, tags.len);
    if (kept > 0)
        put(&b, packet->bytes.at, kept);
    pad(&b, tags.len + kept);
    put_text(&b, OPTION_COMMENT, packet->comment);
    put_option(&b, OPTION_FLAGS, &flags, sizeof flags);
    if (packet->lost > 0)
        put_option(&b, OPTION_LOST_BEFORE, &packet->lost, sizeof packet->lost);
    put_option(&b, OPTION_END, NULL, 0);
    write_block(out, BLOCK_PACKET, &b);
    out->packets++;
    out->lost += packet->lost;
}
