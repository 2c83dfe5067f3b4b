#include "switch/wire/drop.h"

#include <stddef.h>

void th_drop_count(struct th_drops *drops, enum th_drop why)
{
    if (why != TH_DROP_NONE && (size_t)why < TH_DROP_COUNT)
        drops->n[why]++;
}

const char *th_drop_name(enum th_drop why)
{
    static const char *const words[] = {
#define TH_DROP_WORD(name, word, meaning) [TH_DROP_##name] = (word),
        TH_DROP_LIST(TH_DROP_WORD)
#undef TH_DROP_WORD
    };

    return (size_t)why < TH_DROP_COUNT ? words[why] : "?";
}

const char *th_drop_meaning(enum th_drop why)
{
    static const char *const sentences[] = {
#define TH_DROP_SENTENCE(name, word, meaning) [TH_DROP_##name] = (meaning),
        TH_DROP_LIST(TH_DROP_SENTENCE)
#undef TH_DROP_SENTENCE
    };

    return (size_t)why < TH_DROP_COUNT ? sentences[why] : "?";
}
