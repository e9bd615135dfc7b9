/* SPDX-License-Identifier: MIT */
/* timers_libev.c - timers of libev, stopped, set and started, as one that comes once is set anew;
 * and, where REARM_AGAIN is 1, by ev_timer_again(), which moves a repeating one in place. */
#include <ev.h>

#include "../kit/rearm.h"

static struct rearm rearm;
static ev_timer    *timers; /* owned */

static void on_due(struct ev_loop *loop, ev_timer *timer, int events)
{
    ev_timer_stop(loop, timer);
    rearm_fired(&rearm, (uint32_t)(timer - timers));
}

static void set(struct ev_loop *loop, uint32_t i, uint64_t ns)
{
    if (REARM_AGAIN) {
        timers[i].repeat = (double)ns / 1e9;
        ev_timer_again(loop, &timers[i]);
    } else {
        ev_timer_stop(loop, &timers[i]);
        ev_timer_set(&timers[i], (double)ns / 1e9, 0);
        ev_timer_start(loop, &timers[i]);
    }
}

static void check(struct ev_loop *loop)
{
    for (uint32_t i = 0; i < rearm.count; i++)
        set(loop, i, rearm_far_ns(&rearm));
    /* Times are counted from when the loop last looked at the clock. */
    ev_now_update(loop);
    uint64_t now_ns = clock_ns();
    for (uint32_t i = 0; i < rearm.count; i++)
        set(loop, i, rearm_near_ns(&rearm, i, now_ns));
    ev_run(loop, 0);
    rearm_checked(&rearm);
}

int main(int argc, char **argv)
{
    struct ev_loop *loop = ev_default_loop(0);
    rearm_open(&rearm, argc, argv);
    timers = calloc(rearm.count, sizeof *timers);
    if (!timers)
        return 1;
    for (uint32_t i = 0; i < rearm.count; i++)
        ev_init(&timers[i], on_due);
    if (rearm_checks(&rearm))
        check(loop);
    for (uint32_t i = 0; i < rearm.count; i++)
        set(loop, i, rearm_far_ns(&rearm));
    work_begin(&rearm.work);
    do {
        for (int i = 0; i < REARM_BATCH; i++) {
            uint32_t which = rearm_which(&rearm);
            set(loop, which, rearm_far_ns(&rearm));
        }
    } while (rearm_goes_on(&rearm));
    return rearm_end(&rearm);
}
