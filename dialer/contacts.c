#include "dialer/contacts.h"

#include "switch/base/mem.h"

#include <string.h>

/* Where a hashname is or would be. */
static unsigned place_of(const struct th_contacts *contacts, const struct th_hashname *id)
{
    unsigned low = 0, high = contacts->count;

    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        if (th_hashname_compare(&contacts->contact[middle].id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct th_contact *find(const struct th_contacts *contacts, const struct th_hashname *id)
{
    unsigned place = place_of(contacts, id);

    if (place == contacts->count || !th_hashname_is_equal(&contacts->contact[place].id, id))
        return NULL;
    return &contacts->contact[place];
}

bool th_contacts_has(const struct th_contacts *contacts, const struct th_hashname *id)
{
    const struct th_contact *contact = find(contacts, id);

    return contact && !contact->is_silent;
}

bool th_contacts_is_silent(const struct th_contacts *contacts, const struct th_hashname *id)
{
    const struct th_contact *contact = find(contacts, id);

    return contact && contact->is_silent;
}

bool th_contacts_is_relayed(const struct th_contacts *contacts, const struct th_hashname *id)
{
    const struct th_contact *contact = find(contacts, id);

    return contact && contact->is_relayed;
}

enum th_err th_contacts_on_line_up(struct th_contacts *contacts, const struct th_hashname *id)
{
    unsigned place = place_of(contacts, id);

    if (find(contacts, id))
        return TH_OK;
    if (contacts->count == TH_CONTACTS_MAX) {
        contacts->left_out++;
        return TH_OK;
    }
    if (contacts->count == contacts->room) {
        unsigned room = th_mem_room_after(contacts->room);
        struct th_contact *grown = th_mem_resize(contacts->contact, room, sizeof *grown);
        if (grown == NULL)
            return TH_NO_MEMORY;
        contacts->contact = grown;
        contacts->room = room;
    }

    struct th_contact *contact = &contacts->contact[place];
    memmove(contact + 1, contact, (contacts->count - place) * sizeof *contact);
    *contact = (struct th_contact){.id = *id};
    contacts->count++;
    return TH_OK;
}

void th_contacts_on_way(struct th_contacts *contacts, const struct th_ev_line *line)
{
    struct th_contact *contact = find(contacts, &line->id);

    if (contact == NULL)
        return;
    contact->is_relayed = !line->has_addr;
    contact->is_silent = line->is_silent;
    if (!line->is_silent)
        contact->silences = 0;
}

unsigned th_contacts_count_silence(struct th_contacts *contacts, const struct th_hashname *id)
{
    struct th_contact *contact = find(contacts, id);

    if (contact == NULL)
        return 0;
    if (contact->silences < UINT8_MAX)
        contact->silences++;
    return contact->silences;
}

/* While a node joins it has many lines that it needs no more afterwards. */
static void give_back(struct th_contacts *contacts)
{
    unsigned room = th_mem_room_after(contacts->count);
    struct th_contact *fewer;

    if (contacts->room < room + room / 4)
        return;
    fewer = th_mem_resize(contacts->contact, room, sizeof *fewer);
    if (fewer == NULL)
        return; /* the next time */
    contacts->contact = fewer;
    contacts->room = room;
}

void th_contacts_on_line_down(struct th_contacts *contacts, const struct th_hashname *id)
{
    struct th_contact *contact = find(contacts, id);

    if (contact == NULL)
        return;
    contacts->count--;
    memmove(contact, contact + 1,
            (size_t)(&contacts->contact[contacts->count] - contact) * sizeof *contact);
    give_back(contacts);
}

void th_contacts_on_link(struct th_contacts *contacts, const struct th_hashname *id, bool is_seed)
{
    struct th_contact *contact = find(contacts, id);

    if (contact)
        contact->is_seed = is_seed;
}

/* A link is noted with its line, so lines come first. */
static enum th_err add_facts(struct th_contacts *contacts, const struct th_facts *facts)
{
    enum th_err err = TH_OK;

    for (unsigned i = 0; i < facts->count && err == TH_OK; i++) {
        if (facts->event[i]->fact->kind != TH_EV_LINE_UP)
            continue;
        const struct th_ev_line *line = th_ev_line_of(facts->event[i]);
        err = th_contacts_on_line_up(contacts, &line->id);
        th_contacts_on_way(contacts, line);
    }
    for (unsigned i = 0; i < facts->count && err == TH_OK; i++)
        if (facts->event[i]->fact->kind == TH_EV_LINK_UP) {
            const struct th_ev_link *link = th_ev_link_of(facts->event[i]);
            th_contacts_on_link(contacts, &link->id, link->is_seed);
        }
    return err;
}

enum th_err th_contacts_on_facts(struct th_contacts *contacts, const struct th_facts *facts)
{
    struct th_contacts fresh = {.left_out = contacts->left_out};
    enum th_err err;

    if (!facts->is_whole)
        return add_facts(contacts, facts);
    err = add_facts(&fresh, facts);
    th_contacts_clear(err == TH_OK ? contacts : &fresh);
    if (err == TH_OK)
        *contacts = fresh;
    return err;
}

static bool may_begin(const struct th_contact *contact, const struct th_hashname *target,
                      bool seeds_only)
{
    return (contact->is_seed || !seeds_only) && !contact->is_silent &&
           !th_hashname_is_equal(&contact->id, target);
}

/* Puts a contact among the best so far, which are sorted. */
static unsigned offer(struct th_contact *best, unsigned count, unsigned max,
                      const struct th_hashname *target, const struct th_contact *contact)
{
    unsigned place = count;

    while (place > 0) {
        const struct th_contact *other = &best[place - 1];
        bool is_before = contact->is_seed != other->is_seed
                             ? contact->is_seed
                             : th_hashname_nearer(target, &contact->id, &other->id) < 0;
        if (!is_before)
            break;
        place--;
    }
    if (place == max)
        return count;
    if (count < max)
        count++;
    memmove(&best[place + 1], &best[place], (count - 1 - place) * sizeof *best);
    best[place] = *contact;
    return count;
}

unsigned th_contacts_nearest(const struct th_contacts *contacts, const struct th_hashname *target,
                             bool linked_only, struct th_hashname *out, unsigned max)
{
    enum { BEST_MAX = 16 };
    struct th_contact best[BEST_MAX];
    unsigned count = 0;

    TH_CHECK(max <= BEST_MAX);
    for (unsigned i = 0; i < contacts->count; i++)
        if (may_begin(&contacts->contact[i], target, false))
            count = offer(best, count, max, target, &contacts->contact[i]);
    while (linked_only && count > 0 && best[0].is_seed && !best[count - 1].is_seed)
        count--;
    for (unsigned i = 0; i < count; i++)
        out[i] = best[i].id;
    return count;
}

static unsigned count_who_may(const struct th_contacts *contacts, const struct th_hashname *target,
                              bool seeds_only)
{
    unsigned count = 0;

    for (unsigned i = 0; i < contacts->count; i++)
        count += may_begin(&contacts->contact[i], target, seeds_only);
    return count;
}

unsigned th_contacts_spread(const struct th_contacts *contacts, const struct th_hashname *target,
                            struct th_hashname *out, unsigned max)
{
    unsigned seeds = count_who_may(contacts, target, true), seen = 0, count = 0;
    unsigned all = seeds ? seeds : count_who_may(contacts, target, false);
    unsigned wanted = all < max ? all : max;

    /* In order of hashname, so every n-th is of another region. */
    for (unsigned i = 0; i < contacts->count && count < wanted; i++) {
        if (!may_begin(&contacts->contact[i], target, seeds > 0))
            continue;
        if (seen++ == count * all / wanted)
            out[count++] = contacts->contact[i].id;
    }
    return count;
}

void th_contacts_clear(struct th_contacts *contacts)
{
    th_mem_free(contacts->contact);
    *contacts = (struct th_contacts){0};
}
