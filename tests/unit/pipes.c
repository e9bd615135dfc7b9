/* SPDX-License-Identifier: MIT */
/* pipes.c - pipes on the engine that the machine takes by itself: bytes, ends, cancels, pooled
 * receives. The contract asks more, of every engine; this needs no POSIX. */
#include <string.h>

#include "unit.h"
#include "weir.h"

#define LARGE (1u << 20)

static struct weir_loop  *loop;
static struct weir_handle from, to;

static int64_t end_of(struct weir_op *op)
{
    while (!weir_ended(op))
        CHECK(weir_run(loop, WEIR_ONCE) >= 0);
    return op->result;
}

static void open_pipe(void)
{
    CHECK_EQ(weir_pipe(&from, &to, loop), 0);
    CHECK_EQ(weir_handle_kind(&from), WEIR_HANDLE_PIPE);
    CHECK_EQ(weir_handle_kind(&to), WEIR_HANDLE_PIPE);
}

/* ---- Cases ----------------------------------------------------------------------------------- */

static void bytes_pass_and_the_end_after_them(void)
{
    struct weir_op recv = {0}, send = {0};
    char           text[16];
    open_pipe();
    CHECK_EQ(weir_try_recv(&from, text, sizeof text, 0), WEIR_EAGAIN);
    weir_recv(&recv, &from, text, sizeof text, 0, NULL);
    weir_send(&send, &to, "hello", 5, 0, NULL);
    CHECK_EQ(end_of(&recv), 5);
    CHECK_EQ(end_of(&send), 5);
    weir_send(&send, &to, "last", 4, 0, NULL);
    CHECK_EQ(end_of(&send), 4);
    CHECK_EQ(weir_close_now(&to), 0);
    weir_recv(&recv, &from, text, sizeof text, WEIR_ALL, NULL);
    CHECK_EQ(end_of(&recv), 4);
    CHECK_EQ(recv.error, WEIR_EEOF);
    CHECK(memcmp(text, "last", 4) == 0);
    weir_recv(&recv, &from, text, sizeof text, 0, NULL);
    CHECK_EQ(end_of(&recv), 0);
    CHECK_EQ(weir_close_now(&from), 0);
}

/* More than a pipe holds, in uneven pieces. */
static void large_writes_arrive_whole(void)
{
    static unsigned char out[LARGE], in[LARGE];
    struct weir_buf      pieces[] = {{in, 3}, {in + 3, 100000}, {in + 100003, LARGE - 100003}};
    struct weir_op       recv = {0}, first = {0}, second = {0};
    uint64_t             state = 11;
    for (size_t i = 0; i < LARGE; i++)
        out[i] = (unsigned char)unit_random(&state);
    open_pipe();
    weir_send(&first, &to, out, LARGE / 2, WEIR_ALL, NULL);
    weir_send(&second, &to, out + LARGE / 2, LARGE / 2, WEIR_ALL, NULL);
    weir_recvv(&recv, &from, pieces, 3, WEIR_ALL, NULL);
    CHECK_EQ(end_of(&recv), LARGE);
    CHECK_EQ(end_of(&second), LARGE / 2);
    CHECK_EQ(first.result, LARGE / 2);
    CHECK(memcmp(in, out, LARGE) == 0);
    CHECK_EQ(weir_close_now(&to), 0);
    CHECK_EQ(weir_close_now(&from), 0);
}

static void a_pooled_receive_has_memory_when_there_is_something(void)
{
    struct weir_pool_options options = {.buffer_size = 64, .count = 2};
    struct weir_pool        *pool;
    struct weir_pool_counts  counts;
    struct weir_op           send = {0}, recv = {0};
    struct weir_buf          piece;
    CHECK_EQ(weir_pool_open(&pool, loop, &options), 0);
    open_pipe();
    weir_recv_pooled(&recv, &from, pool, 0, NULL);
    CHECK(weir_run(loop, WEIR_NOWAIT) >= 0);
    weir_pool_stats(pool, &counts);
    CHECK_EQ(counts.out, 0);
    weir_send(&send, &to, "late", 4, 0, NULL);
    CHECK_EQ(end_of(&recv), 4);
    CHECK_EQ(weir_pooled(&recv, &piece, 1), 1);
    CHECK(memcmp(piece.data, "late", 4) == 0);
    weir_pool_give(pool, piece.data);
    CHECK_EQ(end_of(&send), 4);
    weir_recv_pooled(&recv, &from, pool, 0, NULL);
    CHECK(weir_run(loop, WEIR_NOWAIT) >= 0);
    CHECK_EQ(weir_close_now(&to), 0);
    CHECK_EQ(end_of(&recv), 0);
    weir_recv_pooled(&recv, &from, pool, 0, NULL);
    CHECK_EQ(end_of(&recv), 0);
    CHECK_EQ(weir_close_now(&from), 0);
    CHECK_EQ(weir_pool_close(pool), 0);
}

static void what_waits_can_be_cancelled(void)
{
    static char    bytes[LARGE];
    struct weir_op recv = {0}, send = {0}, again = {0};
    char           text[4];
    open_pipe();
    weir_recv(&recv, &from, text, sizeof text, 0, NULL);
    CHECK(weir_run(loop, WEIR_NOWAIT) >= 0);
    CHECK_EQ(weir_cancel(&recv), 0);
    CHECK_EQ(end_of(&recv), WEIR_ECANCELED);
    weir_send(&again, &to, "abc", 3, 0, NULL);
    weir_recv(&recv, &from, text, sizeof text, 0, NULL);
    CHECK_EQ(end_of(&recv), 3);
    CHECK_EQ(end_of(&again), 3);
    weir_send(&send, &to, bytes, LARGE, WEIR_ALL, NULL);
    weir_deadline(&send, 20 * WEIR_MILLISECOND);
    CHECK(end_of(&send) < (int64_t)LARGE);
    CHECK_EQ(send.result < 0 ? send.result : send.error, WEIR_EDEADLINE);
    CHECK_EQ(weir_close_now(&from), 0);
    weir_send(&send, &to, "x", 1, 0, NULL);
    CHECK_EQ(end_of(&send), WEIR_EPIPE);
    CHECK_EQ(weir_close_now(&to), 0);
}

int main(void)
{
    CHECK_EQ(weir_loop_open(&loop, NULL), 0);
    bytes_pass_and_the_end_after_them();
    large_writes_arrive_whole();
    a_pooled_receive_has_memory_when_there_is_something();
    what_waits_can_be_cancelled();
    CHECK_EQ(weir_loop_close(loop, WEIR_FOREVER), 0);
    return 0;
}
