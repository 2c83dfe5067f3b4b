/* Memory of mail: how it grows, goes round and is let go of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "switch/base/mem.h"
#include "switch/run/mail_stock.h"

#include <cmocka.h>

struct stock {
    struct th_mail_stock stock;
    struct th_mail_reader reader;
};

static void take(struct stock *s, unsigned count)
{
    while (count-- > 0)
        assert_non_null(th_run_mail_take(&s->stock));
}

static void give(struct stock *s, unsigned count)
{
    while (count-- > 0)
        th_run_mail_give(&s->stock, &s->reader);
}

/* Returns how many pages were let go of. */
static unsigned trim(struct stock *s, bool is_idle)
{
    return th_run_mail_pages_free(th_run_mail_trim(&s->stock, &s->reader, is_idle));
}

static unsigned clear(struct stock *s)
{
    return th_run_mail_pages_free(th_run_mail_take_all(&s->stock, &s->reader));
}

static void pages_grow_up_to_a_limit(void **state)
{
    (void)state;
    struct stock s = {0};

    take(&s, 4 + 16 + 64 + TH_MAIL_PAGE_MAX + TH_MAIL_PAGE_MAX);
    assert_int_equal(clear(&s), 5);
    take(&s, 4 + 16 + 64 + TH_MAIL_PAGE_MAX + TH_MAIL_PAGE_MAX + 1);
    assert_int_equal(clear(&s), 6);
}

static void page_that_was_read_is_filled_again(void **state)
{
    (void)state;
    struct stock s = {0};
    take(&s, 1);

    for (unsigned i = 0; i < 10000; i++) {
        take(&s, 1);
        give(&s, 1);
        assert_int_equal(trim(&s, false), 0);
    }

    assert_int_equal(clear(&s), 2); /* of 4 and of 16 */
}

static void of_several_pages_that_were_read_one_is_kept(void **state)
{
    (void)state;
    struct stock s = {0};
    take(&s, 4 + 16 + 64 + 1);

    give(&s, 4 + 16 + 64);
    assert_int_equal(trim(&s, false), 1); /* the first; the third is still being read */
    give(&s, 1);
    assert_int_equal(trim(&s, false), 1);

    assert_int_equal(clear(&s), 2);
}

static void idle_server_keeps_a_small_page_only(void **state)
{
    (void)state;
    struct stock s = {0};
    struct th_mail *mail;
    assert_int_equal(trim(&s, true), 0);

    mail = th_run_mail_take(&s.stock);
    give(&s, 1);
    assert_int_equal(trim(&s, true), 0);
    assert_ptr_equal(th_run_mail_take(&s.stock), mail);

    take(&s, 99);
    give(&s, 100);
    assert_int_equal(trim(&s, true), 4);
    assert_int_equal(clear(&s), 0);
}

static void stock_without_memory_gives_no_mail_and_goes_on(void **state)
{
    (void)state;
    struct stock s = {0};
    take(&s, 4);

    th_mem_refuse(1);
    assert_null(th_run_mail_take(&s.stock));
    take(&s, 1);

    give(&s, 5);
    assert_int_equal(clear(&s), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_grow_up_to_a_limit),
        cmocka_unit_test(page_that_was_read_is_filled_again),
        cmocka_unit_test(of_several_pages_that_were_read_one_is_kept),
        cmocka_unit_test(idle_server_keeps_a_small_page_only),
        cmocka_unit_test(stock_without_memory_gives_no_mail_and_goes_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
