/* SPDX-License-Identifier: MIT */
/* tcp.c - a listener and its connections on the engine that the machine takes by itself: bytes both
 * ways, ends, cancels, closes. The contract asks more, of every engine; this needs no POSIX. */
#include <string.h>

#include "os/socket_names.h"
#include "unit.h"
#include "weir.h"

#define LARGE (4u << 20)

struct pair {
    struct weir_handle one, other; /* connected, accepted */
};

static struct weir_loop   *loop;
static struct weir_handle  listener;
static struct weir_address at;
static int                 closed;

static void on_closed(struct weir_handle *handle)
{
    (void)handle;
    closed++;
}

/* Until it has ended; no step of these tests takes long. */
static int64_t end_of(struct weir_op *op)
{
    while (!weir_ended(op))
        CHECK(weir_run(loop, WEIR_ONCE) >= 0);
    return op->result;
}

static void connect_pair(struct pair *pair)
{
    struct weir_op accept = {0}, connect = {0};
    memset(pair, 0, sizeof *pair);
    CHECK_EQ(weir_socket(&pair->one, loop, AF_INET, SOCK_STREAM, 0), 0);
    weir_accept(&accept, &listener, &pair->other, 0, NULL);
    weir_connect(&connect, &pair->one, &at.data, at.length, 0, NULL);
    CHECK_EQ(end_of(&connect), 0);
    CHECK_EQ(end_of(&accept), 0);
    CHECK_EQ(weir_handle_kind(&pair->other), WEIR_HANDLE_STREAM);
}

static void close_pair(struct pair *pair)
{
    closed = 0;
    CHECK_EQ(weir_close(&pair->one, on_closed), 0);
    CHECK_EQ(weir_close(&pair->other, on_closed), 0);
    while (closed < 2)
        CHECK(weir_run(loop, WEIR_ONCE) >= 0);
}

/* ---- Cases ----------------------------------------------------------------------------------- */

static void bytes_arrive_and_the_end_after_them(void)
{
    struct weir_op send = {0}, shutdown = {0}, recv = {0};
    struct pair    pair;
    char           text[16] = "";
    connect_pair(&pair);
    weir_recv(&recv, &pair.other, text, sizeof text, 0, NULL);
    weir_send(&send, &pair.one, "hello", 5, 0, NULL);
    CHECK_EQ(end_of(&send), 5);
    CHECK_EQ(end_of(&recv), 5);
    CHECK(memcmp(text, "hello", 5) == 0);
    weir_shutdown(&shutdown, &pair.one, 0, NULL);
    CHECK_EQ(end_of(&shutdown), 0);
    weir_recv(&recv, &pair.other, text, sizeof text, 0, NULL);
    CHECK_EQ(end_of(&recv), 0);
    weir_send(&send, &pair.other, "back", 4, 0, NULL);
    weir_recv(&recv, &pair.one, text, sizeof text, 0, NULL);
    CHECK_EQ(end_of(&recv), 4);
    CHECK_EQ(end_of(&send), 4);
    close_pair(&pair);
}

/* More than the buffers of two sockets hold, in uneven pieces. */
static void large_sends_arrive_whole_and_in_order(void)
{
    static unsigned char from[LARGE], to[LARGE];
    struct weir_buf      pieces[] = {{to, 1}, {to + 1, 70000}, {to + 70001, LARGE - 70001}};
    struct weir_op       first = {0}, second = {0}, recv = {0};
    struct pair          pair;
    uint64_t             state = 7;
    for (size_t i = 0; i < LARGE; i++)
        from[i] = (unsigned char)unit_random(&state);
    connect_pair(&pair);
    weir_send(&first, &pair.one, from, LARGE / 2, WEIR_ALL, NULL);
    weir_send(&second, &pair.one, from + LARGE / 2, LARGE - LARGE / 2, WEIR_ALL, NULL);
    weir_recvv(&recv, &pair.other, pieces, 3, WEIR_ALL, NULL);
    CHECK_EQ(end_of(&recv), LARGE);
    CHECK_EQ(end_of(&second), LARGE - LARGE / 2);
    CHECK_EQ(first.result, LARGE / 2);
    CHECK(memcmp(from, to, LARGE) == 0);
    close_pair(&pair);
}

static void what_is_only_looked_at_stays(void)
{
    struct weir_op send = {0}, peek = {0}, recv = {0};
    struct pair    pair;
    char           text[8] = "", again[8] = "";
    connect_pair(&pair);
    weir_recv(&peek, &pair.other, text, sizeof text, WEIR_PEEK, NULL);
    weir_send(&send, &pair.one, "abc", 3, 0, NULL);
    CHECK_EQ(end_of(&send), 3);
    CHECK_EQ(end_of(&peek), 3);
    weir_recv(&recv, &pair.other, again, sizeof again, 0, NULL);
    CHECK_EQ(end_of(&recv), 3);
    CHECK(memcmp(text, again, 3) == 0);
    CHECK_EQ(weir_try_recv(&pair.other, again, sizeof again, 0), WEIR_EAGAIN);
    close_pair(&pair);
}

static void a_pooled_receive_has_memory_when_there_is_something(void)
{
    struct weir_pool_options options = {.buffer_size = 64, .count = 2};
    struct weir_pool        *pool;
    struct weir_pool_counts  counts;
    struct weir_op           send = {0}, recv = {0};
    struct weir_buf          piece;
    struct pair              pair;
    CHECK_EQ(weir_pool_open(&pool, loop, &options), 0);
    connect_pair(&pair);
    weir_recv_pooled(&recv, &pair.other, pool, 0, NULL);
    CHECK(weir_run(loop, WEIR_NOWAIT) >= 0);
    weir_pool_stats(pool, &counts);
    CHECK_EQ(counts.out, 0);
    weir_send(&send, &pair.one, "late", 4, 0, NULL);
    CHECK_EQ(end_of(&recv), 4);
    CHECK_EQ(weir_pooled(&recv, &piece, 1), 1);
    CHECK(memcmp(piece.data, "late", 4) == 0);
    weir_pool_give(pool, piece.data);
    CHECK_EQ(end_of(&send), 4);
    close_pair(&pair);
    CHECK_EQ(weir_pool_close(pool), 0);
}

static void what_waits_can_be_cancelled(void)
{
    struct weir_handle accepted = {0};
    struct weir_op     recv = {0}, late = {0}, accept = {0};
    struct pair        pair;
    char               byte;
    connect_pair(&pair);
    weir_recv(&recv, &pair.other, &byte, 1, 0, NULL);
    weir_recv(&late, &pair.one, &byte, 1, 0, NULL);
    weir_deadline(&late, 20 * WEIR_MILLISECOND);
    weir_accept(&accept, &listener, &accepted, 0, NULL);
    CHECK(weir_run(loop, WEIR_NOWAIT) >= 0);
    CHECK_EQ(weir_cancel(&recv), 0);
    CHECK_EQ(weir_cancel(&accept), 0);
    CHECK_EQ(end_of(&recv), WEIR_ECANCELED);
    CHECK_EQ(end_of(&accept), WEIR_ECANCELED);
    CHECK_EQ(end_of(&late), WEIR_EDEADLINE);
    CHECK_EQ(weir_handle_kind(&accepted), WEIR_HANDLE_NONE);
    close_pair(&pair); /* the listener takes the next one all the same */
    connect_pair(&pair);
    close_pair(&pair);
}

static void a_close_ends_what_waits(void)
{
    struct weir_op recv = {0};
    struct pair    pair;
    char           byte;
    connect_pair(&pair);
    weir_recv(&recv, &pair.other, &byte, 1, 0, NULL);
    CHECK(weir_run(loop, WEIR_NOWAIT) >= 0);
    close_pair(&pair);
    CHECK(weir_ended(&recv));
    CHECK_EQ(recv.result, WEIR_ECANCELED);
}

static void nobody_listens_on_a_closed_port(void)
{
    struct weir_handle sock = {0};
    struct weir_op     connect = {0};
    closed = 0;
    CHECK_EQ(weir_close(&listener, on_closed), 0);
    while (!closed)
        CHECK(weir_run(loop, WEIR_ONCE) >= 0);
    CHECK_EQ(weir_socket(&sock, loop, AF_INET, SOCK_STREAM, 0), 0);
    weir_connect(&connect, &sock, &at.data, at.length, 0, NULL);
    CHECK_EQ(end_of(&connect), WEIR_ECONNREFUSED);
    CHECK_EQ(weir_close_now(&sock), 0);
}

int main(void)
{
    struct weir_handle second = {0};
    CHECK_EQ(weir_loop_open(&loop, NULL), 0);
    CHECK_EQ(weir_address_parse(&at, "127.0.0.1:0"), 0);
    CHECK_EQ(weir_listen(&listener, loop, &at.data, at.length, 0, WEIR_NODELAY), 0);
    CHECK_EQ(weir_local_address(&listener, &at), 0);
    CHECK_EQ(weir_listen(&second, loop, &at.data, at.length, 0, 0), WEIR_EADDRINUSE);
    bytes_arrive_and_the_end_after_them();
    large_sends_arrive_whole_and_in_order();
    what_is_only_looked_at_stays();
    a_pooled_receive_has_memory_when_there_is_something();
    what_waits_can_be_cancelled();
    a_close_ends_what_waits();
    nobody_listens_on_a_closed_port();
    CHECK_EQ(weir_loop_close(loop, WEIR_FOREVER), 0);
    return 0;
}
