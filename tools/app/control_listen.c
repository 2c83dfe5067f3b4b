#include "tools/app/control_listen.h"

void th_listen_init(struct th_listen *listen)
{
    *listen = (struct th_listen){.again_at = TH_NEVER, .calm_at = TH_NEVER};
}

bool th_listen_is_paused(const struct th_listen *listen)
{
    return listen->again_at != TH_NEVER;
}

bool th_listen_is_in_trouble(const struct th_listen *listen)
{
    return listen->calm_at != TH_NEVER;
}

bool th_listen_on_failed(struct th_listen *listen, th_ms now)
{
    bool is_first = !th_listen_is_in_trouble(listen);

    if (is_first) {
        listen->trouble = (struct th_listen_trouble){0};
        listen->began_at = now;
        listen->pause_ms = 0;
    }
    listen->failures++;
    listen->trouble.failures++;
    listen->trouble.took_ms = now - listen->began_at;
    listen->pause_ms = listen->pause_ms ? listen->pause_ms * 2 : TH_LISTEN_PAUSE_MS_MIN;
    if (listen->pause_ms > TH_LISTEN_PAUSE_MS_MAX)
        listen->pause_ms = TH_LISTEN_PAUSE_MS_MAX;
    listen->again_at = now + listen->pause_ms;
    listen->calm_at = now + TH_LISTEN_CALM_MS;
    return is_first;
}

void th_listen_on_accepted(struct th_listen *listen)
{
    listen->pause_ms = 0;
    if (th_listen_is_in_trouble(listen))
        listen->trouble.accepted++;
}

void th_listen_on_room(struct th_listen *listen, th_ms now)
{
    if (th_listen_is_paused(listen))
        listen->again_at = now;
}

bool th_listen_wants_accept(struct th_listen *listen, th_ms now)
{
    if (listen->again_at > now)
        return false;
    listen->again_at = TH_NEVER;
    return true;
}

bool th_listen_has_recovered(struct th_listen *listen, th_ms now, struct th_listen_trouble *trouble)
{
    if (listen->calm_at > now)
        return false;
    listen->calm_at = TH_NEVER;
    *trouble = listen->trouble;
    return true;
}

th_ms th_listen_deadline(const struct th_listen *listen)
{
    return th_sooner(listen->again_at, listen->calm_at);
}
