/* SPDX-License-Identifier: MIT */
/* win_option.c - socket options by weir's names, and multicast groups. */
#include "win.h"

#include <limits.h>
#include <ws2tcpip.h>

#include "os.h"

#ifndef TCP_KEEPALIVE
#define TCP_KEEPALIVE 3 /* later headers also call it TCP_KEEPIDLE */
#endif

/* An option that is one int of the system's; the values that it takes. */
struct plain {
    int level, name;
    int least, most;
};

/* What each option is to a socket of the family. False for the ones that are no plain int. */
static bool plain_of(enum weir_option option, int family, struct plain *plain)
{
    bool v6 = family == AF_INET6;
    switch (option) {
    case WEIR_OPTION_NODELAY:
        *plain = (struct plain){IPPROTO_TCP, TCP_NODELAY, 0, 1};
        return true;
    case WEIR_OPTION_RECEIVE_BUFFER:
        *plain = (struct plain){SOL_SOCKET, SO_RCVBUF, 0, INT_MAX};
        return true;
    case WEIR_OPTION_SEND_BUFFER:
        *plain = (struct plain){SOL_SOCKET, SO_SNDBUF, 0, INT_MAX};
        return true;
    case WEIR_OPTION_BROADCAST:
        *plain = (struct plain){SOL_SOCKET, SO_BROADCAST, 0, 1};
        return true;
    case WEIR_OPTION_MULTICAST_TTL:
        *plain = v6 ? (struct plain){IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 0, 255}
                    : (struct plain){IPPROTO_IP, IP_MULTICAST_TTL, 0, 255};
        return true;
    case WEIR_OPTION_MULTICAST_LOOP:
        *plain = v6 ? (struct plain){IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0, 1}
                    : (struct plain){IPPROTO_IP, IP_MULTICAST_LOOP, 0, 1};
        return true;
    case WEIR_OPTION_DONT_FRAGMENT:
        *plain = v6 ? (struct plain){IPPROTO_IPV6, IPV6_DONTFRAG, 0, 1}
                    : (struct plain){IPPROTO_IP, IP_DONTFRAGMENT, 0, 1};
        return true;
    case WEIR_OPTION_RECEIVE_OFFLOAD:
    case WEIR_OPTION_SEND_SEGMENT:
    case WEIR_OPTION_KEEPALIVE:
    case WEIR_OPTION_LINGER:
    case WEIR_OPTION_ERROR:
        break;
    }
    return false;
}

static int set_plain(int descriptor, enum weir_option option, int64_t value)
{
    struct plain plain;
    if (!plain_of(option, win_family_of(descriptor), &plain))
        return WEIR_ENOTSUP;
    if (value < plain.least || value > plain.most)
        return WEIR_EINVAL;
    int error = win_set_int(descriptor, plain.level, plain.name, (int)value);
    /* An IPv6 socket that serves IPv4 too has a set of these for each. */
    if (!error && plain.level == IPPROTO_IPV6 && plain_of(option, AF_INET, &plain))
        (void)win_set_int(descriptor, plain.level, plain.name, (int)value);
    return error;
}

static int get_plain(int descriptor, enum weir_option option, int64_t *value)
{
    struct plain plain;
    int          found;
    if (!plain_of(option, win_family_of(descriptor), &plain))
        return WEIR_ENOTSUP;
    int error = win_get_int(descriptor, plain.level, plain.name, &found);
    *value = found;
    return error;
}

/* ---- Those of more than one value ------------------------------------------------------------ */

/* In seconds, from Windows 10 1709 on. */
static int set_keepalive(int descriptor, int64_t value)
{
    if (value < 0 || value > INT_MAX)
        return WEIR_EINVAL;
    int error = value ? win_set_int(descriptor, IPPROTO_TCP, TCP_KEEPALIVE, (int)value) : 0;
    return error ? error : win_set_int(descriptor, SOL_SOCKET, SO_KEEPALIVE, value != 0);
}

static int get_keepalive(int descriptor, int64_t *value)
{
    int on, seconds = 0;
    int error = win_get_int(descriptor, SOL_SOCKET, SO_KEEPALIVE, &on);
    if (!error && on)
        error = win_get_int(descriptor, IPPROTO_TCP, TCP_KEEPALIVE, &seconds);
    *value = seconds;
    return error;
}

static int set_linger(int descriptor, int64_t value)
{
    if (value < -1 || value > USHRT_MAX)
        return WEIR_EINVAL;
    struct linger linger = {.l_onoff = value >= 0, .l_linger = value < 0 ? 0 : (u_short)value};
    int error = setsockopt(win_socket_of(descriptor), SOL_SOCKET, SO_LINGER, (const char *)&linger,
                           (int)sizeof linger);
    return error ? win_socket_error() : 0;
}

static int get_linger(int descriptor, int64_t *value)
{
    struct linger linger = {0};
    int           length = (int)sizeof linger;
    int error = getsockopt(win_socket_of(descriptor), SOL_SOCKET, SO_LINGER, (char *)&linger,
                           &length);
    *value = linger.l_onoff ? linger.l_linger : -1;
    return error ? win_socket_error() : 0;
}

static int get_error(int descriptor, int64_t *value)
{
    int found;
    int error = win_get_int(descriptor, SOL_SOCKET, SO_ERROR, &found);
    *value = win_error_of((DWORD)found);
    return error;
}

/* ---- The table's entries --------------------------------------------------------------------- */

int win_option_set(struct weir_handle *handle, enum weir_option option, int64_t value)
{
    int descriptor = handle->in.descriptor;
    if (!handle_is_socket(handle))
        return WEIR_ENOTSOCK;
    switch (option) {
    case WEIR_OPTION_KEEPALIVE:
        return set_keepalive(descriptor, value);
    case WEIR_OPTION_LINGER:
        return set_linger(descriptor, value);
    case WEIR_OPTION_ERROR:
        return WEIR_ENOPROTOOPT;
    case WEIR_OPTION_NODELAY:
    case WEIR_OPTION_RECEIVE_BUFFER:
    case WEIR_OPTION_SEND_BUFFER:
    case WEIR_OPTION_BROADCAST:
    case WEIR_OPTION_MULTICAST_TTL:
    case WEIR_OPTION_MULTICAST_LOOP:
    case WEIR_OPTION_DONT_FRAGMENT:
    case WEIR_OPTION_RECEIVE_OFFLOAD:
    case WEIR_OPTION_SEND_SEGMENT:
        break;
    }
    return set_plain(descriptor, option, value);
}

int win_option_get(const struct weir_handle *handle, enum weir_option option, int64_t *value)
{
    int descriptor = handle->in.descriptor;
    if (!handle_is_socket(handle))
        return WEIR_ENOTSOCK;
    switch (option) {
    case WEIR_OPTION_KEEPALIVE:
        return get_keepalive(descriptor, value);
    case WEIR_OPTION_LINGER:
        return get_linger(descriptor, value);
    case WEIR_OPTION_ERROR:
        return get_error(descriptor, value);
    case WEIR_OPTION_NODELAY:
    case WEIR_OPTION_RECEIVE_BUFFER:
    case WEIR_OPTION_SEND_BUFFER:
    case WEIR_OPTION_BROADCAST:
    case WEIR_OPTION_MULTICAST_TTL:
    case WEIR_OPTION_MULTICAST_LOOP:
    case WEIR_OPTION_DONT_FRAGMENT:
    case WEIR_OPTION_RECEIVE_OFFLOAD:
    case WEIR_OPTION_SEND_SEGMENT:
        break;
    }
    return get_plain(descriptor, option, value);
}

int win_multicast(struct weir_handle *handle, const struct weir_address *group,
                  unsigned interface_index, bool join)
{
    struct group_req request;
    int              level = os_group_request(&request, group, interface_index);
    if (!handle_is_socket(handle))
        return WEIR_ENOTSOCK;
    if (level < 0)
        return level;
    return setsockopt(win_socket_of(handle->in.descriptor), level,
                      join ? MCAST_JOIN_GROUP : MCAST_LEAVE_GROUP, (const char *)&request,
                      (int)sizeof request)
               ? win_socket_error()
               : 0;
}
