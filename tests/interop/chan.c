/*
 * A program with a node in it, for chan_test.py: it echoes what comes over channels, and asks others for the
 * same. The form of its lines is the test's alone.
 *
 *     chan SEEDS-FILE
 *
 * It prints "hashname …" and "ready", "echoed JSON BODY" for each packet that came, and what is asked for on
 * standard input: "open HASHNAME BODY" is answered with "got JSON BODY", then "over WHY". It ends with its input.
 */
#include "router/telehash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 65536, LINE_MAX_ = 512 };

static void print_packet(const char *what, const struct th_chan_packet *packet)
{
    printf("%s %.*s %.*s\n", what, (int)packet->json_len, packet->json ? packet->json : "",
           (int)packet->body_len, packet->body ? (const char *)packet->body : "");
}

/* As the JavaScript node does: the same once more, and the end. */
static void echo(struct th_chan *chan, const struct th_chan_packet *packet, void *data)
{
    struct th_chan_packet back = *packet;

    (void)data;
    print_packet("echoed", packet);
    back.is_end = 1;
    if (th_chan_send(chan, &back) != TH_OK)
        printf("not sent\n");
    th_chan_close(chan, NULL);
}

static void got(struct th_chan *chan, const struct th_chan_packet *packet, void *data)
{
    (void)chan, (void)data;
    print_packet("got", packet);
}

static void over(struct th_chan *chan, enum th_err why, void *data)
{
    (void)data;
    printf("over %s %s\n", th_strerror(why), th_chan_err(chan));
    th_chan_close(chan, NULL);
}

static void on_incoming(struct th_node *node, const struct th_chan_incoming *incoming, void *data)
{
    static const struct th_chan_cb callbacks = {.on_packet = echo};
    struct th_chan *chan;

    (void)node, (void)data;
    if (th_chan_accept(incoming, &callbacks, NULL, &chan) != TH_OK)
        printf("not accepted\n");
}

static void on_event(struct th_node *node, const struct th_node_event *event, void *data)
{
    (void)node, (void)data;
    if (event->kind == TH_EVENT_STATE && event->state == TH_STATE_READY)
        printf("ready\n");
}

static void obey(struct th_node *node, const char *line)
{
    static const struct th_chan_cb callbacks = {.on_packet = got, .on_end = over};
    char hashname[TH_HASHNAME_SIZE], body[LINE_MAX_];
    struct th_chan *chan;

    if (sscanf(line, "open %64s %500s", hashname, body) != 2) {
        printf("what?\n");
        return;
    }
    const struct th_chan_packet first = {
        .json = "{\"n\":[1,2.5,\"x\"]}", .json_len = 17, .body = body, .body_len = strlen(body)};
    enum th_err err = th_chan_open(node, hashname, "_echo", &first, &callbacks, NULL, &chan);
    if (err != TH_OK)
        printf("over %s\n", th_strerror(err));
}

int main(int argc, char **argv)
{
    static const char *const addresses[] = {"127.0.0.1:0"};
    static char seeds[FILE_MAX];
    char line[LINE_MAX_];
    struct th_node_options options;
    struct th_node *node = NULL;
    FILE *file = argc == 2 ? fopen(argv[1], "r") : NULL;

    if (file == NULL) {
        fprintf(stderr, "usage: chan SEEDS-FILE\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    th_node_options_init(&options, sizeof options);
    options.seeds = seeds;
    options.seeds_len = fread(seeds, 1, sizeof seeds, file);
    options.listen = addresses;
    options.listen_count = 1;
    fclose(file);
    enum th_err err = th_node_new(&node, &options);
    if (err == TH_OK)
        err = th_chan_listen(node, "_echo", on_incoming, NULL);
    if (err == TH_OK)
        err = th_node_start(node, NULL, on_event, NULL);
    if (err != TH_OK) {
        fprintf(stderr, "chan: %s\n", th_strerror(err));
        return 1;
    }
    printf("hashname %s\n", th_node_hashname(node));
    while (fgets(line, sizeof line, stdin))
        obey(node, line);
    th_node_close(node, NULL, NULL);
    return 0;
}
