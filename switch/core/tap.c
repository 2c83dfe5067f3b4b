#include "switch/core/tap.h"

#include "switch/base/check.h"
#include "switch/base/mem.h"

#include <sodium.h>
#include <string.h>

/* As it stands in the ring, its bytes behind it. */
struct record {
    uint64_t lost_before;
    struct th_tapped packet;
};

void th_tap_init(struct th_tap *tap, uint64_t (*wall_us)(void))
{
    *tap = (struct th_tap){.wall_us = wall_us};
    pthread_mutex_init(&tap->lock, NULL);
}

void th_tap_clear(struct th_tap *tap)
{
    th_tap_stop(tap);
    pthread_mutex_destroy(&tap->lock);
}

enum th_err th_tap_start(struct th_tap *tap)
{
    uint8_t *ring = th_mem_zalloc(1, TH_TAP_ROOM);

    if (ring == NULL)
        return TH_NO_MEMORY;
    th_tap_stop(tap);
    pthread_mutex_lock(&tap->lock);
    tap->ring = ring;
    tap->first = tap->used = 0;
    tap->lost = 0;
    pthread_mutex_unlock(&tap->lock);
    atomic_store(&tap->is_on, true);
    return TH_OK;
}

void th_tap_stop(struct th_tap *tap)
{
    atomic_store(&tap->is_on, false);
    pthread_mutex_lock(&tap->lock);
    uint8_t *ring = tap->ring;
    tap->ring = NULL;
    tap->used = 0;
    pthread_mutex_unlock(&tap->lock);
    if (ring)
        sodium_memzero(ring, TH_TAP_ROOM);
    th_mem_free(ring);
}

static void copy_in(struct th_tap *tap, const void *from, size_t len)
{
    size_t at = (tap->first + tap->used) % TH_TAP_ROOM;
    size_t until_end = TH_TAP_ROOM - at;
    size_t piece = len < until_end ? len : until_end;

    memcpy(tap->ring + at, from, piece);
    memcpy(tap->ring, (const uint8_t *)from + piece, len - piece);
    tap->used += len;
}

static void copy_out(struct th_tap *tap, void *to, size_t len)
{
    size_t until_end = TH_TAP_ROOM - tap->first;
    size_t piece = len < until_end ? len : until_end;

    memcpy(to, tap->ring + tap->first, piece);
    memcpy((uint8_t *)to + piece, tap->ring, len - piece);
    tap->first = (tap->first + len) % TH_TAP_ROOM;
    tap->used -= len;
}

void th_tap_put(struct th_tap *tap, struct th_now now, struct th_tapped *packet,
                struct th_bytes plain)
{
    struct record record = {0};

    TH_CHECK(plain.len <= TH_TAP_BYTES_MAX);
    packet->at_us = tap->wall_us ? tap->wall_us() : (uint64_t)now.wall * 1000;
    packet->len = (uint32_t)plain.len;
    record.packet = *packet;

    pthread_mutex_lock(&tap->lock);
    if (tap->ring && tap->used + sizeof record + plain.len <= TH_TAP_ROOM) {
        record.lost_before = tap->lost;
        tap->lost = 0;
        copy_in(tap, &record, sizeof record);
        if (plain.len > 0)
            copy_in(tap, plain.at, plain.len);
    } else if (tap->ring) {
        tap->lost++;
    }
    pthread_mutex_unlock(&tap->lock);
}

bool th_tap_read(struct th_tap *tap, struct th_tapped *packet, uint8_t bytes[TH_TAP_BYTES_MAX],
                 uint64_t *lost)
{
    struct record record;
    bool is_there;

    pthread_mutex_lock(&tap->lock);
    is_there = tap->ring && tap->used > 0;
    if (is_there) {
        copy_out(tap, &record, sizeof record);
        copy_out(tap, bytes, record.packet.len);
        *packet = record.packet;
        *lost = record.lost_before;
    } else {
        *lost = tap->lost;
        tap->lost = 0;
    }
    pthread_mutex_unlock(&tap->lock);
    return is_there;
}
