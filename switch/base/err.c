#include "switch/base/err.h"

#include <stddef.h>

const char *th_strerror(enum th_err e)
{
    static const char *const words[] = {
#define TH_ERR_WORDS(name, text) [TH_##name] = (text),
        TH_ERR_LIST(TH_ERR_WORDS)
#undef TH_ERR_WORDS
    };

    if ((size_t)e >= sizeof words / sizeof words[0])
        return "unknown error";
    return words[e];
}
