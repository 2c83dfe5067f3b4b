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
    channel->opened_at = now.mono;
    channel->ends_at = now.mono + channel->silence_ms;
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

/* Where a number of theirs stands: 0..63 steps below their highest, -1 above it, 64 too far back. */
static int steps_back(const struct th_channels *channels, uint32_t id)
{
    if (id > channels->last_theirs)
        return -1;
    uint32_t back = (channels->last_theirs - id) / 2;
    return back < 64 ? (int)back : 64;
}

static void note_used(struct th_channels *channels, uint32_t id)
{
    int back = steps_back(channels, id);

    if (back >= 0) {
        channels->theirs_used |= 1ull << back;
        return;
    }
    uint32_t ahead = (id - channels->last_theirs + 1) / 2;
    channels->theirs_used = ahead < 64 ? channels->theirs_used << ahead : 0;
    channels->theirs_used |= 1;
    channels->last_theirs = id;
}

enum th_drop th_channels_accept(struct th_channels *channels, uint32_t id,
                                enum th_channel_type type, struct th_now now,
                                struct th_channel **out)
{
    bool is_even = id % 2 == 0;

    if (is_even == channels->is_lower)
        return TH_DROP_CHANNEL_PARITY;
    int back = steps_back(channels, id);
    if (back == 64 || (back >= 0 && channels->theirs_used >> back & 1))
        return TH_DROP_CHANNEL_CLOSED;

    struct th_channel *channel = add(channels, type, th_channel_silence_ms(type), now);
    if (channel == NULL)
        return TH_DROP_CHANNEL_LIMIT;
    channel->id = id;
    note_used(channels, id);
    *out = channel;
    return TH_DROP_NONE;
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
    bool is_ours = (id % 2 == 0) == channels->is_lower;

    if (th_channels_find(channels, id))
        return false;
    if (is_ours)
        return id <= channels->last_ours;
    int back = steps_back(channels, id);
    return back == 64 || (back >= 0 && channels->theirs_used >> back & 1);
}

bool th_channels_had_packets(const struct th_channels *channels, uint32_t id)
{
    const struct th_channels_ended *ended = channels->ended;

    for (unsigned i = 0; ended && i < TH_CHANNELS_ENDED && i < ended->count; i++)
        if (ended->id[i] == id)
            return true;
    return false;
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

void th_channel_touch(struct th_channel *channel, struct th_now now)
{
    channel->ends_at = now.mono + channel->silence_ms;
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
    if (channel->type == TH_CHANNEL_OTHER && channel->reliable == NULL)
        remember_ended(channels, channel->id);
    th_reliable_free(channel->reliable);
    th_mem_free(channel);
}

th_ms th_channels_deadline(const struct th_channels *channels)
{
    th_ms first = TH_NEVER;

    for (const struct th_channel *channel = channels->first; channel; channel = channel->next)
        first = th_sooner(first, channel->ends_at);
    return first;
}

struct th_channel *th_channels_expired(const struct th_channels *channels, struct th_now now)
{
    struct th_channel *expired = NULL;

    for (struct th_channel *channel = channels->first; channel; channel = channel->next)
        if (channel->ends_at <= now.mono && (!expired || channel->ends_at <= expired->ends_at))
            expired = channel;
    return expired;
}

void th_channels_clear(struct th_channels *channels)
{
    while (channels->first)
        th_channels_close(channels, channels->first);
    th_mem_free(channels->ended);
    th_channels_init(channels, channels->is_lower);
}
