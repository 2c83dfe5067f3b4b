#include "tools/web/http.h"

#include "switch/base/limit.h"
#include "switch/base/mem.h"
#include "tools/web/assets.h"

#include <microhttpd.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { STACK_BYTES = 512 * 1024, HTTP_MISDIRECTED = 421 };

/* A connection's times: libmicrohttpd's own limit begins anew with every byte. */
struct conn {
    int fd; /* -1: free */
    bool is_answering;
    th_ms since; /* began, or had its last answer; or began to answer */
};

struct th_web_http {
    struct th_web_http_config config;
    struct MHD_Daemon *daemon;
    pthread_mutex_t lock; /* of all below */
    struct conn conn[TH_WEB_CONNECTIONS_MAX];
    struct th_limit seeks;
    unsigned seeking;
};

/* A request that is read. */
struct request {
    bool is_seek;
    bool is_too_big;
    size_t len;
    char body[TH_WEB_BODY_MAX];
};

struct reply {
    unsigned status;
    const char *type;
    const char *extra[2]; /* a header and its value; NULL: none */
    const void *bytes;    /* copied, unless is_fixed */
    size_t len;
    bool is_fixed;
};

static th_ms now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (th_ms)now.tv_sec * 1000 + (th_ms)now.tv_nsec / 1000000;
}

/* --- replies -------------------------------------------------------------------------------------- */

static const char type_of_text[] = "text/plain; charset=utf-8";
static const char type_of_json[] = "application/json";

/* What a browser may do with any answer: show the page with its own files, in no frame, and nothing
 * else. There is no header that lets other pages read it. */
static void add_headers(struct MHD_Response *response, const struct reply *reply)
{
    static const char *const headers[][2] = {
        {"Content-Security-Policy",
         "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
         "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
        {"X-Content-Type-Options", "nosniff"},
        {"X-Frame-Options", "DENY"},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        {"Cross-Origin-Opener-Policy", "same-origin"},
    };

    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
        MHD_add_response_header(response, headers[i][0], headers[i][1]);
    MHD_add_response_header(response, "Content-Type", reply->type);
    MHD_add_response_header(response, "Cache-Control", reply->is_fixed ? "no-cache" : "no-store");
    if (reply->extra[0])
        MHD_add_response_header(response, reply->extra[0], reply->extra[1]);
}

/* libmicrohttpd takes bytes that it may not change as void *. */
static struct MHD_Response *response_of(const struct reply *reply)
{
    union {
        const void *read;
        void *given;
    } bytes = {.read = reply->bytes};

    return MHD_create_response_from_buffer(
        reply->len, bytes.given, reply->is_fixed ? MHD_RESPMEM_PERSISTENT : MHD_RESPMEM_MUST_COPY);
}

static enum MHD_Result send_reply(struct MHD_Connection *connection, const struct reply *reply)
{
    struct MHD_Response *response = response_of(reply);

    if (response == NULL)
        return MHD_NO;
    add_headers(response, reply);
    enum MHD_Result is_sent = MHD_queue_response(connection, reply->status, response);
    MHD_destroy_response(response);
    return is_sent;
}

static enum MHD_Result send_text(struct MHD_Connection *connection, unsigned status,
                                 const char *header, const char *value, const char *text)
{
    char line[TH_SAY_MAX + 1];
    int len = snprintf(line, sizeof line, "%s\n", text);

    return send_reply(connection, &(struct reply){.status = status,
                                                  .type = type_of_text,
                                                  .extra = {header, value},
                                                  .bytes = line,
                                                  .len = (size_t)len});
}

/* An error of the API, as the page reads it. */
static enum MHD_Result send_error(struct MHD_Connection *connection, unsigned status,
                                  const char *text)
{
    struct th_web_answer *answer = th_web_answer_why_not(TH_WEB_STATUS, text);

    if (answer == NULL)
        return MHD_NO;
    enum MHD_Result is_sent = send_reply(
        connection,
        &(struct reply){.status = status,
                        .type = type_of_json,
                        .extra = {status == 503 || status == 429 ? "Retry-After" : NULL, "1"},
                        .bytes = answer->text[TH_WEB_JSON].at,
                        .len = answer->text[TH_WEB_JSON].len});
    th_web_answer_release(answer);
    return is_sent;
}

/* --- what can be asked for ------------------------------------------------------------------------ */

static const char *header_of(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/* ok: the status of a good answer. */
static enum MHD_Result send_answer(struct MHD_Connection *connection,
                                   const struct th_web_answer *answer, unsigned ok)
{
    const struct th_web_text *text = &answer->text[TH_WEB_JSON];
    struct reply reply = {.status = answer->is_good ? ok : 503,
                          .type = type_of_json,
                          .bytes = text->at,
                          .len = text->len};

    if (reply.status == 503) {
        reply.extra[0] = "Retry-After";
        reply.extra[1] = "1";
    }
    return send_reply(connection, &reply);
}

static enum MHD_Result send_metrics(struct MHD_Connection *connection,
                                    const struct th_web_answer *answer)
{
    enum th_metrics_format format = th_web_metrics_format(header_of(connection, "Accept"));
    const struct th_web_text *text =
        &answer->text[format == TH_METRICS_OPENMETRICS ? TH_WEB_OPENMETRICS : TH_WEB_PLAIN];

    if (!answer->is_good)
        return send_text(connection, 503, "Retry-After", "1", answer->say);
    return send_reply(connection, &(struct reply){.status = 200,
                                                  .type = th_metrics_content_type(format),
                                                  .extra = {"Vary", "Accept"},
                                                  .bytes = text->at,
                                                  .len = text->len});
}

static enum MHD_Result send_what(struct th_web_http *http, struct MHD_Connection *connection,
                                 const char *path, enum th_web_what what)
{
    struct th_web_answer *answer = th_web_cache_get(http->config.cache, what);
    enum MHD_Result is_sent;

    if (answer == NULL)
        return send_text(connection, 503, "Retry-After", "1", "out of memory");
    if (strcmp(path, "/metrics") == 0)
        is_sent = send_metrics(connection, answer);
    else if (strcmp(path, "/healthz") == 0)
        is_sent = send_answer(connection, answer, answer->is_healthy ? 200 : 503);
    else
        is_sent = send_answer(connection, answer, 200);
    th_web_answer_release(answer);
    return is_sent;
}

/* False when a path is none of what the daemon tells. */
static bool find_what(enum th_web_what *what, const char *path)
{
    if (strcmp(path, "/metrics") == 0) {
        *what = TH_WEB_METRICS;
        return true;
    }
    if (strcmp(path, "/healthz") == 0) {
        *what = TH_WEB_HEALTH;
        return true;
    }
    if (strncmp(path, "/api/", 5) != 0)
        return false;
    for (int i = 0; i < TH_WEB_WHATS; i++)
        if (strcmp(path + 5, th_web_method((enum th_web_what)i)) == 0) {
            *what = (enum th_web_what)i;
            return true;
        }
    return false;
}

static const struct th_web_asset *find_asset(const char *path)
{
    for (size_t i = 0; i < th_web_asset_count; i++)
        if (strcmp(th_web_assets[i].path, path) == 0)
            return &th_web_assets[i];
    return NULL;
}

static enum MHD_Result get(struct th_web_http *http, struct MHD_Connection *connection,
                           const char *path)
{
    const struct th_web_asset *asset = find_asset(path);
    enum th_web_what what;

    if (asset)
        return send_reply(connection, &(struct reply){.status = 200,
                                                      .type = asset->type,
                                                      .bytes = asset->bytes,
                                                      .len = asset->len,
                                                      .is_fixed = true});
    if (find_what(&what, path))
        return send_what(http, connection, path, what);
    return send_text(connection, 404, NULL, NULL,
                     "nothing is here; there are / /metrics /healthz and /api/...");
}

/* --- seek ----------------------------------------------------------------------------------------- */

static bool begin_seek(struct th_web_http *http)
{
    pthread_mutex_lock(&http->lock);
    bool may = http->seeking < TH_WEB_SEEKING_MAX && th_limit_take(&http->seeks, now_ms(), 1);
    http->seeking += may;
    pthread_mutex_unlock(&http->lock);
    return may;
}

static void end_seek(struct th_web_http *http)
{
    pthread_mutex_lock(&http->lock);
    http->seeking--;
    pthread_mutex_unlock(&http->lock);
}

static enum MHD_Result seek(struct th_web_http *http, struct MHD_Connection *connection,
                            const struct request *request)
{
    char hex[TH_HASHNAME_HEX + 1], say[TH_SAY_MAX];
    json_t *result = NULL;

    if (request->is_too_big)
        return send_error(connection, 413, "that is too long for a hashname");
    if (!th_web_read_seek(hex, request->body, request->len))
        return send_error(connection, 400, "a hashname is 64 hex digits, or how a peer's begins");
    if (!begin_seek(http))
        return send_error(connection, 429, "too many lookups at once; try again in a moment");
    enum th_err e =
        th_web_daemon_ask(http->config.daemon, "seek", json_pack("{s:s}", "hashname", hex),
                          TH_WEB_SEEK_MS, &result, say);
    end_seek(http);
    if (e != TH_OK)
        return send_error(connection, e == TH_REFUSED ? 422 : 503, say);
    struct th_web_answer *answer = th_web_answer_of(TH_WEB_STATUS, result);
    if (answer == NULL)
        return send_error(connection, 503, "out of memory");
    enum MHD_Result is_sent = send_answer(connection, answer, 200);
    th_web_answer_release(answer);
    return is_sent;
}

/* Whether a seek may begin; if not, is_sent is what became of the answer. */
static bool may_post(struct MHD_Connection *connection, const char *host, enum MHD_Result *is_sent)
{
    const char *type = header_of(connection, "Content-Type");

    if (!th_web_is_same_origin(header_of(connection, "Origin"),
                               header_of(connection, "Sec-Fetch-Site"), host))
        *is_sent = send_error(connection, 403, "only this page itself may ask for that");
    else if (type == NULL || strncasecmp(type, type_of_json, strlen(type_of_json)) != 0)
        *is_sent = send_error(connection, 415, "send application/json: {\"hashname\": \"...\"}");
    else
        return true;
    return false;
}

/* --- requests ------------------------------------------------------------------------------------- */

static enum MHD_Result refuse_host(struct MHD_Connection *connection, const char *host)
{
    char text[TH_SAY_MAX];

    if (host && strlen(host) < TH_WEB_NAME_MAX)
        snprintf(text, sizeof text,
                 "this node is not asked for as %s: use its address, or start telehash-web with "
                 "--host NAME if that name is its own",
                 host);
    else
        snprintf(text, sizeof text, "a request must say in Host which node it is for");
    return send_text(connection, HTTP_MISDIRECTED, NULL, NULL, text);
}

/* The head of a request is read: what can be said without the rest is said now. */
static enum MHD_Result on_head(struct MHD_Connection *connection, const struct th_web_names *names,
                               const char *path, const char *method, void **ctx)
{
    const char *host = header_of(connection, "Host");
    bool is_read = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    bool is_post = strcmp(method, "POST") == 0;
    bool is_seek = strcmp(path, "/api/seek") == 0;
    enum MHD_Result is_sent = MHD_NO;
    struct request *request;

    if (!th_web_is_our_host(host, names))
        return refuse_host(connection, host);
    if (is_seek ? !is_post : !is_read)
        return send_text(connection, 405, "Allow", is_seek ? "POST" : "GET, HEAD",
                         is_seek ? "a lookup is begun by POST" : "this can only be read");
    if (is_seek && !may_post(connection, host, &is_sent))
        return is_sent;
    request = th_mem_zalloc(1, sizeof *request);
    if (request == NULL)
        return MHD_NO;
    request->is_seek = is_seek;
    *ctx = request;
    return MHD_YES;
}

static void add_body(struct request *request, const char *bytes, size_t len)
{
    if (len > sizeof request->body - request->len) {
        request->is_too_big = true;
        return;
    }
    memcpy(request->body + request->len, bytes, len);
    request->len += len;
}

static struct conn *conn_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info ? info->socket_context : NULL;
}

static void set_answering(struct th_web_http *http, struct MHD_Connection *connection,
                          bool is_answering)
{
    struct conn *conn = conn_of(connection);

    if (conn == NULL)
        return;
    pthread_mutex_lock(&http->lock);
    conn->is_answering = is_answering;
    conn->since = now_ms();
    pthread_mutex_unlock(&http->lock);
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_len, void **ctx)
{
    struct th_web_http *http = cls;
    struct request *request = *ctx;

    (void)version;
    if (request == NULL)
        return on_head(connection, http->config.names, path, method, ctx);
    if (*upload_len > 0) {
        add_body(request, upload, *upload_len);
        *upload_len = 0;
        return MHD_YES;
    }
    set_answering(http, connection, true);
    return request->is_seek ? seek(http, connection, request) : get(http, connection, path);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **ctx,
                         enum MHD_RequestTerminationCode why)
{
    (void)why;
    set_answering(cls, connection, false);
    th_mem_free(*ctx);
    *ctx = NULL;
}

/* --- connections ---------------------------------------------------------------------------------- */

static void on_connection(void *cls, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode what)
{
    struct th_web_http *http = cls;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct conn *conn = *socket_context;

    pthread_mutex_lock(&http->lock);
    if (what == MHD_CONNECTION_NOTIFY_CLOSED && conn)
        conn->fd = -1;
    for (unsigned i = 0;
         what == MHD_CONNECTION_NOTIFY_STARTED && info && i < TH_WEB_CONNECTIONS_MAX; i++) {
        if (http->conn[i].fd >= 0)
            continue;
        http->conn[i] = (struct conn){.fd = info->connect_fd, .since = now_ms()};
        *socket_context = &http->conn[i];
        break;
    }
    pthread_mutex_unlock(&http->lock);
}

void th_web_http_tick(struct th_web_http *http)
{
    th_ms now = now_ms();

    pthread_mutex_lock(&http->lock);
    for (unsigned i = 0; i < TH_WEB_CONNECTIONS_MAX; i++) {
        const struct conn *conn = &http->conn[i];

        /* The descriptor is closed only after on_connection, which waits for the lock. */
        if (conn->fd >= 0 &&
            now - conn->since > (conn->is_answering ? TH_WEB_ANSWER_MS : TH_WEB_IDLE_MS))
            shutdown(conn->fd, SHUT_RDWR);
    }
    pthread_mutex_unlock(&http->lock);
}

/* --- beginning and end ---------------------------------------------------------------------------- */

static void on_trouble(void *cls, const char *format, va_list list)
{
    (void)cls;
    (void)format;
    (void)list; /* what clients do wrong is no news */
}

enum th_err th_web_http_new(struct th_web_http **out, const struct th_web_http_config *config)
{
    struct th_web_http *http = th_mem_zalloc(1, sizeof *http);

    if (http == NULL)
        return TH_NO_MEMORY;
    http->config = *config;
    for (unsigned i = 0; i < TH_WEB_CONNECTIONS_MAX; i++)
        http->conn[i].fd = -1;
    th_limit_init(&http->seeks, TH_WEB_SEEKS_PER_S, TH_WEB_SEEKS_PER_S, now_ms());
    pthread_mutex_init(&http->lock, NULL);
    http->daemon = MHD_start_daemon(
        MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL |
            MHD_USE_ITC | MHD_USE_ERROR_LOG,
        0, NULL, NULL, on_request, http, MHD_OPTION_EXTERNAL_LOGGER, on_trouble, NULL,
        MHD_OPTION_LISTEN_SOCKET, config->listen_fd, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)TH_WEB_CONNECTIONS_MAX, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        (unsigned)TH_WEB_CONNECTIONS_OF_ONE_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)(TH_WEB_ANSWER_MS / 1000), MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)TH_WEB_HEAD_MAX, MHD_OPTION_THREAD_STACK_SIZE, (size_t)STACK_BYTES,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, http, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, http, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
    if (http->daemon == NULL) {
        pthread_mutex_destroy(&http->lock);
        th_mem_free(http);
        return TH_IO;
    }
    *out = http;
    return TH_OK;
}

void th_web_http_free(struct th_web_http *http)
{
    if (http == NULL)
        return;
    MHD_stop_daemon(http->daemon); /* closes the listening socket as well */
    pthread_mutex_destroy(&http->lock);
    th_mem_free(http);
}
