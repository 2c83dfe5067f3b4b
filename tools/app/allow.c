#include "tools/app/allow.h"

#include "switch/base/mem.h"
#include "tools/app/file.h"

#include <fcntl.h>
#include <string.h>

/* What is being read. */
struct reading {
    struct th_hashname *id; /* TH_ALLOW_MAX */
    unsigned count;
    char *say;
};

static enum th_err add(struct reading *r, const struct th_hashname *id)
{
    if (r->count == TH_ALLOW_MAX) {
        snprintf(r->say, TH_SAY_MAX, "--allow: more than %d nodes", TH_ALLOW_MAX);
        return TH_LIMIT;
    }
    r->id[r->count++] = *id;
    return TH_OK;
}

/* One line of a file, without its end; number counts from 1. */
static enum th_err read_line(struct reading *r, const char *file, unsigned number, const char *line,
                             size_t len)
{
    static const char blanks[] = " \t\r";
    struct th_hashname id;
    const char *comment = memchr(line, '#', len);

    if (comment)
        len = (size_t)(comment - line);
    while (len > 0 && strchr(blanks, line[0]))
        line++, len--;
    while (len > 0 && strchr(blanks, line[len - 1]))
        len--;
    if (len == 0)
        return TH_OK;
    if (!th_hashname_read(&id, line, len)) {
        snprintf(r->say, TH_SAY_MAX,
                 "--allow %.200s: line %u is not the 64 hex digits of a hashname", file, number);
        return TH_INVALID;
    }
    return add(r, &id);
}

static enum th_err read_file(struct reading *r, const char *file)
{
    unsigned before = r->count, number = 1;
    char *text;
    size_t len;
    enum th_err e = th_file_read(AT_FDCWD, file, TH_ALLOW_FILE_MAX, &text, &len, NULL);

    if (e != TH_OK) {
        snprintf(r->say, TH_SAY_MAX,
                 "--allow %.200s: is no hashname (64 hex digits), and as a file: %s", file,
                 th_file_why(e));
        return e;
    }
    for (const char *line = text; e == TH_OK && line < text + len; number++) {
        const char *end = memchr(line, '\n', (size_t)(text + len - line));

        end = end ? end : text + len;
        e = read_line(r, file, number, line, (size_t)(end - line));
        line = end + 1;
    }
    th_mem_free(text);
    if (e == TH_OK && r->count == before) {
        /* An empty file is a slip: it would allow nobody, or with nothing else everybody. */
        snprintf(r->say, TH_SAY_MAX,
                 "--allow %.200s: has no hashname in it; write one in each line", file);
        e = TH_INVALID;
    }
    return e;
}

enum th_err th_allow_load(struct th_allow **out, const char *const *said, unsigned count,
                          char say[TH_SAY_MAX])
{
    struct reading r = {.say = say};
    struct th_hashname id;
    enum th_err e = TH_OK;

    *out = NULL;
    if (count == 0)
        return TH_OK;
    r.id = th_mem_zalloc(TH_ALLOW_MAX, sizeof *r.id);
    if (r.id == NULL) {
        snprintf(say, TH_SAY_MAX, "--allow: %s", th_strerror(TH_NO_MEMORY));
        return TH_NO_MEMORY;
    }
    for (unsigned i = 0; e == TH_OK && i < count; i++)
        e = th_hashname_read(&id, said[i], strlen(said[i])) ? add(&r, &id) : read_file(&r, said[i]);
    if (e == TH_OK) {
        e = th_allow_new(out, r.id, r.count);
        if (e != TH_OK)
            snprintf(say, TH_SAY_MAX, "--allow: %s", th_strerror(e));
    }
    th_mem_free(r.id);
    return e;
}
