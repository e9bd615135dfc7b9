/* SPDX-License-Identifier: MIT */
/* stream.c - a stream socket: what its program may do, and is told, in each state of its
 * connection. Results are those of Linux: tcp(7), unix(7), connect(2). */
#include <sys/socket.h>

#include "net.h"

static struct stream *stream_of(struct sim_object *object)
{
    return (struct stream *)(void *)object;
}

static bool is_unix(const struct stream *stream)
{
    return stream->socket.family == AF_UNIX;
}

static bool is_dead(const struct stream *stream)
{
    return !stream->end || stream->end->state == END_DEAD;
}

bool stream_has_peer(const struct sim_object *object)
{
    const struct stream *stream = (const struct stream *)(const void *)object;
    return stream->state == STREAM_CONNECTED && !is_dead(stream);
}

/* ---- From the connection --------------------------------------------------------------------- */

void stream_attach(struct stream *stream, struct end *end)
{
    const struct end *other = end_other(end);
    stream->end = end;
    end->stream = stream;
    stream->state = end->state == END_OPENING ? STREAM_CONNECTING : STREAM_CONNECTED;
    stream->socket.local = end->place;
    stream->socket.peer = other->place;
    stream->socket.object.options[WEIR_OPTION_ERROR] = end->error;
    end->error = 0;
}

void stream_opened(struct stream *stream)
{
    stream->state = STREAM_CONNECTED;
    sim_changed(&stream->socket.object);
}

/* One that never came about is no longer of interest: the socket may try another. */
void stream_broke(struct stream *stream, int error)
{
    stream->socket.object.options[WEIR_OPTION_ERROR] = error;
    if (stream->state == STREAM_CONNECTING) {
        stream->state = STREAM_BROKEN;
        stream->end->stream = NULL;
        stream->end = NULL;
    }
    sim_changed(&stream->socket.object);
}

void stream_fit(struct stream *stream)
{
    const int64_t *options = stream->socket.object.options;
    if (!stream->end)
        return;
    stream->end->send_room = (size_t)options[WEIR_OPTION_SEND_BUFFER];
    if (is_unix(stream))
        end_other(stream->end)->receive_room = stream->end->send_room;
    else
        stream->end->receive_room = (size_t)options[WEIR_OPTION_RECEIVE_BUFFER];
}

/* ---- Bytes ----------------------------------------------------------------------------------- */

int64_t stream_receive(struct sim_object *object, struct transfer *transfer)
{
    struct stream *stream = stream_of(object);
    bool           pends = object->options[WEIR_OPTION_ERROR];
    if (stream->state == STREAM_CONNECTING)
        return WEIR_EAGAIN;
    if (stream->state == STREAM_CONNECTED) {
        if (stream->end && stream->end->received.first)
            return end_receive(stream->end, transfer);
        if (stream->end && stream->end->ended && !(is_unix(stream) && pends))
            return 0;
    }
    if (pends)
        return socket_take_error(&stream->socket);
    if (stream->state != STREAM_CONNECTED)
        return is_unix(stream) ? WEIR_EINVAL : WEIR_ENOTCONN;
    return is_dead(stream) ? 0 : WEIR_EAGAIN;
}

int64_t stream_send(struct sim_object *object, struct transfer *transfer)
{
    struct stream *stream = stream_of(object);
    bool           pends = object->options[WEIR_OPTION_ERROR];
    bool           ending = stream->end && stream->end->ending;
    if (stream->state == STREAM_CONNECTING)
        return WEIR_EAGAIN;
    if (is_unix(stream) && (ending || stream->socket.shut))
        return WEIR_EPIPE;
    if (pends)
        return socket_take_error(&stream->socket);
    if (stream->state != STREAM_CONNECTED)
        return is_unix(stream) ? WEIR_ENOTCONN : WEIR_EPIPE;
    if (transfer->address.length)
        return is_unix(stream) ? WEIR_EISCONN : end_send(stream->end, transfer);
    return is_dead(stream) || ending ? WEIR_EPIPE : end_send(stream->end, transfer);
}

bool socket_drop_received(struct sim_object *object)
{
    struct packets *packets = NULL;
    if (object->type == &sim_stream_type && stream_of(object)->end)
        packets = &stream_of(object)->end->received;
    else if (object->type == &sim_datagram_type)
        packets = datagram_received(object);
    else if (object->type == &sim_listener_type)
        packets = listener_received(object);
    if (!packets || !packets->first)
        return false;
    packets_drop(packets);
    return true;
}

/* ---- Connecting and ending ------------------------------------------------------------------- */

static void disconnect(struct stream *stream, bool abort)
{
    struct end *end = stream->end;
    stream->end = NULL;
    stream->state = STREAM_IDLE;
    if (end)
        end_leave(end, abort);
}

static int connect_unix(struct stream *stream, const void *address, size_t length)
{
    struct weir_address name;
    struct socket      *socket = &stream->socket;
    int                 error = name_read(address, length, &name);
    if (error)
        return error;
    struct socket *other = name_find(socket->object.host, &name, &error);
    if (!other)
        return error;
    if (other->type != SOCK_STREAM)
        return WEIR_EPROTOTYPE;
    if (other->object.type != &sim_listener_type)
        return WEIR_ECONNREFUSED;
    struct listener *listener = (struct listener *)(void *)other;
    if (listener_is_full(listener))
        return WEIR_EBUSY; /* nothing tells when it is not any more: connect(2), EAGAIN */
    socket->peer_name = other->name;
    connection_local(stream, listener);
    return 0;
}

static int64_t connect_inet(struct stream *stream, const void *address, size_t length)
{
    struct socket *socket = &stream->socket;
    struct place   to;
    int            error = place_read(socket, address, length, &to);
    if (error)
        return error;
    if (place_is_any(&to)) {
        to.ip[12] = place_is_v4(&to) ? 127 : 0; /* ip(7): of INADDR_ANY one reaches oneself */
        to.ip[15] = 1;
    }
    if (place_is_group(&to) || (socket->v6only && place_is_v4(&to)))
        return WEIR_ENETUNREACH;
    struct place source = socket->local;
    error = place_source(socket->object.host, &to, &source);
    if (!error)
        error = place_bind_port(socket);
    if (error)
        return error;
    source.port = socket->local.port;
    if (!socket->bound || place_is_any(&socket->local))
        socket->local = source;
    connection_begin(stream, &to);
    return WEIR_EAGAIN;
}

static int64_t connect_begin(struct stream *stream, struct weir_op *op)
{
    const void *address = op->in.arg.address.data;
    size_t      length = op->in.arg.address.length;
    int         family = address_family(address, length);
    if (family < 0)
        return WEIR_EINVAL;
    if (family == AF_UNSPEC && !is_unix(stream)) {
        disconnect(stream, true);
        return 0;
    }
    switch (stream->state) {
    case STREAM_CONNECTED:
        return WEIR_EISCONN;
    case STREAM_CONNECTING:
        return WEIR_EALREADY;
    case STREAM_BROKEN: { /* that of an attempt which nobody awaited to its end */
        int error = socket_take_error(&stream->socket);
        stream->state = STREAM_IDLE;
        if (error)
            return error;
        break;
    }
    case STREAM_IDLE:
        break;
    }
    if (is_unix(stream))
        return connect_unix(stream, address, length);
    int64_t result = connect_inet(stream, address, length);
    op->in.step = result == WEIR_EAGAIN;
    return result;
}

static int64_t perform_connect(struct stream *stream, struct weir_op *op)
{
    if (op->in.step == 0)
        return connect_begin(stream, op);
    if (stream->state == STREAM_CONNECTING)
        return WEIR_EAGAIN;
    int error = socket_take_error(&stream->socket);
    if (stream->state == STREAM_CONNECTED)
        return error;
    stream->state = STREAM_IDLE;
    return error ? error : WEIR_ECONNABORTED;
}

static int perform_shutdown(struct stream *stream)
{
    if (is_unix(stream)) {
        stream->socket.shut = true;
        if (stream->end)
            end_finish(stream->end);
        sim_changed(&stream->socket.object);
        return 0;
    }
    if (stream->state == STREAM_CONNECTING) {
        disconnect(stream, true);
        return 0;
    }
    if (stream->state != STREAM_CONNECTED || is_dead(stream) ||
        (stream->end->ending && stream->end->ended))
        return WEIR_ENOTCONN;
    end_finish(stream->end);
    sim_changed(&stream->socket.object);
    return 0;
}

/* ---- The object ------------------------------------------------------------------------------ */

static int64_t stream_perform(struct sim_object *object, struct weir_op *op)
{
    struct stream *stream = stream_of(object);
    switch ((enum weir_op_kind)op->kind) {
    case WEIR_OP_RECV:
    case WEIR_OP_RECVV:
    case WEIR_OP_READ:
    case WEIR_OP_READV:
    case WEIR_OP_SEND:
    case WEIR_OP_SENDV:
    case WEIR_OP_WRITE:
    case WEIR_OP_WRITEV:
        return socket_perform_transfer(object, op);
    case WEIR_OP_RECV_MSG:
    case WEIR_OP_SEND_MSG:
        return message_perform(object, op);
    case WEIR_OP_CONNECT:
        return perform_connect(stream, op);
    case WEIR_OP_SHUTDOWN:
        return perform_shutdown(stream);
    case WEIR_OP_ACCEPT:
        return WEIR_EINVAL;
    default:
        return net_perform_other(object, op);
    }
}

static unsigned connected_events(const struct stream *stream)
{
    const struct end *end = stream->end;
    if (is_dead(stream) || (end->ended && end->ending))
        return WEIR_IN | WEIR_OUT | WEIR_HUP | WEIR_RDHUP;
    return (end->ended ? WEIR_IN | WEIR_RDHUP : 0) | (end->received.first ? WEIR_IN : 0) |
           (end->ending || end_has_room(end) ? WEIR_OUT : 0);
}

static unsigned stream_events(struct sim_object *object)
{
    struct stream *stream = stream_of(object);
    unsigned       error = object->options[WEIR_OPTION_ERROR] ? WEIR_ERR : 0;
    switch (stream->state) {
    case STREAM_IDLE:
        break;
    case STREAM_CONNECTING:
        return error;
    case STREAM_CONNECTED:
        return error | connected_events(stream);
    case STREAM_BROKEN:
        return error | WEIR_IN | WEIR_OUT | WEIR_HUP | WEIR_RDHUP;
    }
    return error | WEIR_OUT | WEIR_HUP;
}

static void stream_close(struct sim_object *object)
{
    struct stream *stream = stream_of(object);
    disconnect(stream, !is_unix(stream) && object->options[WEIR_OPTION_LINGER] == 0);
}

const struct sim_object_type sim_stream_type = {
    .name = "stream",
    .perform = stream_perform,
    .events = stream_events,
    .close = stream_close,
    .bind = socket_bind,
    .address = socket_address,
};

struct stream *stream_new(struct weir_sim_host *host, int family)
{
    struct stream *stream = sim_object_new(host, &sim_stream_type, WEIR_HANDLE_STREAM,
                                           sizeof *stream);
    stream->socket.object.handle_flags = family == AF_UNIX ? HANDLE_UNIX : 0;
    socket_begin(&stream->socket, family, SOCK_STREAM);
    return stream;
}
