/* SPDX-License-Identifier: MIT */
/* resolve.c - names to addresses, by getaddrinfo(3) on a worker. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "os.h"
#include "socket_names.h"

/* RFC 1035, 2.3.4: 255 bytes on the wire are 253 characters, and a dot may end them. */
#define HOST_MAX 254

static int64_t error_of(int answer)
{
    switch (answer) {
    case EAI_AGAIN:
        return WEIR_ETRYNAME;
    case EAI_FAIL:
        return WEIR_EBADNAME;
    case EAI_MEMORY:
        return WEIR_ENOMEM;
    case EAI_FAMILY:
        return WEIR_EAFNOSUPPORT;
    case EAI_SOCKTYPE:
    case EAI_BADFLAGS:
        return WEIR_EINVAL;
#ifdef EAI_SYSTEM
    case EAI_SYSTEM:
        return errno ? -errno : WEIR_EBADNAME;
#endif
    default: /* no such host, no such service, or, which some systems tell apart, no address */
        return WEIR_ENONAME;
    }
}

/* C libraries read a number as strtoul() does, and cut it to 16 bits: a port that is none would
 * become another one. */
static bool is_service(const char *service)
{
    char *end;
    if (!isalnum((unsigned char)service[0]))
        return false;
    unsigned long port = strtoul(service, &end, 10);
    return *end || port <= 65535;
}

/* One that was told before, for another type of socket. */
static bool is_repeated(const struct addrinfo *first, const struct addrinfo *at)
{
    for (; first != at; first = first->ai_next)
        if (first->ai_addrlen == at->ai_addrlen &&
            memcmp(first->ai_addr, at->ai_addr, at->ai_addrlen) == 0)
            return true;
    return false;
}

static int64_t store(const struct weir_lookup *lookup, const struct addrinfo *found)
{
    size_t count = 0;
    for (const struct addrinfo *at = found; at; at = at->ai_next) {
        if (at->ai_addrlen > sizeof lookup->addresses->data || is_repeated(found, at))
            continue;
        if (count < lookup->room) {
            struct weir_address *address = &lookup->addresses[count];
            memset(address, 0, sizeof *address);
            memcpy(&address->data, at->ai_addr, at->ai_addrlen);
            address->length = (uint32_t)at->ai_addrlen;
        }
        count++;
    }
    return (int64_t)count;
}

int64_t os_resolve(const struct weir_lookup *lookup)
{
    struct addrinfo *found = NULL;
    struct addrinfo  hints = {.ai_family = lookup->family,
                              .ai_socktype = lookup->type,
                              .ai_flags = lookup->passive ? AI_PASSIVE : 0};
    if (lookup->type && lookup->type != SOCK_STREAM && lookup->type != SOCK_DGRAM)
        return WEIR_EINVAL; /* which not every C library says */
    if (lookup->host && strlen(lookup->host) > HOST_MAX)
        return WEIR_ENAMETOOLONG;
    if (lookup->host && !*lookup->host)
        return WEIR_ENONAME; /* to Windows it is this machine */
    if (lookup->service && !is_service(lookup->service))
        return WEIR_ENONAME;
    errno = 0;
    int answer = getaddrinfo(lookup->host, lookup->service, &hints, &found);
    if (answer)
        return error_of(answer);
    int64_t count = store(lookup, found);
    freeaddrinfo(found);
    return count;
}
