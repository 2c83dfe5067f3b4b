#include "tools/app/load.h"

#include "router/keep.h"
#include "router/remember.h"
#include "tools/app/addresses.h"
#include "tools/app/allow.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum th_err th_load_own_identity(struct th_loaded *loaded, char say[TH_SAY_MAX])
{
    uint8_t seed[TH_KEY_BYTES];
    bool is_new;

    randombytes_buf(seed, sizeof seed);
    enum th_err e = th_store_identity(&loaded->store, &loaded->identity, seed, &is_new, say);
    sodium_memzero(seed, sizeof seed);
    return e;
}

enum th_err th_load_files(struct th_loaded *loaded, const struct th_config *config,
                          char say[TH_SAY_MAX])
{
    enum th_err e =
        config->identity ? th_store_read_identity(&loaded->identity, config->identity, say) : TH_OK;

    struct th_allow *allow;

    if (e == TH_OK)
        e = th_seedbook_configure(&loaded->book, config, say);
    if (e == TH_OK)
        e = th_allow_load(&allow, config->allow, config->allow_count, say);
    if (e == TH_OK)
        th_allowed_set(&loaded->allowed, allow);
    return e;
}

enum th_err th_load_advertised(struct th_loaded *loaded, const struct th_config *config,
                               char say[TH_SAY_MAX])
{
    bool is_missing[TH_ADVERTISE_MAX];
    enum th_err e = th_addresses_resolve(&loaded->advertised, is_missing, config->advertise,
                                         config->advertise_count, say);

    for (unsigned i = 0; i < config->advertise_count && (e == TH_OK || e == TH_NOT_FOUND); i++) {
        const char *text = config->advertise[i];
        struct th_seed_host host;

        if (!th_seed_host_read(&host, text, strlen(text)))
            continue;
        if (loaded->host_count < TH_SEED_HOSTS_MAX)
            loaded->hosts[loaded->host_count++] = host;
        if (is_missing[i])
            loaded->missing[loaded->missing_count++] = host;
    }
    return e;
}

enum th_err th_load_named(struct th_loaded *loaded, const struct th_config *config,
                          const struct th_log *log, char say[TH_SAY_MAX])
{
    enum th_err e = th_load_files(loaded, config, say);

    if (e == TH_OK)
        e = th_load_advertised(loaded, config, say);
    if (e != TH_NOT_FOUND)
        return e;
    for (unsigned i = 0; i < loaded->missing_count; i++)
        TH_LOG(log, WARN, "store",
               "not found name=%s:%u: --advertise is looked up again until it is",
               loaded->missing[i].name, loaded->missing[i].port);
    return TH_OK;
}

/* The seeds that were added in earlier runs, beside those that are configured. Our own entry is in the
 * file that everybody got, and nobody joins from itself. */
static enum th_err load_seeds(struct th_loaded *loaded, const struct th_log *log,
                              char say[TH_SAY_MAX])
{
    char warning[TH_SAY_MAX];
    enum th_err e = th_seedbook_load(&loaded->book, &loaded->store.disk.disk, warning, say);
    struct th_book_seed *own = th_seedbook_find(&loaded->book, &loaded->identity.hashname);

    if (own)
        th_seedbook_remove(&loaded->book, own);
    if (e == TH_OK && warning[0])
        TH_LOG(log, WARN, "store", "%s", warning);
    if (e == TH_OK) {
        snprintf(say, TH_SAY_MAX, "no memory for the seeds");
        e = th_seedbook_seeds(&loaded->seeds, &loaded->book);
    }
    return e;
}

/* Who is to be joined from must be somebody to talk to. */
static void warn_of_seeds_not_allowed(struct th_loaded *loaded, const struct th_log *log)
{
    struct th_allow *allow = th_allowed_get(&loaded->allowed);
    char hex[TH_HASHNAME_HEX + 1];

    for (unsigned i = 0; i < loaded->seeds.count; i++)
        if (!th_allow_has(allow, &loaded->seeds.seed[i].id)) {
            th_hashname_write(hex, &loaded->seeds.seed[i].id);
            TH_LOG(log, WARN, "store", "seed_not_allowed peer=%s: add it with --allow", hex);
        }
    th_allow_release(allow);
}

enum th_err th_load_state(struct th_loaded *loaded, const struct th_config *config,
                          const struct th_log *log, char say[TH_SAY_MAX])
{
    char warning[TH_SAY_MAX];
    struct th_keep keep;
    enum th_err e = config->identity ? TH_OK : th_load_own_identity(loaded, say);

    if (e == TH_OK) {
        th_keep_init(&keep, &loaded->store.disk.disk);
        e = th_keep_load(&keep, &loaded->kept, warning, say);
        th_keep_clear(&keep);
    }
    if (e == TH_OK && warning[0])
        TH_LOG(log, WARN, "store", "%s", warning);
    if (e == TH_OK)
        e = load_seeds(loaded, log, say);
    warn_of_seeds_not_allowed(loaded, log);
    th_forget(&loaded->kept.peers, &loaded->identity.hashname);
    return e;
}

void th_load_clear(struct th_loaded *loaded)
{
    th_store_close(&loaded->store);
    th_seedbook_clear(&loaded->book);
    th_seeds_clear(&loaded->seeds);
    th_kept_clear(&loaded->kept);
    th_identity_clear(&loaded->identity);
    th_allowed_clear(&loaded->allowed);
}
