/* SPDX-License-Identifier: MIT */
/* move_threads.c - handles that move between loops of several threads, under load, and against the
 * close of one of them. */
#include <stdatomic.h>
#include <string.h>

#include "contract.h"

/* The case again, on another loop, which the function closes. */
static struct contract beside(struct contract *c, const char *engine)
{
    struct contract     other = *c;
    struct weir_options options = {.engine = engine};
    CHECK_EQ(contract_open(c, &other.loop, &options), 0);
    return other;
}

/* A connection that is echoed on one thread's loop, moves to the next, and is echoed there. */
struct ball {
    struct weir_handle handle;
    struct weir_op     recv, send, move;
    struct court      *court;
    unsigned           left, seed; /* moves to come */
    int                peer;
    char               data[32];
};

#define COURTS 3
#define BALLS 24

struct court {
    struct contract        c;
    struct contract_thread thread;
    struct weir_op         hold;
    struct court          *next;
};

static atomic_uint  balls_left, courts_left;
static struct court courts[COURTS];

static void on_end(struct weir_op *op)
{
    (void)op; /* the last ball is out: nothing holds the loop any more */
}

static void release(struct weir_op *op)
{
    struct court *court = op->user;
    weir_cancel(&court->hold);
}

static void ball_play(struct ball *ball);

static void on_ball_moved(struct weir_op *op)
{
    struct ball *ball = weir_of(op, struct ball, move);
    CHECK_EQ(op->result, 0);
    CHECK(weir_op_loop(op) == ball->court->c.loop);
    ball_play(ball);
}

static void ball_move(struct ball *ball)
{
    if (!ball->left) {
        static struct weir_op releases[COURTS];
        CHECK_EQ(weir_close(&ball->handle, NULL), 0);
        if (atomic_fetch_sub(&balls_left, 1) == 1)
            for (int i = 0; i < COURTS; i++) {
                releases[i].user = &courts[i];
                weir_post(&releases[i], courts[i].c.loop, release);
            }
        return;
    }
    ball->left--;
    ball->seed = ball->seed * 1103515245u + 12345u;
    ball->court = ball->seed >> 16 & 1 ? ball->court->next : ball->court->next->next;
    weir_move(&ball->move, &ball->handle, ball->court->c.loop, 0, on_ball_moved);
}

static void on_ball_sent(struct weir_op *op)
{
    struct ball *ball = weir_of(op, struct ball, send);
    CHECK_EQ(op->result, (int64_t)sizeof ball->data);
    ball_move(ball);
}

static void on_ball_received(struct weir_op *op)
{
    struct ball *ball = weir_of(op, struct ball, recv);
    CHECK_EQ(op->result, (int64_t)sizeof ball->data);
    weir_send(&ball->send, &ball->handle, ball->data, sizeof ball->data, WEIR_ALL, on_ball_sent);
}

static void ball_play(struct ball *ball)
{
    weir_recv(&ball->recv, &ball->handle, ball->data, sizeof ball->data, WEIR_ALL,
              on_ball_received);
}

static void *run_court(void *argument)
{
    struct court *court = argument;
    contract_run(&court->c);
    atomic_fetch_sub(&courts_left, 1);
    while (atomic_load(&courts_left)) /* who posts here has come back from that */
        contract_breathe();
    contract_loop_close(&court->c, court->c.loop);
    return NULL;
}

/* Every echo passes over one loop after the other; the plain peers see whole and ordered bytes. */
static void storm(struct contract *c, const char *const engines[COURTS])
{
    static struct ball balls[BALLS];
    unsigned           laps = contract_count(300);
    atomic_store(&balls_left, BALLS);
    atomic_store(&courts_left, COURTS + 1); /* this thread moves to them too */
    for (int i = 0; i < COURTS; i++) {
        courts[i] = (struct court){.c = beside(c, engines[i]), .next = &courts[(i + 1) % COURTS]};
        weir_timer(&courts[i].hold, courts[i].c.loop, WEIR_FOREVER, 0, on_end);
    }
    for (int i = 0; i < COURTS; i++)
        contract_thread_start(&courts[i].thread, run_court, &courts[i]);
    for (unsigned i = 0; i < BALLS; i++) {
        struct ball *ball = &balls[i];
        *ball = (struct ball){.court = &courts[i % COURTS], .left = laps - 1, .seed = i * 7919 + 1};
        ball->peer = i % 2 ? contract_unix_peer(c, &ball->handle)
                           : contract_tcp_peer(c, &ball->handle);
        weir_move(&ball->move, &ball->handle, ball->court->c.loop, 0, on_ball_moved);
    }
    atomic_fetch_sub(&courts_left, 1);
    for (unsigned lap = 0; lap < laps; lap++) {
        char sent[32], came[32];
        for (unsigned i = 0; i < BALLS; i++) {
            contract_fill(sent, sizeof sent, (uint64_t)lap * sizeof sent, i);
            contract_raw_send(balls[i].peer, sent, sizeof sent);
        }
        for (unsigned i = 0; i < BALLS; i++) {
            contract_raw_recv(balls[i].peer, came, sizeof came);
            CHECK(contract_filled(came, sizeof came, (uint64_t)lap * sizeof came, i));
        }
    }
    for (int i = 0; i < COURTS; i++)
        contract_thread_join(&courts[i].thread);
    for (unsigned i = 0; i < BALLS; i++)
        contract_raw_close(balls[i].peer);
}

static void storm_of_moves_between_threads(struct contract *c)
{
    storm(c, (const char *const[COURTS]){NULL, NULL, NULL});
}

static void storm_of_moves_between_engines(struct contract *c)
{
    storm(c, (const char *const[COURTS]){NULL, "poll", "threads"});
}

struct crossing {
    struct weir_handle     handles[64];
    struct weir_op         ops[64], work;
    struct contract_gate   begun, may_close, may_end;
    struct contract_thread thread;
    struct weir_loop      *target;
};

static int64_t hold_worker(struct weir_op *op)
{
    struct crossing *x = weir_of(op, struct crossing, work);
    contract_gate_open(&x->begun);
    contract_gate_wait(&x->may_end);
    return 0;
}

static void *close_target(void *argument)
{
    struct crossing *x = argument;
    int              closed;
    contract_gate_wait(&x->may_close);
    while ((closed = weir_loop_close(x->target, 100 * WEIR_MICROSECOND)) == WEIR_EBUSY)
        contract_breathe();
    CHECK_EQ(closed, 0);
    return NULL;
}

/* Some come before the target closes, some while it does: each op ends once, each handle is
 * closed. A worker's call holds the target until the last move was made. */
static void moves_against_a_close(struct contract *c)
{
    for (unsigned round = contract_count(20); round; round--) {
        static struct crossing x;
        struct contract        to = beside(c, NULL);
        int                    peers[64];
        x = (struct crossing){.target = to.loop};
        weir_work(&x.work, to.loop, hold_worker, 0, contract_done);
        contract_gate_wait(&x.begun);
        contract_thread_start(&x.thread, close_target, &x);
        for (int i = 0; i < 64; i++)
            peers[i] = contract_unix_peer(c, &x.handles[i]);
        for (int i = 0; i < 64; i++) {
            weir_move(&x.ops[i], &x.handles[i], to.loop, 0, contract_done);
            if (i == 20)
                contract_gate_open(&x.may_close);
        }
        contract_gate_open(&x.may_end);
        contract_thread_join(&x.thread);
        CHECK_RESULT(&x.work, 0);
        for (int i = 0; i < 64; i++) {
            char byte;
            CHECK_RESULT(&x.ops[i], WEIR_ECANCELED);
            CHECK_EQ(weir_handle_kind(&x.handles[i]), WEIR_HANDLE_NONE);
            CHECK_EQ(contract_raw_recv_some(peers[i], &byte, 1), 0);
            contract_raw_close(peers[i]);
        }
    }
}

static void use_it_here(struct contract *c)
{
    static struct court   court;
    static struct ball    ball;
    static struct weir_op here;
    court = (struct court){.c = beside(c, NULL)};
    weir_timer(&court.hold, court.c.loop, WEIR_FOREVER, 0, contract_done);
    contract_unix_peer(c, &ball.handle);
    contract_thread_start(&court.thread, run_court, &court);
    struct weir_op post = {0};
    weir_post(&post, court.c.loop, NULL);
    while (!weir_ended(&post)) /* the loop has its thread */
        contract_breathe();
    weir_move(&ball.move, &ball.handle, court.c.loop, 0, contract_done);
    weir_recv(&here, &ball.handle, ball.data, 1, 0, contract_done);
}

static void use_on_the_old_thread_aborts(struct contract *c)
{
    contract_needs("threads of its own");
    if (contract_sanitized("thread"))
        SKIP("the thread sanitizer cannot follow threads that a forked child starts");
    contract_expect_abort(c, use_it_here, "called from a thread that is not the loop's");
}

const struct contract_case contract_cases[] = {
    {"storm_of_moves_between_threads", storm_of_moves_between_threads, 0},
    {"storm_of_moves_between_engines", storm_of_moves_between_engines, 0},
    {"moves_against_a_close", moves_against_a_close, 0},
    {"use_on_the_old_thread_aborts", use_on_the_old_thread_aborts, 0},
    {0},
};
