/* SPDX-License-Identifier: MIT */
/* lifecycle.c - opening, running, stopping and closing a loop; how ops start and end. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "contract.h"

#define HOUR (3600 * WEIR_SECOND)

static void count_up(struct weir_op *op)
{
    ++*(int *)op->user;
}

/* ------------------------------------------------------------------------------------------------
 * Running
 * ---------------------------------------------------------------------------------------------- */

static void run_empty_returns(struct contract *c)
{
    CHECK_EQ(weir_run(c->loop, WEIR_UNTIL_DONE), 0);
    CHECK_EQ(weir_run(c->loop, WEIR_ONCE), 0);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 0);
    CHECK_EQ(weir_run(c->loop, WEIR_UNTIL_DONE), 0);
}

static void run_once_vs_nowait(struct contract *c)
{
    int            fired = 0;
    struct weir_op soon = {.user = &fired}, late = {.user = &fired};
    weir_timer(&late, c->loop, HOUR, 0, count_up);
    /* Nothing to tell: nowait does not wait for it, and says that something is pending. */
    for (int i = 0; i < 3; i++)
        CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    CHECK_EQ(fired, 0);
    weir_timer(&soon, c->loop, 5 * WEIR_MILLISECOND, 0, count_up);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    /* Once waits, and the only thing to wait for is the near timer. */
    while (fired == 0)
        CHECK_EQ(weir_run(c->loop, WEIR_ONCE), 1);
    CHECK_RESULT(&soon, 0);
    CHECK_EQ(weir_cancel(&late), 0);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 0);
    CHECK_RESULT(&late, WEIR_ECANCELED);
    CHECK_EQ(fired, 2);
}

static void once_tells_what_is_there_and_returns(struct contract *c)
{
    int            told = 0;
    struct weir_op first = {.user = &told}, late = {0};
    weir_timer(&late, c->loop, HOUR, 0, contract_done);
    weir_nop(&first, c->loop, 0, count_up);
    CHECK_EQ(weir_run(c->loop, WEIR_ONCE), 1);
    CHECK_EQ(told, 1);
    weir_cancel(&late);
    contract_run(c);
}

struct stopper {
    struct contract *c;
    struct weir_op   ops[5];
    int              told, stop_at;
};

static void stop_at(struct weir_op *op)
{
    struct stopper *s = op->user;
    if (++s->told == s->stop_at)
        weir_stop(s->c->loop);
}

static void stop_in_callback_keeps_the_rest(struct contract *c)
{
    struct stopper s = {.c = c, .stop_at = 2};
    for (int i = 0; i < 5; i++) {
        s.ops[i].user = &s;
        weir_nop(&s.ops[i], c->loop, 0, stop_at);
    }
    CHECK_EQ(weir_run(c->loop, WEIR_UNTIL_DONE), 1);
    CHECK_EQ(s.told, 2);
    s.stop_at = 3;
    CHECK_EQ(weir_run(c->loop, WEIR_UNTIL_DONE), 1);
    CHECK_EQ(s.told, 3);
    contract_run(c);
    CHECK_EQ(s.told, 5);
}

/* The same for what the mechanism harvested in one wait. */
static void stop_keeps_what_was_harvested(struct contract *c)
{
    struct stopper     s = {.c = c};
    struct weir_handle ours[5] = {{0}};
    char               bytes[5];
    int                peers[5];
    for (int i = 0; i < 5; i++) {
        peers[i] = contract_unix_peer(c, &ours[i]);
        s.ops[i].user = &s;
        weir_recv(&s.ops[i], &ours[i], &bytes[i], 1, 0, stop_at);
    }
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    for (int i = 0; i < 5; i++)
        contract_raw_send(peers[i], "x", 1);
    for (s.stop_at = 1; s.stop_at < 5; s.stop_at++) {
        CHECK_EQ(weir_run(c->loop, WEIR_UNTIL_DONE), 1);
        CHECK_EQ(s.told, s.stop_at);
    }
    contract_run(c);
    CHECK_EQ(s.told, 5);
    for (int i = 0; i < 5; i++) {
        CHECK_RESULT(&s.ops[i], 1);
        contract_close(c, &ours[i]);
        contract_raw_close(peers[i]);
    }
}

static void stop_outside_run_ends_the_next(struct contract *c)
{
    int            told = 0;
    struct weir_op timer = {0}, nop = {.user = &told};
    weir_timer(&timer, c->loop, HOUR, 0, contract_done);
    weir_stop(c->loop);
    CHECK_EQ(weir_run(c->loop, WEIR_UNTIL_DONE), 1);
    /* Only the next one: this one runs. */
    weir_nop(&nop, c->loop, 0, count_up);
    CHECK_EQ(weir_run(c->loop, WEIR_ONCE), 1);
    CHECK_EQ(told, 1);
    weir_cancel(&timer);
    contract_run(c);
}

struct inside {
    struct contract *c;
    struct weir_op   op, other;
    int              results[4];
    int              other_told;
};

static void run_inside(struct weir_op *op)
{
    struct inside *in = op->user;
    in->results[0] = weir_run(in->c->loop, WEIR_UNTIL_DONE);
    in->results[1] = weir_run(in->c->loop, WEIR_ONCE);
    in->results[2] = weir_run(in->c->loop, WEIR_NOWAIT);
    in->results[3] = weir_loop_close(in->c->loop, 0);
    in->other_told = contract_told(&in->other) != 0;
}

static void nested_run_refused(struct contract *c)
{
    struct inside in = {.c = c};
    in.op.user = &in;
    weir_nop(&in.op, c->loop, 0, run_inside);
    weir_nop(&in.other, c->loop, 0, contract_done);
    contract_run(c);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(in.results[i], WEIR_EDEADLK);
    CHECK_EQ(in.other_told, 0);
    CHECK_RESULT(&in.other, 0);
}

static void close_inside(struct weir_handle *handle)
{
    struct inside *in = handle->user;
    contract_closed(handle);
    in->results[0] = weir_loop_close(in->c->loop, 0);
    in->results[1] = weir_run(in->c->loop, WEIR_NOWAIT);
}

static void destroy_in_callback_refused(struct contract *c)
{
    struct inside      in = {.c = c};
    struct weir_handle a = {.user = &in}, b = {0};
    struct weir_op     late = {0};
    in.op.user = &in;
    weir_nop(&in.op, c->loop, 0, run_inside);
    contract_run(c);
    CHECK_EQ(in.results[3], WEIR_EDEADLK);
    contract_unix_pair(c, &a, &b);
    CHECK_EQ(weir_close(&a, close_inside), 0);
    contract_run(c);
    CHECK_EQ(in.results[0], WEIR_EDEADLK);
    CHECK_EQ(in.results[1], WEIR_EDEADLK);
    /* The refusals have changed nothing: the loop goes on. */
    weir_nop(&late, c->loop, 0, contract_done);
    contract_run(c);
    CHECK_RESULT(&late, 0);
    contract_close(c, &b);
}

/* ------------------------------------------------------------------------------------------------
 * Starting and ending ops
 * ---------------------------------------------------------------------------------------------- */

struct chain {
    struct contract *c;
    struct weir_op   op;
    unsigned         left;
    uintptr_t        lowest, highest; /* where the stack stood in the callback */
};

static void go_on(struct weir_op *op)
{
    struct chain *chain = op->user;
    /* Not the address of a local: the address sanitizer keeps those elsewhere. */
    const uintptr_t at = (uintptr_t)__builtin_frame_address(0);
    chain->lowest = at < chain->lowest ? at : chain->lowest;
    chain->highest = at > chain->highest ? at : chain->highest;
    if (--chain->left)
        weir_nop(op, chain->c->loop, 0, go_on);
}

static void submit_in_callback_bounded_stack(struct contract *c)
{
    struct chain chain = {.c = c, .left = contract_count(1000000), .lowest = UINTPTR_MAX};
    chain.op.user = &chain;
    weir_nop(&chain.op, c->loop, 0, go_on);
    contract_run(c);
    CHECK_EQ(chain.left, 0);
    CHECK(chain.highest - chain.lowest < 4096);
}

/* The ledger fails the case when a callback runs inside a call that starts an op; here the calls
 * are those that could end at once. */
static void no_callback_from_submit(struct contract *c)
{
    struct weir_handle a = {0}, b = {0}, reader = {0}, writer = {0};
    struct weir_op     ops[8] = {{0}};
    char               bytes[8], others[4];
    contract_tcp_pair(c, &a, &b);
    contract_pipe_pair(c, &reader, &writer);
    weir_nop(&ops[0], c->loop, 0, contract_done);
    weir_timer(&ops[1], c->loop, 0, 0, contract_done);
    weir_send(&ops[2], &a, "12345678", 8, 0, contract_done);
    weir_write(&ops[3], &writer, "abcd", 4, WEIR_STREAM, 0, contract_done);
    weir_poll(&ops[4], &a, WEIR_OUT, 0, contract_done);
    CHECK_EQ(contract_told(&ops[0]) + contract_told(&ops[1]) + contract_told(&ops[2]), 0);
    CHECK_EQ(contract_await(c, &ops[2]), 8);
    CHECK_EQ(contract_await(c, &ops[3]), 4);
    weir_recv(&ops[5], &b, bytes, sizeof bytes, 0, contract_done);
    weir_read(&ops[6], &reader, others, 4, WEIR_STREAM, 0, contract_done);
    CHECK_EQ(contract_told(&ops[5]) + contract_told(&ops[6]), 0);
    CHECK_EQ(contract_await(c, &ops[5]), 8);
    CHECK_EQ(contract_await(c, &ops[6]), 4);
    weir_shutdown(&ops[7], &a, 0, contract_done);
    CHECK_EQ(contract_told(&ops[7]), 0);
    contract_run(c);
    contract_close(c, &a);
    contract_close(c, &b);
    contract_close(c, &reader);
    contract_close(c, &writer);
}

static void free_self(struct weir_op *op)
{
    ++*(int *)op->user;
    memset(op, 0xdd, sizeof *op);
    free(op);
}

static void free_op_in_own_callback(struct contract *c)
{
    struct weir_handle a = {0}, b = {0};
    int                told = 0;
    char               byte;
    contract_unix_pair(c, &a, &b);
    for (int i = 0; i < 100; i++) {
        struct weir_op *ops[4];
        for (int k = 0; k < 4; k++) {
            ops[k] = calloc(1, sizeof *ops[k]);
            CHECK(ops[k] != NULL);
            ops[k]->user = &told;
        }
        weir_nop(ops[0], c->loop, 0, free_self);
        weir_recv(ops[1], &b, &byte, 1, 0, free_self);
        weir_send(ops[2], &a, "x", 1, 0, free_self);
        weir_timer(ops[3], c->loop, HOUR, 0, free_self);
        weir_cancel(ops[3]);
        contract_run(c);
    }
    CHECK_EQ(told, 400);
    contract_close(c, &a);
    contract_close(c, &b);
}

static void set_done(struct weir_op *op)
{
    *(uint8_t *)op->user = op->kind;
}

static void every_field_is_written(struct contract *c)
{
    uint8_t        kind = 0;
    struct weir_op op;
    memset(&op, 0, sizeof op);
    op.user = &kind;
    /* What an earlier life left behind must not matter. */
    weir_timer(&op, c->loop, HOUR, WEIR_BACKGROUND, contract_done);
    weir_cancel(&op);
    CHECK_EQ(contract_await(c, &op), WEIR_ECANCELED);
    op.error = -7;
    op.told = 7;
    op.more = 1;
    op.served = 99;
    weir_nop(&op, c->loop, 0, set_done);
    CHECK_EQ(op.kind, WEIR_OP_NOP);
    CHECK_EQ(op.flags, 0);
    CHECK_EQ(op.more, 0);
    CHECK_EQ(op.error, 0);
    CHECK_EQ(op.told, 0);
    CHECK(op.user == &kind);
    CHECK(weir_op_loop(&op) == c->loop);
    CHECK(!weir_ended(&op));
    contract_run(c);
    CHECK_EQ(kind, WEIR_OP_NOP);
    CHECK_RESULT(&op, 0);
    CHECK(op.served < WEIR_SERVED_KINDS);
    CHECK(op.user == &kind);
    CHECK(weir_op_loop(&op) == c->loop);
    CHECK_EQ(weir_handle_kind(op.handle), WEIR_HANDLE_NONE);
}

static void op_without_done_is_asked_after(struct contract *c)
{
    struct weir_op op = {0}, timer = {0};
    CHECK(weir_ended(&op));
    weir_nop(&op, c->loop, 0, NULL);
    weir_timer(&timer, c->loop, WEIR_MILLISECOND, 0, NULL);
    CHECK(!weir_ended(&op));
    CHECK(!weir_ended(&timer));
    contract_run(c);
    CHECK_RESULT(&op, 0);
    CHECK_RESULT(&timer, 0);
}

static void op_that_tells_more_needs_a_done(struct contract *c)
{
    struct weir_handle a = {0}, b = {0}, listener = {0};
    struct weir_op     ops[4] = {{0}};
    contract_unix_pair(c, &a, &b);
    contract_listen_any(c, &listener);
    weir_poll(&ops[0], &a, WEIR_OUT, WEIR_LEVEL, NULL);
    weir_poll(&ops[1], &a, WEIR_OUT, WEIR_EDGE, NULL);
    weir_signal(&ops[2], c->loop, 10, WEIR_MULTISHOT, NULL);
    weir_accept(&ops[3], &listener, NULL, WEIR_MULTISHOT, NULL);
    contract_run(c);
    for (int i = 0; i < 4; i++)
        CHECK_RESULT(&ops[i], WEIR_EINVAL);
    contract_close(c, &a);
    contract_close(c, &b);
    contract_close(c, &listener);
}

static void unknown_flag_is_told(struct contract *c)
{
    const unsigned     unknown = 0x40000000;
    struct weir_handle a = {0}, b = {0}, opened = {0}, accepted = {0};
    struct weir_op     ops[12] = {{0}};
    struct weir_stat   stat;
    char               byte = 0;
    contract_unix_pair(c, &a, &b);
    weir_nop(&ops[0], c->loop, unknown, contract_done);
    weir_timer(&ops[1], c->loop, 0, unknown, contract_done);
    weir_signal(&ops[2], c->loop, 10, unknown, contract_done);
    weir_open(&ops[3], c->loop, &opened, "/dev/null", WEIR_OPEN_READ, unknown, contract_done);
    weir_accept(&ops[4], &a, &accepted, unknown, contract_done);
    weir_recv(&ops[5], &a, &byte, 1, unknown, contract_done);
    weir_send(&ops[6], &a, &byte, 1, unknown, contract_done);
    weir_shutdown(&ops[7], &a, unknown, contract_done);
    weir_poll(&ops[8], &a, WEIR_OUT, unknown, contract_done);
    weir_read(&ops[9], &a, &byte, 1, WEIR_STREAM, WEIR_PEEK, contract_done);
    weir_fstat(&ops[10], &a, &stat, WEIR_ALL, contract_done);
    weir_poll(&ops[11], &a, WEIR_OUT, WEIR_LEVEL | WEIR_EDGE, contract_done);
    contract_run(c);
    for (int i = 0; i < 12; i++) {
        CHECK_RESULT(&ops[i], WEIR_EINVAL);
        CHECK_EQ(ops[i].served, WEIR_SERVED_NOT);
    }
    CHECK_EQ(weir_handle_kind(&opened), WEIR_HANDLE_NONE);
    CHECK_EQ(weir_handle_kind(&accepted), WEIR_HANDLE_NONE);
    contract_close(c, &a);
    contract_close(c, &b);
}

static void wrong_argument_is_told(struct contract *c)
{
    struct weir_handle a = {0}, b = {0}, opened = {0};
    struct weir_op     ops[6] = {{0}};
    contract_unix_pair(c, &a, &b);
    weir_recv(&ops[0], &a, NULL, 1, 0, contract_done);
    weir_send(&ops[1], &a, NULL, 1, 0, contract_done);
    weir_open(&ops[2], c->loop, &opened, NULL, WEIR_OPEN_READ, 0, contract_done);
    weir_work(&ops[3], c->loop, NULL, 0, contract_done);
    weir_connect(&ops[4], &a, NULL, 0, 0, contract_done);
    weir_poll(&ops[5], &a, 0x80000000u, 0, contract_done);
    contract_run(c);
    for (int i = 0; i < 6; i++)
        CHECK_RESULT(&ops[i], WEIR_EINVAL);
    contract_close(c, &a);
    contract_close(c, &b);
}

/* Pieces of nothing behind the last byte leave nothing to wait for. */
static void empty_pieces_at_the_end_do_not_hold(struct contract *c)
{
    struct weir_handle handle = {0};
    struct weir_op     recv = {0};
    char               bytes[10];
    struct weir_buf    pieces[4] = {{bytes, 0}, {bytes, 10}, {bytes, 0}, {NULL, 0}};
    int                peer = contract_unix_peer(c, &handle);
    weir_recvv(&recv, &handle, pieces, 4, WEIR_ALL, contract_done);
    contract_raw_send(peer, "0123", 4);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    contract_raw_send(peer, "456789", 6);
    CHECK_EQ(contract_await(c, &recv), 10);
    CHECK(!memcmp(bytes, "0123456789", 10));
    contract_close(c, &handle);
    contract_raw_close(peer);
}

struct pair {
    struct contract   *c;
    struct weir_handle handles[2];
    struct weir_op     recvs[2];
    char               bytes[2];
    int                told;
};

/* Whoever comes first closes the other, whose data was harvested in the same batch. */
static void close_other(struct weir_op *op)
{
    struct pair *p = op->user;
    int          me = op == &p->recvs[1];
    if (p->told++ == 0)
        CHECK_EQ(weir_close(&p->handles[!me], contract_closed), 0);
}

static void close_peer_in_same_batch(struct contract *c)
{
    struct pair p = {.c = c};
    int         peers[2];
    for (int i = 0; i < 2; i++) {
        peers[i] = contract_unix_peer(c, &p.handles[i]);
        p.recvs[i].user = &p;
        weir_recv(&p.recvs[i], &p.handles[i], &p.bytes[i], 1, 0, close_other);
    }
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    contract_raw_send(peers[0], "x", 1);
    contract_raw_send(peers[1], "x", 1);
    contract_run(c);
    CHECK_EQ(p.told, 2);
    int other = weir_handle_kind(&p.handles[0]) == WEIR_HANDLE_NONE ? 0 : 1;
    CHECK_EQ(contract_closed_count(&p.handles[other]), 1);
    CHECK_RESULT(&p.recvs[!other], 1);
    /* Harvested before the close: delivered. Not yet attempted: it has taken nothing. */
    CHECK(p.recvs[other].result == 1 || p.recvs[other].result == WEIR_ECANCELED);
    contract_close(c, &p.handles[!other]);
    contract_raw_close(peers[0]);
    contract_raw_close(peers[1]);
}

/* ------------------------------------------------------------------------------------------------
 * Background, two loops
 * ---------------------------------------------------------------------------------------------- */

static void background_ops_do_not_hold(struct contract *c)
{
    int                ticks = 0;
    struct weir_handle a = {0}, b = {0};
    struct weir_op     recv = {0}, timer = {0}, due = {.user = &ticks}, near_op = {0};
    char               byte;
    contract_unix_pair(c, &a, &b);
    weir_recv(&recv, &a, &byte, 1, WEIR_BACKGROUND, contract_done);
    weir_timer(&timer, c->loop, HOUR, WEIR_BACKGROUND, contract_done);
    CHECK_EQ(weir_run(c->loop, WEIR_UNTIL_DONE), 0);
    /* While something else holds the loop, they are served as any other. */
    weir_timer(&due, c->loop, WEIR_MILLISECOND, WEIR_BACKGROUND, count_up);
    weir_timer(&near_op, c->loop, 30 * WEIR_MILLISECOND, 0, contract_done);
    CHECK_EQ(weir_run(c->loop, WEIR_UNTIL_DONE), 0);
    CHECK_EQ(ticks, 1);
    CHECK(!weir_ended(&recv));
    CHECK(!weir_ended(&timer));
    struct weir_stats stats;
    weir_loop_stats(c->loop, &stats);
    CHECK_EQ(stats.pending_background, 2);
    weir_cancel(&timer);
    contract_close(c, &a);
    contract_close(c, &b);
    while (!weir_ended(&timer))
        CHECK(weir_run(c->loop, WEIR_NOWAIT) >= 0);
    CHECK_RESULT(&recv, WEIR_ECANCELED);
}

struct player {
    struct contract    c;
    int                fd; /* of its end */
    struct weir_handle handle;
    struct weir_op     op;
    uint64_t           value;
    unsigned           left;
    bool               begins;
};

static void player_received(struct weir_op *op);

static void player_sent(struct weir_op *op)
{
    struct player *p = op->user;
    CHECK_RESULT(op, sizeof p->value);
    if (p->left == 0)
        return;
    weir_recv(op, &p->handle, &p->value, sizeof p->value, WEIR_ALL, player_received);
}

static void player_received(struct weir_op *op)
{
    struct player *p = op->user;
    CHECK_RESULT(op, sizeof p->value);
    p->value++;
    if (--p->left > 0 || !p->begins)
        weir_send(op, &p->handle, &p->value, sizeof p->value, WEIR_ALL, player_sent);
}

static void *play(void *argument)
{
    struct player *p = argument;
    CHECK_EQ(contract_open(&p->c, &p->c.loop, NULL), 0);
    CHECK_EQ(weir_adopt(&p->handle, p->c.loop, p->fd, 0), 0);
    p->op.user = p;
    if (p->begins)
        weir_send(&p->op, &p->handle, &p->value, sizeof p->value, WEIR_ALL, player_sent);
    else
        weir_recv(&p->op, &p->handle, &p->value, sizeof p->value, WEIR_ALL, player_received);
    contract_run(&p->c);
    contract_close(&p->c, &p->handle);
    contract_loop_close(&p->c, p->c.loop);
    return NULL;
}

static void two_loops_two_threads(struct contract *c)
{
    static struct player   players[2];
    struct contract_thread threads[2];
    struct weir_handle     borrowed = {0};
    unsigned               rounds = contract_count(20000);
    players[0].c = players[1].c = *c;
    players[0].fd = contract_unix_peer(c, &borrowed);
    players[1].fd = (int)weir_handle_os(&borrowed);
    /* This loop only made the pair: the descriptor goes to the other thread's loop by a copy. */
    players[1].fd = contract_fd_copy(players[1].fd);
    contract_close(c, &borrowed);
    players[0].begins = true;
    players[0].left = players[1].left = rounds;
    for (int i = 0; i < 2; i++)
        contract_thread_start(&threads[i], play, &players[i]);
    for (int i = 0; i < 2; i++)
        contract_thread_join(&threads[i]);
    CHECK_EQ(players[0].value, 2 * (uint64_t)rounds);
}

struct outer {
    struct weir_loop *inner;
    struct weir_op    inner_op;
    int               result;
};

static void run_the_other(struct weir_op *op)
{
    struct outer *o = op->user;
    weir_nop(&o->inner_op, o->inner, 0, contract_done);
    o->result = weir_run(o->inner, WEIR_UNTIL_DONE);
}

/* Two loops of one thread do not know of each other: one runs in a callback of the other. */
static void two_loops_one_thread(struct contract *c)
{
    struct outer   o = {.result = 99};
    struct weir_op op = {.user = &o}, timers[2] = {{0}};
    CHECK_EQ(contract_open(c, &o.inner, NULL), 0);
    weir_nop(&op, c->loop, 0, run_the_other);
    contract_run(c);
    CHECK_EQ(o.result, 0);
    CHECK_RESULT(&o.inner_op, 0);
    weir_timer(&timers[0], c->loop, 2 * WEIR_MILLISECOND, 0, contract_done);
    weir_timer(&timers[1], o.inner, WEIR_MILLISECOND, 0, contract_done);
    CHECK_EQ(weir_run(o.inner, WEIR_UNTIL_DONE), 0);
    CHECK(!weir_ended(&timers[0]));
    contract_run(c);
    CHECK_RESULT(&timers[0], 0);
    contract_loop_close(c, o.inner);
}

static void *ask_for_engines(void *argument)
{
    struct weir_engine_info engines[32];
    struct contract        *c = argument;
    struct weir_loop       *loop = NULL;
    struct weir_op          timer = {0};
    CHECK(weir_engine_list(engines, 32) > 0);
    CHECK_EQ(contract_open(c, &loop, NULL), 0);
    weir_timer(&timer, loop, 1, 0, contract_done);
    CHECK_EQ(weir_run(loop, WEIR_UNTIL_DONE), 0);
    CHECK_RESULT(&timer, 0);
    contract_loop_close(c, loop);
    return NULL;
}

/* Whatever opening a loop finds out once is found out by several threads at a time. */
static void opened_by_many_threads_at_once(struct contract *c)
{
    struct contract_thread threads[4];
    for (int lap = 0; lap < 5; lap++) {
        for (int i = 0; i < 4; i++)
            contract_thread_start(&threads[i], ask_for_engines, c);
        for (int i = 0; i < 4; i++)
            contract_thread_join(&threads[i]);
    }
}

const struct contract_case contract_cases[] = {
    {"run_empty_returns", run_empty_returns, 0},
    {"run_once_vs_nowait", run_once_vs_nowait, 0},
    {"once_tells_what_is_there_and_returns", once_tells_what_is_there_and_returns, 0},
    {"stop_in_callback_keeps_the_rest", stop_in_callback_keeps_the_rest, 0},
    {"stop_keeps_what_was_harvested", stop_keeps_what_was_harvested, 0},
    {"stop_outside_run_ends_the_next", stop_outside_run_ends_the_next, 0},
    {"nested_run_refused", nested_run_refused, 0},
    {"destroy_in_callback_refused", destroy_in_callback_refused, 0},
    {"submit_in_callback_bounded_stack", submit_in_callback_bounded_stack, 0},
    {"no_callback_from_submit", no_callback_from_submit, 0},
    {"free_op_in_own_callback", free_op_in_own_callback, 0},
    {"every_field_is_written", every_field_is_written, 0},
    {"op_without_done_is_asked_after", op_without_done_is_asked_after, 0},
    {"op_that_tells_more_needs_a_done", op_that_tells_more_needs_a_done, 0},
    {"unknown_flag_is_told", unknown_flag_is_told, 0},
    {"wrong_argument_is_told", wrong_argument_is_told, 0},
    {"empty_pieces_at_the_end_do_not_hold", empty_pieces_at_the_end_do_not_hold, 0},
    {"close_peer_in_same_batch", close_peer_in_same_batch, 0},
    {"background_ops_do_not_hold", background_ops_do_not_hold, 0},
    {"two_loops_two_threads", two_loops_two_threads, 0},
    {"two_loops_one_thread", two_loops_one_thread, 0},
    {"opened_by_many_threads_at_once", opened_by_many_threads_at_once, 0},
    {0},
};
