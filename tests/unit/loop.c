/* SPDX-License-Identifier: MIT */
/* loop.c - a loop on the engine that the machine takes by itself: timers, posts, workers, names,
 * what is refused, and how it ends. It needs nothing of POSIX but threads. */
#include <pthread.h>
#include <string.h>

#include "unit.h"
#include "weir.h"

#define POSTS 200
#define TIMERS 20

static struct weir_loop *loop;
static int               told, results[POSTS];

static void on_told(struct weir_op *op)
{
    results[told++] = (int)op->result;
}

/* ---- Timers ---------------------------------------------------------------------------------- */

static uint64_t due_ns[TIMERS];
static int      order[TIMERS];

static void on_timer(struct weir_op *op)
{
    int number = (int)(intptr_t)op->user;
    CHECK_EQ(op->result, 0);
    CHECK(weir_now(loop) >= due_ns[number]);
    order[told++] = number;
}

static void timers_end_in_their_order_and_never_early(void)
{
    struct weir_op timers[TIMERS] = {{0}};
    told = 0;
    for (int i = 0; i < TIMERS; i++) {
        uint64_t ns = (uint64_t)(i * 7 % TIMERS + 1) * 3 * WEIR_MILLISECOND;
        timers[i].user = (void *)(intptr_t)i;
        due_ns[i] = weir_now(loop) + ns;
        weir_timer(&timers[i], loop, ns, 0, on_timer);
    }
    CHECK_EQ(weir_run(loop, WEIR_UNTIL_DONE), 0);
    CHECK_EQ(told, TIMERS);
    for (int i = 1; i < TIMERS; i++)
        CHECK(due_ns[order[i - 1]] < due_ns[order[i]]);
}

static void a_cancelled_timer_says_so(void)
{
    struct weir_op timer = {0};
    told = 0;
    weir_timer(&timer, loop, 1000 * WEIR_SECOND, 0, on_told);
    CHECK_EQ(weir_cancel(&timer), 0);
    CHECK_EQ(weir_run(loop, WEIR_UNTIL_DONE), 0);
    CHECK_EQ(told, 1);
    CHECK_EQ(results[0], WEIR_ECANCELED);
}

/* ---- Other threads --------------------------------------------------------------------------- */

static struct weir_op posts[POSTS];
static int            posted_order[POSTS];

static void on_post(struct weir_op *op)
{
    CHECK_EQ(op->result, 0);
    posted_order[told++] = (int)(op - posts);
}

static void *post_all(void *argument)
{
    (void)argument;
    for (int i = 0; i < POSTS; i++)
        weir_post(&posts[i], loop, on_post);
    return NULL;
}

/* The loop sleeps without a timer: only a post ends its wait. */
static void posts_wake_the_loop_and_keep_their_order(void)
{
    struct weir_op timer = {0};
    pthread_t      thread;
    told = 0;
    weir_timer(&timer, loop, 1000 * WEIR_SECOND, 0, NULL);
    CHECK_EQ(pthread_create(&thread, NULL, post_all, NULL), 0);
    while (told < POSTS)
        CHECK(weir_run(loop, WEIR_ONCE) >= 0);
    pthread_join(thread, NULL);
    for (int i = 0; i < POSTS; i++)
        CHECK_EQ(posted_order[i], i);
    weir_cancel(&timer);
    CHECK_EQ(weir_run(loop, WEIR_UNTIL_DONE), 0);
}

static int64_t answer(struct weir_op *op)
{
    return (int64_t)(intptr_t)op->user;
}

static void workers_do_what_blocks(void)
{
    struct weir_op works[8] = {{0}};
    told = 0;
    for (int i = 0; i < 8; i++) {
        works[i].user = (void *)(intptr_t)(i + 40);
        weir_work(&works[i], loop, answer, 0, on_told);
    }
    CHECK_EQ(weir_run(loop, WEIR_UNTIL_DONE), 0);
    CHECK_EQ(told, 8);
    for (int i = 0; i < 8; i++) {
        CHECK_EQ(works[i].result, i + 40);
        CHECK_EQ(works[i].served, WEIR_SERVED_WORKER);
    }
}

static void numbers_are_resolved_to_themselves(void)
{
    struct weir_address found[4];
    struct weir_lookup  lookup = {
         .host = "127.0.0.1", .service = "80", .addresses = found, .room = 4};
    struct weir_op op = {0};
    char           text[64];
    weir_resolve(&op, loop, &lookup, 0, NULL);
    CHECK_EQ(weir_run(loop, WEIR_UNTIL_DONE), 0);
    CHECK(weir_ended(&op));
    CHECK_EQ(op.result, 1);
    CHECK(weir_address_format(&found[0], text, sizeof text) > 0);
    CHECK(strcmp(text, "127.0.0.1:80") == 0);
}

/* ---- Opening and closing --------------------------------------------------------------------- */

static void every_engine_opens_or_says_why_not(void)
{
    struct weir_engine_info engines[32];
    int                     count = weir_engine_list(engines, 32), defaults = 0;
    CHECK(count > 0 && count <= 32);
    for (int i = 0; i < count; i++) {
        defaults += engines[i].is_default;
        CHECK(engines[i].refused <= 0);
        CHECK(!engines[i].refused || strlen(engines[i].reason) > 10);
    }
    CHECK_EQ(defaults, 1);
}

static void a_loop_that_closes_ends_what_is_left(void)
{
    struct weir_op timer = {0};
    told = 0;
    weir_timer(&timer, loop, 1000 * WEIR_SECOND, 0, on_told);
    CHECK_EQ(weir_loop_close(loop, WEIR_FOREVER), 0);
    CHECK_EQ(told, 1);
    CHECK_EQ(results[0], WEIR_ECANCELED);
}

int main(void)
{
    CHECK_EQ(weir_loop_open(&loop, NULL), 0);
    timers_end_in_their_order_and_never_early();
    a_cancelled_timer_says_so();
    posts_wake_the_loop_and_keep_their_order();
    workers_do_what_blocks();
    numbers_are_resolved_to_themselves();
    every_engine_opens_or_says_why_not();
    a_loop_that_closes_ends_what_is_left();
    return 0;
}
