/*
 * mail_stock.h - memory for the calls, casts and events that wait for a server.
 *
 * Mail is taken by whoever sends and given back by the server in the same order. So it lies in pages,
 * one behind the other: both sides walk straight through memory, which a processor fetches ahead of
 * them, and malloc is asked once for many. The page that was read last is the next to be filled.
 *
 * Floor:  1 (run); private to it.
 * Thread: the slot's lock, where nothing else is said.
 */
#ifndef TH_RUN_MAIL_STOCK_H
#define TH_RUN_MAIL_STOCK_H

#include "switch/run/mailbox.h"

/* Pieces of mail in a page: a server of which little is asked has one of the first, 240 bytes; the more
 * is waiting, the larger is the next. */
enum { TH_MAIL_PAGE_FIRST = 4, TH_MAIL_PAGE_GROWTH = 4, TH_MAIL_PAGE_MAX = 256 };

struct th_mail_page;

/* A zeroed one is empty and holds no memory. */
struct th_mail_stock {
    struct th_mail_page *first; /* the oldest */
    struct th_mail_page *last;  /* mail is taken from here */
    struct th_mail_page *spare; /* to be filled next; or NULL */
    unsigned taken;             /* of the last page */
};

/* How far the server has come; apart, for it is written while others write to the stock. A zeroed one
 * is at the beginning. Thread: the place's. */
struct th_mail_reader {
    struct th_mail_page *page;
    unsigned given; /* of it */
};

/* Returns NULL without memory. */
struct th_mail *th_run_mail_take(struct th_mail_stock *stock);

/* What the next th_run_mail_take needs is fetched into the processor's cache. */
void th_run_mail_fetch(const struct th_mail_stock *stock);

/* The oldest piece is not needed any more. Thread: the place's; needs no lock. */
void th_run_mail_give(const struct th_mail_stock *stock, struct th_mail_reader *reader);

/*
 * Takes out the pages that are not needed, to be freed without the lock.
 * is_idle  everything was given back; then no page is kept but one of the first size.
 * Thread:  the place's.
 */
struct th_mail_page *th_run_mail_trim(struct th_mail_stock *stock, struct th_mail_reader *reader,
                                      bool is_idle);

/* Takes out all pages, whatever lies in them. Thread: the place's. */
struct th_mail_page *th_run_mail_take_all(struct th_mail_stock *stock,
                                          struct th_mail_reader *reader);

/* No lock held. Returns how many there were. */
unsigned th_run_mail_pages_free(struct th_mail_page *pages);

#endif
