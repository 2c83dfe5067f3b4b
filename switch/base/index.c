#include "switch/base/index.h"

#include "switch/base/mem.h"

enum { BUCKETS_AT_FIRST = 8 };

static struct th_index_node **bucket_of(const struct th_index *index, uint64_t key)
{
    uint64_t mixed = key * UINT64_C(0x9E3779B97F4A7C15); /* 2^64 / golden ratio spreads runs */

    return &index->buckets[(mixed >> 32) & (index->bucket_count - 1)];
}

static void link_node(struct th_index *index, struct th_index_node *node)
{
    struct th_index_node **at = bucket_of(index, node->key);

    node->next = *at;
    *at = node;
}

static enum th_err resize(struct th_index *index, size_t bucket_count)
{
    struct th_index old = *index;
    struct th_index_node **buckets = th_mem_zalloc(bucket_count, sizeof(struct th_index_node *));

    if (buckets == NULL)
        return TH_NO_MEMORY;
    index->buckets = buckets;
    index->bucket_count = bucket_count;
    for (size_t i = 0; i < old.bucket_count; i++)
        for (struct th_index_node *node = old.buckets[i], *next; node; node = next) {
            next = node->next;
            link_node(index, node);
        }
    th_mem_free(old.buckets);
    return TH_OK;
}

static enum th_err grow(struct th_index *index)
{
    return resize(index, index->bucket_count ? 2 * index->bucket_count : BUCKETS_AT_FIRST);
}

/* Of many that were there for a while no empty buckets stay. Without memory they do, for now. */
static void shrink(struct th_index *index)
{
    if (index->bucket_count > BUCKETS_AT_FIRST && index->count < index->bucket_count / 4 &&
        resize(index, index->bucket_count / 2) != TH_OK)
        return;
}

enum th_err th_index_add(struct th_index *index, struct th_index_node *node, uint64_t key)
{
    if (index->count >= index->bucket_count && grow(index) != TH_OK && index->bucket_count == 0)
        return TH_NO_MEMORY;

    node->key = key;
    link_node(index, node);
    index->count++;
    return TH_OK;
}

static struct th_index_node *first_with(struct th_index_node *node, uint64_t key)
{
    while (node && node->key != key)
        node = node->next;
    return node;
}

void th_index_fetch(const struct th_index *index, uint64_t key)
{
    if (index->count > 0)
        th_mem_fetch(bucket_of(index, key), sizeof(struct th_index_node *));
}

const struct th_index_node *th_index_near(const struct th_index *index, uint64_t key)
{
    return index->count > 0 ? *bucket_of(index, key) : NULL;
}

struct th_index_node *th_index_find(const struct th_index *index, uint64_t key)
{
    return index->count > 0 ? first_with(*bucket_of(index, key), key) : NULL;
}

struct th_index_node *th_index_next(const struct th_index_node *node)
{
    return first_with(node->next, node->key);
}

void th_index_remove(struct th_index *index, struct th_index_node *node)
{
    TH_CHECK(index->count > 0);
    struct th_index_node **at = bucket_of(index, node->key);

    while (*at && *at != node)
        at = &(*at)->next;
    TH_CHECK(*at == node);
    *at = node->next;
    node->next = NULL;
    index->count--;
    shrink(index);
}

struct th_index_node *th_index_take(struct th_index *index)
{
    if (index->count == 0)
        return NULL;
    for (size_t i = 0; i < index->bucket_count; i++)
        if (index->buckets[i]) {
            struct th_index_node *node = index->buckets[i];
            th_index_remove(index, node);
            return node;
        }
    return NULL;
}

void th_index_clear(struct th_index *index)
{
    th_mem_free(index->buckets);
    *index = (struct th_index){0};
}
