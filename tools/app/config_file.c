#include "tools/app/config_table.h"

#include "switch/base/mem.h"
#include "tools/app/file.h"

#include <ctype.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>

/* --- where things are in the text ----------------------------------------------------------------- */

/* The end of a string that begins at its quote: the closing quote, or the end of the text. */
static const char *end_of_string(const char *at)
{
    for (at++; *at && *at != '"' && *at != '\n'; at++)
        if (*at == '\\' && at[1])
            at++;
    return at;
}

/* Comments become spaces, so that lines and columns stay what they are. */
static void blank_comments(char *text)
{
    for (char *at = text; *at; at++) {
        if (*at == '"') {
            at += end_of_string(at) - at;
            if (*at == '\0')
                return;
        } else if (at[0] == '/' && at[1] == '/') {
            while (*at && *at != '\n')
                *at++ = ' ';
            if (*at == '\0')
                return;
        }
    }
}

/* The line of member number `member` of the outer object, or of an item of the list that it has.
 * The text is JSON. */
static unsigned line_of(const char *text, unsigned member, unsigned item)
{
    unsigned line = 1, found = 0, depth = 0, members = 0, items = 0;
    bool is_name = true;

    for (const char *at = text; *at; at++) {
        line += *at == '\n';
        if (isspace((unsigned char)*at))
            continue;
        if (found && (depth < 1 || (depth == 1 && *at == ',')))
            break;
        if (found && depth == 2 && items == item && *at != ',')
            return line;
        if (depth == 1 && *at == '"' && is_name && members++ == member)
            found = line;
        if (depth == 1)
            is_name = *at == ',' || (is_name && *at != '"');
        if (*at == '"')
            at = end_of_string(at);
        else if (*at == ',' && depth == 2)
            items++;
        else if (*at == '[' || *at == '{')
            items = ++depth == 2 ? 0 : items;
        else if (*at == ']' || *at == '}')
            depth--;
        if (*at == '\0')
            break;
    }
    return found ? found : line;
}

/* --- values --------------------------------------------------------------------------------------- */

/* One file while it is read. */
struct reading {
    struct th_config *config;
    const char *file, *text;
    char *say;
};

static enum th_err refuse(const struct reading *r, unsigned line, const char *name,
                          const char *reason)
{
    snprintf(r->say, TH_SAY_MAX, "%.250s: line %u: %.64s: %.150s", r->file, line, name, reason);
    return TH_INVALID;
}

static const char *wanted_by(enum th_key_kind kind)
{
    switch (kind) {
    case TH_KEY_SWITCH:
        return "is neither true nor false";
    case TH_KEY_NUMBER:
        return "is no whole number (without quotes)";
    case TH_KEY_TEXT:
        return "is no text in quotes";
    case TH_KEY_LIST:
        return "is neither a text in quotes nor a list of such";
    case TH_KEY_TASK:
        break;
    }
    return "is no key of a file";
}

/* Notes a value of a key's kind; false for one of another kind. */
static bool say_value(const struct reading *r, const struct th_config_key *key, const json_t *value,
                      unsigned line, enum th_err *e)
{
    char number[32];
    const char *text = json_string_value(value);

    if (key->kind == TH_KEY_SWITCH) {
        text = json_is_true(value) ? "true" : json_is_false(value) ? "false" : NULL;
    } else if (key->kind == TH_KEY_NUMBER) {
        snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
        text = json_is_integer(value) ? number : NULL;
    }
    *e = text ? th_config_say(r->config, key, text, line) : TH_OK;
    return text != NULL;
}

static enum th_err say_member(const struct reading *r, const struct th_config_key *key,
                              const json_t *value, unsigned member)
{
    unsigned line = line_of(r->text, member, UINT32_MAX);
    char name[TH_KEY_NAME_MAX];
    enum th_err e = TH_OK;

    th_config_file_name(name, key);
    if (json_is_null(value))
        return TH_OK; /* as if it were not there */
    if (key->kind != TH_KEY_LIST || !json_is_array(value))
        return say_value(r, key, value, line, &e) ? e : refuse(r, line, name, wanted_by(key->kind));
    for (size_t i = 0; i < json_array_size(value) && e == TH_OK; i++) {
        line = line_of(r->text, member, (unsigned)i);
        if (!say_value(r, key, json_array_get(value, i), line, &e))
            return refuse(r, line, name, wanted_by(key->kind));
    }
    return e;
}

static enum th_err refuse_unknown(const struct reading *r, const char *name, unsigned line)
{
    const struct th_config_key *nearest = th_config_nearest(name, strlen(name), true);
    char known[TH_KEY_NAME_MAX];

    if (nearest == NULL)
        return refuse(r, line, name, "unknown key; telehashd --print-config lists them");
    th_config_file_name(known, nearest);
    snprintf(r->say, TH_SAY_MAX, "%.250s: line %u: %.64s: unknown key; did you mean %s?", r->file,
             line, name, known);
    return TH_INVALID;
}

/* --- the file ------------------------------------------------------------------------------------- */

static bool is_said(const struct th_config *config, unsigned flags, const struct th_config_key *key)
{
    for (unsigned i = 0; i < flags; i++)
        if (config->said[i].key->read == key->read)
            return true;
    return false;
}

static enum th_err say_members(const struct reading *r, json_t *object)
{
    unsigned flags = r->config->said_count, member = 0;
    enum th_err e = TH_OK;
    const char *name;
    json_t *value;

    json_object_foreach(object, name, value)
    {
        const struct th_config_key *key = th_config_find(name, strlen(name), true);

        if (key == NULL)
            return refuse_unknown(r, name, line_of(r->text, member, UINT32_MAX));
        /* What a flag overrides is not noted, but it is looked at: a mistake is one all the same. */
        unsigned before = r->config->said_count;
        e = say_member(r, key, value, member++);
        if (e != TH_OK)
            return e;
        if (is_said(r->config, flags, key))
            while (r->config->said_count > before)
                th_mem_free(r->config->said[--r->config->said_count].text);
    }
    return e;
}

enum th_err th_config_read_text(struct th_config *config, const char *file, char *text,
                                char say[TH_SAY_MAX])
{
    struct reading r = {.config = config, .file = file, .text = text, .say = say};
    json_error_t error;
    enum th_err e = TH_FORMAT;

    blank_comments(text);
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (json == NULL) {
        snprintf(say, TH_SAY_MAX, "%.250s: line %d: %.150s", file, error.line, error.text);
    } else if (!json_is_object(json)) {
        snprintf(say, TH_SAY_MAX, "%.250s: line 1: a list, not {\"key\": value, …}", file);
    } else {
        e = say_members(&r, json);
        if (e == TH_NO_MEMORY)
            snprintf(say, TH_SAY_MAX, "%.250s: no memory to read it", file);
    }
    json_decref(json);
    return e;
}

enum th_err th_config_read_file(struct th_config *config, const char *file, char say[TH_SAY_MAX])
{
    char *text;
    size_t len;
    enum th_err e = th_file_read(AT_FDCWD, file, TH_CONFIG_FILE_MAX, &text, &len, NULL);

    if (e != TH_OK) {
        snprintf(say, TH_SAY_MAX,
                 "%.250s: %s; telehashd --print-config prints one, --config FILE names one", file,
                 th_file_why(e));
        return e;
    }
    if (strlen(text) != len) {
        snprintf(say, TH_SAY_MAX, "%.250s: is no text: there is a byte 0 in it", file);
        e = TH_FORMAT;
    } else {
        e = th_config_read_text(config, file, text, say);
    }
    th_mem_free(text);
    return e;
}

/* --- a file with everything ----------------------------------------------------------------------- */

void th_config_print(FILE *out)
{
    const char *comma = "";

    fputs(
        "// telehashd's configuration: what holds when nothing is said. A flag overrides what is\n"
        "// said here. null is as if the key were not there. After a change: thctl reload.\n"
        "{",
        out);
    for (unsigned i = 0; i < th_config_key_count; i++) {
        const struct th_config_key *key = &th_config_keys[i];
        char name[TH_KEY_NAME_MAX];

        if (key->kind == TH_KEY_TASK)
            continue;
        th_config_file_name(name, key);
        fprintf(out, "%s\n    // %s%s%s%s\n    \"%s\": %s", comma, key->value ? key->value : "",
                key->value ? ": " : "", key->help, key->is_live ? "" : " (needs a restart)", name,
                key->otherwise);
        comma = ",\n";
    }
    fputs("\n}\n", out);
}
