/* SPDX-License-Identifier: MIT */
/* timers.c - fuzz target: timers and deadlines of a loop, under a clock that the input moves,
 * against a plain list that is searched.
 *
 * Oracles: every timer ends once, with the result and in the order that the list says, never early
 * and never late; an op that never gets ready ends by its deadline; the heap keeps its order, and
 * the loop says rightly how long it may sleep. */
#include <string.h>

#include "engine.h"
#include "fuzz.h"

enum { TIMERS = 20, POLLS = 4, ALL = TIMERS + POLLS, STEPS_MAX = 400 };

enum kept { KEPT_IDLE, KEPT_ARMED, KEPT_ENDING };

/* The list: what weir is to know of each op. */
struct timer {
    struct weir_op *op; /* owned while it is live; freed in its own done() */
    enum kept       state;
    uint64_t        due_ns, sequence;
    int64_t         result; /* with KEPT_ENDING */
    uint64_t        ending; /* with KEPT_ENDING: its place among those that end */
    bool            background;
};

static struct timer       timers[ALL]; /* the last POLLS wait for a pipe that never gets ready */
static struct input       input;
static struct weir_loop  *loop;
static struct weir_handle reader, writer;
static struct system      fake;
static uint64_t           now_ns, next_sequence, next_ending, told_ending;
static bool               closing;

static uint64_t fake_now(struct weir_loop *of)
{
    (void)of;
    return now_ns;
}

static bool is_poll(const struct timer *timer)
{
    return timer >= timers + TIMERS;
}

/* ---- What is expected ------------------------------------------------------------------------ */

static void expect_end(struct timer *timer, int64_t result)
{
    timer->state = KEPT_ENDING;
    timer->result = result;
    timer->ending = is_poll(timer) ? 0 : next_ending++;
}

static void expect_due(struct timer *timer, uint64_t due_ns)
{
    if (timer->state != KEPT_ARMED)
        return;
    timer->due_ns = due_ns;
    timer->sequence = next_sequence++;
}

static uint64_t from_now(uint64_t ns)
{
    return ns > WEIR_FOREVER - 1 - now_ns ? WEIR_FOREVER : now_ns + ns;
}

/* The armed one that is due first, of equal times the one that was set first; or NULL. */
static struct timer *first_due(void)
{
    struct timer *first = NULL;
    for (struct timer *t = timers; t < timers + ALL; t++) {
        if (t->state != KEPT_ARMED || t->due_ns == WEIR_FOREVER)
            continue;
        if (!first || t->due_ns < first->due_ns ||
            (t->due_ns == first->due_ns && t->sequence < first->sequence))
            first = t;
    }
    return first;
}

/* Directly before the loop looks at its timers. */
static void after_wait(struct weir_loop *of, void *user)
{
    (void)of, (void)user;
    for (struct timer *t; !closing && (t = first_due()) && t->due_ns <= now_ns;)
        expect_end(t, is_poll(t) ? WEIR_EDEADLINE : 0);
}

/* ---- Steps ----------------------------------------------------------------------------------- */

static void on_done(struct weir_op *op);

/* Mostly short, so that many are equal; sometimes at the end of time. */
static uint64_t take_ns(void)
{
    unsigned how = input_take(&input);
    switch (how & 7) {
    case 0:
        return input_number(&input, 8);
    case 1:
        return UINT64_MAX - (how >> 3);
    case 2:
        return input_number(&input, 3);
    default:
        return how >> 3;
    }
}

static void start(struct timer *timer)
{
    if (timer->state != KEPT_IDLE)
        return;
    unsigned how = input_take(&input);
    uint64_t ns = take_ns();
    timer->op = calloc(1, sizeof *timer->op);
    FUZZ_CHECK(timer->op);
    timer->op->user = timer;
    timer->background = how & 1;
    timer->state = KEPT_ARMED;
    unsigned flags = timer->background ? WEIR_BACKGROUND : 0;
    if (is_poll(timer)) {
        weir_poll(timer->op, &reader, WEIR_IN, flags, on_done);
        weir_deadline(timer->op, ns);
    } else {
        weir_timer(timer->op, loop, ns, flags, on_done);
    }
    if (closing)
        expect_end(timer, WEIR_ECANCELED);
    else
        expect_due(timer, from_now(ns));
}

static void move(struct timer *timer, bool absolute)
{
    uint64_t ns = take_ns();
    if (timer->state == KEPT_IDLE)
        return; /* its memory is gone */
    if (absolute)
        weir_deadline_at(timer->op, ns);
    else
        weir_deadline(timer->op, ns);
    expect_due(timer, absolute ? ns : from_now(ns));
}

static void cancel(struct timer *timer)
{
    if (timer->state == KEPT_IDLE)
        return;
    int result = weir_cancel(timer->op);
    if (!is_poll(timer) && !closing)
        FUZZ_CHECK_EQ(result, timer->state == KEPT_ARMED ? 0 : WEIR_ENOENT);
    if (timer->state == KEPT_ARMED)
        expect_end(timer, WEIR_ECANCELED);
}

static void act(void)
{
    unsigned      what = input_take(&input);
    struct timer *timer = &timers[what / 8 % ALL];
    switch (what % 8) {
    case 0:
        cancel(timer);
        break;
    case 1:
        move(timer, false);
        break;
    case 2:
        move(timer, true);
        break;
    case 3:
        weir_stop(loop);
        break;
    default:
        start(timer);
        break;
    }
}

static void on_done(struct weir_op *op)
{
    struct timer *timer = op->user;
    FUZZ_CHECK(timer->op == op && !op->more);
    if (closing && timer->state == KEPT_ARMED)
        expect_end(timer, WEIR_ECANCELED);
    FUZZ_CHECK_EQ(timer->state, KEPT_ENDING);
    FUZZ_CHECK_EQ(op->result, timer->result);
    if (!is_poll(timer) && !closing)
        FUZZ_CHECK_EQ(timer->ending, told_ending++);
    timer->state = KEPT_IDLE;
    timer->op = NULL;
    free(op);
    for (unsigned acts = input_take(&input) % 4u; acts && !input_is_empty(&input); acts--)
        act();
}

/* ---- What holds between two runs ------------------------------------------------------------- */

static void check_heap(void)
{
    const struct heap *heap = &loop->timers;
    for (uint32_t i = 0; i < heap->count; i++) {
        FUZZ_CHECK_EQ(heap->entries[i].op->in.heap_slot, i + 1);
        FUZZ_CHECK(heap->entries[i].op->in.due_ns >= heap->entries[i].due_ns);
        FUZZ_CHECK(!i || heap->entries[(i - 1) / 4].due_ns <= heap->entries[i].due_ns);
    }
}

static void check_counts(int more)
{
    struct weir_stats stats;
    uint32_t          live = 0, background = 0, ending = 0, armed = 0;
    for (const struct timer *t = timers; t < timers + ALL; t++) {
        live += t->state != KEPT_IDLE;
        background += t->state != KEPT_IDLE && t->background;
        ending += t->state == KEPT_ENDING;
        armed += t->state == KEPT_ARMED && t->due_ns != WEIR_FOREVER;
    }
    weir_loop_stats(loop, &stats);
    FUZZ_CHECK_EQ(stats.pending, live);
    FUZZ_CHECK_EQ(stats.pending_background, background);
    FUZZ_CHECK_EQ(more, live > background);
    if (ending)
        return; /* what has ended leaves the heap when it is told */
    FUZZ_CHECK_EQ(stats.timers, armed);
    const struct timer *first = first_due();
    int64_t             left = weir_loop_timeout(loop);
    if (left == 0 && (loop->asked.first || loop->changed.first))
        return; /* it has something to do first */
    if (!first || (first->due_ns > now_ns && first->due_ns - now_ns > INT64_MAX))
        FUZZ_CHECK_EQ(left, -1);
    else
        FUZZ_CHECK_EQ(left, first->due_ns > now_ns ? first->due_ns - now_ns : 0);
}

static void run_once(void)
{
    int more = weir_run(loop, WEIR_NOWAIT);
    FUZZ_CHECK(more >= 0);
    check_heap();
    check_counts(more);
}

/* Something is to be told, or due. */
static bool is_unsettled(void)
{
    const struct timer *first = first_due();
    bool                unsettled = first && first->due_ns <= now_ns;
    for (const struct timer *t = timers; t < timers + ALL; t++)
        unsettled |= t->state == KEPT_ENDING;
    return unsettled;
}

/* Nothing that has ended stays untold, and nothing due stays. Each turn gets on, unless a callback
 * stops it, and those end with the input. */
static void run_all(void)
{
    for (size_t turns = (size_t)(input.back - input.front) + ALL; is_unsettled(); turns--) {
        FUZZ_CHECK(turns);
        run_once();
    }
}

static void step(void)
{
    unsigned what = input_take(&input);
    uint64_t ns;
    switch (what % 8) {
    case 0:
        ns = take_ns();
        now_ns = now_ns + ns < now_ns || now_ns + ns > INT64_MAX ? now_ns : now_ns + ns;
        break;
    case 1:
    case 2:
        run_once();
        break;
    case 3:
        run_all();
        break;
    default:
        for (unsigned acts = 1 + what / 8 % 8; acts; acts--)
            act();
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct weir_options options = {.engine = "poll", .after_wait = after_wait};
    input = input_of(data, size);
    now_ns = 1000;
    next_sequence = next_ending = told_ending = 0;
    closing = false;
    FUZZ_CHECK_EQ(weir_loop_open(&loop, &options), 0);
    fake = *loop->sys;
    fake.now = fake_now;
    loop->sys = &fake;
    FUZZ_CHECK_EQ(weir_pipe(&reader, &writer, loop), 0);
    for (int steps = 0; steps < STEPS_MAX && !input_is_empty(&input); steps++)
        step();
    run_all();
    closing = true;
    FUZZ_CHECK_EQ(weir_loop_close(loop, WEIR_FOREVER), 0);
    for (const struct timer *t = timers; t < timers + ALL; t++)
        FUZZ_CHECK_EQ(t->state, KEPT_IDLE);
    return 0;
}
