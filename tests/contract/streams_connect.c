/* SPDX-License-Identifier: MIT */
/* streams_connect.c - how a connect ends, what may be started beside it, and what addresses are
 * told. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/un.h>

#include "streams_transport.h"

static const struct weir_handle zeroed;

static int64_t connect_now(struct contract *c, struct weir_handle *handle, const void *address,
                           size_t length)
{
    struct weir_op op = {0};
    weir_connect(&op, handle, address, length, 0, contract_done);
    return contract_await(c, &op);
}

static int64_t connect_to(struct contract *c, struct weir_handle *handle,
                          const struct weir_address *address)
{
    return connect_now(c, handle, address->data.bytes, address->length);
}

static int64_t accept_now(struct contract *c, struct weir_handle *listener,
                          struct weir_handle *accepted)
{
    struct weir_op op = {0};
    weir_accept(&op, listener, accepted, 0, contract_done);
    return contract_await(c, &op);
}

static int listen_at(struct contract *c, struct weir_handle *listener,
                     const struct weir_address *address, unsigned flags)
{
    return weir_listen(listener, c->loop, address->data.bytes, address->length, 4, flags);
}

static void new_socket(struct contract *c, struct weir_handle *handle, int family)
{
    CHECK_EQ(weir_socket(handle, c->loop, family, SOCK_STREAM, 0), 0);
}

static struct weir_address unix_address(const char *path)
{
    struct weir_address address;
    char                text[160];
    CHECK(snprintf(text, sizeof text, "unix:%s", path) < (int)sizeof text);
    CHECK_EQ(weir_address_parse(&address, text), 0);
    return address;
}

/* ------------------------------------------------------------------------------------------------
 * Connect
 * ---------------------------------------------------------------------------------------------- */

static void connect_on_unix_paths_and_names(struct contract *c)
{
    static struct weir_handle listeners[2], sockets[2], accepted[2];
    char                      name[64], data[8];
    CHECK(snprintf(name, sizeof name, "@weir-contract-%d", (int)getpid()) > 0);
    const char *paths[2] = {contract_temp_file(c), name};
    for (int i = 0; i < 2; i++) {
        struct weir_address address = unix_address(paths[i]), told;
        CHECK_EQ(listen_at(c, &listeners[i], &address, 0), 0);
        new_socket(c, &sockets[i], AF_UNIX);
        CHECK_EQ(connect_to(c, &sockets[i], &address), 0);
        CHECK_EQ(accept_now(c, &listeners[i], &accepted[i]), 0);
        CHECK_EQ(weir_peer_address(&sockets[i], &told), 0);
        CHECK_EQ(told.length, address.length);
        CHECK(memcmp(told.data.bytes, address.data.bytes, told.length) == 0);
        CHECK_EQ(send_now(c, &sockets[i], "hello", 5, 0), 5);
        CHECK_EQ(recv_now(c, &accepted[i], data, sizeof data, 0), 5);
    }
}

/* What stands at a path decides how a connect to it fails; the handle stays open, and the next
 * connect may succeed. */
static void unix_connect_failures(struct contract *c)
{
    static struct weir_handle socket, listener, accepted;
    const char               *missing = contract_temp_file(c), *file = contract_temp_file(c);
    const char               *left = contract_temp_file(c);
    struct weir_address       address = unix_address(missing);
    new_socket(c, &socket, AF_UNIX);
    CHECK_EQ(connect_to(c, &socket, &address), WEIR_ENOENT);
    int fd = open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    contract_raw_close(fd);
    address = unix_address(file);
    CHECK_EQ(connect_to(c, &socket, &address), WEIR_ECONNREFUSED);
    address = unix_address(left);
    CHECK_EQ(listen_at(c, &listener, &address, 0), 0);
    contract_close(c, &listener);
    CHECK_EQ(connect_to(c, &socket, &address), WEIR_ECONNREFUSED);
    CHECK_EQ(listen_at(c, &listener, &address, 0), WEIR_EADDRINUSE);
    CHECK_EQ(unlink(left), 0);
    CHECK_EQ(listen_at(c, &listener, &address, 0), 0);
    CHECK_EQ(connect_to(c, &socket, &address), 0);
    CHECK_EQ(accept_now(c, &listener, &accepted), 0);
}

/* unix(7): a listener whose queue is full takes nobody, and nothing tells when it has room: the
 * connect waits all the same, to its deadline or until somebody was accepted. */
static void unix_connect_waits_at_a_full_backlog(struct contract *c)
{
    static struct weir_handle sockets[3];
    struct weir_op            connect[3] = {{0}};
    struct weir_address       address = unix_address(contract_temp_file(c));
    struct sockaddr_un        path;
    contract_needs("queue for one connection");
    memcpy(&path, address.data.bytes, sizeof path);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(listener >= 0);
    CHECK_EQ(bind(listener, (struct sockaddr *)&path, address.length), 0);
    CHECK_EQ(listen(listener, 0), 0);
    for (int i = 0; i < 3; i++) {
        new_socket(c, &sockets[i], AF_UNIX);
        weir_connect(&connect[i], &sockets[i], &path, address.length, 0, contract_done);
        if (i == 0) /* between handles there is no order */
            CHECK_EQ(contract_await(c, &connect[0]), 0);
    }
    weir_deadline(&connect[1], 20 * WEIR_MILLISECOND);
    CHECK_EQ(contract_await(c, &connect[1]), WEIR_EDEADLINE);
    CHECK(contract_live(&connect[2]));
    contract_raw_close(contract_raw_accept(listener));
    CHECK_EQ(contract_await(c, &connect[2]), 0);
    weir_connect(&connect[1], &sockets[1], &path, address.length, 0, contract_done);
    loop_turns(c);
    CHECK(contract_live(&connect[1]));
    CHECK_EQ(weir_cancel(&connect[1]), 0);
    CHECK_EQ(contract_await(c, &connect[1]), WEIR_ECANCELED);
    contract_raw_close(listener);
}

static void wrong_connects_are_refused(struct contract *c)
{
    static struct weir_handle socket, listener, a, b, reader, writer;
    struct weir_op            op = {0};
    struct sockaddr_in6       six = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
    struct weir_address       address = contract_loopback(contract_listen_any(c, &listener));
    const void               *bytes = address.data.bytes;
    new_socket(c, &socket, AF_INET);
    CHECK_EQ(connect_now(c, &socket, &six, sizeof six), WEIR_EAFNOSUPPORT);
    CHECK_EQ(connect_now(c, &socket, bytes, 4), WEIR_EINVAL);
    CHECK_EQ(connect_now(c, &socket, bytes, 0), WEIR_EINVAL);
    CHECK_EQ(connect_now(c, &socket, bytes, 4096), WEIR_EINVAL);
    weir_connect(&op, &socket, bytes, address.length, 0x80000000u, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_EINVAL);
    weir_connect(&op, &socket, bytes, address.length, WEIR_ALL, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_EINVAL);
    CHECK_EQ(op.served, WEIR_SERVED_NOT);
    CHECK_EQ(connect_to(c, &listener, &address), WEIR_EISCONN);
    contract_tcp_pair(c, &a, &b);
    CHECK_EQ(connect_to(c, &a, &address), WEIR_EISCONN);
    contract_pipe_pair(c, &reader, &writer);
    CHECK_EQ(connect_to(c, &writer, &address), WEIR_ENOTSOCK);
    CHECK_EQ(connect_to(c, &socket, &address), 0);
    CHECK_EQ(weir_close(&socket, contract_closed), 0);
    weir_connect(&op, &socket, bytes, address.length, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_ECANCELED);
    contract_run(c);
    CHECK_EQ(connect_to(c, &socket, &address), WEIR_EBADF);
}

static struct weir_op ordered[4];
static unsigned       ordered_ended;

static void ends_in_order(struct weir_op *op)
{
    CHECK(op == &ordered[ordered_ended]);
    ordered_ended++;
}

/* Sends and a shutdown may be started before the connect has ended: they come after it. A
 * receive may too. */
static void ops_started_behind_a_connect(struct contract *c, struct weir_handle *listener,
                                         int family)
{
    static struct weir_handle socket, accepted;
    struct weir_op            recv = {0};
    struct weir_address       address;
    char                      data[16];
    CHECK_EQ(weir_local_address(listener, &address), 0);
    new_socket(c, &socket, family);
    weir_connect(&ordered[0], &socket, address.data.bytes, address.length, 0, ends_in_order);
    weir_send(&ordered[1], &socket, "early", 5, WEIR_ALL, ends_in_order);
    weir_send(&ordered[2], &socket, "bird", 4, WEIR_ALL, ends_in_order);
    weir_shutdown(&ordered[3], &socket, 0, ends_in_order);
    weir_recv(&recv, &socket, data, sizeof data, 0, contract_done);
    CHECK_EQ(accept_now(c, listener, &accepted), 0);
    char in[16];
    CHECK_EQ(recv_now(c, &accepted, in, sizeof in, WEIR_ALL), 9);
    CHECK(memcmp(in, "earlybird", 9) == 0);
    CHECK_EQ(send_now(c, &accepted, "answer", 6, 0), 6);
    CHECK_EQ(contract_await(c, &recv), 6);
    CHECK(memcmp(data, "answer", 6) == 0);
    CHECK_EQ(ordered_ended, 4);
    CHECK_RESULT(&ordered[0], 0);
    CHECK_RESULT(&ordered[3], 0);
}

static void ops_behind_a_connect_over_tcp(struct contract *c)
{
    static struct weir_handle listener;
    contract_listen_any(c, &listener);
    ops_started_behind_a_connect(c, &listener, AF_INET);
}

static void ops_behind_a_connect_over_unix(struct contract *c)
{
    static struct weir_handle listener;
    struct weir_address       address = unix_address(contract_temp_file(c));
    CHECK_EQ(listen_at(c, &listener, &address, 0), 0);
    ops_started_behind_a_connect(c, &listener, AF_UNIX);
}

/* A refused connect ends what was behind it as a socket without a peer does. */
static void ops_behind_a_refused_connect(struct contract *c)
{
    static struct weir_handle socket;
    int                       holder;
    struct weir_address       address = contract_loopback(contract_refusing_port(&holder));
    new_socket(c, &socket, AF_INET);
    weir_connect(&ordered[0], &socket, address.data.bytes, address.length, 0, ends_in_order);
    weir_send(&ordered[1], &socket, "early", 5, WEIR_ALL, ends_in_order);
    weir_shutdown(&ordered[2], &socket, 0, ends_in_order);
    contract_run(c);
    CHECK_EQ(ordered_ended, 3);
    CHECK_RESULT(&ordered[0], WEIR_ECONNREFUSED);
    CHECK_RESULT(&ordered[1], WEIR_EPIPE);
    CHECK_RESULT(&ordered[2], WEIR_ENOTCONN);
    contract_raw_close(holder);
}

/* The same socket may try again, and somewhere else. */
static void refused_socket_connects_later(struct contract *c)
{
    struct weir_handle  socket = {0}, listener = {0};
    struct weir_op      connect = {0};
    int                 holder;
    struct weir_address nobody = contract_loopback(contract_refusing_port(&holder));
    struct weir_address address = contract_loopback(contract_listen_any(c, &listener));
    new_socket(c, &socket, AF_INET);
    for (int i = 0; i < 2; i++) {
        weir_connect(&connect, &socket, nobody.data.bytes, nobody.length, 0, contract_done);
        CHECK_EQ(contract_await(c, &connect), WEIR_ECONNREFUSED);
    }
    weir_connect(&connect, &socket, address.data.bytes, address.length, 0, contract_done);
    CHECK_EQ(contract_await(c, &connect), 0);
    contract_close(c, &socket);
    contract_close(c, &listener);
    contract_raw_close(holder);
}

#define MANY 64u

/* Many connects at a time, each to its own end: every second one is refused. */
static void many_connects_at_a_time(struct contract *c)
{
    static struct weir_handle listener, sockets[MANY], accepted[MANY];
    static struct weir_op     connects[MANY], accepts[MANY];
    struct weir_address open_port = contract_loopback(contract_listen_any(c, &listener)), shut;
    int                 holder;
    shut = contract_loopback(contract_refusing_port(&holder));
    for (unsigned i = 0; i < MANY; i++) {
        struct weir_address *address = i % 2 ? &shut : &open_port;
        new_socket(c, &sockets[i], AF_INET);
        weir_connect(&connects[i], &sockets[i], address->data.bytes, address->length, 0,
                     contract_done);
        if (i % 2 == 0)
            weir_accept(&accepts[i], &listener, &accepted[i], 0, contract_done);
    }
    contract_run(c);
    for (unsigned i = 0; i < MANY; i++) {
        CHECK_RESULT(&connects[i], i % 2 ? WEIR_ECONNREFUSED : 0);
        if (i % 2 == 0)
            CHECK_RESULT(&accepts[i], 0);
    }
    contract_raw_close(holder);
}

/* ------------------------------------------------------------------------------------------------
 * Listening
 * ---------------------------------------------------------------------------------------------- */

static void wrong_listens_are_refused(struct contract *c)
{
    static struct weir_handle listener, a;
    struct weir_address       taken, here = contract_loopback(0);
    struct sockaddr_in        elsewhere = {.sin_family = AF_INET};
    struct sockaddr_in        odd = {.sin_family = 234};
    elsewhere.sin_addr.s_addr = htonl(0xc0000201u); /* 192.0.2.1, of the documentation (RFC 5737) */
    taken = contract_loopback(contract_listen_any(c, &listener));
    CHECK_EQ(listen_at(c, &a, &taken, 0), WEIR_EADDRINUSE);
    CHECK_EQ(weir_listen(&a, c->loop, &elsewhere, sizeof elsewhere, 1, 0), WEIR_EADDRNOTAVAIL);
    CHECK_EQ(weir_listen(&a, c->loop, &odd, sizeof odd, 1, 0), WEIR_EAFNOSUPPORT);
    CHECK_EQ(weir_listen(&a, c->loop, here.data.bytes, 1, 1, 0), WEIR_EINVAL);
    CHECK_EQ(listen_at(c, &a, &here, 0x8000u), WEIR_EINVAL);
    CHECK_EQ(listen_at(c, &a, &here, WEIR_BORROWED), WEIR_EINVAL);
    struct weir_address path = unix_address("/no/such/directory/socket");
    CHECK_EQ(listen_at(c, &a, &path, 0), WEIR_ENOENT);
    CHECK(memcmp(&a, &zeroed, sizeof a) == 0);
}

static void reuse_port_shares_a_port(struct contract *c)
{
    static struct weir_handle first, second, third;
    struct weir_address       address = contract_loopback(0);
    CHECK_EQ(listen_at(c, &first, &address, WEIR_REUSE_PORT), 0);
    CHECK_EQ(weir_local_address(&first, &address), 0);
    CHECK_EQ(listen_at(c, &second, &address, WEIR_REUSE_PORT), 0);
    CHECK_EQ(listen_at(c, &third, &address, 0), WEIR_EADDRINUSE);
}

static struct {
    struct contract    *c;
    struct weir_handle  listener, again, accepted;
    struct weir_address address;
    int                 result;
} reopen;

static void listen_again(struct weir_handle *handle)
{
    (void)handle;
    reopen.result = listen_at(reopen.c, &reopen.again, &reopen.address, 0);
}

/* In on_closed() the port is free, whatever was pending on it: an accept, and clients in the queue,
 * which learn that nobody took them. */
static void port_is_free_in_on_closed(struct contract *c)
{
    struct weir_op accept = {0};
    char           byte;
    reopen.c = c;
    reopen.result = 1;
    contract_listen_any(c, &reopen.listener);
    CHECK_EQ(weir_local_address(&reopen.listener, &reopen.address), 0);
    struct sockaddr_in ip;
    memcpy(&ip, reopen.address.data.bytes, sizeof ip);
    weir_accept(&accept, &reopen.listener, &reopen.accepted, 0, contract_done);
    some_turns(c);
    CHECK_EQ(weir_close(&reopen.listener, listen_again), 0);
    contract_run(c);
    CHECK_RESULT(&accept, WEIR_ECANCELED);
    CHECK_EQ(reopen.result, 0);
    int client = contract_raw_connect(ntohs(ip.sin_port));
    CHECK_EQ(weir_close(&reopen.again, contract_closed), 0);
    contract_run(c);
    CHECK_EQ(recv(client, &byte, 1, 0), -1);
    CHECK_EQ(errno, ECONNRESET);
    contract_raw_close(client);
}

static struct {
    struct weir_handle first, listener, accepted;
    struct weir_op     neighbour, accept;
    char               byte;
} batch;

static void close_the_listener(struct weir_op *op)
{
    CHECK_EQ(op->result, 1);
    CHECK_EQ(weir_close(&batch.listener, contract_closed), 0);
}

/* The listener is closed by the callback of an op that ended in the same batch as the accept: the
 * connection is delivered whole, or closed; it is never lost half way. */
static void accept_and_close_in_one_batch(struct contract *c)
{
    int other = contract_unix_peer(c, &batch.first);
    for (int i = 0; i < 10; i++) {
        char     byte;
        uint16_t port = contract_listen_any(c, &batch.listener);
        batch.accepted = zeroed;
        weir_recv(&batch.neighbour, &batch.first, &batch.byte, 1, 0, close_the_listener);
        weir_accept(&batch.accept, &batch.listener, &batch.accepted, 0, contract_done);
        some_turns(c);
        contract_raw_send(other, "x", 1);
        int client = contract_raw_connect(port);
        contract_run(c);
        CHECK_EQ(weir_handle_kind(&batch.listener), WEIR_HANDLE_NONE);
        if (batch.accept.result == 0) {
            CHECK_EQ(send_now(c, &batch.accepted, "y", 1, 0), 1);
            contract_raw_recv(client, &byte, 1);
            contract_close(c, &batch.accepted);
        } else {
            CHECK_RESULT(&batch.accept, WEIR_ECANCELED);
            CHECK(memcmp(&batch.accepted, &zeroed, sizeof zeroed) == 0);
            CHECK(contract_raw_readable(client, 20000));
            CHECK(recv(client, &byte, 1, 0) <= 0);
        }
        contract_raw_close(client);
    }
    contract_raw_close(other);
}

static void accepted_outlives_its_listener(struct contract *c)
{
    static struct weir_handle listener, accepted;
    char                      byte;
    int                       client = contract_raw_connect(contract_listen_any(c, &listener));
    CHECK_EQ(accept_now(c, &listener, &accepted), 0);
    contract_close(c, &listener);
    contract_raw_send(client, "x", 1);
    CHECK_EQ(recv_now(c, &accepted, &byte, 1, 0), 1);
    CHECK_EQ(send_now(c, &accepted, "y", 1, 0), 1);
    contract_raw_recv(client, &byte, 1);
    contract_raw_close(client);
}

/* A server that closed a connection first may start again at once on its port, unless it asked
 * that it be refused while the old connection lingers. tcp(7), TIME_WAIT. */
static void port_in_time_wait(struct contract *c)
{
    static struct weir_handle listener, accepted;
    struct weir_address       address;
    char                      byte;
    int                       client = contract_raw_connect(contract_listen_any(c, &listener));
    CHECK_EQ(weir_local_address(&listener, &address), 0);
    CHECK_EQ(accept_now(c, &listener, &accepted), 0);
    contract_close(c, &accepted);
    contract_close(c, &listener);
    CHECK_EQ(contract_raw_recv_some(client, &byte, 1), 0);
    contract_raw_close(client);
    CHECK_EQ(listen_at(c, &listener, &address, WEIR_NO_REUSE_ADDR), WEIR_EADDRINUSE);
    CHECK_EQ(listen_at(c, &listener, &address, 0), 0);
}

/* tcp(7): of a listening socket, tcpi_sacked is the length of its queue. */
static void backlog_0_is_the_systems_most(struct contract *c)
{
    static struct weir_handle listener;
    struct weir_address       address = contract_loopback(0);
    struct tcp_info           info;
    socklen_t                 length = sizeof info;
    unsigned                  most = 0;
    FILE                     *file = fopen("/proc/sys/net/core/somaxconn", "re");
    CHECK(file != NULL);
    CHECK_EQ(fscanf(file, "%u", &most), 1);
    CHECK_EQ(fclose(file), 0);
    CHECK_EQ(weir_listen(&listener, c->loop, address.data.bytes, address.length, 0, 0), 0);
    CHECK_EQ(getsockopt((int)weir_handle_os(&listener), IPPROTO_TCP, TCP_INFO, &info, &length), 0);
    CHECK(length > offsetof(struct tcp_info, tcpi_sacked));
    CHECK_EQ(info.tcpi_sacked, most);
}

/* An IPv6 socket reaches IPv4 too, on every system, unless it is told not to. */
static void v6only_socket_reaches_no_ipv4(struct contract *c)
{
    static struct weir_handle listener, both, only, accepted;
    struct sockaddr_in6       mapped;
    contract_raw_close(raw_listen_ipv6(&mapped));
    mapped.sin6_port = htons(contract_listen_any(c, &listener));
    CHECK_EQ(inet_pton(AF_INET6, "::ffff:127.0.0.1", &mapped.sin6_addr), 1);
    CHECK_EQ(weir_socket(&both, c->loop, AF_INET6, SOCK_STREAM, 0), 0);
    CHECK_EQ(connect_now(c, &both, &mapped, sizeof mapped), 0);
    CHECK_EQ(accept_now(c, &listener, &accepted), 0);
    CHECK_EQ(weir_socket(&only, c->loop, AF_INET6, SOCK_STREAM, WEIR_V6ONLY), 0);
    CHECK_EQ(connect_now(c, &only, &mapped, sizeof mapped), WEIR_ENETUNREACH);
}

/* ------------------------------------------------------------------------------------------------
 * Addresses
 * ---------------------------------------------------------------------------------------------- */

static bool same(const struct weir_address *a, const struct weir_address *b)
{
    return a->length == b->length && memcmp(a->data.bytes, b->data.bytes, a->length) == 0;
}

/* Each end tells the other's address as its peer's. */
static void addresses_are_told(struct contract *c, const struct transport *transport)
{
    static struct weir_handle a, b;
    struct weir_address       mine, theirs, peer;
    char                      text[160];
    transport->pair(c, &a, &b);
    CHECK_EQ(weir_local_address(&a, &mine), 0);
    CHECK_EQ(weir_local_address(&b, &theirs), 0);
    CHECK(!same(&mine, &theirs));
    CHECK_EQ(weir_peer_address(&a, &peer), 0);
    CHECK(same(&peer, &theirs));
    CHECK_EQ(weir_peer_address(&b, &peer), 0);
    CHECK(same(&peer, &mine));
    CHECK(weir_address_format(&mine, text, sizeof text) > 0);
    CHECK_EQ(weir_address_parse(&peer, text), 0);
    CHECK(same(&peer, &mine));
}

static void addresses_are_told_over_tcp(struct contract *c)
{
    addresses_are_told(c, &over_tcp);
}

static void addresses_are_told_over_tcp6(struct contract *c)
{
    addresses_are_told(c, &over_tcp6);
}

static void addresses_that_are_not_there(struct contract *c)
{
    static struct weir_handle socket, reader, writer, never;
    struct weir_address       address;
    new_socket(c, &socket, AF_INET);
    CHECK_EQ(weir_peer_address(&socket, &address), WEIR_ENOTCONN);
    CHECK_EQ(weir_local_address(&socket, &address), 0);
    contract_pipe_pair(c, &reader, &writer);
    CHECK_EQ(weir_peer_address(&reader, &address), WEIR_ENOTSOCK);
    CHECK_EQ(weir_local_address(&reader, &address), WEIR_ENOTSOCK);
    CHECK_EQ(weir_local_address(&never, &address), WEIR_EBADF);
    contract_close(c, &socket);
    CHECK_EQ(weir_local_address(&socket, &address), WEIR_EBADF);
    CHECK_EQ(weir_peer_address(&socket, &address), WEIR_EBADF);
}

/* weir_bind() decides from where a connection comes. */
static void bound_before_connecting(struct contract *c)
{
    static struct weir_handle listener, socket, accepted, second;
    struct weir_address       to = contract_loopback(contract_listen_any(c, &listener));
    struct weir_address       from = contract_loopback(0), told;
    new_socket(c, &socket, AF_INET);
    CHECK_EQ(weir_bind(&socket, from.data.bytes, from.length, 0), 0);
    CHECK_EQ(weir_local_address(&socket, &from), 0);
    CHECK_EQ(weir_bind(&socket, from.data.bytes, from.length, 0), WEIR_EINVAL); /* bound already */
    new_socket(c, &second, AF_INET);
    CHECK_EQ(weir_bind(&second, from.data.bytes, from.length, 0), WEIR_EADDRINUSE);
    CHECK_EQ(weir_bind(&second, from.data.bytes, from.length, WEIR_V6ONLY), WEIR_EINVAL);
    CHECK_EQ(weir_bind(&second, from.data.bytes, 1, 0), WEIR_EINVAL);
    CHECK_EQ(connect_to(c, &socket, &to), 0);
    CHECK_EQ(accept_now(c, &listener, &accepted), 0);
    CHECK_EQ(weir_peer_address(&accepted, &told), 0);
    CHECK(same(&told, &from));
    contract_close(c, &second);
    CHECK_EQ(weir_bind(&second, from.data.bytes, from.length, 0), WEIR_EBADF);
}

/* unix(7): what a peer was bound to is told as long as the connection is there, its end closed or
 * not. */
static void name_of_a_peer_that_left_is_told(struct contract *c)
{
    struct weir_handle  listener = {0}, client = {0}, accepted = {0};
    struct weir_address at = unix_address(contract_temp_file(c));
    struct weir_address from = unix_address(contract_temp_file(c)), told;
    CHECK_EQ(listen_at(c, &listener, &at, 0), 0);
    new_socket(c, &client, AF_UNIX);
    CHECK_EQ(weir_bind(&client, from.data.bytes, from.length, 0), 0);
    CHECK_EQ(connect_to(c, &client, &at), 0);
    contract_close(c, &client);
    CHECK_EQ(accept_now(c, &listener, &accepted), 0);
    CHECK_EQ(weir_peer_address(&accepted, &told), 0);
    CHECK(same(&told, &from));
    contract_close(c, &accepted);
    contract_close(c, &listener);
}

const struct contract_case contract_cases[] = {
    {"connect_on_unix_paths_and_names", connect_on_unix_paths_and_names, 0},
    {"unix_connect_failures", unix_connect_failures, 0},
    {"unix_connect_waits_at_a_full_backlog", unix_connect_waits_at_a_full_backlog, 0},
    {"wrong_connects_are_refused", wrong_connects_are_refused, 0},
    {"ops_behind_a_connect", ops_behind_a_connect_over_tcp, 0},
    {"ops_behind_a_connect_unix", ops_behind_a_connect_over_unix, 0},
    {"ops_behind_a_refused_connect", ops_behind_a_refused_connect, 0},
    {"refused_socket_connects_later", refused_socket_connects_later, 0},
    {"many_connects_at_a_time", many_connects_at_a_time, 0},
    {"wrong_listens_are_refused", wrong_listens_are_refused, 0},
    {"reuse_port_shares_a_port", reuse_port_shares_a_port, 0},
    {"port_is_free_in_on_closed", port_is_free_in_on_closed, 0},
    {"accept_and_close_in_one_batch", accept_and_close_in_one_batch, 0},
    {"accepted_outlives_its_listener", accepted_outlives_its_listener, 0},
    {"port_in_time_wait", port_in_time_wait, 0},
    {"backlog_0_is_the_systems_most", backlog_0_is_the_systems_most, 0},
    {"v6only_socket_reaches_no_ipv4_tcp6", v6only_socket_reaches_no_ipv4, 0},
    {"addresses_are_told", addresses_are_told_over_tcp, 0},
    {"addresses_are_told_tcp6", addresses_are_told_over_tcp6, 0},
    {"addresses_that_are_not_there", addresses_that_are_not_there, 0},
    {"bound_before_connecting", bound_before_connecting, 0},
    {"name_of_a_peer_that_left_is_told", name_of_a_peer_that_left_is_told, 0},
    {0},
};
