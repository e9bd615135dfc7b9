/* SPDX-License-Identifier: MIT */
/* idle.c - what needs no handle: timers, posts, workers, names, signals. */
#include <signal.h>
#include <stdio.h>

#include "workload.h"

/* ---- Timers ---------------------------------------------------------------------------------- */

/* Never early; and of those that nobody moved, in the order of their times. */
static void timer_told(struct task *task)
{
    struct place *place = task->place;
    if (task->op.result < 0)
        return;
    if (run_now(task->run) < task->due_ns && !task->was_due)
        run_fail(task->run, "%s ended %llu ns early", task_name(task),
                 (unsigned long long)(task->due_ns - run_now(task->run)));
    bool before = task->due_ns < place->timer_due_ns ||
                  (task->due_ns == place->timer_due_ns && task->number < place->timer_number);
    if (before && !task->rearmed)
        run_fail(task->run, "%s ended after #%u, which was due later", task_name(task),
                 place->timer_number);
    if (!task->rearmed) {
        place->timer_due_ns = task->due_ns;
        place->timer_number = task->number;
    }
}

static uint64_t time_of(uint32_t b, uint32_t c)
{
    static const uint64_t units[] = {1, 1000, 100000, 1000000, 100000000};
    return units[b % 5] * (c % 50);
}

void step_timer(struct place *place, const struct step *step)
{
    struct task *task = task_new(place, NULL, timer_told);
    if (!task)
        return;
    uint64_t ns = time_of(step->b, step->c);
    weir_timer(&task->op, place->loop, ns, task_flags(task, step->c), task_done);
    task->due_ns = run_now(place->run) + ns;
    task->end_by_ns = task->due_ns + 30 * WEIR_SECOND;
    run_say(place->run, "timer #%u in %llu ns", task->number, (unsigned long long)ns);
}

/* ---- At once --------------------------------------------------------------------------------- */

/* One that starts itself again and again must leave room for others. */
static void nop_told(struct task *task)
{
    if (task->op.result || !task->count || task->place->closing)
        return;
    task->count--;
    task_again(task);
    weir_nop(&task->op, task->place->loop, 0, task_done);
    task_bound(task);
}

void step_nop(struct place *place, const struct step *step)
{
    struct task *task = task_new(place, NULL, nop_told);
    if (!task)
        return;
    task->count = step->c % 4 ? 0 : 400;
    task_bound(task);
    run_say(place->run, "nop #%u, %u times more", task->number, task->count);
    weir_nop(&task->op, place->loop, task_flags(task, step->c), task_done);
}

static void post_told(struct task *task)
{
    struct place *place = task->place;
    if (task->number < place->post_told)
        run_fail(task->run, "%s was told after #%u, which was posted later", task_name(task),
                 place->post_told);
    place->post_told = task->number;
    if (task->op.result && !place->closing)
        run_fail(task->run, "%s told %s", task_name(task), weir_error_name(task->op.result));
}

/* Also to a loop that is not the caller's own. */
void step_post(struct place *place, const struct step *step)
{
    struct run   *run = place->run;
    struct place *target = &run->places[step->b % run->place_count];
    if (!target->loop || target->closing)
        target = place;
    struct task *task = task_new(target, NULL, post_told);
    if (!task)
        return;
    task_bound(task);
    run_say(run, "post #%u to loop %u", task->number, (unsigned)(target - run->places));
    weir_post(&task->op, target->loop, task_done);
}

/* ---- Workers --------------------------------------------------------------------------------- */

static int64_t work(struct weir_op *op)
{
    struct task *task = op->user;
    task->count++;
    return (int64_t)task->number;
}

static void worked(struct task *task)
{
    bool ran = task->op.result == (int64_t)task->number;
    if (task->count > 1 || (task->count == 1) != ran)
        run_fail(task->run, "%s told %lld, and ran %u times", task_name(task),
                 (long long)task->op.result, task->count);
}

void step_work(struct place *place, const struct step *step)
{
    struct task *task = task_new(place, NULL, worked);
    if (!task)
        return;
    task_bound(task);
    run_say(place->run, "work #%u", task->number);
    weir_work(&task->op, place->loop, work, task_flags(task, step->c), task_done);
}

static void resolved(struct task *task)
{
    if (task->op.result == 0)
        run_fail(task->run, "%s of a host found no address", task_name(task));
}

void step_resolve(struct place *place, const struct step *step)
{
    struct run  *run = place->run;
    struct task *task = task_new(place, NULL, resolved);
    if (!task)
        return;
    task_bound(task);
    task->lookup = (struct weir_lookup){.host = run->hosts[step->b % run->plan->host_count].name,
                                        .service = "80",
                                        .addresses = task->addresses,
                                        .room = 4};
    run_say(run, "resolve #%u %s", task->number, task->lookup.host);
    weir_resolve(&task->op, place->loop, &task->lookup, task_flags(task, step->c), task_done);
}

/* ---- Signals --------------------------------------------------------------------------------- */

static void signal_told(struct task *task)
{
    if (task->op.result >= 0 && task->op.result != SIGUSR1)
        run_fail(task->run, "%s told signal %lld", task_name(task), (long long)task->op.result);
}

void step_signal(struct place *place, const struct step *step)
{
    struct task *task = task_new(place, NULL, signal_told);
    if (!task)
        return;
    run_say(place->run, "signal #%u", task->number);
    weir_signal(&task->op, place->loop, SIGUSR1,
                (step->b % 2 ? WEIR_MULTISHOT : 0) | task_flags(task, step->c), task_done);
}
