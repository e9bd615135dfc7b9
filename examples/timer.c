/* SPDX-License-Identifier: MIT */
/* timer.c - timers: one, one that repeats, one that is moved, and one that holds nothing up. */
#include <stdio.h>
#include <weir.h>

static uint64_t       start_ns;
static struct weir_op once, tick, moved, idle;
static int            ticks;

static void tell(struct weir_op *op, const char *what)
{
    uint64_t gone_ns = weir_now(weir_op_loop(op)) - start_ns;
    printf("%s after %u ms\n", what, (unsigned)(gone_ns / WEIR_MILLISECOND));
}

static void on_once(struct weir_op *op)
{
    tell(op, "once");
}

/* An op may be started again in its own done(): that is how a timer repeats. */
static void on_tick(struct weir_op *op)
{
    tell(op, "tick");
    if (++ticks < 3)
        weir_timer(op, weir_op_loop(op), 20 * WEIR_MILLISECOND, 0, on_tick);
    else
        weir_deadline(&moved, 30 * WEIR_MILLISECOND); /* no longer an hour, but 30 ms from now */
}

static void on_moved(struct weir_op *op)
{
    tell(op, "moved");
}

static void on_idle(struct weir_op *op)
{
    printf("idle: %s\n", weir_error_name(op->result));
}

int main(void)
{
    struct weir_loop *loop;
    int               error = weir_loop_open(&loop, NULL);
    if (error != 0) {
        fprintf(stderr, "timer: WEIR_ENGINE: %s\n", weir_error_text(error));
        return 1;
    }
    start_ns = weir_now(loop);
    weir_timer(&once, loop, 10 * WEIR_MILLISECOND, 0, on_once);
    weir_timer(&tick, loop, 20 * WEIR_MILLISECOND, 0, on_tick);
    weir_timer(&moved, loop, 3600 * WEIR_SECOND, 0, on_moved);
    weir_timer(&idle, loop, 3600 * WEIR_SECOND, WEIR_BACKGROUND, on_idle);
    weir_run(loop, WEIR_UNTIL_DONE); /* returns though `idle` is pending: it is a background op */
    return weir_loop_close(loop, WEIR_SECOND) == 0 ? 0 : 1; /* and cancelled here */
}
