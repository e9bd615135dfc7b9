/* SPDX-License-Identifier: MIT */
/* accept.c - taking connections and making them, when the peer, the kernel or the limits
 * misbehave. */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "contract.h"

/* The limits of the machine; the same words stand in skips.txt where a case may meet one. */
#define NO_IPV6 "this machine has no IPv6 loopback"
#define NO_NAMESPACE "this process may not have a network namespace of its own"

static const struct weir_handle zeroed;

static int64_t recv_now(struct contract *c, struct weir_handle *handle, void *data, size_t length)
{
    struct weir_op op = {0};
    weir_recv(&op, handle, data, length, 0, contract_done);
    return contract_await(c, &op);
}

static int64_t accept_now(struct contract *c, struct weir_handle *listener,
                          struct weir_handle *accepted)
{
    struct weir_op op = {0};
    weir_accept(&op, listener, accepted, 0, contract_done);
    return contract_await(c, &op);
}

static int64_t connect_now(struct contract *c, struct weir_handle *handle, const void *address,
                           size_t length)
{
    struct weir_op op = {0};
    weir_connect(&op, handle, address, length, 0, contract_done);
    return contract_await(c, &op);
}

/* A few turns that never wait, for what is to stay pending. */
static void some_turns(struct contract *c)
{
    for (int i = 0; i < 4; i++)
        CHECK(weir_run(c->loop, WEIR_NOWAIT) >= 0);
}

static uint16_t port_of(const struct weir_handle *handle)
{
    struct weir_address address;
    struct sockaddr_in6 ip;
    CHECK_EQ(weir_local_address(handle, &address), 0);
    memcpy(&ip, address.data.bytes,
           sizeof ip); /* the port lies at the same place in both families */
    return ntohs(ip.sin6_port);
}

/* ------------------------------------------------------------------------------------------------
 * Accept
 * ---------------------------------------------------------------------------------------------- */

#define CLIENTS 128u

/* Every connection of a burst that came before anyone accepted is taken, once. */
static void burst_backlog(struct contract *c)
{
    static struct weir_handle listener, accepted[CLIENTS], more;
    static int                clients[CLIENTS];
    bool                      seen[CLIENTS] = {false};
    struct weir_op            accept = {0};
    unsigned                  count = contract_count(CLIENTS);
    uint16_t                  port = contract_listen_any(c, &listener);
    for (unsigned i = 0; i < count; i++) {
        unsigned char number = (unsigned char)i;
        clients[i] = contract_raw_connect(port);
        contract_raw_send(clients[i], &number, 1);
    }
    for (unsigned i = 0; i < count; i++) {
        unsigned char number = 0;
        CHECK_EQ(accept_now(c, &listener, &accepted[i]), 0);
        CHECK_EQ(recv_now(c, &accepted[i], &number, 1), 1);
        CHECK(number < count);
        CHECK(!seen[number]);
        seen[number] = true;
    }
    weir_accept(&accept, &listener, &more, 0, contract_done);
    some_turns(c);
    CHECK(contract_live(&accept));
    CHECK_EQ(weir_cancel(&accept), 0);
    CHECK_EQ(contract_await(c, &accept), WEIR_ECANCELED);
    for (unsigned i = 0; i < count; i++)
        contract_raw_close(clients[i]);
}

#define WAITING 16u

static struct weir_op accepts[WAITING];
static unsigned       accepts_ended;

static void accept_in_order(struct weir_op *op)
{
    CHECK(op == &accepts[accepts_ended]);
    CHECK_EQ(op->result, 0);
    accepts_ended++;
}

/* Several accepts wait on one listener: the clients go to them in order. */
static void accepts_in_order(struct contract *c)
{
    static struct weir_handle listener, accepted[WAITING];
    int                       clients[WAITING];
    uint16_t                  port = contract_listen_any(c, &listener);
    for (unsigned i = 0; i < WAITING; i++)
        weir_accept(&accepts[i], &listener, &accepted[i], 0, accept_in_order);
    some_turns(c);
    for (unsigned i = 0; i < WAITING; i++) {
        unsigned char number = (unsigned char)i;
        clients[i] = contract_raw_connect(port);
        contract_raw_send(clients[i], &number, 1);
    }
    contract_run(c);
    CHECK_EQ(accepts_ended, WAITING);
    for (unsigned i = 0; i < WAITING; i++) {
        unsigned char number = 0;
        CHECK_EQ(recv_now(c, &accepted[i], &number, 1), 1);
        CHECK_EQ(number, i);
        contract_raw_close(clients[i]);
    }
}

/* Out of descriptors, an accept waits without spinning, and goes on when one is free. */
static void emfile_paced(struct contract *c)
{
    static struct weir_handle listener, accepted[3];
    struct weir_op            accept[3] = {{0}}, window = {0};
    struct weir_stats         before, after;
    int                       clients[3];
    uint16_t                  port = contract_listen_any(c, &listener);
    some_turns(c);
    for (int i = 0; i < 3; i++)
        clients[i] = contract_raw_connect(port);
    contract_fd_exhaust(c, 0);
    weir_loop_stats(c->loop, &before);
    uint64_t began = weir_now(c->loop);
    for (int i = 0; i < 3; i++)
        weir_accept(&accept[i], &listener, &accepted[i], 0, contract_done);
    weir_timer(&window, c->loop, 400 * WEIR_MILLISECOND, 0, contract_done);
    CHECK_EQ(contract_await(c, &window), 0);
    weir_loop_stats(c->loop, &after);
    uint64_t most = 2 + (weir_now(c->loop) - began) * 20 / WEIR_SECOND;
    uint64_t paced = after.accepts_paced - before.accepts_paced;
    CHECK(contract_live(&accept[0]));
    CHECK(paced >= 1);
    CHECK(paced <= most);
    CHECK(after.attempts - before.attempts <= most);
    CHECK(after.waits - before.waits <= 4 * most);
    contract_fd_release(c);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(contract_await(c, &accept[i]), 0);
        contract_raw_close(clients[i]);
        char byte;
        CHECK_EQ(recv_now(c, &accepted[i], &byte, 1), 0);
    }
}

static void emfile_paced_is_cancelled(struct contract *c)
{
    static struct weir_handle listener, accepted;
    struct weir_op            accept = {0};
    char                      byte;
    uint16_t                  port = contract_listen_any(c, &listener);
    some_turns(c);
    int client = contract_raw_connect(port);
    contract_raw_send(client, "x", 1);
    contract_fd_exhaust(c, 0);
    weir_accept(&accept, &listener, &accepted, 0, contract_done);
    some_turns(c);
    CHECK(contract_live(&accept));
    CHECK_EQ(weir_cancel(&accept), 0);
    CHECK_EQ(contract_await(c, &accept), WEIR_ECANCELED);
    weir_accept(&accept, &listener, &accepted, 0, contract_done);
    weir_deadline(&accept, 60 * WEIR_MILLISECOND);
    CHECK_EQ(contract_await(c, &accept), WEIR_EDEADLINE);
    CHECK(memcmp(&accepted, &zeroed, sizeof zeroed) == 0);
    contract_fd_release(c);
    CHECK_EQ(accept_now(c, &listener, &accepted), 0);
    CHECK_EQ(recv_now(c, &accepted, &byte, 1), 1);
    contract_raw_close(client);
}

/* A client that is gone before it was accepted is skipped, or told as a connection that was
 * reset; the next one is served. */
static void rst_before_accept(struct contract *c)
{
    static struct weir_handle listener, accepted;
    char                      byte = 0;
    uint16_t                  port = contract_listen_any(c, &listener);
    contract_raw_reset(contract_raw_connect(port));
    int client = contract_raw_connect(port);
    contract_raw_send(client, "x", 1);
    CHECK_EQ(accept_now(c, &listener, &accepted), 0);
    int64_t result = recv_now(c, &accepted, &byte, 1);
    if (result != 1) {
        CHECK_EQ(result, WEIR_ECONNRESET);
        contract_close(c, &accepted);
        CHECK_EQ(accept_now(c, &listener, &accepted), 0);
        CHECK_EQ(recv_now(c, &accepted, &byte, 1), 1);
    }
    CHECK_EQ(byte, 'x');
    contract_raw_close(client);
}

static struct {
    struct weir_handle listener, accepted;
    struct weir_op     accept, recv;
    unsigned           served, vanished;
    char               byte;
} door;

static void door_open(struct weir_op *op);

static void door_next(struct weir_handle *handle)
{
    (void)handle;
    weir_accept(&door.accept, &door.listener, &door.accepted, 0, door_open);
}

static void door_heard(struct weir_op *op)
{
    CHECK(op->result == 1 || op->result == 0 || op->result == WEIR_ECONNRESET);
    door.served += op->result == 1;
    door.vanished += op->result != 1;
    CHECK_EQ(weir_close(&door.accepted, door.served ? contract_closed : door_next), 0);
}

static void door_open(struct weir_op *op)
{
    CHECK_EQ(op->result, 0);
    weir_recv(&door.recv, &door.accepted, &door.byte, 1, 0, door_heard);
}

/* Hundreds of clients that connect and vanish do not keep the server from the one that stays. */
static void vanishing_clients_do_no_harm(struct contract *c)
{
    unsigned count = contract_count(300);
    uint16_t port = contract_listen_any(c, &door.listener);
    door_next(NULL);
    for (unsigned i = 0; i < count; i++) {
        int client = contract_raw_connect(port);
        if (i % 2)
            contract_raw_reset(client);
        else
            contract_raw_close(client);
        if (i % 3 == 0)
            some_turns(c);
    }
    int client = contract_raw_connect(port);
    contract_raw_send(client, "x", 1);
    contract_run(c);
    CHECK_EQ(door.served, 1);
    CHECK(door.vanished <= count);
    contract_raw_close(client);
}

static void check_own(const struct weir_handle *handle, enum weir_handle_kind kind)
{
    int fd = (int)weir_handle_os(handle);
    CHECK_EQ(weir_handle_kind(handle), kind);
    CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    CHECK(contract_raw_nonblocking(fd));
}

static int no_delay_of(const struct weir_handle *handle)
{
    int       value = 0;
    socklen_t length = sizeof value;
    CHECK_EQ(getsockopt((int)weir_handle_os(handle), IPPROTO_TCP, TCP_NODELAY, &value, &length), 0);
    return value;
}

/* Everything that weir opens is close-on-exec and non-blocking, and what was asked of the listener
 * holds for what it accepts. */
static void cloexec_and_flags(struct contract *c)
{
    struct weir_address any = contract_loopback(0);
    for (unsigned no_delay = 0; no_delay < 2; no_delay++) {
        static struct weir_handle listeners[2], accepteds[2], sockets[2];
        struct weir_handle       *listener = &listeners[no_delay], *accepted = &accepteds[no_delay];
        struct weir_handle       *socket = &sockets[no_delay];
        unsigned                  flags = no_delay ? WEIR_NODELAY : 0;
        CHECK_EQ(weir_listen(listener, c->loop, any.data.bytes, any.length, 4, flags), 0);
        CHECK_EQ(weir_socket(socket, c->loop, AF_INET, SOCK_STREAM, flags), 0);
        int client = contract_raw_connect(port_of(listener));
        CHECK_EQ(accept_now(c, listener, accepted), 0);
        check_own(listener, WEIR_HANDLE_LISTENER);
        check_own(accepted, WEIR_HANDLE_STREAM);
        check_own(socket, WEIR_HANDLE_STREAM);
        CHECK_EQ(no_delay_of(accepted), no_delay);
        CHECK_EQ(no_delay_of(socket), no_delay);
        contract_raw_close(client);
    }
}

/* The handle to be filled is as zeroed, its user pointer aside, whenever no connection came. */
static void failed_accept_leaves_the_handle_zeroed(struct contract *c)
{
    static struct weir_handle listener, accepted, socket, reader, writer, other;
    struct weir_op            accept = {0}, late = {0};
    contract_listen_any(c, &listener);
    weir_accept(&accept, &listener, &accepted, 0x80000000u, contract_done);
    CHECK_EQ(contract_await(c, &accept), WEIR_EINVAL);
    CHECK(memcmp(&accepted, &zeroed, sizeof zeroed) == 0);
    weir_accept(&accept, &listener, &accepted, WEIR_ALL, contract_done);
    CHECK_EQ(contract_await(c, &accept), WEIR_EINVAL);
    weir_accept(&accept, &listener, NULL, 0, contract_done);
    CHECK_EQ(contract_await(c, &accept), WEIR_EINVAL);
    CHECK_EQ(accept.served, WEIR_SERVED_NOT);
    CHECK_EQ(weir_socket(&socket, c->loop, AF_INET, SOCK_STREAM, 0), 0);
    CHECK_EQ(accept_now(c, &socket, &accepted), WEIR_EINVAL);
    contract_pipe_pair(c, &reader, &writer);
    CHECK_EQ(accept_now(c, &reader, &accepted), WEIR_ENOTSOCK);
    weir_accept(&accept, &listener, &accepted, 0, contract_done);
    weir_deadline(&accept, WEIR_MILLISECOND);
    CHECK_EQ(contract_await(c, &accept), WEIR_EDEADLINE);
    CHECK(memcmp(&accepted, &zeroed, sizeof zeroed) == 0);
    weir_accept(&accept, &listener, &accepted, 0, contract_done);
    some_turns(c);
    CHECK_EQ(weir_close(&listener, contract_closed), 0);
    weir_accept(&late, &listener, &other, 0, contract_done);
    contract_run(c);
    CHECK_RESULT(&accept, WEIR_ECANCELED);
    CHECK_RESULT(&late, WEIR_ECANCELED);
    CHECK(memcmp(&other, &zeroed, sizeof zeroed) == 0);
    CHECK_EQ(accept_now(c, &listener, &accepted), WEIR_EBADF);
    CHECK(memcmp(&accepted, &zeroed, sizeof zeroed) == 0);
}

/* A client comes and the listener is closed before the loop has looked: a connection that the
 * kernel had already made is closed by weir, and nothing of it reaches the caller. */
static void connection_behind_a_close_is_closed(struct contract *c)
{
    static struct weir_handle listeners[5], accepted;
    for (int i = 0; i < 5; i++) {
        struct weir_op accept = {0};
        char           byte;
        uint16_t       port = contract_listen_any(c, &listeners[i]);
        weir_accept(&accept, &listeners[i], &accepted, 0, contract_done);
        some_turns(c);
        int client = contract_raw_connect(port);
        contract_close(c, &listeners[i]);
        CHECK_RESULT(&accept, WEIR_ECANCELED);
        CHECK(memcmp(&accepted, &zeroed, sizeof zeroed) == 0);
        CHECK(contract_raw_readable(client, 20000));
        ssize_t n = recv(client, &byte, 1, 0);
        CHECK(n == 0 || (n < 0 && errno == ECONNRESET));
        contract_raw_close(client);
    }
}

/* Another program's listener: blocking, and it stays so. */
static void foreign_blocking_listener(struct contract *c)
{
    static struct weir_handle listener, accepted;
    struct weir_op            accept = {0}, timer = {0};
    uint16_t                  port;
    int                       fd = contract_raw_listen(&port, 4);
    CHECK(!contract_raw_nonblocking(fd));
    CHECK_EQ(weir_adopt(&listener, c->loop, fd, 0), 0);
    CHECK_EQ(weir_handle_kind(&listener), WEIR_HANDLE_LISTENER);
    weir_accept(&accept, &listener, &accepted, 0, contract_done);
    weir_timer(&timer, c->loop, WEIR_MILLISECOND, 0, contract_done);
    CHECK_EQ(contract_await(c, &timer), 0);
    CHECK(contract_live(&accept));
    int client = contract_raw_connect(port);
    CHECK_EQ(contract_await(c, &accept), 0);
    CHECK(!contract_raw_nonblocking(fd));
    check_own(&accepted, WEIR_HANDLE_STREAM);
    contract_raw_close(client);
}

/* ------------------------------------------------------------------------------------------------
 * Connect
 * ---------------------------------------------------------------------------------------------- */

static void refused(struct contract *c)
{
    static struct weir_handle socket;
    int                       holder;
    struct weir_address       address = contract_loopback(contract_refusing_port(&holder));
    CHECK_EQ(weir_socket(&socket, c->loop, AF_INET, SOCK_STREAM, 0), 0);
    CHECK_EQ(connect_now(c, &socket, address.data.bytes, address.length), WEIR_ECONNREFUSED);
    CHECK_EQ(weir_handle_kind(&socket), WEIR_HANDLE_STREAM);
    contract_close(c, &socket);
    contract_raw_close(holder);
}

/* A network of this process's own, without any device up. */
static void enter_empty_network(struct contract *c)
{
    if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
        SKIP(NO_NAMESPACE);
    CHECK_EQ(contract_open(c, &c->loop, NULL), 0);
}

static struct sockaddr_in address_of(uint32_t host, uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(host);
    return address;
}

static int64_t connect_to(struct contract *c, uint32_t host)
{
    struct weir_handle socket = {0};
    struct sockaddr_in address = address_of(host, 9);
    CHECK_EQ(weir_socket(&socket, c->loop, AF_INET, SOCK_STREAM, 0), 0);
    int64_t result = connect_now(c, &socket, &address, sizeof address);
    contract_close(c, &socket);
    return result;
}

/* No route, then a route that says that the host is out of reach, then a machine that refuses. */
static void unreachable(struct contract *c)
{
    struct ifreq       loopback = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    struct rtentry     route = {.rt_flags = RTF_UP | RTF_REJECT};
    struct sockaddr_in mask = address_of(0xff000000u, 0), host = address_of(0x0a000000u, 0);
    enter_empty_network(c);
    CHECK_EQ(connect_to(c, 0x0a000001u), WEIR_ENETUNREACH);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0);
    CHECK_EQ(ioctl(fd, SIOCSIFFLAGS, &loopback), 0);
    CHECK_EQ(connect_to(c, 0x0a000001u), WEIR_ENETUNREACH);
    memcpy(&route.rt_dst, &host, sizeof host);
    memcpy(&route.rt_genmask, &mask, sizeof mask);
    CHECK_EQ(ioctl(fd, SIOCADDRT, &route), 0);
    CHECK_EQ(connect_to(c, 0x0a000001u), WEIR_EHOSTUNREACH);
    CHECK_EQ(connect_to(c, 0x7f000001u), WEIR_ECONNREFUSED);
    contract_raw_close(fd);
    contract_loop_close(c, c->loop);
    c->loop = NULL;
}

/* A listener whose queue is full answers nothing: the connect that started waits. The handles that
 * filled it, and the one that waits, are in `sockets`; the number of the waiting one. */
#define FILLERS 8

/* Of a listener the two counts are how many wait in its queue, and the most that may. */
static bool queue_is_full(int listener)
{
    struct tcp_info info;
    socklen_t       length = sizeof info;
    CHECK_EQ(getsockopt(listener, IPPROTO_TCP, TCP_INFO, &info, &length), 0);
    CHECK(length > offsetof(struct tcp_info, tcpi_sacked));
    return info.tcpi_unacked > info.tcpi_sacked;
}

static int wait_at_full_backlog(struct contract *c, int *listener, struct weir_handle *sockets,
                                struct weir_op *waiting, struct weir_address *address)
{
    uint16_t port;
    *listener = contract_raw_listen(&port, 0);
    *address = contract_loopback(port);
    for (int i = 0; i < FILLERS; i++) {
        struct weir_op timer = {0};
        bool           full = contract_simulated() || queue_is_full(*listener);
        CHECK_EQ(weir_socket(&sockets[i], c->loop, AF_INET, SOCK_STREAM, 0), 0);
        weir_connect(waiting, &sockets[i], address->data.bytes, address->length, 0, contract_done);
        weir_timer(&timer, c->loop, 50 * WEIR_MILLISECOND, 0, contract_done);
        CHECK_EQ(contract_await(c, &timer), 0);
        if (full && contract_live(waiting))
            return i;
        if (contract_live(waiting)) /* it is only slow */
            contract_await(c, waiting);
        CHECK_RESULT(waiting, 0);
    }
    contract_fail(__FILE__, __LINE__, "%d connections did not fill a backlog of 0", FILLERS);
}

static void deadline_on_full_backlog(struct contract *c)
{
    static struct weir_handle sockets[FILLERS];
    struct weir_op            connect = {0};
    struct weir_address       address;
    int                       listener;
    int last = wait_at_full_backlog(c, &listener, sockets, &connect, &address);
    weir_deadline(&connect, 20 * WEIR_MILLISECOND);
    CHECK_EQ(contract_await(c, &connect), WEIR_EDEADLINE);
    CHECK_EQ(contract_told(&connect), 1);
    contract_close(c, &sockets[last]);
    contract_raw_close(listener);
}

/* TCP's own patience, made short, is told by TCP's own name. tcp(7). */
static void tcp_timeout_is_etimedout(struct contract *c)
{
    static struct weir_handle sockets[FILLERS], socket;
    struct weir_op            waiting = {0}, connect = {0};
    struct weir_address       address;
    int                       listener, tries = 1, patience_ms = 500;
    wait_at_full_backlog(c, &listener, sockets, &waiting, &address);
    CHECK_EQ(weir_cancel(&waiting), 0);
    CHECK_EQ(contract_await(c, &waiting), WEIR_ECANCELED);
    CHECK_EQ(weir_socket(&socket, c->loop, AF_INET, SOCK_STREAM, 0), 0);
    int fd = (int)weir_handle_os(&socket);
    CHECK_EQ(setsockopt(fd, IPPROTO_TCP, TCP_SYNCNT, &tries, sizeof tries), 0);
    CHECK_EQ(setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience_ms, sizeof patience_ms), 0);
    weir_connect(&connect, &socket, address.data.bytes, address.length, 0, contract_done);
    weir_deadline(&connect, 25 * WEIR_SECOND);
    CHECK_EQ(contract_await(c, &connect), WEIR_ETIMEDOUT);
    contract_raw_close(listener);
}

/* Handles that are closed while an accept or a connect waits on them. */
static void close_midway(struct contract *c)
{
    static struct weir_handle sockets[FILLERS], door_handle, accepted;
    struct weir_op            connect = {0}, accept = {0}, send = {0};
    struct weir_address       address;
    int                       listener;
    int last = wait_at_full_backlog(c, &listener, sockets, &connect, &address);
    weir_send(&send, &sockets[last], "x", 1, 0, contract_done);
    contract_close(c, &sockets[last]);
    CHECK_RESULT(&connect, WEIR_ECANCELED);
    CHECK_RESULT(&send, WEIR_ECANCELED);
    uint16_t port = contract_listen_any(c, &door_handle);
    weir_accept(&accept, &door_handle, &accepted, 0, contract_done);
    some_turns(c);
    contract_close(c, &door_handle);
    CHECK_RESULT(&accept, WEIR_ECANCELED);
    CHECK(memcmp(&accepted, &zeroed, sizeof zeroed) == 0);
    struct weir_address again = contract_loopback(port);
    CHECK_EQ(weir_listen(&door_handle, c->loop, again.data.bytes, again.length, 1, 0), 0);
    contract_raw_close(listener);
}

/* ------------------------------------------------------------------------------------------------
 * Addresses
 * ---------------------------------------------------------------------------------------------- */

static int listen_on_every_ipv6(struct contract *c, struct weir_handle *listener, unsigned flags)
{
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_addr = in6addr_any};
    return weir_listen(listener, c->loop, &any, sizeof any, 4, flags);
}

static void require_ipv6(void)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
    int                 fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool there = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
    if (fd >= 0)
        close(fd);
    if (!there)
        SKIP(NO_IPV6);
}

/* A plain socket that has the IPv4 port, so that nobody else listens there; -1 when another has
 * it. */
static int hold_ipv4_port(uint16_t port)
{
    struct sockaddr_in address = address_of(INADDR_LOOPBACK, port);
    int                fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    CHECK_EQ(errno, EADDRINUSE);
    contract_raw_close(fd);
    return -1;
}

/* Both families without the flag, IPv6 alone with it, whatever the system's default is. */
static void v6only(struct contract *c)
{
    static struct weir_handle both, only, accepted, four;
    struct weir_address       peer;
    struct sockaddr_in6       mapped;
    int                       holder;
    require_ipv6();
    CHECK_EQ(listen_on_every_ipv6(c, &both, 0), 0);
    int client = contract_raw_connect(port_of(&both));
    CHECK_EQ(accept_now(c, &both, &accepted), 0);
    CHECK_EQ(weir_peer_address(&accepted, &peer), 0);
    CHECK_EQ(peer.length, sizeof mapped);
    memcpy(&mapped, peer.data.bytes, sizeof mapped);
    CHECK(IN6_IS_ADDR_V4MAPPED(&mapped.sin6_addr));
    contract_raw_close(client);
    CHECK_EQ(hold_ipv4_port(port_of(&both)), -1);
    CHECK_EQ(listen_on_every_ipv6(c, &only, WEIR_V6ONLY), 0);
    for (int tries = 0; (holder = hold_ipv4_port(port_of(&only))) < 0; tries++) {
        CHECK(tries < 50);
        contract_close(c, &only);
        CHECK_EQ(listen_on_every_ipv6(c, &only, WEIR_V6ONLY), 0);
    }
    struct weir_address address = contract_loopback(port_of(&only));
    CHECK_EQ(weir_socket(&four, c->loop, AF_INET, SOCK_STREAM, 0), 0);
    CHECK_EQ(connect_now(c, &four, address.data.bytes, address.length), WEIR_ECONNREFUSED);
    contract_raw_close(holder);
}

/* From here on the kernel answers this process as one that was built without IPv6. */
static void take_ipv6_away(void)
{
    contract_deny_when(SYS_socket, 0, AF_INET6, EAFNOSUPPORT);
}

static void no_ipv6(struct contract *c)
{
    static struct weir_handle six, listener, accepted;
    take_ipv6_away();
    int descriptor = socket(AF_INET6, SOCK_STREAM, 0);
    if (descriptor >= 0) {
        contract_raw_close(descriptor);
        SKIP("a filter does not see what the C library asks socketcall(2) for");
    }
    CHECK_EQ(weir_socket(&six, c->loop, AF_INET6, SOCK_STREAM, 0), WEIR_EAFNOSUPPORT);
    CHECK(memcmp(&six, &zeroed, sizeof zeroed) == 0);
    CHECK_EQ(listen_on_every_ipv6(c, &six, 0), WEIR_EAFNOSUPPORT);
    CHECK(memcmp(&six, &zeroed, sizeof zeroed) == 0);
    int client = contract_raw_connect(contract_listen_any(c, &listener));
    CHECK_EQ(accept_now(c, &listener, &accepted), 0);
    contract_raw_close(client);
}

/* unix(7): a path has at most 107 bytes; that one works, a longer one is refused by its own
 * name. */
static void unix_path_too_long(struct contract *c)
{
    static struct weir_handle listener, accepted, socket, refused_one;
    struct sockaddr_un        longest = {.sun_family = AF_UNIX};
    struct weir_address       address;
    struct weir_op            accept = {0};
    char                      text[5 + sizeof longest.sun_path + 1] = "unix:";
    size_t                    room = sizeof longest.sun_path;
    CHECK_EQ(chdir(c->directory), 0);
    memset(text + 5, 'l', room);
    CHECK_EQ(weir_address_parse(&address, text), WEIR_ENAMETOOLONG);
    text[5 + room - 1] = 0;
    CHECK_EQ(weir_address_parse(&address, text), 0);
    CHECK_EQ(weir_listen(&listener, c->loop, address.data.bytes, address.length, 1, 0), 0);
    CHECK_EQ(weir_socket(&socket, c->loop, AF_UNIX, SOCK_STREAM, 0), 0);
    weir_accept(&accept, &listener, &accepted, 0, contract_done);
    CHECK_EQ(connect_now(c, &socket, address.data.bytes, address.length), 0);
    CHECK_EQ(contract_await(c, &accept), 0);
    unsigned char over[sizeof longest + 8] = {0};
    memcpy(over, &longest, sizeof longest);
    memset(over + offsetof(struct sockaddr_un, sun_path), 'l', room + 7);
    CHECK_EQ(weir_listen(&refused_one, c->loop, over, sizeof over, 1, 0), WEIR_EINVAL);
    CHECK(memcmp(&refused_one, &zeroed, sizeof zeroed) == 0);
}

const struct contract_case contract_cases[] = {
    {"burst_backlog", burst_backlog, 0},
    {"accepts_in_order", accepts_in_order, 0},
    {"emfile_paced", emfile_paced, CONTRACT_NO_VALGRIND},
    {"emfile_paced_is_cancelled", emfile_paced_is_cancelled, CONTRACT_NO_VALGRIND},
    {"rst_before_accept", rst_before_accept, 0},
    {"vanishing_clients_do_no_harm", vanishing_clients_do_no_harm, 0},
    {"cloexec_and_flags", cloexec_and_flags, 0},
    {"failed_accept_leaves_the_handle_zeroed", failed_accept_leaves_the_handle_zeroed, 0},
    {"connection_behind_a_close_is_closed", connection_behind_a_close_is_closed, 0},
    {"foreign_blocking_listener", foreign_blocking_listener, 0},
    {"refused", refused, 0},
    /* The loop is opened in the network of the case's own. */
    {"unreachable", unreachable, CONTRACT_OWN_LOOP},
    {"deadline_on_full_backlog", deadline_on_full_backlog, 0},
    {"tcp_timeout_is_etimedout", tcp_timeout_is_etimedout, 0},
    {"close_midway", close_midway, 0},
    {"v6only", v6only, 0},
    {"no_ipv6", no_ipv6, 0},
    {"unix_path_too_long", unix_path_too_long, 0},
    {0},
};
