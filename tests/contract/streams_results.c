/* SPDX-License-Identifier: MIT */
/* streams_results.c - what the calls on streams tell: counts, WEIR_ALL, the reasons of early ends,
 * peeking, trying, wrong arguments, and who served them. */
#include <sys/mman.h>

#include "streams_transport.h"

/* ------------------------------------------------------------------------------------------------
 * WEIR_ALL
 * ---------------------------------------------------------------------------------------------- */

static void recv_all_waits_for_every_byte(struct contract *c, const struct transport *transport)
{
    static struct weir_handle a;
    struct weir_op            recv = {0};
    char                     *data = contract_buffer(c, 10);
    int                       peer = transport->reader(c, &a);
    weir_recv(&recv, &a, data, 10, WEIR_ALL, contract_done);
    for (int i = 0; i < 9; i++) {
        contract_raw_send(peer, &"byte by b"[i], 1);
        some_turns(c);
        CHECK(contract_live(&recv));
    }
    contract_raw_send(peer, "yte", 3);
    CHECK_EQ(contract_await(c, &recv), 10);
    CHECK_EQ(recv.error, 0);
    CHECK(memcmp(data, "byte by by", 10) == 0);
    CHECK_EQ(recv_now(c, &a, data, 10, 0), 2);
    contract_raw_close(peer);
}
OVER_ALL(recv_all_waits_for_every_byte)

static void recv_all_tells_the_end(struct contract *c, const struct transport *transport)
{
    static struct weir_handle a;
    struct weir_op            recv = {0};
    char                      data[10];
    int                       peer = transport->reader(c, &a);
    weir_recv(&recv, &a, data, sizeof data, WEIR_ALL, contract_done);
    contract_raw_send(peer, "sixsix", 6);
    some_turns(c);
    contract_raw_close(peer);
    CHECK_EQ(contract_await(c, &recv), 6);
    CHECK_EQ(recv.error, WEIR_EEOF);
    CHECK(memcmp(data, "sixsix", 6) == 0);
    weir_recv(&recv, &a, data, sizeof data, WEIR_ALL, contract_done);
    CHECK_EQ(contract_await(c, &recv), 0);
    CHECK_EQ(recv.error, WEIR_EEOF);
    weir_recv(&recv, &a, data, sizeof data, 0, contract_done);
    CHECK_EQ(contract_await(c, &recv), 0);
    CHECK_EQ(recv.error, 0);
}
OVER_ALL(recv_all_tells_the_end)

static void recv_all_tells_the_reset(struct contract *c, const struct transport *transport)
{
    static struct weir_handle a;
    struct weir_op            recv = {0};
    char                      data[10];
    int                       peer = transport->reader(c, &a);
    weir_recv(&recv, &a, data, sizeof data, WEIR_ALL, contract_done);
    contract_raw_send(peer, "sixsix", 6);
    some_turns(c);
    contract_raw_reset(peer);
    CHECK_EQ(contract_await(c, &recv), 6);
    CHECK_EQ(recv.error, WEIR_ECONNRESET);
    CHECK(memcmp(data, "sixsix", 6) == 0);
}

static void recv_all_tells_the_reset_over_tcp(struct contract *c)
{
    recv_all_tells_the_reset(c, &over_tcp);
}

static void recv_all_tells_the_reset_over_tcp6(struct contract *c)
{
    recv_all_tells_the_reset(c, &over_tcp6);
}

/* When nothing moved, the reason is the result; for WEIR_ALL it stands in op->error as well. */
static void reset_before_any_byte(struct contract *c)
{
    static struct weir_handle a, b;
    struct weir_op            recv = {0};
    char                      data[10];
    int                       peer = contract_tcp_peer(c, &a);
    weir_recv(&recv, &a, data, sizeof data, WEIR_ALL, contract_done);
    some_turns(c);
    contract_raw_reset(peer);
    CHECK_EQ(contract_await(c, &recv), WEIR_ECONNRESET);
    CHECK_EQ(recv.error, WEIR_ECONNRESET);
    peer = contract_tcp_peer(c, &b);
    weir_recv(&recv, &b, data, sizeof data, 0, contract_done);
    some_turns(c);
    contract_raw_reset(peer);
    CHECK_EQ(contract_await(c, &recv), WEIR_ECONNRESET);
    CHECK_EQ(contract_told(&recv), 1);
}

/* An early end by the caller keeps what was moved, and the stream goes on with the next byte. */
static void end_early(struct contract *c, const struct transport *transport, bool by_deadline)
{
    static struct weir_handle a;
    struct weir_op            recv = {0};
    char                      data[10];
    int                       peer = transport->reader(c, &a);
    contract_raw_send(peer, "sixsix", 6);
    weir_recv(&recv, &a, data, sizeof data, WEIR_ALL, contract_done);
    some_turns(c);
    contract_until_taken(c, &a);
    if (by_deadline)
        weir_deadline(&recv, WEIR_MILLISECOND);
    else
        CHECK_EQ(weir_cancel(&recv), 0);
    CHECK_EQ(contract_await(c, &recv), 6);
    CHECK_EQ(recv.error, by_deadline ? WEIR_EDEADLINE : WEIR_ECANCELED);
    CHECK(memcmp(data, "sixsix", 6) == 0);
    contract_raw_send(peer, "seven", 5);
    CHECK_EQ(recv_now(c, &a, data, 5, WEIR_ALL), 5);
    CHECK(memcmp(data, "seven", 5) == 0);
    weir_recv(&recv, &a, data, sizeof data, 0, contract_done);
    if (by_deadline)
        weir_deadline(&recv, WEIR_MILLISECOND);
    else
        CHECK_EQ(weir_cancel(&recv), 0);
    CHECK_EQ(contract_await(c, &recv), by_deadline ? WEIR_EDEADLINE : WEIR_ECANCELED);
    contract_raw_send(peer, "8", 1);
    CHECK_EQ(recv_now(c, &a, data, sizeof data, 0), 1);
    contract_raw_close(peer);
}

static void recv_all_deadline_keeps_the_count(struct contract *c, const struct transport *transport)
{
    end_early(c, transport, true);
}
OVER_ALL(recv_all_deadline_keeps_the_count)

static void recv_all_cancel_keeps_the_count(struct contract *c, const struct transport *transport)
{
    end_early(c, transport, false);
}
OVER_ALL(recv_all_cancel_keeps_the_count)

static void send_all_deadline_keeps_the_count(struct contract *c, const struct transport *transport)
{
    static struct weir_handle reader, writer;
    struct weir_op            send = {0};
    size_t                    length = (size_t)4 << 20;
    unsigned char            *data = contract_buffer(c, length);
    contract_fill(data, length, 0, 3);
    transport->pair(c, &reader, &writer);
    small_buffers(&reader);
    small_buffers(&writer);
    weir_send(&send, &writer, data, length, WEIR_ALL, contract_done);
    contract_until_moved(c, (int)weir_handle_os(&reader));
    weir_deadline(&send, 20 * WEIR_MILLISECOND);
    CHECK(contract_await(c, &send) > 0);
    CHECK(send.result < (int64_t)length);
    CHECK_EQ(send.error, WEIR_EDEADLINE);
    contract_close(c, &writer);
    CHECK_EQ(drain(c, &reader, 3), send.result);
}
OVER_ALL(send_all_deadline_keeps_the_count)

/* ------------------------------------------------------------------------------------------------
 * Vectors, and reading and writing without an offset
 * ---------------------------------------------------------------------------------------------- */

static void vectors_move_in_order(struct contract *c, const struct transport *transport)
{
    static struct weir_handle reader, writer;
    struct weir_op            send = {0}, recv = {0};
    char                      out[] = "oneTWOthree", one[3], two[4], rest[8] = "";
    struct weir_buf from[] = {{out, 3}, {out + 3, 0}, {out + 3, 3}, {NULL, 0}, {out + 6, 5}};
    struct weir_buf to[] = {{NULL, 0}, {one, 3}, {one, 0}, {two, 4}, {rest, 8}};
    transport->pair(c, &reader, &writer);
    weir_sendv(&send, &writer, from, 5, WEIR_ALL, contract_done);
    CHECK_EQ(contract_await(c, &send), 11);
    CHECK_EQ(send.error, 0);
    weir_recvv(&recv, &reader, to, 5, 0, contract_done);
    CHECK_EQ(contract_await(c, &recv), 11);
    CHECK(memcmp(one, "one", 3) == 0);
    CHECK(memcmp(two, "TWOt", 4) == 0);
    CHECK(memcmp(rest, "hree\0", 5) == 0);
    weir_sendv(&send, &writer, from, 5, 0, contract_done);
    CHECK(contract_await(c, &send) > 0);
    contract_close(c, &writer);
    weir_recvv(&recv, &reader, to, 5, WEIR_ALL, contract_done);
    CHECK_EQ(contract_await(c, &recv), send.result);
    CHECK_EQ(recv.error, WEIR_EEOF);
    weir_recvv(&recv, &reader, to, 5, 0, contract_done);
    CHECK_EQ(contract_await(c, &recv), 0);
}
OVER_ALL(vectors_move_in_order)

static void stream_reads_are_recvs(struct contract *c, const struct transport *transport)
{
    static struct weir_handle reader, writer;
    struct weir_op            op = {0};
    char                      data[16];
    struct weir_buf out[] = {{(void *)(uintptr_t) "piece", 5}, {(void *)(uintptr_t) "s", 1}};
    struct weir_buf in[] = {{data, 2}, {data + 2, 8}};
    transport->pair(c, &reader, &writer);
    weir_write(&op, &writer, "written", 7, WEIR_STREAM, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 7);
    weir_read(&op, &reader, data, sizeof data, WEIR_STREAM, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 7);
    CHECK(memcmp(data, "written", 7) == 0);
    weir_writev(&op, &writer, out, 2, WEIR_STREAM, WEIR_ALL, contract_done);
    CHECK_EQ(contract_await(c, &op), 6);
    weir_readv(&op, &reader, in, 2, WEIR_STREAM, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 6);
    CHECK(memcmp(data, "pieces", 6) == 0);
    weir_write(&op, &writer, "tail", 4, WEIR_STREAM, WEIR_ALL, contract_done);
    CHECK_EQ(contract_await(c, &op), 4);
    contract_close(c, &writer);
    weir_read(&op, &reader, data, 10, WEIR_STREAM, WEIR_ALL, contract_done);
    CHECK_EQ(contract_await(c, &op), 4);
    CHECK_EQ(op.error, WEIR_EEOF);
    weir_readv(&op, &reader, in, 2, WEIR_STREAM, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 0);
}
OVER_ALL(stream_reads_are_recvs)

/* What has no position refuses one, and moves nothing. */
static void offset_on_a_stream_is_espipe(struct contract *c, const struct transport *transport)
{
    static struct weir_handle reader, writer;
    struct weir_op            op = {0};
    char                      data[4];
    struct weir_buf           piece = {data, sizeof data};
    transport->pair(c, &reader, &writer);
    CHECK_EQ(send_now(c, &writer, "kept", 4, 0), 4);
    weir_read(&op, &reader, data, 4, 0, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_ESPIPE);
    weir_readv(&op, &reader, &piece, 1, 1, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_ESPIPE);
    weir_write(&op, &writer, "lost", 4, 0, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_ESPIPE);
    weir_writev(&op, &writer, &piece, 1, 1, WEIR_ALL, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_ESPIPE);
    CHECK_EQ(recv_now(c, &reader, data, 4, 0), 4);
    CHECK(memcmp(data, "kept", 4) == 0);
    CHECK_EQ(weir_try_recv(&reader, data, 4, 0), WEIR_EAGAIN);
}
OVER_ALL(offset_on_a_stream_is_espipe)

/* ------------------------------------------------------------------------------------------------
 * Peeking and trying
 * ---------------------------------------------------------------------------------------------- */

static void peek_leaves_the_bytes(struct contract *c, const struct transport *transport)
{
    static struct weir_handle a;
    struct weir_op            peek = {0};
    char                      data[8];
    struct weir_buf           pieces[] = {{data, 2}, {data + 2, 6}};
    int                       peer = transport->reader(c, &a);
    weir_recv(&peek, &a, data, sizeof data, WEIR_PEEK, contract_done);
    some_turns(c);
    CHECK(contract_live(&peek));
    contract_raw_send(peer, "peek", 4);
    CHECK_EQ(contract_await(c, &peek), 4);
    CHECK(memcmp(data, "peek", 4) == 0);
    for (int i = 0; i < 3; i++) {
        memset(data, 0, sizeof data);
        weir_recvv(&peek, &a, pieces, 2, WEIR_PEEK, contract_done);
        CHECK_EQ(contract_await(c, &peek), 4);
        CHECK(memcmp(data, "peek", 4) == 0);
        CHECK_EQ(weir_try_recv(&a, data, 2, WEIR_PEEK), 2);
    }
    CHECK_EQ(recv_now(c, &a, data, sizeof data, 0), 4);
    CHECK(memcmp(data, "peek", 4) == 0);
    CHECK_EQ(weir_try_recv(&a, data, sizeof data, WEIR_PEEK), WEIR_EAGAIN);
    contract_raw_close(peer);
    CHECK_EQ(recv_now(c, &a, data, sizeof data, WEIR_PEEK), 0);
    CHECK_EQ(recv_now(c, &a, data, sizeof data, 0), 0);
}
OVER_SOCKETS(peek_leaves_the_bytes)

/* What stays cannot be gone on behind. */
static void peek_at_all_is_refused(struct contract *c, const struct transport *transport)
{
    static struct weir_handle a;
    struct weir_op            op = {0};
    char                      data[8];
    struct weir_buf           pieces[] = {{data, 2}, {data + 2, 6}};
    contract_raw_close(transport->reader(c, &a));
    CHECK_EQ(recv_now(c, &a, data, sizeof data, WEIR_PEEK | WEIR_ALL), WEIR_EINVAL);
    weir_recvv(&op, &a, pieces, 2, WEIR_PEEK | WEIR_ALL, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_EINVAL);
}
OVER_SOCKETS(peek_at_all_is_refused)

/* A pipe cannot be peeked into: that is told, and nothing is taken. */
static void peek_into_a_pipe_is_refused(struct contract *c, const struct transport *transport)
{
    static struct weir_handle a;
    char                      data[8];
    int                       peer = transport->reader(c, &a);
    contract_raw_send(peer, "kept", 4);
    CHECK_EQ(recv_now(c, &a, data, sizeof data, WEIR_PEEK), WEIR_ENOTSUP);
    CHECK_EQ(weir_try_recv(&a, data, sizeof data, WEIR_PEEK), WEIR_ENOTSUP);
    CHECK_EQ(recv_now(c, &a, data, sizeof data, 0), 4);
    contract_raw_close(peer);
}
OVER_PIPES(peek_into_a_pipe_is_refused)

static void try_recv_never_waits(struct contract *c, const struct transport *transport)
{
    static struct weir_handle a;
    struct weir_op            recv = {0};
    char                      data[8];
    int                       peer = transport->reader(c, &a);
    CHECK_EQ(weir_try_recv(&a, data, sizeof data, 0), WEIR_EAGAIN);
    contract_raw_send(peer, "abcdef", 6);
    CHECK_EQ(weir_try_recv(&a, data, 4, 0), 4);
    CHECK(memcmp(data, "abcd", 4) == 0);
    weir_recv(&recv, &a, data, sizeof data, 0, contract_done);
    CHECK_EQ(weir_try_recv(&a, data, sizeof data, 0), WEIR_EAGAIN);
    CHECK_EQ(contract_await(c, &recv), 2);
    CHECK(memcmp(data, "ef", 2) == 0);
    CHECK_EQ(weir_try_recv(&a, data, sizeof data, 0), WEIR_EAGAIN);
    weir_recv(&recv, &a, data, sizeof data, 0, contract_done);
    some_turns(c);
    contract_raw_send(peer, "mine", 4);
    CHECK_EQ(weir_try_recv(&a, data, sizeof data, 0), WEIR_EAGAIN);
    CHECK_EQ(contract_await(c, &recv), 4);
    contract_raw_close(peer);
    CHECK_EQ(weir_try_recv(&a, data, sizeof data, 0), 0);
    CHECK_EQ(weir_try_recv(&a, data, sizeof data, 0x80000000u), WEIR_EINVAL);
}
OVER_ALL(try_recv_never_waits)

static void try_send_never_waits(struct contract *c, const struct transport *transport)
{
    static struct weir_handle reader, writer;
    static unsigned char      data[5000], rest[1 << 20];
    struct weir_op            send = {0};
    uint64_t                  sent = 0;
    int64_t                   n;
    transport->pair(c, &reader, &writer);
    small_buffers(&reader);
    small_buffers(&writer);
    for (;;) {
        contract_fill(data, sizeof data, sent, 9);
        n = weir_try_send(&writer, data, sizeof data, 0);
        if (n < 0)
            break;
        CHECK(n > 0);
        sent += (uint64_t)n;
    }
    CHECK_EQ(n, WEIR_EAGAIN);
    contract_fill(rest, sizeof rest, sent, 9);
    weir_send(&send, &writer, rest, sizeof rest, WEIR_ALL, contract_done);
    CHECK_EQ(weir_try_send(&writer, "x", 1, 0), WEIR_EAGAIN);
    some_turns(c);
    CHECK_EQ(weir_try_send(&writer, "x", 1, 0), WEIR_EAGAIN);
    CHECK_EQ(weir_try_send(&writer, "x", 1, 0x80000000u), WEIR_EINVAL);
    for (uint64_t at = 0; at < sent + sizeof rest; at += (uint64_t)n) {
        n = recv_now(c, &reader, data, sizeof data, 0);
        CHECK(n > 0);
        CHECK(contract_filled(data, (size_t)n, at, 9));
    }
    CHECK_EQ(contract_await(c, &send), sizeof rest);
    CHECK_EQ(weir_try_send(&writer, "x", 1, 0), 1);
}
OVER_ALL(try_send_never_waits)

/* The directions do not stand in each other's way. */
static void try_send_beside_a_pending_recv(struct contract *c, const struct transport *transport)
{
    static struct weir_handle a;
    struct weir_op            recv = {0};
    char                      data[8];
    int                       peer = transport->reader(c, &a);
    weir_recv(&recv, &a, data, sizeof data, 0, contract_done);
    some_turns(c);
    CHECK_EQ(weir_try_send(&a, "out", 3, 0), 3);
    contract_raw_recv(peer, data, 3);
    CHECK(memcmp(data, "out", 3) == 0);
    contract_raw_close(peer);
    CHECK_EQ(contract_await(c, &recv), 0);
}
OVER_SOCKETS(try_send_beside_a_pending_recv)

static void try_on_a_handle_that_is_not_open(struct contract *c)
{
    static struct weir_handle never, a, b;
    char                      data[8];
    CHECK_EQ(weir_try_recv(&never, data, sizeof data, 0), WEIR_EBADF);
    CHECK_EQ(weir_try_send(&never, "x", 1, 0), WEIR_EBADF);
    contract_unix_pair(c, &a, &b);
    contract_close(c, &a);
    CHECK_EQ(weir_try_recv(&a, data, sizeof data, 0), WEIR_EBADF);
    CHECK_EQ(weir_try_send(&a, "x", 1, 0), WEIR_EBADF);
}

/* ------------------------------------------------------------------------------------------------
 * Shutdown
 * ---------------------------------------------------------------------------------------------- */

static struct weir_op queued[5];
static unsigned       queued_ended;

static void queued_in_order(struct weir_op *op)
{
    CHECK(op == &queued[queued_ended]);
    queued_ended++;
}

static void shutdown_after_queued_sends(struct contract *c, const struct transport *transport)
{
    static struct weir_handle a, b;
    size_t                    length = (size_t)256 * 1024;
    unsigned char            *data = contract_buffer(c, 4 * length);
    contract_fill(data, 4 * length, 0, 13);
    transport->pair(c, &a, &b);
    small_buffers(&a);
    small_buffers(&b);
    for (unsigned i = 0; i < 4; i++)
        weir_send(&queued[i], &b, data + i * length, length, WEIR_ALL, queued_in_order);
    weir_shutdown(&queued[4], &b, 0, queued_in_order);
    CHECK_EQ(drain(c, &a, 13), 4 * length);
    contract_run(c);
    CHECK_EQ(queued_ended, 5);
    for (unsigned i = 0; i < 4; i++)
        CHECK_RESULT(&queued[i], length);
    CHECK_RESULT(&queued[4], 0);
    weir_shutdown(&queued[0], &b, 0, contract_done);
    CHECK_EQ(contract_await(c, &queued[0]), 0);
    CHECK_EQ(send_now(c, &b, "x", 1, 0), WEIR_EPIPE);
    CHECK_EQ(send_now(c, &a, "back", 4, 0), 4);
    CHECK_EQ(recv_now(c, &b, data, 4, WEIR_ALL), 4);
}
OVER_SOCKETS(shutdown_after_queued_sends)

static void shutdown_of_what_has_no_peer(struct contract *c)
{
    static struct weir_handle a, b, socket;
    struct weir_op            op = {0};
    contract_pipe_pair(c, &a, &b);
    weir_shutdown(&op, &b, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_ENOTSOCK);
    CHECK_EQ(weir_socket(&socket, c->loop, AF_INET, SOCK_STREAM, 0), 0);
    weir_shutdown(&op, &socket, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_ENOTCONN);
}

/* ------------------------------------------------------------------------------------------------
 * Wrong arguments and wrong states
 * ---------------------------------------------------------------------------------------------- */

/* Starts the nth op of those that move bytes on a stream; false when there is none. */
static bool start_nth(unsigned n, struct weir_op *op, struct weir_handle *handle, unsigned flags)
{
    static char                  data[4];
    static const struct weir_buf piece = {data, sizeof data};
    switch (n) {
    case 0:
        weir_recv(op, handle, data, 4, flags, contract_done);
        return true;
    case 1:
        weir_recvv(op, handle, &piece, 1, flags, contract_done);
        return true;
    case 2:
        weir_read(op, handle, data, 4, WEIR_STREAM, flags, contract_done);
        return true;
    case 3:
        weir_readv(op, handle, &piece, 1, WEIR_STREAM, flags, contract_done);
        return true;
    case 4:
        weir_send(op, handle, data, 4, flags, contract_done);
        return true;
    case 5:
        weir_sendv(op, handle, &piece, 1, flags, contract_done);
        return true;
    case 6:
        weir_write(op, handle, data, 4, WEIR_STREAM, flags, contract_done);
        return true;
    case 7:
        weir_writev(op, handle, &piece, 1, WEIR_STREAM, flags, contract_done);
        return true;
    case 8:
        weir_shutdown(op, handle, flags, contract_done);
        return true;
    default:
        return false;
    }
}

static void unknown_flags_are_refused(struct contract *c, const struct transport *transport)
{
    /* None of these ops knows any of these flags. */
    static const unsigned     foreign[] = {0x80000000u,  0x00000200u,    WEIR_LEVEL,    WEIR_EDGE,
                                           WEIR_ONESHOT, WEIR_DATA_ONLY, WEIR_MULTISHOT};
    static struct weir_handle a, b;
    struct weir_op            op = {0};
    char                      data[4];
    transport->pair(c, &a, &b);
    CHECK_EQ(send_now(c, &b, "kept", 4, 0), 4);
    for (unsigned n = 0; n < 9; n++)
        for (unsigned i = 0; i < sizeof foreign / sizeof *foreign; i++) {
            CHECK(start_nth(n, &op, n < 4 ? &a : &b, foreign[i]));
            CHECK_EQ(contract_await(c, &op), WEIR_EINVAL);
            CHECK_EQ(op.served, WEIR_SERVED_NOT);
            CHECK_EQ(op.flags, foreign[i]);
        }
    CHECK(start_nth(4, &op, &b, WEIR_PEEK));
    CHECK_EQ(contract_await(c, &op), WEIR_EINVAL);
    CHECK(start_nth(0, &op, &a, WEIR_ZEROCOPY));
    CHECK_EQ(contract_await(c, &op), WEIR_EINVAL);
    CHECK(start_nth(8, &op, &b, WEIR_ALL));
    CHECK_EQ(contract_await(c, &op), WEIR_EINVAL);
    CHECK_EQ(recv_now(c, &a, data, 4, 0), 4);
    CHECK(memcmp(data, "kept", 4) == 0);
    CHECK_EQ(weir_try_recv(&a, data, 4, 0), WEIR_EAGAIN);
}
OVER_ALL(unknown_flags_are_refused)

static void ops_on_a_closing_handle_are_cancelled(struct contract        *c,
                                                  const struct transport *transport)
{
    static struct weir_handle a;
    static struct weir_op     ops[9];
    int                       peer = transport->reader(c, &a);
    CHECK_EQ(weir_close(&a, contract_closed), 0);
    for (unsigned n = 0; n < 9; n++)
        CHECK(start_nth(n, &ops[n], &a, 0));
    contract_run(c);
    for (unsigned n = 0; n < 9; n++) {
        CHECK_RESULT(&ops[n], WEIR_ECANCELED);
        CHECK_EQ(ops[n].served, WEIR_SERVED_NOT);
    }
    CHECK_EQ(contract_closed_count(&a), 1);
    contract_raw_close(peer);
}
OVER_ALL(ops_on_a_closing_handle_are_cancelled)

static void ops_on_a_closed_handle_are_ebadf(struct contract *c, const struct transport *transport)
{
    static struct weir_handle a;
    struct weir_op            op = {0};
    int                       peer = transport->reader(c, &a);
    contract_close(c, &a);
    for (unsigned n = 0; n < 9; n++) {
        CHECK(start_nth(n, &op, &a, 0));
        CHECK_EQ(contract_await(c, &op), WEIR_EBADF);
        CHECK_EQ(op.served, WEIR_SERVED_NOT);
    }
    contract_raw_close(peer);
}
OVER_ALL(ops_on_a_closed_handle_are_ebadf)

static void unconnected_sockets_say_so(struct contract *c)
{
    static struct weir_handle socket, listener;
    char                      data[4] = "none";
    CHECK_EQ(weir_socket(&socket, c->loop, AF_INET, SOCK_STREAM, 0), 0);
    CHECK_EQ(recv_now(c, &socket, data, 4, 0), WEIR_ENOTCONN);
    CHECK_EQ(send_now(c, &socket, data, 4, 0), WEIR_EPIPE);
    CHECK_EQ(weir_try_recv(&socket, data, 4, 0), WEIR_ENOTCONN);
    CHECK_EQ(weir_try_send(&socket, data, 4, 0), WEIR_EPIPE);
    contract_listen_any(c, &listener);
    CHECK_EQ(recv_now(c, &listener, data, 4, 0), WEIR_ENOTCONN);
}

/* Memory that is not the program's is an answer; the stream goes on as if nothing was asked. */
static void bad_memory_is_efault(struct contract *c, const struct transport *transport)
{
    static struct weir_handle reader, writer;
    struct weir_op            recv = {0};
    char                      data[4];
    void *forbidden = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    contract_needs("kernel that looks at addresses");
    CHECK(forbidden != MAP_FAILED);
    transport->pair(c, &reader, &writer);
    CHECK_EQ(send_now(c, &writer, forbidden, 4, 0), WEIR_EFAULT);
    weir_recv(&recv, &reader, forbidden, 4, 0, contract_done);
    some_turns(c);
    CHECK(contract_live(&recv));
    CHECK_EQ(send_now(c, &writer, "good", 4, 0), 4);
    CHECK_EQ(contract_await(c, &recv), WEIR_EFAULT);
    CHECK_EQ(recv_now(c, &reader, data, 4, 0), 4);
    CHECK(memcmp(data, "good", 4) == 0);
    CHECK_EQ(munmap(forbidden, 4096), 0);
}
OVER_ALL(bad_memory_is_efault)

/* A length that does not fit the kernel's fields is cut, never taken modulo 2^32. */
static void length_of_4_GiB(struct contract *c, const struct transport *transport)
{
    static struct weir_handle reader, writer;
    if (sizeof(size_t) < 8)
        SKIP("size_t has 32 bits");
    size_t length = (size_t)(UINT64_C(1) << 32);
    char  *room = mmap(NULL, length, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(room != MAP_FAILED);
    transport->pair(c, &reader, &writer);
    CHECK_EQ(send_now(c, &writer, "short", 5, 0), 5);
    CHECK_EQ(recv_now(c, &reader, room, length, 0), 5);
    CHECK(memcmp(room, "short", 5) == 0);
    CHECK(send_now(c, &writer, room, length, 0) > 0);
    CHECK(recv_now(c, &reader, room, length, 0) > 0);
    CHECK(memcmp(room, "short", 5) == 0);
    CHECK_EQ(munmap(room, length), 0);
}
OVER_ALL(length_of_4_GiB)

/* ------------------------------------------------------------------------------------------------
 * Who served it
 * ---------------------------------------------------------------------------------------------- */

/* Where the engine says that it waits in the kernel for readiness or for completion, an op that had
 * to wait says the same. */
static enum weir_served served_after_waiting(const struct contract *c)
{
    static struct weir_engine_info engines[32];
    int                            count = weir_engine_list(engines, 32);
    if (weir_query(c->engine, WEIR_OP_RECV, WEIR_HANDLE_STREAM) == WEIR_SUPPORT_EMULATED)
        return WEIR_SERVED_READY; /* its mechanism is for something else than streams */
    for (int i = 0; i < count && i < 32; i++)
        if (strcmp(engines[i].name, c->engine) == 0) {
            if (strcmp(engines[i].model, "readiness") == 0)
                return WEIR_SERVED_READY;
            if (strcmp(engines[i].model, "completion") == 0)
                return weir_query(c->engine, WEIR_OP_RECV, WEIR_HANDLE_STREAM) ==
                               WEIR_SUPPORT_NATIVE
                           ? WEIR_SERVED_KERNEL
                           : WEIR_SERVED_READY;
            return strcmp(engines[i].model, "threads") == 0 ? WEIR_SERVED_WORKER
                                                            : WEIR_SERVED_SIMULATED;
        }
    contract_fail(__FILE__, __LINE__, "the engine %s is not listed", c->engine);
}

static void served_is_told_truly(struct contract *c, const struct transport *transport)
{
    static struct weir_handle a;
    struct weir_stats         before, after;
    struct weir_op            recv = {0}, send = {0}, late = {0};
    enum weir_served          waited = served_after_waiting(c);
    char                      data[4];
    int                       peer = transport->reader(c, &a);
    weir_loop_stats(c->loop, &before);
    weir_recv(&recv, &a, data, 4, 0, contract_done);
    weir_recv(&late, &a, data, 4, 0, contract_done);
    contract_needs("mechanism that is always the same");
    some_turns(c);
    CHECK_EQ(weir_cancel(&late), 0);
    CHECK_EQ(contract_await(c, &late), WEIR_ECANCELED);
    CHECK_EQ(late.served, WEIR_SERVED_NOT);
    contract_raw_send(peer, "data", 4);
    CHECK_EQ(contract_await(c, &recv), 4);
    CHECK_EQ(recv.served, waited);
    weir_send(&send, &a, data, 4, 0, contract_done);
    CHECK_EQ(contract_await(c, &send), 4);
    CHECK(send.served == WEIR_SERVED_AT_ONCE || send.served == waited);
    weir_loop_stats(c->loop, &after);
    before.served[recv.served]++;
    before.served[send.served]++;
    before.served[late.served]++;
    for (unsigned i = 0; i < WEIR_SERVED_KINDS; i++)
        CHECK_EQ(after.served[i], before.served[i]);
    CHECK_EQ(after.ended, before.ended + 3);
    contract_raw_close(peer);
}
OVER_SOCKETS(served_is_told_truly)

const struct contract_case contract_cases[] = {
    ALL_CASES(recv_all_waits_for_every_byte, 0),
    ALL_CASES(recv_all_tells_the_end, 0),
    {"recv_all_tells_the_reset", recv_all_tells_the_reset_over_tcp, 0},
    {"recv_all_tells_the_reset_tcp6", recv_all_tells_the_reset_over_tcp6, 0},
    {"reset_before_any_byte", reset_before_any_byte, 0},
    ALL_CASES(recv_all_deadline_keeps_the_count, 0),
    ALL_CASES(recv_all_cancel_keeps_the_count, 0),
    ALL_CASES(send_all_deadline_keeps_the_count, 0),
    ALL_CASES(vectors_move_in_order, 0),
    ALL_CASES(stream_reads_are_recvs, 0),
    ALL_CASES(offset_on_a_stream_is_espipe, 0),
    SOCKET_CASES(peek_leaves_the_bytes, 0),
    SOCKET_CASES(peek_at_all_is_refused, 0),
    PIPE_CASES(peek_into_a_pipe_is_refused, 0),
    ALL_CASES(try_recv_never_waits, 0),
    ALL_CASES(try_send_never_waits, 0),
    SOCKET_CASES(try_send_beside_a_pending_recv, 0),
    {"try_on_a_handle_that_is_not_open", try_on_a_handle_that_is_not_open, 0},
    SOCKET_CASES(shutdown_after_queued_sends, 0),
    {"shutdown_of_what_has_no_peer", shutdown_of_what_has_no_peer, 0},
    ALL_CASES(unknown_flags_are_refused, 0),
    ALL_CASES(ops_on_a_closing_handle_are_cancelled, 0),
    ALL_CASES(ops_on_a_closed_handle_are_ebadf, 0),
    {"unconnected_sockets_say_so", unconnected_sockets_say_so, 0},
    ALL_CASES(bad_memory_is_efault, CONTRACT_NO_VALGRIND),
    ALL_CASES(length_of_4_GiB, 0),
    SOCKET_CASES(served_is_told_truly, 0),
    {0},
};
