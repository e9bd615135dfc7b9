/* SPDX-License-Identifier: MIT */
/* resolve.c - names to addresses: what is found, what is not, and that it keeps nothing waiting. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "held_work.h"

#define ROOM 32u

static int64_t resolve(struct contract *c, struct weir_lookup *lookup)
{
    struct weir_op op = {0};
    weir_resolve(&op, c->loop, lookup, 0, contract_done);
    return contract_await(c, &op);
}

/* A look-up that is told in these addresses. */
static struct weir_lookup look_up(struct weir_address *addresses, const char *host,
                                  const char *service, int family)
{
    memset(addresses, 0xa5, ROOM * sizeof *addresses);
    return (struct weir_lookup){.host = host,
                                .service = service,
                                .family = family,
                                .type = SOCK_STREAM,
                                .addresses = addresses,
                                .room = ROOM};
}

static void check_text(const struct weir_address *address, const char *expected)
{
    char text[160];
    CHECK(weir_address_format(address, text, sizeof text) > 0);
    if (strcmp(text, expected) != 0)
        contract_fail(__FILE__, __LINE__, "\"%s\" where \"%s\" was expected", text, expected);
}

static int family_of(const struct weir_address *address)
{
    sa_family_t family;
    memcpy(&family, &((const struct sockaddr *)(const void *)&address->data)->sa_family,
           sizeof family);
    return family;
}

/* ------------------------------------------------------------------------------------------------
 * What is found
 * ---------------------------------------------------------------------------------------------- */

/* Numbers need no server and no file. */
static void numbers_are_addresses(struct contract *c)
{
    struct weir_address at[ROOM];
    struct weir_lookup  lookup = look_up(at, "192.0.2.7", "8080", AF_UNSPEC);
    CHECK_EQ(resolve(c, &lookup), 1);
    check_text(&at[0], "192.0.2.7:8080");
    lookup = look_up(at, "2001:db8::17", "65535", AF_UNSPEC);
    CHECK_EQ(resolve(c, &lookup), 1);
    check_text(&at[0], "[2001:db8::17]:65535");
    lookup = look_up(at, "2001:db8::17", NULL, AF_INET6);
    CHECK_EQ(resolve(c, &lookup), 1);
    check_text(&at[0], "[2001:db8::17]:0");
    CHECK_EQ(at[0].reserved, 0);
    lookup = look_up(at, "192.0.2.7", "1", AF_INET6);
    CHECK_EQ(resolve(c, &lookup), WEIR_ENONAME);
    lookup = look_up(at, "2001:db8::17", "1", AF_INET);
    CHECK_EQ(resolve(c, &lookup), WEIR_ENONAME);
}

static void scope_is_kept(struct contract *c)
{
    struct weir_address at[ROOM];
    struct sockaddr_in6 name;
    struct weir_lookup  lookup = look_up(at, "fe80::1%lo", "7", AF_UNSPEC);
    CHECK_EQ(resolve(c, &lookup), 1);
    memcpy(&name, &at[0].data, sizeof name);
    CHECK_EQ(at[0].length, sizeof name);
    CHECK_EQ(name.sin6_scope_id, if_nametoindex("lo"));
    CHECK(name.sin6_scope_id != 0);
}

static void localhost_is_loopback(struct contract *c)
{
    struct weir_address at[ROOM];
    struct weir_lookup  lookup = look_up(at, "localhost", "80", AF_UNSPEC);
    int64_t             count = resolve(c, &lookup);
    CHECK(count >= 1 && count <= ROOM);
    bool found = false;
    for (int64_t i = 0; i < count; i++) {
        char text[160];
        CHECK(weir_address_format(&at[i], text, sizeof text) > 0);
        found |= !strcmp(text, "127.0.0.1:80") || !strcmp(text, "[::1]:80");
    }
    CHECK(found);
    lookup = look_up(at, "localhost", NULL, AF_INET);
    CHECK(resolve(c, &lookup) >= 1);
    CHECK_EQ(family_of(&at[0]), AF_INET);
    check_text(&at[0], "127.0.0.1:0");
}

/* services(5), where the machine has one. */
static void services_have_names(struct contract *c)
{
    struct weir_address   at[ROOM];
    const struct servent *http = getservbyname("http", "tcp");
    struct weir_lookup    lookup = look_up(at, "127.0.0.1", "http", AF_INET);
    if (http) {
        CHECK_EQ(resolve(c, &lookup), 1);
        check_text(&at[0], "127.0.0.1:80");
    } else {
        CHECK_EQ(resolve(c, &lookup), WEIR_ENONAME);
    }
    lookup.service = "no-such-service";
    CHECK_EQ(resolve(c, &lookup), WEIR_ENONAME);
}

static void no_host_is_the_machine_itself(struct contract *c)
{
    struct weir_address at[ROOM];
    struct weir_lookup  lookup = look_up(at, NULL, "99", AF_INET);
    struct weir_handle  listener = {0};
    CHECK_EQ(resolve(c, &lookup), 1);
    check_text(&at[0], "127.0.0.1:99");
    lookup = look_up(at, NULL, "0", AF_INET);
    lookup.passive = true;
    CHECK_EQ(resolve(c, &lookup), 1);
    check_text(&at[0], "0.0.0.0:0");
    CHECK_EQ(weir_listen(&listener, c->loop, at[0].data.bytes, at[0].length, 0, 0), 0);
    CHECK_EQ(weir_close_now(&listener), 0);
    lookup = look_up(at, "127.0.0.1", "1", AF_INET); /* only where no host was given */
    lookup.passive = true;
    CHECK_EQ(resolve(c, &lookup), 1);
    check_text(&at[0], "127.0.0.1:1");
}

/* The system tells an address once for each type of socket; weir tells it once. */
static void each_address_is_told_once(struct contract *c)
{
    static const int    types[] = {0, SOCK_STREAM, SOCK_DGRAM};
    struct weir_address at[ROOM];
    struct addrinfo    *plain = NULL;
    CHECK_EQ(getaddrinfo("127.0.0.1", "53", NULL, &plain), 0);
    CHECK(plain->ai_next != NULL); /* so there is something to be shown */
    freeaddrinfo(plain);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct weir_lookup lookup = look_up(at, "127.0.0.1", "53", AF_UNSPEC);
        lookup.type = types[i];
        CHECK_EQ(resolve(c, &lookup), 1);
        check_text(&at[0], "127.0.0.1:53");
    }
}

/* The number found, of which as many are written as there is room for. */
static void room_bounds_what_is_written(struct contract *c)
{
    struct weir_address at[ROOM], untouched;
    struct weir_lookup  lookup = look_up(at, NULL, "1", AF_UNSPEC);
    memset(&untouched, 0xa5, sizeof untouched);
    lookup.passive = true; /* 0.0.0.0 and ::, whatever the names of this machine */
    int64_t count = resolve(c, &lookup);
    CHECK(count >= 1);
    for (size_t room = 0; room <= (size_t)count; room++) {
        lookup = look_up(at, NULL, "1", AF_UNSPEC);
        lookup.passive = true;
        lookup.room = room;
        CHECK_EQ(resolve(c, &lookup), count);
        for (size_t i = 0; i < ROOM; i++)
            CHECK_EQ(!memcmp(&at[i], &untouched, sizeof untouched), i >= room);
    }
    lookup.addresses = NULL;
    lookup.room = 0;
    CHECK_EQ(resolve(c, &lookup), count);
}

/* ------------------------------------------------------------------------------------------------
 * What is not
 * ---------------------------------------------------------------------------------------------- */

/* No server knows a name below .invalid (RFC 6761, 6.4), and there may be none to ask. */
static void unknown_names_are_told(struct contract *c)
{
    struct weir_address at[ROOM];
    struct weir_lookup  lookup = look_up(at, "weir-test.invalid", "1", AF_INET);
    int64_t             result = resolve(c, &lookup);
    CHECK(result == WEIR_ENONAME || result == WEIR_ETRYNAME);
    lookup.host = "";
    CHECK_EQ(resolve(c, &lookup), WEIR_ENONAME);
}

/* None is cut, and none is looked up: a part of a name is somebody else's. */
static void long_names_are_refused(struct contract *c)
{
    static char         host[70000];
    struct weir_address at[ROOM];
    struct weir_lookup  lookup = look_up(at, host, "1", AF_INET);
    memset(host, 'a', 255);
    for (size_t i = 50; i < 255; i += 50)
        host[i] = '.';
    CHECK_EQ(resolve(c, &lookup), WEIR_ENAMETOOLONG);
    /* 127.0.0.1, and then so much that whoever cuts it finds an address. */
    memset(host, ' ', sizeof host - 1);
    memcpy(host, "127.0.0.1", 9);
    memcpy(host + 256, "x.example", 9);
    CHECK_EQ(resolve(c, &lookup), WEIR_ENAMETOOLONG);
}

/* strtoul() would make ports of these: 0, 1, 80 and 65535. */
static void ports_that_are_none_are_refused(struct contract *c)
{
    static const char *wrong[] = {"65536", "65537", "18446744073709551616", "-1", "+80", " 80", ""};
    struct weir_address at[ROOM];
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct weir_lookup lookup = look_up(at, "127.0.0.1", wrong[i], AF_INET);
        CHECK_EQ(resolve(c, &lookup), WEIR_ENONAME);
    }
}

static void wrong_lookups_are_refused(struct contract *c)
{
    struct weir_address at[ROOM];
    struct weir_op      op = {0};
    struct weir_lookup  lookup = look_up(at, NULL, NULL, AF_INET);
    CHECK_EQ(resolve(c, &lookup), WEIR_EINVAL);
    CHECK_EQ(resolve(c, NULL), WEIR_EINVAL);
    lookup = look_up(at, "127.0.0.1", "1", AF_INET);
    lookup.addresses = NULL;
    CHECK_EQ(resolve(c, &lookup), WEIR_EINVAL);
    lookup = look_up(at, "127.0.0.1", "1", 12345);
    CHECK_EQ(resolve(c, &lookup), WEIR_EAFNOSUPPORT);
    lookup = look_up(at, "127.0.0.1", "1", AF_INET);
    lookup.type = 12345;
    CHECK_EQ(resolve(c, &lookup), WEIR_EINVAL);
    lookup.type = SOCK_STREAM;
    weir_resolve(&op, c->loop, &lookup, WEIR_ALL, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_EINVAL);
    CHECK_EQ(op.served, WEIR_SERVED_NOT);
}

/* ------------------------------------------------------------------------------------------------
 * The lane
 * ---------------------------------------------------------------------------------------------- */

static void many_at_a_time(struct contract *c)
{
    static struct weir_address at[200];
    static struct weir_lookup  lookups[200];
    static struct weir_op      ops[200];
    static char                hosts[200][24], expected[32];
    struct weir_stats          stats, before;
    weir_loop_stats(c->loop, &before);
    for (int i = 0; i < 200; i++) {
        snprintf(hosts[i], sizeof hosts[i], "10.0.0.%d", i);
        lookups[i] = (struct weir_lookup){
            .host = hosts[i], .service = "5", .type = SOCK_STREAM, .addresses = &at[i], .room = 1};
        weir_resolve(&ops[i], c->loop, &lookups[i], 0, contract_done);
    }
    contract_run(c);
    for (int i = 0; i < 200; i++) {
        CHECK_RESULT(&ops[i], 1);
        CHECK_EQ(ops[i].served, WEIR_SERVED_WORKER);
        snprintf(expected, sizeof expected, "10.0.0.%d:5", i);
        check_text(&at[i], expected);
    }
    weir_loop_stats(c->loop, &stats);
    CHECK(stats.workers <= before.workers + 2);
    CHECK_EQ(weir_query(c->engine, WEIR_OP_RESOLVE, WEIR_HANDLE_NONE), WEIR_SUPPORT_OFFLOADED);
    CHECK_EQ(weir_query(c->engine, WEIR_OP_RESOLVE, WEIR_HANDLE_STREAM), WEIR_SUPPORT_NO);
}

static void resolve_workers_are_bounded(struct contract *c)
{
    struct weir_options options = {.resolve_workers = 1};
    struct weir_address at[ROOM];
    struct weir_lookup  lookup = look_up(at, "127.0.0.1", "1", AF_INET);
    struct weir_op      ops[16] = {{0}};
    struct weir_stats   stats, before;
    contract_needs("threads of its own");
    contract_loop_close(c, c->loop);
    CHECK_EQ(contract_open(c, &c->loop, &options), 0);
    weir_loop_stats(c->loop, &before);
    for (int i = 0; i < 16; i++) /* they write the same, one after the other */
        weir_resolve(&ops[i], c->loop, &lookup, 0, contract_done);
    contract_run(c);
    weir_loop_stats(c->loop, &stats);
    CHECK_EQ(stats.workers, before.workers + 1);
    CHECK_EQ(stats.served[WEIR_SERVED_WORKER], 16);
}

static void busy_workers_do_not_stall_names(struct contract *c)
{
    static struct held_work   work[4];
    static struct weir_op     opening[4];
    static struct weir_handle fifos[4];
    struct weir_address       at[ROOM];
    struct weir_lookup        lookup = look_up(at, "127.0.0.1", "1", AF_INET);
    const char               *paths[4];
    for (int i = 0; i < 4; i++) {
        paths[i] = contract_temp_file(c);
        CHECK_EQ(mkfifo(paths[i], 0600), 0);
        weir_open(&opening[i], c->loop, &fifos[i], paths[i], WEIR_OPEN_READ, 0, contract_done);
        held_work_start(&work[i], c->loop);
    }
    for (int i = 0; i < 4; i++) {
        weir_run(c->loop, WEIR_NOWAIT);
        contract_gate_wait(&work[i].begun);
    }
    CHECK_EQ(resolve(c, &lookup), 1);
    for (int i = 0; i < 4; i++) {
        CHECK(contract_live(&opening[i]));
        CHECK(contract_live(&work[i].op));
        contract_gate_open(&work[i].may_end);
    }
    for (int i = 0; i < 4; i++) {
        int both = open(paths[i], O_RDWR | O_CLOEXEC);
        CHECK(both >= 0);
        CHECK_EQ(contract_await(c, &opening[i]), 0);
        contract_raw_close(both);
        contract_close(c, &fifos[i]);
    }
    contract_run(c);
}

const struct contract_case contract_cases[] = {
    {"numbers_are_addresses", numbers_are_addresses, 0},
    {"scope_is_kept", scope_is_kept, 0},
    {"localhost_is_loopback", localhost_is_loopback, 0},
    {"services_have_names", services_have_names, 0},
    {"no_host_is_the_machine_itself", no_host_is_the_machine_itself, 0},
    {"each_address_is_told_once", each_address_is_told_once, 0},
    {"room_bounds_what_is_written", room_bounds_what_is_written, 0},
    {"unknown_names_are_told", unknown_names_are_told, 0},
    {"long_names_are_refused", long_names_are_refused, 0},
    {"ports_that_are_none_are_refused", ports_that_are_none_are_refused, 0},
    {"wrong_lookups_are_refused", wrong_lookups_are_refused, 0},
    {"many_at_a_time", many_at_a_time, 0},
    {"resolve_workers_are_bounded", resolve_workers_are_bounded, 0},
    {"busy_workers_do_not_stall_names", busy_workers_do_not_stall_names, 0},
    {0},
};
