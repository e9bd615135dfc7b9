/* SPDX-License-Identifier: MIT */
/* pool.c - receives into buffers of a pool: what they tell, whose the buffers are, and receives
 * that tell again and again. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "contract.h"

#define SIZE 1024u

static struct weir_pool *open_pool(struct contract *c, uint32_t count)
{
    struct weir_pool_options options = {.buffer_size = SIZE, .count = count};
    struct weir_pool        *pool = NULL;
    CHECK_EQ(weir_pool_open(&pool, c->loop, &options), 0);
    return pool;
}

static struct weir_pool_counts counts_of(const struct weir_pool *pool)
{
    struct weir_pool_counts counts;
    weir_pool_stats(pool, &counts);
    return counts;
}

/* The one piece that an op received, which must hold these bytes; it is given back. */
static void give_back(struct weir_pool *pool, const struct weir_op *op, const void *expected,
                      size_t length)
{
    struct weir_buf piece = {0};
    CHECK_RESULT(op, (int64_t)length);
    CHECK_EQ(weir_pooled(op, &piece, 1), 1);
    CHECK_EQ(piece.length, length);
    CHECK(memcmp(piece.data, expected, length) == 0);
    CHECK_EQ(weir_pool_give(pool, piece.data), 0);
}

/* ------------------------------------------------------------------------------------------------
 * One receive
 * ---------------------------------------------------------------------------------------------- */

static void receive_on(struct contract *c, struct weir_handle *handle, int peer)
{
    struct weir_pool *pool = open_pool(c, 2);
    struct weir_op    op = {0};
    for (int lap = 0; lap < 5; lap++) {
        weir_recv_pooled(&op, handle, pool, 0, contract_done);
        weir_run(c->loop, WEIR_NOWAIT);
        CHECK_EQ(write(peer, "hello", 5), 5);
        CHECK_EQ(contract_await(c, &op), 5);
        CHECK_EQ(op.more, 0);
        CHECK_EQ(counts_of(pool).out, 1);
        give_back(pool, &op, "hello", 5);
    }
    struct weir_pool_counts counts = counts_of(pool);
    CHECK_EQ(counts.taken, 5);
    CHECK_EQ(counts.given, 5);
    CHECK_EQ(counts.out, 0);
    CHECK_EQ(counts.out_most, 1);
    CHECK_EQ(counts.count, 2);
    CHECK_EQ(counts.waited + counts.grown, 0);
    CHECK_EQ(weir_pool_close(pool), 0);
}

static void received_is_in_a_buffer(struct contract *c)
{
    struct weir_handle tcp = {0}, local = {0}, reader = {0}, writer = {0};
    int                tcp_peer = contract_tcp_peer(c, &tcp);
    int                local_peer = contract_unix_peer(c, &local);
    receive_on(c, &tcp, tcp_peer);
    receive_on(c, &local, local_peer);
    contract_pipe_pair(c, &reader, &writer);
    receive_on(c, &reader, (int)weir_handle_os(&writer));
    contract_raw_close(tcp_peer);
    contract_raw_close(local_peer);
    contract_close(c, &tcp);
    contract_close(c, &local);
    contract_close(c, &reader);
    contract_close(c, &writer);
}

#define IDLE 40

/* Many wait with a pool of two, and none of them holds a buffer. */
static void who_waits_holds_none(struct contract *c)
{
    struct weir_handle handles[IDLE] = {{0}};
    struct weir_op     ops[IDLE] = {{0}};
    struct weir_pool  *pool = open_pool(c, 2);
    struct weir_buf    own[2];
    int                peers[IDLE];
    for (int i = 0; i < IDLE; i++) {
        peers[i] = contract_unix_peer(c, &handles[i]);
        weir_recv_pooled(&ops[i], &handles[i], pool, 0, contract_done);
    }
    for (int turns = 0; turns < 3; turns++)
        weir_run(c->loop, WEIR_NOWAIT);
    CHECK_EQ(counts_of(pool).out, 0);
    for (int i = 0; i < 2; i++)
        CHECK_EQ(weir_pool_take(pool, &own[i]), 0); /* both are there to be had */
    for (int i = 0; i < 2; i++)
        CHECK_EQ(weir_pool_give(pool, own[i].data), 0);
    for (int i = IDLE - 1; i >= 0; i--) {
        contract_raw_send(peers[i], &i, sizeof i);
        CHECK_EQ(contract_await(c, &ops[i]), sizeof i);
        give_back(pool, &ops[i], &i, sizeof i);
    }
    CHECK_EQ(counts_of(pool).out_most, 2);
    CHECK_EQ(weir_pool_close(pool), 0);
    for (int i = 0; i < IDLE; i++) {
        contract_raw_close(peers[i]);
        contract_close(c, &handles[i]);
    }
}

/* The end of a stream, an error, a cancel: nothing to give back. */
static bool is_readiness(const struct contract *c)
{
    static struct weir_engine_info engines[32];
    int                            count = weir_engine_list(engines, 32);
    for (int i = 0; i < count && i < 32; i++)
        if (strcmp(engines[i].name, c->engine) == 0)
            return strcmp(engines[i].model, "readiness") == 0;
    return false;
}

static void give_at_once(struct weir_op *op)
{
    give_back(op->user, op, "hello", 5);
}

/* However many are ready in one turn, what is given back in the callback serves the next: where
 * readiness is waited for, eight buffers at most are out; elsewhere one for each. */
static void readiness_holds_few_buffers(struct contract *c)
{
    enum { READY = 20, FEW = 8 };
    struct weir_pool         *pool = open_pool(c, READY);
    static struct weir_handle handles[READY];
    static struct weir_op     ops[READY];
    int                       peers[READY];
    for (int i = 0; i < READY; i++) {
        peers[i] = contract_unix_peer(c, &handles[i]);
        ops[i].user = pool;
        weir_recv_pooled(&ops[i], &handles[i], pool, 0, give_at_once);
        contract_raw_send(peers[i], "hello", 5);
    }
    for (int i = 0; i < READY; i++)
        CHECK_EQ(contract_await(c, &ops[i]), 5);
    CHECK_EQ(counts_of(pool).taken, READY);
    CHECK(counts_of(pool).out_most <= (is_readiness(c) ? FEW : READY));
    CHECK_EQ(weir_pool_close(pool), 0);
    for (int i = 0; i < READY; i++) {
        contract_raw_close(peers[i]);
        contract_close(c, &handles[i]);
    }
}

static void ends_hold_no_buffer(struct contract *c)
{
    struct weir_handle ended = {0}, reset = {0};
    struct weir_op     ops[3] = {{0}};
    struct weir_buf    piece;
    struct weir_pool  *pool = open_pool(c, 1);
    int                ended_peer = contract_tcp_peer(c, &ended);
    int                reset_peer = contract_tcp_peer(c, &reset);
    contract_raw_shutdown(ended_peer);
    contract_raw_reset(reset_peer);
    weir_recv_pooled(&ops[0], &ended, pool, 0, contract_done);
    weir_recv_pooled(&ops[1], &reset, pool, 0, contract_done);
    CHECK_EQ(contract_await(c, &ops[0]), 0);
    CHECK_EQ(contract_await(c, &ops[1]), WEIR_ECONNRESET);
    contract_raw_close(ended_peer);
    ended_peer = contract_unix_peer(c, (contract_close(c, &ended), &ended));
    weir_recv_pooled(&ops[2], &ended, pool, 0, contract_done);
    weir_run(c->loop, WEIR_NOWAIT);
    CHECK_EQ(weir_cancel(&ops[2]), 0);
    CHECK_EQ(contract_await(c, &ops[2]), WEIR_ECANCELED);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(weir_pooled(&ops[i], &piece, 1), 0);
    CHECK_EQ(counts_of(pool).taken, 0);
    CHECK_EQ(weir_pool_close(pool), 0);
    contract_raw_close(ended_peer);
    contract_close(c, &ended);
    contract_close(c, &reset);
}

/* More than a buffer holds comes by and by; the pieces go out again by one vectored send. */
static void pieces_are_sent_as_they_are(struct contract *c)
{
    enum { PIECES = 5 };
    struct weir_handle handle = {0};
    struct weir_op     ops[PIECES] = {{0}}, send = {0};
    struct weir_buf    pieces[PIECES];
    char               data[PIECES * SIZE], back[sizeof data];
    struct weir_pool  *pool = open_pool(c, PIECES);
    int                peer = contract_unix_peer(c, &handle);
    contract_fill(data, sizeof data, 0, 7);
    contract_raw_send(peer, data, sizeof data);
    for (int i = 0; i < PIECES; i++) {
        weir_recv_pooled(&ops[i], &handle, pool, 0, contract_done);
        CHECK_EQ(contract_await(c, &ops[i]), SIZE);
        CHECK_EQ(weir_pooled(&ops[i], NULL, 0), 1);
        CHECK_EQ(weir_pooled(&ops[i], &pieces[i], 1), 1);
    }
    weir_sendv(&send, &handle, pieces, PIECES, WEIR_ALL, contract_done);
    CHECK_EQ(contract_await(c, &send), (int64_t)sizeof data);
    contract_raw_recv(peer, back, sizeof back);
    CHECK(contract_filled(back, sizeof back, 0, 7));
    for (int i = 0; i < PIECES; i++)
        CHECK_EQ(weir_pool_give(pool, pieces[i].data), 0);
    CHECK_EQ(weir_pool_close(pool), 0);
    contract_raw_close(peer);
    contract_close(c, &handle);
}

/* Truncated: told. Empty: no end, and no buffer. */
static void datagrams_are_whole(struct contract *c)
{
    struct weir_handle handle = {0};
    struct weir_op     op = {0};
    char               large[SIZE + 1];
    int                ends[2];
    struct weir_pool  *pool = open_pool(c, 1);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends), 0);
    CHECK_EQ(weir_adopt(&handle, c->loop, ends[0], 0), 0);
    contract_fill(large, sizeof large, 0, 3);
    CHECK_EQ(send(ends[1], large, sizeof large, 0), (ssize_t)sizeof large);
    CHECK_EQ(send(ends[1], "", 0, 0), 0);
    CHECK_EQ(send(ends[1], "last", 4, 0), 4);
    weir_recv_pooled(&op, &handle, pool, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), SIZE);
    CHECK_EQ(op.told, WEIR_TOLD_TRUNCATED);
    give_back(pool, &op, large, SIZE);
    weir_recv_pooled(&op, &handle, pool, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 0);
    CHECK_EQ(weir_pooled(&op, NULL, 0), 0);
    CHECK_EQ(op.told, 0);
    weir_recv_pooled(&op, &handle, pool, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 4);
    give_back(pool, &op, "last", 4);
    CHECK_EQ(weir_pool_close(pool), 0);
    contract_raw_close(ends[1]);
    contract_close(c, &handle);
}

/* Whom it came from is in the message; the bytes are pooled. */
static void messages_are_told(struct contract *c)
{
    struct weir_handle  handle = {0}, sender = {0};
    struct weir_op      op = {0}, send = {0};
    struct weir_address at, from;
    struct weir_buf     word = {(void *)(uintptr_t) "message", 7};
    struct weir_msg     message = {.address = from.data.bytes, .address_room = sizeof from.data};
    struct weir_msg     out = {.buffers = &word, .count = 1};
    struct weir_pool   *pool = open_pool(c, 1);
    struct weir_address any = contract_loopback(0);
    CHECK_EQ(weir_socket(&handle, c->loop, AF_INET, SOCK_DGRAM, 0), 0);
    CHECK_EQ(weir_socket(&sender, c->loop, AF_INET, SOCK_DGRAM, 0), 0);
    CHECK_EQ(weir_bind(&handle, any.data.bytes, any.length, 0), 0);
    CHECK_EQ(weir_bind(&sender, any.data.bytes, any.length, 0), 0);
    CHECK_EQ(weir_local_address(&handle, &at), 0);
    out.address = at.data.bytes;
    out.address_length = at.length;
    for (int lap = 0; lap < 3; lap++) {
        memset(&from, 0, sizeof from);
        weir_recv_msg_pooled(&op, &handle, pool, &message, 0, contract_done);
        weir_send_msg(&send, &sender, &out, 0, contract_done);
        CHECK_EQ(contract_await(c, &op), 7);
        CHECK_EQ(contract_await(c, &send), 7);
        CHECK_EQ(message.result, 7);
        CHECK_EQ(message.told, 0);
        CHECK(message.buffers == NULL && message.count == 0);
        from.length = message.address_length;
        CHECK_EQ(weir_local_address(&sender, &at), 0);
        CHECK_EQ(from.length, at.length);
        CHECK(memcmp(&from.data, &at.data, at.length) == 0);
        CHECK_EQ(weir_local_address(&handle, &at), 0);
        give_back(pool, &op, "message", 7);
    }
    CHECK_EQ(weir_pool_close(pool), 0);
    contract_close(c, &handle);
    contract_close(c, &sender);
}

/* Told as by weir_recv_msg(): control data, and how much of it had no room. */
static void messages_bring_descriptors(struct contract *c)
{
    struct weir_handle handle = {0}, peer = {0};
    struct weir_op     op = {0}, send = {0};
    weir_os_handle     passed = contract_raw_listen(&(uint16_t){0}, 1), got = -1;
    struct weir_buf    byte = {(void *)(uintptr_t) "x", 1};
    uint64_t           out_room[8], in_room[8];
    struct weir_msg    out = {
           .buffers = &byte, .count = 1, .control = out_room, .control_room = sizeof out_room};
    struct weir_msg   in = {.control = in_room, .control_room = sizeof in_room};
    struct weir_pool *pool = open_pool(c, 1);
    contract_unix_pair(c, &handle, &peer);
    CHECK_EQ(weir_msg_put_handles(&out, &passed, 1), 1);
    weir_send_msg(&send, &peer, &out, 0, contract_done);
    weir_recv_msg_pooled(&op, &handle, pool, &in, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 1);
    CHECK_EQ(contract_await(c, &send), 1);
    CHECK_EQ(weir_msg_take_handles(&in, &got, 1), 1);
    CHECK(got >= 0 && got != passed);
    give_back(pool, &op, "x", 1);
    in.control = NULL;
    in.control_room = 0;
    weir_send_msg(&send, &peer, &out, 0, contract_done);
    weir_recv_msg_pooled(&op, &handle, pool, &in, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 1);
    CHECK_EQ(contract_await(c, &send), 1);
    CHECK_EQ(op.told, WEIR_TOLD_CONTROL_TRUNCATED);
    CHECK_EQ(in.told, WEIR_TOLD_CONTROL_TRUNCATED);
    give_back(pool, &op, "x", 1);
    CHECK_EQ(weir_pool_close(pool), 0);
    contract_raw_close((int)passed);
    contract_raw_close((int)got);
    contract_close(c, &handle);
    contract_close(c, &peer);
}

static void wrong_receives_are_refused(struct contract *c)
{
    struct weir_handle handle = {0}, file = {0}, reader = {0}, writer = {0};
    struct weir_op     ops[8] = {{0}};
    struct weir_msg    message = {0};
    struct weir_loop  *other = NULL;
    struct weir_pool  *pool = open_pool(c, 1), *foreign = NULL;
    int                peer = contract_unix_peer(c, &handle);
    contract_pipe_pair(c, &reader, &writer);
    CHECK_EQ(contract_open(c, &other, NULL), 0);
    CHECK_EQ(weir_pool_open(&foreign, other, NULL), 0);
    weir_open(&ops[0], c->loop, &file, contract_temp_file(c),
              WEIR_OPEN_READ | WEIR_OPEN_WRITE | WEIR_OPEN_CREATE, 0, contract_done);
    CHECK_EQ(contract_await(c, &ops[0]), 0);
    weir_recv_pooled(&ops[0], &handle, NULL, 0, contract_done);
    weir_recv_pooled(&ops[1], &handle, foreign, 0, contract_done);
    weir_recv_pooled(&ops[2], &handle, pool, WEIR_ALL, contract_done);
    weir_recv_pooled(&ops[3], &handle, pool, WEIR_MULTISHOT, NULL);
    weir_recv_msg_pooled(&ops[4], &handle, pool, NULL, 0, contract_done);
    weir_recv_pooled(&ops[5], &file, pool, 0, contract_done);
    weir_recv_msg_pooled(&ops[6], &reader, pool, &message, 0, contract_done);
    weir_recv_pooled(&ops[7], &writer, pool, 0, contract_done);
    contract_run(c);
    for (int i = 0; i < 5; i++)
        CHECK_EQ(ops[i].result, WEIR_EINVAL);
    CHECK_RESULT(&ops[5], WEIR_ENOTSUP);
    CHECK_RESULT(&ops[6], WEIR_ENOTSOCK);
    CHECK_RESULT(&ops[7], WEIR_EBADF);
    CHECK_EQ(weir_pool_close(pool), 0);
    contract_loop_close(c, other); /* and `foreign` with it */
    contract_raw_close(peer);
    contract_close(c, &handle);
    contract_close(c, &file);
    contract_close(c, &reader);
    contract_close(c, &writer);
}

/* A done() that keeps the piece, which op->user points at. */
static void keep_piece(struct weir_op *op)
{
    struct weir_buf *piece = op->user;
    *piece = (struct weir_buf){0};
    CHECK_EQ(weir_pooled(op, piece, 1), op->result > 0);
}

/* ------------------------------------------------------------------------------------------------
 * Again and again
 * ---------------------------------------------------------------------------------------------- */

/* What a multishot receive told; its buffers are given back at once unless it keeps them. */
struct stream {
    struct weir_pool *pool;
    struct weir_op    op;
    uint64_t          received;
    int               tellings, ends, stop_at;
    bool              keeps;
    void             *kept[64];
    int               kept_count;
};

static void told_some(struct weir_op *op)
{
    struct stream  *s = op->user;
    struct weir_buf piece;
    CHECK_EQ(s->ends, 0);
    s->ends += !op->more;
    if (op->result <= 0)
        return;
    CHECK_EQ(op->more, 1);
    s->tellings++;
    CHECK_EQ(weir_pooled(op, &piece, 1), 1);
    CHECK_EQ(piece.length, op->result);
    CHECK(contract_filled(piece.data, piece.length, s->received, 5));
    s->received += piece.length;
    if (s->keeps)
        s->kept[s->kept_count++] = piece.data;
    else
        CHECK_EQ(weir_pool_give(s->pool, piece.data), 0);
    if (s->tellings == s->stop_at)
        CHECK_EQ(weir_cancel(op), 0);
}

static void stream_begin(struct stream *s, struct weir_handle *handle, struct weir_pool *pool)
{
    s->pool = pool;
    s->op.user = s;
    weir_recv_pooled(&s->op, handle, pool, WEIR_MULTISHOT, told_some);
}

static void give_kept(struct stream *s, int most)
{
    while (s->kept_count && most--)
        CHECK_EQ(weir_pool_give(s->pool, s->kept[--s->kept_count]), 0);
}

static void send_part(int peer, uint64_t at, size_t length)
{
    char data[64 * 1024];
    contract_fill(data, length, at, 5);
    contract_raw_send(peer, data, length);
}

/* It goes on to the end of the stream, which comes last, once. */
static void multishot_goes_to_the_end(struct contract *c)
{
    struct stream      s = {0};
    struct weir_handle handle = {0};
    struct weir_pool  *pool = open_pool(c, 4);
    int                peer = contract_tcp_peer(c, &handle);
    uint64_t           sent = 0;
    stream_begin(&s, &handle, pool);
    for (size_t length = 1; length <= 16384; length *= 2) {
        send_part(peer, sent, length);
        sent += length;
        while (s.received < sent)
            weir_run(c->loop, WEIR_ONCE);
        CHECK_EQ(s.op.more, 1);
        CHECK(!weir_ended(&s.op));
    }
    contract_raw_shutdown(peer);
    CHECK_EQ(contract_await(c, &s.op), 0);
    CHECK_EQ(s.ends, 1);
    CHECK_EQ(s.received, sent);
    CHECK_EQ(counts_of(pool).out, 0);
    CHECK_EQ(weir_pool_close(pool), 0);
    contract_raw_close(peer);
    contract_close(c, &handle);
}

/* A cancel, from its own callback and from outside: one end, and what came before it is kept. */
static void multishot_one_last_on_recv(struct contract *c)
{
    struct stream      inside = {.stop_at = 2}, outside = {0};
    struct weir_handle a = {0}, b = {0};
    struct weir_pool  *pool = open_pool(c, 8);
    char               rest[64];
    int                a_peer = contract_tcp_peer(c, &a), b_peer = contract_unix_peer(c, &b);
    stream_begin(&inside, &a, pool);
    stream_begin(&outside, &b, pool);
    send_part(a_peer, 0, 4 * SIZE);
    send_part(b_peer, 0, 10);
    CHECK_EQ(contract_await(c, &inside.op), WEIR_ECANCELED);
    while (outside.received < 10)
        weir_run(c->loop, WEIR_ONCE);
    CHECK_EQ(weir_cancel(&outside.op), 0);
    CHECK_EQ(contract_await(c, &outside.op), WEIR_ECANCELED);
    CHECK_EQ(inside.ends, 1);
    CHECK_EQ(outside.ends, 1);
    /* Nothing was taken that was not told: the stream goes on where the tellings ended. */
    send_part(b_peer, 10, sizeof rest);
    weir_recv(&outside.op, &b, rest, sizeof rest, WEIR_ALL, contract_done);
    CHECK_EQ(contract_await(c, &outside.op), (int64_t)sizeof rest);
    CHECK(contract_filled(rest, sizeof rest, 10, 5));
    while (inside.received < 4 * SIZE) {
        size_t left = 4 * SIZE - (size_t)inside.received;
        weir_recv(&inside.op, &a, rest, left < sizeof rest ? left : sizeof rest, 0, contract_done);
        int64_t length = contract_await(c, &inside.op);
        CHECK(length > 0 && contract_filled(rest, (size_t)length, inside.received, 5));
        inside.received += (uint64_t)length;
    }
    CHECK_EQ(counts_of(pool).out, 0);
    CHECK_EQ(weir_pool_close(pool), 0);
    contract_raw_close(a_peer);
    contract_raw_close(b_peer);
    contract_close(c, &a);
    contract_close(c, &b);
}

/* Who keeps the buffers is told no more than there are; given back, it goes on, and its caller
 * never saw it stop. */
static void multishot_rearmed_unseen(struct contract *c)
{
    struct stream      s = {.keeps = true};
    struct weir_handle handle = {0};
    struct weir_pool  *pool = open_pool(c, 3);
    int                peer = contract_unix_peer(c, &handle);
    const uint64_t     all = 20 * SIZE;
    stream_begin(&s, &handle, pool);
    send_part(peer, 0, (size_t)all);
    while (s.received < all) {
        while (s.kept_count < 3 && s.received < all)
            weir_run(c->loop, WEIR_ONCE);
        for (int turns = 0; turns < 4; turns++)
            weir_run(c->loop, WEIR_NOWAIT);
        while (!counts_of(pool).waited) { /* there is more than three hold, which it comes to see */
            weir_run(c->loop, WEIR_NOWAIT);
            contract_breathe();
        }
        CHECK(s.kept_count <= 3);
        CHECK_EQ(s.ends, 0);
        CHECK(counts_of(pool).out <= 3);
        give_kept(&s, s.tellings % 3 + 1);
    }
    give_kept(&s, 3);
    contract_raw_close(peer);
    CHECK_EQ(contract_await(c, &s.op), 0);
    CHECK_EQ(s.ends, 1);
    CHECK_EQ(counts_of(pool).out, 0);
    CHECK_EQ(weir_pool_close(pool), 0);
    contract_close(c, &handle);
}

/* A slow one holds the pool's memory and no more: its peer is stopped by the system. */
static void multishot_is_paced(struct contract *c)
{
    struct stream        s = {.keeps = true};
    struct weir_handle   handle = {0};
    struct weir_pool    *pool = open_pool(c, 4);
    char                 data[4096];
    int                  peer = contract_unix_peer(c, &handle);
    uint64_t             sent = 0;
    struct contract_heap before = contract_heap();
    stream_begin(&s, &handle, pool);
    for (int full = 0; full < 20 || s.kept_count < 4;) { /* whoever receives comes to it */
        contract_fill(data, sizeof data, sent, 5);
        ssize_t length = send(peer, data, sizeof data, MSG_DONTWAIT | MSG_NOSIGNAL);
        sent += length > 0 ? (uint64_t)length : 0;
        full = length > 0 ? 0 : full + 1;
        weir_run(c->loop, WEIR_NOWAIT);
        if (length <= 0)
            contract_breathe();
    }
    CHECK_EQ(s.kept_count, 4);
    CHECK_EQ(s.received, 4 * SIZE);
    CHECK(contract_heap().bytes - before.bytes < 4 * SIZE + 65536);
    s.keeps = false;
    give_kept(&s, 4);
    while (s.received < sent)
        weir_run(c->loop, WEIR_ONCE);
    contract_raw_close(peer);
    CHECK_EQ(contract_await(c, &s.op), 0);
    CHECK_EQ(weir_pool_close(pool), 0);
    contract_close(c, &handle);
}

/* Each is told, the empty one too, and it goes on. */
static void multishot_datagrams(struct contract *c)
{
    struct weir_handle handle = {0};
    struct weir_buf    piece = {0};
    struct weir_op     op = {.user = &piece};
    int                ends[2];
    struct weir_pool  *pool = open_pool(c, 2);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends), 0);
    CHECK_EQ(weir_adopt(&handle, c->loop, ends[0], 0), 0);
    weir_recv_pooled(&op, &handle, pool, WEIR_MULTISHOT, keep_piece);
    for (unsigned length = 0; length < 20; length++) {
        unsigned told = contract_told(&op);
        CHECK_EQ(send(ends[1], "01234567890123456789", length % 7, 0), length % 7);
        while (contract_told(&op) == told)
            weir_run(c->loop, WEIR_ONCE);
        CHECK_EQ(contract_told(&op), told + 1);
        CHECK_EQ(op.result, length % 7);
        CHECK_EQ(piece.length, length % 7);
        if (piece.data)
            CHECK_EQ(weir_pool_give(pool, piece.data), 0);
    }
    CHECK_EQ(weir_cancel(&op), 0);
    CHECK_EQ(contract_await(c, &op), WEIR_ECANCELED);
    CHECK_EQ(weir_pool_close(pool), 0);
    contract_raw_close(ends[1]);
    contract_close(c, &handle);
}

/* A socket of messages with an end says it once. */
static void multishot_ends_with_its_messages(struct contract *c)
{
    struct weir_handle handle = {0};
    struct weir_buf    piece = {0};
    struct weir_op     op = {.user = &piece};
    struct weir_msg    message = {0};
    int                ends[2];
    struct weir_pool  *pool = open_pool(c, 2);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    CHECK_EQ(weir_adopt(&handle, c->loop, ends[0], 0), 0);
    CHECK_EQ(send(ends[1], "one", 3, 0), 3);
    weir_recv_msg_pooled(&op, &handle, pool, &message, WEIR_MULTISHOT, keep_piece);
    while (!contract_told(&op))
        weir_run(c->loop, WEIR_ONCE);
    CHECK_EQ(op.result, 3);
    CHECK_EQ(message.result, 3);
    CHECK_EQ(op.more, 1);
    CHECK_EQ(weir_pool_give(pool, piece.data), 0);
    contract_raw_close(ends[1]);
    CHECK_EQ(contract_await(c, &op), 0);
    CHECK_EQ(contract_told(&op), 2);
    CHECK_EQ(weir_pool_close(pool), 0);
    contract_close(c, &handle);
}

/* Its handle is closed in its callback: it ends, on_closed comes, and nothing is lost or leaked. */
static void close_in(struct weir_op *op)
{
    struct stream  *s = op->user;
    struct weir_buf piece;
    s->tellings++;
    s->ends += !op->more;
    if (weir_pooled(op, &piece, 1))
        CHECK_EQ(weir_pool_give(s->pool, piece.data), 0);
    weir_close(op->handle, contract_closed);
}

static void multishot_ends_with_its_handle(struct contract *c)
{
    struct weir_handle handle = {0};
    struct stream      s = {0};
    struct weir_pool  *pool = open_pool(c, 4);
    int                peer = contract_tcp_peer(c, &handle);
    s.pool = pool;
    s.op.user = &s;
    weir_recv_pooled(&s.op, &handle, pool, WEIR_MULTISHOT, close_in);
    send_part(peer, 0, 3 * SIZE);
    contract_run(c);
    CHECK_EQ(s.ends, 1);
    CHECK(s.tellings >= 2);
    CHECK_RESULT(&s.op, WEIR_ECANCELED);
    CHECK_EQ(contract_closed_count(&handle), 1);
    CHECK_EQ(counts_of(pool).out, 0);
    CHECK_EQ(weir_pool_close(pool), 0);
    contract_raw_close(peer);
}

/* A deadline bounds the whole. */
static void multishot_ends_at_its_deadline(struct contract *c)
{
    struct weir_handle handle = {0};
    struct stream      s = {0};
    struct weir_pool  *pool = open_pool(c, 4);
    int                peer = contract_unix_peer(c, &handle);
    stream_begin(&s, &handle, pool);
    send_part(peer, 0, 100);
    while (s.received < 100)
        weir_run(c->loop, WEIR_ONCE);
    weir_deadline(&s.op, WEIR_MILLISECOND);
    CHECK_EQ(contract_await(c, &s.op), WEIR_EDEADLINE);
    CHECK_EQ(s.received, 100);
    CHECK_EQ(s.ends, 1);
    CHECK_EQ(weir_pool_close(pool), 0);
    contract_raw_close(peer);
    contract_close(c, &handle);
}

const struct contract_case contract_cases[] = {
    {"received_is_in_a_buffer", received_is_in_a_buffer, 0},
    {"who_waits_holds_none", who_waits_holds_none, 0},
    {"readiness_holds_few_buffers", readiness_holds_few_buffers, 0},
    {"ends_hold_no_buffer", ends_hold_no_buffer, 0},
    {"pieces_are_sent_as_they_are", pieces_are_sent_as_they_are, 0},
    {"datagrams_are_whole", datagrams_are_whole, 0},
    {"messages_are_told", messages_are_told, 0},
    {"messages_bring_descriptors", messages_bring_descriptors, 0},
    {"wrong_receives_are_refused", wrong_receives_are_refused, 0},
    {"multishot_goes_to_the_end", multishot_goes_to_the_end, 0},
    {"multishot_one_last_on_recv", multishot_one_last_on_recv, 0},
    {"multishot_rearmed_unseen", multishot_rearmed_unseen, 0},
    {"multishot_is_paced", multishot_is_paced, 0},
    {"multishot_datagrams", multishot_datagrams, 0},
    {"multishot_ends_with_its_messages", multishot_ends_with_its_messages, 0},
    {"multishot_ends_with_its_handle", multishot_ends_with_its_handle, 0},
    {"multishot_ends_at_its_deadline", multishot_ends_at_its_deadline, 0},
    {0},
};
