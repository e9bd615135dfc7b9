/* SPDX-License-Identifier: MIT */
/* wake.c - other threads and other loops: posts, wake-ups, embedding, worker lanes. */
#include <poll.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "held_work.h"

#define HOUR (3600 * WEIR_SECOND)
#define THREADS 8

/* ------------------------------------------------------------------------------------------------
 * Posts
 * ---------------------------------------------------------------------------------------------- */

struct poster {
    struct contract_thread thread;
    struct weir_loop      *loop;
    struct weir_op        *ops;
    unsigned               count, next; /* next: the one that has to come next */
};

static void check_next(struct weir_op *op)
{
    struct poster *p = op->user;
    CHECK(op == &p->ops[p->next]);
    CHECK_RESULT(op, 0);
    p->next++;
}

static void *post_all(void *argument)
{
    struct poster *p = argument;
    for (unsigned i = 0; i < p->count; i++) {
        p->ops[i].user = p;
        weir_post(&p->ops[i], p->loop, check_next);
    }
    return NULL;
}

static void start_posters(struct contract *c, struct poster *posters, unsigned threads,
                          unsigned count)
{
    for (unsigned i = 0; i < threads; i++) {
        posters[i] = (struct poster){.loop = c->loop, .count = count};
        posters[i].ops = calloc(count, sizeof *posters[i].ops);
        CHECK(posters[i].ops != NULL);
        contract_thread_start(&posters[i].thread, post_all, &posters[i]);
    }
}

static unsigned posts_told(const struct poster *posters, unsigned threads)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < threads; i++)
        sum += posters[i].next;
    return sum;
}

static void post_8_threads_exactly_once(struct contract *c)
{
    static struct poster posters[THREADS];
    struct weir_op       hold = {0};
    unsigned             count = contract_count(5000);
    weir_timer(&hold, c->loop, HOUR, 0, contract_done);
    start_posters(c, posters, THREADS, count);
    while (posts_told(posters, THREADS) < THREADS * count)
        CHECK_EQ(weir_run(c->loop, WEIR_ONCE), 1);
    for (unsigned i = 0; i < THREADS; i++) {
        contract_thread_join(&posters[i].thread);
        CHECK_EQ(posters[i].next, count);
        for (unsigned k = 0; k < count; k++)
            CHECK_EQ(contract_told(&posters[i].ops[k]), 1);
        free(posters[i].ops);
    }
    weir_cancel(&hold);
    contract_run(c);
    struct weir_stats stats;
    weir_loop_stats(c->loop, &stats);
    CHECK_EQ(stats.posts, THREADS * count);
}

/* All posted before the loop looks at any: each thread's still come in its order. */
static void post_order_per_thread(struct contract *c)
{
    static struct poster posters[THREADS];
    unsigned             count = contract_count(2000);
    start_posters(c, posters, THREADS, count);
    for (unsigned i = 0; i < THREADS; i++)
        contract_thread_join(&posters[i].thread);
    contract_run(c);
    for (unsigned i = 0; i < THREADS; i++) {
        CHECK_EQ(posters[i].next, count);
        free(posters[i].ops);
    }
}

static void post_from_the_loops_own_thread(struct contract *c)
{
    struct weir_op first = {0}, second = {0};
    weir_post(&first, c->loop, contract_done);
    CHECK(!weir_ended(&first));
    contract_run(c);
    CHECK_RESULT(&first, 0);
    CHECK_EQ(first.kind, WEIR_OP_POST);
    weir_post(&first, c->loop, contract_done);
    weir_post(&second, c->loop, NULL);
    contract_run(c);
    CHECK_RESULT(&first, 0);
    CHECK_RESULT(&second, 0);
}

struct sleeper {
    struct contract *c;
    struct weir_op   op, hold;
    unsigned         left;
    _Atomic unsigned told;
};

static void count_told(struct weir_op *op)
{
    struct sleeper *s = op->user;
    atomic_fetch_add_explicit(&s->told, 1, memory_order_release);
}

static void *post_again_and_again(void *argument)
{
    struct sleeper *s = argument;
    for (unsigned i = 0; i < s->left; i++) {
        weir_post(&s->op, s->c->loop, count_told);
        /* The op is this thread's again when its done() has run. */
        while (atomic_load_explicit(&s->told, memory_order_acquire) <= i)
            sched_yield();
    }
    return NULL;
}

/* One post at a time against a loop that is about to sleep, or asleep: each must wake it. A lost
 * one hangs the case. */
static void post_against_sleep_1e6(struct contract *c)
{
    struct sleeper         s = {.c = c, .left = contract_count(1000000)};
    struct contract_thread thread;
    s.op.user = &s;
    weir_timer(&s.hold, c->loop, HOUR, 0, contract_done);
    contract_thread_start(&thread, post_again_and_again, &s);
    while (atomic_load(&s.told) < s.left)
        CHECK_EQ(weir_run(c->loop, WEIR_ONCE), 1);
    contract_thread_join(&thread);
    weir_cancel(&s.hold);
    contract_run(c);
}

static void count_end(struct weir_op *op)
{
    struct poster *p = op->user;
    CHECK(op->result == 0 || op->result == WEIR_ECANCELED);
    p->next++;
}

static void *post_to_closing(void *argument)
{
    struct poster *p = argument;
    for (unsigned i = 0; i < p->count; i++) {
        p->ops[i].user = p;
        weir_post(&p->ops[i], p->loop, count_end);
    }
    return NULL;
}

/* The loop closes with posts on its list, and while more come: each ends once. A worker's call
 * keeps the loop from being gone before the last post. */
static void post_against_destroy(struct contract *c)
{
    unsigned rounds = contract_count(50);
    for (unsigned i = 0; i < rounds; i++) {
        static struct weir_op ops[200];
        struct held_work      work;
        struct poster         poster = {.loop = c->loop, .ops = ops, .count = 200};
        held_work_start(&work, c->loop);
        contract_gate_wait(&work.begun);
        contract_thread_start(&poster.thread, post_to_closing, &poster);
        if (i % 2)
            CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
        CHECK_EQ(weir_loop_close(c->loop, i % 3 * 100 * WEIR_MICROSECOND), WEIR_EBUSY);
        contract_thread_join(&poster.thread);
        contract_gate_open(&work.may_end);
        contract_loop_close(c, c->loop);
        CHECK_RESULT(&work.op, HELD_WORK_RESULT);
        CHECK_EQ(poster.next, 200);
        CHECK_EQ(contract_open(c, &c->loop, NULL), 0);
    }
}

/* ------------------------------------------------------------------------------------------------
 * Wake-ups
 * ---------------------------------------------------------------------------------------------- */

struct waker {
    struct weir_loop    *loop;
    struct contract_gate waits; /* opened by the loop's thread directly before it waits */
};

static void *wake_it(void *argument)
{
    struct waker *w = argument;
    contract_gate_wait(&w->waits);
    weir_wake(w->loop);
    return NULL;
}

static void open_gate_before_wait(struct weir_loop *loop, void *user, int64_t timeout_ns)
{
    struct waker *w = user;
    (void)loop, (void)timeout_ns;
    contract_gate_open(&w->waits);
}

static void wake_ends_a_wait(struct contract *c)
{
    struct waker           waker = {.loop = NULL};
    struct weir_options    options = {.before_wait = open_gate_before_wait, .wait_user = &waker};
    struct weir_op         timer = {0};
    struct contract_thread thread;
    contract_loop_close(c, c->loop);
    CHECK_EQ(contract_open(c, &c->loop, &options), 0);
    waker.loop = c->loop;
    weir_timer(&timer, c->loop, HOUR, 0, contract_done);
    contract_thread_start(&thread, wake_it, &waker);
    CHECK_EQ(weir_run(c->loop, WEIR_ONCE), 1); /* returns: the case would hang */
    contract_thread_join(&thread);
    CHECK(!weir_ended(&timer));
    weir_cancel(&timer);
    contract_run(c);
}

static void wake_before_a_wait_makes_it_return(struct contract *c)
{
    struct weir_op timer = {0};
    weir_timer(&timer, c->loop, HOUR, 0, contract_done);
    weir_wake(c->loop);
    CHECK_EQ(weir_run(c->loop, WEIR_ONCE), 1);
    weir_wake(c->loop);
    weir_wake(c->loop);
    CHECK_EQ(weir_run(c->loop, WEIR_ONCE), 1);
    weir_cancel(&timer);
    contract_run(c);
}

static int64_t wait_at_gate(struct weir_op *op)
{
    contract_gate_wait(op->user);
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Inside another loop
 * ---------------------------------------------------------------------------------------------- */

/* The outer loop: waits for the descriptor and the timeout, then runs the loop. Whether the
 * descriptor was readable. */
static bool outer_wait(struct contract *c, int fd)
{
    int64_t       timeout_ns = weir_loop_timeout(c->loop);
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    int           timeout_ms = timeout_ns < 0 ? 20000 : (int)((timeout_ns + 999999) / 1000000);
    CHECK(timeout_ns < 20 * (int64_t)WEIR_SECOND);
    int count = poll(&ready, 1, timeout_ms);
    if (timeout_ns < 0 && count == 0)
        contract_fail(__FILE__, __LINE__, "the outer loop was not woken");
    CHECK(weir_run(c->loop, WEIR_NOWAIT) >= 0);
    return count == 1;
}

/* The loop's descriptor, or -1 after checking that the refusal is said as such. */
static int embed(struct contract *c)
{
    weir_os_handle fd = weir_loop_fd(c->loop);
    if (fd == WEIR_ENOTSUP)
        return -1;
    CHECK(fd >= 0);
    CHECK_EQ(weir_loop_fd(c->loop), fd);
    return (int)fd;
}

static void embedded_loop_is_served(struct contract *c)
{
    struct weir_handle handle = {0};
    struct weir_op     recv = {0}, timer = {0}, nop = {0};
    char               byte;
    int                fd = embed(c);
    if (fd < 0)
        SKIP("the mechanism has no descriptor that another loop can wait for");
    int peer = contract_tcp_peer(c, &handle);
    CHECK_EQ(weir_loop_timeout(c->loop), -1);
    weir_nop(&nop, c->loop, 0, contract_done);
    CHECK_EQ(weir_loop_timeout(c->loop), 0);
    while (!weir_ended(&nop))
        outer_wait(c, fd);
    for (int lap = 0; lap < 100; lap++) {
        weir_recv(&recv, &handle, &byte, 1, 0, contract_done);
        while (weir_loop_timeout(c->loop) == 0)
            CHECK(weir_run(c->loop, WEIR_NOWAIT) >= 0);
        contract_raw_send(peer, "x", 1);
        while (!weir_ended(&recv))
            outer_wait(c, fd);
        CHECK_RESULT(&recv, 1);
    }
    weir_timer(&timer, c->loop, 5 * WEIR_MILLISECOND, 0, contract_done);
    while (!weir_ended(&timer))
        outer_wait(c, fd);
    CHECK_EQ(weir_close(&handle, NULL), 0);
    while (weir_handle_kind(&handle) != WEIR_HANDLE_NONE)
        outer_wait(c, fd);
    contract_raw_close(peer);
}

struct echo {
    struct weir_handle handle;
    struct weir_op     recv, send;
    char               byte;
    int                laps;
};

static void echo_received(struct weir_op *op);

static void echo_sent(struct weir_op *op)
{
    struct echo *e = op->user;
    CHECK_RESULT(op, 1);
    if (++e->laps < 100)
        weir_recv(&e->recv, &e->handle, &e->byte, 1, 0, echo_received);
}

static void echo_received(struct weir_op *op)
{
    struct echo *e = op->user;
    CHECK_RESULT(op, 1);
    weir_send(&e->send, &e->handle, &e->byte, 1, WEIR_ALL, echo_sent);
}

/* What callbacks start is handed over before the outer loop sleeps, and needs no further run. */
/* More ends at a time than there is memory to tell of. */
static void embedded_loop_goes_on_without_memory(struct contract *c)
{
    enum { COUNT = 200 };
    static struct weir_handle handles[COUNT];
    static struct weir_op     recvs[COUNT];
    static char               bytes[COUNT];
    int                       peers[COUNT], fd = embed(c);
    if (fd < 0)
        SKIP("the mechanism has no descriptor that another loop can wait for");
    for (int i = 0; i < COUNT; i++) {
        peers[i] = contract_unix_peer(c, &handles[i]);
        weir_recv(&recvs[i], &handles[i], &bytes[i], 1, 0, contract_done);
    }
    for (int turn = 0; turn < 4; turn++)
        CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    contract_heap_fail(1, true);
    for (int i = 0; i < COUNT; i++)
        contract_raw_send(peers[i], "x", 1);
    for (int i = 0; i < COUNT; i++)
        while (!weir_ended(&recvs[i]))
            outer_wait(c, fd);
    contract_heap_fail(0, false);
    for (int i = 0; i < COUNT; i++) {
        CHECK_RESULT(&recvs[i], 1);
        CHECK_EQ(weir_close(&handles[i], NULL), 0);
        contract_raw_close(peers[i]);
    }
    contract_run(c);
}

static void embedded_callbacks_are_served(struct contract *c)
{
    struct echo e = {.laps = 0};
    char        byte = 'x';
    int         fd = embed(c);
    if (fd < 0)
        SKIP("the mechanism has no descriptor that another loop can wait for");
    int peer = contract_tcp_peer(c, &e.handle);
    e.recv.user = e.send.user = &e;
    weir_recv(&e.recv, &e.handle, &e.byte, 1, 0, echo_received);
    while (e.laps < 100) {
        int laps = e.laps;
        contract_raw_send(peer, &byte, 1);
        while (e.laps == laps)
            outer_wait(c, fd);
        contract_raw_recv(peer, &byte, 1);
    }
    CHECK_EQ(weir_run(c->loop, WEIR_UNTIL_DONE), 0);
    contract_close(c, &e.handle);
    contract_raw_close(peer);
}

static void loop_timeout_is_told(struct contract *c)
{
    struct weir_op far = {0}, near_op = {0};
    CHECK_EQ(weir_loop_timeout(c->loop), -1);
    weir_timer(&far, c->loop, HOUR, 0, contract_done);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    int64_t left = weir_loop_timeout(c->loop);
    CHECK(left > 0 && left <= (int64_t)HOUR);
    weir_timer(&near_op, c->loop, WEIR_SECOND, 0, contract_done);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    left = weir_loop_timeout(c->loop);
    CHECK(left >= 0 && left <= (int64_t)WEIR_SECOND);
    weir_deadline(&near_op, 0);
    CHECK_EQ(weir_loop_timeout(c->loop), 0);
    weir_cancel(&far);
    CHECK_EQ(weir_loop_timeout(c->loop), 0);
    contract_run(c);
    CHECK_EQ(weir_loop_timeout(c->loop), -1);
}

static void post_while_embedded_is_seen(struct contract *c)
{
    struct poster  poster;
    struct weir_op hold = {0};
    unsigned       count = contract_count(5000);
    int            fd = embed(c);
    if (fd < 0)
        SKIP("the mechanism has no descriptor that another loop can wait for");
    weir_timer(&hold, c->loop, WEIR_FOREVER, 0, contract_done);
    while (weir_loop_timeout(c->loop) == 0)
        CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    start_posters(c, &poster, 1, count);
    while (poster.next < count)
        outer_wait(c, fd);
    contract_thread_join(&poster.thread);
    free(poster.ops);
    weir_cancel(&hold);
    contract_run(c);
}

/* Work that comes back, and a plain weir_wake(), make the descriptor readable too. */
static void work_and_wake_while_embedded_are_seen(struct contract *c)
{
    struct contract_gate gate = {0};
    struct weir_op       work = {.user = &gate};
    int                  fd = embed(c);
    if (fd < 0)
        SKIP("the mechanism has no descriptor that another loop can wait for");
    weir_work(&work, c->loop, wait_at_gate, 0, contract_done);
    while (weir_loop_timeout(c->loop) == 0)
        CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    weir_wake(c->loop);
    CHECK(contract_raw_readable(fd, 20000));
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    contract_gate_open(&gate);
    while (!weir_ended(&work))
        outer_wait(c, fd);
    CHECK_RESULT(&work, 0);
}

/* ------------------------------------------------------------------------------------------------
 * Workers
 * ---------------------------------------------------------------------------------------------- */

/* A post does not count as background: it holds the loop until it was told. Work in the background
 * does not, and is told all the same when the loop is run for something else. */
static void background_work_does_not_hold(struct contract *c)
{
    struct contract_gate gate = {0};
    struct weir_op       work = {.user = &gate}, timer = {0};
    weir_work(&work, c->loop, wait_at_gate, WEIR_BACKGROUND, contract_done);
    CHECK_EQ(weir_run(c->loop, WEIR_UNTIL_DONE), 0);
    CHECK(!weir_ended(&work));
    contract_gate_open(&gate);
    while (!weir_ended(&work)) {
        weir_timer(&timer, c->loop, WEIR_MILLISECOND, 0, contract_done);
        contract_run(c);
    }
    CHECK_RESULT(&work, 0);
}

struct task {
    struct weir_op op;
    const void    *thread; /* something of the thread that it ran on */
    int            calls;
};

static _Thread_local char thread_mark;

static int64_t note_thread(struct weir_op *op)
{
    struct task *t = op->user;
    t->thread = &thread_mark;
    t->calls++;
    return 1000 + t->calls;
}

static void work_runs_on_a_worker(struct contract *c)
{
    struct task task = {.op = {.user = &task}};
    weir_work(&task.op, c->loop, note_thread, 0, contract_done);
    contract_needs("threads of its own");
    CHECK(!weir_ended(&task.op));
    contract_run(c);
    CHECK_RESULT(&task.op, 1001);
    CHECK_EQ(task.op.served, WEIR_SERVED_WORKER);
    CHECK(task.thread != &thread_mark);
}

static int64_t return_user(struct weir_op *op)
{
    return *(int64_t *)op->user;
}

/* Whatever number it is: nothing of it is taken for an answer of the system. */
static void work_result_is_told_as_it_is(struct contract *c)
{
    static int64_t values[] = {0,           1,           -1,           INT64_MAX,      INT64_MIN,
                               WEIR_EINTR,  WEIR_EAGAIN, WEIR_ENOTSUP, WEIR_ECANCELED, WEIR_EMFILE,
                               WEIR_ENOMEM, -512,        1000000007};
    for (unsigned i = 0; i < sizeof values / sizeof *values; i++) {
        struct weir_op op = {.user = &values[i]};
        weir_work(&op, c->loop, return_user, 0, contract_done);
        CHECK_EQ(contract_await(c, &op), values[i]);
        CHECK_EQ(contract_told(&op), 1);
    }
}

static void work_many_exactly_once(struct contract *c)
{
    unsigned          count = contract_count(5000);
    struct task      *tasks = calloc(count, sizeof *tasks);
    struct weir_stats stats, before;
    contract_needs("threads of its own");
    CHECK(tasks != NULL);
    weir_loop_stats(c->loop, &before);
    for (unsigned i = 0; i < count; i++) {
        tasks[i].op.user = &tasks[i];
        weir_work(&tasks[i].op, c->loop, note_thread, 0, contract_done);
        if (i % 100 == 0)
            CHECK(weir_run(c->loop, WEIR_NOWAIT) >= 0);
    }
    contract_run(c);
    for (unsigned i = 0; i < count; i++) {
        CHECK_RESULT(&tasks[i].op, 1001);
        CHECK_EQ(tasks[i].calls, 1);
    }
    weir_loop_stats(c->loop, &stats);
    CHECK(stats.workers > before.workers && stats.workers <= before.workers + 4);
    free(tasks);
}

static void work_again_from_done(struct weir_op *op)
{
    struct task *t = op->user;
    if (t->calls < 100)
        weir_work(op, weir_op_loop(op), note_thread, 0, work_again_from_done);
}

static void work_restarts_in_its_done(struct contract *c)
{
    struct task task = {.op = {.user = &task}};
    weir_work(&task.op, c->loop, note_thread, 0, work_again_from_done);
    contract_run(c);
    CHECK_EQ(task.calls, 100);
}

/* User work that hangs keeps no file waiting: each lane has workers of its own. */
static void worker_lanes_not_starved(struct contract *c)
{
    static const char    text[] = "files go on";
    struct contract_gate gate = {0};
    struct weir_op       work[16] = {{0}}, file_op = {0};
    struct weir_handle   file = {0};
    char                 back[sizeof text];
    for (int i = 0; i < 16; i++) {
        work[i].user = &gate;
        weir_work(&work[i], c->loop, wait_at_gate, 0, contract_done);
    }
    weir_open(&file_op, c->loop, &file, contract_temp_file(c),
              WEIR_OPEN_READ | WEIR_OPEN_WRITE | WEIR_OPEN_CREATE | 0600, 0, contract_done);
    CHECK_EQ(contract_await(c, &file_op), 0);
    weir_write(&file_op, &file, text, sizeof text, 0, 0, contract_done);
    CHECK_EQ(contract_await(c, &file_op), (int64_t)sizeof text);
    weir_fsync(&file_op, &file, 0, contract_done);
    CHECK_EQ(contract_await(c, &file_op), 0);
    weir_read(&file_op, &file, back, sizeof back, 0, 0, contract_done);
    CHECK_EQ(contract_await(c, &file_op), (int64_t)sizeof text);
    CHECK(!memcmp(text, back, sizeof text));
    for (int i = 0; i < 16; i++)
        CHECK(!weir_ended(&work[i]));
    contract_gate_open(&gate);
    contract_close(c, &file);
    contract_run(c);
}

static void worker_counts_are_bounded(struct contract *c)
{
    struct weir_options  options = {.work_workers = 2};
    struct contract_gate gate = {0};
    struct weir_op       work[16] = {{0}};
    struct weir_stats    stats, before;
    contract_loop_close(c, c->loop);
    CHECK_EQ(contract_open(c, &c->loop, &options), 0);
    unsigned threads = contract_thread_count();
    weir_loop_stats(c->loop, &before);
    for (int i = 0; i < 16; i++) {
        work[i].user = &gate;
        weir_work(&work[i], c->loop, wait_at_gate, 0, contract_done);
    }
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    weir_loop_stats(c->loop, &stats);
    CHECK(stats.workers <= before.workers + 2);
    CHECK(contract_thread_count() <= threads + 2);
    contract_gate_open(&gate);
    contract_run(c);
}

/* No thread can be started: the op is told so, and the loop is as good as before. */
static void thread_create_fails(struct contract *c)
{
    struct task        task = {.op = {.user = &task}};
    struct weir_handle handle = {0};
    struct weir_op     recv = {0};
    char               byte;
    int                peer = contract_unix_peer(c, &handle);
    contract_deny_threads(EAGAIN);
    weir_work(&task.op, c->loop, note_thread, 0, contract_done);
    CHECK(contract_await(c, &task.op) < 0);
    CHECK_EQ(task.calls, 0);
    weir_recv(&recv, &handle, &byte, 1, 0, contract_done);
    contract_raw_send(peer, "x", 1);
    CHECK_EQ(contract_await(c, &recv), 1);
    contract_close(c, &handle);
    contract_raw_close(peer);
}

const struct contract_case contract_cases[] = {
    {"post_8_threads_exactly_once", post_8_threads_exactly_once, 0},
    {"post_order_per_thread", post_order_per_thread, 0},
    {"post_from_the_loops_own_thread", post_from_the_loops_own_thread, 0},
    /* A million hand-overs between two threads take their time on a busy machine. */
    {"post_against_sleep_1e6", post_against_sleep_1e6, CONTRACT_SLOW},
    {"post_against_destroy", post_against_destroy, 0},
    {"wake_ends_a_wait", wake_ends_a_wait, 0},
    {"wake_before_a_wait_makes_it_return", wake_before_a_wait_makes_it_return, 0},
    {"embedded_loop_is_served", embedded_loop_is_served, 0},
    {"embedded_loop_goes_on_without_memory", embedded_loop_goes_on_without_memory, 0},
    {"embedded_callbacks_are_served", embedded_callbacks_are_served, 0},
    {"loop_timeout_is_told", loop_timeout_is_told, 0},
    {"post_while_embedded_is_seen", post_while_embedded_is_seen, 0},
    {"work_and_wake_while_embedded_are_seen", work_and_wake_while_embedded_are_seen, 0},
    {"work_runs_on_a_worker", work_runs_on_a_worker, 0},
    {"background_work_does_not_hold", background_work_does_not_hold, 0},
    {"work_result_is_told_as_it_is", work_result_is_told_as_it_is, 0},
    {"work_many_exactly_once", work_many_exactly_once, 0},
    {"work_restarts_in_its_done", work_restarts_in_its_done, 0},
    {"worker_lanes_not_starved", worker_lanes_not_starved, 0},
    {"worker_counts_are_bounded", worker_counts_are_bounded, 0},
    {"thread_create_fails", thread_create_fails, 0},
    {0},
};
