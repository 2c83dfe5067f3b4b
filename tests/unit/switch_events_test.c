/* What is kept of lines and links: whatever is said of them comes back as it was said. */
#include "tests/unit/run_events.h"

#include "switch/base/rng.h"
#include "switch/events.h"

#include <stdlib.h>

enum { NODES = 12, PROBES = 2 };

/* What was said last of a node, so as the test knows it. */
struct node {
    uint64_t began;                       /* the first of what is so of it; 0: nothing is */
    enum th_ev_kind line_kind, link_kind; /* 0: there is none */
    struct th_ev_line line;
    struct th_parts parts; /* as they come back */
    struct th_ev_link link;
};

struct scene {
    struct stage stage;
    th_pid manager;
    struct th_rng rng;
    uint64_t said;
    struct node node[NODES];
};

static void scene_open(struct scene *scene, uint8_t seed)
{
    const uint8_t rng_seed[TH_RNG_SEED_BYTES] = {seed};

    *scene = (struct scene){.stage = stage_open(seed)};
    scene->manager = spawn_manager(&scene->stage);
    th_rng_init(&scene->rng, rng_seed);
}

/* Any address, none, or that of a relay. */
static struct th_addr draw_addr(struct th_rng *rng)
{
    static const uint8_t families[] = {TH_FAMILY_NONE, TH_FAMILY_RELAY, TH_FAMILY_IPV4,
                                       TH_FAMILY_IPV6};
    struct th_addr addr = {.family = families[th_rng_below(rng, 4)]};

    if (addr.family == TH_FAMILY_NONE)
        return addr;
    th_rng_fill(rng, addr.ip, addr.family == TH_FAMILY_IPV6 ? sizeof addr.ip : 4);
    addr.port = (uint16_t)th_rng_below(rng, UINT16_MAX + 1);
    return addr;
}

/* A node of its own: its parts are that of the key, or more, or others alone. */
static void draw_identity(struct node *node, struct th_rng *rng)
{
    uint64_t parts = th_rng_below(rng, 3);
    struct th_fingerprint fp;

    *node = (struct node){.line.csid = TH_CS3A};
    th_rng_fill(rng, node->line.key.b, sizeof node->line.key.b);
    th_fingerprint_of(&fp, node->line.key.b, sizeof node->line.key.b);
    if (parts < 2)
        assert_true(th_parts_add(&node->parts, TH_CS3A, &fp));
    for (uint8_t csid = 1; parts > 0 && csid < 4; csid++) {
        th_rng_fill(rng, fp.b, sizeof fp.b);
        assert_true(th_parts_add(&node->parts, csid, &fp));
    }
    th_hashname_of(&node->line.id, &node->parts);
    node->link.id = node->line.id;
}

static void draw_line(struct th_ev_line *line, struct th_rng *rng)
{
    line->addr = draw_addr(rng);
    line->has_addr = th_rng_below(rng, 2);
    line->is_silent = th_rng_below(rng, 2);
    line->is_bridged = th_rng_below(rng, 2);
    line->up_at = th_rng_u64(rng) >> th_rng_below(rng, 64);
}

static void announce(struct scene *scene, struct th_event *event)
{
    assert_non_null(event);
    assert_int_equal(th_notify(scene->stage.host, scene->manager, event), TH_OK);
}

static void begin_or_end(struct scene *scene, struct node *node)
{
    if (node->line_kind == 0 && node->link_kind == 0)
        node->began = 0;
    else if (node->began == 0)
        node->began = ++scene->said;
}

/* The line is up, or changes, or is down. Now and then one is made up, of whose parts nothing is said. */
static void say_line(struct scene *scene, struct node *node)
{
    static const enum th_ev_kind kinds[] = {TH_EV_LINE_UP, TH_EV_PATH_CHANGED, TH_EV_LINE_SILENT,
                                            TH_EV_LINE_DOWN};
    enum th_ev_kind kind = kinds[th_rng_below(&scene->rng, 4)];

    draw_line(&node->line, &scene->rng);
    node->line.why = kind == TH_EV_LINE_DOWN ? TH_EOF : TH_GONE;
    if (th_rng_below(&scene->rng, 4)) {
        announce(scene, th_ev_line_new(kind, &node->line, &node->parts));
    } else {
        node->line.is_rolled = false;
        node->line.part_count = 0;
        announce(scene, th_ev_new(kind, &node->line, sizeof node->line));
    }
    node->line_kind = kind == TH_EV_LINE_DOWN ? 0 : kind;
    begin_or_end(scene, node);
}

static void say_link(struct scene *scene, struct node *node)
{
    bool is_up = th_rng_below(&scene->rng, 2);

    node->link.is_seed = th_rng_below(&scene->rng, 2);
    node->link.is_out = th_rng_below(&scene->rng, 2);
    node->link.why = TH_GONE;
    announce(scene,
             th_ev_new(is_up ? TH_EV_LINK_UP : TH_EV_LINK_DOWN, &node->link, sizeof node->link));
    node->link_kind = is_up ? TH_EV_LINK_UP : 0;
    begin_or_end(scene, node);
}

static struct th_facts *ask_facts(struct scene *scene)
{
    struct th_interest interest = {.kinds = TH_EV_LINE_UP | TH_EV_LINK_UP};
    struct th_msg reply,
        msg = {.kind = &th_facts_ask_msg, .body = th_mem_copy(&interest, sizeof interest)};

    assert_int_equal(th_call_wait(scene->stage.host, scene->manager, msg, 1000, &reply), TH_OK);
    return reply.body;
}

static void drop_facts(struct th_facts *facts)
{
    struct th_msg msg = {.kind = &th_facts_msg, .body = facts};

    th_msg_drop(&msg);
}

static struct node *find_node(struct scene *scene, const struct th_hashname *id)
{
    for (unsigned i = 0; i < NODES; i++)
        if (th_hashname_is_equal(&scene->node[i].line.id, id))
            return &scene->node[i];
    return NULL;
}

static void assert_line(const struct th_event *event, const struct node *node)
{
    const struct th_ev_line *line = th_ev_line_of(event), *said = &node->line;
    struct th_parts parts;

    assert_int_equal(event->kind, node->line_kind);
    assert_memory_equal(&line->key, &said->key, sizeof line->key);
    assert_int_equal(line->csid, said->csid);
    assert_int_equal(line->has_addr, said->has_addr);
    assert_int_equal(line->is_silent, said->is_silent);
    assert_int_equal(line->is_bridged, said->is_bridged);
    assert_memory_equal(&line->addr, &said->addr, sizeof line->addr);
    assert_int_equal(line->why, said->why);
    assert_int_equal(line->up_at, said->up_at);
    if (!said->is_rolled)
        return;
    th_ev_line_parts(line, &parts);
    assert_int_equal(parts.count, node->parts.count);
    assert_memory_equal(parts.part, node->parts.part, parts.count * sizeof parts.part[0]);
}

static void assert_link(const struct th_event *event, const struct node *node)
{
    const struct th_ev_link *link = th_ev_link_of(event);

    assert_int_equal(event->kind, node->link_kind);
    assert_int_equal(link->is_seed, node->link.is_seed);
    assert_int_equal(link->is_out, node->link.is_out);
    assert_int_equal(link->why, node->link.why);
}

/* What is kept is what was said, no more and no less, and in order. */
static void assert_all(struct scene *scene)
{
    struct th_facts *facts = ask_facts(scene);
    uint64_t began = 0;
    unsigned count = 0;

    for (unsigned i = 0; i < NODES; i++)
        count +=
            (scene->node[i].line_kind != 0 ? 1u : 0) + (scene->node[i].link_kind != 0 ? 1u : 0);
    assert_int_equal(facts->count, count);
    for (unsigned i = 0; i < facts->count; i++) {
        const struct th_event *event = facts->event[i];
        struct node *node = find_node(scene, event->body);
        assert_non_null(node);
        assert_true(node->began >= began);
        began = node->began;
        if (event->fact->kind == TH_EV_LINE_UP)
            assert_line(event, node);
        else
            assert_link(event, node);
    }
    drop_facts(facts);
}

static void lines_and_links_come_back_as_they_were_said(void **state)
{
    (void)state;
    enum { ACTS = 400 };

    for (uint8_t seed = 1; seed <= 10; seed++) {
        struct scene scene;
        scene_open(&scene, seed);
        for (unsigned i = 0; i < NODES; i++)
            draw_identity(&scene.node[i], &scene.rng);

        for (unsigned i = 0; i < ACTS; i++) {
            struct node *node = &scene.node[th_rng_below(&scene.rng, NODES)];
            if (th_rng_below(&scene.rng, 2))
                say_line(&scene, node);
            else
                say_link(&scene, node);
            assert_all(&scene);
        }
        th_host_sim_close(scene.stage.host);
    }
}

/* --- when their announcers end --- */

/* Announces a line to each node (number 0) or a link (1). */
static enum th_err announces_all(struct probe *probe, const struct th_self *self,
                                 struct th_msg *msg)
{
    struct scene *scene = probe->data;

    for (unsigned i = 0; i < NODES; i++) {
        struct node *node = &scene->node[i];
        struct th_event *event = probe_number_of(msg) == 0
                                     ? th_ev_line_new(TH_EV_LINE_UP, &node->line, &node->parts)
                                     : th_ev_new(TH_EV_LINK_UP, &node->link, sizeof node->link);
        if (event == NULL || th_notify(self->host, probe->other, event) != TH_OK)
            return TH_NO_MEMORY;
    }
    return TH_OK;
}

/* Which node is told to have lost what, in order: '0' and on its line, 'a' and on its link. */
static enum th_err notes_ends(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    struct scene *scene = probe->data;

    (void)self;
    if (msg->kind != &th_event_msg)
        return TH_OK;
    const struct th_event *event = th_event_of(msg);
    struct node *node = find_node(scene, event->body);
    char first = event->kind == TH_EV_LINE_DOWN ? '0' : 'a';
    if (event->kind == TH_EV_LINE_DOWN || event->kind == TH_EV_LINK_DOWN)
        probe_note(probe, node ? (char)(first + (node - scene->node)) : '?');
    return TH_OK;
}

static enum th_err subscribes_to_all(struct probe *probe, const struct th_self *self)
{
    return th_subscribe(self, probe->other, all, probe_on_reply, NULL);
}

/* The one who ends first may be who says of which key the name is. */
static void each_end_names_its_node_whoever_ends_first(void **state)
{
    (void)state;
    static const char *const traces[PROBES] = {"0123456789:;abcdefghijkl",
                                               "abcdefghijkl0123456789:;"};

    for (unsigned first = 0; first < PROBES; first++)
        for (unsigned first_to_say = 0; first_to_say < PROBES; first_to_say++) {
            struct scene scene;
            scene_open(&scene, 1);
            for (unsigned i = 0; i < NODES; i++) {
                draw_identity(&scene.node[i], &scene.rng);
                draw_line(&scene.node[i].line, &scene.rng);
            }
            struct probe reader = {.init = subscribes_to_all,
                                   .on_msg = notes_ends,
                                   .other = scene.manager,
                                   .data = &scene};
            struct probe said[PROBES];
            th_pid pids[PROBES];
            stage_spawn(&scene.stage, &reader);
            for (unsigned i = 0; i < PROBES; i++) {
                said[i] =
                    (struct probe){.on_msg = announces_all, .other = scene.manager, .data = &scene};
                pids[i] = stage_spawn(&scene.stage, &said[i]);
            }
            th_host_sim_run(scene.stage.host, 1);
            for (unsigned i = 0; i < PROBES; i++) {
                unsigned who = i ^ first_to_say;
                assert_int_equal(th_post(scene.stage.host, pids[who], probe_number(who)), TH_OK);
                th_host_sim_run(scene.stage.host, 1);
            }

            th_stop(scene.stage.host, pids[first], TH_OK);
            th_host_sim_run(scene.stage.host, 1);
            th_stop(scene.stage.host, pids[1 - first], TH_OK);
            th_host_sim_run(scene.stage.host, 1);

            assert_string_equal(reader.trace, traces[first]);
            th_host_sim_close(scene.stage.host);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_and_links_come_back_as_they_were_said),
        cmocka_unit_test(each_end_names_its_node_whoever_ends_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
