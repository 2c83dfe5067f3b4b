/*
 * Names of --advertise that had no address when the daemon started: they are looked up until they have
 * one, and the switch is told.
 */
#include "tools/app/settings_inside.h"

#include "router/node.h"
#include "switch/base/mem.h"

#include <stdio.h>
#include <string.h>

/* The next one that is missing, after the one that was looked up last. */
static bool choose_next(struct settings *s)
{
    const struct th_settings_config *config = s->config;

    for (unsigned i = 1; i <= config->missing_count; i++) {
        unsigned k = (s->name + i) % config->missing_count;

        if (!config->is_found[k]) {
            s->name = k;
            return true;
        }
    }
    return false;
}

void th_settings_names_init(struct settings *s, const struct th_self *self)
{
    s->name_at = choose_next(s) ? self->now.mono + TH_RESOLVE_FIRST_MS : TH_NEVER;
    s->advertise_at = s->config->found.count > 0 ? self->now.mono : TH_NEVER;
}

void th_settings_look_up_name(struct settings *s, const struct th_self *self)
{
    struct th_named_seed named = {.host_count = 1};

    if (s->name_at > self->now.mono)
        return;
    named.seed.id = *s->config->self; /* nobody's seed is oneself */
    named.host[0] = s->config->missing[s->name];
    s->is_resolving = th_resolver_ask(s->resolver, &named) == TH_OK;
    s->name_at = self->now.mono + TH_RESOLVE_PAUSE_MAX_MS; /* an answer makes it another */
    s->resolving_until = s->name_at;
}

/* Which name an answer is about; missing_count: none. An answer may come so late that another was asked for
 * meanwhile. */
static unsigned find_name(const struct th_settings_config *config, const struct th_seed_host *host)
{
    unsigned k = 0;

    while (k < config->missing_count && (config->missing[k].port != host->port ||
                                         strcmp(config->missing[k].name, host->name) != 0))
        k++;
    return k;
}

static bool has_addr(const struct th_paths *paths, const struct th_addr *addr)
{
    for (unsigned i = 0; i < paths->count; i++)
        if (th_addr_is_equal(&paths->addr[i], addr))
            return true;
    return false;
}

void th_settings_name_found(struct settings *s, const struct th_self *self,
                            const struct th_resolved *resolved)
{
    const struct th_paths *paths = &resolved->paths;
    struct th_paths *found = &s->config->found;
    unsigned k = find_name(s->config, &resolved->host);

    if (k == s->config->missing_count || s->config->is_found[k])
        return; /* its second answer */
    if (paths->count == 0) {
        s->name_fails++;
    } else {
        s->name_fails = 0;
        s->config->is_found[k] = true;
        for (unsigned i = 0; i < paths->count && found->count < TH_PATHS_MAX; i++)
            if (!has_addr(s->config->advertised, &paths->addr[i]) &&
                !has_addr(found, &paths->addr[i]))
                found->addr[found->count++] = paths->addr[i];
        s->advertise_at = self->now.mono;
        TH_LOG(self->log, INFO, "settings", "found name=%s:%u addresses=%u: advertised from now on",
               resolved->host.name, resolved->host.port, paths->count);
    }
    s->name_at =
        choose_next(s) ? self->now.mono + th_settings_pause_after(s->name_fails) : TH_NEVER;
}

void th_settings_names_status(const struct settings *s, struct th_settings_status *status)
{
    for (unsigned i = 0; i < s->config->missing_count; i++) {
        if (s->config->is_found[i])
            continue;
        status->own_missing++;
        snprintf(status->own, sizeof status->own, "%.60s", s->config->missing[i].name);
    }
}

void th_settings_tell_names(struct settings *s, const struct th_self *self)
{
    struct th_paths *paths;

    if (s->advertise_at > self->now.mono)
        return;
    s->advertise_at = self->now.mono + TH_SETTINGS_AGAIN_MS;
    paths = th_mem_copy(s->config->advertised, sizeof *paths);
    if (paths == NULL)
        return;
    for (unsigned i = 0; i < s->config->found.count && paths->count < TH_PATHS_MAX; i++)
        paths->addr[paths->count++] = s->config->found.addr[i];
    if (th_post(self->host, th_whereis(self->host, self->scope, TH_NODE_SWITCH),
                (struct th_msg){.kind = &th_switch_msg_advertise, .body = paths}) == TH_OK)
        s->advertise_at = TH_NEVER;
}
