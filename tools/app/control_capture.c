/*
 * The method capture.start: a stream of the packets of our lines and opens, decrypted, for who may see
 * them. The switch puts them into a ring (switch/core/tap.h) while there is a capture; it is read here
 * now and then, and each packet is offered to every capture. A slow client loses packets, which are
 * counted and told to it.
 */
#include "tools/app/control_job.h"

#include <sodium.h>
#include <time.h>

enum {
    CAPTURE_OUTPUT_MAX =
        1 << 20, /* that may wait for a slow reader: some 500 packets of full size */
    BATCH = 2048 /* packets before others have their turn */
};

uint64_t th_wall_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* --- one packet ----------------------------------------------------------------------------------- */

static const char *kind_of(const struct th_tapped *packet)
{
    if (packet->is_open)
        return "open";
    return packet->is_first ? "opened" : "packet";
}

static json_t *line_text(const struct th_line_id *line)
{
    char hex[2 * TH_LINE_ID_BYTES + 1];

    th_hex_write(hex, line->b, sizeof line->b);
    return json_string(hex);
}

static json_t *base64(const uint8_t *bytes, size_t len)
{
    char text[sodium_base64_ENCODED_LEN(TH_TAP_BYTES_MAX, sodium_base64_VARIANT_ORIGINAL)];

    sodium_bin2base64(text, sizeof text, bytes, len, sodium_base64_VARIANT_ORIGINAL);
    return json_string(text);
}

static json_t *packet_json(const struct th_tapped *packet)
{
    bool has_addr = packet->addr.family == TH_FAMILY_IPV4 || packet->addr.family == TH_FAMILY_IPV6;
    bool has_channel = packet->c != 0;
    json_t *row = json_object();

    th_json_put(row, "at_us", json_integer((json_int_t)packet->at_us));
    th_json_put(row, "direction", json_string(packet->is_in ? "in" : "out"));
    th_json_put(row, "kind", json_string(kind_of(packet)));
    th_json_put(row, "hashname", th_json_hex(&packet->peer));
    th_json_put(row, "line", line_text(&packet->line));
    th_json_put(row, "path", th_json_addr(has_addr, &packet->addr));
    th_json_put(row, "relay", json_boolean(packet->addr.family == TH_FAMILY_RELAY));
    th_json_put(row, "c", th_json_number(has_channel, packet->c));
    th_json_put(row, "type", packet->type[0] ? json_string(packet->type) : json_null());
    th_json_put(row, "opened_by",
                has_channel ? json_string(packet->is_ours ? "us" : "them") : json_null());
    th_json_put(row, "end", json_boolean(packet->is_last));
    th_json_put(row, "bytes", json_integer(packet->len));
    return row;
}

/* The head, for filters that look into it; NULL when it is no object. */
static json_t *head_of(const struct th_tapped *packet, const uint8_t *bytes)
{
    struct th_chanpkt read;

    if (th_chanpkt_read(&read, (struct th_bytes){bytes, packet->len}) != TH_DROP_NONE)
        return NULL;
    return json_loadb((const char *)read.head.at, read.head.len, 0, NULL);
}

/* --- the captures --------------------------------------------------------------------------------- */

static bool is_capture(const struct th_stream *stream)
{
    return stream->sort == TH_STREAM_CAPTURE && stream->is_live;
}

static bool has_room(const struct th_control *c, const struct th_stream *stream)
{
    return th_control_waiting(c, stream->client) < CAPTURE_OUTPUT_MAX;
}

static void offer(struct th_control *c, struct th_stream *stream, const struct th_tapped *packet,
                  const uint8_t *bytes)
{
    if (!has_room(c, stream)) {
        stream->lost++;
        return;
    }
    size_t kept = packet->len < stream->snap ? packet->len : stream->snap;
    json_t *row = packet_json(packet);

    th_json_put(row, "data", base64(bytes, kept));
    th_stream_tell_lost(c, stream, "capture.event");
    th_stream_put(c, stream, "capture.event", row);
    json_decref(row);
}

static void offer_all(struct th_control *c, const struct th_tapped *packet, const uint8_t *bytes)
{
    struct th_packet_look look = {.peer = &packet->peer, .is_open = packet->is_open};
    bool has_head = false;

    look.kind = packet->is_first ? TH_EV_OPENED : TH_EV_PACKET;
    look.topic = th_topic(th_channel_type_of(packet->type), packet->is_ours);
    for (struct th_stream *s = c->streams.first; s; s = s->next) {
        if (!is_capture(s))
            continue;
        if (!has_head && th_filter_needs_head(&s->filter)) {
            look.head = head_of(packet, bytes);
            has_head = true;
        }
        if (th_filter_fits_packet(&s->filter, &look))
            offer(c, s, packet, bytes);
    }
    json_decref((json_t *)look.head);
}

static void add_lost(struct th_control *c, uint64_t lost)
{
    for (struct th_stream *s = c->streams.first; lost && s; s = s->next)
        s->lost += is_capture(s) ? lost : 0;
}

void th_stream_read_tap(struct th_control *c, const struct th_self *self)
{
    uint8_t bytes[TH_TAP_BYTES_MAX];
    struct th_tapped packet;
    uint64_t lost;
    unsigned count = 0;

    while (count < BATCH && th_tap_read(c->config->tap, &packet, bytes, &lost)) {
        add_lost(c, lost);
        offer_all(c, &packet, bytes);
        count++;
    }
    if (count < BATCH)
        add_lost(c, lost);
    for (struct th_stream *s = c->streams.first; s; s = s->next) {
        if (!is_capture(s))
            continue;
        if (has_room(c, s))
            th_stream_tell_lost(c, s, "capture.event");
        th_control_flush(c, s->client);
    }
    sodium_memzero(bytes, sizeof bytes);
    c->streams.tap_at = self->now.mono + (count < BATCH ? TH_STREAM_TAP_MS : 0);
}

void th_stream_end_capture(struct th_control *c)
{
    if (--c->streams.captures > 0)
        return;
    c->streams.tap_at = TH_NEVER;
    th_tap_stop(c->config->tap);
}

static bool is_allowed(struct th_control *c, const struct th_self *self, struct th_job *job)
{
    if (c->config->tap == NULL)
        th_job_fail(c, self, job, TH_RPC_PERMISSION,
                    "the configuration does not allow captures: start telehashd with --capture "
                    "allow",
                    NULL);
    else if (c->streams.captures == TH_CAPTURES_MAX)
        th_job_fail(c, self, job, TH_RPC_BUSY, "4 captures are running already",
                    json_pack("{s:i}", "captures_max", TH_CAPTURES_MAX));
    else
        return true;
    return false;
}

void th_stream_capture(struct th_control *c, const struct th_self *self, struct th_job *job)
{
    struct th_filter filter;
    char say[TH_SAY_MAX] = "\"snap\" is no number 1 to 2048";
    uint64_t snap;

    if (!is_allowed(c, self, job))
        return;
    if (!th_param_number(&snap, job->request.params, "snap", 1, TH_TAP_BYTES_MAX,
                         TH_TAP_BYTES_MAX) ||
        !th_filter_read(&filter, job->request.params, say)) {
        th_job_fail(c, self, job, TH_RPC_PARAMS, say, NULL);
        return;
    }
    if ((filter.kinds & (TH_EV_OPENED | TH_EV_PACKET)) == 0) {
        th_filter_clear(&filter);
        th_job_fail(c, self, job, TH_RPC_PARAMS,
                    "a capture has packets: the kinds opened and packet, no other", NULL);
        return;
    }
    struct th_stream *stream = th_stream_new(c, self, job, TH_STREAM_CAPTURE);
    if (stream == NULL) {
        th_filter_clear(&filter);
        return;
    }
    stream->filter = filter;
    stream->snap = (size_t)snap;
    if (c->streams.captures == 0 && th_tap_start(c->config->tap) != TH_OK) {
        th_stream_free(c, stream);
        th_job_fail(c, self, job, TH_RPC_BUSY, "out of memory", NULL);
        return;
    }
    stream->is_live = true;
    if (c->streams.captures++ == 0)
        c->streams.tap_at = self->now.mono + TH_STREAM_TAP_MS;
    TH_LOG(self->log, INFO, "control", "capture begun captures=%u", c->streams.captures);
    th_job_answer(c, self, job, json_pack("{s:I}", "id", (json_int_t)stream->id));
}
