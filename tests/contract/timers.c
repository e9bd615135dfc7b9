/* SPDX-License-Identifier: MIT */
/* timers.c - timers and deadlines: never early, in order, moved in place, told apart. */
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "held_work.h"

#define HOUR (3600 * WEIR_SECOND)

/* ------------------------------------------------------------------------------------------------
 * Timers
 * ---------------------------------------------------------------------------------------------- */

struct order {
    struct weir_op ops[64];
    int            told;
};

static void check_turn(struct weir_op *op)
{
    struct order *o = op->user;
    CHECK(op == &o->ops[o->told]);
    o->told++;
}

static void order_equal(struct contract *c)
{
    struct order o = {.told = 0};
    uint64_t     due = weir_now(c->loop) + 10 * WEIR_MILLISECOND;
    for (int i = 0; i < 64; i++) {
        o.ops[i].user = &o;
        weir_timer(&o.ops[i], c->loop, HOUR, 0, check_turn);
        weir_deadline_at(&o.ops[i], due);
    }
    contract_run(c);
    CHECK_EQ(o.told, 64);
    /* Timers of 0 are equal too. */
    o.told = 0;
    for (int i = 0; i < 64; i++)
        weir_timer(&o.ops[i], c->loop, 0, 0, check_turn);
    contract_run(c);
    CHECK_EQ(o.told, 64);
}

struct measured {
    struct weir_op op;
    uint64_t       due_ns;
    int           *left;
};

static void check_not_early(struct weir_op *op)
{
    struct measured *m = op->user;
    CHECK_RESULT(op, 0);
    CHECK(weir_now(weir_op_loop(op)) >= m->due_ns);
    --*m->left;
}

static void start_measured(struct contract *c, struct measured *m, uint64_t ns)
{
    m->op.user = m;
    m->due_ns = weir_now(c->loop) + ns;
    weir_timer(&m->op, c->loop, ns, 0, check_not_early);
}

static void never_early(struct contract *c)
{
    static struct measured timers[1000];
    int                    left = 1000;
    unsigned               random = 1;
    for (int i = 0; i < 1000; i++) {
        random = random * 1664525u + 1013904223u;
        timers[i].left = &left;
        /* From nothing to 50 ms, most of them with a fraction of a millisecond. */
        start_measured(c, &timers[i], random % (50 * WEIR_MILLISECOND));
    }
    contract_run(c);
    CHECK_EQ(left, 0);
}

/* Alone, one after the other: each wait is cut to the timer, and none may be cut too short. */
static void never_early_alone(struct contract *c)
{
    static const uint64_t times[] = {0,      1,      999,     1000,    1001,    499999,
                                     500000, 999999, 1000000, 1000001, 1500000, 3999999};
    for (unsigned i = 0; i < sizeof times / sizeof *times; i++) {
        struct measured m = {.op = {0}};
        int             left = 1;
        m.left = &left;
        start_measured(c, &m, times[i]);
        contract_run(c);
        CHECK_EQ(left, 0);
    }
}

static void note_now(struct weir_op *op)
{
    *(uint64_t *)op->user = weir_now(weir_op_loop(op));
}

static void rearm_moves_in_place(struct contract *c)
{
    uint64_t       times[2] = {0, 0}, later;
    struct weir_op later_op = {.user = &times[0]}, sooner_op = {.user = &times[1]};
    weir_timer(&later_op, c->loop, 5 * WEIR_MILLISECOND, 0, note_now);
    weir_timer(&sooner_op, c->loop, HOUR, 0, note_now);
    later = weir_now(c->loop) + 40 * WEIR_MILLISECOND;
    weir_deadline(&later_op, 40 * WEIR_MILLISECOND);
    weir_deadline(&sooner_op, 10 * WEIR_MILLISECOND);
    contract_run(c);
    /* One completion each, of a timer: a deadline on it is not a deadline that passed. */
    CHECK_RESULT(&later_op, 0);
    CHECK_RESULT(&sooner_op, 0);
    CHECK_EQ(contract_told(&later_op), 1);
    CHECK_EQ(contract_told(&sooner_op), 1);
    CHECK(times[0] >= later);
    CHECK(times[1] < times[0]);
    /* An ended one is left alone. */
    weir_deadline(&later_op, 0);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 0);
    CHECK_EQ(contract_told(&later_op), 1);
}

static void rearm_many_times(struct contract *c)
{
    struct weir_op timer = {0}, end = {0};
    weir_timer(&timer, c->loop, HOUR, 0, contract_done);
    weir_timer(&end, c->loop, 5 * WEIR_MILLISECOND, 0, contract_done);
    for (unsigned i = 0; i < 10000; i++)
        weir_deadline(&timer, HOUR + i);
    CHECK_EQ(contract_await(c, &end), 0);
    CHECK(!weir_ended(&timer));
    struct weir_stats stats;
    weir_loop_stats(c->loop, &stats);
    CHECK_EQ(stats.timers, 1);
    weir_deadline(&timer, 0);
    CHECK_EQ(contract_await(c, &timer), 0);
}

static void forever_takes_the_time_away(struct contract *c)
{
    struct weir_op timer = {0}, end = {0};
    weir_timer(&timer, c->loop, 2 * WEIR_MILLISECOND, 0, contract_done);
    weir_deadline(&timer, WEIR_FOREVER);
    weir_timer(&end, c->loop, 20 * WEIR_MILLISECOND, 0, contract_done);
    CHECK_EQ(contract_await(c, &end), 0);
    CHECK(!weir_ended(&timer));
    CHECK_EQ(weir_cancel(&timer), 0);
    CHECK_EQ(contract_await(c, &timer), WEIR_ECANCELED);
}

struct zero {
    struct weir_op op;
    unsigned       fired;
};

static void fire_again(struct weir_op *op)
{
    struct zero *z = op->user;
    if (op->result < 0)
        return;
    z->fired++;
    weir_timer(op, weir_op_loop(op), 0, 0, fire_again);
}

/* A timer of 0 that starts itself again lets everything else have its turn. */
static void zero_rearm_no_livelock(struct contract *c)
{
    struct zero        zero = {.op = {.user = &zero}};
    struct weir_handle handle = {0};
    struct weir_op     recv = {0}, timer = {0};
    char               byte;
    int                peer = contract_unix_peer(c, &handle);
    weir_timer(&zero.op, c->loop, 0, 0, fire_again);
    weir_recv(&recv, &handle, &byte, 1, 0, contract_done);
    weir_timer(&timer, c->loop, 3 * WEIR_MILLISECOND, 0, contract_done);
    CHECK_EQ(weir_run(c->loop, WEIR_ONCE), 1); /* it returns, though there is always more */
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    contract_raw_send(peer, "x", 1);
    CHECK_EQ(contract_await(c, &recv), 1);
    CHECK_EQ(contract_await(c, &timer), 0);
    CHECK(zero.fired > 1);
    CHECK_EQ(weir_cancel(&zero.op), 0);
    contract_run(c);
    contract_close(c, &handle);
    contract_raw_close(peer);
}

static void check_wait(struct weir_loop *loop, void *user, int64_t timeout_ns)
{
    (void)loop;
    CHECK(timeout_ns >= -1);
    ++*(unsigned *)user;
}

static void int_max_and_uint64_max(struct contract *c)
{
    static const uint64_t times[] = {(uint64_t)INT_MAX * WEIR_MILLISECOND,
                                     ((uint64_t)INT_MAX + 1) * WEIR_MILLISECOND,
                                     (uint64_t)UINT_MAX * WEIR_MILLISECOND,
                                     (uint64_t)UINT_MAX * WEIR_SECOND,
                                     INT64_MAX,
                                     (uint64_t)INT64_MAX + 1,
                                     UINT64_MAX - 1,
                                     UINT64_MAX};
    enum { TIMES = sizeof times / sizeof *times };
    unsigned            waits = 0;
    struct weir_options options = {.before_wait = check_wait, .wait_user = &waits};
    struct weir_op      timers[TIMES] = {{0}}, near_op = {0};
    contract_loop_close(c, c->loop);
    CHECK_EQ(contract_open(c, &c->loop, &options), 0);
    for (int i = 0; i < TIMES; i++) {
        weir_timer(&timers[i], c->loop, times[i], 0, contract_done);
        CHECK(weir_loop_timeout(c->loop) >= -1);
        CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
        CHECK(!weir_ended(&timers[i]));
    }
    /* A real wait beside them ends with the near one. */
    weir_timer(&near_op, c->loop, 5 * WEIR_MILLISECOND, 0, contract_done);
    CHECK_EQ(contract_await(c, &near_op), 0);
    for (int i = 0; i < TIMES; i++) {
        CHECK(!weir_ended(&timers[i]));
        CHECK_EQ(weir_cancel(&timers[i]), 0);
    }
    contract_run(c);
    CHECK(waits > 0);
}

/* A wait that is asked for with only a far timer must still end when something happens. */
static void far_timer_does_not_deafen(struct contract *c)
{
    static const uint64_t times[] = {(uint64_t)INT_MAX * WEIR_MILLISECOND, UINT64_MAX / 2,
                                     UINT64_MAX};
    for (int i = 0; i < 3; i++) {
        struct weir_handle handle = {0};
        struct weir_op     timer = {0}, recv = {0};
        char               byte;
        int                peer = contract_unix_peer(c, &handle);
        weir_timer(&timer, c->loop, times[i], 0, contract_done);
        weir_recv(&recv, &handle, &byte, 1, 0, contract_done);
        CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
        contract_raw_send(peer, "x", 1);
        CHECK_EQ(contract_await(c, &recv), 1);
        CHECK(!weir_ended(&timer));
        CHECK_EQ(weir_cancel(&timer), 0);
        contract_close(c, &handle);
        contract_run(c);
        contract_raw_close(peer);
    }
}

/* Their due times, by index, and the latest that fired: they fire in the order of those. */
struct crowd {
    struct weir_op *timers;
    uint64_t       *due_ns;
    uint64_t        last_due_ns;
    unsigned        fired;
};

static void check_order(struct weir_op *op)
{
    struct crowd *crowd = op->user;
    uint64_t      due_ns = crowd->due_ns[op - crowd->timers];
    if (op->result == WEIR_ECANCELED)
        return;
    CHECK_RESULT(op, 0);
    CHECK(due_ns >= crowd->last_due_ns);
    crowd->last_due_ns = due_ns;
    crowd->fired++;
}

static void timers_100k(struct contract *c)
{
    unsigned     count = contract_count(100000), random = 9, cancelled = 0;
    struct crowd crowd = {.timers = calloc(count, sizeof(struct weir_op)),
                          .due_ns = calloc(count, sizeof(uint64_t))};
    uint64_t     start = weir_now(c->loop) + 20 * WEIR_MILLISECOND;
    CHECK(crowd.timers && crowd.due_ns);
    for (unsigned i = 0; i < count; i++) {
        random = random * 1664525u + 1013904223u;
        crowd.timers[i].user = &crowd;
        crowd.due_ns[i] = start + random % (200 * WEIR_MILLISECOND);
        weir_timer(&crowd.timers[i], c->loop, HOUR, 0, check_order);
        weir_deadline_at(&crowd.timers[i], crowd.due_ns[i]);
    }
    for (unsigned i = 0; i + 1 < count; i += 3) {
        cancelled += weir_cancel(&crowd.timers[i]) == 0;
        crowd.due_ns[i + 1] = start + 100 * WEIR_MILLISECOND;
        weir_deadline_at(&crowd.timers[i + 1], crowd.due_ns[i + 1]);
    }
    contract_run(c);
    CHECK_EQ(crowd.fired + cancelled, count);
    free(crowd.timers);
    free(crowd.due_ns);
}

struct flood {
    struct contract   *c;
    struct weir_handle a, b;
    struct weir_op     send, recv, nop, timer;
    char               byte;
    uint64_t           laps;
    bool               timed, over;
};

static void flood_sent(struct weir_op *op);

static void flood_received(struct weir_op *op)
{
    struct flood *f = op->user;
    if (f->over || op->result <= 0)
        return;
    f->laps++;
    weir_recv(op, &f->b, &f->byte, 1, 0, flood_received);
    if (weir_ended(&f->send))
        weir_send(&f->send, &f->a, "x", 1, 0, flood_sent);
}

static void flood_sent(struct weir_op *op)
{
    struct flood *f = op->user;
    if (!f->over && op->result > 0)
        weir_send(op, &f->a, "x", 1, 0, flood_sent);
}

static void flood_nop(struct weir_op *op)
{
    struct flood *f = op->user;
    if (!f->over)
        weir_nop(op, f->c->loop, 0, flood_nop);
}

static void flood_ends(struct weir_op *op)
{
    struct flood *f = op->user;
    f->timed = true;
}

static void under_flood(struct contract *c)
{
    struct flood f = {.c = c};
    contract_tcp_pair(c, &f.a, &f.b);
    f.send.user = f.recv.user = f.nop.user = f.timer.user = &f;
    weir_timer(&f.timer, c->loop, 20 * WEIR_MILLISECOND, 0, flood_ends);
    weir_recv(&f.recv, &f.b, &f.byte, 1, 0, flood_received);
    weir_send(&f.send, &f.a, "x", 1, 0, flood_sent);
    weir_nop(&f.nop, c->loop, 0, flood_nop);
    while (!f.timed || !f.laps) /* the flood is served, too */
        CHECK(weir_run(c->loop, WEIR_ONCE) >= 0);
    f.over = true;
    contract_close(c, &f.a);
    contract_close(c, &f.b);
    contract_run(c);
}

static void be_slow(struct weir_op *op)
{
    struct measured *m = op->user;
    uint64_t         until = weir_now(weir_op_loop(op)) + 30 * WEIR_MILLISECOND;
    while (weir_now(weir_op_loop(op)) < until)
        contract_breathe();
    m->op.user = m;
    m->due_ns = weir_now(weir_op_loop(op)) + 20 * WEIR_MILLISECOND;
    weir_timer(&m->op, weir_op_loop(op), 20 * WEIR_MILLISECOND, 0, check_not_early);
}

/* A slow callback makes no cached clock stale: the time counts from the call. */
static void stale_now(struct contract *c)
{
    int             left = 1;
    struct measured m = {.left = &left};
    struct weir_op  nop = {.user = &m};
    weir_nop(&nop, c->loop, 0, be_slow);
    contract_run(c);
    CHECK_EQ(left, 0);
}

/* ------------------------------------------------------------------------------------------------
 * Deadlines
 * ---------------------------------------------------------------------------------------------- */

/* A connection whose peer does not read, with TCP told to give up after so many milliseconds. */
static int stuck_peer(struct contract *c, struct weir_handle *handle, unsigned give_up_ms)
{
    static char bytes[65536];
    int         peer = contract_tcp_peer(c, handle);
    int         fd = (int)weir_handle_os(handle);
    CHECK_EQ(setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &give_up_ms, sizeof give_up_ms), 0);
    while (weir_try_send(handle, bytes, sizeof bytes, 0) > 0)
        continue;
    return peer;
}

static void deadline_distinct_from_etimedout(struct contract *c)
{
    struct weir_handle gives_up = {0}, waits = {0};
    struct weir_op     by_tcp = {0}, by_weir = {0}, far = {0};
    char               bytes[2];
    int                peers[2] = {stuck_peer(c, &gives_up, 100), contract_tcp_peer(c, &waits)};
    CHECK(WEIR_EDEADLINE != WEIR_ETIMEDOUT);
    weir_recv(&by_tcp, &gives_up, &bytes[0], 1, 0, contract_done);
    weir_deadline(&by_tcp, HOUR);
    weir_recv(&by_weir, &waits, &bytes[1], 1, 0, contract_done);
    weir_deadline(&by_weir, 5 * WEIR_MILLISECOND);
    weir_timer(&far, c->loop, HOUR, WEIR_BACKGROUND, contract_done);
    CHECK_EQ(contract_await(c, &by_weir), WEIR_EDEADLINE);
    CHECK_EQ(contract_await(c, &by_tcp), WEIR_ETIMEDOUT);
    weir_cancel(&far);
    contract_close(c, &gives_up);
    contract_close(c, &waits);
    contract_run(c);
    contract_raw_close(peers[0]);
    contract_raw_close(peers[1]);
}

/* More look-ups than workers: what has not begun by its time ends then. */
static void deadline_on_lookups(struct contract *c)
{
    enum { LOOKUPS = 64 };
    static struct weir_lookup  lookups[LOOKUPS];
    static struct weir_address found[LOOKUPS];
    static struct weir_op      ops[LOOKUPS];
    for (int i = 0; i < LOOKUPS; i++) {
        lookups[i] = (struct weir_lookup){.host = "127.0.0.1", .addresses = &found[i], .room = 1};
        weir_resolve(&ops[i], c->loop, &lookups[i], 0, contract_done);
        weir_deadline(&ops[i], 0);
    }
    contract_run(c);
    for (int i = 0; i < LOOKUPS; i++) {
        bool begun = ops[i].served == WEIR_SERVED_WORKER;
        CHECK_RESULT(&ops[i], begun ? 1 : WEIR_EDEADLINE);
    }
}

static void deadline_on_each_kind(struct contract *c)
{
    struct weir_handle a = {0}, b = {0}, reader = {0}, writer = {0}, listener = {0}, accepted = {0};
    struct weir_handle datagram = {0};
    struct weir_op     ops[9] = {{0}};
    char               bytes[8];
    struct weir_buf    piece = {bytes, 1};
    struct weir_msg    messages[2] = {{.buffers = &piece, .count = 1},
                                      {.buffers = &piece, .count = 1}};
    contract_tcp_pair(c, &a, &b);
    CHECK_EQ(weir_socket(&datagram, c->loop, AF_INET, SOCK_DGRAM, 0), 0);
    contract_pipe_pair(c, &reader, &writer);
    contract_listen_any(c, &listener);
    struct weir_copy_range range = {&b, WEIR_STREAM, WEIR_STREAM, 1};
    uint64_t               start = weir_now(c->loop);
    weir_recv(&ops[0], &a, bytes, 1, 0, contract_done);
    weir_recv(&ops[1], &a, bytes, 1, 0, contract_done); /* behind the first */
    weir_read(&ops[2], &reader, bytes, 1, WEIR_STREAM, 0, contract_done);
    weir_accept(&ops[3], &listener, &accepted, 0, contract_done);
    weir_poll(&ops[4], &b, WEIR_IN, 0, contract_done);
    weir_signal(&ops[5], c->loop, 10, 0, contract_done);
    weir_recv_msg(&ops[6], &b, &messages[0], 0, contract_done);
    weir_recv_batch(&ops[7], &datagram, &messages[1], 1, 0, contract_done);
    weir_copy(&ops[8], &writer, &range, 0, contract_done);
    for (int i = 0; i < 9; i++)
        weir_deadline(&ops[i], 10 * WEIR_MILLISECOND);
    contract_run(c);
    CHECK(weir_now(c->loop) >= start + 10 * WEIR_MILLISECOND);
    for (int i = 0; i < 9; i++)
        CHECK_RESULT(&ops[i], WEIR_EDEADLINE);
    contract_close(c, &datagram);
    contract_close(c, &a);
    contract_close(c, &b);
    contract_close(c, &reader);
    contract_close(c, &writer);
    contract_close(c, &listener);
    deadline_on_lookups(c);
}

static void deadline_moves_in_place(struct contract *c)
{
    struct weir_handle handle = {0};
    struct weir_op     recv = {0}, timer = {0};
    char               byte;
    int                peer = contract_unix_peer(c, &handle);
    weir_recv(&recv, &handle, &byte, 1, 0, contract_done);
    weir_deadline(&recv, 5 * WEIR_MILLISECOND);
    weir_deadline(&recv, HOUR);
    weir_timer(&timer, c->loop, 20 * WEIR_MILLISECOND, 0, contract_done);
    CHECK_EQ(contract_await(c, &timer), 0);
    CHECK(!weir_ended(&recv));
    weir_deadline(&recv, WEIR_MILLISECOND);
    weir_deadline(&recv, WEIR_FOREVER);
    weir_timer(&timer, c->loop, 20 * WEIR_MILLISECOND, 0, contract_done);
    CHECK_EQ(contract_await(c, &timer), 0);
    CHECK(!weir_ended(&recv));
    weir_deadline_at(&recv, weir_now(c->loop) + 2 * WEIR_MILLISECOND);
    CHECK_EQ(contract_await(c, &recv), WEIR_EDEADLINE);
    /* In the past is now; before the engine has even seen the op, too. */
    weir_recv(&recv, &handle, &byte, 1, 0, contract_done);
    weir_deadline_at(&recv, 1);
    CHECK_EQ(contract_await(c, &recv), WEIR_EDEADLINE);
    contract_close(c, &handle);
    contract_raw_close(peer);
}

static void deadline_on_ended_op_does_nothing(struct contract *c)
{
    struct weir_op never = {0}, nop = {0}, timer = {0};
    weir_deadline(&never, 0);
    weir_nop(&nop, c->loop, 0, contract_done);
    contract_run(c);
    weir_deadline(&nop, 0);
    weir_deadline_at(&nop, 1);
    weir_timer(&timer, c->loop, 5 * WEIR_MILLISECOND, 0, contract_done);
    contract_run(c);
    CHECK_EQ(contract_told(&nop), 1);
    CHECK_RESULT(&nop, 0);
}

static void deadline_that_does_not_pass(struct contract *c)
{
    struct weir_handle handle = {0};
    struct weir_op     recv = {0};
    struct weir_stats  stats;
    char               byte;
    int                peer = contract_unix_peer(c, &handle);
    weir_recv(&recv, &handle, &byte, 1, 0, contract_done);
    weir_deadline(&recv, HOUR);
    weir_loop_stats(c->loop, &stats);
    CHECK_EQ(stats.timers, 1);
    contract_raw_send(peer, "x", 1);
    CHECK_EQ(contract_await(c, &recv), 1);
    weir_loop_stats(c->loop, &stats);
    CHECK_EQ(stats.timers, 0);
    contract_close(c, &handle);
    contract_raw_close(peer);
}

static void deadline_after_some_bytes(struct contract *c)
{
    struct weir_handle handle = {0};
    struct weir_op     recv = {0};
    char               bytes[100];
    int                peer = contract_unix_peer(c, &handle);
    contract_raw_send(peer, "0123456789", 10);
    weir_recv(&recv, &handle, bytes, sizeof bytes, WEIR_ALL, contract_done);
    contract_until_taken(c, &handle);
    weir_deadline(&recv, 5 * WEIR_MILLISECOND);
    CHECK_EQ(contract_await(c, &recv), 10);
    CHECK_EQ(recv.error, WEIR_EDEADLINE);
    contract_close(c, &handle);
    contract_raw_close(peer);
}

static void deadline_bounds_a_multishot_as_a_whole(struct contract *c)
{
    struct weir_handle handle = {0};
    struct weir_op     poll = {0};
    int                peer = contract_unix_peer(c, &handle);
    weir_poll(&poll, &handle, WEIR_OUT, WEIR_LEVEL, contract_done);
    weir_deadline(&poll, HOUR);
    while (contract_told(&poll) < 2)
        CHECK(weir_run(c->loop, WEIR_ONCE) >= 0);
    weir_deadline(&poll, 10 * WEIR_MILLISECOND);
    contract_run(c);
    CHECK(contract_told(&poll) >= 2);
    CHECK_RESULT(&poll, WEIR_EDEADLINE);
    contract_close(c, &handle);
    contract_raw_close(peer);
}

/* Cancelled by the caller before its time: the caller was the cause. */
static void cancel_before_deadline(struct contract *c)
{
    struct weir_handle handle = {0};
    struct weir_op     recv = {0};
    char               byte;
    int                peer = contract_unix_peer(c, &handle);
    weir_recv(&recv, &handle, &byte, 1, 0, contract_done);
    weir_deadline(&recv, HOUR);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    CHECK_EQ(weir_cancel(&recv), 0);
    CHECK_EQ(contract_await(c, &recv), WEIR_ECANCELED);
    contract_close(c, &handle);
    contract_raw_close(peer);
}

/* Both within one turn: the first who asked is the cause, also when the kernel's answer comes
 * before the deadline is looked at. */
static void cancel_and_deadline_in_one_turn(struct contract *c)
{
    struct weir_handle handle = {0};
    struct weir_op     recv = {0};
    char               byte;
    int                peer = contract_unix_peer(c, &handle);
    weir_recv(&recv, &handle, &byte, 1, 0, contract_done);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    weir_deadline(&recv, 0);
    CHECK_EQ(weir_cancel(&recv), 0);
    CHECK_EQ(contract_await(c, &recv), WEIR_ECANCELED);
    contract_close(c, &handle);
    contract_raw_close(peer);
}

/* A call on a worker ends when it ends, with its true result. */
static void deadline_on_running_work(struct contract *c)
{
    struct held_work work;
    struct weir_op   timer = {0};
    held_work_start(&work, c->loop);
    weir_run(c->loop, WEIR_NOWAIT);
    contract_gate_wait(&work.begun);
    weir_deadline(&work.op, WEIR_MILLISECOND);
    weir_timer(&timer, c->loop, 10 * WEIR_MILLISECOND, 0, contract_done);
    CHECK_EQ(contract_await(c, &timer), 0);
    CHECK(!weir_ended(&work.op));
    contract_gate_open(&work.may_end);
    CHECK_EQ(contract_await(c, &work.op), HELD_WORK_RESULT);
}

static void now_goes_on(struct contract *c)
{
    uint64_t last = weir_now(c->loop);
    for (int i = 0; i < 1000; i++) {
        uint64_t now = weir_now(c->loop);
        CHECK(now >= last);
        last = now;
    }
    contract_breathe();
    CHECK(weir_now(c->loop) > last);
}

const struct contract_case contract_cases[] = {
    {"order_equal", order_equal, 0},
    {"never_early", never_early, 0},
    {"never_early_alone", never_early_alone, 0},
    {"rearm_moves_in_place", rearm_moves_in_place, 0},
    {"rearm_many_times", rearm_many_times, 0},
    {"forever_takes_the_time_away", forever_takes_the_time_away, 0},
    {"zero_rearm_no_livelock", zero_rearm_no_livelock, 0},
    {"int_max_and_uint64_max", int_max_and_uint64_max, 0},
    {"far_timer_does_not_deafen", far_timer_does_not_deafen, 0},
    {"100k", timers_100k, 0},
    {"under_flood", under_flood, 0},
    {"stale_now", stale_now, 0},
    {"deadline_distinct_from_etimedout", deadline_distinct_from_etimedout, 0},
    {"deadline_on_each_kind", deadline_on_each_kind, 0},
    {"deadline_moves_in_place", deadline_moves_in_place, 0},
    {"deadline_on_ended_op_does_nothing", deadline_on_ended_op_does_nothing, 0},
    {"deadline_that_does_not_pass", deadline_that_does_not_pass, 0},
    {"deadline_after_some_bytes", deadline_after_some_bytes, 0},
    {"deadline_bounds_a_multishot_as_a_whole", deadline_bounds_a_multishot_as_a_whole, 0},
    {"cancel_before_deadline", cancel_before_deadline, 0},
    {"cancel_and_deadline_in_one_turn", cancel_and_deadline_in_one_turn, 0},
    {"deadline_on_running_work", deadline_on_running_work, 0},
    {"now_goes_on", now_goes_on, 0},
    {0},
};
