/* SPDX-License-Identifier: MIT */
/* streams.c - how bytes move over sockets and pipes, and how a stream ends. */
#include "streams_transport.h"

/* ------------------------------------------------------------------------------------------------
 * Moving bytes
 * ---------------------------------------------------------------------------------------------- */

static void echo_1_byte(struct contract *c, const struct transport *transport)
{
    static struct weir_handle a, b;
    char                      byte = 0, back = 0;
    transport->pair(c, &a, &b);
    CHECK_EQ(send_now(c, &b, "x", 1, 0), 1);
    CHECK_EQ(recv_now(c, &a, &byte, 1, 0), 1);
    CHECK_EQ(byte, 'x');
    CHECK_EQ(send_now(c, &a, &byte, 1, 0), 1);
    CHECK_EQ(recv_now(c, &b, &back, 1, 0), 1);
    CHECK_EQ(back, 'x');
}
OVER_SOCKETS(echo_1_byte)

#define ECHO_PIECE 65536u

static struct {
    struct weir_handle client, server;
    struct weir_op     send, finish, serve, answer, collect;
    unsigned char      out[ECHO_PIECE], in[ECHO_PIECE], between[40000];
    uint64_t           total, sent, received, sent_hash, received_hash;
} echo;

static void echo_send_more(struct weir_op *op)
{
    size_t length = ECHO_PIECE;
    if (op) {
        CHECK_EQ(op->result, ECHO_PIECE);
        CHECK_EQ(op->error, 0);
    }
    if (echo.sent == echo.total) {
        weir_shutdown(&echo.finish, &echo.client, 0, contract_done);
        return;
    }
    contract_fill(echo.out, length, echo.sent, 7);
    echo.sent_hash = contract_hash(echo.sent_hash, echo.out, length);
    echo.sent += length;
    weir_send(&echo.send, &echo.client, echo.out, length, WEIR_ALL, echo_send_more);
}

static void echo_serve(struct weir_op *op);

static void echo_answered(struct weir_op *op)
{
    CHECK(op->result > 0);
    CHECK_EQ(op->error, 0);
    weir_recv(&echo.serve, &echo.server, echo.between, sizeof echo.between, 0, echo_serve);
}

static void echo_serve(struct weir_op *op)
{
    CHECK(op->result >= 0);
    if (op->result == 0)
        weir_shutdown(&echo.answer, &echo.server, 0, contract_done);
    else
        weir_send(&echo.answer, &echo.server, echo.between, (size_t)op->result, WEIR_ALL,
                  echo_answered);
}

static void echo_collect(struct weir_op *op)
{
    CHECK(op->result >= 0);
    if (op->result == 0)
        return;
    CHECK(contract_filled(echo.in, (size_t)op->result, echo.received, 7));
    echo.received_hash = contract_hash(echo.received_hash, echo.in, (size_t)op->result);
    echo.received += (uint64_t)op->result;
    weir_recv(&echo.collect, &echo.client, echo.in, sizeof echo.in, 0, echo_collect);
}

static void echo_64_MiB_hash(struct contract *c, const struct transport *transport)
{
    echo.total = (uint64_t)contract_count(1024) * ECHO_PIECE;
    transport->pair(c, &echo.client, &echo.server);
    weir_recv(&echo.serve, &echo.server, echo.between, sizeof echo.between, 0, echo_serve);
    weir_recv(&echo.collect, &echo.client, echo.in, sizeof echo.in, 0, echo_collect);
    echo_send_more(NULL);
    contract_run(c);
    CHECK_EQ(echo.sent, echo.total);
    CHECK_EQ(echo.received, echo.total);
    CHECK(echo.received_hash == echo.sent_hash);
}
OVER_SOCKETS(echo_64_MiB_hash)

/* What is there is told at once, though the buffer is longer; what does not fit stays. */
static void short_recv(struct contract *c, const struct transport *transport)
{
    static struct weir_handle a;
    int                       peer = transport->reader(c, &a);
    char                     *data = contract_buffer(c, 100);
    contract_raw_send(peer, "0123456789", 10);
    CHECK_EQ(recv_now(c, &a, data, 100, 0), 10);
    CHECK(memcmp(data, "0123456789", 10) == 0);
    CHECK_EQ((unsigned char)data[10], 0xa5);
    contract_raw_send(peer, "abcdefghij", 10);
    CHECK_EQ(recv_now(c, &a, data, 4, 0), 4);
    CHECK_EQ(recv_now(c, &a, data + 4, 96, 0), 6);
    CHECK(memcmp(data, "abcdefghij", 10) == 0);
    contract_raw_close(peer);
}
OVER_ALL(short_recv)

/* Without WEIR_ALL the count is what the system took, and exactly that reaches the peer. */
static void short_send(struct contract *c, const struct transport *transport)
{
    static struct weir_handle reader, writer;
    size_t                    length = (size_t)4 << 20;
    transport->pair(c, &reader, &writer);
    small_buffers(&reader);
    small_buffers(&writer);
    unsigned char *data = contract_buffer(c, length);
    contract_fill(data, length, 0, 3);
    int64_t sent = send_now(c, &writer, data, length, 0);
    CHECK(sent > 0);
    CHECK(sent < (int64_t)length);
    contract_close(c, &writer);
    CHECK_EQ(drain(c, &reader, 3), sent);
}
OVER_ALL(short_send)

static struct {
    struct weir_handle reader, writer;
    struct weir_op     send, recv;
    unsigned char     *data, piece[1000];
    uint64_t           received;
} slow;

static void slow_read(struct weir_op *op)
{
    CHECK(op->result > 0);
    CHECK(contract_filled(slow.piece, (size_t)op->result, slow.received, 5));
    slow.received += (uint64_t)op->result;
    if (contract_live(&slow.send) || slow.received < (uint64_t)slow.send.result)
        weir_recv(&slow.recv, &slow.reader, slow.piece, sizeof slow.piece, 0, slow_read);
}

static void send_all(struct contract *c, const struct transport *transport)
{
    size_t length = (size_t)contract_count(1024) * 1024 + 1048576;
    transport->pair(c, &slow.reader, &slow.writer);
    small_buffers(&slow.reader);
    small_buffers(&slow.writer);
    slow.data = contract_buffer(c, length);
    contract_fill(slow.data, length, 0, 5);
    contract_seal(c, slow.data);
    weir_send(&slow.send, &slow.writer, slow.data, length, WEIR_ALL, contract_done);
    weir_recv(&slow.recv, &slow.reader, slow.piece, sizeof slow.piece, 0, slow_read);
    contract_run(c);
    CHECK_RESULT(&slow.send, length);
    CHECK_EQ(slow.send.error, 0);
    CHECK_EQ(slow.received, length);
}
OVER_ALL(send_all)

#define PIECES 3000u /* about three times what one system call takes (IOV_MAX) */

static size_t cut(struct weir_buf *pieces, unsigned char *data, unsigned longest)
{
    size_t at = 0;
    for (unsigned i = 0; i < PIECES; i++) {
        pieces[i].data = data + at;
        pieces[i].length = i % (longest + 1);
        at += pieces[i].length;
    }
    return at;
}

static void vectored_over_IOV_MAX(struct contract *c, const struct transport *transport)
{
    static struct weir_handle reader, writer;
    static struct weir_buf    out[PIECES], in[PIECES];
    static unsigned char      sent[PIECES * 8], received[PIECES * 8];
    struct weir_op            send = {0}, recv = {0};
    size_t                    length = cut(out, sent, 6), room = cut(in, received, 7);
    CHECK(room > length);
    contract_fill(sent, length, 0, 11);
    transport->pair(c, &reader, &writer);
    weir_sendv(&send, &writer, out, PIECES, WEIR_ALL, contract_done);
    CHECK_EQ(contract_await(c, &send), length);
    CHECK_EQ(send.error, 0);
    contract_close(c, &writer);
    weir_recvv(&recv, &reader, in, PIECES, WEIR_ALL, contract_done);
    CHECK_EQ(contract_await(c, &recv), length);
    CHECK_EQ(recv.error, WEIR_EEOF);
    CHECK(contract_filled(received, length, 0, 11));
}
OVER_ALL(vectored_over_IOV_MAX)

/* Neither without WEIR_ALL: the first part moves, and its count is told. */
static void vectored_over_IOV_MAX_without_all(struct contract *c, const struct transport *transport)
{
    static struct weir_handle reader, writer;
    static struct weir_buf    out[PIECES], in[PIECES];
    static unsigned char      sent[PIECES * 8], received[PIECES * 8];
    struct weir_op            send = {0}, recv = {0};
    size_t                    length = cut(out, sent, 6);
    cut(in, received, 7);
    contract_fill(sent, length, 0, 12);
    transport->pair(c, &reader, &writer);
    weir_sendv(&send, &writer, out, PIECES, 0, contract_done);
    CHECK(contract_await(c, &send) > 0);
    CHECK(send.result <= (int64_t)length);
    weir_recvv(&recv, &reader, in, PIECES, 0, contract_done);
    CHECK(contract_await(c, &recv) > 0);
    CHECK(recv.result <= send.result);
    CHECK(contract_filled(received, (size_t)recv.result, 0, 12));
}
OVER_ALL(vectored_over_IOV_MAX_without_all)

/* It ends 0 without waiting, takes nothing and sends nothing. */
static void zero_length(struct contract *c, const struct transport *transport)
{
    static struct weir_handle reader, writer;
    struct weir_buf           empty = {NULL, 0};
    struct weir_op            op = {0};
    char                      byte = 0;
    transport->pair(c, &reader, &writer);
    CHECK_EQ(recv_now(c, &reader, &byte, 0, 0), 0);
    CHECK_EQ(recv_now(c, &reader, &byte, 0, WEIR_ALL), 0);
    CHECK_EQ(send_now(c, &writer, &byte, 0, 0), 0);
    CHECK_EQ(send_now(c, &writer, NULL, 0, WEIR_ALL), 0);
    weir_sendv(&op, &writer, &empty, 1, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 0);
    weir_recvv(&op, &reader, NULL, 0, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 0);
    CHECK_EQ(op.error, 0);
    CHECK_EQ(send_now(c, &writer, "q", 1, 0), 1);
    CHECK_EQ(recv_now(c, &reader, &byte, 0, 0), 0);
    CHECK_EQ(recv_now(c, &reader, &byte, 1, 0), 1);
    CHECK_EQ(byte, 'q');
}
OVER_ALL(zero_length)

/* A peer that sends no more, and then goes with bytes unread, ends what waits to be sent to it as
 * every send after that, whether the mechanism tries or blocks. */
static void unix_peer_that_goes_is_epipe(struct contract *c)
{
    static struct weir_handle a;
    struct weir_op            send = {0}, message = {0};
    char                      byte = 0;
    struct weir_buf           piece = {&byte, 1};
    struct weir_msg           msg = {.buffers = &piece, .count = 1};
    size_t                    length = (size_t)1 << 20;
    unsigned char            *data = contract_buffer(c, length);
    int                       peer = contract_unix_peer(c, &a);
    contract_raw_shutdown(peer);
    while (weir_try_send(&a, data, length, 0) > 0)
        continue;
    weir_send(&send, &a, data, length, WEIR_ALL, contract_done);
    weir_send_msg(&message, &a, &msg, 0, contract_done);
    loop_turns(c);
    contract_raw_close(peer);
    CHECK_EQ(contract_await(c, &send), WEIR_EPIPE);
    CHECK_EQ(send.error, WEIR_EPIPE);
    CHECK_EQ(contract_await(c, &message), WEIR_EPIPE);
}

/* What waits for room there is ended like anything else, by whom it was asked. */
static void unix_send_beside_a_half_close_ends(struct contract *c)
{
    static struct weir_handle a;
    struct weir_op            send = {0};
    size_t                    length = (size_t)1 << 20;
    unsigned char            *data = contract_buffer(c, length);
    int                       peer = contract_unix_peer(c, &a);
    contract_raw_shutdown(peer);
    while (weir_try_send(&a, data, length, 0) > 0)
        continue;
    for (int lap = 0; lap < 4; lap++) {
        weir_send(&send, &a, data, length, lap % 2 ? WEIR_ALL : 0, contract_done);
        loop_turns(c);
        if (lap < 2)
            CHECK_EQ(weir_cancel(&send), 0);
        else
            weir_deadline(&send, WEIR_MILLISECOND);
        CHECK_EQ(contract_await(c, &send), lap < 2 ? WEIR_ECANCELED : WEIR_EDEADLINE);
    }
    contract_raw_close(peer);
}

/* ------------------------------------------------------------------------------------------------
 * Both directions, and many ops
 * ---------------------------------------------------------------------------------------------- */

/* A pending receive does not hold up a send, and much moves in both directions at a time. */
static void recv_and_send_on_one_handle(struct contract *c, const struct transport *transport)
{
    static struct weir_handle a, b;
    struct weir_op            a_recv = {0}, a_send = {0}, b_recv = {0}, b_send = {0};
    size_t                    length = (size_t)contract_count(1024) * 1024;
    unsigned char            *out = contract_buffer(c, length), *to_a = contract_buffer(c, length);
    unsigned char            *to_b = contract_buffer(c, length);
    char                      byte = 0;
    contract_fill(out, length, 0, 21);
    transport->pair(c, &a, &b);
    weir_recv(&a_recv, &a, to_a, length, WEIR_ALL, contract_done);
    some_turns(c);
    CHECK(contract_live(&a_recv));
    CHECK_EQ(send_now(c, &a, "y", 1, 0), 1);
    CHECK_EQ(recv_now(c, &b, &byte, 1, 0), 1);
    CHECK_EQ(byte, 'y');
    weir_send(&a_send, &a, out, length, WEIR_ALL, contract_done);
    weir_recv(&b_recv, &b, to_b, length, WEIR_ALL, contract_done);
    weir_send(&b_send, &b, out, length, WEIR_ALL, contract_done);
    contract_run(c);
    CHECK_RESULT(&a_recv, length);
    CHECK_RESULT(&a_send, length);
    CHECK_RESULT(&b_recv, length);
    CHECK_RESULT(&b_send, length);
    CHECK(contract_filled(to_a, length, 0, 21));
    CHECK(contract_filled(to_b, length, 0, 21));
}
OVER_SOCKETS(recv_and_send_on_one_handle)

static struct weir_op ordered[2];
static unsigned       ordered_ended;

static void ends_in_order(struct weir_op *op)
{
    CHECK(op == &ordered[ordered_ended]);
    ordered_ended++;
}

static void two_recvs_on_one_handle_ordered(struct contract *c, const struct transport *transport)
{
    static struct weir_handle a;
    int                       peer = transport->reader(c, &a);
    char                      first[4], second[4];
    for (int round = 0; round < 50; round++) {
        ordered_ended = 0;
        weir_recv(&ordered[0], &a, first, 4, 0, ends_in_order);
        weir_recv(&ordered[1], &a, second, 4, 0, ends_in_order);
        if (round % 2)
            some_turns(c);
        contract_raw_send(peer, "onestwos", 8);
        contract_run(c);
        CHECK_EQ(ordered_ended, 2);
        CHECK_RESULT(&ordered[0], 4);
        CHECK_RESULT(&ordered[1], 4);
        CHECK(memcmp(first, "ones", 4) == 0);
        CHECK(memcmp(second, "twos", 4) == 0);
    }
    contract_raw_close(peer);
}
OVER_ALL(two_recvs_on_one_handle_ordered)

static void two_large_sends_not_interleaved(struct contract *c, const struct transport *transport)
{
    static struct weir_handle reader, writer;
    static struct weir_op     recv[2];
    size_t                    length = (size_t)1 << 20;
    unsigned char            *out[2], *in[2];
    transport->pair(c, &reader, &writer);
    small_buffers(&reader);
    small_buffers(&writer);
    for (unsigned i = 0; i < 2; i++) {
        out[i] = contract_buffer(c, length);
        in[i] = contract_buffer(c, length);
        contract_fill(out[i], length, 0, 31 + i);
        weir_send(&ordered[i], &writer, out[i], length, WEIR_ALL, ends_in_order);
    }
    for (unsigned i = 0; i < 2; i++)
        weir_recv(&recv[i], &reader, in[i], length, WEIR_ALL, contract_done);
    contract_run(c);
    for (unsigned i = 0; i < 2; i++) {
        CHECK_RESULT(&ordered[i], length);
        CHECK_RESULT(&recv[i], length);
        CHECK(contract_filled(in[i], length, 0, 31 + i));
    }
}
OVER_ALL(two_large_sends_not_interleaved)

#define WAITING 64u

/* A peer that does not read makes sends wait; weir stores none of their bytes. */
static void bounded_memory_backpressure(struct contract *c, const struct transport *transport)
{
    static struct weir_handle reader, writer;
    static struct weir_op     send[WAITING];
    size_t                    length = (size_t)128 << 10;
    unsigned char            *data = contract_buffer(c, length), *in = contract_buffer(c, length);
    unsigned                  live = 0;
    contract_fill(data, length, 0, 41);
    contract_seal(c, data);
    transport->pair(c, &reader, &writer);
    small_buffers(&reader);
    small_buffers(&writer);
    some_turns(c);
    uint64_t before = contract_heap().bytes;
    for (unsigned i = 0; i < WAITING; i++)
        weir_send(&send[i], &writer, data, length, WEIR_ALL, contract_done);
    for (int i = 0; i < 16; i++)
        some_turns(c);
    for (unsigned i = 0; i < WAITING; i++)
        live += contract_live(&send[i]);
    CHECK(live > WAITING / 2);
    CHECK(contract_heap().bytes < before + length);
    for (unsigned i = 0; i < WAITING; i++) {
        CHECK_EQ(recv_now(c, &reader, in, length, WEIR_ALL), length);
        CHECK(contract_filled(in, length, 0, 41));
    }
    contract_run(c);
    for (unsigned i = 0; i < WAITING; i++)
        CHECK_RESULT(&send[i], length);
}
OVER_ALL(bounded_memory_backpressure)

/* ------------------------------------------------------------------------------------------------
 * The end of a stream
 * ---------------------------------------------------------------------------------------------- */

static void end_one_side_first(struct contract *c, struct weir_handle *first,
                               struct weir_handle *second)
{
    struct weir_op op = {0};
    char           data[8];
    CHECK_EQ(send_now(c, first, "last", 4, 0), 4);
    weir_shutdown(&op, first, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 0);
    CHECK_EQ(recv_now(c, second, data, sizeof data, WEIR_ALL), 4);
    CHECK_EQ(recv_now(c, second, data, sizeof data, 0), 0);
    CHECK_EQ(send_now(c, second, "still", 5, 0), 5);
    CHECK_EQ(recv_now(c, first, data, 5, WEIR_ALL), 5);
    CHECK(memcmp(data, "still", 5) == 0);
    weir_shutdown(&op, second, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 0);
    CHECK_EQ(recv_now(c, first, data, sizeof data, 0), 0);
}

static void half_close_both_orders(struct contract *c, const struct transport *transport)
{
    static struct weir_handle a, b, d, e;
    transport->pair(c, &a, &b);
    end_one_side_first(c, &a, &b);
    transport->pair(c, &d, &e);
    end_one_side_first(c, &e, &d);
}
OVER_SOCKETS(half_close_both_orders)

static void eof_once_then_stable(struct contract *c, const struct transport *transport)
{
    static struct weir_handle a;
    struct weir_op            pending = {0};
    int                       peer = transport->reader(c, &a);
    char                      data[8];
    weir_recv(&pending, &a, data, sizeof data, 0, contract_done);
    some_turns(c);
    CHECK(contract_live(&pending));
    contract_raw_close(peer);
    CHECK_EQ(contract_await(c, &pending), 0);
    CHECK_EQ(contract_told(&pending), 1);
    for (int i = 0; i < 5; i++)
        CHECK_EQ(recv_now(c, &a, data, sizeof data, 0), 0);
}
OVER_ALL(eof_once_then_stable)

/* The end is told after the last byte, also where the mechanism tells both in one event. */
static void data_then_fin_drained_first(struct contract *c, const struct transport *transport)
{
    static struct weir_handle a;
    static unsigned char      data[30000], piece[777];
    struct weir_op            pending = {0};
    int                       peer = transport->reader(c, &a);
    uint64_t                  at = 0;
    contract_fill(data, sizeof data, 0, 51);
    weir_recv(&pending, &a, piece, sizeof piece, 0, contract_done);
    some_turns(c);
    contract_raw_send(peer, data, sizeof data);
    contract_raw_close(peer);
    for (;;) {
        int64_t n = contract_await(c, &pending);
        CHECK(n >= 0);
        if (n == 0)
            break;
        CHECK(contract_filled(piece, (size_t)n, at, 51));
        at += (uint64_t)n;
        weir_recv(&pending, &a, piece, sizeof piece, 0, contract_done);
    }
    CHECK_EQ(at, sizeof data);
}
OVER_ALL(data_then_fin_drained_first)

/* What was received before a reset is a prefix of what was sent; then the reset is told. */
static void data_then_reset(struct contract *c, struct weir_handle *a)
{
    static unsigned char piece[1000];
    uint64_t             at = 0;
    int64_t              n;
    while ((n = recv_now(c, a, piece, sizeof piece, 0)) > 0) {
        CHECK(contract_filled(piece, (size_t)n, at, 61));
        at += (uint64_t)n;
    }
    CHECK(at <= 10000);
    CHECK_EQ(n, WEIR_ECONNRESET);
}

static void data_then_rst_prefix(struct contract *c, const struct transport *transport)
{
    static struct weir_handle a;
    static unsigned char      data[10000];
    int                       peer = transport->reader(c, &a);
    contract_fill(data, sizeof data, 0, 61);
    contract_raw_send(peer, data, sizeof data);
    contract_raw_reset(peer);
    data_then_reset(c, &a);
}

static void data_then_rst_prefix_over_tcp(struct contract *c)
{
    data_then_rst_prefix(c, &over_tcp);
}

static void data_then_rst_prefix_over_tcp6(struct contract *c)
{
    data_then_rst_prefix(c, &over_tcp6);
}

/* A unix socket has no reset of its own: closing it with bytes unread is one. */
static void data_then_rst_prefix_over_unix(struct contract *c)
{
    static struct weir_handle a;
    static unsigned char      data[10000];
    int                       peer = contract_unix_peer(c, &a);
    contract_fill(data, sizeof data, 0, 61);
    CHECK_EQ(send_now(c, &a, "unread", 6, 0), 6);
    contract_raw_send(peer, data, sizeof data);
    contract_raw_close(peer);
    data_then_reset(c, &a);
}

static void rst_during_send(struct contract *c, const struct transport *transport)
{
    static struct weir_handle a;
    struct weir_op            send = {0};
    size_t                    length = (size_t)8 << 20;
    char                      byte;
    int                       peer = transport->writer(c, &a);
    small_buffers(&a);
    weir_send(&send, &a, contract_buffer(c, length), length, WEIR_ALL, contract_done);
    some_turns(c);
    contract_raw_recv(peer, &byte, 1);
    CHECK(contract_live(&send));
    contract_raw_reset(peer);
    CHECK(contract_await(c, &send) > 0);
    CHECK(send.result < (int64_t)length);
    CHECK_EQ(send.error, WEIR_ECONNRESET);
    CHECK_EQ(send_now(c, &a, "x", 1, 0), WEIR_EPIPE);
}

static void rst_during_send_over_tcp(struct contract *c)
{
    rst_during_send(c, &over_tcp);
}

static void rst_during_send_over_tcp6(struct contract *c)
{
    rst_during_send(c, &over_tcp6);
}

/* Closing at once after the last send ended loses nothing of it. */
struct tail {
    int    fd;
    size_t length;
};

static void *read_tail(void *argument)
{
    const struct tail *tail = argument;
    unsigned char     *data = malloc(tail->length + 1);
    char               more;
    CHECK(data != NULL);
    contract_raw_recv(tail->fd, data, tail->length);
    CHECK(contract_filled(data, tail->length, 0, 71));
    CHECK_EQ(contract_raw_recv_some(tail->fd, &more, 1), 0);
    free(data);
    return NULL;
}

static void close_handle(struct weir_op *op)
{
    CHECK_EQ(weir_close(op->handle, contract_closed), 0);
}

static void graceful_close_tail(struct contract *c, const struct transport *transport)
{
    static struct weir_handle a;
    struct tail               tail = {0, (size_t)contract_count(1024) * 1024};
    struct contract_thread    thread = {0};
    struct weir_op            send = {0};
    unsigned char            *data = contract_buffer(c, tail.length);
    contract_fill(data, tail.length, 0, 71);
    tail.fd = transport->writer(c, &a);
    contract_thread_start(&thread, read_tail, &tail);
    weir_send(&send, &a, data, tail.length, WEIR_ALL, close_handle);
    contract_run(c);
    CHECK_RESULT(&send, tail.length);
    CHECK_EQ(contract_closed_count(&a), 1);
    contract_thread_join(&thread);
    contract_raw_close(tail.fd);
}
OVER_SOCKETS(graceful_close_tail)

/* A receive of TCP stops before urgent data, and is short there: what comes behind is not left
 * behind. Of the urgent byte itself weir tells nothing. tcp(7), "Sockets API". */
static void urgent_data_leaves_nothing_behind(struct contract *c)
{
    struct weir_handle handle = {0};
    struct weir_op     recv = {0};
    char               bytes[64];
    int64_t            count = 0;
    int                peer = contract_tcp_peer(c, &handle);
    weir_recv(&recv, &handle, bytes, sizeof bytes, 0, contract_done);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    contract_raw_send(peer, "-", 1);
    CHECK_EQ(contract_await(c, &recv), 1);
    contract_raw_send(peer, "abc", 3);
    CHECK_EQ(send(peer, "!", 1, MSG_OOB | MSG_NOSIGNAL), 1);
    contract_raw_send(peer, "def", 3);
    while (count < 6) {
        weir_recv(&recv, &handle, bytes + count, sizeof bytes - 6, 0, contract_done);
        CHECK(contract_await(c, &recv) > 0);
        count += recv.result;
    }
    CHECK(!memcmp(bytes, "abcdef", 6));
    contract_close(c, &handle);
    contract_raw_close(peer);
}

static void zerocopy_or_plain_arrives(struct contract *c, const struct transport *transport)
{
    static struct weir_handle reader, writer;
    struct weir_op            send = {0}, recv = {0};
    size_t                    length = (size_t)contract_count(512) * 1024;
    unsigned char            *out = contract_buffer(c, length), *in = contract_buffer(c, length);
    contract_fill(out, length, 0, 17);
    transport->pair(c, &reader, &writer);
    weir_send(&send, &writer, out, length, WEIR_ALL | WEIR_ZEROCOPY, contract_done);
    weir_recv(&recv, &reader, in, length, WEIR_ALL, contract_done);
    contract_run(c);
    CHECK_RESULT(&send, length);
    CHECK_RESULT(&recv, length);
    CHECK(contract_filled(in, length, 0, 17));
}
OVER_SOCKETS(zerocopy_or_plain_arrives)

const struct contract_case contract_cases[] = {
    SOCKET_CASES(echo_1_byte, 0),
    SOCKET_CASES(echo_64_MiB_hash, CONTRACT_SLOW), /* slow: 128 MiB pass through loopback */
    ALL_CASES(short_recv, 0),
    ALL_CASES(short_send, 0),
    ALL_CASES(send_all, 0),
    ALL_CASES(vectored_over_IOV_MAX, 0),
    ALL_CASES(vectored_over_IOV_MAX_without_all, 0),
    ALL_CASES(zero_length, 0),
    {"unix_peer_that_goes_is_epipe", unix_peer_that_goes_is_epipe, 0},
    {"unix_send_beside_a_half_close_ends", unix_send_beside_a_half_close_ends, 0},
    SOCKET_CASES(recv_and_send_on_one_handle, 0),
    ALL_CASES(two_recvs_on_one_handle_ordered, 0),
    ALL_CASES(two_large_sends_not_interleaved, 0),
    ALL_CASES(bounded_memory_backpressure, 0),
    SOCKET_CASES(half_close_both_orders, 0),
    ALL_CASES(eof_once_then_stable, 0),
    ALL_CASES(data_then_fin_drained_first, 0),
    {"data_then_rst_prefix", data_then_rst_prefix_over_tcp, 0},
    {"data_then_rst_prefix_tcp6", data_then_rst_prefix_over_tcp6, 0},
    {"data_then_rst_prefix_unix", data_then_rst_prefix_over_unix, 0},
    {"rst_during_send", rst_during_send_over_tcp, 0},
    {"rst_during_send_tcp6", rst_during_send_over_tcp6, 0},
    SOCKET_CASES(graceful_close_tail, 0),
    SOCKET_CASES(zerocopy_or_plain_arrives, 0),
    {"urgent_data_leaves_nothing_behind", urgent_data_leaves_nothing_behind, 0},
    {0},
};
