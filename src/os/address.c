/* SPDX-License-Identifier: MIT */
/* address.c - addresses as text, both ways. */
#include <stdlib.h>
#include <string.h>

#include "os.h"
#include "socket_names.h"

#define PATH_ROOM sizeof(((struct sockaddr_un *)0)->sun_path)

_Static_assert(sizeof(struct sockaddr_un) <= sizeof(((struct weir_address *)0)->data) &&
                   sizeof(struct sockaddr_in6) <= sizeof(((struct weir_address *)0)->data),
               "struct weir_address holds every kind of address");

static void store(struct weir_address *address, const void *name, size_t length)
{
    memset(address, 0, sizeof *address);
    memcpy(&address->data, name, length);
    address->length = (uint32_t)length;
}

static int parse_unix(struct weir_address *address, const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    size_t             length = strlen(path);
    if (!length)
        return WEIR_EINVAL;
    bool is_abstract = path[0] == '@'; /* unix(7): they begin with a zero byte and have no end */
    if (length + !is_abstract > PATH_ROOM)
        return WEIR_ENAMETOOLONG;
    memcpy(name.sun_path, path, length);
    size_t total = offsetof(struct sockaddr_un, sun_path) + length + !is_abstract;
    if (is_abstract)
        name.sun_path[0] = 0;
    store(address, &name, total);
    return 0;
}

/* A decimal port that ends the text, or -1. */
static int parse_port(const char *text)
{
    int port = 0, digits = 0;
    for (; *text >= '0' && *text <= '9' && digits < 6; text++, digits++)
        port = port * 10 + (*text - '0');
    return *text || !digits || port > 65535 ? -1 : port;
}

int weir_address_parse(struct weir_address *address, const char *text)
{
    char        host[INET6_ADDRSTRLEN];
    const char *colon = strrchr(text, ':');
    int         port = colon ? parse_port(colon + 1) : -1;
    if (strncmp(text, "unix:", 5) == 0)
        return parse_unix(address, text + 5);
    if (port < 0)
        return WEIR_EINVAL;
    bool   bracketed = text[0] == '[' && colon > text && colon[-1] == ']';
    size_t length = (size_t)(colon - text) - (bracketed ? 2 : 0);
    if (length >= sizeof host)
        return WEIR_EINVAL;
    memcpy(host, text + (bracketed ? 1 : 0), length);
    host[length] = 0;
    struct sockaddr_in  v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    if (bracketed ? inet_pton(AF_INET6, host, &v6.sin6_addr) == 1 : !length)
        store(address, &v6, sizeof v6); /* ":80" is every address of both families */
    else if (!bracketed && inet_pton(AF_INET, host, &v4.sin_addr) == 1)
        store(address, &v4, sizeof v4);
    else
        return WEIR_EINVAL;
    return 0;
}

/* A path that begins with the sign of abstract names is told as one of the folder it is in. */
static int format_unix(const struct weir_address *address, char *text, size_t room)
{
    const size_t       start = offsetof(struct sockaddr_un, sun_path);
    struct sockaddr_un name = {0};
    if (address->length > sizeof name)
        return WEIR_EINVAL;
    memcpy(&name, &address->data, address->length);
    size_t      length = address->length > start ? address->length - start : 0;
    bool        is_abstract = length && !name.sun_path[0];
    const char *prefix = !is_abstract && length && name.sun_path[0] == '@' ? "unix:./" : "unix:";
    size_t      prefix_length = strlen(prefix);
    if (is_abstract && memchr(name.sun_path + 1, 0, length - 1))
        return WEIR_EINVAL; /* no text holds a zero byte */
    if (is_abstract)
        name.sun_path[0] = '@';
    else
        length = strnlen(name.sun_path, length);
    if (room < prefix_length + length + 1)
        return WEIR_ERANGE;
    memcpy(text, prefix, prefix_length);
    memcpy(text + prefix_length, name.sun_path, length);
    text[prefix_length + length] = 0;
    return (int)(prefix_length + length);
}

int weir_address_format(const struct weir_address *address, char *text, size_t room)
{
    struct sockaddr_in6 v6;
    struct sockaddr_in  v4;
    char                host[INET6_ADDRSTRLEN];
    sa_family_t         family;
    int                 length;
    if (address->length < sizeof family || address->length > sizeof address->data)
        return WEIR_EINVAL;
    memcpy(&family, &((const struct sockaddr *)(const void *)&address->data)->sa_family,
           sizeof family);
    if (family == AF_UNIX)
        return format_unix(address, text, room);
    if (family == AF_INET && address->length >= sizeof v4) {
        memcpy(&v4, &address->data, sizeof v4);
        inet_ntop(AF_INET, &v4.sin_addr, host, sizeof host);
        length = snprintf(text, room, "%s:%u", host, ntohs(v4.sin_port));
    } else if (family == AF_INET6 && address->length >= sizeof v6) {
        memcpy(&v6, &address->data, sizeof v6);
        inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof host);
        length = snprintf(text, room, "[%s]:%u", host, ntohs(v6.sin6_port));
    } else {
        return WEIR_EINVAL;
    }
    return (size_t)length >= room ? WEIR_ERANGE : length;
}

bool os_address_has_port(const void *address, size_t length)
{
    const struct sockaddr *name = address;
    return length >= sizeof name->sa_family &&
           (name->sa_family == AF_INET || name->sa_family == AF_INET6);
}
