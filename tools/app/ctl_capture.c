#include "tools/app/ctl_capture.h"

#include "tools/app/ctl_live.h"
#include "tools/app/pcapng.h"
#include "tools/app/utf8.h"

#include "switch/wire/packet.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct capture {
    const struct th_ctl_args *args;
    FILE *file;
    struct th_pcapng out;
    struct th_addr own[2]; /* where the daemon listens, IPv4 and IPv6 */
    uint64_t lost;         /* before the next packet */
    uint64_t last_us;
    bool is_lost_unknown;
    bool has_failed; /* to write */
};

/* --- the file ------------------------------------------------------------------------------------- */

/* A device or a pipe, which is no file even if somebody puts one in its place meanwhile. */
static int open_other(const char *name)
{
    struct stat about;
    int fd = open(name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0)
        return -1;
    int failed = fstat(fd, &about) < 0 ? errno : S_ISREG(about.st_mode) ? EEXIST : 0;
    if (failed == 0)
        return fd;
    close(fd);
    errno = failed;
    return -1;
}

/* What is in it was encrypted for a reason: nobody else reads it. So a file is always a new one; an
 * old one may be somebody else's, or somebody else may have it open. */
static int open_new(const char *name, bool is_forced)
{
    struct stat about;

    if (is_forced && lstat(name, &about) == 0) {
        if (!S_ISREG(about.st_mode))
            return open_other(name);
        if (unlink(name) < 0 && errno != ENOENT)
            return -1;
    }
    return open(name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_CREAT | O_EXCL, 0600);
}

static FILE *create(const char *name, bool is_forced, char say[TH_SAY_MAX])
{
    int fd = open_new(name, is_forced);
    FILE *file = fd >= 0 ? fdopen(fd, "wb") : NULL;
    int failed = errno;

    if (file)
        return file;
    if (fd >= 0)
        close(fd);
    snprintf(say, TH_SAY_MAX, "%.300s: %s%s", name, strerror(failed),
             failed == EEXIST && !is_forced ? "; --force writes over it" : "");
    return NULL;
}

static FILE *open_file(const struct th_ctl_run *run, const char *name, char say[TH_SAY_MAX])
{
    if (strcmp(name, "-") != 0)
        return create(name, run->args->capture.is_forced, say);
    if (!isatty(STDOUT_FILENO))
        return stdout;
    snprintf(say, TH_SAY_MAX, "these bytes are not for a terminal: thctl capture - | tshark -r -");
    return NULL;
}

/* --- packets -------------------------------------------------------------------------------------- */

static const char *text_of(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));

    return text ? text : "?";
}

void th_capture_comment(char text[TH_CAPTURE_COMMENT_MAX], const json_t *packet)
{
    const json_t *c = json_object_get(packet, "c"), *path = json_object_get(packet, "path");
    const char *type = json_string_value(json_object_get(packet, "type"));
    bool is_relayed = json_is_true(json_object_get(packet, "relay"));
    struct th_text out = th_text_in(text, TH_CAPTURE_COMMENT_MAX);

    th_text_put(&out, "%s %s %.64s kind=%s line=%s", text_of(packet, "direction"),
                strcmp(text_of(packet, "direction"), "in") == 0 ? "from" : "to",
                text_of(packet, "hashname"), text_of(packet, "kind"), text_of(packet, "line"));
    if (json_is_string(path))
        th_text_put(&out, " path=%s", json_string_value(path));
    else
        th_text_put(&out, " path=%s", is_relayed ? "relay" : "unknown");
    if (json_is_integer(c))
        th_text_put(&out, " c=%lld type=%s opened_by=%s", (long long)json_integer_value(c),
                    type ? type : "?", text_of(packet, "opened_by"));
    if (json_is_true(json_object_get(packet, "end")))
        th_text_put(&out, " end");
}

void th_capture_add_head(char text[TH_CAPTURE_COMMENT_MAX], const json_t *row,
                         struct th_bytes bytes)
{
    size_t len = strlen(text), room = TH_CAPTURE_COMMENT_MAX - len;
    bool is_cut = false;
    size_t head = bytes.len > 2 ? (size_t)bytes.at[0] << 8 | bytes.at[1] : 0;
    bool is_json =
        json_is_integer(json_object_get(row, "c")) || strcmp(text_of(row, "kind"), "open") == 0;

    if (!is_json || head == 0)
        return;
    if (head > bytes.len - 2) {
        head = bytes.len - 2; /* the packet was cut */
        is_cut = true;
    }
    int wanted = snprintf(text + len, room, " head=%.*s", (int)head, (const char *)bytes.at + 2);
    th_utf8_mend(text + len, is_cut || (size_t)wanted >= room);
}

/* What the daemon said in base64; 0 when it is none. */
static size_t bytes_of(uint8_t bytes[TH_DATAGRAM_IN_MAX], const json_t *packet)
{
    const char *data = json_string_value(json_object_get(packet, "data"));
    size_t len = 0;

    if (data == NULL || sodium_base642bin(bytes, TH_DATAGRAM_IN_MAX, data, strlen(data), NULL, &len,
                                          NULL, sodium_base64_VARIANT_ORIGINAL) != 0)
        return 0;
    return len;
}

static struct th_addr own_of(const struct capture *c, const struct th_addr *other)
{
    if (other->family == TH_FAMILY_IPV4)
        return c->own[0];
    return other->family == TH_FAMILY_IPV6 ? c->own[1] : (struct th_addr){0};
}

static void write_packet(struct capture *c, const json_t *row)
{
    const char *path = json_string_value(json_object_get(row, "path"));
    uint8_t bytes[TH_DATAGRAM_IN_MAX];
    char comment[TH_CAPTURE_COMMENT_MAX];
    struct th_addr other = {0};
    struct th_pcapng_packet packet = {
        .at_us = (uint64_t)json_integer_value(json_object_get(row, "at_us")),
        .is_in = strcmp(text_of(row, "direction"), "in") == 0,
        .bytes = {bytes, bytes_of(bytes, row)},
        .len = (uint32_t)json_integer_value(json_object_get(row, "bytes")),
        .lost = c->lost,
        .comment = comment};

    if (path == NULL || !th_addr_read(&other, path, strlen(path)))
        other = (struct th_addr){0};
    packet.from = packet.is_in ? other : own_of(c, &other);
    packet.to = packet.is_in ? own_of(c, &other) : other;
    th_capture_comment(comment, row);
    if (c->lost > 0 || c->is_lost_unknown)
        snprintf(comment + strlen(comment), sizeof comment - strlen(comment),
                 c->is_lost_unknown ? " (some were lost before this one)"
                                    : " (%llu were lost before this one)",
                 (unsigned long long)c->lost);
    th_capture_add_head(comment, row, packet.bytes);
    th_pcapng_packet(&c->out, &packet);
    c->lost = 0;
    c->is_lost_unknown = false;
    c->last_us = packet.at_us;
}

/* Takes one notification; false when that was enough. */
static bool take(void *data, json_t *row)
{
    struct capture *c = data;
    const json_t *lagged = json_object_get(row, "lagged");

    if (lagged) {
        c->lost += (uint64_t)json_integer_value(lagged);
        c->is_lost_unknown = c->is_lost_unknown || json_is_null(lagged);
        return true;
    }
    write_packet(c, row);
    c->has_failed = fflush(c->file) != 0;
    return !c->has_failed &&
           (c->args->capture.count == 0 || c->out.packets < c->args->capture.count) &&
           c->out.bytes < c->args->capture.bytes_max;
}

/* --- from beginning to end ------------------------------------------------------------------------ */

static void read_own(struct capture *c, const json_t *status)
{
    const json_t *list = json_object_get(status, "listen"), *text;
    struct th_addr addr;
    size_t i;

    json_array_foreach(list, i, text)
    {
        const char *at = json_string_value(text);
        struct th_addr *own;

        if (at == NULL || !th_addr_read(&addr, at, strlen(at)))
            continue;
        own = &c->own[addr.family == TH_FAMILY_IPV6];
        if (own->family == TH_FAMILY_NONE)
            *own = addr;
    }
}

static int begin(struct capture *c, const struct th_ctl_run *run, const char *name,
                 char say[TH_SAY_MAX])
{
    json_t *params = run->args->filter ? json_deep_copy(run->args->filter) : json_object();
    json_t *status, *answer;
    char interface[80];
    int code = th_ctl_ask(run, "status", NULL, run->args->timeout_ms, &status, say);

    if (code) {
        json_decref(params);
        return code;
    }
    if (run->args->capture.snap)
        json_object_set_new(params, "snap", json_integer(run->args->capture.snap));
    code = th_ctl_ask(run, "capture.start", params, run->args->timeout_ms, &answer, say);
    if (code == 0) {
        json_decref(answer);
        c->file = open_file(run, name, say);
        code = c->file ? 0 : 2;
    }
    if (code == 0) {
        read_own(c, status);
        snprintf(interface, sizeof interface, "telehash %s", text_of(status, "hashname"));
        th_pcapng_begin(&c->out, c->file, "thctl " TH_VERSION, interface,
                        "packets of telehash channels and the contents of opens, decrypted by the "
                        "node itself; its own address is the first that it listens on");
        c->has_failed = fflush(c->file) != 0;
    }
    json_decref(status);
    return code;
}

static void tell(const struct capture *c, const struct th_ctl_run *run, const char *name)
{
    unsigned long long packets = c->out.packets, bytes = c->out.bytes, lost = c->out.lost;
    char shown[PATH_MAX]; /* no longer one is opened */

    snprintf(shown, sizeof shown, "%s", name);
    th_utf8_mend(shown, false);
    json_t *result =
        json_pack("{s:s, s:I, s:I, s:I}", "file", shown, "packets", (json_int_t)packets, "bytes",
                  (json_int_t)bytes, "lost", (json_int_t)lost);

    if (c->file != stdout && !th_ctl_print_json(run, result))
        fprintf(run->style->out, "%s: %llu packets, %llu bytes, %llu lost\n", name, packets, bytes,
                lost);
    json_decref(result);
}

int th_ctl_capture(const struct th_ctl_run *run, const char *name, char say[TH_SAY_MAX])
{
    struct capture c = {.args = run->args};
    int code;

    say[0] = '\0';
    if (strcmp(name, "-") == 0 && run->args->is_json) {
        snprintf(say, TH_SAY_MAX, "capture - writes packets to stdout: --json has no place there");
        return 2;
    }
    code = begin(&c, run, name, say);
    if (code)
        return code;
    if (!c.has_failed)
        code = th_ctl_follow(run, take, &c, say);
    c.out.lost += c.lost;
    th_pcapng_end(&c.out, c.last_us);
    bool is_closed = c.file == stdout || fclose(c.file) == 0;
    if (c.file == stdout && ferror(stdout))
        return 0; /* main says what it was; a reader that went is no fault */
    if ((c.has_failed || !is_closed) && code == 0) {
        snprintf(say, TH_SAY_MAX, "%.300s: %s; stopped after %llu packets", name, strerror(errno),
                 (unsigned long long)c.out.packets);
        code = 1;
    }
    if (code == 0)
        tell(&c, run, name);
    return code;
}
