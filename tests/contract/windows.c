/* SPDX-License-Identifier: MIT */
/* windows.c - a network of the case's own with small packets, over which streams move through the
 * smallest buffers that the system gives: every transfer is cut into many, and loses no byte. */
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "contract.h"

/* The same words stand in skips.txt. */
#define NO_NAMESPACE "this process may not have a network namespace of its own"

#define PACKET 600 /* bytes, of a link; IPv4 asks for 68 */
#define STREAM 200000u
#define PIECE 7001u

/* A network of this process's own, whose loopback takes small packets only. It goes with the
 * process. */
static void enter_narrow_network(struct contract *c)
{
    struct ifreq loopback = {.ifr_name = "lo", .ifr_mtu = PACKET};
    if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
        SKIP(NO_NAMESPACE);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0);
    CHECK_EQ(ioctl(fd, SIOCSIFMTU, &loopback), 0);
    loopback.ifr_flags = IFF_UP;
    CHECK_EQ(ioctl(fd, SIOCSIFFLAGS, &loopback), 0);
    contract_raw_close(fd);
    CHECK_EQ(contract_open(c, &c->loop, NULL), 0);
}

static void narrow(struct weir_handle *handle)
{
    CHECK_EQ(weir_option_set(handle, WEIR_OPTION_RECEIVE_BUFFER, 1), 0);
    CHECK_EQ(weir_option_set(handle, WEIR_OPTION_SEND_BUFFER, 1), 0);
}

static void narrow_pair(struct contract *c, struct weir_handle *a, struct weir_handle *b)
{
    contract_tcp_pair(c, a, b);
    narrow(a);
    narrow(b);
}

static void leave(struct contract *c)
{
    contract_loop_close(c, c->loop);
    c->loop = NULL;
}

/* ------------------------------------------------------------------------------------------------
 * Streams
 * ---------------------------------------------------------------------------------------------- */

/* One way: what is sent in pieces of one length is received in pieces of another. */
struct way {
    struct weir_handle *from, *to;
    struct weir_op      send, recv;
    uint64_t            sent, received;
    size_t              take; /* bytes asked for at a time */
    unsigned            seed, sends, receives;
    bool                ended;
    unsigned char       out[PIECE], in[PIECE];
};

static void send_piece(struct weir_op *op)
{
    struct way *way = op->user;
    size_t      length = STREAM - way->sent < PIECE ? (size_t)(STREAM - way->sent) : PIECE;
    if (op->result < 0)
        CHECK_RESULT(op, 0);
    if (way->sent == STREAM) {
        weir_shutdown(op, way->from, 0, contract_done);
        return;
    }
    contract_fill(way->out, length, way->sent, way->seed);
    way->sent += length;
    way->sends++;
    weir_send(op, way->from, way->out, length, WEIR_ALL, send_piece);
}

static void receive_piece(struct weir_op *op)
{
    struct way *way = op->user;
    CHECK(op->result >= 0);
    if (op->result == 0) {
        way->ended = true;
        return;
    }
    CHECK(contract_filled(way->in, (size_t)op->result, way->received, way->seed));
    way->received += (uint64_t)op->result;
    way->receives++;
    weir_recv(op, way->to, way->in, way->take, 0, receive_piece);
}

static void way_begin(struct way *way, struct weir_handle *from, struct weir_handle *to,
                      unsigned seed, size_t take)
{
    *way = (struct way){.from = from, .to = to, .seed = seed, .take = take};
    way->send.user = way->recv.user = way;
    weir_recv(&way->recv, to, way->in, take, 0, receive_piece);
    send_piece(&way->send);
}

static void way_end(const struct way *way)
{
    CHECK_EQ(way->received, STREAM);
    CHECK(way->ended);
    CHECK(way->receives > STREAM / PIECE); /* the buffers were small indeed */
}

/* Both ways at once, on several streams beside each other. */
static void streams_through_small_windows(struct contract *c)
{
    enum { PAIRS = 3 };
    static struct weir_handle a[PAIRS], b[PAIRS];
    static struct way         ways[PAIRS][2];
    enter_narrow_network(c);
    for (int i = 0; i < PAIRS; i++)
        narrow_pair(c, &a[i], &b[i]);
    for (int i = 0; i < PAIRS; i++) {
        way_begin(&ways[i][0], &a[i], &b[i], 1 + (unsigned)i, PIECE);
        way_begin(&ways[i][1], &b[i], &a[i], 7 + (unsigned)i, 1000);
    }
    contract_run(c);
    for (int i = 0; i < PAIRS; i++) {
        way_end(&ways[i][0]);
        way_end(&ways[i][1]);
    }
    leave(c);
}

/* The reader rests, the window closes; it opens again, and the send goes on where it stood. */
static void closed_window_opens_again(struct contract *c)
{
    static unsigned char      data[STREAM], in[STREAM];
    static struct weir_handle a, b;
    struct weir_op            send = {0}, recv = {0}, rest = {0};
    enter_narrow_network(c);
    narrow_pair(c, &a, &b);
    contract_fill(data, STREAM, 0, 3);
    weir_send(&send, &a, data, STREAM, WEIR_ALL, contract_done);
    size_t at = 0;
    for (size_t take = STREAM / 8; at < STREAM; at += take) {
        weir_timer(&rest, c->loop, 5 * WEIR_MILLISECOND, 0, contract_done);
        CHECK_EQ(contract_await(c, &rest), 0);
        if (at + take < STREAM - 20000)
            CHECK(contract_live(&send));
        weir_recv(&recv, &b, in + at, take, WEIR_ALL, contract_done);
        CHECK_EQ(contract_await(c, &recv), take);
    }
    CHECK(contract_filled(in, STREAM, 0, 3));
    CHECK_EQ(contract_await(c, &send), STREAM);
    leave(c);
}

/* What a cancelled send told is what arrives, and not a byte more; on the other side what a
 * cancelled receive told is what is missing from the rest. */
static void cancelled_counts_are_true(struct contract *c)
{
    static unsigned char data[STREAM], in[STREAM];
    enter_narrow_network(c);
    contract_fill(data, STREAM, 0, 4);
    for (unsigned lap = 1; lap <= 4; lap++) {
        struct weir_handle a = {0}, b = {0};
        struct weir_op     send = {0}, recv = {0}, end = {0};
        narrow_pair(c, &a, &b);
        weir_send(&send, &a, data, STREAM, WEIR_ALL, contract_done);
        weir_recv(&recv, &b, in, lap * 12000, WEIR_ALL, contract_done);
        weir_timer(&end, c->loop, lap * 300 * WEIR_MICROSECOND, 0, contract_done);
        CHECK_EQ(contract_await(c, &end), 0);
        weir_cancel(lap % 2 ? &send : &recv);
        weir_cancel(lap % 2 ? &recv : &send);
        contract_await(c, &recv);
        contract_await(c, &send);
        CHECK(recv.result > 0 || recv.result == WEIR_ECANCELED);
        CHECK(send.result > 0 || send.result == WEIR_ECANCELED);
        size_t got = recv.result > 0 ? (size_t)recv.result : 0;
        size_t sent = send.result > 0 ? (size_t)send.result : 0;
        weir_shutdown(&end, &a, 0, contract_done);
        weir_recv(&recv, &b, in + got, STREAM - got, WEIR_ALL, contract_done);
        CHECK_EQ(contract_await(c, &recv), sent - got);
        CHECK_EQ(recv.error, WEIR_EEOF);
        CHECK(contract_filled(in, sent, 0, 4));
        contract_run(c);
        contract_close(c, &a);
        contract_close(c, &b);
    }
    leave(c);
}

/* Closing a handle whose bytes are with the system still: they arrive, through a window that is
 * almost shut. */
static void tail_of_a_close_arrives(struct contract *c)
{
    static unsigned char      data[STREAM], in[STREAM];
    static struct weir_handle a, b;
    struct weir_op            send = {0}, recv = {0};
    enter_narrow_network(c);
    contract_tcp_pair(c, &a, &b);
    CHECK_EQ(weir_option_set(&b, WEIR_OPTION_RECEIVE_BUFFER, 1), 0);
    contract_fill(data, STREAM, 0, 5);
    weir_send(&send, &a, data, STREAM, 0, contract_done);
    int64_t sent = contract_await(c, &send);
    CHECK(sent > 5000);
    contract_close(c, &a);
    weir_recv(&recv, &b, in, STREAM, WEIR_ALL, contract_done);
    CHECK_EQ(contract_await(c, &recv), sent);
    CHECK(contract_filled(in, (size_t)sent, 0, 5));
    leave(c);
}

/* ------------------------------------------------------------------------------------------------
 * Datagrams
 * ---------------------------------------------------------------------------------------------- */

static void datagram_pair(struct contract *c, struct weir_handle *a, struct weir_handle *b)
{
    struct weir_address address = contract_loopback(0);
    struct weir_op      connect = {0};
    CHECK_EQ(weir_socket(b, c->loop, AF_INET, SOCK_DGRAM, 0), 0);
    CHECK_EQ(weir_bind(b, address.data.bytes, address.length, 0), 0);
    CHECK_EQ(weir_local_address(b, &address), 0);
    CHECK_EQ(weir_socket(a, c->loop, AF_INET, SOCK_DGRAM, 0), 0);
    weir_connect(&connect, a, address.data.bytes, address.length, 0, contract_done);
    CHECK_EQ(contract_await(c, &connect), 0);
}

/* Larger ones than a packet are put together again; who forbids cutting is told. */
static void datagrams_over_small_packets(struct contract *c)
{
    static unsigned char data[9000], in[9000];
    struct weir_handle   a = {0}, b = {0};
    struct weir_op       send = {0}, recv = {0};
    enter_narrow_network(c);
    datagram_pair(c, &a, &b);
    for (size_t length = 1; length <= sizeof data; length = length * 3 + 1) {
        contract_fill(data, length, 0, (unsigned)length);
        weir_recv(&recv, &b, in, sizeof in, 0, contract_done);
        weir_send(&send, &a, data, length, 0, contract_done);
        CHECK_EQ(contract_await(c, &send), length);
        CHECK_EQ(contract_await(c, &recv), length);
        CHECK(contract_filled(in, length, 0, (unsigned)length));
    }
    CHECK_EQ(weir_option_set(&a, WEIR_OPTION_DONT_FRAGMENT, 1), 0);
    weir_send(&send, &a, data, 2 * PACKET, 0, contract_done);
    CHECK_EQ(contract_await(c, &send), WEIR_EMSGSIZE);
    weir_recv(&recv, &b, in, sizeof in, 0, contract_done);
    weir_send(&send, &a, data, PACKET / 2, 0, contract_done);
    CHECK_EQ(contract_await(c, &send), PACKET / 2);
    CHECK_EQ(contract_await(c, &recv), PACKET / 2);
    leave(c);
}

/* What the smallest buffer does not hold is dropped by the system, as a whole; what arrives is
 * whole, in order, and the socket goes on. */
static void datagrams_dropped_as_a_whole(struct contract *c)
{
    enum { COUNT = 200, LENGTH = 400 };
    unsigned char      data[LENGTH], in[LENGTH + 1];
    struct weir_handle a = {0}, b = {0};
    struct weir_op     send = {0}, recv = {0};
    int                arrived = 0, last = -1;
    enter_narrow_network(c);
    datagram_pair(c, &a, &b);
    narrow(&b);
    for (int i = 0; i < COUNT; i++) {
        contract_fill(data, LENGTH, 0, (unsigned)i);
        weir_send(&send, &a, data, LENGTH, 0, contract_done);
        CHECK_EQ(contract_await(c, &send), LENGTH);
    }
    while (contract_raw_readable((int)weir_handle_os(&b), 0)) {
        weir_recv(&recv, &b, in, sizeof in, 0, contract_done);
        CHECK_EQ(contract_await(c, &recv), LENGTH);
        arrived++;
        do
            CHECK(++last < COUNT);
        while (!contract_filled(in, LENGTH, 0, (unsigned)last));
    }
    CHECK(arrived > 0);
    CHECK(arrived < COUNT);
    weir_send(&send, &a, "x", 1, 0, contract_done);
    weir_recv(&recv, &b, in, sizeof in, 0, contract_done);
    CHECK_EQ(contract_await(c, &recv), 1);
    contract_run(c);
    leave(c);
}

/* Each opens its loop inside of its network. */
const struct contract_case contract_cases[] = {
    {"streams_through_small_windows", streams_through_small_windows, CONTRACT_OWN_LOOP},
    {"closed_window_opens_again", closed_window_opens_again, CONTRACT_OWN_LOOP},
    {"cancelled_counts_are_true", cancelled_counts_are_true, CONTRACT_OWN_LOOP},
    {"tail_of_a_close_arrives", tail_of_a_close_arrives, CONTRACT_OWN_LOOP},
    {"datagrams_over_small_packets", datagrams_over_small_packets, CONTRACT_OWN_LOOP},
    {"datagrams_dropped_as_a_whole", datagrams_dropped_as_a_whole, CONTRACT_OWN_LOOP},
    {0},
};
