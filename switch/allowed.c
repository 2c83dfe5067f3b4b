#include "switch/allowed.h"

#include <stddef.h>

const struct th_msg_kind th_allowed_msg = {"switch.allowed", NULL};

void th_allowed_init(struct th_allowed *allowed, struct th_allow *list)
{
    pthread_mutex_init(&allowed->lock, NULL);
    allowed->list = list;
}

void th_allowed_clear(struct th_allowed *allowed)
{
    th_allow_release(allowed->list);
    allowed->list = NULL;
    pthread_mutex_destroy(&allowed->lock);
}

void th_allowed_set(struct th_allowed *allowed, struct th_allow *list)
{
    pthread_mutex_lock(&allowed->lock);
    struct th_allow *before = allowed->list;
    allowed->list = list;
    pthread_mutex_unlock(&allowed->lock);
    th_allow_release(before);
}

struct th_allow *th_allowed_get(struct th_allowed *allowed)
{
    if (allowed == NULL)
        return NULL;
    pthread_mutex_lock(&allowed->lock);
    struct th_allow *list = th_allow_hold(allowed->list);
    pthread_mutex_unlock(&allowed->lock);
    return list;
}
