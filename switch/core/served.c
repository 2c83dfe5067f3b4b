#include "switch/core/served.h"

#include "switch/base/mem.h"
#include "switch/core/streams.h"

#include <string.h>

static char (*find(const struct th_served *served, const char *type))[TH_TYPE_MAX]
{
    for (unsigned i = 0; i < served->count; i++)
        if (strcmp(served->type[i], type) == 0)
            return &served->type[i];
    return NULL;
}

bool th_served_has(const struct th_served *served, const char *type)
{
    return find(served, type) != NULL;
}

enum th_err th_served_set(struct th_served *served, const char *type, bool is_served)
{
    char(*known)[TH_TYPE_MAX] = find(served, type);

    if (!th_stream_type_is_valid(type))
        return TH_INVALID;
    if (known && !is_served)
        memmove(known, served->type[--served->count], sizeof *known);
    if (known || !is_served)
        return TH_OK;
    if (served->count == TH_SERVED_MAX)
        return TH_LIMIT;
    if (served->type == NULL)
        served->type = th_mem_zalloc(TH_SERVED_MAX, sizeof *served->type);
    if (served->type == NULL)
        return TH_NO_MEMORY;
    strcpy(served->type[served->count++], type);
    return TH_OK;
}

void th_served_clear(struct th_served *served)
{
    th_mem_free(served->type);
    *served = (struct th_served){0};
}
