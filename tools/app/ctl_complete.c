#include "tools/app/ctl_complete.h"

#include "tools/app/ctl_client.h"
#include "tools/app/logger.h"

#include <string.h>

enum { ANSWER_MS = 500 }; /* whoever pressed a key waits for it */

/* What a placeholder is: a member of each of a method's rows, and what is said of it. */
static const struct source {
    const char *value, *method, *word, *about;
} sources[] = {
    {"HASHNAME", "peers", "hashname", "path"},
    {"PREFIX", "peers", "hashname", "path"},
    {"SERVER", "servers", "name", "doing"},
    {"SEED", "seeds.list", "hashname", "from"},
};

static const struct source *source_of(const char *value)
{
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++)
        if (strcmp(sources[i].value, value) == 0)
            return &sources[i];
    return NULL;
}

/* The socket that the command line names so far; NULL when it names none. */
static const char *socket_of(int count, char *const words[])
{
    static const char flag[] = "--socket";
    const char *path = NULL;

    for (int i = 0; i < count; i++) {
        if (strcmp(words[i], flag) == 0 && i + 1 < count)
            path = words[i + 1];
        else if (strncmp(words[i], flag, sizeof flag - 1) == 0 && words[i][sizeof flag - 1] == '=')
            path = words[i] + sizeof flag;
    }
    return path;
}

static json_t *ask(const char *method, int count, char *const words[])
{
    char paths[TH_SOCKET_CANDIDATES_MAX][TH_SOCKET_PATH_MAX], say[TH_SAY_MAX];
    struct th_environment env;
    struct th_ctl ctl;
    json_t *rows = NULL;

    th_environment_read(&env);
    unsigned found = th_socket_candidates(paths, socket_of(count, words), &env, say);
    if (paths[0][0] == '\0' || th_ctl_connect(&ctl, paths, found, ANSWER_MS, say) != TH_OK)
        return NULL;
    if (th_ctl_call(&ctl, method, NULL, ANSWER_MS, &rows, NULL, say) != TH_OK)
        rows = NULL;
    th_ctl_close(&ctl);
    return rows;
}

void th_ctl_fill(struct th_cli_offer *offer, const char *value, int count, char *const words[])
{
    const struct source *source = source_of(value);
    json_t *rows, *row;
    size_t i;

    if (strcmp(value, "TOPIC") == 0)
        for (unsigned k = 0; th_log_topics[k]; k++)
            th_cli_offer(offer, th_log_topics[k], NULL);
    if (source == NULL || (rows = ask(source->method, count, words)) == NULL)
        return;
    json_array_foreach(rows, i, row)
    {
        const char *word = json_string_value(json_object_get(row, source->word));

        if (word)
            th_cli_offer(offer, word, json_string_value(json_object_get(row, source->about)));
    }
    json_decref(rows);
}
