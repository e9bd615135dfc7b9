/* SPDX-License-Identifier: MIT */
/* post.c - small round trips through a loop of weir. `post awake`: ops posted from a callback, 64
 * at a time, to the loop that runs it. `post asleep`: two loops on two threads, each of which
 * sleeps until the other posts to it; a trip is one wake. `post nop`: 32 nops at a time. */
#include <pthread.h>
#include <string.h>
#include <weir.h>

#include "../../tool/measure/work.h"

enum { POSTS = 64, NOPS = 32 };

static struct work work;

static struct weir_loop *loop_open(void)
{
    struct weir_loop *loop = NULL;
    int               error = weir_loop_open(&loop, NULL);
    if (error)
        work_fail(&work, "the loop could not be opened", -error);
    return loop;
}

/* ---- Rounds of ops that all end before the next begin ---------------------------------------- */

static struct weir_op    ops[POSTS];
static int               at_a_time, ended;
static bool              posts;
static struct weir_loop *own;

static void on_done(struct weir_op *op);

static void start_round(void)
{
    ended = 0;
    for (int i = 0; i < at_a_time; i++)
        if (posts)
            weir_post(&ops[i], own, on_done);
        else
            weir_nop(&ops[i], own, 0, on_done);
}

static void on_done(struct weir_op *op)
{
    if (op->result != 0 || ++ended > at_a_time)
        work_fail(&work, "an op ended otherwise than with 0", (int)-op->result);
    if (ended == at_a_time && work_done(&work, (uint64_t)at_a_time, clock_ns()))
        start_round();
}

static void run_rounds(void)
{
    own = loop_open();
    work_begin(&work);
    start_round();
    weir_run(own, WEIR_UNTIL_DONE);
    weir_loop_close(own, WEIR_FOREVER);
}

/* ---- Two loops that wake each other ---------------------------------------------------------- */

struct side {
    struct weir_loop *loop;
    struct weir_op    op, hold; /* posted to this loop; keeps it running */
    struct side      *other;
};

static struct side       sides[2];
static pthread_barrier_t both_ran;
static bool              over; /* written by the first side before it posts for the last time */

static void on_hold_ended(struct weir_op *op)
{
}

static void on_posted(struct weir_op *op)
{
    struct side *side = weir_of(op, struct side, op);
    if (side == &sides[0])
        over = !work_done(&work, 2, clock_ns());
    bool last = over;
    if (!last || side == &sides[0])
        weir_post(&side->other->op, side->other->loop, on_posted);
    if (last)
        weir_cancel(&side->hold);
}

static void *run_side(void *data)
{
    struct side *side = data;
    weir_timer(&side->hold, side->loop, 3600 * WEIR_SECOND, 0, on_hold_ended);
    weir_run(side->loop, WEIR_UNTIL_DONE);
    pthread_barrier_wait(&both_ran); /* nobody posts any more */
    weir_loop_close(side->loop, WEIR_FOREVER);
    return NULL;
}

static void run_sides(void)
{
    pthread_t thread;
    for (int i = 0; i < 2; i++) {
        sides[i].loop = loop_open();
        sides[i].other = &sides[1 - i];
    }
    pthread_barrier_init(&both_ran, NULL, 2);
    work_begin(&work);
    if (pthread_create(&thread, NULL, run_side, &sides[1]) != 0)
        work_fail(&work, "no thread", 0);
    weir_post(&sides[0].op, sides[0].loop, on_posted);
    run_side(&sides[0]);
    pthread_join(thread, NULL);
}

int main(int argc, char **argv)
{
    if (work_open(&work, argc, argv) != 2)
        return 2;
    posts = strcmp(argv[1], "awake") == 0;
    at_a_time = posts ? POSTS : NOPS;
    if (strcmp(argv[1], "asleep") == 0)
        run_sides();
    else
        run_rounds();
    return work_end(&work);
}
