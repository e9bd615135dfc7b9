/* SPDX-License-Identifier: MIT */
/* loop_close.c - the end of a loop, and callers that break its rules. */
#include <errno.h>

#include "held_work.h"

#define HOUR (3600 * WEIR_SECOND)

struct inside {
    struct contract *c;
    struct weir_op   op, other;
    int              results[4];
    int              other_told;
};

/* ------------------------------------------------------------------------------------------------
 * Broken callers
 * ---------------------------------------------------------------------------------------------- */

static void *start_nop(void *argument)
{
    struct contract *c = argument;
    struct weir_op   op = {0};
    weir_nop(&op, c->loop, 0, contract_done);
    return NULL;
}

static void *run_foreign(void *argument)
{
    struct contract *c = argument;
    weir_run(c->loop, WEIR_NOWAIT);
    return NULL;
}

static void from_thread(struct contract *c, void *(*call)(void *))
{
    struct contract_thread thread;
    contract_run(c);
    contract_thread_start(&thread, call, c);
    contract_thread_join(&thread);
}

static void submit_foreign(struct contract *c)
{
    from_thread(c, start_nop);
}

static void run_from_foreign(struct contract *c)
{
    from_thread(c, run_foreign);
}

static void submit_from_wrong_thread_aborts_with_a_sentence(struct contract *c)
{
    contract_needs("threads of its own");
    contract_expect_abort(c, submit_foreign, "weir: nop");
    contract_expect_abort(c, submit_foreign, "thread");
    contract_expect_abort(c, run_from_foreign, "thread");
}

static void start_live_nop(struct contract *c)
{
    static struct weir_op op;
    weir_nop(&op, c->loop, 0, contract_done);
    weir_nop(&op, c->loop, 0, contract_done);
}

static void start_live_recv(struct contract *c)
{
    static struct weir_op op;
    struct weir_handle    a = {0}, b = {0};
    static char           bytes[10];
    contract_unix_pair(c, &a, &b);
    weir_recv(&op, &a, bytes, sizeof bytes, 0, contract_done);
    weir_run(c->loop, WEIR_NOWAIT);
    weir_recv(&op, &b, bytes, sizeof bytes, 0, contract_done);
}

static void post_live_op(struct contract *c)
{
    static struct weir_op op;
    weir_timer(&op, c->loop, HOUR, 0, contract_done);
    weir_post(&op, c->loop, contract_done);
}

static void start_live_op_aborts_with_a_sentence(struct contract *c)
{
    contract_expect_abort(c, start_live_nop, "live");
    contract_expect_abort(c, start_live_nop, "nop");
    contract_expect_abort(c, start_live_recv, "live");
    contract_expect_abort(c, start_live_recv, "recv");
    contract_expect_abort(c, post_live_op, "live");
}

static void adopt_into_attached(struct contract *c)
{
    struct weir_handle a = {0}, b = {0};
    contract_unix_pair(c, &a, &b);
    weir_adopt(&a, c->loop, 0, WEIR_BORROWED);
}

static void filling_an_attached_handle_aborts(struct contract *c)
{
    contract_expect_abort(c, adopt_into_attached, "in use");
}

/* Before the first weir_run() the loop belongs to one thread at a time, not to the opener. */
static void *open_and_start(void *argument)
{
    struct inside *in = argument;
    CHECK_EQ(contract_open(in->c, &in->c->loop, NULL), 0);
    weir_nop(&in->op, in->c->loop, 0, contract_done);
    return NULL;
}

static void opened_by_one_thread_run_by_another(struct contract *c)
{
    struct inside          in = {.c = c};
    struct contract_thread thread;
    contract_thread_start(&thread, open_and_start, &in);
    contract_thread_join(&thread);
    contract_run(c);
    CHECK_RESULT(&in.op, 0);
}

/* ------------------------------------------------------------------------------------------------
 * Closing the loop
 * ---------------------------------------------------------------------------------------------- */

static void destroy_with_pending_cancels_all(struct contract *c)
{
    struct weir_handle a = {0}, b = {0}, listener = {0}, accepted = {0}, reader = {0}, writer = {0};
    struct weir_op     ops[7] = {{0}};
    char              *buffer = contract_buffer(c, 100);
    contract_tcp_pair(c, &a, &b);
    contract_listen_any(c, &listener);
    contract_pipe_pair(c, &reader, &writer);
    weir_timer(&ops[0], c->loop, HOUR, 0, contract_done);
    weir_recv(&ops[1], &a, buffer, 100, 0, contract_done);
    weir_accept(&ops[2], &listener, &accepted, 0, contract_done);
    weir_poll(&ops[3], &b, WEIR_IN, WEIR_LEVEL, contract_done);
    weir_read(&ops[4], &reader, buffer, 100, WEIR_STREAM, 0, contract_done);
    weir_signal(&ops[5], c->loop, 10, WEIR_BACKGROUND, contract_done);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    weir_timer(&ops[6], c->loop, 0, 0, contract_done); /* not even looked at yet */
    contract_loop_close(c, c->loop);
    c->loop = NULL;
    contract_seal(c, buffer);
    for (int i = 0; i < 6; i++)
        CHECK_RESULT(&ops[i], WEIR_ECANCELED);
    CHECK(weir_ended(&ops[6]));
    CHECK_EQ(weir_handle_kind(&a), WEIR_HANDLE_NONE);
    CHECK_EQ(weir_handle_kind(&b), WEIR_HANDLE_NONE);
    CHECK_EQ(weir_handle_kind(&listener), WEIR_HANDLE_NONE);
    CHECK_EQ(weir_handle_kind(&accepted), WEIR_HANDLE_NONE);
}

static void destroy_without_a_run(struct contract *c)
{
    struct weir_handle a = {0}, b = {0};
    struct weir_op     ops[3] = {{0}};
    char               byte;
    contract_unix_pair(c, &a, &b);
    weir_recv(&ops[0], &a, &byte, 1, 0, contract_done);
    weir_timer(&ops[1], c->loop, HOUR, 0, contract_done);
    weir_post(&ops[2], c->loop, contract_done);
    contract_loop_close(c, c->loop);
    c->loop = NULL;
    for (int i = 0; i < 3; i++)
        CHECK_RESULT(&ops[i], WEIR_ECANCELED);
}

struct closer {
    struct contract   *c;
    struct weir_handle open, closing, adopted;
    struct weir_op     pending, again, other;
    int                adopt_result;
};

static void start_again(struct weir_op *op)
{
    struct closer *k = op->user;
    CHECK_RESULT(op, WEIR_ECANCELED);
    weir_timer(&k->again, k->c->loop, HOUR, 0, contract_done);
    weir_send(&k->other, &k->open, "x", 1, 0, contract_done);
}

static void op_started_while_closing_ends_cancelled(struct contract *c)
{
    struct closer k = {.c = c};
    int           peer = contract_unix_peer(c, &k.open);
    k.pending.user = &k;
    weir_timer(&k.pending, c->loop, HOUR, 0, start_again);
    contract_loop_close(c, c->loop);
    c->loop = NULL;
    CHECK_RESULT(&k.again, WEIR_ECANCELED);
    CHECK_RESULT(&k.other, WEIR_ECANCELED);
    /* Untouched: the peer finds the end, not the byte. */
    char byte;
    CHECK_EQ(contract_raw_recv_some(peer, &byte, 1), 0);
    contract_raw_close(peer);
}

struct restarted {
    struct contract *c;
    struct weir_op   timer;
    int              cancelled;
    bool             enough;
};

static void start_again_until_enough(struct weir_op *op)
{
    struct restarted *r = op->user;
    CHECK_RESULT(op, WEIR_ECANCELED);
    r->cancelled++;
    if (!r->enough)
        weir_timer(op, r->c->loop, HOUR, 0, start_again_until_enough);
}

/* No worker is involved: what starts itself again each time it is cancelled leaves nothing to wait
 * for, and no end. */
static void callbacks_that_start_again_are_busy(struct contract *c)
{
    static const uint64_t timeouts[] = {0, 5 * WEIR_MILLISECOND};
    struct restarted      r = {.c = c};
    r.timer.user = &r;
    weir_timer(&r.timer, c->loop, HOUR, 0, start_again_until_enough);
    for (size_t i = 0; i < sizeof timeouts / sizeof *timeouts; i++) {
        int      before = r.cancelled;
        uint64_t began_ns = weir_now(c->loop);
        CHECK_EQ(weir_loop_close(c->loop, timeouts[i]), WEIR_EBUSY);
        CHECK(weir_now(c->loop) - began_ns >= timeouts[i]);
        CHECK(r.cancelled > before);
        CHECK(!weir_ended(&r.timer));
    }
    r.enough = true;
    int before = r.cancelled;
    CHECK_EQ(weir_loop_close(c->loop, 5 * WEIR_SECOND), 0);
    c->loop = NULL;
    CHECK_EQ(r.cancelled, before + 1);
    CHECK_RESULT(&r.timer, WEIR_ECANCELED);
}

/* A handle that was closing before stands in the way of none that is still open. */
static void destroy_with_a_closing_handle_closes_the_others(struct contract *c)
{
    struct weir_handle first = {0}, second = {0}, third = {0}, fourth = {0};
    contract_unix_pair(c, &first, &second);
    CHECK_EQ(weir_close(&first, contract_closed), 0);
    contract_unix_pair(c, &third, &fourth);
    CHECK_EQ(weir_close(&third, NULL), 0);
    contract_loop_close(c, c->loop);
    c->loop = NULL;
    CHECK_EQ(contract_closed_count(&first), 1);
    CHECK_EQ(weir_handle_kind(&second), WEIR_HANDLE_NONE);
    CHECK_EQ(weir_handle_kind(&fourth), WEIR_HANDLE_NONE);
}

static void close_timeout_is_busy_and_retryable(struct contract *c)
{
    struct held_work work;
    struct weir_op   timer = {0}, late = {0};
    held_work_start(&work, c->loop);
    weir_timer(&timer, c->loop, HOUR, 0, contract_done);
    weir_run(c->loop, WEIR_NOWAIT);
    contract_gate_wait(&work.begun);
    CHECK_EQ(weir_loop_close(c->loop, 0), WEIR_EBUSY);
    CHECK_EQ(weir_loop_close(c->loop, 2 * WEIR_MILLISECOND), WEIR_EBUSY);
    /* The rest has ended; the loop is valid, and closing. */
    CHECK_RESULT(&timer, WEIR_ECANCELED);
    CHECK(!weir_ended(&work.op));
    weir_nop(&late, c->loop, 0, contract_done);
    contract_gate_open(&work.may_end);
    contract_loop_close(c, c->loop);
    c->loop = NULL;
    CHECK_RESULT(&work.op, HELD_WORK_RESULT);
    CHECK_RESULT(&late, WEIR_ECANCELED);
}

/* Its wake-ups went to the outer loop: while it closes, it waits by itself, and does not ask again
 * and again. When it gives up, they go to the outer loop again. */
static void embedded_loop_sleeps_while_it_closes(struct contract *c)
{
    struct held_work  work;
    struct weir_stats before, after;
    weir_os_handle    fd = weir_loop_fd(c->loop);
    CHECK(fd >= 0 || fd == WEIR_ENOTSUP); /* one that has none is closed as any other */
    held_work_start(&work, c->loop);
    weir_run(c->loop, WEIR_NOWAIT);
    contract_gate_wait(&work.begun);
    weir_loop_stats(c->loop, &before);
    CHECK_EQ(weir_loop_close(c->loop, 50 * WEIR_MILLISECOND), WEIR_EBUSY);
    weir_loop_stats(c->loop, &after);
    CHECK(after.turns - before.turns < 20);
    contract_gate_open(&work.may_end);
    if (fd >= 0)
        CHECK(contract_raw_readable((int)fd, 10000));
    contract_loop_close(c, c->loop);
    c->loop = NULL;
    CHECK_RESULT(&work.op, HELD_WORK_RESULT);
}

struct proxy {
    struct weir_handle a, b;
    struct weir_op     recv;
    char               byte;
};

static void close_both(struct weir_op *op)
{
    struct proxy *p = op->user;
    CHECK_RESULT(op, WEIR_ECANCELED);
    CHECK_EQ(weir_close(&p->a, contract_closed), 0);
    CHECK_EQ(weir_close(&p->b, contract_closed), 0);
}

/* A program that frees its connections in on_closed() hears of each, also when the loop ends
 * them. */
static void closed_from_done_while_the_loop_closes(struct contract *c)
{
    struct proxy p = {.byte = 0};
    contract_unix_pair(c, &p.a, &p.b);
    p.recv.user = &p;
    weir_recv(&p.recv, &p.a, &p.byte, 1, 0, close_both);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    contract_loop_close(c, c->loop);
    c->loop = NULL;
    CHECK_EQ(contract_closed_count(&p.a), 1);
    CHECK_EQ(contract_closed_count(&p.b), 1);
}

static void stop_the_loop(struct weir_op *op)
{
    weir_stop(op->user);
}

static void stop_does_not_keep_it_open(struct contract *c)
{
    struct weir_op timers[3] = {{0}};
    for (int i = 0; i < 3; i++) {
        timers[i].user = c->loop;
        weir_timer(&timers[i], c->loop, HOUR, 0, stop_the_loop);
    }
    weir_stop(c->loop);
    contract_loop_close(c, c->loop);
    c->loop = NULL;
    for (int i = 0; i < 3; i++)
        CHECK_RESULT(&timers[i], WEIR_ECANCELED);
}

static void nothing_is_attached_while_closing(struct contract *c)
{
    struct held_work   work;
    struct weir_handle handle = {0};
    held_work_start(&work, c->loop);
    contract_gate_wait(&work.begun);
    CHECK_EQ(weir_loop_close(c->loop, 0), WEIR_EBUSY);
    CHECK_EQ(weir_adopt(&handle, c->loop, 1, WEIR_BORROWED), WEIR_ECANCELED);
    CHECK_EQ(weir_handle_kind(&handle), WEIR_HANDLE_NONE);
    contract_gate_open(&work.may_end);
    contract_loop_close(c, c->loop);
    c->loop = NULL;
    CHECK_RESULT(&work.op, HELD_WORK_RESULT);
}

/* The mechanism fails while a worker is awaited: that is told, and the loop can be closed when
 * there is nothing to wait for. */
static void failed_wait_is_told_by_the_close(struct contract *c)
{
    struct held_work work;
    held_work_start(&work, c->loop);
    contract_gate_wait(&work.begun);
    contract_deny_waiting(EIO);
    CHECK_EQ(weir_loop_close(c->loop, WEIR_FOREVER), WEIR_EIO);
    CHECK(!weir_ended(&work.op));
    contract_gate_open(&work.may_end);
    while (!weir_ended(&work.op)) {
        CHECK(weir_run(c->loop, WEIR_NOWAIT) >= 0);
        contract_breathe();
    }
    CHECK_RESULT(&work.op, HELD_WORK_RESULT);
    CHECK_EQ(weir_loop_close(c->loop, 0), 0);
    c->loop = NULL;
}

const struct contract_case contract_cases[] = {
    {"failed_wait_is_told_by_the_close", failed_wait_is_told_by_the_close, 0},
    {"submit_from_wrong_thread_aborts_with_a_sentence",
     submit_from_wrong_thread_aborts_with_a_sentence, 0},
    {"start_live_op_aborts_with_a_sentence", start_live_op_aborts_with_a_sentence, 0},
    {"filling_an_attached_handle_aborts", filling_an_attached_handle_aborts, 0},
    /* The loop is opened by another thread. */
    {"opened_by_one_thread_run_by_another", opened_by_one_thread_run_by_another, CONTRACT_OWN_LOOP},
    {"destroy_with_pending_cancels_all", destroy_with_pending_cancels_all, 0},
    {"destroy_without_a_run", destroy_without_a_run, 0},
    {"op_started_while_closing_ends_cancelled", op_started_while_closing_ends_cancelled, 0},
    {"callbacks_that_start_again_are_busy", callbacks_that_start_again_are_busy, 0},
    {"destroy_with_a_closing_handle_closes_the_others",
     destroy_with_a_closing_handle_closes_the_others, 0},
    {"close_timeout_is_busy_and_retryable", close_timeout_is_busy_and_retryable, 0},
    {"embedded_loop_sleeps_while_it_closes", embedded_loop_sleeps_while_it_closes, 0},
    {"closed_from_done_while_the_loop_closes", closed_from_done_while_the_loop_closes, 0},
    {"stop_does_not_keep_it_open", stop_does_not_keep_it_open, 0},
    {"nothing_is_attached_while_closing", nothing_is_attached_while_closing, 0},
    {0},
};
