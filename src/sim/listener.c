/* SPDX-License-Identifier: MIT */
/* listener.c - a socket that listens, and those that wait to be accepted. listen(2), accept(2). */
#include <string.h>
#include <sys/socket.h>

#include "net.h"

#define BACKLOG_MOST 4096 /* listen(2), /proc/sys/net/core/somaxconn */

static struct listener *listener_of(struct sim_object *object)
{
    return (struct listener *)(void *)object;
}

/* ---- The queue ------------------------------------------------------------------------------- */

/* As Linux counts: one more than was asked for. */
bool listener_is_full(const struct listener *listener)
{
    return listener->count + listener->coming > listener->backlog;
}

void listener_queue(struct listener *listener, struct end *end)
{
    listener->coming--;
    end->queued = true;
    end->behind = NULL;
    if (listener->last)
        listener->last->behind = end;
    else
        listener->first = end;
    listener->last = end;
    listener->count++;
    sim_changed(&listener->socket.object);
}

void listener_forget(struct end *end)
{
    struct listener *listener = end->listener;
    struct end      *before = NULL, *at = listener->first;
    end->listener = NULL;
    if (!end->queued) {
        listener->coming--;
        return;
    }
    for (; at != end; at = at->behind)
        before = at;
    if (before)
        before->behind = end->behind;
    else
        listener->first = end->behind;
    if (listener->last == end)
        listener->last = before;
    listener->count--;
    end->queued = false;
}

struct packets *listener_received(struct sim_object *object)
{
    for (struct end *end = listener_of(object)->first; end; end = end->behind)
        if (end->received.first)
            return &end->received;
    return NULL;
}

/* ---- Who is asked ---------------------------------------------------------------------------- */

static bool is_asked(const struct sim_object *object, const struct weir_sim_host *host,
                     const struct place *place)
{
    const struct socket *socket = (const struct socket *)(const void *)object;
    return object->host == host && object->type == &sim_listener_type &&
           socket->family != AF_UNIX && socket->bound && socket->local.port == place->port &&
           place_covers(socket, place);
}

/* One that names the address is before those that take all; of several that share a port, any. */
struct listener *listener_find(struct weir_sim_host *host, const struct place *place)
{
    struct sim_object *first = sim_objects(host->world), *found = NULL;
    bool               found_any = false;
    uint64_t           equal = 0;
    for (struct sim_object *object = first; object;
         object = object->next == first ? NULL : object->next) {
        if (!is_asked(object, host, place))
            continue;
        bool any = place_is_any(&((struct socket *)(void *)object)->local);
        if (found && any && !found_any)
            continue;
        equal = found && any == found_any ? equal + 1 : 1;
        if (equal == 1 || sim_random(host->world, DRAW_ORDER, equal) == 0)
            found = object;
        found_any = any;
    }
    return found ? listener_of(found) : NULL;
}

/* ---- The object ------------------------------------------------------------------------------ */

static void inherit(struct stream *stream, const struct listener *listener, struct end *end)
{
    struct socket       *socket = &stream->socket;
    const struct socket *from = &listener->socket;
    memcpy(socket->object.options, from->object.options, sizeof socket->object.options);
    socket->v6only = from->v6only;
    socket->reuse_address = from->reuse_address;
    socket->reuse_port = from->reuse_port;
    listener_forget(end);
    stream_attach(stream, end);
    if (socket->family != AF_UNIX) {
        socket->bound = true;
        return;
    }
    socket->name = from->name;
    const struct end *other = end_other(end);
    socket->peer_name = other->stream ? other->stream->socket.name : other->name;
}

static int64_t perform_accept(struct listener *listener)
{
    struct weir_sim_host *host = listener->socket.object.host;
    struct end           *end = listener->first;
    if (!end)
        return WEIR_EAGAIN;
    if (sim_fault(host->world, WEIR_SIM_RESET, "accept")) {
        end_leave(end, true);
        return WEIR_ECONNABORTED;
    }
    struct stream *stream = stream_new(host, listener->socket.family);
    sim_hold(&stream->socket.object);
    int descriptor = sim_descriptor_take(host, &stream->socket.object);
    if (descriptor >= 0)
        inherit(stream, listener, end);
    sim_release(&stream->socket.object);
    return descriptor;
}

static int64_t listener_perform(struct sim_object *object, struct weir_op *op)
{
    struct listener *listener = listener_of(object);
    bool             is_unix = listener->socket.family == AF_UNIX;
    switch ((enum weir_op_kind)op->kind) {
    case WEIR_OP_ACCEPT:
        return perform_accept(listener);
    case WEIR_OP_RECV:
    case WEIR_OP_RECVV:
    case WEIR_OP_READ:
    case WEIR_OP_READV:
    case WEIR_OP_RECV_MSG:
        return is_unix ? WEIR_EINVAL : WEIR_ENOTCONN;
    case WEIR_OP_SEND:
    case WEIR_OP_SENDV:
    case WEIR_OP_WRITE:
    case WEIR_OP_WRITEV:
    case WEIR_OP_SEND_MSG:
        return is_unix ? WEIR_ENOTCONN : WEIR_EPIPE;
    case WEIR_OP_CONNECT:
        return is_unix ? WEIR_EINVAL : WEIR_EISCONN;
    case WEIR_OP_SHUTDOWN:
        return 0; /* it never sends */
    default:
        return net_perform_other(object, op);
    }
}

static unsigned listener_events(struct sim_object *object)
{
    return listener_of(object)->first ? WEIR_IN : 0;
}

static void listener_close(struct sim_object *object)
{
    struct listener      *listener = listener_of(object);
    struct weir_sim_host *host = object->host;
    while (listener->first)
        end_leave(listener->first, true);
    if (listener->coming)
        connections_forget(host, listener);
}

const struct sim_object_type sim_listener_type = {
    .name = "listener",
    .perform = listener_perform,
    .events = listener_events,
    .close = listener_close,
    .bind = socket_bind,
    .address = socket_address,
};

struct socket *listener_new(struct weir_sim_host *host, int family, int backlog)
{
    struct listener *listener = sim_object_new(host, &sim_listener_type, WEIR_HANDLE_LISTENER,
                                               sizeof *listener);
    listener->socket.object.handle_flags = family == AF_UNIX ? HANDLE_UNIX : 0;
    listener->backlog = (uint32_t)(backlog > 0 && backlog < BACKLOG_MOST ? backlog : BACKLOG_MOST);
    socket_begin(&listener->socket, family, SOCK_STREAM);
    return &listener->socket;
}
