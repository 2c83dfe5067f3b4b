#include "switch/base/mem.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { SMALL_MAX = 1024 };

static _Thread_local uint64_t refuse_in;

static bool is_refused(void)
{
    return refuse_in > 0 && --refuse_in == 0;
}

/* A function of its own, or compilers make one calloc of malloc and memset. */
__attribute__((noinline)) static void *take(size_t size)
{
    return malloc(size);
}

/* glibc's calloc does not look into the thread's own cache of small pieces, malloc does: that takes a
 * third of the time. Large pieces come zeroed from the system. */
static void *take_zeroed(size_t size)
{
    void *memory = take(size);

    return memory ? memset(memory, 0, size) : NULL;
}

void *th_mem_zalloc(size_t n, size_t size)
{
    TH_CHECK(n > 0 && size > 0);
    if (n > SIZE_MAX / size || is_refused())
        return NULL;
    return n * size <= SMALL_MAX ? take_zeroed(n * size) : calloc(n, size);
}

void *th_mem_zalloc_lines(size_t n, size_t size)
{
    void *memory;

    TH_CHECK(n > 0 && size > 0 && size % TH_LINE == 0);
    if (n > SIZE_MAX / size || is_refused())
        return NULL;
    memory = aligned_alloc(TH_LINE, n * size);
    return memory ? memset(memory, 0, n * size) : NULL;
}

void *th_mem_resize(void *memory, size_t n, size_t size)
{
    TH_CHECK(n > 0 && size > 0);
    if (n > SIZE_MAX / size || is_refused())
        return NULL;
    return realloc(memory, n * size);
}

void *th_mem_copy(const void *bytes, size_t len)
{
    char *copy = is_refused() ? NULL : malloc(len + 1);

    if (copy == NULL)
        return NULL;
    if (len > 0)
        memcpy(copy, bytes, len);
    copy[len] = 0;
    return copy;
}

void th_mem_free(void *memory)
{
    free(memory);
}

void th_mem_refuse(uint64_t nth)
{
    refuse_in = nth;
}
