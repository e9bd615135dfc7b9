/* SPDX-License-Identifier: MIT */
/* place.c - addresses and ports: who has which, and what a socket may be bound to. bind(2), ip(7),
 * ipv6(7). */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "net.h"

/* The ports that Linux gives out by itself: ip(7), "ip_local_port_range". */
#define PORT_FIRST 32768u
#define PORT_COUNT 28232u

static const unsigned char v4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
static const unsigned char v6_loopback[16] = {[15] = 1};
static const unsigned char v4_loopback[16] = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1};

bool place_is_v4(const struct place *place)
{
    return memcmp(place->ip, v4_prefix, sizeof v4_prefix) == 0;
}

bool place_is_any(const struct place *place)
{
    static const unsigned char none[16];
    return place_is_v4(place) ? memcmp(place->ip + 12, none, 4) == 0
                              : memcmp(place->ip, none, sizeof none) == 0;
}

bool place_is_loopback(const struct place *place)
{
    return place_is_v4(place) ? place->ip[12] == 127
                              : memcmp(place->ip, v6_loopback, sizeof v6_loopback) == 0;
}

bool place_is_group(const struct place *place)
{
    static const unsigned char everybody[4] = {255, 255, 255, 255};
    if (!place_is_v4(place))
        return place->ip[0] == 0xff;
    return (place->ip[12] & 0xf0) == 0xe0 || memcmp(place->ip + 12, everybody, 4) == 0;
}

static bool same_ip(const struct place *one, const struct place *other)
{
    return memcmp(one->ip, other->ip, sizeof one->ip) == 0;
}

bool place_equal(const struct place *one, const struct place *other)
{
    return one->port == other->port && same_ip(one, other);
}

/* ---- As the system writes them --------------------------------------------------------------- */

int address_family(const void *address, size_t length)
{
    const size_t at = offsetof(struct sockaddr, sa_family);
    sa_family_t  family;
    if (length < at + sizeof family)
        return -1;
    memcpy(&family, (const char *)address + at, sizeof family);
    return family;
}

static void store(struct weir_address *address, const void *name, size_t length)
{
    memset(address, 0, sizeof *address);
    memcpy(&address->data, name, length);
    address->length = (uint32_t)length;
}

void place_tell(const struct place *place, int family, struct weir_address *address)
{
    if (family == AF_INET) {
        struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(place->port)};
        memcpy(&v4.sin_addr, place->ip + 12, 4);
        store(address, &v4, sizeof v4);
        return;
    }
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(place->port)};
    memcpy(&v6.sin6_addr, place->ip, sizeof place->ip);
    v6.sin6_scope_id = place->scope;
    store(address, &v6, sizeof v6);
}

static void read_v4(const void *address, struct place *place)
{
    struct sockaddr_in v4;
    memcpy(&v4, address, sizeof v4);
    *place = (struct place){.port = ntohs(v4.sin_port)};
    memcpy(place->ip, v4_prefix, sizeof v4_prefix);
    memcpy(place->ip + 12, &v4.sin_addr, 4);
}

static void read_v6(const void *address, struct place *place)
{
    struct sockaddr_in6 v6;
    memcpy(&v6, address, sizeof v6);
    *place = (struct place){.port = ntohs(v6.sin6_port), .scope = v6.sin6_scope_id};
    memcpy(place->ip, &v6.sin6_addr, sizeof place->ip);
}

/* RFC 3493: what an IPv6 socket needs at least has no scope. */
#define V6_LEAST offsetof(struct sockaddr_in6, sin6_scope_id)

int place_read(const struct socket *socket, const void *address, size_t length, struct place *place)
{
    unsigned char whole[sizeof(struct sockaddr_in6)] = {0};
    int           family = address_family(address, length);
    if (family < 0 || length < (socket->family == AF_INET ? sizeof(struct sockaddr_in) : V6_LEAST))
        return WEIR_EINVAL;
    if (family != socket->family)
        return WEIR_EAFNOSUPPORT;
    memcpy(whole, address, length < sizeof whole ? length : sizeof whole);
    if (family == AF_INET)
        read_v4(whole, place);
    else
        read_v6(whole, place);
    return 0;
}

static void place_of(const struct weir_address *address, struct place *place)
{
    *place = (struct place){0};
    if (address_family(&address->data, address->length) == AF_INET)
        read_v4(&address->data, place);
    else if (address->length >= sizeof(struct sockaddr_in6))
        read_v6(&address->data, place);
}

struct weir_sim_host *place_host(struct weir_sim_host *from, const struct place *place)
{
    struct weir_address address;
    if (place_is_loopback(place) || place_is_any(place))
        return from;
    place_tell(place, place_is_v4(place) ? AF_INET : AF_INET6, &address);
    return sim_host_of(from, &address);
}

int place_source(const struct weir_sim_host *host, const struct place *to, struct place *source)
{
    struct place own;
    place_of(&host->address, &own);
    uint16_t port = source->port;
    if (place_is_loopback(to) || same_ip(to, &own))
        *source = *to;
    else if (place_is_v4(to) == place_is_v4(&own))
        *source = own;
    else if (place_is_group(to)) /* within the host at least */
        memcpy(source->ip, place_is_v4(to) ? v4_loopback : v6_loopback, sizeof source->ip);
    else
        return WEIR_ENETUNREACH;
    source->port = port;
    return 0;
}

/* ---- Who has a port -------------------------------------------------------------------------- */

bool place_covers(const struct socket *socket, const struct place *place)
{
    const struct place *own = &socket->local;
    if (!place_is_any(own))
        return same_ip(own, place);
    if (place_is_v4(own))
        return place_is_v4(place);
    return !socket->v6only || !place_is_v4(place);
}

bool object_is_socket(const struct sim_object *object)
{
    return object->type == &sim_stream_type || object->type == &sim_listener_type ||
           object->type == &sim_datagram_type;
}

/* Both sides agreed to share: socket(7), "SO_REUSEADDR", and SO_REUSEPORT. */
static bool may_share(const struct socket *one, const struct socket *other)
{
    if (one->reuse_port && other->reuse_port)
        return true;
    return one->type == SOCK_STREAM && one->reuse_address && other->reuse_address &&
           other->object.type != &sim_listener_type;
}

static bool conflicts(const struct socket *socket, const struct sim_object *object)
{
    if (object->host != socket->object.host || !object_is_socket(object) ||
        object == &socket->object)
        return false;
    const struct socket *other = (const struct socket *)(const void *)object;
    return other->bound && other->family != AF_UNIX && other->type == socket->type &&
           other->local.port == socket->local.port &&
           (place_covers(socket, &other->local) || place_covers(other, &socket->local)) &&
           !may_share(socket, other);
}

static bool is_taken(const struct socket *socket)
{
    struct sim_object *first = sim_objects(socket->object.host->world), *object = first;
    do
        if (conflicts(socket, object))
            return true;
    while ((object = object->next) != first);
    return socket->type == SOCK_STREAM && !socket->reuse_address &&
           connections_hold(socket->object.host, socket);
}

int place_bind_port(struct socket *socket)
{
    struct weir_sim_host *host = socket->object.host;
    if (socket->bound && socket->local.port)
        return 0;
    for (uint32_t tried = 0; tried < PORT_COUNT; tried++) {
        socket->local.port = (uint16_t)(PORT_FIRST + host->ports++ % PORT_COUNT);
        if (is_taken(socket))
            continue;
        socket->bound = true;
        return 0;
    }
    socket->local.port = 0;
    return WEIR_EADDRNOTAVAIL;
}

int place_bind(struct socket *socket, const void *address, size_t length, unsigned flags)
{
    struct place place, before = socket->local;
    bool         shared = socket->reuse_port;
    int          error = place_read(socket, address, length, &place);
    if (error)
        return error;
    bool group = place_is_group(&place) && socket->type == SOCK_DGRAM;
    if (!group && place_host(socket->object.host, &place) != socket->object.host)
        return WEIR_EADDRNOTAVAIL;
    if (socket->family == AF_INET6 && socket->v6only && place_is_v4(&place))
        return WEIR_EINVAL;
    if (socket->bound)
        return WEIR_EINVAL;
    socket->local = place;
    socket->reuse_port |= (flags & WEIR_REUSE_PORT) != 0;
    if (!place.port)
        error = place_bind_port(socket);
    else if (is_taken(socket))
        error = WEIR_EADDRINUSE;
    if (error) {
        socket->local = before;
        socket->reuse_port = shared;
        return error;
    }
    socket->bound = true;
    return 0;
}

/* ---- Unix names ------------------------------------------------------------------------------ */

#define NAME_START offsetof(struct sockaddr_un, sun_path)
#define NAME_MOST sizeof(struct sockaddr_un)

static bool is_abstract(const struct weir_address *name)
{
    return name->length > NAME_START && !name->data.bytes[NAME_START];
}

/* A path ends at its zero byte, told or not; told it is always there, as Linux does. */
int name_read(const void *address, size_t length, struct weir_address *name)
{
    if (address_family(address, length) != AF_UNIX || length > NAME_MOST)
        return WEIR_EINVAL;
    store(name, address, length);
    if (length > NAME_START && !is_abstract(name)) {
        const unsigned char *path = name->data.bytes + NAME_START;
        const unsigned char *end = memchr(path, 0, length - NAME_START);
        size_t               used = end ? (size_t)(end - path) : length - NAME_START;
        name->length = (uint32_t)(NAME_START + used + 1);
    }
    return 0;
}

bool name_equal(const struct weir_address *one, const struct weir_address *other)
{
    return one->length == other->length && memcmp(&one->data, &other->data, one->length) == 0;
}

static const char *path_of(const struct weir_address *name)
{
    return (const char *)name->data.bytes + NAME_START;
}

/* By a path that is on the disk, which may outlive the socket; else by an abstract name, which
 * goes with it. What accepted connections have is their listener's name, and not theirs to be
 * found by. */
struct socket *name_find(struct weir_sim_host *host, const struct weir_address *name, int *error)
{
    struct sim_object *first = sim_objects(host->world), *object = first;
    int64_t            inode = 0;
    *error = name->length <= NAME_START ? WEIR_EINVAL : WEIR_ECONNREFUSED;
    if (name->length > NAME_START && !is_abstract(name))
        inode = sim_path_find(host, path_of(name));
    if (inode < 0)
        *error = (int)inode;
    while (object && inode >= 0) {
        struct socket *socket = (struct socket *)(void *)object;
        if (object->host == host && object_is_socket(object) && socket->family == AF_UNIX &&
            socket->bound && socket->inode == inode && (inode || name_equal(&socket->name, name)))
            return socket;
        object = object->next == first ? NULL : object->next;
    }
    return NULL;
}

/* unix(7), "Autobind feature": a zero byte and five hexadecimal digits. */
static int bind_any_name(struct socket *socket)
{
    static const char digits[] = "0123456789abcdef";
    for (uint32_t tried = 0; tried < 1u << 20; tried++) {
        uint32_t    number = socket->object.host->ports++;
        char        text[NAME_START + 6] = {0};
        sa_family_t family = AF_UNIX;
        int         error;
        memcpy(text, &family, sizeof family);
        for (int i = 0; i < 5; i++)
            text[NAME_START + 5 - (size_t)i] = digits[number >> (4 * i) & 15];
        struct weir_address name;
        store(&name, text, sizeof text);
        if (name_find(socket->object.host, &name, &error))
            continue;
        socket->name = name;
        socket->bound = true;
        return 0;
    }
    return WEIR_ENOSPC;
}

/* The name is made before anybody asks whether the socket has one. */
static int bind_path(struct socket *socket, const struct weir_address *name)
{
    struct weir_sim_host *host = socket->object.host;
    int64_t               inode = sim_path_bind(host, path_of(name));
    if (inode < 0)
        return (int)inode;
    if (socket->bound) {
        sim_path_remove(host, path_of(name));
        return WEIR_EINVAL;
    }
    socket->inode = inode;
    socket->name = *name;
    socket->bound = true;
    return 0;
}

int name_bind(struct socket *socket, const void *address, size_t length)
{
    struct weir_address name;
    int                 error = name_read(address, length, &name);
    if (error)
        return error;
    if (name.length > NAME_START && !is_abstract(&name))
        return bind_path(socket, &name);
    if (socket->bound)
        return name.length > NAME_START ? WEIR_EINVAL : 0; /* it has a name */
    if (name.length == NAME_START)
        return bind_any_name(socket);
    if (name_find(socket->object.host, &name, &error))
        return WEIR_EADDRINUSE;
    socket->name = name;
    socket->bound = true;
    return 0;
}

void name_tell(const struct weir_address *name, struct weir_address *address)
{
    sa_family_t family = AF_UNIX;
    if (name->length)
        *address = *name;
    else
        store(address, &family, sizeof family);
}
