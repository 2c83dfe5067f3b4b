#include "switch/wire/relpkt.h"

#include "switch/wire/json.h"

#include <string.h>

enum { NUMBERS_MAX = TH_MISS_MAX > 2 * TH_GOT_MAX ? TH_MISS_MAX : 2 * TH_GOT_MAX };

/* lists */

/* The base that both lists count from: the first number that was not acknowledged. */
static uint64_t next_of(const struct th_relpkt *packet)
{
    return packet->has_ack ? (uint64_t)packet->ack + 1 : 0;
}

/* Keeps those that ascend beyond the ack; others cannot be. */
static void take_miss(struct th_relpkt *out, const uint32_t *numbers, unsigned count)
{
    uint64_t next = next_of(out);

    for (unsigned i = 0; i < count && out->miss_count < TH_MISS_MAX; i++) {
        if (numbers[i] < next)
            continue;
        out->miss[out->miss_count++] = numbers[i];
        next = (uint64_t)numbers[i] + 1;
    }
}

static void take_got(struct th_relpkt *out, const uint32_t *numbers, unsigned count)
{
    uint64_t at = next_of(out);

    for (unsigned i = 0; i + 1 < count && out->got_count < TH_GOT_MAX; i += 2) {
        uint64_t first = at + numbers[i], last = first + numbers[i + 1];
        if (last > UINT32_MAX || numbers[i] == 0 || (i > 0 && numbers[i] < 2))
            return;
        out->got[out->got_count++] = (struct th_run){(uint32_t)first, (uint32_t)last};
        at = last;
    }
}

/* reading by hand */

struct cursor {
    const char *at, *end;
};

static bool take(struct cursor *in, char c)
{
    if (in->at == in->end || *in->at != c)
        return false;
    in->at++;
    return true;
}

static bool take_word(struct cursor *in, const char *word)
{
    size_t len = strlen(word);

    if ((size_t)(in->end - in->at) < len || memcmp(in->at, word, len) != 0)
        return false;
    in->at += len;
    return true;
}

/* As JSON writes them: no sign, no fraction, no zero in front. */
static bool take_number(struct cursor *in, uint32_t *out)
{
    const char *begin = in->at;
    uint64_t value = 0;

    while (in->at < in->end && *in->at >= '0' && *in->at <= '9' && value <= UINT32_MAX)
        value = 10 * value + (uint64_t)(*in->at++ - '0');
    if (in->at == begin || value > UINT32_MAX || (*begin == '0' && in->at - begin > 1))
        return false;
    *out = (uint32_t)value;
    return true;
}

/* A string of printable ASCII without escapes that fits. */
static bool take_string(struct cursor *in, char *out, size_t cap)
{
    size_t len = 0;

    if (!take(in, '"'))
        return false;
    while (in->at < in->end && *in->at != '"') {
        if (*in->at < 0x20 || *in->at > 0x7e || *in->at == '\\' || len + 1 >= cap)
            return false;
        out[len++] = *in->at++;
    }
    out[len] = 0;
    return take(in, '"');
}

static bool take_numbers(struct cursor *in, uint32_t *numbers, unsigned *count)
{
    *count = 0;
    if (!take(in, '['))
        return false;
    if (take(in, ']'))
        return true;
    do {
        if (*count == NUMBERS_MAX || !take_number(in, &numbers[(*count)++]))
            return false;
    } while (take(in, ','));
    return take(in, ']');
}

/* The lists count from the ack, which may come after them; `of` means nothing without `at`. */
struct lists {
    bool has_at;
    unsigned miss_count, got_count;
    uint32_t miss[NUMBERS_MAX], got[NUMBERS_MAX];
};

static bool take_member(struct cursor *in, struct th_relpkt *out, struct lists *lists)
{
    char key[8];

    if (!take_string(in, key, sizeof key) || !take(in, ':'))
        return false;
    if (strcmp(key, "c") == 0)
        return take_number(in, &out->c);
    if (strcmp(key, "seq") == 0)
        return out->has_seq = take_number(in, &out->seq);
    if (strcmp(key, "ack") == 0)
        return out->has_ack = take_number(in, &out->ack);
    if (strcmp(key, "max") == 0)
        return out->has_max = take_number(in, &out->max);
    if (strcmp(key, "end") == 0)
        return out->end = take_word(in, "true");
    if (strcmp(key, "type") == 0)
        return take_string(in, out->type, sizeof out->type);
    if (strcmp(key, "err") == 0)
        return take_string(in, out->err, sizeof out->err);
    if (strcmp(key, "at") == 0)
        return lists->has_at = take_number(in, &out->at);
    if (strcmp(key, "of") == 0)
        return take_number(in, &out->of);
    if (strcmp(key, "parts") == 0)
        return out->takes_parts = take_word(in, "1");
    if (strcmp(key, "more") == 0)
        return out->has_more = take_word(in, "1");
    if (strcmp(key, "miss") == 0)
        return take_numbers(in, lists->miss, &lists->miss_count);
    if (strcmp(key, "got") == 0)
        return take_numbers(in, lists->got, &lists->got_count);
    return false;
}

static void begin(struct th_relpkt *out)
{
    /* All but the lists, which are long and counted. */
    memset(out, 0, offsetof(struct th_relpkt, miss));
    out->body = (struct th_bytes){0};
}

/* Without both numbers it is no part: they may be keys of another implementation. Returns false for a
 * part that does not lie within its whole. */
static bool settle_part(struct th_relpkt *packet, bool has_both)
{
    if (!has_both || packet->of == 0)
        packet->at = packet->of = 0;
    return packet->of == 0 || (uint64_t)packet->at + packet->body.len <= packet->of;
}

bool th_relpkt_read_usual(struct th_relpkt *out, struct th_bytes plain)
{
    struct th_packet packet;
    struct lists lists;

    if (th_packet_split(&packet, plain) != TH_DROP_NONE || packet.kind != TH_PACKET_JSON)
        return false;
    struct cursor in = {(const char *)packet.head.at,
                        (const char *)packet.head.at + packet.head.len};
    begin(out);
    lists.has_at = false;
    lists.miss_count = lists.got_count = 0;
    if (!take(&in, '{'))
        return false;
    do {
        if (!take_member(&in, out, &lists))
            return false;
    } while (take(&in, ','));
    if (!take(&in, '}') || in.at != in.end || out->c == 0)
        return false;
    take_miss(out, lists.miss, lists.miss_count);
    take_got(out, lists.got, lists.got_count);
    out->body = packet.body;
    return settle_part(out, lists.has_at);
}

/* reading anything */

static unsigned read_numbers(const json_t *list, uint32_t numbers[NUMBERS_MAX])
{
    unsigned count = 0;

    for (size_t i = 0; i < json_array_size(list) && count < NUMBERS_MAX; i++)
        if (!th_json_u32(&numbers[count++], json_array_get(list, i)))
            return 0;
    return count;
}

static bool is_one(const json_t *value)
{
    return json_is_integer(value) && json_integer_value(value) == 1;
}

enum th_drop th_relpkt_read_any(struct th_relpkt *out, struct th_bytes plain)
{
    struct th_chanpkt packet;
    uint32_t numbers[NUMBERS_MAX];
    enum th_drop why = th_chanpkt_read(&packet, plain);
    json_t *head = why == TH_DROP_NONE ? th_json_read_object(packet.head, NULL) : NULL;

    if (head == NULL)
        return why == TH_DROP_NONE ? TH_DROP_PACKET_JSON : why;
    const json_t *max = json_object_get(head, "max");
    uint32_t max_value = 0, at = 0, of = 0;
    bool is_part = th_json_u32(&at, json_object_get(head, "at")) &&
                   th_json_u32(&of, json_object_get(head, "of"));
    begin(out);
    out->at = at;
    out->of = of;
    out->body = packet.body;
    if ((max && !th_json_u32(&max_value, max)) || !settle_part(out, is_part)) {
        json_decref(head);
        return TH_DROP_CHANNEL_HEAD;
    }
    out->c = packet.c;
    out->has_seq = packet.has_seq;
    out->seq = packet.seq;
    out->has_ack = packet.has_ack;
    out->ack = packet.ack;
    out->takes_parts = is_one(json_object_get(head, "parts"));
    out->has_more = is_one(json_object_get(head, "more"));
    out->has_max = max != NULL;
    out->max = max_value;
    out->end = packet.end;
    memcpy(out->type, packet.type, sizeof out->type);
    memcpy(out->err, packet.err, sizeof out->err);
    take_miss(out, numbers, read_numbers(json_object_get(head, "miss"), numbers));
    take_got(out, numbers, read_numbers(json_object_get(head, "got"), numbers));
    json_decref(head);
    return TH_DROP_NONE;
}

enum th_drop th_relpkt_read(struct th_relpkt *out, struct th_bytes plain)
{
    struct th_relpkt read;

    if (th_relpkt_read_usual(out, plain))
        return TH_DROP_NONE;
    enum th_drop why = th_relpkt_read_any(&read, plain);
    if (why == TH_DROP_NONE)
        *out = read;
    return why;
}

/* writing */

struct pen {
    char *at, *end; /* at: NULL once something did not fit */
};

static void put(struct pen *pen, const char *text)
{
    size_t len = strlen(text);

    if (pen->at == NULL || (size_t)(pen->end - pen->at) < len) {
        pen->at = NULL;
        return;
    }
    memcpy(pen->at, text, len);
    pen->at += len;
}

static void put_number(struct pen *pen, const char *before, uint32_t value)
{
    char digits[12];
    char *at = digits + sizeof digits - 1;

    *at = 0;
    do
        *--at = (char)('0' + value % 10);
    while ((value /= 10) != 0);
    put(pen, before);
    put(pen, at);
}

static void put_text(struct pen *pen, const char *before, const char *value)
{
    char quoted[8 * TH_CHANNEL_ERR_MAX];
    struct th_text text = th_text_in(quoted, sizeof quoted);

    if (value[0] == 0)
        return;
    th_text_put_json(&text, value);
    put(pen, before);
    put(pen, quoted);
}

static void put_lists(struct pen *pen, const struct th_relpkt *packet)
{
    for (unsigned i = 0; i < packet->miss_count; i++)
        put_number(pen, i == 0 ? ",\"miss\":[" : ",", packet->miss[i]);
    put(pen, packet->miss_count > 0 ? "]" : "");
    uint32_t at = (uint32_t)next_of(packet);
    for (unsigned i = 0; i < packet->got_count; i++) {
        put_number(pen, i == 0 ? ",\"got\":[" : ",", packet->got[i].first - at);
        put_number(pen, ",", packet->got[i].last - packet->got[i].first);
        at = packet->got[i].last;
    }
    put(pen, packet->got_count > 0 ? "]" : "");
}

enum th_err th_relpkt_write(uint8_t *out, size_t cap, size_t *len, const struct th_relpkt *packet)
{
    enum { LENGTH_BYTES = 2 };

    if (cap < LENGTH_BYTES)
        return TH_TOO_BIG;
    char *head = (char *)out + LENGTH_BYTES;
    struct pen pen = {head, (char *)out + cap};

    put_number(&pen, "{\"c\":", packet->c);
    put_text(&pen, ",\"type\":", packet->type);
    if (packet->has_seq)
        put_number(&pen, ",\"seq\":", packet->seq);
    if (packet->has_ack)
        put_number(&pen, ",\"ack\":", packet->ack);
    if (packet->has_max)
        put_number(&pen, ",\"max\":", packet->max);
    if (packet->of > 0) {
        put_number(&pen, ",\"at\":", packet->at);
        put_number(&pen, ",\"of\":", packet->of);
    }
    put(&pen, packet->takes_parts ? ",\"parts\":1" : "");
    put(&pen, packet->has_more ? ",\"more\":1" : "");
    put_lists(&pen, packet);
    put_text(&pen, ",\"err\":", packet->err);
    put(&pen, packet->end ? ",\"end\":true}" : "}");
    if (pen.at == NULL || (size_t)(pen.end - pen.at) < packet->body.len)
        return TH_TOO_BIG;

    size_t head_len = (size_t)(pen.at - head);
    if (head_len > UINT16_MAX)
        return TH_TOO_BIG;
    out[0] = (uint8_t)(head_len >> 8);
    out[1] = (uint8_t)head_len;
    if (packet->body.len > 0)
        memcpy(pen.at, packet->body.at, packet->body.len);
    *len = LENGTH_BYTES + head_len + packet->body.len;
    return TH_OK;
}
