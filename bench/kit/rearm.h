/* SPDX-License-Identifier: MIT */
/* rearm.h - the workload of `scripts/bench timers`, the same for every program: so many timers are
 * set, and one of them, at random, is set anew, again and again; none falls due meanwhile.
 *
 * In the run in which system calls are counted, a program first shows that its timers are right:
 * all are set to the next milliseconds and set anew once, and each has to come once, not early. */
#ifndef BENCH_REARM_H
#define BENCH_REARM_H

#include <stdlib.h>

#include "../../tool/measure/work.h"

enum { REARM_BATCH = 256 }; /* between two looks at the clock */

struct rearm {
    struct work work;
    uint32_t    count; /* timers */
    uint64_t    random;
    uint64_t   *due_ns; /* owned, while it is checked: when each may come */
    uint32_t    fired;
    uint64_t    grace_ns; /* how far behind the clock may be that the library reads */
};

static inline uint64_t rearm_random(struct rearm *r)
{
    r->random ^= r->random << 13;
    r->random ^= r->random >> 7;
    r->random ^= r->random << 17;
    return r->random;
}

/* From the arguments: the number of timers, then those of work_open(). Ends the program when they
 * are wrong. */
static inline void rearm_open(struct rearm *r, int argc, char **argv)
{
    *r = (struct rearm){.random = UINT64_C(88172645463325252), .grace_ns = NS_PER_MS};
    if (work_open(&r->work, argc, argv) != 2)
        exit(2);
    r->count = (uint32_t)strtoul(argv[1], NULL, 10);
    if (r->count == 0 || !(r->due_ns = calloc(r->count, sizeof *r->due_ns)))
        exit(2);
}

/* Which timer is next, */
static inline uint32_t rearm_which(struct rearm *r)
{
    return (uint32_t)((rearm_random(r) >> 32) * r->count >> 32);
}

/* and how far away it is set, in nanoseconds: 100 to 1,100 seconds. */
static inline uint64_t rearm_far_ns(struct rearm *r)
{
    return 100 * NS_PER_S + rearm_random(r) % (1000 * NS_PER_S);
}

/* Whether the timers are to be checked first. */
static inline bool rearm_checks(const struct rearm *r)
{
    return r->work.operations > 0;
}

/* A time near by for timer i, which is set now, at now_ns of the monotonic clock; whole
 * milliseconds, since some libraries know no less. */
static inline uint64_t rearm_near_ns(struct rearm *r, uint32_t i, uint64_t now_ns)
{
    uint64_t ns = (1 + rearm_random(r) % 20) * NS_PER_MS;
    r->due_ns[i] = now_ns + ns;
    return ns;
}

/* Timer i came. */
static inline void rearm_fired(struct rearm *r, uint32_t i)
{
    if (r->due_ns[i] == 0 || clock_ns() + r->grace_ns < r->due_ns[i]) {
        fail(&r->work.report->failure, "timer %u came %s", i, r->due_ns[i] ? "early" : "twice");
        exit(1);
    }
    r->due_ns[i] = 0;
    r->fired++;
}

/* The check is over: each has come. */
static inline void rearm_checked(struct rearm *r)
{
    if (r->fired != r->count) {
        fail(&r->work.report->failure, "%u of %u timers came", r->fired, r->count);
        exit(1);
    }
}

static inline bool rearm_goes_on(struct rearm *r)
{
    return work_done(&r->work, REARM_BATCH, clock_ns());
}

static inline int rearm_end(struct rearm *r)
{
    free(r->due_ns);
    return work_end(&r->work);
}

#endif
