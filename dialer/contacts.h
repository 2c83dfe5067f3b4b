/*
 * contacts.h - the dialer's own list of nodes that it can ask at once: those we have a line to, and
 * which of them are linked.
 *
 * Kept from what the switch and the router announce; the router is never asked.
 *
 * Floor:  4 (dialer), sans-I/O.
 * Thread: the owner's.
 */
#ifndef TH_DIALER_CONTACTS_H
#define TH_DIALER_CONTACTS_H

#include "switch/switch.h"

/* As many as the switch has exchanges: 4096 * 36 bytes are 144 KiB. */
enum { TH_CONTACTS_MAX = TH_EXCHANGES_MAX };

struct th_contact {
    struct th_hashname id;
    bool is_seed;     /* linked, and answers seeks */
    bool is_relayed;  /* reached through another node alone */
    bool is_silent;   /* not heard: it is not asked, and as good as without a line */
    uint8_t silences; /* how often that was told since it was heard */
};

/* A zeroed one is empty and holds no memory. */
struct th_contacts {
    unsigned count, room;
    struct th_contact *contact; /* ascending by hashname */
    uint64_t left_out;          /* lines that found no room; they are asked for when needed */
};

/* Errors: TH_NO_MEMORY. A line over TH_CONTACTS_MAX is left out and counted. */
TH_MUST enum th_err th_contacts_on_line_up(struct th_contacts *contacts,
                                           const struct th_hashname *id);

/* How a line goes, and whether it is heard, as it came up or changed. Without a line it is ignored. */
void th_contacts_on_way(struct th_contacts *contacts, const struct th_ev_line *line);

/* A line was told to be silent. Returns how often so since it was heard, at most UINT8_MAX; 0: there is
 * none. */
unsigned th_contacts_count_silence(struct th_contacts *contacts, const struct th_hashname *id);

/* The link goes with its line. */
void th_contacts_on_line_down(struct th_contacts *contacts, const struct th_hashname *id);

/* A link up or down, or one that does not seed (is_seed false). Without a line it is ignored. */
void th_contacts_on_link(struct th_contacts *contacts, const struct th_hashname *id, bool is_seed);

/* What is so of lines and links (facts of other kinds are not looked at): what is not in it is
 * forgotten, if it is whole. Errors: TH_NO_MEMORY. */
TH_MUST enum th_err th_contacts_on_facts(struct th_contacts *contacts,
                                         const struct th_facts *facts);

/* False without a line too: it may get a direct one. */
bool th_contacts_is_relayed(const struct th_contacts *contacts, const struct th_hashname *id);

/* There is a line to it, and it is heard. */
bool th_contacts_has(const struct th_contacts *contacts, const struct th_hashname *id);

/* There is a line to it, and it is not heard. */
bool th_contacts_is_silent(const struct th_contacts *contacts, const struct th_hashname *id);

/*
 * Whom to begin a lookup with: linked seeds, nearest to the target first; when those do not fill
 * `max`, others with a line, nearest first. Never the target itself, nor one that is not heard.
 * linked_only  no others, if a seed is linked.
 * Returns how many were filled.
 */
unsigned th_contacts_nearest(const struct th_contacts *contacts, const struct th_hashname *target,
                             bool linked_only, struct th_hashname *out, unsigned max);

/*
 * Whom to begin a lookup with when those near the target may be liars: of the linked seeds, or of all
 * with a line if none is linked, evenly many from everywhere. Never the target itself, nor one that is
 * not heard.
 * Returns how many were filled: `max`, or all if they are fewer.
 */
unsigned th_contacts_spread(const struct th_contacts *contacts, const struct th_hashname *target,
                            struct th_hashname *out, unsigned max);

void th_contacts_clear(struct th_contacts *contacts);

#endif
