/*
 * A whole program with a node in it.
 *
 *     cc -o example example.c $(pkg-config --cflags --libs telehash)
 *     ./example                    a first node; prints how others join through it
 *     ./example ENTRY HASHNAME     another one: joins with what the first printed, then connects
 *
 * Both end when their input does (Ctrl-D).
 */
#include <stdio.h>
#include <string.h>

#include <telehash/telehash.h>

static void on_connected(struct th_node *node, enum th_err result, const char *hashname, void *data)
{
    (void)node, (void)data;
    printf("%s %s\n", result == TH_OK ? "connected to" : th_strerror(result), hashname);
}

static void on_event(struct th_node *node, const struct th_node_event *event, void *data)
{
    static const char *const states[] = {"starting", "joining", "ready", "alone"};

    if (event->kind == TH_EVENT_STATE)
        printf("state %s\n", states[event->state]);
    else if (event->hashname)
        printf("link %s %s\n", event->kind == TH_EVENT_LINK_UP ? "up" : "down", event->hashname);
    if (event->kind == TH_EVENT_STATE && event->state == TH_STATE_READY && data)
        th_node_connect(node, (const char *)data, 0, on_connected, NULL);
}

int main(int argc, char **argv)
{
    static const char *const addresses[] = {"127.0.0.1:0"}; /* without: all, port 42424 */
    struct th_node_options options;
    struct th_identity *identity = NULL;
    struct th_node *node = NULL;
    char entry[4096];
    size_t len = sizeof entry;

    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    th_node_options_init(&options, sizeof options);
    options.listen = addresses;
    options.listen_count = 1;
    options.seeds = argc > 1 ? argv[1] : NULL;
    options.seeds_len = argc > 1 ? strlen(argv[1]) : 0;

    enum th_err err = th_identity_generate(&identity); /* th_identity_import: the same every time */
    options.identity = identity;
    if (err == TH_OK)
        err = th_node_new(&node, &options);
    if (err == TH_OK)
        err = th_node_start(node, NULL, on_event, argc > 2 ? argv[2] : NULL);
    if (err == TH_OK)
        err = th_node_seeds_entry(node, entry, &len);
    if (err == TH_OK)
        printf("hashname %s\n%s", th_node_hashname(node), entry);
    else
        fprintf(stderr, "example: %s\n", th_strerror(err));

    while (err == TH_OK && getchar() != EOF)
        continue;
    th_node_close(node, NULL, NULL); /* waits until all is over */
    th_identity_free(identity);
    return err == TH_OK ? 0 : 1;
}
