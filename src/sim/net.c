/* SPDX-License-Identifier: MIT */
/* net.c - what a simulated host owns of the network, and what happens to all of it at once. */
#include "net.h"

#include <sys/socket.h>

#define LOOPBACK_NS 5000u
#define NETWORK_NS 100000u

/* ---- Links ----------------------------------------------------------------------------------- */

struct sim_net *net_of(struct weir_sim_host *host)
{
    if (!host->net)
        host->net = sim_new(sizeof *host->net);
    return host->net;
}

uint64_t net_latency(struct weir_sim_host *from, const struct weir_sim_host *to)
{
    return sim_time(from->world, from == to ? LOOPBACK_NS : NETWORK_NS);
}

bool net_reaches(const struct weir_sim_host *from, const struct weir_sim_host *to)
{
    return !to->down && (from == to || sim_linked(from->world, from, to));
}

/* ---- Sockets --------------------------------------------------------------------------------- */

void socket_begin(struct socket *socket, int family, int type)
{
    socket->family = family;
    socket->type = type;
    if (family == AF_INET) /* 0.0.0.0, as IPv6 has it */
        socket->local.ip[10] = socket->local.ip[11] = 0xff;
    options_begin(socket);
}

int socket_take_error(struct socket *socket)
{
    int error = (int)socket->object.options[WEIR_OPTION_ERROR];
    socket->object.options[WEIR_OPTION_ERROR] = 0;
    return error;
}

static bool has_peer(const struct socket *socket)
{
    const struct sim_object *object = &socket->object;
    if (object->type == &sim_stream_type)
        return stream_has_peer(object);
    return object->type == &sim_datagram_type && datagram_has_peer(object);
}

int socket_bind(struct sim_object *object, const void *address, size_t length, unsigned flags)
{
    struct socket *socket = (struct socket *)(void *)object;
    return socket->family == AF_UNIX ? name_bind(socket, address, length)
                                     : place_bind(socket, address, length, flags);
}

int socket_address(struct sim_object *object, bool peer, struct weir_address *address)
{
    const struct socket *socket = (const struct socket *)(const void *)object;
    if (peer && !has_peer(socket))
        return WEIR_ENOTCONN;
    if (socket->family == AF_UNIX)
        name_tell(peer ? &socket->peer_name : &socket->name, address);
    else
        place_tell(peer ? &socket->peer : &socket->local, socket->family, address);
    return 0;
}

static int socket_take(struct weir_sim_host *host, struct sim_object *object)
{
    sim_hold(object);
    int descriptor = sim_descriptor_take(host, object);
    sim_release(object); /* which is its end where it got no number */
    return descriptor;
}

/* Linux's SOCK_PACKET, the last there is. socket(2) */
#define TYPES_MOST 10

int sim_socket(struct weir_sim_host *host, int family, int type, unsigned flags)
{
    if (family != AF_INET && family != AF_INET6 && family != AF_UNIX)
        return WEIR_EAFNOSUPPORT;
    if (type < 0 || type > TYPES_MOST)
        return WEIR_EINVAL; /* no such type at all */
    if (type != SOCK_STREAM && type != SOCK_DGRAM)
        return WEIR_EPROTONOSUPPORT;
    struct socket *socket = type == SOCK_STREAM ? &stream_new(host, family)->socket
                                                : datagram_new(host, family);
    socket->v6only = (flags & WEIR_V6ONLY) != 0;
    if ((flags & WEIR_NODELAY) && family != AF_UNIX && type == SOCK_STREAM)
        socket->object.options[WEIR_OPTION_NODELAY] = 1;
    return socket_take(host, &socket->object);
}

int sim_listen(struct weir_sim_host *host, const void *address, size_t length, int backlog,
               unsigned flags)
{
    int family = address_family(address, length);
    if (family < 0)
        return WEIR_EINVAL;
    if (family != AF_INET && family != AF_INET6 && family != AF_UNIX)
        return WEIR_EAFNOSUPPORT;
    struct socket *socket = listener_new(host, family, backlog);
    socket->v6only = (flags & WEIR_V6ONLY) != 0;
    socket->reuse_address = !(flags & WEIR_NO_REUSE_ADDR);
    if ((flags & WEIR_NODELAY) && family != AF_UNIX)
        socket->object.options[WEIR_OPTION_NODELAY] = 1;
    int descriptor = socket_take(host, &socket->object);
    if (descriptor < 0)
        return descriptor;
    int error = socket->object.type->bind(&socket->object, address, length, flags);
    if (!error)
        return descriptor;
    sim_descriptor_close(host, descriptor);
    return error;
}

/* ---- Transfers ------------------------------------------------------------------------------- */

static int64_t receive(struct sim_object *object, struct transfer *transfer)
{
    return object->type == &sim_stream_type ? stream_receive(object, transfer)
                                            : datagram_receive(object, transfer);
}

static int64_t send_out(struct sim_object *object, struct transfer *transfer)
{
    return object->type == &sim_stream_type ? stream_send(object, transfer)
                                            : datagram_send(object, transfer);
}

int64_t socket_perform_transfer(struct sim_object *object, struct weir_op *op)
{
    struct transfer transfer = {.peek = op->flags & WEIR_PEEK, .discard = op->flags & OP_DISCARD};
    struct rest     rest = rest_of(op);
    pieces_of_rest(&transfer.pieces, &rest);
    int64_t result = op_reads(op) ? receive(object, &transfer) : send_out(object, &transfer);
    transfer_drop_passed(&transfer);
    if (transfer.truncated)
        op->told |= WEIR_TOLD_TRUNCATED;
    return result;
}

/* ---- The other ops --------------------------------------------------------------------------- */

#define MODE_SOCKET 0140777u
#define MODE_PIPE 0010600u

static int64_t tell_stat(const struct sim_object *object, struct weir_stat *stat)
{
    bool pipe = object->kind == WEIR_HANDLE_PIPE;
    *stat = (struct weir_stat){.inode = object->number,
                               .mode = pipe ? MODE_PIPE : MODE_SOCKET,
                               .links = 1,
                               .block_size = 4096,
                               .kind = object->kind};
    return 0;
}

int64_t net_perform_other(struct sim_object *object, struct weir_op *op)
{
    bool pipe = object->kind == WEIR_HANDLE_PIPE;
    switch ((enum weir_op_kind)op->kind) {
    case WEIR_OP_POLL: {
        unsigned asked = op->in.arg.events | WEIR_HUP | WEIR_ERR;
        unsigned events = object->type->events(object) & asked;
        return events ? (int64_t)events : WEIR_EAGAIN;
    }
    case WEIR_OP_FSTAT:
        return tell_stat(object, op->in.arg.stat);
    case WEIR_OP_ADVISE: /* what has no use for it says that it is done */
        return pipe ? WEIR_ESPIPE : 0;
    case WEIR_OP_PREALLOCATE:
        if (!op->in.arg.range.length)
            return WEIR_EINVAL;
        return pipe ? WEIR_ESPIPE : WEIR_ENODEV;
    case WEIR_OP_ACCEPT:
    case WEIR_OP_CONNECT:
    case WEIR_OP_SHUTDOWN:
        return pipe ? WEIR_ENOTSOCK : WEIR_EOPNOTSUPP;
    default:
        return WEIR_EINVAL;
    }
}

/* ---- All at once ----------------------------------------------------------------------------- */

void sim_net_crash(struct weir_sim_host *host)
{
    for (struct weir_sim_host *each = sim_hosts(host->world); each; each = each->next)
        if (each->net)
            connections_crash(each->net, host);
    sim_net_cut(host->world);
}

void sim_net_cut(struct weir_sim *world)
{
    for (struct weir_sim_host *each = sim_hosts(world); each; each = each->next)
        if (each->net)
            connections_probe(each->net);
}

void sim_net_mended(struct weir_sim *world)
{
    for (struct weir_sim_host *each = sim_hosts(world); each; each = each->next)
        if (each->net)
            connections_mended(each->net);
}

/* Sockets that only messages hold, which wait in such sockets themselves. */
static bool drop_passed(struct weir_sim_host *host)
{
    struct sim_object *first = sim_objects(host->world), *object = first;
    while (object) {
        if (object->host == host && object_is_socket(object)) {
            sim_hold(object);
            bool dropped = socket_drop_received(object);
            sim_release(object); /* which may have been its end, and that of its neighbours */
            if (dropped)
                return true;
        }
        object = object->next == first ? NULL : object->next;
    }
    return false;
}

void sim_net_finish(struct weir_sim_host *host)
{
    while (drop_passed(host))
        ;
    for (struct weir_sim_host *each = sim_hosts(host->world); each; each = each->next)
        if (each->net)
            connections_drop(each->net, host);
    if (!host->net)
        return;
    connections_drop(host->net, NULL);
    datagrams_drop(host->net);
    sim_free(host->net);
    host->net = NULL;
}
