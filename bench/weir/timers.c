/* SPDX-License-Identifier: MIT */
/* timers.c - timers of weir, set anew in place. Built twice: by weir_deadline(), which reads the
 * clock each time; and, where REARM_AT is 1, by weir_deadline_at(), with a time that the program
 * knows. */
#include <weir.h>

#include "../kit/rearm.h"

static struct rearm      rearm;
static struct weir_op   *ops; /* owned */
static struct weir_loop *loop;

static void on_due(struct weir_op *op)
{
    if (op->result == 0) /* else the loop closes */
        rearm_fired(&rearm, (uint32_t)(op - ops));
}

static void set_all_far(void)
{
    for (uint32_t i = 0; i < rearm.count; i++)
        weir_timer(&ops[i], loop, rearm_far_ns(&rearm), 0, on_due);
}

static void check(void)
{
    set_all_far();
    for (uint32_t i = 0; i < rearm.count; i++)
        weir_deadline(&ops[i], rearm_near_ns(&rearm, i, clock_ns()));
    weir_run(loop, WEIR_UNTIL_DONE);
    rearm_checked(&rearm);
}

int main(int argc, char **argv)
{
    rearm_open(&rearm, argc, argv);
    ops = calloc(rearm.count, sizeof *ops);
    if (!ops || weir_loop_open(&loop, NULL) != 0)
        work_fail(&rearm.work, "the loop could not be opened", 0);
    if (rearm_checks(&rearm))
        check();
    set_all_far();
    uint64_t now_ns = weir_now(loop);
    work_begin(&rearm.work);
    do {
        for (int i = 0; i < REARM_BATCH; i++) {
            struct weir_op *op = &ops[rearm_which(&rearm)];
            if (REARM_AT)
                weir_deadline_at(op, now_ns + rearm_far_ns(&rearm));
            else
                weir_deadline(op, rearm_far_ns(&rearm));
        }
    } while (rearm_goes_on(&rearm));
    int status = rearm_end(&rearm);
    weir_loop_close(loop, WEIR_FOREVER);
    free(ops);
    return status;
}
