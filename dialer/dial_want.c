#include "dialer/dial.h"

#include "switch/base/mem.h"

struct th_dial_want *th_dialing_find_want(const struct th_dialing *dial,
                                          const struct th_hashname *node)
{
    struct th_dial_want *want = dial->wants;

    while (want && !th_hashname_is_equal(&want->reach.node, node))
        want = want->next;
    return want;
}

void th_dialing_drop_want(struct th_dialing *dial, struct th_dial_want *want)
{
    struct th_dial_want **link = &dial->wants;

    while (*link != want)
        link = &(*link)->next;
    *link = want->next;
    th_mem_free(want);
}

struct th_dial_want *th_dialing_add_want(struct th_dialing *dial, const struct th_dialer *dialer,
                                         const struct th_self *self, const struct th_hashname *node,
                                         th_ms patience_ms)
{
    struct th_dial_want *want = th_mem_zalloc(1, sizeof *want);
    /* the teller has heard it a moment ago, or what the switch knows leads nowhere */
    bool is_eager =
        dial->phase == TH_DIAL_REACHING || th_contacts_is_silent(&dialer->contacts, node);

    if (want == NULL)
        return NULL;
    th_reach_init(&want->reach, node, is_eager, patience_ms, self->now);
    want->next = dial->wants;
    dial->wants = want;
    return want;
}

/* Those who were asked in an earlier round, in vain, are left out. */
static void add_via(const struct th_dialing *dial, struct th_dial_want *want,
                    const struct th_hashname *via)
{
    bool is_target = th_hashname_is_equal(&want->reach.node, &dial->request.target);

    if (!is_target || !th_dialing_has_tried(dial, via))
        th_reach_add_via(&want->reach, via);
}

/* The latest teller comes first: those before it, such as who we came through, tell many of the same few,
 * who listen to each a few times a minute. */
void th_dialing_add_known(const struct th_dialing *dial, struct th_dial_want *want)
{
    const struct th_lookup_node *known[TH_SEARCH_LOOKUPS_MAX];
    unsigned count = th_search_known(&dial->search, &want->reach.node, known);

    for (unsigned i = 0; i < count; i++) {
        for (unsigned j = known[i]->via_count; j-- > 0;)
            add_via(dial, want, known[i]->via[j]);
        if (known[i]->has_addr && !want->has_addr) {
            want->has_addr = true;
            want->addr = known[i]->addr;
        }
    }
}

/* Its tellers, and those nearest to it, who are most likely linked to it: those that are reached through
 * another (is_relayed), or those that are not. */
static void add_some(const struct th_dialing *dial, const struct th_contacts *contacts,
                     struct th_dial_want *want, bool is_relayed)
{
    const struct th_lookup_node *known[TH_SEARCH_LOOKUPS_MAX];
    const struct th_lookup_node *closest[TH_SEARCH_CLOSEST_MAX];
    unsigned count = th_search_known(&dial->search, &want->reach.node, known);

    for (unsigned i = 0; i < count; i++)
        for (unsigned j = 0; j < known[i]->via_count; j++)
            if (th_contacts_is_relayed(contacts, known[i]->via[j]) == is_relayed)
                add_via(dial, want, known[i]->via[j]);
    count = th_search_closest(&dial->search, closest, TH_SEARCH_CLOSEST_MAX);
    for (unsigned i = 0; i < count; i++)
        if (!th_hashname_is_equal(&closest[i]->id, &want->reach.node) &&
            th_contacts_is_relayed(contacts, &closest[i]->id) == is_relayed)
            add_via(dial, want, &closest[i]->id);
}

void th_dialing_add_introducers(const struct th_dialing *dial, const struct th_contacts *contacts,
                                struct th_dial_want *want)
{
    add_some(dial, contacts, want, false); /* nothing is relayed through a relay: those come last */
    add_some(dial, contacts, want, true);
    th_dialing_add_known(dial, want);
}

void th_dialing_add_near(const struct th_contacts *contacts, struct th_dial_want *want)
{
    struct th_hashname near[TH_REACH_VIAS_MAX];
    unsigned count =
        th_contacts_nearest(contacts, &want->reach.node, false, near, TH_REACH_VIAS_MAX);

    for (unsigned i = 0; i < 2 * count; i++) /* those that are relayed last, as above */
        if (th_contacts_is_relayed(contacts, &near[i % count]) == (i >= count))
            th_reach_add_via(&want->reach, &near[i % count]);
}
