#include "switch/core/channel.h"

#include "switch/base/mem.h"

#include <string.h>

static const struct {
    const char *name;
    th_ms silence_ms;
} types[TH_CHANNEL_TYPES] = {
    [TH_CHANNEL_SEEK] = {"seek", 3000},        [TH_CHANNEL_LINK] = {"link", 60000},
    [TH_CHANNEL_PATH] = {"path", 10000},       [TH_CHANNEL_PEER] = {"peer", 30000},
    [TH_CHANNEL_CONNECT] = {"connect", 30000}, [TH_CHANNEL_BRIDGE] = {"bridge", 10000},
    [TH_CHANNEL_OTHER] = {"other", 10000},
};

enum th_channel_type th_channel_type_of(const char *name)
{
    for (unsigned i = 0; i < TH_CHANNEL_OTHER; i++)
        if (strcmp(types[i].name, name) == 0)
            return (enum th_channel_type)i;
    return TH_CHANNEL_OTHER;
}

const char *th_channel_type_name(enum th_channel_type type)
{
    TH_CHECK(type < TH_CHANNEL_TYPES);
    return types[type].name;
}

th_ms th_channel_silence_ms(enum th_channel_type type)
{
    TH_CHECK(type < TH_CHANNEL_TYPES);
    return types[type].silence_ms;
}

enum { HIDDEN_ENDED_FEW = 4 };

void th_channels_init(struct th_channels *channels, bool is_lower)
{
    *channels = (struct th_channels){.is_lower = is_lower};
}

static struct th_channel *add(struct th_channels *channels, enum th_channel_type type,
                              th_ms silence_ms, struct th_now now)
{
    unsigned max = TH_CHANNELS_MAX + (type == TH_CHANNEL_PATH ? TH_CHANNELS_PATH_MAX : 0);

    if (channels->count >= max)
        return NULL;

    struct th_channel *channel = th_mem_zalloc(1, sizeof *channel);
    if (channel == NULL)
        return NULL;
    channel->type = (uint8_t)type;
    channel->silence_ms = silence_ms < UINT32_MAX ? (uint32_t)silence_ms : UINT32_MAX;
    channel->opened_at_low = (uint32_t)now.mono;
    channel->opened_at_high = (uint8_t)(now.mono >> 32);
    th_channel_touch(channel, now);
    channel->next = channels->first;
    channels->first = channel;
    channels->count++;
    return channel;
}

struct th_channel *th_channels_open(struct th_channels *channels, enum th_channel_type type,
                                    th_ms silence_ms, struct th_now now)
{
    if (channels->last_ours > UINT32_MAX - 2)
        return NULL;

    struct th_channel *channel = add(channels, type, silence_ms, now);
    if (channel == NULL)
        return NULL;
    if (channels->last_ours == 0)
        channels->last_ours = channels->is_lower ? 2 : 1;
    else
        channels->last_ours += 2;
    channel->id = channels->last_ours;
    channel->is_ours = true;
    return channel;
}

static bool is_ours(const struct th_channels *channels, uint32_t id)
{
    return (id % 2 == 0) == channels->is_lower;
}

bool th_channels_is_hidden(const struct th_channels *channels, uint32_t id)
{
    const struct th_channels_hidden *hidden = channels->hidden;

    return hidden && hidden->to && is_ours(channels, id) && id < hidden->to &&
           hidden->to - id < 2u * TH_CHANNELS_HIDDEN;
}

static struct th_channels_hidden *meet_hidden(struct th_channels *channels)
{
    if (channels->hidden == NULL)
        channels->hidden = th_mem_zalloc(1, sizeof *channels->hidden);
    return channels->hidden;
}

static bool leave_numbers_out(struct th_channels *channels)
{
    uint32_t last = channels->last_ours;

    if (channels->hidden && channels->hidden->to)
        return true;
    if (last == 0)
        last = channels->is_lower ? 2 : 1;
    if (last > UINT32_MAX - 2u * TH_CHANNELS_HIDDEN)
        return false;
    if (meet_hidden(channels) == NULL)
        return false;
    channels->hidden->to = channels->last_ours = last + 2u * TH_CHANNELS_HIDDEN;
    return true;
}

struct th_channel *th_channels_open_hidden(struct th_channels *channels, th_ms silence_ms,
                                           struct th_rng *rng, struct th_now now)
{
    uint32_t id;

    if (!leave_numbers_out(channels))
        return NULL;
    struct th_channel *channel = add(channels, TH_CHANNEL_PATH, silence_ms, now);
    if (channel == NULL)
        return NULL;
    do
        id = channels->hidden->to - 2 * (uint32_t)th_rng_between(rng, 1, TH_CHANNELS_HIDDEN - 1);
    while (th_channels_find(channels, id));
    channel->id = id;
    channel->is_ours = true;
    return channel;
}

enum { WINDOW = 64 /* the highest, of which it is known whether they were used */ };

/* How many steps a number is below another; WINDOW: too many. */
static unsigned steps_below(uint32_t last, uint32_t id)
{
    uint32_t back = (last - id) / 2;

    return back < WINDOW ? (unsigned)back : WINDOW;
}

/* What is known of a number of theirs. LATE: it is the next, or nearly, of those before numbers were left out;
 * what came on it first was lost, or is a request of a hidden one. */
enum standing { NEW, LATE, USED, LEFT_OUT };

static enum standing standing_of(const struct th_channels *channels, uint32_t id)
{
    const struct th_channels_hidden *hidden = channels->hidden;
    uint64_t used = channels->theirs_used;

    if (id > channels->last_theirs)
        return NEW;
    unsigned back = steps_below(channels->last_theirs, id);
    uint32_t before_last = hidden ? hidden->before_last : 0;
    if (back == WINDOW && id > before_last)
        return channels->last_theirs - before_last > 2u * TH_CHANNELS_HIDDEN &&
                       steps_below(id + 1, before_last) < WINDOW
                   ? LATE
                   : LEFT_OUT;
    if (back == WINDOW) {
        used = hidden->before_used;
        back = steps_below(hidden->before_last, id);
    }
    return back == WINDOW || (used >> back & 1) ? USED : NEW;
}

/* Such a one may be hidden, and they go on below it. */
static bool is_path_beyond(const struct th_channels *channels, uint32_t id,
                           enum th_channel_type type)
{
    return type == TH_CHANNEL_PATH && id > channels->last_theirs &&
           steps_below(id, channels->last_theirs) == WINDOW;
}

static void note_higher(struct th_channels *channels, uint32_t id)
{
    uint32_t ahead = (id - channels->last_theirs + 1) / 2;

    if (ahead >= WINDOW && channels->last_theirs > 0 && meet_hidden(channels)) {
        channels->hidden->before_last = channels->last_theirs;
        channels->hidden->before_used = channels->theirs_used;
    }
    channels->theirs_used = ahead < WINDOW ? channels->theirs_used << ahead : 0;
    channels->theirs_used |= 1;
    channels->last_theirs = id;
}

/* One that is LATE. */
static void note_late(struct th_channels_hidden *hidden, uint32_t id)
{
    hidden->before_used = hidden->before_used << (id - hidden->before_last + 1) / 2 | 1;
    hidden->before_last = id;
}

/* One that is NEW. */
static void note_used(struct th_channels *channels, uint32_t id)
{
    if (id > channels->last_theirs) {
        note_higher(channels, id);
        return;
    }
    unsigned back = steps_below(channels->last_theirs, id);
    if (back < WINDOW)
        channels->theirs_used |= 1ull << back;
    else
        channels->hidden->before_used |= 1ull << steps_below(channels->hidden->before_last, id);
}

enum th_drop th_channels_accept(struct th_channels *channels, uint32_t id,
                                enum th_channel_type type, struct th_now now,
                                struct th_channel **out)
{
    if (is_ours(channels, id))
        return TH_DROP_CHANNEL_PARITY;
    enum standing standing = standing_of(channels, id);
    if (standing == USED || (standing == LEFT_OUT && type != TH_CHANNEL_PATH))
        return TH_DROP_CHANNEL_CLOSED;

    bool is_late = standing == LATE && type != TH_CHANNEL_PATH;
    if (is_late && meet_hidden(channels) == NULL)
        return TH_DROP_CHANNEL_LIMIT;
    struct th_channel *channel = add(channels, type, th_channel_silence_ms(type), now);
    if (channel == NULL)
        return TH_DROP_CHANNEL_LIMIT;
    channel->id = id;
    if (is_late)
        note_late(channels->hidden, id);
    if (standing == NEW && !is_path_beyond(channels, id, type))
        note_used(channels, id);
    *out = channel;
    return TH_DROP_NONE;
}

void th_channels_refuse(struct th_channels *channels, uint32_t id)
{
    if (is_ours(channels, id))
        return;
    enum standing standing = standing_of(channels, id);
    if (standing == NEW)
        note_used(channels, id);
    else if (standing == LATE && meet_hidden(channels))
        note_late(channels->hidden, id);
}

struct th_channel *th_channels_find(const struct th_channels *channels, uint32_t id)
{
    for (struct th_channel *channel = channels->first; channel; channel = channel->next)
        if (channel->id == id)
            return channel;
    return NULL;
}

bool th_channels_was_used(const struct th_channels *channels, uint32_t id)
{
    if (th_channels_find(channels, id))
        return false;
    if (is_ours(channels, id))
        return id <= channels->last_ours;
    enum standing standing = standing_of(channels, id);
    return standing == USED || standing == LEFT_OUT;
}

bool th_channels_had_packets(const struct th_channels *channels, uint32_t id)
{
    const struct th_channels_ended *ended = channels->ended;

    for (unsigned i = 0; ended && i < TH_CHANNELS_ENDED && i < ended->count; i++)
        if (ended->id[i] == id)
            return true;
    return false;
}

bool th_channels_is_guess(const struct th_channels *channels, uint32_t id)
{
    const struct th_channels_hidden *hidden = channels->hidden;

    if (!th_channels_is_hidden(channels, id) || th_channels_find(channels, id))
        return false;
    for (unsigned i = 0; i < hidden->room && i < hidden->count; i++)
        if (hidden->id[i] == id)
            return false;
    return true;
}

/* Without memory who goes on sending to it is not told that it has ended. */
static void remember_ended(struct th_channels *channels, uint32_t id)
{
    struct th_channels_ended *ended = channels->ended;

    if (ended == NULL)
        ended = channels->ended = th_mem_zalloc(1, sizeof *ended);
    if (ended)
        ended->id[ended->count++ % TH_CHANNELS_ENDED] = id;
}

/* Most lines have one or two. Without memory fewer are remembered. */
static void remember_hidden(struct th_channels *channels, uint32_t id)
{
    struct th_channels_hidden *hidden = channels->hidden;

    if (hidden->count == hidden->room && hidden->room < TH_CHANNELS_HIDDEN_ENDED) {
        uint32_t room = hidden->room ? TH_CHANNELS_HIDDEN_ENDED : HIDDEN_ENDED_FEW;
        hidden = th_mem_resize(hidden, 1, sizeof *hidden + room * sizeof hidden->id[0]);
        if (hidden) {
            hidden->room = room;
            channels->hidden = hidden;
        }
    }
    hidden = channels->hidden;
    if (hidden->room > 0)
        hidden->id[hidden->count++ % hidden->room] = id;
}

void th_channel_touch(struct th_channel *channel, struct th_now now)
{
    uint32_t silence_ms = channel->is_reliable ? UINT32_MAX : channel->silence_ms;

    th_channel_end_at(channel, now.mono + silence_ms);
}

void th_channel_end_at(struct th_channel *channel, th_ms at)
{
    channel->ends_at_low = (uint32_t)at;
    channel->ends_at_high = (uint8_t)(at >> 32);
}

void th_channel_make_reliable(struct th_channel *channel, struct th_reliable *reliable)
{
    channel->reliable = reliable;
    channel->is_reliable = true;
}

void th_channels_close(struct th_channels *channels, struct th_channel *channel)
{
    struct th_channel **at = &channels->first;

    while (*at != channel) {
        TH_CHECK(*at != NULL);
        at = &(*at)->next;
    }
    *at = channel->next;
    channels->count--;
    if (channel->type == TH_CHANNEL_OTHER && !channel->is_reliable)
        remember_ended(channels, channel->id);
    if (th_channels_is_hidden(channels, channel->id))
        remember_hidden(channels, channel->id);
    if (channel->is_reliable)
        th_reliable_free(channel->reliable);
    th_mem_free(channel);
}

th_ms th_channels_deadline(const struct th_channels *channels)
{
    th_ms first = TH_NEVER;

    for (const struct th_channel *channel = channels->first; channel; channel = channel->next)
        first = th_sooner(first, th_channel_ends_at(channel));
    return first;
}

struct th_channel *th_channels_expired(const struct th_channels *channels, struct th_now now)
{
    struct th_channel *expired = NULL;

    for (struct th_channel *channel = channels->first; channel; channel = channel->next)
        if (th_channel_ends_at(channel) <= now.mono &&
            (!expired || th_channel_ends_at(channel) <= th_channel_ends_at(expired)))
            expired = channel;
    return expired;
}

void th_channels_clear(struct th_channels *channels)
{
    while (channels->first)
        th_channels_close(channels, channels->first);
    th_mem_free(channels->ended);
    th_mem_free(channels->hidden);
    th_channels_init(channels, channels->is_lower);
}
