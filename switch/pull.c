#include "switch/pull.h"

#include "switch/base/index.h"
#include "switch/base/mem.h"
#include "switch/switch.h"

#include <string.h>

static void drop_write(void *body);

const struct th_msg_kind th_switch_msg_listen = {"switch.listen", th_mem_free};
const struct th_msg_kind th_switch_msg_accept = {"switch.accept", NULL};
const struct th_msg_kind th_switch_msg_accepted = {"switch.accepted", th_mem_free};
const struct th_msg_kind th_switch_msg_stream_open = {"switch.stream_open", th_mem_free};
const struct th_msg_kind th_switch_msg_opened = {"switch.opened", th_mem_free};
const struct th_msg_kind th_switch_msg_read = {"switch.read", th_mem_free};
const struct th_msg_kind th_switch_msg_data = {"switch.data", th_mem_free};
const struct th_msg_kind th_switch_msg_write = {"switch.write", drop_write};
const struct th_msg_kind th_switch_msg_finish = {"switch.finish", th_mem_free};

enum { FIRST_BYTES_MAX = 4096 }; /* of a stream that is told of: its first packet and some */

/* A server that has streams or listens. */
struct owner {
    struct owner *next;
    th_pid pid;
    uint64_t monitor;
    struct th_from acceptor; /* ref 0: none waits */
    unsigned type_count, stream_count, waiting_count;
};

struct listener {
    struct listener *next;
    struct owner *owner;
    char type[TH_TYPE_MAX];
};

struct pull {
    struct th_index_node by_number;
    struct pull *next, *before; /* oldest first */
    th_stream_number number;
    struct owner *owner;
    struct th_hashname peer;
    uint32_t c;
    char type[TH_TYPE_MAX];
    bool is_waiting;          /* for its listener to accept it */
    enum th_err why;          /* not TH_OK: it went with its line … */
    struct th_reliable *left; /* … and this is to be read yet; NULL nothing */
    struct th_from reader, writer;
    size_t read_max;
    struct th_pull_write *body; /* of the writer */
    size_t taken;
};

struct th_pulls {
    struct th_switchboard *board;
    struct th_index by_number;
    struct pull *first, *last;
    struct listener *listeners;
    struct owner *owners;
    th_stream_number numbers;
};

static void drop_write(void *body)
{
    th_mem_free(body);
}

/* answering */

static void answer(const struct th_self *self, struct th_from *to, enum th_err err)
{
    struct th_switch_result *result = to->ref ? th_mem_zalloc(1, sizeof *result) : NULL;
    struct th_from from = *to;

    *to = (struct th_from){0};
    if (result == NULL)
        return; /* nobody waits, or its time-out tells it */
    result->err = err;
    th_reply(self->host, from, (struct th_msg){.kind = &th_switch_msg_result, .body = result});
}

static void answer_data(const struct th_self *self, struct th_from *to, enum th_err err,
                        struct th_pull_data *data)
{
    struct th_from from = *to;

    *to = (struct th_from){0};
    if (data == NULL && from.ref)
        data = th_mem_zalloc(1, sizeof *data);
    if (data == NULL)
        return;
    data->err = err;
    th_reply(self->host, from, (struct th_msg){.kind = &th_switch_msg_data, .body = data});
}

static void refuse_acceptor(const struct th_self *self, struct th_from *to, enum th_err err)
{
    struct th_pull_accepted *told = to->ref ? th_mem_zalloc(1, sizeof *told) : NULL;
    struct th_from from = *to;

    *to = (struct th_from){0};
    if (told == NULL)
        return;
    told->err = err;
    th_reply(self->host, from, (struct th_msg){.kind = &th_switch_msg_accepted, .body = told});
}

/* owners */

static struct owner *find_owner(struct th_pulls *pulls, th_pid pid)
{
    for (struct owner *owner = pulls->owners; owner; owner = owner->next)
        if (owner->pid == pid)
            return owner;
    return NULL;
}

static struct owner *meet(struct th_pulls *pulls, const struct th_self *self, th_pid pid)
{
    struct owner *owner = find_owner(pulls, pid);

    if (owner || (owner = th_mem_zalloc(1, sizeof *owner)) == NULL)
        return owner;
    owner->pid = pid;
    if (th_monitor(self, pid, &owner->monitor) != TH_OK) {
        th_mem_free(owner);
        return NULL;
    }
    owner->next = pulls->owners;
    pulls->owners = owner;
    return owner;
}

static void part(struct th_pulls *pulls, const struct th_self *self, struct owner *owner)
{
    struct owner **at = &pulls->owners;

    if (owner->type_count > 0 || owner->stream_count > 0)
        return;
    while (*at != owner)
        at = &(*at)->next;
    *at = owner->next;
    th_demonitor(self, owner->monitor);
    refuse_acceptor(self, &owner->acceptor, TH_CANCELLED);
    th_mem_free(owner);
}

/* streams */

static struct pull *find(struct th_pulls *pulls, th_stream_number number, th_pid pid)
{
    struct th_index_node *node = th_index_find(&pulls->by_number, number);
    struct pull *pull = node ? TH_HEAP_OWNER(node, struct pull, by_number) : NULL;

    return pull && pull->owner->pid == pid && !pull->is_waiting ? pull : NULL;
}

static struct pull *add(struct th_pulls *pulls, struct owner *owner, const struct th_hashname *peer,
                        const char *type)
{
    struct pull *pull = th_mem_zalloc(1, sizeof *pull);

    if (pull == NULL)
        return NULL;
    pull->number = ++pulls->numbers;
    if (th_index_add(&pulls->by_number, &pull->by_number, pull->number) != TH_OK) {
        th_mem_free(pull);
        return NULL;
    }
    pull->owner = owner;
    pull->peer = *peer;
    strcpy(pull->type, type);
    pull->before = pulls->last;
    *(pulls->last ? &pulls->last->next : &pulls->first) = pull;
    pulls->last = pull;
    owner->stream_count++;
    return pull;
}

static void free_pull(struct th_pulls *pulls, struct pull *pull)
{
    *(pull->before ? &pull->before->next : &pulls->first) = pull->next;
    *(pull->next ? &pull->next->before : &pulls->last) = pull->before;
    th_index_remove(&pulls->by_number, &pull->by_number);
    pull->owner->stream_count--;
    pull->owner->waiting_count -= pull->is_waiting;
    th_mem_free(pull->body);
    th_reliable_free(pull->left);
    th_mem_free(pull);
}

/* err: NULL: an orderly release. */
static void end_pull(struct th_pulls *pulls, const struct th_self *self, struct pull *pull,
                     const char *err)
{
    answer_data(self, &pull->reader, TH_CANCELLED, NULL);
    answer(self, &pull->writer, TH_CANCELLED);
    if (pull->why == TH_OK)
        th_switchboard_stream_release(pulls->board, self->now, &pull->peer, pull->c, err);
    free_pull(pulls, pull);
}

/* going on */

static size_t readable(const struct th_pulls *pulls, const struct pull *pull)
{
    if (pull->why != TH_OK)
        return pull->left ? th_reliable_readable(pull->left) : 0;
    return th_switchboard_stream_readable(pulls->board, &pull->peer, pull->c);
}

static enum th_err read_some(struct th_pulls *pulls, const struct th_self *self, struct pull *pull,
                             uint8_t *bytes, size_t room, size_t *got)
{
    if (pull->left)
        return th_reliable_read(pull->left, self->now, bytes, room, got);
    if (pull->why != TH_OK)
        return pull->why;
    return th_switchboard_stream_read(pulls->board, self->now, &pull->peer, pull->c, bytes, room,
                                      got);
}

static void go_on_reading(struct th_pulls *pulls, const struct th_self *self, struct pull *pull)
{
    struct th_pull_data *data;
    size_t got = 0;

    if (pull->reader.ref == 0)
        return;
    size_t room = readable(pulls, pull);
    room = room < pull->read_max ? room : pull->read_max;
    data = th_mem_zalloc(1, sizeof *data + room);
    if (data == NULL)
        return; /* its time-out tells */
    uint8_t nothing[1];
    enum th_err err = read_some(pulls, self, pull, room > 0 ? data->bytes : nothing, room, &got);
    data->len = got;
    if (err == TH_AGAIN) {
        th_mem_free(data);
        return;
    }
    bool has_words = err == TH_GONE || err == TH_REFUSED;
    if (has_words && pull->left)
        strcpy(data->words, th_reliable_err(pull->left));
    else if (has_words && pull->why == TH_OK)
        th_switchboard_stream_words(pulls->board, &pull->peer, pull->c, data->words);
    answer_data(self, &pull->reader, err, data);
}

static void go_on_writing(struct th_pulls *pulls, const struct th_self *self, struct pull *pull)
{
    enum th_err err = pull->why;
    size_t taken;

    if (pull->body == NULL)
        return;
    while (err == TH_OK && pull->taken < pull->body->len) {
        const struct th_bytes rest = {pull->body->bytes + pull->taken,
                                      pull->body->len - pull->taken};
        err = th_switchboard_stream_write(pulls->board, self->now, &pull->peer, pull->c, rest,
                                          &taken);
        pull->taken += err == TH_OK ? taken : 0;
    }
    if (err == TH_AGAIN)
        return;
    th_mem_free(pull->body);
    pull->body = NULL;
    answer(self, &pull->writer, err);
}

/* Tells a listener that asks of the stream that waits longest for it. */
static void go_on_accepting(struct th_pulls *pulls, const struct th_self *self, struct owner *owner)
{
    struct pull *pull = pulls->first;
    struct th_pull_accepted *told;

    while (pull && !(pull->is_waiting && pull->owner == owner))
        pull = pull->next;
    if (pull == NULL || owner->acceptor.ref == 0)
        return;
    told = th_mem_zalloc(1, sizeof *told + FIRST_BYTES_MAX);
    if (told == NULL)
        return; /* with the next that comes */
    pull->is_waiting = false;
    owner->waiting_count--;
    told->stream = pull->number;
    told->from = pull->peer;
    strcpy(told->type, pull->type);
    if (read_some(pulls, self, pull, told->bytes, FIRST_BYTES_MAX, &told->len) != TH_OK)
        told->len = 0;
    struct th_from to = owner->acceptor;
    owner->acceptor = (struct th_from){0};
    th_reply(self->host, to, (struct th_msg){.kind = &th_switch_msg_accepted, .body = told});
}

/* the board's side */

static void on_first(struct th_pulls *pulls, const struct th_self *self,
                     const struct th_action *action)
{
    char type[TH_TYPE_MAX] = "";
    struct listener *listener = pulls->listeners;
    struct pull *pull = NULL;

    th_switchboard_stream_type(pulls->board, &action->id, action->channel.id, type);
    while (listener && strcmp(listener->type, type) != 0)
        listener = listener->next;
    if (listener && listener->owner->waiting_count < TH_PULL_BACKLOG_MAX)
        pull = add(pulls, listener->owner, &action->id, type);
    if (pull == NULL) {
        th_switchboard_stream_refuse(pulls->board, self->now, &action->id, action->channel.id);
        return;
    }
    pull->c = action->channel.id;
    pull->is_waiting = true;
    pull->owner->waiting_count++;
    th_switchboard_stream_adopt(pulls->board, &pull->peer, pull->c, pull->owner->pid, pull->number);
    go_on_accepting(pulls, self, pull->owner);
}

void th_pulls_on_action(struct th_pulls *pulls, const struct th_self *self,
                        const struct th_action *action)
{
    if (action->is_first) {
        on_first(pulls, self, action);
        return;
    }
    struct th_index_node *node = th_index_find(&pulls->by_number, action->channel.tag);
    if (node == NULL)
        return;
    struct pull *pull = TH_HEAP_OWNER(node, struct pull, by_number);
    pull->why = action->why;
    if (pull->why != TH_OK)
        pull->left = th_switchboard_stream_left(pulls->board, pull->number);
    go_on_reading(pulls, self, pull);
    go_on_writing(pulls, self, pull);
}

static void stop_listening(struct th_pulls *pulls, const struct th_self *self, struct listener **at)
{
    struct listener *listener = *at;
    struct pull *next;

    for (struct pull *pull = pulls->first; pull; pull = next) {
        next = pull->next;
        if (pull->is_waiting && strcmp(pull->type, listener->type) == 0)
            end_pull(pulls, self, pull, "unknown type");
    }
    TH_CHECK(th_switchboard_serve(pulls->board, listener->type, false) == TH_OK);
    listener->owner->type_count--;
    *at = listener->next;
    th_mem_free(listener);
}

void th_pulls_on_down(struct th_pulls *pulls, const struct th_self *self, th_pid pid)
{
    struct owner *owner = find_owner(pulls, pid);
    struct pull *next;

    if (owner == NULL)
        return;
    for (struct listener **at = &pulls->listeners; *at;)
        if ((*at)->owner == owner)
            stop_listening(pulls, self, at);
        else
            at = &(*at)->next;
    for (struct pull *pull = pulls->first; pull; pull = next) {
        next = pull->next;
        if (pull->owner == owner)
            end_pull(pulls, self, pull, "gone");
    }
    part(pulls, self, owner);
}

/* requests */

static enum th_err listen_to(struct th_pulls *pulls, const struct th_self *self,
                             struct owner *owner, const char *type)
{
    struct listener *listener = th_mem_zalloc(1, sizeof *listener);
    (void)self;

    if (listener == NULL)
        return TH_NO_MEMORY;
    enum th_err err = th_switchboard_serve(pulls->board, type, true);
    if (err != TH_OK) {
        th_mem_free(listener);
        return err;
    }
    strcpy(listener->type, type);
    listener->owner = owner;
    owner->type_count++;
    listener->next = pulls->listeners;
    pulls->listeners = listener;
    return TH_OK;
}

static void on_listen(struct th_pulls *pulls, const struct th_self *self, const struct th_msg *msg)
{
    const struct th_pull_listen *ask = msg->body;
    struct th_from from = th_from_of(msg);
    struct listener **at = &pulls->listeners;
    enum th_err err = TH_OK;

    while (*at && strncmp((*at)->type, ask->type, sizeof ask->type) != 0)
        at = &(*at)->next;
    struct owner *owner = meet(pulls, self, msg->from);
    if (owner == NULL)
        err = TH_NO_MEMORY;
    else if (!th_stream_type_is_valid(ask->type))
        err = TH_INVALID;
    else if (*at && (*at)->owner != owner)
        err = TH_IN_USE;
    else if (*at && ask->is_over)
        stop_listening(pulls, self, at);
    else if (*at == NULL && !ask->is_over)
        err = listen_to(pulls, self, owner, ask->type);
    answer(self, &from, err);
    if (owner)
        part(pulls, self, owner);
}

static void on_accept(struct th_pulls *pulls, const struct th_self *self, const struct th_msg *msg)
{
    struct owner *owner = find_owner(pulls, msg->from);

    if (owner && owner->type_count > 0 && owner->acceptor.ref == 0) {
        owner->acceptor = th_from_of(msg);
        go_on_accepting(pulls, self, owner);
        return;
    }
    struct th_pull_accepted *told = th_mem_zalloc(1, sizeof *told);
    if (told == NULL)
        return;
    told->err = TH_INVALID;
    th_reply(self->host, th_from_of(msg),
             (struct th_msg){.kind = &th_switch_msg_accepted, .body = told});
}

static enum th_err open_stream(struct th_pulls *pulls, const struct th_self *self,
                               struct owner *owner, const struct th_pull_open *ask,
                               th_stream_number *number)
{
    if (!th_stream_type_is_valid(ask->type) || ask->len > TH_PULL_FIRST_MAX)
        return TH_INVALID;
    struct pull *pull = add(pulls, owner, &ask->to, ask->type);
    if (pull == NULL)
        return TH_NO_MEMORY;
    enum th_err err = th_switchboard_stream_open(pulls->board, self->now, &ask->to, ask->type,
                                                 owner->pid, pull->number, &pull->c);
    size_t taken;

    *number = pull->number;
    if (err == TH_OK && ask->len > 0)
        err = th_switchboard_stream_write(pulls->board, self->now, &ask->to, pull->c,
                                          (struct th_bytes){ask->bytes, ask->len}, &taken);
    if (err == TH_OK)
        return TH_OK;
    if (pull->c != 0)
        th_switchboard_stream_release(pulls->board, self->now, &ask->to, pull->c, "no room");
    free_pull(pulls, pull);
    return err;
}

static void on_open(struct th_pulls *pulls, const struct th_self *self, const struct th_msg *msg)
{
    struct th_pull_opened *opened = th_mem_zalloc(1, sizeof *opened);
    struct owner *owner = opened ? meet(pulls, self, msg->from) : NULL;

    if (opened == NULL)
        return;
    opened->err =
        owner ? open_stream(pulls, self, owner, msg->body, &opened->stream) : TH_NO_MEMORY;
    th_reply(self->host, th_from_of(msg),
             (struct th_msg){.kind = &th_switch_msg_opened, .body = opened});
    if (owner)
        part(pulls, self, owner);
}

static void on_read(struct th_pulls *pulls, const struct th_self *self, const struct th_msg *msg)
{
    const struct th_pull_read *ask = msg->body;
    struct pull *pull = find(pulls, ask->stream, msg->from);
    struct th_from from = th_from_of(msg);
    bool is_good = pull && pull->reader.ref == 0 && ask->max > 0 && ask->max <= TH_PULL_READ_MAX;

    if (!is_good) {
        answer_data(self, &from, pull ? TH_INVALID : TH_NOT_FOUND, NULL);
        return;
    }
    pull->reader = from;
    pull->read_max = ask->max;
    go_on_reading(pulls, self, pull);
}

static void on_write(struct th_pulls *pulls, const struct th_self *self, struct th_msg *msg)
{
    struct th_pull_write *ask = msg->body;
    struct pull *pull = find(pulls, ask->stream, msg->from);
    struct th_from from = th_from_of(msg);
    bool is_good = pull && pull->body == NULL && ask->len > 0 && ask->len <= TH_PULL_WRITE_MAX;

    if (!is_good) {
        answer(self, &from, pull ? TH_INVALID : TH_NOT_FOUND);
        return;
    }
    pull->writer = from;
    pull->body = ask;
    pull->taken = 0;
    msg->body = NULL;
    go_on_writing(pulls, self, pull);
}

static void on_finish(struct th_pulls *pulls, const struct th_self *self, const struct th_msg *msg)
{
    const struct th_pull_finish *ask = msg->body;
    struct pull *pull = find(pulls, ask->stream, msg->from);
    struct th_from from = th_from_of(msg);

    answer(self, &from, pull ? TH_OK : TH_NOT_FOUND);
    if (pull == NULL)
        return;
    struct owner *owner = pull->owner;
    switch (ask->how) {
    case TH_FINISH_END:
        if (pull->why == TH_OK)
            th_switchboard_stream_end(pulls->board, self->now, &pull->peer, pull->c);
        return;
    case TH_FINISH_RELEASE:
        end_pull(pulls, self, pull, NULL);
        break;
    case TH_FINISH_RESET:
        end_pull(pulls, self, pull, ask->err[0] ? ask->err : "closed");
        break;
    }
    part(pulls, self, owner);
}

bool th_pulls_on_msg(struct th_pulls *pulls, const struct th_self *self, struct th_msg *msg)
{
    if (msg->kind == &th_switch_msg_read)
        on_read(pulls, self, msg);
    else if (msg->kind == &th_switch_msg_write)
        on_write(pulls, self, msg);
    else if (msg->kind == &th_switch_msg_accept)
        on_accept(pulls, self, msg);
    else if (msg->kind == &th_switch_msg_stream_open)
        on_open(pulls, self, msg);
    else if (msg->kind == &th_switch_msg_finish)
        on_finish(pulls, self, msg);
    else if (msg->kind == &th_switch_msg_listen)
        on_listen(pulls, self, msg);
    else
        return false;
    return true;
}

/* life */

struct th_pulls *th_pulls_new(struct th_switchboard *board)
{
    struct th_pulls *pulls = th_mem_zalloc(1, sizeof *pulls);

    if (pulls)
        pulls->board = board;
    return pulls;
}

void th_pulls_free(struct th_pulls *pulls)
{
    while (pulls->first)
        free_pull(pulls, pulls->first);
    while (pulls->listeners) {
        struct listener *next = pulls->listeners->next;
        th_mem_free(pulls->listeners);
        pulls->listeners = next;
    }
    while (pulls->owners) {
        struct owner *next = pulls->owners->next;
        th_mem_free(pulls->owners);
        pulls->owners = next;
    }
    th_index_clear(&pulls->by_number);
    th_mem_free(pulls);
}
