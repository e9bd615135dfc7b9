/* SPDX-License-Identifier: MIT */
/* streams_transport.h - what carries bytes: the cases about streams are written once and run over
 * each. */
#ifndef STREAMS_TRANSPORT_H
#define STREAMS_TRANSPORT_H

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "contract.h"

/* The plain descriptors are blocking, close-on-exec and the case's to close. */
struct transport {
    /* Two handles on c->loop: what is sent on `writer` is received on `reader`. */
    void (*pair)(struct contract *c, struct weir_handle *reader, struct weir_handle *writer);
    int (*reader)(struct contract *c, struct weir_handle *handle); /* the program writes to weir */
    int (*writer)(struct contract *c, struct weir_handle *handle); /* the program reads from weir */
};

/* The limits of the machine; the same words stand in skips.txt where a case may meet one. */
#define NO_IPV6 "this machine has no IPv6 loopback"

static inline int raw_listen_ipv6(struct sockaddr_in6 *address)
{
    socklen_t length = sizeof *address;
    int       fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        SKIP(NO_IPV6);
    memset(address, 0, sizeof *address);
    address->sin6_family = AF_INET6;
    address->sin6_addr = in6addr_loopback;
    if (bind(fd, (struct sockaddr *)address, sizeof *address) != 0) {
        close(fd);
        SKIP(NO_IPV6);
    }
    CHECK_EQ(listen(fd, 8), 0);
    CHECK_EQ(getsockname(fd, (struct sockaddr *)address, &length), 0);
    return fd;
}

/* A handle connected over IPv6 to a plain socket, which it returns. */
static inline int tcp6_peer(struct contract *c, struct weir_handle *handle)
{
    static struct weir_op connect;
    struct sockaddr_in6   address;
    int                   listener = raw_listen_ipv6(&address);
    CHECK_EQ(weir_socket(handle, c->loop, AF_INET6, SOCK_STREAM, WEIR_NODELAY), 0);
    weir_connect(&connect, handle, &address, sizeof address, 0, contract_done);
    CHECK_EQ(contract_await(c, &connect), 0);
    int peer = contract_raw_accept(listener);
    contract_raw_close(listener);
    return peer;
}

static inline void tcp6_pair(struct contract *c, struct weir_handle *a, struct weir_handle *b)
{
    static struct weir_handle listener;
    static struct weir_op     connect, accept;
    struct weir_address       address;
    struct sockaddr_in6       wanted;
    contract_raw_close(raw_listen_ipv6(&wanted));
    wanted.sin6_port = 0;
    CHECK_EQ(weir_listen(&listener, c->loop, &wanted, sizeof wanted, 1, WEIR_NODELAY), 0);
    CHECK_EQ(weir_local_address(&listener, &address), 0);
    CHECK_EQ(weir_socket(b, c->loop, AF_INET6, SOCK_STREAM, WEIR_NODELAY), 0);
    weir_accept(&accept, &listener, a, 0, contract_done);
    weir_connect(&connect, b, address.data.bytes, address.length, 0, contract_done);
    CHECK_EQ(contract_await(c, &connect), 0);
    CHECK_EQ(contract_await(c, &accept), 0);
    contract_close(c, &listener);
}

/* A foreign blocking pipe of which one end is weir's; returns the other. */
static inline int adopt_pipe_end(struct contract *c, struct weir_handle *handle, int end)
{
    int ends[2];
    CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
    CHECK_EQ(weir_adopt(handle, c->loop, ends[end], 0), 0);
    return ends[!end];
}

static inline int pipe_reader(struct contract *c, struct weir_handle *handle)
{
    return adopt_pipe_end(c, handle, 0);
}

static inline int pipe_writer(struct contract *c, struct weir_handle *handle)
{
    return adopt_pipe_end(c, handle, 1);
}

/* A named pipe, opened by weir at one end and by the program at the other; the plain end opens
 * first, for both directions, so that nobody waits, and again as it is to stay. */
static inline int open_fifo_end(struct contract *c, struct weir_handle *handle, unsigned mode,
                                int plain_mode)
{
    static struct weir_op open_op;
    const char           *path = contract_temp_file(c);
    CHECK_EQ(mkfifo(path, 0600), 0);
    int both = open(path, O_RDWR | O_CLOEXEC);
    CHECK(both >= 0);
    weir_open(&open_op, c->loop, handle, path, mode, 0, contract_done);
    CHECK_EQ(contract_await(c, &open_op), 0);
    int peer = open(path, plain_mode | O_CLOEXEC);
    CHECK(peer >= 0);
    CHECK_EQ(close(both), 0);
    return peer;
}

static inline int fifo_reader(struct contract *c, struct weir_handle *handle)
{
    return open_fifo_end(c, handle, WEIR_OPEN_READ, O_WRONLY);
}

static inline int fifo_writer(struct contract *c, struct weir_handle *handle)
{
    return open_fifo_end(c, handle, WEIR_OPEN_WRITE, O_RDONLY);
}

static inline void fifo_pair(struct contract *c, struct weir_handle *reader,
                             struct weir_handle *writer)
{
    int peer = fifo_reader(c, reader);
    CHECK_EQ(weir_adopt(writer, c->loop, peer, 0), 0);
}

/* Sockets that were made elsewhere and are blocking: weir may not wait in a call on them either. */
static inline int blocking_peer(struct contract *c, struct weir_handle *handle)
{
    int ends[2];
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    CHECK_EQ(weir_adopt(handle, c->loop, ends[0], 0), 0);
    return ends[1];
}

static inline void blocking_pair(struct contract *c, struct weir_handle *a, struct weir_handle *b)
{
    CHECK_EQ(weir_adopt(b, c->loop, blocking_peer(c, a), 0), 0);
}

static const struct transport over_tcp = {contract_tcp_pair, contract_tcp_peer, contract_tcp_peer};
static const struct transport over_tcp6 = {tcp6_pair, tcp6_peer, tcp6_peer};
static const struct transport over_unix = {contract_unix_pair, contract_unix_peer,
                                           contract_unix_peer};
static const struct transport over_blocking = {blocking_pair, blocking_peer, blocking_peer};
static const struct transport over_pipe = {contract_pipe_pair, pipe_reader, pipe_writer};
static const struct transport over_fifo = {fifo_pair, fifo_reader, fifo_writer};

/* From run(c, transport), a case for each socket: name (TCP over IPv4), name_tcp6, name_unix,
 * name_blocking (a foreign blocking socket). */
#define OVER_SOCKETS(run)                                                                          \
    static void run##_over_tcp(struct contract *c)                                                 \
    {                                                                                              \
        run(c, &over_tcp);                                                                         \
    }                                                                                              \
    static void run##_over_tcp6(struct contract *c)                                                \
    {                                                                                              \
        run(c, &over_tcp6);                                                                        \
    }                                                                                              \
    static void run##_over_unix(struct contract *c)                                                \
    {                                                                                              \
        run(c, &over_unix);                                                                        \
    }                                                                                              \
    static void run##_over_blocking(struct contract *c)                                            \
    {                                                                                              \
        run(c, &over_blocking);                                                                    \
    }

/* And one for each pipe: name_pipe (foreign and blocking where the case has a plain end),
 * name_fifo. */
#define OVER_PIPES(run)                                                                            \
    static void run##_over_pipe(struct contract *c)                                                \
    {                                                                                              \
        run(c, &over_pipe);                                                                        \
    }                                                                                              \
    static void run##_over_fifo(struct contract *c)                                                \
    {                                                                                              \
        run(c, &over_fifo);                                                                        \
    }

#define OVER_ALL(run) OVER_SOCKETS(run) OVER_PIPES(run)

#define SOCKET_CASES(run, flags)                                                                   \
    {#run, run##_over_tcp, flags}, {#run "_tcp6", run##_over_tcp6, flags},                         \
        {#run "_unix", run##_over_unix, flags},                                                    \
    {                                                                                              \
#run "_blocking", run##_over_blocking, flags                                               \
    }
#define PIPE_CASES(run, flags)                                                                     \
    {#run "_pipe", run##_over_pipe, flags},                                                        \
    {                                                                                              \
#run "_fifo", run##_over_fifo, flags                                                       \
    }
#define ALL_CASES(run, flags) SOCKET_CASES(run, flags), PIPE_CASES(run, flags)

/* Small socket buffers, so that little data fills them, yet of more than a segment of loopback,
 * since TCP waits before it fills a smaller window; pipes have a fixed size. */
static inline void small_buffers(const struct weir_handle *handle)
{
    int fd = (int)weir_handle_os(handle), size = 131072;
    if (weir_handle_kind(handle) != WEIR_HANDLE_STREAM)
        return;
    CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size), 0);
}

/* A few turns that never wait, for ops that are to stay pending or need no waiting. */
static inline void some_turns(struct contract *c)
{
    for (int i = 0; i < 4; i++)
        CHECK(weir_run(c->loop, WEIR_NOWAIT) >= 0);
}

/* The loop still turns: a timer ends while whatever is pending stays so. */
static inline void loop_turns(struct contract *c)
{
    static struct weir_op timer;
    weir_timer(&timer, c->loop, WEIR_MILLISECOND, 0, contract_done);
    CHECK_EQ(contract_await(c, &timer), 0);
}

/* Starts an op and waits for its end: its result. */
static inline int64_t recv_now(struct contract *c, struct weir_handle *handle, void *data,
                               size_t length, unsigned flags)
{
    static struct weir_op op;
    weir_recv(&op, handle, data, length, flags, contract_done);
    return contract_await(c, &op);
}

static inline int64_t send_now(struct contract *c, struct weir_handle *handle, const void *data,
                               size_t length, unsigned flags)
{
    static struct weir_op op;
    weir_send(&op, handle, data, length, flags, contract_done);
    return contract_await(c, &op);
}

/* Receives until the stream ends; the bytes, which must be those of contract_fill() with `seed`. */
static inline uint64_t drain(struct contract *c, struct weir_handle *handle, unsigned seed)
{
    static unsigned char data[65536];
    uint64_t             at = 0;
    for (;;) {
        int64_t n = recv_now(c, handle, data, sizeof data, 0);
        CHECK(n >= 0);
        if (n == 0)
            return at;
        CHECK(contract_filled(data, (size_t)n, at, seed));
        at += (uint64_t)n;
    }
}

#endif
