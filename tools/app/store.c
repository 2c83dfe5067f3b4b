#include "tools/app/store.h"

#include "router/replace.h"
#include "switch/base/mem.h"
#include "tools/app/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static const char identity_name[] = "identity.json";

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
    if (e != TH_OK)
        return complain_dir(say, dir, e);
    th_disk_posix_init(&store->disk, store->dir, store->dir_fd);
    return lock(store, say);
}

void th_store_close(struct th_store *store)
{
    if (store->lock_fd >= 0)
        close(store->lock_fd);
    if (store->dir_fd >= 0)
        close(store->dir_fd);
    *store = (struct th_store){.dir_fd = -1, .lock_fd = -1};
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
    enum th_err e = th_replace_all(&store->disk.disk, identity_name, th_bytes_of(text), true);
    sodium_memzero(text, sizeof text);
    if (e != TH_OK) {
        th_identity_clear(out);
        snprintf(say, TH_SAY_MAX, "%.300s/%s: %s (a new identity cannot be written)", store->dir,
                 identity_name, th_file_why(e));
        return e;
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

/* --- seeds files ---------------------------------------------------------------------------------- */

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
