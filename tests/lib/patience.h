/*
 * patience.h - how long a test waits for what must come.
 *
 * Nothing is shown by it: what does not come in so long never will, on the slowest of machines. It is
 * somewhat less than what ctest grants, so that the test says what it missed.
 */
#ifndef TH_LIB_PATIENCE_H
#define TH_LIB_PATIENCE_H

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define TEST_IS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define TEST_IS_SANITIZED 1
#endif
#endif

#ifdef TEST_IS_SANITIZED
enum { TEST_PATIENCE_S = 180 };
#else
enum { TEST_PATIENCE_S = 45 };
#endif

enum { TEST_PATIENCE_MS = 1000 * TEST_PATIENCE_S };

#endif
