/* SPDX-License-Identifier: MIT */
/* timers_libevent.c - timers of libevent, set anew by event_add(), which moves a pending one. */
#include <event2/event.h>

#include "../kit/rearm.h"

static struct rearm   rearm;
static struct event **timers; /* owned */

static void on_due(evutil_socket_t fd, short what, void *data)
{
    rearm_fired(&rearm, (uint32_t)((struct event **)data - timers));
}

static void set(uint32_t i, uint64_t ns)
{
    struct timeval time = {(time_t)(ns / NS_PER_S), (suseconds_t)(ns % NS_PER_S / 1000)};
    event_add(timers[i], &time);
}

static void check(struct event_base *base)
{
    for (uint32_t i = 0; i < rearm.count; i++)
        set(i, rearm_far_ns(&rearm));
    for (uint32_t i = 0; i < rearm.count; i++)
        set(i, rearm_near_ns(&rearm, i, clock_ns()));
    event_base_dispatch(base);
    rearm_checked(&rearm);
}

int main(int argc, char **argv)
{
    rearm_open(&rearm, argc, argv);
    struct event_base *base = event_base_new();
    timers = calloc(rearm.count, sizeof *timers);
    if (!base || !timers)
        return 1;
    for (uint32_t i = 0; i < rearm.count; i++)
        timers[i] = evtimer_new(base, on_due, &timers[i]);
    rearm.grace_ns = 10 * NS_PER_MS; /* it reads CLOCK_MONOTONIC_COARSE, a tick old */
    if (rearm_checks(&rearm))
        check(base);
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
