/* SPDX-License-Identifier: MIT */
/* work.c - counts primes on workers while the loop stays free for its timer. */
#include <stdio.h>
#include <weir.h>

#define JOBS 4
#define NUMBERS 250000 /* a job */

struct job {
    struct weir_op op;
    unsigned       from;
};

static struct job     jobs[JOBS];
static struct weir_op ticking;
static unsigned       ticks;
static int            running = JOBS;
static int64_t        primes;

/* Runs on a worker's thread. It may touch its own job; everything else belongs to the loop. */
static int64_t count_primes(struct weir_op *op)
{
    const struct job *job = weir_of(op, struct job, op);
    int64_t           count = 0;
    for (unsigned n = job->from; n < job->from + NUMBERS; n++) {
        unsigned divisor = 2;
        while (divisor * divisor <= n && n % divisor != 0)
            divisor++;
        count += n > 1 && divisor * divisor > n;
    }
    return count;
}

/* Runs on the loop's thread, with what the worker returned. */
static void on_counted(struct weir_op *op)
{
    running--;
    if (op->result < 0)
        fprintf(stderr, "work: %s\n", weir_error_text(op->result));
    else
        primes += op->result;
}

static void on_tick(struct weir_op *op)
{
    ticks++;
    if (running > 0)
        weir_timer(op, weir_op_loop(op), WEIR_MILLISECOND, 0, on_tick);
}

int main(void)
{
    struct weir_loop *loop;
    int               error = weir_loop_open(&loop, NULL);
    if (error != 0) {
        fprintf(stderr, "work: WEIR_ENGINE: %s\n", weir_error_text(error));
        return 1;
    }
    for (unsigned i = 0; i < JOBS; i++) {
        jobs[i].from = i * NUMBERS;
        weir_work(&jobs[i].op, loop, count_primes, 0, on_counted);
    }
    weir_timer(&ticking, loop, WEIR_MILLISECOND, 0, on_tick);
    weir_run(loop, WEIR_UNTIL_DONE);
    printf("%d primes below %d\n", (int)primes, JOBS * NUMBERS);
    printf("the loop ticked %u times meanwhile\n", ticks);
    return weir_loop_close(loop, WEIR_SECOND) == 0 ? 0 : 1;
}
