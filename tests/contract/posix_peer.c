/* SPDX-License-Identifier: MIT */
/* posix_peer.c - plain POSIX peers, and pairs of handles, for the cases. Every wait is bounded. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "torture.h"

#define WAIT_MS 20000
#define SLICE_MS 500 /* of it */

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

struct weir_address contract_loopback(uint16_t port)
{
    struct weir_address address = {.length = sizeof(struct sockaddr_in)};
    struct sockaddr_in  in = loopback(port);
    memcpy(address.data.bytes, &in, sizeof in);
    return address;
}

static void wait_for(int fd, short events)
{
    struct pollfd ready = {.fd = fd, .events = events};
    int           count = 0;
    for (int waited_ms = 0; count == 0 && waited_ms < WAIT_MS; waited_ms += SLICE_MS) {
        torture_check();
        count = poll(&ready, 1, SLICE_MS);
        if (count < 0 && errno == EINTR)
            count = 0;
    }
    if (count == 0)
        contract_fail(__FILE__, __LINE__, "a plain peer waited in vain to %s",
                      events & POLLIN ? "read" : "write");
    CHECK_EQ(count, 1);
}

/* ------------------------------------------------------------------------------------------------
 * Plain peers
 * ---------------------------------------------------------------------------------------------- */

static uint16_t port_of(int fd)
{
    struct sockaddr_in address;
    socklen_t          length = sizeof address;
    CHECK_EQ(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    return ntohs(address.sin_port);
}

static int bound_socket(void)
{
    struct sockaddr_in address = loopback(0);
    int                fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0);
    CHECK_EQ(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

uint16_t contract_refusing_port(int *holder)
{
    *holder = bound_socket();
    return port_of(*holder);
}

static void no_delay(int fd)
{
    int one = 1;
    CHECK_EQ(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one), 0);
}

int contract_raw_connect(uint16_t port)
{
    struct sockaddr_in address = loopback(port);
    int                fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        contract_fail(__FILE__, __LINE__, "a plain connect to port %u: %s", port, strerror(errno));
    no_delay(fd);
    return fd;
}

int contract_raw_listen(uint16_t *port, int backlog)
{
    int fd = bound_socket();
    CHECK_EQ(listen(fd, backlog), 0);
    *port = port_of(fd);
    return fd;
}

int contract_raw_accept(int listener)
{
    wait_for(listener, POLLIN);
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    CHECK(fd >= 0);
    return fd;
}

void contract_raw_send(int fd, const void *data, size_t length)
{
    const char *bytes = data;
    while (length) {
        wait_for(fd, POLLOUT);
        ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == ENOTSOCK)
            sent = write(fd, bytes, length < 4096 ? length : 4096);
        if (sent < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (sent < 0)
            contract_fail(__FILE__, __LINE__, "a plain send: %s", strerror(errno));
        bytes += sent;
        length -= (size_t)sent;
    }
}

size_t contract_raw_recv_some(int fd, void *data, size_t length)
{
    while (true) {
        wait_for(fd, POLLIN);
        ssize_t got = read(fd, data, length);
        if (got >= 0)
            return (size_t)got;
        if (errno != EAGAIN && errno != EINTR)
            contract_fail(__FILE__, __LINE__, "a plain receive: %s", strerror(errno));
    }
}

void contract_raw_recv(int fd, void *data, size_t length)
{
    char *bytes = data;
    while (length) {
        size_t got = contract_raw_recv_some(fd, bytes, length);
        if (got == 0)
            contract_fail(__FILE__, __LINE__, "the stream ended %zu bytes early", length);
        bytes += got;
        length -= got;
    }
}

void contract_raw_shutdown(int fd)
{
    CHECK_EQ(shutdown(fd, SHUT_WR), 0);
}

void contract_raw_close(int fd)
{
    CHECK_EQ(close(fd), 0);
}

void contract_raw_reset(int fd)
{
    struct linger none = {.l_onoff = 1, .l_linger = 0};
    CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none), 0);
    CHECK_EQ(close(fd), 0);
}

bool contract_raw_readable(int fd, int timeout_ms)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    return poll(&ready, 1, timeout_ms) == 1;
}

bool contract_raw_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    CHECK(flags >= 0);
    return flags & O_NONBLOCK;
}

/* ------------------------------------------------------------------------------------------------
 * Pairs
 * ---------------------------------------------------------------------------------------------- */

static uint16_t port_of_handle(const struct weir_handle *handle)
{
    struct weir_address address;
    struct sockaddr_in  in;
    CHECK_EQ(weir_local_address(handle, &address), 0);
    CHECK_EQ(address.length, sizeof in);
    memcpy(&in, address.data.bytes, sizeof in);
    return ntohs(in.sin_port);
}

static uint16_t listen_at(struct contract *c, struct weir_handle *listener,
                          const struct weir_address *address)
{
    CHECK_EQ(weir_listen(listener, c->loop, address->data.bytes, address->length, 0, WEIR_NODELAY),
             0);
    return port_of_handle(listener);
}

uint16_t contract_listen_any(struct contract *c, struct weir_handle *listener)
{
    struct weir_address address = contract_loopback(0);
    return listen_at(c, listener, &address);
}

/* From 127.64.0.0 on, by the process's number; macOS and simulated hosts have 127.0.0.1 alone. */
uint16_t contract_listen_alone(struct contract *c, struct weir_handle *listener)
{
    struct weir_address address = contract_loopback(0);
#ifndef __APPLE__
    uint32_t own = htonl(0x7f400000u + ((uint32_t)getpid() & 0x3fffffu));
    if (!contract_simulated())
        memcpy(&address.data.bytes[offsetof(struct sockaddr_in, sin_addr)], &own, sizeof own);
#endif
    return listen_at(c, listener, &address);
}

void contract_tcp_pair(struct contract *c, struct weir_handle *a, struct weir_handle *b)
{
    struct weir_handle  listener = {0};
    struct weir_op      connecting = {0}, accepting = {0};
    struct weir_address address = contract_loopback(contract_listen_any(c, &listener));
    CHECK_EQ(weir_socket(a, c->loop, AF_INET, SOCK_STREAM, WEIR_NODELAY), 0);
    weir_connect(&connecting, a, address.data.bytes, address.length, 0, contract_done);
    weir_accept(&accepting, &listener, b, 0, contract_done);
    CHECK_EQ(contract_await(c, &connecting), 0);
    CHECK_EQ(contract_await(c, &accepting), 0);
    contract_close(c, &listener);
}

int contract_tcp_peer(struct contract *c, struct weir_handle *handle)
{
    struct weir_handle listener = {0};
    struct weir_op     accepting = {0};
    int                fd = contract_raw_connect(contract_listen_any(c, &listener));
    weir_accept(&accepting, &listener, handle, 0, contract_done);
    CHECK_EQ(contract_await(c, &accepting), 0);
    contract_close(c, &listener);
    return fd;
}

void contract_unix_pair(struct contract *c, struct weir_handle *a, struct weir_handle *b)
{
    int ends[2];
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    CHECK_EQ(weir_adopt(a, c->loop, ends[0], 0), 0);
    CHECK_EQ(weir_adopt(b, c->loop, ends[1], 0), 0);
}

int contract_unix_peer(struct contract *c, struct weir_handle *handle)
{
    int ends[2];
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    CHECK_EQ(weir_adopt(handle, c->loop, ends[0], 0), 0);
    return ends[1];
}

void contract_pipe_pair(struct contract *c, struct weir_handle *a, struct weir_handle *b)
{
    CHECK_EQ(weir_pipe(a, b, c->loop), 0);
}
