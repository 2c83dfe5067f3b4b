#include "tools/app/resolver.h"

#include "switch/base/mem.h"
#include "tools/app/addresses.h"

#include <pthread.h>

const struct th_msg_kind th_resolved_msg = {"settings.resolved", th_mem_free};

/* Shared by its owner and the threads that run for it. */
struct th_resolver {
    pthread_mutex_t lock;
    unsigned users;
    struct th_host *host; /* NULL: the owner has gone */
    th_pid pid;
};

struct lookup {
    struct th_resolver *resolver;
    struct th_hashname id;
    unsigned host_count;
    struct th_seed_host host[TH_SEED_HOSTS_MAX];
};

/* One user less. is_owner: nobody is to be told from now on. */
static void leave(struct th_resolver *resolver, bool is_owner)
{
    pthread_mutex_lock(&resolver->lock);
    if (is_owner)
        resolver->host = NULL;
    bool is_last = --resolver->users == 0;
    pthread_mutex_unlock(&resolver->lock);
    if (is_last) {
        pthread_mutex_destroy(&resolver->lock);
        th_mem_free(resolver);
    }
}

static void tell(struct th_resolver *resolver, struct th_resolved *resolved)
{
    pthread_mutex_lock(&resolver->lock);
    /* One that finds no room is asked for again later. */
    if (resolver->host)
        (void)th_post(resolver->host, resolver->pid,
                      (struct th_msg){.kind = &th_resolved_msg, .body = resolved});
    else
        th_mem_free(resolved);
    pthread_mutex_unlock(&resolver->lock);
}

static void *look_up(void *arg)
{
    struct lookup *lookup = arg;
    struct th_resolved *resolved = th_mem_zalloc(1, sizeof *resolved);

    if (resolved) {
        resolved->id = lookup->id;
        resolved->host = lookup->host[0];
        for (unsigned i = 0; i < lookup->host_count; i++)
            th_addresses_look_up(&resolved->paths, &lookup->host[i]);
        tell(lookup->resolver, resolved);
    }
    leave(lookup->resolver, false);
    th_mem_free(lookup);
    return NULL;
}

struct th_resolver *th_resolver_new(struct th_host *host, th_pid pid)
{
    struct th_resolver *resolver = th_mem_zalloc(1, sizeof *resolver);

    if (resolver == NULL)
        return NULL;
    *resolver = (struct th_resolver){.users = 1, .host = host, .pid = pid};
    pthread_mutex_init(&resolver->lock, NULL);
    return resolver;
}

enum th_err th_resolver_ask(struct th_resolver *resolver, const struct th_named_seed *seed)
{
    struct lookup *lookup = th_mem_zalloc(1, sizeof *lookup);
    pthread_attr_t attr;
    pthread_t thread;

    if (lookup == NULL)
        return TH_NO_MEMORY;
    *lookup = (struct lookup){resolver, seed->seed.id, seed->host_count, {{{0}, 0}}};
    for (unsigned i = 0; i < seed->host_count; i++)
        lookup->host[i] = seed->host[i];
    pthread_mutex_lock(&resolver->lock);
    resolver->users++;
    pthread_mutex_unlock(&resolver->lock);

    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    int failed = pthread_create(&thread, &attr, look_up, lookup);
    pthread_attr_destroy(&attr);
    if (failed) {
        leave(resolver, false);
        th_mem_free(lookup);
        return TH_LIMIT;
    }
    return TH_OK;
}

void th_resolver_free(struct th_resolver *resolver)
{
    if (resolver)
        leave(resolver, true);
}
