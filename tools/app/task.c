#include "tools/app/task.h"

#include "tools/app/addresses.h"
#include "tools/app/welcome.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A daemon may be running on the same state: nothing is locked unless there is something to make. */
static enum th_err find_identity(struct th_loaded *loaded, const struct th_config *config,
                                 char say[TH_SAY_MAX])
{
    enum th_err e = config->identity
                        ? th_store_read_identity(&loaded->identity, config->identity, say)
                        : th_store_peek_identity(&loaded->identity, config->state_dir, say);

    if (e != TH_NO_ENTRY || config->identity)
        return e;
    e = th_store_open(&loaded->store, config->state_dir, say);
    return e == TH_OK ? th_load_own_identity(loaded, say) : e;
}

static void print_entry(const struct th_loaded *loaded, const struct th_config *config)
{
    struct th_addr addrs[TH_NET_ADDRS_MAX];
    struct th_paths paths = {0};
    unsigned count =
        th_addresses_would_listen(addrs, TH_NET_ADDRS_MAX, config->listen, config->listen_count);

    th_addresses_choose(&paths, &loaded->advertised, addrs, count, NULL, 0);
    th_welcome_print_entry(loaded, &paths);
}

enum th_err th_task_identity(struct th_loaded *loaded, const struct th_config *config,
                             char say[TH_SAY_MAX])
{
    char hex[TH_HASHNAME_HEX + 1];
    enum th_err e = th_load_advertised(loaded, config, say);

    if (e == TH_OK)
        e = find_identity(loaded, config, say);
    if (e != TH_OK)
        return e;
    if (config->task == TH_TASK_PRINT_HASHNAME) {
        th_hashname_write(hex, &loaded->identity.hashname);
        puts(hex);
    } else {
        print_entry(loaded, config);
    }
    if (fflush(stdout) == 0)
        return TH_OK;
    snprintf(say, TH_SAY_MAX, "cannot write to stdout: %s", strerror(errno));
    return TH_IO;
}

enum th_err th_task_check(struct th_loaded *loaded, const struct th_config *config,
                          char say[TH_SAY_MAX])
{
    enum th_err e = th_load_files(loaded, config, say);

    if (e == TH_OK)
        printf("%s: good\n", config->file);
    return e;
}
