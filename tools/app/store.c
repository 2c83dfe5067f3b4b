#include "tools/app/store.h"

#include "switch/base/mem.h"
#include "tools/app/file.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sodium.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static const char identity_name[] = "identity.json";
static const char peers_name[] = "peers.json";
static const char state_name[] = "state.json";

/* --- opening -------------------------------------------------------------------------------------- */

static enum th_err lock(struct th_store *store, char say[TH_SAY_MAX])
{
    store->lock_fd = openat(store->dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (store->lock_fd < 0) {
        enum th_err e = th_file_err(errno);

        snprintf(say, TH_SAY_MAX, "state directory %.300s: cannot make the lock: %s", store->dir,
                 strerror(errno));
        return e;
    }
    if (flock(store->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return TH_OK;
    if (errno != EWOULDBLOCK) {
        snprintf(say, TH_SAY_MAX, "state directory %.300s: cannot lock it: %s", store->dir,
                 strerror(errno));
        return TH_IO;
    }
    snprintf(
        say, TH_SAY_MAX,
        "state directory %.300s: another telehashd uses it; stop that one (thctl stop) or give "
        "--state-dir DIR",
        store->dir);
    return TH_IN_USE;
}

/* Says why a state directory cannot be used (as errno has it), and gives the error back. */
static enum th_err complain_dir(char say[TH_SAY_MAX], const char *dir, enum th_err e)
{
    const char *why = errno == ENAMETOOLONG ? "the name is too long"
                      : e == TH_INVALID     ? "is no directory"
                                            : strerror(errno);

    snprintf(say, TH_SAY_MAX, "state directory %.300s: %s; give another with --state-dir DIR", dir,
             why);
    return e;
}

enum th_err th_store_open(struct th_store *store, const char *dir, char say[TH_SAY_MAX])
{
    *store = (struct th_store){.dir_fd = -1, .lock_fd = -1};
    snprintf(store->dir, sizeof store->dir, "%s", dir);

    errno = 0;
    enum th_err e = th_file_make_dir(dir, 0700);
    if (e == TH_OK) {
        store->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (store->dir_fd < 0)
            e = th_file_err(errno);
    }
    return e == TH_OK ? lock(store, say) : complain_dir(say, dir, e);
}

void th_store_close(struct th_store *store)
{
    if (store->lock_fd >= 0)
        close(store->lock_fd);
    if (store->dir_fd >= 0)
        close(store->dir_fd);
    th_mem_free(store->peers_text);
    *store = (struct th_store){.dir_fd = -1, .lock_fd = -1};
}

/* Says why a file cannot be read, and gives the error back. */
static enum th_err complain(char say[TH_SAY_MAX], const char *dir, const char *name, enum th_err e,
                            const char *advice)
{
    snprintf(say, TH_SAY_MAX, "%.300s/%s: %s%s", dir, name, th_file_why(e), advice);
    return e;
}

/* --- the identity --------------------------------------------------------------------------------- */

/* Reads a key pair. where: its name as the operator knows it; advice: what to do about a broken one. */
static enum th_err read_key(struct th_identity *out, int dir_fd, const char *name,
                            const char *where, const char *advice, char say[TH_SAY_MAX])
{
    char complaint[TH_COMPLAINT_MAX];
    char *text;
    size_t len;
    struct stat st;
    enum th_err e = th_file_read(dir_fd, name, TH_STORE_FILE_MAX, &text, &len, &st);

    if (e == TH_NO_ENTRY && fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        snprintf(say, TH_SAY_MAX, "%.300s: is a link to what is not there; %s", where, advice);
        return TH_INVALID;
    }
    if (e != TH_OK) {
        snprintf(say, TH_SAY_MAX, "%.300s: %s; %s", where, th_file_why(e), advice);
        return e;
    }
    if (st.st_mode & (S_IRWXG | S_IRWXO)) {
        snprintf(say, TH_SAY_MAX,
                 "%.300s: others may read this secret (mode %03o); chmod 600 it, or make a new one "
                 "if somebody did",
                 where, (unsigned)st.st_mode & 0777u);
        e = TH_NO_PERMISSION;
    } else {
        e = th_identity_read(out, (struct th_bytes){(const uint8_t *)text, len}, complaint);
        if (e != TH_OK)
            snprintf(say, TH_SAY_MAX, "%.200s: %s; %s", where, complaint, advice);
    }
    sodium_memzero(text, len);
    th_mem_free(text);
    return e;
}

static enum th_err read_identity(struct th_identity *out, const char *dir, int dir_fd,
                                 char say[TH_SAY_MAX])
{
    char where[TH_FILE_PATH_MAX + sizeof identity_name + 1];

    snprintf(where, sizeof where, "%s/%s", dir, identity_name);
    return read_key(out, dir_fd, identity_name, where,
                    "it is left as it is: bring back a copy, or move it away to get a new identity",
                    say);
}

enum th_err th_store_read_identity(struct th_identity *out, const char *file, char say[TH_SAY_MAX])
{
    char where[TH_FILE_PATH_MAX + 16];

    snprintf(where, sizeof where, "--identity %s", file);
    return read_key(out, AT_FDCWD, file, where,
                    "give a file as telehashd --init makes it (identity.json)", say);
}

static enum th_err make_identity(struct th_store *store, struct th_identity *out,
                                 const uint8_t seed[TH_KEY_BYTES], char say[TH_SAY_MAX])
{
    char text[TH_IDENTITY_TEXT_MAX];

    th_identity_make(out, seed);
    th_identity_write(out, text);
    enum th_err e = th_file_replace(store->dir_fd, identity_name, text, strlen(text), true);
    sodium_memzero(text, sizeof text);
    if (e != TH_OK) {
        th_identity_clear(out);
        return complain(say, store->dir, identity_name, e, " (a new identity cannot be written)");
    }
    return TH_OK;
}

enum th_err th_store_identity(struct th_store *store, struct th_identity *out,
                              const uint8_t seed[TH_KEY_BYTES], bool *is_new, char say[TH_SAY_MAX])
{
    enum th_err e = read_identity(out, store->dir, store->dir_fd, say);

    *is_new = e == TH_NO_ENTRY;
    return *is_new ? make_identity(store, out, seed, say) : e;
}

enum th_err th_store_peek_identity(struct th_identity *out, const char *dir, char say[TH_SAY_MAX])
{
    int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum th_err e;

    if (dir_fd < 0) {
        e = th_file_err(errno);
        return e == TH_NO_ENTRY ? e : complain_dir(say, dir, e);
    }
    e = read_identity(out, dir, dir_fd, say);
    close(dir_fd);
    return e;
}

/* --- what the last run left ----------------------------------------------------------------------- */

/* Renames a broken file to the first free name FILE.broken-N. */
static enum th_err keep_aside(struct th_store *store, const char *name, const char *complaint,
                              char warning[TH_SAY_MAX], char say[TH_SAY_MAX])
{
    char aside[64];

    for (unsigned n = 1; n < 1000; n++) {
        snprintf(aside, sizeof aside, "%s.broken-%u", name, n);
        if (linkat(store->dir_fd, name, store->dir_fd, aside, 0) == 0) {
            if (unlinkat(store->dir_fd, name, 0) != 0)
                break;
            snprintf(warning, TH_SAY_MAX, "%.200s/%s: %s; kept aside as %s, going on without it",
                     store->dir, name, complaint, aside);
            return TH_OK;
        }
        if (errno != EEXIST)
            break;
    }
    snprintf(say, TH_SAY_MAX, "%.200s/%s: %s, and it cannot be kept aside: %s", store->dir, name,
             complaint, strerror(errno));
    return TH_IO;
}

/* A file of ours as it was found. */
struct found {
    const char *name;
    json_t *json;                     /* NULL: there is none, or it is broken */
    char complaint[TH_COMPLAINT_MAX]; /* what is broken; "" when nothing is */
};

/* Reads a file of ours and changes nothing. Errors: TH_NEWER, and that it cannot be read. */
static enum th_err read_ours(const struct th_store *store, struct found *found,
                             char say[TH_SAY_MAX])
{
    char *text;
    size_t len;
    json_error_t error;
    enum th_err e = th_file_read(store->dir_fd, found->name, TH_STORE_FILE_MAX, &text, &len, NULL);

    if (e == TH_NO_ENTRY)
        return TH_OK;
    if (e != TH_OK)
        return complain(say, store->dir, found->name, e, "; it is left as it is");
    found->json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
    th_mem_free(text);

    const json_t *format = json_object_get(found->json, "format");
    json_int_t version = json_integer_value(format);
    if (version > TH_STORE_FORMAT) {
        snprintf(
            say, TH_SAY_MAX,
            "%.200s/%s: format %lld is of a newer telehashd than this one (%s); it is left as it "
            "is",
            store->dir, found->name, (long long)version, TH_VERSION);
        return TH_NEWER;
    }
    if (found->json == NULL)
        snprintf(found->complaint, sizeof found->complaint, "line %d, column %d: %.100s",
                 error.line, error.column, error.text);
    else if (version != TH_STORE_FORMAT)
        snprintf(found->complaint, sizeof found->complaint, "no \"format\":%d", TH_STORE_FORMAT);
    return TH_OK;
}

static enum th_err take_peers(struct th_store *store, struct th_seeds *peers, struct found *found,
                              char say[TH_SAY_MAX])
{
    if (found->json == NULL || found->complaint[0])
        return TH_OK;
    snprintf(found->complaint, sizeof found->complaint, "no \"peers\"");
    char *text = json_dumps(json_object_get(found->json, "peers"), 0);
    enum th_err e = text ? th_seeds_read(peers, th_bytes_of(text), found->complaint) : TH_FORMAT;
    free(text);
    if (e == TH_NO_MEMORY)
        return complain(say, store->dir, found->name, e, "");
    if (e != TH_OK)
        return TH_OK; /* broken: the complaint says how */

    found->complaint[0] = '\0';
    th_mem_free(store->peers_text);
    store->peers_text = NULL;
    if (peers->count > 0)
        e = th_seeds_write(&store->peers_text, peers->seed, peers->count);
    return e == TH_OK ? e : complain(say, store->dir, found->name, e, "");
}

static void take_state(struct th_store *store, struct found *found)
{
    const json_t *at = json_object_get(found->json, "at");

    if (found->json == NULL || found->complaint[0])
        return;
    if (json_is_integer(at) && json_integer_value(at) >= 0)
        store->at = json_integer_value(at);
    else
        snprintf(found->complaint, sizeof found->complaint, "no \"at\"");
}

/* All is read before any is kept aside: a start that is refused leaves everything as it was. */
enum th_err th_store_load(struct th_store *store, struct th_seeds *peers, char warning[TH_SAY_MAX],
                          char say[TH_SAY_MAX])
{
    struct found found[] = {{.name = peers_name}, {.name = state_name}};
    enum { FOUND = sizeof found / sizeof found[0] };
    size_t len = 0;
    enum th_err e = TH_OK;

    warning[0] = '\0';
    for (size_t i = 0; i < FOUND && e == TH_OK; i++)
        e = read_ours(store, &found[i], say);
    if (e == TH_OK)
        e = take_peers(store, peers, &found[0], say);
    if (e == TH_OK)
        take_state(store, &found[1]);
    for (size_t i = 0; i < FOUND && e == TH_OK; i++) {
        char one[TH_SAY_MAX];

        if (found[i].complaint[0] == '\0')
            continue;
        e = keep_aside(store, found[i].name, found[i].complaint, one, say);
        if (e == TH_OK && len < TH_SAY_MAX)
            len += (size_t)snprintf(warning + len, TH_SAY_MAX - len, "%s%s", len ? "; " : "", one);
    }
    for (size_t i = 0; i < FOUND; i++)
        json_decref(found[i].json);
    return e;
}

/* --- what this run leaves ------------------------------------------------------------------------- */

enum th_err th_store_save_peers(struct th_store *store, const struct th_seeds *peers,
                                char say[TH_SAY_MAX])
{
    static const char start[] = "{\"format\":1,\"peers\":";
    char *text, *file;

    if (peers->count == 0)
        return TH_OK;
    enum th_err e = th_seeds_write(&text, peers->seed, peers->count);
    if (e != TH_OK)
        return complain(say, store->dir, peers_name, e, "");
    if (store->peers_text && strcmp(store->peers_text, text) == 0) {
        th_mem_free(text);
        return TH_OK;
    }

    size_t cap = sizeof start + strlen(text) + 4;
    file = th_mem_zalloc(cap, 1);
    if (file == NULL) {
        th_mem_free(text);
        return complain(say, store->dir, peers_name, TH_NO_MEMORY, "");
    }
    int len = snprintf(file, cap, "%s%s}\n", start, text);
    e = th_file_replace(store->dir_fd, peers_name, file, (size_t)len, false);
    th_mem_free(file);
    if (e != TH_OK) {
        th_mem_free(text);
        return complain(say, store->dir, peers_name, e, " (the peers are not saved)");
    }
    th_mem_free(store->peers_text);
    store->peers_text = text;
    return TH_OK;
}

enum th_err th_store_save_at(struct th_store *store, int64_t at, char say[TH_SAY_MAX])
{
    char text[64];

    if (at <= store->at)
        return TH_OK;
    int len = snprintf(text, sizeof text, "{\"format\":%d,\"at\":%lld}\n", TH_STORE_FORMAT,
                       (long long)at);
    enum th_err e = th_file_replace(store->dir_fd, state_name, text, (size_t)len, false);
    if (e != TH_OK)
        return complain(say, store->dir, state_name, e, " (the clock's floor is not saved)");
    store->at = at;
    return TH_OK;
}

enum th_err th_store_read_seeds(struct th_seeds *out, const char *file, char say[TH_SAY_MAX])
{
    char complaint[TH_COMPLAINT_MAX];
    char *text;
    size_t len;
    enum th_err e = th_file_read(AT_FDCWD, file, TH_STORE_FILE_MAX, &text, &len, NULL);

    if (e != TH_OK) {
        snprintf(say, TH_SAY_MAX, "--seeds %.300s: %s", file, th_file_why(e));
        return e;
    }
    e = th_seeds_read(out, (struct th_bytes){(const uint8_t *)text, len}, complaint);
    if (e != TH_OK)
        snprintf(say, TH_SAY_MAX, "--seeds %.300s: %s", file, complaint);
    th_mem_free(text);
    return e == TH_LIMIT ? TH_TOO_BIG : e; /* too many: it will not pass by itself */
}
