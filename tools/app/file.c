#include "tools/app/file.h"

#include "switch/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum th_err th_file_err(int error_number)
{
    switch (error_number) {
    case 0:
        return TH_OK;
    case ENOENT:
        return TH_NO_ENTRY;
    case EACCES:
    case EPERM:
    case EROFS:
        return TH_NO_PERMISSION;
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
    case ENAMETOOLONG:
        return TH_INVALID;
    case ENOMEM:
        return TH_NO_MEMORY;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return TH_NO_SPACE;
    case EEXIST:
    case EADDRINUSE:
        return TH_IN_USE;
    case EMFILE:
    case ENFILE:
        return TH_LIMIT;
    default:
        return TH_IO;
    }
}

const char *th_file_why(enum th_err e)
{
    return e == TH_INVALID ? "is no regular file" : th_strerror(e);
}

static enum th_err read_all(int fd, char *text, size_t max, size_t *len)
{
    size_t got = 0;

    for (;;) {
        ssize_t n = read(fd, text + got, max + 1 - got);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return th_file_err(errno);
        if (n == 0)
            break;
        got += (size_t)n;
        if (got > max)
            return TH_TOO_BIG;
    }
    text[got] = '\0';
    *len = got;
    return TH_OK;
}

enum th_err th_file_read(int dir_fd, const char *name, size_t max, char **text, size_t *len,
                         struct stat *st)
{
    /* O_NONBLOCK: a pipe of that name must not hold us. */
    int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat own;
    char *buffer = NULL;
    enum th_err e;

    if (fd < 0)
        return th_file_err(errno);
    if (fstat(fd, &own) != 0)
        e = th_file_err(errno);
    else if (!S_ISREG(own.st_mode))
        e = TH_INVALID;
    else if (own.st_size > (off_t)max)
        e = TH_TOO_BIG;
    else if ((buffer = th_mem_zalloc(max + 2, 1)) == NULL)
        e = TH_NO_MEMORY;
    else
        e = read_all(fd, buffer, max, len);
    close(fd);
    if (e != TH_OK) {
        th_mem_free(buffer);
        return e;
    }
    *text = buffer;
    if (st)
        *st = own;
    return TH_OK;
}

enum th_err th_file_make_dir(const char *path, mode_t mode)
{
    char part[4096];
    size_t len = strlen(path);
    struct stat st;

    if (stat(path, &st) == 0)
        return S_ISDIR(st.st_mode) ? TH_OK : TH_INVALID;
    if (len >= sizeof part)
        return TH_INVALID;

    memcpy(part, path, len + 1);
    while (len > 1 && part[len - 1] == '/')
        part[--len] = '\0';
    for (size_t i = 1; i < len; i++) {
        if (part[i] != '/')
            continue;
        part[i] = '\0';
        if (mkdir(part, 0700) != 0 && errno != EEXIST)
            return th_file_err(errno);
        part[i] = '/';
    }
    if (mkdir(part, mode) != 0 && errno != EEXIST)
        return th_file_err(errno);
    if (stat(part, &st) != 0)
        return th_file_err(errno);
    return S_ISDIR(st.st_mode) ? TH_OK : TH_INVALID;
}
