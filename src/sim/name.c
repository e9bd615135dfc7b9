/* SPDX-License-Identifier: MIT */
/* name.c - names to addresses in a simulated world: its hosts, numbers, and a few services.
 * getaddrinfo(3) */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "net.h"

/* RFC 1035, 2.3.4: 255 bytes on the wire are 253 characters, and a dot may end them. */
#define HOST_MAX 254
#define TEXT_ROOM (HOST_MAX + 16)

/* services(5): those that programs look up. */
static const struct {
    const char *name;
    int         port;
    bool        tcp, udp;
} services[] = {
    {"domain", 53, true, true},  {"echo", 7, true, true},    {"ftp", 21, true, false},
    {"http", 80, true, false},   {"https", 443, true, true}, {"imap2", 143, true, false},
    {"ntp", 123, false, true},   {"pop3", 110, true, false}, {"smtp", 25, true, false},
    {"snmp", 161, true, true},   {"ssh", 22, true, false},   {"syslog", 514, false, true},
    {"telnet", 23, true, false}, {"tftp", 69, false, true},
};

/* The port, or WEIR_ENONAME. */
static int find_port(const struct weir_lookup *lookup)
{
    const char *service = lookup->service;
    char       *end;
    if (!service)
        return 0;
    if (service[0] >= '0' && service[0] <= '9') {
        unsigned long port = strtoul(service, &end, 10);
        return *end || port > 65535 ? WEIR_ENONAME : (int)port;
    }
    for (size_t i = 0; i < sizeof services / sizeof *services; i++)
        if (strcmp(services[i].name, service) == 0 &&
            ((lookup->type != SOCK_DGRAM && services[i].tcp) ||
             (lookup->type != SOCK_STREAM && services[i].udp)))
            return services[i].port;
    return WEIR_ENONAME;
}

/* Interfaces have numbers and names: 0 for what is neither. */
static unsigned find_scope(const char *text)
{
    char         *end;
    unsigned long number = strtoul(text, &end, 10);
    if (text[0] >= '0' && text[0] <= '9')
        return *end || number > UINT32_MAX ? 0 : (unsigned)number;
    return strcmp(text, "lo") == 0 ? 1 : strcmp(text, "net") == 0 ? 2 : 0;
}

/* "host:port" as an address: 0 or WEIR_EINVAL. An IPv6 one may have a scope: RFC 4007. */
static int parse(const char *host, int port, bool v6, struct weir_address *address)
{
    char        text[TEXT_ROOM];
    const char *percent = v6 ? strchr(host, '%') : NULL;
    int         length = percent ? (int)(percent - host) : HOST_MAX;
    snprintf(text, sizeof text, v6 ? "[%.*s]:%d" : "%.*s:%d", length, host, port);
    int error = weir_address_parse(address, text);
    if (error || !percent)
        return error;
    struct sockaddr_in6 name;
    memcpy(&name, &address->data, sizeof name);
    name.sin6_scope_id = find_scope(percent + 1);
    memcpy(&address->data, &name, sizeof name);
    return name.sin6_scope_id ? 0 : WEIR_EINVAL;
}

struct answer {
    const struct weir_lookup *lookup;
    int                       port;
    size_t                    count;
};

static void add(struct answer *answer, const char *host, bool v6)
{
    struct weir_address address;
    int                 family = v6 ? AF_INET6 : AF_INET;
    if ((answer->lookup->family != AF_UNSPEC && answer->lookup->family != family) ||
        parse(host, answer->port, v6, &address))
        return;
    if (answer->count < answer->lookup->room)
        answer->lookup->addresses[answer->count] = address;
    answer->count++;
}

/* ASCII, as names are: RFC 4343. */
static bool same_name(const char *one, const char *other)
{
    for (; *one || *other; one++, other++) {
        int a = *one >= 'A' && *one <= 'Z' ? *one - 'A' + 'a' : *one;
        int b = *other >= 'A' && *other <= 'Z' ? *other - 'A' + 'a' : *other;
        if (a != b)
            return false;
    }
    return true;
}

static void add_host(struct answer *answer, const struct weir_sim_host *host)
{
    char  text[TEXT_ROOM];
    bool  v6 = address_family(&host->address.data, host->address.length) == AF_INET6;
    char *port = weir_address_format(&host->address, text, sizeof text) < 0 ? NULL
                                                                            : strrchr(text, ':');
    if (!port)
        return;
    port[v6 ? -1 : 0] = '\0'; /* with the bracket of IPv6 */
    add(answer, text + v6, v6);
}

static void find(struct answer *answer, const struct weir_sim *world)
{
    const struct weir_lookup *lookup = answer->lookup;
    struct weir_address       address;
    if (!lookup->host && lookup->passive) {
        add(answer, "0.0.0.0", false);
        add(answer, "::", true);
    } else if (!lookup->host || same_name(lookup->host, "localhost")) {
        add(answer, "::1", true);
        add(answer, "127.0.0.1", false);
    } else if (lookup->host[0] && parse(lookup->host, 0, false, &address) == 0) {
        add(answer, lookup->host, false);
    } else if (parse(lookup->host, 0, true, &address) == 0) {
        add(answer, lookup->host, true);
    } else {
        for (const struct weir_sim_host *host = sim_hosts(world); host; host = host->next)
            if (same_name(host->name, lookup->host))
                add_host(answer, host);
    }
}

int64_t sim_resolve(struct weir_sim_host *host, const struct weir_lookup *lookup)
{
    struct answer answer = {.lookup = lookup};
    if (lookup->host && strlen(lookup->host) > HOST_MAX)
        return WEIR_ENAMETOOLONG;
    if (lookup->family != AF_UNSPEC && lookup->family != AF_INET && lookup->family != AF_INET6)
        return WEIR_EAFNOSUPPORT;
    if (lookup->type && lookup->type != SOCK_STREAM && lookup->type != SOCK_DGRAM)
        return WEIR_EINVAL;
    answer.port = find_port(lookup);
    if (answer.port < 0)
        return answer.port;
    find(&answer, host->world);
    return answer.count ? (int64_t)answer.count : WEIR_ENONAME;
}
