#include "tools/app/ctl_show.h"

#include "switch/base/mem.h"
#include "switch/wire/hashname.h"

#include <stdint.h>
#include <string.h>

enum { HOPS_SHOWN_MAX = 12 };

static const char *hex_in(const json_t *row, const char *key)
{
    return json_string_value(json_object_get(row, key));
}

static uint64_t number_in(const json_t *row, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(row, key));
}

/* Digits that tell apart all hashnames of a trace; 64 when not short. */
static int digits_of(const json_t *result, const struct th_style *style)
{
    const json_t *steps = json_object_get(result, "steps");
    const json_t *closest = json_object_get(result, "closest");
    const json_t *ways = json_object_get(result, "ways");
    size_t room = 2 * json_array_size(steps) + json_array_size(closest) + json_array_size(ways) + 2;
    const char **hex = style->is_short ? th_mem_zalloc(room, sizeof *hex) : NULL;
    unsigned count = 0;

    if (hex == NULL)
        return TH_HASHNAME_HEX;
    hex[count++] = hex_in(result, "target");
    for (size_t i = 0; i < json_array_size(steps); i++) {
        hex[count++] = hex_in(json_array_get(steps, i), "asked");
        hex[count++] = hex_in(json_array_get(steps, i), "via");
    }
    for (size_t i = 0; i < json_array_size(closest); i++)
        hex[count++] = json_string_value(json_array_get(closest, i));
    for (size_t i = 0; i < json_array_size(ways); i++)
        hex[count++] = hex_in(json_array_get(ways, i), "via");
    unsigned digits = th_hex_digits(hex, count);
    th_mem_free(hex);
    return (int)digits;
}

/* How many leading bits two hashnames share: what a lookup gains with every hop. */
static unsigned shared_bits(const char *a, const char *b)
{
    struct th_hashname x, y;

    if (a == NULL || b == NULL || !th_hashname_read(&x, a, strlen(a)) ||
        !th_hashname_read(&y, b, strlen(b)))
        return 0;
    return (unsigned)(255 - th_hashname_bucket(&x, &y));
}

/* Lookups are told in whole milliseconds, and loopback is faster. */
static const char *short_ms(char text[32], uint64_t ms)
{
    return ms > 0 ? th_text_ms(text, ms) : "< 1 ms";
}

/* --- the tree of who told of whom ----------------------------------------------------------------- */

enum { PREFIX_MAX = 8 * HOPS_SHOWN_MAX };

struct tree {
    const json_t *result, *steps;
    const struct th_style *style;
    struct th_table table;
    int digits;
    bool is_again;    /* the paths after the first try */
    uint64_t path;    /* of the rows that are drawn */
    size_t target_at; /* the step whose node told of the target; SIZE_MAX: none */
};

static bool is_same(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

static bool is_in_try(const struct tree *tree, size_t i)
{
    return number_in(json_array_get(tree->steps, i), "path") == tree->path;
}

/* The step that asked the node which told of this one; SIZE_MAX: we knew it. */
static size_t parent_of(const struct tree *tree, size_t i)
{
    const char *via = hex_in(json_array_get(tree->steps, i), "via");

    for (size_t k = 0; via && k < i; k++)
        if (is_in_try(tree, k) && is_same(hex_in(json_array_get(tree->steps, k), "asked"), via))
            return k;
    return SIZE_MAX;
}

static void add_step(struct tree *tree, const json_t *step, const char *branch)
{
    struct th_table *table = &tree->table;
    bool is_answered = json_is_true(json_object_get(step, "answered"));
    const char *asked = hex_in(step, "asked");
    uint64_t gave_up = number_in(step, "gave_up_ms");
    char text[32];

    if (tree->is_again)
        th_table_cell(table, "%u", (unsigned)tree->path);
    th_table_cell(table, "%s%.*s", branch, tree->digits, asked ? asked : "?");
    th_table_cell(table, "%u", shared_bits(hex_in(tree->result, "target"), asked));
    if (is_answered)
        th_table_cell(table, "%s", short_ms(text, number_in(step, "rtt_ms")));
    else if (gave_up > 0)
        th_table_cell(table, "none in %s", th_text_ms(text, gave_up));
    else
        th_table_cell(table, "not needed");
    if (is_answered)
        th_table_cell(table, "%llu", (unsigned long long)number_in(step, "entries"));
    else
        th_table_cell(table, "-");
}

static void add_target(struct tree *tree, const char *branch)
{
    const char *target = hex_in(tree->result, "target");

    if (tree->is_again)
        th_table_cell(&tree->table, "%u", (unsigned)tree->path);
    th_table_cell(&tree->table, "%s%.*s", branch, tree->digits, target ? target : "?");
    th_table_cell(&tree->table, "all");
    th_table_cell(&tree->table, "found");
    th_table_cell(&tree->table, "-");
}

/* The next child of a step after this one; the target comes last. SIZE_MAX: there is none. */
static size_t next_child(const struct tree *tree, size_t parent, size_t after)
{
    for (size_t i = after; i < json_array_size(tree->steps); i++)
        if (is_in_try(tree, i) && parent_of(tree, i) == parent)
            return i;
    return SIZE_MAX;
}

static void add_children(struct tree *tree, size_t parent, const char *prefix, unsigned depth)
{
    const bool is_utf8 = tree->style->is_utf8;
    bool has_target = parent != SIZE_MAX && parent == tree->target_at;
    char branch[PREFIX_MAX], below[PREFIX_MAX];

    for (size_t i = next_child(tree, parent, 0), next; i != SIZE_MAX; i = next) {
        next = next_child(tree, parent, i + 1);
        bool is_last = next == SIZE_MAX && !has_target;
        const char *corner = is_utf8 ? (is_last ? "└─ " : "├─ ") : is_last ? "`- " : "|- ";
        const char *line = is_last ? "   " : is_utf8 ? "│  " : "|  ";

        snprintf(branch, sizeof branch, "%s%s", prefix, corner);
        snprintf(below, sizeof below, "%s%s", prefix, depth < HOPS_SHOWN_MAX ? line : "");
        add_step(tree, json_array_get(tree->steps, i), branch);
        add_children(tree, i, below, depth + 1);
    }
    if (has_target) {
        snprintf(branch, sizeof branch, "%s%s", prefix, is_utf8 ? "└─ " : "`- ");
        add_target(tree, branch);
    }
}

/* Where the node stands that told of the target: in the last try in which it was asked. */
static size_t find_teller(const json_t *result, const json_t *steps)
{
    const char *told_by = hex_in(result, "told_by");
    size_t i = json_is_true(json_object_get(result, "found")) ? json_array_size(steps) : 0;

    while (i-- > 0)
        if (is_same(hex_in(json_array_get(steps, i), "asked"), told_by))
            return i;
    return SIZE_MAX;
}

/* We, and how many we knew that were worth asking. */
static void add_root(struct tree *tree)
{
    unsigned known = 0;

    for (size_t i = next_child(tree, SIZE_MAX, 0); i != SIZE_MAX;
         i = next_child(tree, SIZE_MAX, i + 1))
        known++;
    if (tree->is_again)
        th_table_cell(&tree->table, "%u", (unsigned)tree->path);
    th_table_cell(&tree->table, "we");
    th_table_cell(&tree->table, "-");
    th_table_cell(&tree->table, "-");
    th_table_cell(&tree->table, "%u", known);
}

/* The steps of the first try, or those of the paths after it. */
static void show_try(const json_t *result, const struct th_style *style, int digits, bool is_again)
{
    const json_t *steps = json_object_get(result, "steps");
    uint64_t paths = is_again ? number_in(result, "paths") : 0;
    struct tree tree = {.result = result,
                        .steps = steps,
                        .style = style,
                        .digits = digits,
                        .is_again = is_again,
                        .target_at = find_teller(result, steps)};

    if (is_again)
        th_table_column(&tree.table, "PATH", true);
    th_table_column(&tree.table, "WHO TOLD OF WHOM", false);
    th_table_column(&tree.table, "BITS", true);
    th_table_column(&tree.table, "ANSWER", true);
    th_table_column(&tree.table, "TOLD OF", true);
    for (tree.path = is_again; tree.path <= paths; tree.path++) {
        if (next_child(&tree, SIZE_MAX, 0) == SIZE_MAX)
            continue;
        add_root(&tree);
        add_children(&tree, SIZE_MAX, "", 0);
    }
    th_table_print(&tree.table, style);
}

static void show_steps(const json_t *result, const struct th_style *style, int digits)
{
    size_t told = json_array_size(json_object_get(result, "steps"));
    uint64_t asked = number_in(result, "asked"), paths = number_in(result, "paths");

    if (told == 0) {
        fputs(json_is_true(json_object_get(result, "found"))
                  ? "nobody was asked: we have a line to it, and no other peer\n"
                  : "nobody was asked: there are no peers to start from\n",
              style->out);
        return;
    }
    show_try(result, style, digits, false);
    if (paths > 0) {
        fprintf(style->out,
                "\n%snone of them told of it: once more over %llu paths without a node "
                "in common, in case some lie%s\n\n",
                th_dim(style), (unsigned long long)paths, th_plain(style));
        show_try(result, style, digits, true);
    }
    if (asked > told)
        fprintf(style->out, "%sand %llu more%s\n", th_dim(style),
                (unsigned long long)(asked - told), th_plain(style));
}

static void show_verdict(const json_t *result, const struct th_style *style, int digits)
{
    bool is_found = json_is_true(json_object_get(result, "found"));
    bool has_line = json_is_true(json_object_get(result, "line"));
    const char *told_by = hex_in(result, "told_by"), *path = hex_in(result, "path");
    const char *word = hex_in(result, "result");
    char took[32];

    fprintf(style->out, "\n%s%s%s after asking %llu in %s",
            is_found ? th_green(style) : th_red(style), is_found ? "found" : "not found",
            th_plain(style), (unsigned long long)number_in(result, "asked"),
            short_ms(took, number_in(result, "took_ms")));
    if (is_found && told_by)
        fprintf(style->out, ", %llu hop%s away: %.*s told of it",
                (unsigned long long)number_in(result, "hops"),
                number_in(result, "hops") == 1 ? "" : "s", digits, told_by);
    if (is_found && path)
        fprintf(style->out, " at %s", path);
    fputc('\n', style->out);
    if (is_found)
        fputs(has_line ? "a line to it is up\n" : "no line to it came up: it may be gone\n",
              style->out);
    else if (word && strcmp(word, "timed_out") == 0)
        fputs("the time ran out before everybody had been asked\n", style->out);
}

static void show_closest(const json_t *result, const struct th_style *style, int digits)
{
    const json_t *closest = json_object_get(result, "closest");

    for (size_t i = 0; i < json_array_size(closest); i++) {
        const char *hex = json_string_value(json_array_get(closest, i));

        fprintf(style->out, "%-9s%.*s %s%u bits%s\n", i == 0 ? "nearest" : "", digits,
                hex ? hex : "?", th_dim(style), shared_bits(hex_in(result, "target"), hex),
                th_plain(style));
    }
}

void th_show_seek(const json_t *result, const struct th_style *style)
{
    int digits = digits_of(result, style);
    const char *target = hex_in(result, "target");

    fprintf(style->out, "seeking %s%.*s%s\n%s(bits: how much of it a node's hashname shares)%s\n\n",
            th_bold(style), digits, target ? target : "?", th_plain(style), th_dim(style),
            th_plain(style));
    show_steps(result, style, digits);
    show_verdict(result, style, digits);
    if (!json_is_true(json_object_get(result, "found")))
        show_closest(result, style, digits);
    th_show_ways(result, digits, style);
}
