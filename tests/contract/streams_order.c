/* SPDX-License-Identifier: MIT */
/* streams_order.c - the ops of one direction of one handle are done in the order they were started;
 * the two directions, and other handles, do not wait for them. */
#include "streams_transport.h"

#define OPS 96u
#define LAG 32u /* single bytes that any socket takes before they are read */

static struct {
    struct weir_handle reader, writer;
    struct weir_op     ops[OPS];
    struct weir_buf    pieces[OPS][2];
    unsigned           ended;
} queue;

static void queue_in_order(struct weir_op *op)
{
    CHECK(op == &queue.ops[queue.ended]);
    queue.ended++;
}

/* The nth op takes its bytes in one of four ways. */
static void start_recv(unsigned n, struct weir_handle *handle, unsigned char *data, size_t length)
{
    struct weir_op  *op = &queue.ops[n];
    struct weir_buf *pieces = queue.pieces[n];
    pieces[0] = (struct weir_buf){data, length / 2};
    pieces[1] = (struct weir_buf){data + length / 2, length - length / 2};
    switch (n % 4) {
    case 0:
        weir_recv(op, handle, data, length, WEIR_ALL, queue_in_order);
        break;
    case 1:
        weir_recvv(op, handle, pieces, 2, WEIR_ALL, queue_in_order);
        break;
    case 2:
        weir_read(op, handle, data, length, WEIR_STREAM, WEIR_ALL, queue_in_order);
        break;
    default:
        weir_readv(op, handle, pieces, 2, WEIR_STREAM, WEIR_ALL, queue_in_order);
    }
}

static void start_send(unsigned n, struct weir_handle *handle, unsigned char *data, size_t length)
{
    struct weir_op  *op = &queue.ops[n];
    struct weir_buf *pieces = queue.pieces[n];
    pieces[0] = (struct weir_buf){data, length / 2};
    pieces[1] = (struct weir_buf){data + length / 2, length - length / 2};
    switch (n % 4) {
    case 0:
        weir_send(op, handle, data, length, WEIR_ALL, queue_in_order);
        break;
    case 1:
        weir_sendv(op, handle, pieces, 2, WEIR_ALL, queue_in_order);
        break;
    case 2:
        weir_write(op, handle, data, length, WEIR_STREAM, WEIR_ALL, queue_in_order);
        break;
    default:
        weir_writev(op, handle, pieces, 2, WEIR_STREAM, WEIR_ALL, queue_in_order);
    }
}

static void recvs_of_every_kind_in_order(struct contract *c, const struct transport *transport)
{
    size_t         length = 5;
    unsigned char *data = contract_buffer(c, OPS * length), byte;
    int            peer = transport->reader(c, &queue.reader);
    for (unsigned n = 0; n < OPS; n++)
        start_recv(n, &queue.reader, data + n * length, length);
    for (unsigned at = 0; at < OPS * length; at++) {
        contract_fill(&byte, 1, at, 1);
        contract_raw_send(peer, &byte, 1);
        if (at % 7 == 0)
            some_turns(c);
        while (at > LAG && queue.ended < (at - LAG) / length)
            CHECK_EQ(weir_run(c->loop, WEIR_ONCE), 1);
    }
    contract_run(c);
    CHECK_EQ(queue.ended, OPS);
    for (unsigned n = 0; n < OPS; n++)
        CHECK_RESULT(&queue.ops[n], length);
    CHECK(contract_filled(data, OPS * length, 0, 1));
    contract_raw_close(peer);
}
OVER_ALL(recvs_of_every_kind_in_order)

static void sends_of_every_kind_in_order(struct contract *c, const struct transport *transport)
{
    size_t         length = 20011;
    unsigned char *data = contract_buffer(c, OPS * length);
    contract_fill(data, OPS * length, 0, 2);
    contract_seal(c, data);
    transport->pair(c, &queue.reader, &queue.writer);
    small_buffers(&queue.reader);
    small_buffers(&queue.writer);
    for (unsigned n = 0; n < OPS; n++)
        start_send(n, &queue.writer, data + n * length, length);
    static unsigned char in[30000];
    for (uint64_t at = 0; at < OPS * length;) {
        int64_t n = recv_now(c, &queue.reader, in, sizeof in, 0);
        CHECK(n > 0);
        CHECK(contract_filled(in, (size_t)n, at, 2));
        at += (uint64_t)n;
    }
    contract_run(c);
    CHECK_EQ(queue.ended, OPS);
    for (unsigned n = 0; n < OPS; n++)
        CHECK_RESULT(&queue.ops[n], length);
}
OVER_ALL(sends_of_every_kind_in_order)

/* An op that is cancelled in the queue takes nothing; those beside it go on as if it had never been
 * asked. */
static void cancelled_in_the_queue_takes_nothing(struct contract        *c,
                                                 const struct transport *transport)
{
    static struct weir_handle a;
    struct weir_op            recv[4] = {{0}};
    char                      data[4][2];
    int                       peer = transport->reader(c, &a);
    for (int i = 0; i < 4; i++)
        weir_recv(&recv[i], &a, data[i], 2, WEIR_ALL, contract_done);
    some_turns(c);
    CHECK_EQ(weir_cancel(&recv[1]), 0);
    weir_deadline(&recv[2], WEIR_MILLISECOND);
    CHECK_EQ(contract_await(c, &recv[1]), WEIR_ECANCELED);
    CHECK_EQ(contract_await(c, &recv[2]), WEIR_EDEADLINE);
    CHECK_EQ(recv[1].served, WEIR_SERVED_NOT);
    CHECK_EQ(recv[2].served, WEIR_SERVED_NOT);
    CHECK(contract_live(&recv[0]));
    contract_raw_send(peer, "abcd", 4);
    CHECK_EQ(contract_await(c, &recv[3]), 2);
    CHECK_RESULT(&recv[0], 2);
    CHECK(memcmp(data[0], "ab", 2) == 0);
    CHECK(memcmp(data[3], "cd", 2) == 0);
    contract_raw_close(peer);
}
OVER_ALL(cancelled_in_the_queue_takes_nothing)

/* Bytes come and the caller cancels before the loop has looked: what was taken by then is told,
 * with the reason that there is not more, and the stream goes on behind it. */
static void cancel_racing_bytes_loses_none(struct contract *c, const struct transport *transport)
{
    static struct weir_handle a;
    char                      data[12];
    int                       peer = transport->reader(c, &a);
    for (int i = 0; i < 20; i++) {
        struct weir_op recv = {0};
        weir_recv(&recv, &a, data, 10, WEIR_ALL, contract_done);
        some_turns(c);
        contract_raw_send(peer, "abcdef", 6);
        CHECK_EQ(weir_cancel(&recv), 0);
        int64_t taken = contract_await(c, &recv);
        CHECK(taken == WEIR_ECANCELED || (taken > 0 && taken <= 6));
        CHECK_EQ(recv.error, WEIR_ECANCELED);
        taken = taken < 0 ? 0 : taken;
        contract_raw_send(peer, "ghijkl", 6);
        CHECK_EQ(recv_now(c, &a, data + taken, (size_t)(12 - taken), WEIR_ALL), 12 - taken);
        CHECK(memcmp(data, "abcdefghijkl", 12) == 0);
    }
    contract_raw_close(peer);
}
OVER_ALL(cancel_racing_bytes_loses_none)

static struct {
    struct weir_handle first, second;
    struct weir_op     neighbour, recv;
    char               byte, data[12];
    int                cancelled;
} batch;

static void cancel_the_other(struct weir_op *op)
{
    CHECK_EQ(op->result, 1);
    batch.cancelled = weir_cancel(&batch.recv);
}

/* The same when the cancel comes from the callback of an op that ended in the same batch. */
static void cancel_in_one_batch_loses_none(struct contract *c, const struct transport *transport)
{
    int other = transport->reader(c, &batch.first), peer = transport->reader(c, &batch.second);
    for (int i = 0; i < 20; i++) {
        weir_recv(&batch.neighbour, &batch.first, &batch.byte, 1, 0, cancel_the_other);
        weir_recv(&batch.recv, &batch.second, batch.data, 10, WEIR_ALL, contract_done);
        some_turns(c);
        contract_raw_send(other, "x", 1);
        contract_raw_send(peer, "abcdef", 6);
        int64_t taken = contract_await(c, &batch.recv);
        CHECK_EQ(batch.cancelled, 0);
        CHECK(taken == WEIR_ECANCELED || (taken > 0 && taken <= 6));
        CHECK_EQ(batch.recv.error, WEIR_ECANCELED);
        taken = taken < 0 ? 0 : taken;
        contract_raw_send(peer, "ghijkl", 6);
        CHECK_EQ(recv_now(c, &batch.second, batch.data + taken, (size_t)(12 - taken), WEIR_ALL),
                 12 - taken);
        CHECK(memcmp(batch.data, "abcdefghijkl", 12) == 0);
    }
    contract_raw_close(other);
    contract_raw_close(peer);
}
OVER_ALL(cancel_in_one_batch_loses_none)

/* Bytes come, and the time is up, before the loop looks again: the deadline is not forgotten. */
static void deadline_racing_bytes_is_kept(struct contract *c, const struct transport *transport)
{
    static struct weir_handle a;
    char                      data[12];
    int                       peer = transport->reader(c, &a);
    for (int i = 0; i < 10; i++) {
        struct weir_op recv = {0};
        uint64_t       due = weir_now(c->loop) + WEIR_MILLISECOND;
        weir_recv(&recv, &a, data, 10, WEIR_ALL, contract_done);
        weir_deadline_at(&recv, due);
        CHECK(weir_run(c->loop, WEIR_NOWAIT) >= 0);
        contract_raw_send(peer, "abcdef", 6);
        while (weir_now(c->loop) <= due)
            contract_breathe();
        int64_t taken = contract_await(c, &recv);
        CHECK(taken == WEIR_EDEADLINE || (taken > 0 && taken <= 6));
        CHECK_EQ(recv.error, WEIR_EDEADLINE);
        taken = taken < 0 ? 0 : taken;
        contract_raw_send(peer, "ghijkl", 6);
        CHECK_EQ(recv_now(c, &a, data + taken, (size_t)(12 - taken), WEIR_ALL), 12 - taken);
        CHECK(memcmp(data, "abcdefghijkl", 12) == 0);
    }
    contract_raw_close(peer);
}
OVER_ALL(deadline_racing_bytes_is_kept)

static void close_the_other(struct weir_op *op)
{
    CHECK_EQ(op->result, 1);
    CHECK_EQ(weir_close(&batch.second, contract_closed), 0);
}

/* And when the handle is closed there: the op ends, then the handle. */
static void close_in_one_batch_ends_all(struct contract *c, const struct transport *transport)
{
    int other = transport->reader(c, &batch.first), peer = transport->reader(c, &batch.second);
    weir_recv(&batch.neighbour, &batch.first, &batch.byte, 1, 0, close_the_other);
    weir_recv(&batch.recv, &batch.second, batch.data, 10, WEIR_ALL, contract_done);
    some_turns(c);
    contract_raw_send(other, "x", 1);
    contract_raw_send(peer, "abcdef", 6);
    contract_run(c);
    CHECK(batch.recv.result == WEIR_ECANCELED || batch.recv.result == 6);
    CHECK_EQ(batch.recv.error, WEIR_ECANCELED);
    CHECK_EQ(contract_closed_count(&batch.second), 1);
    contract_raw_close(other);
    contract_raw_close(peer);
}
OVER_ALL(close_in_one_batch_ends_all)

/* What weir refuses, or has nothing to do for, is told in its turn like what the system refuses:
 * whoever counts the ends of a direction need not know who looked first. */
static void refused_recvs_take_their_turn(struct contract *c, const struct transport *transport)
{
    static struct weir_op apart[2];
    static char           data[4];
    struct weir_buf       empty = {data, 0};
    struct weir_msg       wrong = {.buffers = NULL, .count = 1};
    struct weir_stat      stat;
    int                   peer = transport->reader(c, &queue.reader);
    weir_recv(&queue.ops[0], &queue.reader, data, 2, WEIR_ALL, queue_in_order);
    weir_recv(&queue.ops[1], &queue.reader, data, 0, 0, queue_in_order);
    weir_recvv(&queue.ops[2], &queue.reader, &empty, 1, WEIR_ALL, queue_in_order);
    weir_recv(&queue.ops[3], &queue.reader, data, 1, 0x8000, queue_in_order);
    weir_recv(&queue.ops[4], &queue.reader, NULL, 1, 0, queue_in_order);
    weir_recvv(&queue.ops[5], &queue.reader, NULL, 2, 0, queue_in_order);
    weir_readv(&queue.ops[6], &queue.reader, &empty, 1, WEIR_STREAM, 0x8000, queue_in_order);
    weir_recv_msg(&queue.ops[7], &queue.reader, &wrong, 0, queue_in_order);
    weir_accept(&queue.ops[8], &queue.reader, NULL, 0, queue_in_order);
    weir_recv(&queue.ops[9], &queue.reader, data + 2, 2, WEIR_ALL, queue_in_order);
    /* What has no direction, or names a place, waits for nothing. */
    weir_read(&apart[0], &queue.reader, data, 1, 5, 0, contract_done);
    weir_fstat(&apart[1], &queue.reader, &stat, 0, contract_done);
    CHECK_EQ(contract_await(c, &apart[0]), WEIR_ESPIPE);
    CHECK_EQ(contract_await(c, &apart[1]), 0);
    CHECK_EQ(queue.ended, 0);
    contract_raw_send(peer, "abcd", 4);
    contract_run(c);
    CHECK_EQ(queue.ended, 10);
    CHECK_RESULT(&queue.ops[0], 2);
    for (int i = 1; i < 9; i++)
        CHECK_RESULT(&queue.ops[i], i < 3 ? 0 : WEIR_EINVAL);
    CHECK_RESULT(&queue.ops[9], 2);
    CHECK(memcmp(data, "abcd", 4) == 0);
    contract_raw_close(peer);
}
OVER_ALL(refused_recvs_take_their_turn)

static void refused_sends_take_their_turn(struct contract *c, const struct transport *transport)
{
    static unsigned char   received[65536];
    size_t                 length = (size_t)1 << 20;
    unsigned char         *data = contract_buffer(c, length);
    struct weir_msg        wrong = {.buffers = NULL, .count = 1};
    struct weir_copy_range range = {.to_offset = WEIR_STREAM, .length = 1};
    transport->pair(c, &queue.reader, &queue.writer);
    small_buffers(&queue.writer);
    weir_send(&queue.ops[0], &queue.writer, data, length, WEIR_ALL, queue_in_order);
    weir_send(&queue.ops[1], &queue.writer, data, 0, 0, queue_in_order);
    weir_sendv(&queue.ops[2], &queue.writer, NULL, 0, 0, queue_in_order);
    weir_send(&queue.ops[3], &queue.writer, data, 1, 0x8000, queue_in_order);
    weir_write(&queue.ops[4], &queue.writer, NULL, 1, WEIR_STREAM, 0, queue_in_order);
    weir_send_msg(&queue.ops[5], &queue.writer, &wrong, 0, queue_in_order);
    weir_connect(&queue.ops[6], &queue.writer, NULL, 16, 0, queue_in_order);
    weir_shutdown(&queue.ops[7], &queue.writer, WEIR_ALL, queue_in_order);
    weir_copy(&queue.ops[8], &queue.writer, &range, 0, queue_in_order);
    weir_copy(&queue.ops[9], &queue.writer, &range, 0x8000, queue_in_order);
    some_turns(c);
    CHECK_EQ(queue.ended, 0);
    for (uint64_t at = 0; at < length;)
        at += (uint64_t)recv_now(c, &queue.reader, received, sizeof received, 0);
    contract_run(c);
    CHECK_EQ(queue.ended, 10);
    CHECK_RESULT(&queue.ops[0], length);
    for (int i = 1; i < 10; i++)
        CHECK_RESULT(&queue.ops[i], i < 3 ? 0 : WEIR_EINVAL);
}
OVER_ALL(refused_sends_take_their_turn)

/* Until its turn comes it is asked to end like any other: it is not waited for then. */
static void refused_op_in_the_queue_can_be_ended(struct contract        *c,
                                                 const struct transport *transport)
{
    struct weir_op recv[4] = {{0}};
    char           byte;
    int            peer = transport->reader(c, &queue.reader);
    weir_recv(&recv[0], &queue.reader, &byte, 1, 0, contract_done);
    for (int i = 1; i < 4; i++)
        weir_recv(&recv[i], &queue.reader, NULL, 1, WEIR_ALL, contract_done);
    some_turns(c);
    CHECK_EQ(weir_cancel(&recv[1]), 0);
    weir_deadline(&recv[2], WEIR_MILLISECOND);
    CHECK_EQ(contract_await(c, &recv[1]), WEIR_ECANCELED);
    CHECK_EQ(contract_await(c, &recv[2]), WEIR_EDEADLINE);
    CHECK(contract_live(&recv[0]) && contract_live(&recv[3]));
    contract_raw_send(peer, "x", 1);
    CHECK_EQ(contract_await(c, &recv[3]), WEIR_EINVAL);
    CHECK_EQ(recv[3].error, WEIR_EINVAL);
    CHECK_EQ(recv[3].served, WEIR_SERVED_NOT);
    CHECK_RESULT(&recv[0], 1);
    contract_raw_close(peer);
}
OVER_ALL(refused_op_in_the_queue_can_be_ended)

/* The head of the queue is cancelled while the mechanism has it: the next takes its place. */
static void cancelled_head_makes_room(struct contract *c, const struct transport *transport)
{
    static struct weir_handle a;
    struct weir_op            recv[3] = {{0}};
    char                      data[3][2];
    int                       peer = transport->reader(c, &a);
    for (int i = 0; i < 3; i++)
        weir_recv(&recv[i], &a, data[i], 2, WEIR_ALL, contract_done);
    some_turns(c);
    CHECK_EQ(weir_cancel(&recv[0]), 0);
    CHECK_EQ(contract_await(c, &recv[0]), WEIR_ECANCELED);
    contract_raw_send(peer, "abcd", 4);
    CHECK_EQ(contract_await(c, &recv[2]), 2);
    CHECK_RESULT(&recv[1], 2);
    CHECK(memcmp(data[1], "ab", 2) == 0);
    CHECK(memcmp(data[2], "cd", 2) == 0);
    contract_raw_close(peer);
}
OVER_ALL(cancelled_head_makes_room)

static struct {
    struct weir_handle a;
    struct weir_op     first, second, third;
    char               data[3];
} chain;

static void chain_third(struct weir_op *op)
{
    (void)op;
    weir_recv(&chain.third, &chain.a, &chain.data[2], 1, 0, contract_done);
}

/* What a callback starts stands behind what was started before it, though data is there. */
static void started_in_a_callback_stands_last(struct contract *c, const struct transport *transport)
{
    int peer = transport->reader(c, &chain.a);
    weir_recv(&chain.first, &chain.a, &chain.data[0], 1, 0, chain_third);
    weir_recv(&chain.second, &chain.a, &chain.data[1], 1, 0, contract_done);
    contract_raw_send(peer, "123", 3);
    contract_run(c);
    CHECK(memcmp(chain.data, "123", 3) == 0);
    contract_raw_close(peer);
}
OVER_ALL(started_in_a_callback_stands_last)

static void recvs_queued_at_the_end_all_see_it(struct contract        *c,
                                               const struct transport *transport)
{
    unsigned char data[OPS];
    int           peer = transport->reader(c, &queue.reader);
    for (unsigned n = 0; n < OPS; n++)
        weir_recv(&queue.ops[n], &queue.reader, &data[n], 1, 0, queue_in_order);
    some_turns(c);
    contract_raw_send(peer, "abc", 3);
    contract_raw_close(peer);
    contract_run(c);
    CHECK_EQ(queue.ended, OPS);
    for (unsigned n = 0; n < OPS; n++)
        CHECK_RESULT(&queue.ops[n], n < 3 ? 1 : 0);
    CHECK(memcmp(data, "abc", 3) == 0);
}
OVER_ALL(recvs_queued_at_the_end_all_see_it)

/* Each queued op tells its own end when the stream breaks under them: the first the break, those
 * that were behind it that nobody reads. */
static void sends_queued_at_a_reset_all_end(struct contract *c, const struct transport *transport,
                                            void (*end)(int))
{
    size_t         length = (size_t)1 << 20;
    unsigned char *data = contract_buffer(c, length), byte;
    int            peer = transport->writer(c, &queue.writer);
    small_buffers(&queue.writer);
    for (unsigned n = 0; n < 8; n++)
        weir_send(&queue.ops[n], &queue.writer, data, length, WEIR_ALL, queue_in_order);
    weir_shutdown(&queue.ops[8], &queue.writer, 0, queue_in_order);
    some_turns(c);
    contract_raw_recv(peer, &byte, 1);
    end(peer);
    contract_run(c);
    CHECK_EQ(queue.ended, 9);
    CHECK(queue.ops[0].result > 0);
    CHECK(queue.ops[0].error == WEIR_ECONNRESET || queue.ops[0].error == WEIR_EPIPE);
    for (unsigned n = 1; n < 8; n++)
        CHECK_RESULT(&queue.ops[n], WEIR_EPIPE);
}

static void sends_queued_at_a_reset_all_end_over_tcp(struct contract *c)
{
    sends_queued_at_a_reset_all_end(c, &over_tcp, contract_raw_reset);
    CHECK_RESULT(&queue.ops[8], WEIR_ENOTCONN);
}

static void sends_queued_at_a_reset_all_end_over_unix(struct contract *c)
{
    sends_queued_at_a_reset_all_end(c, &over_unix, contract_raw_close);
}

static void sends_queued_at_a_reset_all_end_over_pipe(struct contract *c)
{
    sends_queued_at_a_reset_all_end(c, &over_pipe, contract_raw_close);
    CHECK_RESULT(&queue.ops[8], WEIR_ENOTSOCK);
}

static void send_behind_a_shutdown_is_epipe(struct contract *c, const struct transport *transport)
{
    char data[8];
    transport->pair(c, &queue.reader, &queue.writer);
    weir_send(&queue.ops[0], &queue.writer, "last", 4, 0, queue_in_order);
    weir_shutdown(&queue.ops[1], &queue.writer, 0, queue_in_order);
    weir_send(&queue.ops[2], &queue.writer, "late", 4, 0, queue_in_order);
    contract_run(c);
    CHECK_EQ(queue.ended, 3);
    CHECK_RESULT(&queue.ops[0], 4);
    CHECK_RESULT(&queue.ops[1], 0);
    CHECK_RESULT(&queue.ops[2], WEIR_EPIPE);
    CHECK_EQ(recv_now(c, &queue.reader, data, sizeof data, WEIR_ALL), 4);
    CHECK(memcmp(data, "last", 4) == 0);
}
OVER_SOCKETS(send_behind_a_shutdown_is_epipe)

/* A full out direction does not hold up the in direction, nor the other way round. */
static void directions_are_independent(struct contract *c, const struct transport *transport)
{
    static struct weir_handle a, b;
    struct weir_op            stuck = {0}, more = {0};
    size_t                    length = (size_t)2 << 20;
    unsigned char            *data = contract_buffer(c, length);
    char                      in[4];
    transport->pair(c, &a, &b);
    small_buffers(&a);
    small_buffers(&b);
    weir_send(&stuck, &a, data, length, WEIR_ALL, contract_done);
    CHECK_EQ(recv_now(c, &b, in, 1, 0), 1); /* a worker, too, has begun with it */
    some_turns(c);
    for (int i = 0; i < 10; i++) {
        weir_send(&more, &b, "ping", 4, 0, contract_done);
        CHECK_EQ(recv_now(c, &a, in, sizeof in, WEIR_ALL), 4);
        CHECK_EQ(contract_await(c, &more), 4);
        CHECK(contract_live(&stuck));
    }
    CHECK_EQ(weir_cancel(&stuck), 0);
    CHECK(contract_await(c, &stuck) > 0);
    CHECK_EQ(stuck.error, WEIR_ECANCELED);
}
OVER_SOCKETS(directions_are_independent)

/* Both directions wait and become ready before the loop looks again: neither is forgotten. */
static void both_directions_ready_at_once(struct contract *c, const struct transport *transport)
{
    static struct weir_handle a, b;
    static char               data[1 << 20], sink[1 << 20];
    struct weir_op            recv = {0}, send = {0};
    char                      in[4];
    transport->pair(c, &a, &b);
    small_buffers(&a);
    small_buffers(&b);
    for (int i = 0; i < 5; i++) {
        size_t  drained = 0;
        int64_t n;
        weir_send(&send, &a, data, sizeof data, WEIR_ALL, contract_done);
        weir_recv(&recv, &a, in, 4, WEIR_ALL, contract_done);
        some_turns(c);
        CHECK(contract_live(&send));
        CHECK(contract_live(&recv));
        while ((n = weir_try_recv(&b, sink, sizeof sink, 0)) > 0)
            drained += (size_t)n;
        CHECK_EQ(n, WEIR_EAGAIN);
        CHECK_EQ(weir_try_send(&b, "both", 4, 0), 4);
        CHECK_EQ(recv_now(c, &b, sink, sizeof sink - drained, WEIR_ALL), sizeof data - drained);
        CHECK_EQ(contract_await(c, &send), sizeof data);
        CHECK_EQ(contract_await(c, &recv), 4);
        CHECK(memcmp(in, "both", 4) == 0);
    }
}
OVER_SOCKETS(both_directions_ready_at_once)

#define BUSY_MOST 10000

static struct {
    struct weir_handle handle;
    struct weir_op     recv, quiet;
    char               byte;
    int                peer, turns;
} busy;

static void busy_again(struct weir_op *op)
{
    CHECK_EQ(op->result, 1);
    CHECK(++busy.turns < BUSY_MOST);
    if (!contract_live(&busy.quiet))
        return;
    contract_raw_send(busy.peer, "b", 1);
    weir_recv(&busy.recv, &busy.handle, &busy.byte, 1, 0, busy_again);
}

/* A stream whose next byte is always there already does not keep another from its turn. */
static void busy_stream_starves_nobody(struct contract *c, const struct transport *transport)
{
    static struct weir_handle quiet;
    char                      byte;
    int                       peer = transport->reader(c, &quiet);
    busy.peer = transport->reader(c, &busy.handle);
    weir_recv(&busy.quiet, &quiet, &byte, 1, 0, contract_done);
    some_turns(c);
    contract_raw_send(peer, "q", 1);
    contract_raw_send(busy.peer, "b", 1);
    weir_recv(&busy.recv, &busy.handle, &busy.byte, 1, 0, busy_again);
    contract_run(c);
    CHECK_RESULT(&busy.quiet, 1);
    contract_raw_close(peer);
    contract_raw_close(busy.peer);
}
OVER_ALL(busy_stream_starves_nobody)

#define STREAMS 32u

static struct flow {
    struct weir_handle reader, writer;
    struct weir_op     recv, send;
    unsigned char      in[64], out[64];
    unsigned           seed;
    uint64_t           sent, received, total;
} flows[STREAMS];

static void flow_send(struct weir_op *op);

static void flow_next(struct flow *flow)
{
    size_t length = 1 + (size_t)(flow->sent * 7 + flow->seed) % sizeof flow->out;
    if (flow->sent + length > flow->total)
        length = (size_t)(flow->total - flow->sent);
    if (length == 0) {
        CHECK_EQ(weir_close(&flow->writer, contract_closed), 0);
        return;
    }
    contract_fill(flow->out, length, flow->sent, flow->seed);
    weir_send(&flow->send, &flow->writer, flow->out, length, 0, flow_send);
}

static void flow_send(struct weir_op *op)
{
    struct flow *flow = weir_of(op, struct flow, send);
    CHECK(op->result > 0);
    flow->sent += (uint64_t)op->result;
    flow_next(flow);
}

static void flow_recv(struct weir_op *op)
{
    struct flow *flow = weir_of(op, struct flow, recv);
    CHECK(op->result >= 0);
    if (op->result == 0)
        return;
    CHECK(contract_filled(flow->in, (size_t)op->result, flow->received, flow->seed));
    flow->received += (uint64_t)op->result;
    weir_recv(op, &flow->reader, flow->in, sizeof flow->in, 0, flow_recv);
}

/* Many streams at a time, each whole and in order, each to its end. */
static void many_streams_each_in_order(struct contract *c, const struct transport *transport)
{
    for (unsigned i = 0; i < STREAMS; i++) {
        struct flow *flow = &flows[i];
        flow->seed = i;
        flow->total = (uint64_t)contract_count(2000) * (1 + i % 5);
        transport->pair(c, &flow->reader, &flow->writer);
        weir_recv(&flow->recv, &flow->reader, flow->in, sizeof flow->in, 0, flow_recv);
        flow_next(flow);
    }
    contract_run(c);
    for (unsigned i = 0; i < STREAMS; i++) {
        CHECK_EQ(flows[i].sent, flows[i].total);
        CHECK_EQ(flows[i].received, flows[i].total);
        CHECK_EQ(contract_closed_count(&flows[i].writer), 1);
    }
}
OVER_ALL(many_streams_each_in_order)

/* However many receives wait, the send that one of them waits for is made: an engine that had a
 * queue, and fewer to serve it than ops that wait, would stand still. */
static void waiting_receives_hold_up_no_send(struct contract *c)
{
    unsigned count = contract_count(200);
    count = count < 10 ? 10 : count;
    struct weir_handle *handles = calloc(2 * (size_t)count, sizeof *handles);
    struct weir_op     *recvs = calloc(count, sizeof *recvs), send = {0};
    char               *bytes = calloc(count, 1);
    CHECK(handles && recvs && bytes);
    for (unsigned i = 0; i < count; i++) {
        contract_unix_pair(c, &handles[2 * i], &handles[2 * i + 1]);
        weir_recv(&recvs[i], &handles[2 * i], &bytes[i], 1, 0, contract_done);
    }
    some_turns(c);
    for (unsigned i = count; i-- > 0;) {
        CHECK(contract_live(&recvs[i]));
        weir_send(&send, &handles[2 * i + 1], "x", 1, 0, contract_done);
        CHECK_EQ(contract_await(c, &recvs[i]), 1);
        CHECK_EQ(contract_await(c, &send), 1);
    }
    for (unsigned i = 0; i < 2 * count; i++)
        contract_close(c, &handles[i]);
    free(handles);
    free(recvs);
    free(bytes);
}

const struct contract_case contract_cases[] = {
    {"waiting_receives_hold_up_no_send", waiting_receives_hold_up_no_send, 0},
    ALL_CASES(recvs_of_every_kind_in_order, 0),
    ALL_CASES(sends_of_every_kind_in_order, 0),
    ALL_CASES(cancelled_in_the_queue_takes_nothing, 0),
    ALL_CASES(cancel_racing_bytes_loses_none, 0),
    ALL_CASES(cancel_in_one_batch_loses_none, 0),
    ALL_CASES(deadline_racing_bytes_is_kept, 0),
    ALL_CASES(close_in_one_batch_ends_all, 0),
    ALL_CASES(refused_recvs_take_their_turn, 0),
    ALL_CASES(refused_sends_take_their_turn, 0),
    ALL_CASES(refused_op_in_the_queue_can_be_ended, 0),
    ALL_CASES(cancelled_head_makes_room, 0),
    ALL_CASES(started_in_a_callback_stands_last, 0),
    ALL_CASES(recvs_queued_at_the_end_all_see_it, 0),
    {"sends_queued_at_a_reset_all_end", sends_queued_at_a_reset_all_end_over_tcp, 0},
    {"sends_queued_at_a_reset_all_end_unix", sends_queued_at_a_reset_all_end_over_unix, 0},
    {"sends_queued_at_a_reset_all_end_pipe", sends_queued_at_a_reset_all_end_over_pipe, 0},
    SOCKET_CASES(send_behind_a_shutdown_is_epipe, 0),
    SOCKET_CASES(directions_are_independent, 0),
    SOCKET_CASES(both_directions_ready_at_once, 0),
    ALL_CASES(busy_stream_starves_nobody, 0),
    ALL_CASES(many_streams_each_in_order, 0),
    {0},
};
