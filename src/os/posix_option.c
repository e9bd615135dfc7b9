/* SPDX-License-Identifier: MIT */
/* posix_option.c - socket options by weir's names, and multicast groups. setsockopt(2), socket(7),
 * tcp(7), udp(7), ip(7), ipv6(7). */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include "os.h"

/* An option that is one int of the system's; the values that it takes. */
struct plain {
    int level, name;
    int least, most;
};

static int set_int(int descriptor, int level, int name, int value)
{
    return setsockopt(descriptor, level, name, &value, sizeof value) < 0 ? -errno : 0;
}

static int get_int(int descriptor, int level, int name, int *value)
{
    socklen_t length = sizeof *value;
    *value = 0;
    return getsockopt(descriptor, level, name, value, &length) < 0 ? -errno : 0;
}

static int family_of(int descriptor)
{
    struct sockaddr_storage name = {0};
    socklen_t               length = sizeof name;
    return getsockname(descriptor, (struct sockaddr *)&name, &length) < 0 ? AF_UNSPEC
                                                                          : name.ss_family;
}

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
#ifdef UDP_SEGMENT
    case WEIR_OPTION_RECEIVE_OFFLOAD:
        *plain = (struct plain){IPPROTO_UDP, UDP_GRO, 0, 1};
        return true;
    case WEIR_OPTION_SEND_SEGMENT:
        *plain = (struct plain){IPPROTO_UDP, UDP_SEGMENT, 0, 65535};
        return true;
#else
    case WEIR_OPTION_RECEIVE_OFFLOAD:
    case WEIR_OPTION_SEND_SEGMENT:
#endif
    case WEIR_OPTION_KEEPALIVE:
    case WEIR_OPTION_LINGER:
    case WEIR_OPTION_DONT_FRAGMENT:
    case WEIR_OPTION_ERROR:
        break;
    }
    return false;
}

static int set_plain(int descriptor, enum weir_option option, int64_t value)
{
    struct plain plain;
    int          family = family_of(descriptor);
    if (!plain_of(option, family, &plain))
        return WEIR_ENOTSUP;
    if (value < plain.least || value > plain.most)
        return WEIR_EINVAL;
    int error = set_int(descriptor, plain.level, plain.name, (int)value);
    /* An IPv6 socket that serves IPv4 too has a set of these for each. */
    if (!error && plain.level == IPPROTO_IPV6 && plain_of(option, AF_INET, &plain))
        (void)set_int(descriptor, plain.level, plain.name, (int)value);
    return error;
}

static int get_plain(int descriptor, enum weir_option option, int64_t *value)
{
    struct plain plain;
    int          found;
    if (!plain_of(option, family_of(descriptor), &plain))
        return WEIR_ENOTSUP;
    int error = get_int(descriptor, plain.level, plain.name, &found);
    *value = found;
    return error;
}

/* ---- Those of their own shape ---------------------------------------------------------------- */

#ifdef TCP_KEEPIDLE
#define KEEP_IDLE TCP_KEEPIDLE
#else
#define KEEP_IDLE TCP_KEEPALIVE /* macOS */
#endif

/* The time first: what is not TCP refuses it, and would take SO_KEEPALIVE for nothing. */
static int set_keepalive(int descriptor, int64_t seconds)
{
    int idle;
    if (seconds < 0 || seconds > INT_MAX)
        return WEIR_EINVAL;
    int error = seconds ? set_int(descriptor, IPPROTO_TCP, KEEP_IDLE, (int)seconds)
                        : get_int(descriptor, IPPROTO_TCP, KEEP_IDLE, &idle);
    return error ? error : set_int(descriptor, SOL_SOCKET, SO_KEEPALIVE, seconds ? 1 : 0);
}

static int get_keepalive(int descriptor, int64_t *seconds)
{
    int on = 0, idle;
    int error = get_int(descriptor, IPPROTO_TCP, KEEP_IDLE, &idle);
    if (!error)
        error = get_int(descriptor, SOL_SOCKET, SO_KEEPALIVE, &on);
    *seconds = on ? idle : 0;
    return error;
}

static int set_linger(int descriptor, int64_t seconds)
{
    struct linger linger = {.l_onoff = seconds >= 0, .l_linger = seconds > 0 ? (int)seconds : 0};
    if (seconds < -1 || seconds > INT_MAX)
        return WEIR_EINVAL;
    return setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) < 0 ? -errno : 0;
}

static int get_linger(int descriptor, int64_t *seconds)
{
    struct linger linger = {0};
    socklen_t     length = sizeof linger;
    if (getsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, &length) < 0)
        return -errno;
    *seconds = linger.l_onoff ? linger.l_linger : -1;
    return 0;
}

/* Path discovery in Linux's terms: always, or never. ip(7). */
#ifdef IP_MTU_DISCOVER
static int set_fragment(int descriptor, int64_t value)
{
    if (value != 0 && value != 1)
        return WEIR_EINVAL;
    if (family_of(descriptor) == AF_INET6) {
        int error = set_int(descriptor, IPPROTO_IPV6, IPV6_MTU_DISCOVER,
                            value ? IPV6_PMTUDISC_DO : IPV6_PMTUDISC_DONT);
        if (error)
            return error;
        (void)set_int(descriptor, IPPROTO_IP, IP_MTU_DISCOVER,
                      value ? IP_PMTUDISC_DO : IP_PMTUDISC_DONT);
        return 0;
    }
    return set_int(descriptor, IPPROTO_IP, IP_MTU_DISCOVER,
                   value ? IP_PMTUDISC_DO : IP_PMTUDISC_DONT);
}

static int get_fragment(int descriptor, int64_t *value)
{
    bool v6 = family_of(descriptor) == AF_INET6;
    int  found = 0;
    int  error = v6 ? get_int(descriptor, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &found)
                    : get_int(descriptor, IPPROTO_IP, IP_MTU_DISCOVER, &found);
    /* Linux has the same numbers for both. */
    *value = found == IP_PMTUDISC_DO || found == IP_PMTUDISC_PROBE;
    return error;
}
#else
static int set_fragment(int descriptor, int64_t value)
{
    (void)descriptor, (void)value;
    return WEIR_ENOTSUP;
}

static int get_fragment(int descriptor, int64_t *value)
{
    (void)descriptor, (void)value;
    return WEIR_ENOTSUP;
}
#endif

static int get_error(int descriptor, int64_t *value)
{
    int found;
    int error = get_int(descriptor, SOL_SOCKET, SO_ERROR, &found);
    *value = -found;
    return error;
}

/* ---- The table's entries --------------------------------------------------------------------- */

int posix_option_set(struct weir_handle *handle, enum weir_option option, int64_t value)
{
    int descriptor = handle->in.descriptor;
    switch (option) {
    case WEIR_OPTION_KEEPALIVE:
        return set_keepalive(descriptor, value);
    case WEIR_OPTION_LINGER:
        return set_linger(descriptor, value);
    case WEIR_OPTION_DONT_FRAGMENT:
        return set_fragment(descriptor, value);
    case WEIR_OPTION_ERROR:
        return WEIR_ENOPROTOOPT; /* as setsockopt(2) says of SO_ERROR */
    case WEIR_OPTION_NODELAY:
    case WEIR_OPTION_RECEIVE_BUFFER:
    case WEIR_OPTION_SEND_BUFFER:
    case WEIR_OPTION_BROADCAST:
    case WEIR_OPTION_MULTICAST_TTL:
    case WEIR_OPTION_MULTICAST_LOOP:
    case WEIR_OPTION_RECEIVE_OFFLOAD:
    case WEIR_OPTION_SEND_SEGMENT:
        break;
    }
    return set_plain(descriptor, option, value);
}

int posix_option_get(const struct weir_handle *handle, enum weir_option option, int64_t *value)
{
    int descriptor = handle->in.descriptor;
    switch (option) {
    case WEIR_OPTION_KEEPALIVE:
        return get_keepalive(descriptor, value);
    case WEIR_OPTION_LINGER:
        return get_linger(descriptor, value);
    case WEIR_OPTION_DONT_FRAGMENT:
        return get_fragment(descriptor, value);
    case WEIR_OPTION_ERROR:
        return get_error(descriptor, value);
    case WEIR_OPTION_NODELAY:
    case WEIR_OPTION_RECEIVE_BUFFER:
    case WEIR_OPTION_SEND_BUFFER:
    case WEIR_OPTION_BROADCAST:
    case WEIR_OPTION_MULTICAST_TTL:
    case WEIR_OPTION_MULTICAST_LOOP:
    case WEIR_OPTION_RECEIVE_OFFLOAD:
    case WEIR_OPTION_SEND_SEGMENT:
        break;
    }
    return get_plain(descriptor, option, value);
}

int posix_multicast(struct weir_handle *handle, const struct weir_address *group,
                    unsigned interface_index, bool join)
{
    struct group_req request;
    int              level = os_group_request(&request, group, interface_index);
    if (level < 0)
        return level;
    return setsockopt(handle->in.descriptor, level, join ? MCAST_JOIN_GROUP : MCAST_LEAVE_GROUP,
                      &request, sizeof request) < 0
               ? -errno
               : 0;
}
