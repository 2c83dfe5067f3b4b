/*
 * mem.h - memory that may be refused.
 *
 * Every allocation of the library goes through here, so that a test can refuse the n-th one and see
 * what happens then.
 *
 * Floor:  0.
 * Thread: any.
 */
#ifndef TH_BASE_MEM_H
#define TH_BASE_MEM_H

#include "switch/base/check.h"

#include <stddef.h>
#include <stdint.h>

/* Zeroed memory for n things of size bytes each; NULL when there is none. n and size at least 1. */
TH_MUST void *th_mem_zalloc(size_t n, size_t size);

enum { TH_LINE = 64 }; /* bytes of a processor's cache line */

/* The same for things of a whole number of cache lines, beginning with one; not for th_mem_resize. */
TH_MUST void *th_mem_zalloc_lines(size_t n, size_t size);

/*
 * Changes the size of memory from th_mem_zalloc (or NULL) to n * size bytes; what is new is not
 * zeroed. Returns NULL, with the old memory untouched, when there is none.
 */
TH_MUST void *th_mem_resize(void *memory, size_t n, size_t size);

/* A copy of len bytes followed by a 0, for text; NULL when there is no memory. */
TH_MUST void *th_mem_copy(const void *bytes, size_t len);

/* How many places a list that is full takes next: an eighth more and some. For lists that live long and
 * change seldom; doubling would leave a third of their memory unused. */
static inline unsigned th_mem_room_after(unsigned room)
{
    return room + room / 8 + 4;
}

/* Has memory that is needed soon fetched into the processor's cache; any address will do. */
static inline void th_mem_fetch(const void *memory, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += TH_LINE)
        __builtin_prefetch((const char *)memory + i);
}

/* Frees; NULL is allowed. */
void th_mem_free(void *memory);

/*
 * For tests: the calling thread's allocation number `nth` from now (1 = the next) is refused, later
 * ones succeed; 0 refuses none. A setting of the thread, not of the process.
 */
void th_mem_refuse(uint64_t nth);

#endif
