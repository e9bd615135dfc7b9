/* SPDX-License-Identifier: MIT */
/* timers_libuv.c - timers of libuv, set anew by uv_timer_start(), which stops a running one. */
#include <uv.h>

#include "../kit/rearm.h"

static struct rearm rearm;
static uv_timer_t  *timers; /* owned */

static void on_due(uv_timer_t *timer)
{
    rearm_fired(&rearm, (uint32_t)(timer - timers));
}

static void set(uint32_t i, uint64_t ns)
{
    uv_timer_start(&timers[i], on_due, ns / NS_PER_MS, 0);
}

static void check(void)
{
    for (uint32_t i = 0; i < rearm.count; i++)
        set(i, rearm_far_ns(&rearm));
    /* Times are counted from when the loop last looked at the clock. */
    uv_update_time(uv_default_loop());
    uint64_t now_ns = clock_ns();
    for (uint32_t i = 0; i < rearm.count; i++)
        set(i, rearm_near_ns(&rearm, i, now_ns));
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    rearm_checked(&rearm);
}

int main(int argc, char **argv)
{
    rearm_open(&rearm, argc, argv);
    timers = calloc(rearm.count, sizeof *timers);
    if (!timers)
        return 1;
    for (uint32_t i = 0; i < rearm.count; i++)
        uv_timer_init(uv_default_loop(), &timers[i]);
    if (rearm_checks(&rearm))
        check();
    for (uint32_t i = 0; i < rearm.count; i++)
        set(i, rearm_far_ns(&rearm));
    work_begin(&rearm.work);
    do {
        for (int i = 0; i < REARM_BATCH; i++) {
            uint32_t which = rearm_which(&rearm);
            set(which, rearm_far_ns(&rearm));
        }
    } while (rearm_goes_on(&rearm));
    return rearm_end(&rearm);
}
