#include "switch/wire/allow.h"

#include "switch/base/mem.h"

#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
    return th_hashname_compare(a, b);
}

enum th_err th_allow_new(struct th_allow **out, const struct th_hashname *ids, unsigned count)
{
    if (count > TH_ALLOW_MAX)
        return TH_LIMIT;
    struct th_allow *allow = th_mem_zalloc(1, sizeof *allow + count * sizeof allow->id[0]);
    if (allow == NULL)
        return TH_NO_MEMORY;
    atomic_init(&allow->holders, 1);
    if (count > 0) {
        memcpy(allow->id, ids, count * sizeof allow->id[0]);
        qsort(allow->id, count, sizeof allow->id[0], compare);
    }
    for (unsigned i = 0; i < count; i++)
        if (i == 0 || !th_hashname_is_equal(&allow->id[i], &allow->id[allow->count - 1]))
            allow->id[allow->count++] = allow->id[i];
    *out = allow;
    return TH_OK;
}

bool th_allow_has(const struct th_allow *allow, const struct th_hashname *id)
{
    return allow == NULL ||
           bsearch(id, allow->id, allow->count, sizeof allow->id[0], compare) != NULL;
}

struct th_allow *th_allow_hold(struct th_allow *allow)
{
    if (allow)
        atomic_fetch_add(&allow->holders, 1);
    return allow;
}

void th_allow_release(struct th_allow *allow)
{
    if (allow && atomic_fetch_sub(&allow->holders, 1) == 1)
        th_mem_free(allow);
}
