#include "switch/run/mail_stock.h"

#include "switch/base/mem.h"

struct th_mail_page {
    struct th_mail_page *next;
    unsigned room;
    struct th_mail mail[];
};

static struct th_mail_page *new_page(unsigned room)
{
    struct th_mail_page *page = th_mem_zalloc(1, sizeof *page + room * sizeof page->mail[0]);

    if (page)
        page->room = room;
    return page;
}

static unsigned next_room(const struct th_mail_page *last)
{
    if (last == NULL)
        return TH_MAIL_PAGE_FIRST;
    return last->room < TH_MAIL_PAGE_MAX ? last->room * TH_MAIL_PAGE_GROWTH : last->room;
}

static bool add_page(struct th_mail_stock *stock)
{
    struct th_mail_page *page = stock->spare ? stock->spare : new_page(next_room(stock->last));

    if (page == NULL)
        return false;
    page->next = NULL;
    *(stock->last ? &stock->last->next : &stock->first) = page;
    stock->last = page;
    stock->spare = NULL;
    stock->taken = 0;
    return true;
}

struct th_mail *th_run_mail_take(struct th_mail_stock *stock)
{
    if ((stock->last == NULL || stock->taken == stock->last->room) && !add_page(stock))
        return NULL;
    return &stock->last->mail[stock->taken++];
}

void th_run_mail_fetch(const struct th_mail_stock *stock)
{
    if (stock->last == NULL)
        return;
    th_mem_fetch(stock->last, sizeof *stock->last);
    th_mem_fetch(&stock->last->mail[stock->taken], sizeof stock->last->mail[0]);
}

void th_run_mail_give(const struct th_mail_stock *stock, struct th_mail_reader *reader)
{
    if (reader->page == NULL) {
        reader->page = stock->first;
    } else if (reader->given == reader->page->room) {
        reader->page = reader->page->next;
        reader->given = 0;
    }
    reader->given++;
}

/* page: NULL for none. */
static void put_out(struct th_mail_page **out, struct th_mail_page *page)
{
    if (page == NULL)
        return;
    page->next = *out;
    *out = page;
}

struct th_mail_page *th_run_mail_trim(struct th_mail_stock *stock, struct th_mail_reader *reader,
                                      bool is_idle)
{
    struct th_mail_page *out = NULL;

    while (reader->page && stock->first != reader->page) {
        struct th_mail_page *page = stock->first;
        stock->first = page->next;
        put_out(&out, stock->spare);
        stock->spare = page;
    }
    if (!is_idle || reader->page == NULL)
        return out;
    put_out(&out, stock->spare);
    stock->spare = NULL;
    stock->taken = 0;
    reader->given = 0;
    if (reader->page->room > TH_MAIL_PAGE_FIRST) {
        put_out(&out, reader->page);
        *stock = (struct th_mail_stock){0};
        *reader = (struct th_mail_reader){0};
    }
    return out;
}

struct th_mail_page *th_run_mail_take_all(struct th_mail_stock *stock,
                                          struct th_mail_reader *reader)
{
    struct th_mail_page *out = stock->first;

    put_out(&out, stock->spare);
    *stock = (struct th_mail_stock){0};
    *reader = (struct th_mail_reader){0};
    return out;
}

unsigned th_run_mail_pages_free(struct th_mail_page *pages)
{
    unsigned count = 0;

    for (struct th_mail_page *next; pages; pages = next, count++) {
        next = pages->next;
        th_mem_free(pages);
    }
    return count;
}
