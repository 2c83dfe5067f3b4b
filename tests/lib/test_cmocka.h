/*
 * test_cmocka.h - cmocka with what it wants included before it. Include it last.
 */
#ifndef TH_LIB_TEST_CMOCKA_H
#define TH_LIB_TEST_CMOCKA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
