#include "tools/sim/tell.h"

#include "dialer/dialer.h"
#include "router/router.h"
#include "switch/events.h"
#include "switch/switch.h"

#include <inttypes.h>

enum { WORDS_MAX = 640, QUOTED_MAX = 200 };

/* What is said of one message: "" nothing. */
struct words {
    char text[WORDS_MAX];
};

/* JSON of other nodes, as much as a line bears, without what would break it. */
struct quoted {
    char text[QUOTED_MAX + 8];
};

static struct quoted quote(struct th_bytes json)
{
    struct quoted quoted = {""};
    size_t len = json.len < QUOTED_MAX ? json.len : QUOTED_MAX;

    for (size_t i = 0; i < len; i++) {
        char c = (char)json.at[i];
        quoted.text[i] = c >= ' ' && c < 0x7f ? c : '?';
    }
    snprintf(quoted.text + len, sizeof quoted.text - len, "%s", json.len > len ? " ..." : "");
    return quoted;
}

static const char *short_of(char hex[9], const struct th_hashname *id)
{
    snprintf(hex, 9, "%.8s", th_hashname_short(id).hex);
    return hex;
}

/* --- what the switch is to do --- */

static void say_channel(struct words *words, const struct th_switch_channel *channel)
{
    char to[9];

    snprintf(words->text, sizeof words->text, "is to open a %s channel to %s: %s",
             th_channel_type_name(channel->type), short_of(to, &channel->to),
             quote((struct th_bytes){channel->bytes, channel->fields_len}).text);
}

static void say_send(struct words *words, const struct th_switch_send *send)
{
    char to[9];
    struct quoted fields = quote((struct th_bytes){send->bytes, send->fields_len});

    snprintf(
        words->text, sizeof words->text, "is to send on %s channel %" PRIu32 " to %s: %s%s%s%s",
        send->is_ours ? "our" : "their", send->c, short_of(to, &send->to), fields.text,
        send->end ? " end" : "", send->err[0] ? " err " : "", quote(th_bytes_of(send->err)).text);
}

static void say_open(struct words *words, const struct th_switch_open *open)
{
    char to[9];

    snprintf(words->text, sizeof words->text, "is to open a line to %s", short_of(to, &open->id));
}

/* --- what is heard --- */

static void say_packet(struct words *words, const struct th_ev_packet *packet, bool is_first)
{
    char from[9];

    snprintf(words->text, sizeof words->text, "hears %s on %s%schannel %" PRIu32 " from %s: %s",
             packet->type_name[0] ? packet->type_name : th_channel_type_name(packet->type),
             packet->is_ours ? "our " : "their ", is_first ? "new " : "", packet->c,
             short_of(from, &packet->from), quote(packet->head).text);
}

static void say_ended(struct words *words, const struct th_ev_ended *ended)
{
    char from[9];

    snprintf(words->text, sizeof words->text,
             "is told that %s %s channel %" PRIu32 " with %s ended: %s",
             ended->is_ours ? "our" : "their", th_channel_type_name(ended->type), ended->c,
             short_of(from, &ended->from), th_strerror(ended->why));
}

static void say_event(struct words *words, const struct th_event *event)
{
    if (event->kind == TH_EV_OPENED || event->kind == TH_EV_PACKET)
        say_packet(words, th_ev_packet_of(event), event->kind == TH_EV_OPENED);
    else if (event->kind == TH_EV_ENDED)
        say_ended(words, th_ev_ended_of(event));
}

/* --- what is looked for --- */

static void say_dial(struct words *words, const struct th_dial *dial)
{
    char target[9], via[9];
    bool has_via = dial->hint_count > 0 && dial->hint[0].has_via;

    snprintf(words->text, sizeof words->text, "is to %s %s%s%s",
             dial->mode == TH_DIAL_REACH ? "reach" : "find the nodes nearest to",
             short_of(target, &dial->target), has_via ? ", of whom told " : "",
             has_via ? short_of(via, &dial->hint[0].via) : "");
}

static void say_dialed(struct words *words, const struct th_dialed *dialed)
{
    char target[9];

    snprintf(words->text, sizeof words->text,
             "is told of %s: %s; %u asked, %u hops, %" PRIu64 " ms, %u tries of an introduction",
             short_of(target, &dialed->target),
             dialed->result == TH_OK ? "found" : th_strerror(dialed->result), dialed->asked,
             dialed->hops, dialed->took_ms, dialed->way_count);
}

static void say_link(struct words *words, const struct th_hashname *id)
{
    char to[9];

    snprintf(words->text, sizeof words->text, "is to link with %s", short_of(to, id));
}

void th_sim_tell_given(struct th_world_node *node, const struct th_host_sim_given *given)
{
    struct th_sim_trace *trace = &node->world->trace;
    const struct th_msg *msg = given->msg;
    struct words words = {""};

    if (trace->out == NULL || msg == NULL || msg->kind == NULL || msg->body == NULL)
        return;
    if (msg->kind == &th_event_msg)
        say_event(&words, th_event_of(msg));
    else if (msg->kind == &th_switch_msg_channel)
        say_channel(&words, msg->body);
    else if (msg->kind == &th_switch_msg_send)
        say_send(&words, msg->body);
    else if (msg->kind == &th_switch_msg_open)
        say_open(&words, msg->body);
    else if (msg->kind == &th_dialer_msg_dial)
        say_dial(&words, msg->body);
    else if (msg->kind == &th_dialer_msg_dialed)
        say_dialed(&words, msg->body);
    else if (msg->kind == &th_router_msg_link)
        say_link(&words, msg->body);
    if (words.text[0])
        th_sim_trace_print(trace, node->world->now, node->index, "%s %s", given->name, words.text);
}
