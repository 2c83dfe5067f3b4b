#include "router/ages.h"

#include "switch/base/mem.h"

#include <string.h>

/* Where an id is, or would be. */
static unsigned place_of(const struct th_ages *ages, const struct th_hashname *id)
{
    unsigned low = 0, high = ages->count;

    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        if (th_hashname_compare(&ages->age[middle].id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct th_age *find(const struct th_ages *ages, const struct th_hashname *id)
{
    unsigned place = place_of(ages, id);

    if (place == ages->count || !th_hashname_is_equal(&ages->age[place].id, id))
        return NULL;
    return &ages->age[place];
}

static bool is_stale(const struct th_age *age, struct th_now now)
{
    return now.wall - age->last_seen_at > TH_AGES_KEPT_MS;
}

static void take_out(struct th_ages *ages, unsigned place)
{
    ages->count--;
    memmove(&ages->age[place], &ages->age[place + 1], (ages->count - place) * sizeof ages->age[0]);
}

static void forget_stale(struct th_ages *ages, struct th_now now)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < ages->count; i++)
        if (!is_stale(&ages->age[i], now))
            ages->age[kept++] = ages->age[i];
    ages->count = kept;
}

static unsigned youngest(const struct th_ages *ages)
{
    unsigned found = 0;

    for (unsigned i = 1; i < ages->count; i++)
        if (ages->age[i].first_seen_at > ages->age[found].first_seen_at)
            found = i;
    return found;
}

static enum th_err make_room(struct th_ages *ages)
{
    unsigned room = th_mem_room_after(ages->room);

    if (ages->count < ages->room)
        return TH_OK;
    if (room > TH_AGES_MAX)
        room = TH_AGES_MAX;
    void *more = th_mem_resize(ages->age, room, sizeof ages->age[0]);
    if (more == NULL)
        return TH_NO_MEMORY;
    ages->age = more;
    ages->room = room;
    return TH_OK;
}

static enum th_err add(struct th_ages *ages, const struct th_age *age, struct th_now now)
{
    if (ages->count == TH_AGES_MAX)
        forget_stale(ages, now);
    if (ages->count == TH_AGES_MAX)
        take_out(ages, youngest(ages));

    enum th_err err = make_room(ages);
    if (err != TH_OK)
        return err;
    unsigned place = place_of(ages, &age->id);
    memmove(&ages->age[place + 1], &ages->age[place], (ages->count - place) * sizeof ages->age[0]);
    ages->age[place] = *age;
    ages->count++;
    return TH_OK;
}

th_epoch_ms th_ages_first_seen(const struct th_ages *ages, const struct th_hashname *id,
                               struct th_now now)
{
    const struct th_age *age = find(ages, id);

    /* The wall clock may have been set back since. */
    return age && !is_stale(age, now) && age->first_seen_at < now.wall ? age->first_seen_at
                                                                       : now.wall;
}

enum th_err th_ages_note(struct th_ages *ages, const struct th_hashname *id,
                         th_epoch_ms first_seen_at, struct th_now now)
{
    struct th_age *age = find(ages, id);
    th_epoch_ms first = first_seen_at < now.wall ? first_seen_at : now.wall;

    if (age) {
        if (is_stale(age, now))
            age->first_seen_at = first;
        age->last_seen_at = now.wall;
        return TH_OK;
    }
    return add(ages, &(struct th_age){*id, first, now.wall}, now);
}

enum th_err th_ages_put(struct th_ages *ages, const struct th_age *age, struct th_now now)
{
    struct th_age kept = *age;

    if (is_stale(age, now) || find(ages, &age->id) || ages->count == TH_AGES_MAX)
        return TH_OK;
    if (kept.first_seen_at > now.wall)
        kept.first_seen_at = now.wall;
    if (kept.last_seen_at > now.wall)
        kept.last_seen_at = now.wall;
    return add(ages, &kept, now);
}

void th_ages_clear(struct th_ages *ages)
{
    th_mem_free(ages->age);
    *ages = (struct th_ages){0};
}
