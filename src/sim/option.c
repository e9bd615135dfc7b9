/* SPDX-License-Identifier: MIT */
/* option.c - the options of simulated sockets, with the values and the refusals of Linux.
 * socket(7), tcp(7), udp(7), ip(7). */
#include <limits.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "net.h"

#define BUFFER_USUAL 212992 /* socket(7), rmem_default and rmem_max */
#define SEND_LEAST 4608
#define RECEIVE_LEAST 2304

/* Windows of TCP are drawn, so that a program meets small ones. */
void options_begin(struct socket *socket)
{
    static const int64_t windows[] = {8192, 16384, 65536, 131072};
    struct weir_sim     *world = socket->object.host->world;
    int64_t             *options = socket->object.options;
    bool                 drawn = socket->type == SOCK_STREAM;
    options[WEIR_OPTION_LINGER] = -1;
    options[WEIR_OPTION_MULTICAST_TTL] = options[WEIR_OPTION_MULTICAST_LOOP] = 1;
    options[WEIR_OPTION_RECEIVE_BUFFER] = drawn ? windows[sim_random(world, DRAW_SIZE, 4)]
                                                : BUFFER_USUAL;
    options[WEIR_OPTION_SEND_BUFFER] = drawn ? windows[sim_random(world, DRAW_SIZE, 4)]
                                             : BUFFER_USUAL;
}

/* The largest value of each; all but LINGER begin at 0. */
static int64_t most_of(enum weir_option option)
{
    switch (option) {
    case WEIR_OPTION_MULTICAST_TTL:
        return 255;
    case WEIR_OPTION_SEND_SEGMENT:
        return 65535;
    case WEIR_OPTION_KEEPALIVE:
    case WEIR_OPTION_RECEIVE_BUFFER:
    case WEIR_OPTION_SEND_BUFFER:
    case WEIR_OPTION_LINGER:
        return INT_MAX;
    case WEIR_OPTION_NODELAY:
    case WEIR_OPTION_BROADCAST:
    case WEIR_OPTION_MULTICAST_LOOP:
    case WEIR_OPTION_DONT_FRAGMENT:
    case WEIR_OPTION_RECEIVE_OFFLOAD:
    case WEIR_OPTION_ERROR:
        break;
    }
    return 1;
}

/* 0, or what the system says of an option that the socket does not have. */
static int check(const struct socket *socket, enum weir_option option)
{
    bool tcp = socket->type == SOCK_STREAM;
    switch (option) {
    case WEIR_OPTION_RECEIVE_BUFFER:
    case WEIR_OPTION_SEND_BUFFER:
    case WEIR_OPTION_LINGER:
    case WEIR_OPTION_BROADCAST:
    case WEIR_OPTION_ERROR:
        return 0;
    case WEIR_OPTION_NODELAY:
    case WEIR_OPTION_KEEPALIVE:
        return socket->family == AF_UNIX ? WEIR_EOPNOTSUPP : tcp ? 0 : WEIR_ENOPROTOOPT;
    case WEIR_OPTION_RECEIVE_OFFLOAD:
    case WEIR_OPTION_SEND_SEGMENT:
        return socket->family == AF_UNIX ? WEIR_EOPNOTSUPP : tcp ? WEIR_ENOPROTOOPT : 0;
    case WEIR_OPTION_MULTICAST_TTL:
    case WEIR_OPTION_MULTICAST_LOOP:
    case WEIR_OPTION_DONT_FRAGMENT:
        return socket->family == AF_UNIX ? WEIR_EOPNOTSUPP : 0;
    }
    return WEIR_EINVAL;
}

static int64_t buffer_of(int64_t value, int64_t least)
{
    int64_t twice = (value < BUFFER_USUAL ? value : BUFFER_USUAL) * 2;
    return twice < least ? least : twice;
}

int sim_option_set(struct sim_object *object, enum weir_option option, int64_t value)
{
    struct socket *socket = (struct socket *)(void *)object;
    if (!object_is_socket(object))
        return WEIR_ENOTSOCK;
    if (option == WEIR_OPTION_ERROR)
        return WEIR_ENOPROTOOPT;
    if (value < (option == WEIR_OPTION_LINGER ? -1 : 0) || value > most_of(option))
        return WEIR_EINVAL;
    int error = check(socket, option);
    if (error)
        return error;
    if (option == WEIR_OPTION_MULTICAST_TTL && socket->type == SOCK_STREAM)
        return socket->family == AF_INET ? WEIR_EINVAL : WEIR_ENOPROTOOPT;
    if (option == WEIR_OPTION_RECEIVE_BUFFER)
        value = buffer_of(value, RECEIVE_LEAST);
    if (option == WEIR_OPTION_SEND_BUFFER)
        value = buffer_of(value, SEND_LEAST);
    object->options[option] = value;
    if (object->type == &sim_stream_type)
        stream_fit((struct stream *)(void *)object);
    if (option == WEIR_OPTION_KEEPALIVE)
        sim_net_cut(object->host->world); /* a link may have been cut before it was wanted */
    return 0;
}

int sim_option_get(struct sim_object *object, enum weir_option option, int64_t *value)
{
    struct socket *socket = (struct socket *)(void *)object;
    if (!object_is_socket(object))
        return WEIR_ENOTSOCK;
    int error = check(socket, option);
    if (error)
        return error;
    *value = option == WEIR_OPTION_ERROR ? socket_take_error(socket) : object->options[option];
    return 0;
}

/* Interface 1 is the loopback, 2 the network. */
int sim_multicast(struct sim_object *object, const struct weir_address *group,
                  unsigned interface_index, bool join)
{
    const struct socket *socket = (const struct socket *)(const void *)object;
    int                  family = address_family(&group->data, group->length);
    struct socket        as = {.family = family};
    struct place         place;
    if (!object_is_socket(object))
        return WEIR_ENOTSOCK;
    if (group->length > sizeof group->data || (family != AF_INET && family != AF_INET6) ||
        place_read(&as, &group->data, group->length, &place))
        return WEIR_EINVAL;
    if (socket->family == AF_UNIX)
        return WEIR_EOPNOTSUPP;
    if (family == AF_INET6 && socket->family == AF_INET)
        return WEIR_ENOPROTOOPT;
    if (object->type != &sim_datagram_type)
        return WEIR_EPROTO;
    if (!place_is_group(&place))
        return WEIR_EINVAL;
    if (interface_index > 2)
        return WEIR_ENODEV;
    return datagram_join(object, &place, interface_index, join);
}
