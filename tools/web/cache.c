#include "tools/web/cache.h"

#include "switch/base/mem.h"

#include <pthread.h>

struct entry {
    struct th_web_answer *newest; /* NULL: none yet */
    th_ms made_at;
    bool is_asked; /* somebody asks the daemon just now */
};

struct th_web_cache {
    struct th_web_cache_config config;
    pthread_mutex_t lock;  /* of all below; not held while the daemon is asked */
    pthread_cond_t is_new; /* of any entry */
    unsigned waiting;
    struct entry entry[TH_WEB_WHATS];
};

enum th_err th_web_cache_new(struct th_web_cache **out, const struct th_web_cache_config *config)
{
    struct th_web_cache *cache = th_mem_zalloc(1, sizeof *cache);

    if (cache == NULL)
        return TH_NO_MEMORY;
    cache->config = *config;
    pthread_mutex_init(&cache->lock, NULL);
    pthread_cond_init(&cache->is_new, NULL);
    *out = cache;
    return TH_OK;
}

/* Called with the lock, which is given back meanwhile. */
static void ask(struct th_web_cache *cache, enum th_web_what what)
{
    struct entry *entry = &cache->entry[what];

    entry->is_asked = true;
    pthread_mutex_unlock(&cache->lock);
    struct th_web_answer *answer = cache->config.fetch(cache->config.data, what);
    pthread_mutex_lock(&cache->lock);
    th_web_answer_release(entry->newest);
    entry->newest = answer;
    entry->made_at = cache->config.now(cache->config.data);
    entry->is_asked = false;
    pthread_cond_broadcast(&cache->is_new);
}

static void wait_for_other(struct th_web_cache *cache, const struct entry *entry)
{
    cache->waiting++;
    while (entry->is_asked)
        pthread_cond_wait(&cache->is_new, &cache->lock);
    cache->waiting--;
}

static bool is_fresh(const struct th_web_cache *cache, const struct entry *entry)
{
    return entry->newest &&
           cache->config.now(cache->config.data) - entry->made_at < TH_WEB_FRESH_MS;
}

struct th_web_answer *th_web_cache_get(struct th_web_cache *cache, enum th_web_what what)
{
    struct entry *entry = &cache->entry[what];
    struct th_web_answer *answer = NULL;

    pthread_mutex_lock(&cache->lock);
    bool is_failing = entry->newest && !entry->newest->is_good;
    bool is_crowded = entry->is_asked && !is_failing && cache->waiting >= TH_WEB_WAITING_MAX;

    if (!entry->is_asked && !is_fresh(cache, entry))
        ask(cache, what);
    else if (entry->is_asked && !is_failing && !is_crowded)
        wait_for_other(cache, entry);
    if (entry->newest && !is_crowded)
        answer = th_web_answer_hold(entry->newest);
    pthread_mutex_unlock(&cache->lock);
    if (is_crowded)
        return th_web_answer_why_not(what, "too many wait for telehashd; try again");
    return answer;
}

unsigned th_web_cache_waiting(struct th_web_cache *cache)
{
    pthread_mutex_lock(&cache->lock);
    unsigned waiting = cache->waiting;
    pthread_mutex_unlock(&cache->lock);
    return waiting;
}

void th_web_cache_free(struct th_web_cache *cache)
{
    if (cache == NULL)
        return;
    for (unsigned i = 0; i < TH_WEB_WHATS; i++)
        th_web_answer_release(cache->entry[i].newest);
    pthread_cond_destroy(&cache->is_new);
    pthread_mutex_destroy(&cache->lock);
    th_mem_free(cache);
}
