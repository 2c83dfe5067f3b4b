/*
 * host_core.h - the kernel: the table of servers that all hosts share.
 *
 * A server lives in a slot. Slots are never freed until the host closes, so a pid can be followed
 * without a lock; what it says is checked under the slot's lock. A slot is either idle, or queued:
 * exactly one who made it so hands it to its place, and only its place's thread takes it from there,
 * gives it a turn and makes it idle again. So a server ends only in a turn of its own.
 *
 * Locks, in the order in which one thread may take them: host->outside.lock, host->lock, a slot's
 * lock (one at a time), a place's lock. None is held while foreign code runs: callbacks, drop
 * functions, the log's sink.
 *
 * Floor:  1 (run); private to it.
 */
#ifndef TH_RUN_HOST_CORE_H
#define TH_RUN_HOST_CORE_H

#include "switch/base/heap.h"
#include "switch/base/index.h"
#include "switch/base/mem.h"
#include "switch/run/call.h"
#include "switch/run/host.h"
#include "switch/run/mail_stock.h"
#include "switch/run/mailbox.h"
#include "switch/run/place.h"
#include "switch/run/thread.h"
#include "switch/run/trace.h"

#include <pthread.h>
#include <stdatomic.h>

struct th_name_watch;
struct th_subscribed;
struct th_tracing;

/* What became of what was sent to a slot, by whatever server lived there: th_host_account sums it up.
 * It is never reset, so that a server's end loses nothing. */
struct th_tally {
    uint64_t sent;
    atomic_uint_fast64_t queued; /* put into the mailbox, under lock; read by its place's thread */
    uint64_t refused;
    uint64_t missed;
    uint64_t flushed;
    uint64_t discarded;
};

/* Senders and the place's thread write at the same time, each to its own: what begins on a cache line of
 * its own keeps them from taking the line from each other with every message. */
#define TH_OWN_LINE _Alignas(TH_LINE)

/* What is in a letterbox. */
enum th_box_what {
    TH_BOX_EMPTY,
    TH_BOX_LEFT, /* its place has stopped looking; who fills it makes the server ready */
    TH_BOX_LOOK, /* nothing: the server is to have a turn */
    TH_BOX_MAIL, /* a call, cast or event */
    TH_BOX_REPLY /* of the call with msg.ref */
};

/* A letterbox: one piece of mail for a server that lingers. One cache line holds all that its sender and
 * its place's thread need. Whoever takes its pid out of `open` fills it, or closes it. */
struct th_box {
    _Atomic th_pid open;       /* who lingers; 0: nobody, or it was taken */
    atomic_uint_fast64_t came; /* never reset */
    _Atomic(uint16_t) what;    /* enum th_box_what */
    uint16_t class;            /* enum th_mail_class */
    enum th_err why;           /* of a reply */
    struct th_watch *watch;    /* held; of a call. A reply brings it back; NULL: it is linked */
    struct th_msg msg;
};

_Static_assert(sizeof(void *) == 8 ? sizeof(struct th_box) == TH_LINE
                                   : sizeof(struct th_box) <= TH_LINE,
               "one line");

struct th_slot {
    struct th_host *host; /* does not change */
    uint32_t index;       /* does not change */

    /* Set by th_spawn; do not change while the server lives. Read them alive and under lock, or on
     * the place's thread. */
    struct th_server_spec spec;
    unsigned mailbox_max;
    th_pid parent; /* the supervisor that started it, or 0 */
    unsigned restarts;
    uint64_t started; /* rising by 1 in the host */
    void *state;

    /* For who is at its place and wants no lock: th_run_lives_here. Written under lock. */
    _Atomic th_pid living; /* pid while it lives, else 0 */
    _Atomic(struct th_place *) place;

    /* Written under lock or by the place's thread, seldom; read by anybody. */
    atomic_bool is_stop_asked;
    atomic_uint_fast64_t suspended_until;
    atomic_bool has_init;
    atomic_bool is_told_resumed;          /* it wants to know when the machine slept */
    _Atomic(struct th_tracing *) tracing; /* trace.h; NULL: nobody traces it */

    /* Under the host's lock. */
    struct th_slot *live_previous; /* in order of start */
    struct th_slot *live_next;
    struct th_slot *free_next;
    struct th_index_node by_name;

    TH_OWN_LINE pthread_mutex_t lock;

    /* Under lock. */
    th_pid pid;
    bool is_alive;
    bool is_queued;
    bool is_lingering;       /* and queued, with an open box, unless somebody has claimed that */
    struct th_watch *newest; /* the one with last_ref; NULL: it is over */
    struct th_mail_list mail;
    atomic_uint_fast64_t came;     /* calls, casts, events that were put under lock; never reset */
    atomic_uint_fast64_t own_came; /* those that its place's thread put without; never reset */
    uint64_t went_seen;            /* went, when it was last looked at */
    unsigned depth_peak;
    struct th_mail_stock stock; /* memory for mail */
    struct th_tally tally;
    uint64_t refused;
    struct th_watch *watchers_first; /* calls and monitors that wait for this server */
    struct th_watch *watchers_last;
    struct th_index watches; /* its own calls and monitors, by reference */
    unsigned call_count;
    unsigned monitor_count;
    uint64_t last_ref;
    enum th_err stop_why;
    bool is_stopped_now; /* without asking on_stop */
    uint64_t longest_us;
    const char *longest;

    struct th_slot *ready_next; /* the host's, while queued */

    TH_OWN_LINE struct th_box box;

    /* Written by the place's thread, read by anybody. Those that wait: came + own_came - went. */
    TH_OWN_LINE atomic_uint_fast64_t went; /* calls, casts and events handled; never reset */
    _Atomic(const char *) doing;
    atomic_uint_fast64_t doing_since_us;
    atomic_uint_fast64_t messages;
    atomic_uint_fast64_t callbacks;

    /* Never reset, as the tally; written by one thread at a time: the place's, or under lock. */
    atomic_uint_fast64_t taken; /* out of the mailbox */
    atomic_uint_fast64_t handled;

    /* The place's thread. */
    struct th_mail_list batch; /* taken from own_mail and mail */
    struct th_mail_reader reader;
    struct th_mail_list own_mail; /* from servers of its place: before all that is in mail now */
    struct th_mail_stock own_stock;
    struct th_mail_reader own_reader;
    uint64_t queued_seen;             /* tally.queued, when mail was last emptied */
    bool is_queued_here;              /* is_queued is known to be true */
    unsigned own_peak;                /* of what waited, when it was fetched without the lock */
    atomic_uint_fast64_t own_replies; /* that came by box or own_mail; never reset */
    struct th_mail boxed;             /* what was in the box */
    struct th_watch *in_hand; /* held: of the call that is handled now, until it is answered */
    struct th_heap calls_due;
    th_ms alarm_at;
    bool was_alarm; /* the last callback was on_alarm: now a message may go first */
    struct th_subscribed *subscribed;
    th_ms due_at;            /* so long as it is in its place's heap: its deadline there */
    struct th_heap_node due; /* under the place's lock */
};

/* What a server is to be told once: how a call ended, or that a server did. */
enum th_run_wish_what {
    TH_RUN_CALLED,
    TH_RUN_MONITORED,
    TH_RUN_CANCELLED,   /* the call: by its owner, let go, or told to nobody */
    TH_RUN_DEMONITORED, /* the monitor: likewise */
    TH_RUN_ENDED        /* the owner has ended, and with it all that it wished for */
};
struct th_run_wish {
    enum th_run_wish_what what;
    uint64_t ref;  /* not of ENDED */
    th_pid target; /* CALLED, MONITORED */
    th_ms due;     /* CALLED: timed out then */
};

/* What a host does its own way. */
struct th_host_ops {
    struct th_now (*now)(struct th_host *host);
    uint64_t (*now_us)(struct th_host *host);

    /* Brings place->now and place->us up to date: exactly, or so that they are late by a few
     * microseconds at most. The place's thread. */
    void (*read_clock)(struct th_place *place, bool is_exact);

    /* A slot became queued: give it a turn at its place, soon. Any thread, no lock held. */
    void (*ready)(struct th_place *place, struct th_slot *slot);

    /* There are now so many slots. Errors: TH_NO_MEMORY. Under host->lock. NULL: needs no room. */
    enum th_err (*reserve)(struct th_host *host, unsigned slot_count);

    /* A callback begins. msg: NULL for TH_TRACE_OWN; of TH_TRACE_REPLY it has the reference of the
     * call, and no kind without a reply. The place's thread, no lock held. NULL: not told. */
    void (*begun)(struct th_slot *slot, const char *doing, enum th_trace_sort sort,
                  const struct th_msg *msg, struct th_now now);

    /* A server wishes to be told something, or not any more. No lock held. NULL: not told. */
    void (*wished)(struct th_slot *owner, const struct th_run_wish *wish);

    /* A callback has ended, doing what `doing` names. The place's thread, no lock held. NULL: not told. */
    void (*done)(struct th_slot *slot, const char *doing, struct th_now now);

    /* True when the calling thread must not wait, for servers need it. */
    bool (*is_needed_here)(struct th_host *host);

    /*
     * Waits until is_over, which is asked under host->outside.lock and changes with a broadcast of
     * host->progress, or for so long. Not a server's thread, no lock held.
     */
    void (*wait)(struct th_host *host, bool (*is_over)(struct th_host *host, const void *arg),
                 const void *arg, th_ms for_ms);
};

/* Slots lie in chunks, each twice the one before, so that a host of few servers is small and a slot
 * never moves. */
enum { TH_CHUNK_FIRST = 8, TH_CHUNKS_MAX = 13 };
_Static_assert(TH_SERVERS_MAX == TH_CHUNK_FIRST * ((1 << TH_CHUNKS_MAX) - 1), "all chunks");

struct th_host {
    const struct th_host_ops *ops;

    /* Plain threads in th_call_wait: a slot that owns their calls and takes no turns. */
    struct th_slot outside;
    pthread_cond_t progress; /* with outside.lock: a call was decided, a server ended */

    _Atomic(struct th_slot *) chunks[TH_CHUNKS_MAX];
    atomic_uint slot_count;

    /* Sent to nobody: to a pid that never was, without memory, or an answer that nobody asked for. */
    atomic_uint_fast64_t refused_nowhere;
    atomic_uint_fast64_t missed_nowhere;
    atomic_uint_fast64_t flushed_nowhere;

    pthread_mutex_t lock;
    bool is_closing;
    uint64_t started; /* servers so far */
    struct th_slot *live_first;
    struct th_slot *live_last;
    struct th_slot *free_first; /* oldest first, so that a slot rests before it is used again */
    struct th_slot *free_last;
    struct th_index names;
    uint64_t name_changes; /* names taken and freed so far */
    struct th_name_watch *name_watches;
    struct th_place *places;
    th_ms watch_limit;
    const struct th_log *watch_log;
};

/* --- host.c --- */

/* Fills a zeroed host. */
void th_run_host_init(struct th_host *host, const struct th_host_ops *ops);

/*
 * Stops every server: supervisors one after the other, the newest first, which stop their children;
 * then the rest, newest first; after 4/5 of the time, who is left without being asked.
 * Returns how many still live.
 */
unsigned th_run_host_stop_all(struct th_host *host, th_ms limit);

/* Frees what th_run_host_init and the servers left; nobody may live. Not the host itself. */
void th_run_host_clear(struct th_host *host);

/* The machine slept: tells who asked to be told. */
void th_run_resumed(struct th_host *host);

/* A slot by its number, below slot_count. */
static inline struct th_slot *th_run_slot_at(struct th_host *host, unsigned index)
{
    unsigned nth = index + TH_CHUNK_FIRST; /* chunk i begins at TH_CHUNK_FIRST << i */
    unsigned chunk = 31 - (unsigned)__builtin_clz(nth / TH_CHUNK_FIRST);

    return &atomic_load_explicit(&host->chunks[chunk],
                                 memory_order_relaxed)[nth - ((unsigned)TH_CHUNK_FIRST << chunk)];
}

/* The slot that a pid points into, or NULL for none; whether it lives there is another question. */
static inline struct th_slot *th_run_slot(struct th_host *host, th_pid pid)
{
    uint32_t index = (uint32_t)pid;

    if (pid == 0 || index >= atomic_load_explicit(&host->slot_count, memory_order_acquire))
        return NULL;
    return th_run_slot_at(host, index);
}

bool th_run_is_alive(struct th_host *host, th_pid pid);

/* Whether the server lives at the place that this thread runs: then it goes on living until this thread
 * gives it a turn. */
static inline bool th_run_lives_here(struct th_slot *slot, th_pid pid)
{
    const struct th_place *here = th_run_here();

    /* Asked again at the end: then the place was this server's, and not a newcomer's in its slot. */
    return here && atomic_load(&slot->living) == pid && atomic_load(&slot->place) == here &&
           atomic_load(&slot->living) == pid;
}

/* Fills a row with what can be seen of a server now; false when the slot has none. */
bool th_run_look(struct th_slot *slot, struct th_server_look *row);

/* The slot of the server whose callback runs on this thread, which must be self. */
struct th_slot *th_run_self(const struct th_self *self);

/* The server whose callback runs on this thread, or 0. */
th_pid th_run_sender(struct th_host *host);

/* Under the slot's lock: makes it queued. Returns whether the caller must call th_run_ready. */
TH_MUST bool th_run_mark_queued(struct th_slot *slot);

/*
 * A server that has nothing to do may linger: it counts as queued while its place, which has nobody else
 * to give a turn, looks at its box for a moment. Who sends it something next fills the box: one cache
 * line, which the place's thread looks at anyway, instead of the lock, the mailbox and the place's list.
 * What follows goes into the mailbox, which is read after the box.
 *
 * The one who claims the box is to fill it, at once; fill returns whether the caller must call
 * th_run_ready then, for nobody looks any more. A call lies there with its watch, as it does in own_mail;
 * its callee holds that, and gives it back with its answer, or links it when it does not answer in its
 * callback.
 * Thread: any.
 */
TH_MUST bool th_run_box_claim(struct th_slot *slot, th_pid to);
TH_MUST bool th_run_box_fill(struct th_slot *slot, enum th_box_what what);

/* The box is open from now on. Under the slot's lock, nothing being in the mailbox. */
void th_run_box_open(struct th_slot *slot);

/*
 * th_run_box_take: takes what is in the box; returns false when it is empty.
 * th_run_linger_end: closes the box. Returns true when the server must have a turn.
 * Thread: the place's, no lock held; before any other server has a turn.
 */
bool th_run_box_take(struct th_slot *slot);
TH_MUST bool th_run_linger_end(struct th_slot *slot);

/* Hands a slot to its place. No lock held; only by who made it queued. */
void th_run_ready(struct th_slot *slot);

/* Counts without a locked instruction: for counters that one thread writes at a time. Who reads it with
 * acquire sees all that was counted before. */
static inline void th_run_count(atomic_uint_fast64_t *counter, uint64_t by)
{
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);

    atomic_store_explicit(counter, now + by, memory_order_release);
}

/* How many calls, casts and events wait; notes it for depth_peak. Under lock. */
unsigned th_run_depth(struct th_slot *slot);

/* Takes what has come in hand without the lock, if nobody else has put anything into the mailbox; else
 * returns false. Thread: the place's. */
TH_MUST bool th_run_fetch_own(struct th_slot *slot);

/* Moves all that others have put into the mailbox to the end of a list. Place's thread, under lock. */
void th_run_empty(struct th_slot *slot, struct th_mail_list *to);

/* Counts what was let go by its owner while it was on its way or waited. No lock held. */
void th_run_count_flushed(struct th_slot *slot);

/* Tells the host, if it wants to know, what a server wishes for. No lock held. */
static inline void th_run_wished(struct th_slot *owner, const struct th_run_wish *wish)
{
    if (owner->host->ops->wished)
        owner->host->ops->wished(owner, wish);
}

/* --- spawn.c --- */

/*
 * th_spawn by a supervisor: parent is its pid, restarts how often the name was restarted. The server has
 * its pid and mailbox, but takes no turn before th_run_begin, which must follow: so whoever watches it
 * by then hears how it ended, however soon.
 */
TH_MUST enum th_err th_run_spawn(struct th_host *host, const struct th_server_spec *spec,
                                 th_pid parent, unsigned restarts, th_pid *pid);
void th_run_begin(struct th_host *host, th_pid pid);

/* Takes a server that ended out of the names and the list of the living; then gives its slot back. */
void th_run_slot_bury(struct th_slot *slot, enum th_err why);
void th_run_slot_free(struct th_slot *slot);

/* th_stop that does not ask on_stop. */
void th_run_stop_now(struct th_host *host, th_pid pid, enum th_err why);

/* --- host_uv.c --- */

/* th_host_uv_close with another limit of time. */
void th_run_host_uv_close(struct th_host *host, th_ms limit);

/* --- turn.c --- */

/*
 * Gives a queued slot a turn: what waits for it now, in at most `callbacks` callbacks (at least 1).
 * Returns false when it had nothing to do.
 * Thread: the place's, with th_run_here set and its clock read, since which nothing else was done.
 */
bool th_run_turn(struct th_slot *slot, unsigned callbacks);

/* A call of this kind is answered by the kernel, after init and without code of the server; by a
 * supervisor itself, once its children have started. */
extern const struct th_msg_kind th_run_started_msg;

#endif
