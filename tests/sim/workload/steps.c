/* SPDX-License-Identifier: MIT */
/* steps.c - what a step is done to, and the steps that concern any op, handle, loop or host. */
#include <signal.h>

#include "workload.h"

/* ---- Picking --------------------------------------------------------------------------------- */

static bool fits(const struct thing *thing, const struct place *place, unsigned kinds)
{
    return (kinds & KIND(thing->kind)) && thing_is_open(thing) && (!place || thing->place == place);
}

struct thing *pick_thing(struct run *run, const struct place *place, unsigned kinds, uint32_t a)
{
    unsigned count = 0;
    for (const struct thing *thing = run->things; thing; thing = thing->next)
        count += fits(thing, place, kinds);
    if (!count)
        return NULL;
    unsigned left = a % count;
    for (struct thing *thing = run->things;; thing = thing->next)
        if (fits(thing, place, kinds) && !left--)
            return thing;
}

static bool is_live(const struct task *task, const struct place *place)
{
    return task->state == TASK_LIVE && task->place == place && task->op.kind != WEIR_OP_POST;
}

struct task *pick_task(struct run *run, const struct place *place, uint32_t a)
{
    unsigned count = 0;
    for (const struct task *task = run->tasks; task; task = task->next)
        count += is_live(task, place);
    if (!count)
        return NULL;
    unsigned left = a % count;
    for (struct task *task = run->tasks;; task = task->next)
        if (is_live(task, place) && !left--)
            return task;
}

static struct place *pick_place(struct run *run, uint32_t a)
{
    unsigned count = 0;
    for (unsigned i = 0; i < run->place_count; i++)
        count += run->places[i].loop != NULL;
    if (!count)
        return NULL;
    unsigned left = a % count;
    for (struct place *place = run->places;; place++)
        if (place->loop && !left--)
            return place;
}

/* ---- Steps of any op or handle --------------------------------------------------------------- */

static void step_cancel(struct place *place, const struct step *step)
{
    struct task *task = pick_task(place->run, place, step->b);
    if (task)
        task_cancel(task);
}

static void step_deadline(struct place *place, const struct step *step)
{
    static const uint64_t units[] = {1, 1000, 30000, 1000000};
    struct task          *task = pick_task(place->run, place, step->b);
    if (task)
        task_deadline(task, units[step->c % 4] * (step->c / 4 % 50));
}

#define ANY_KIND ((1u << THING_KINDS) - 1)

/* Which of the ops are asked is weir's to say; all are as if each was. */
static void step_cancel_all(struct place *place, const struct step *step)
{
    struct run   *run = place->run;
    struct thing *thing = pick_thing(run, place, ANY_KIND, step->b);
    if (!thing)
        return;
    int count = weir_cancel_all(&thing->handle);
    run_say(run, "cancel all of %u: %d", thing->number, count);
    if (count < 0)
        run_fail(run, "weir_cancel_all() of handle %u answered %s", thing->number,
                 weir_error_name(count));
    for (struct task *task = run->tasks; task; task = task->next)
        if (task->state == TASK_LIVE && (task->thing == thing || task->other == thing)) {
            task->cancelled = true;
            /* A copy that had no memory is not the source's: it ends when its turn comes. */
            if (task->thing == thing || !run->plan->per_million[WEIR_SIM_MEMORY])
                task_bound(task);
        }
}

static void step_close(struct place *place, const struct step *step)
{
    struct thing *thing = pick_thing(place->run, place, ANY_KIND, step->b);
    if (thing)
        thing_close(thing);
}

static void step_close_now(struct place *place, const struct step *step)
{
    struct thing *thing = pick_thing(place->run, place, ANY_KIND, step->b);
    if (thing)
        thing_close_now(thing);
}

static void late_told(struct task *task)
{
    if (task->op.result != WEIR_ECANCELED)
        run_fail(task->run, "%s was started on a closing handle, and told %s", task_name(task),
                 weir_error_name(task->op.result));
}

/* An op on a handle that is being closed. */
static void step_late(struct place *place, const struct step *step)
{
    struct run   *run = place->run;
    struct thing *thing = run->things;
    while (thing && !(thing->state == THING_CLOSING && thing->place == place))
        thing = thing->next;
    struct task *task = thing ? task_new(place, thing, late_told) : NULL;
    if (!task)
        return;
    (void)step;
    task_bound(task);
    run_say(run, "poll #%u on %u, which is closing", task->number, thing->number);
    weir_poll(&task->op, &thing->handle, WEIR_IN, 0, task_done);
}

static void step_stop(struct place *place, const struct step *step)
{
    (void)step;
    run_say(place->run, "stop");
    weir_stop(place->loop);
}

/* ---- Steps of hosts -------------------------------------------------------------------------- */

static void cut_or_mend(struct place *place, const struct step *step)
{
    struct run  *run = place->run;
    struct host *one = &run->hosts[step->b % run->plan->host_count];
    struct host *other = &run->hosts[step->c % run->plan->host_count];
    if (one == other)
        return;
    run_say(run, "%s %s and %s", step->kind == STEP_CUT ? "cut" : "mend", one->name, other->name);
    weir_sim_partition(run->sim, one->sim, other->sim, step->kind == STEP_CUT);
}

static void step_raise(struct place *place, const struct step *step)
{
    (void)step;
    run_say(place->run, "raise");
    weir_sim_signal(place->host->sim, SIGUSR1);
}

static void step_crash(struct place *place, const struct step *step)
{
    if (!place->run->in_callback && step->b % 2)
        host_crash(place->run, place->host);
}

static void step_reopen(struct place *place, const struct step *step)
{
    (void)step;
    if (place->run->in_callback)
        return;
    place_close(place);
    place_open(place);
}

/* Long enough that what nobody wakes sleeps too long. */
static void step_sleep(struct place *place, const struct step *step)
{
    (void)step;
    if (!place->run->in_callback)
        run_sleep(place->run, 40 * WEIR_SECOND);
}

/* ---- The table ------------------------------------------------------------------------------- */

static void (*const steps[STEP_KINDS])(struct place *place, const struct step *step) = {
    [STEP_LISTEN] = step_listen,
    [STEP_CONNECT] = step_connect,
    [STEP_ACCEPT] = step_accept,
    [STEP_SEND] = step_send,
    [STEP_RECV] = step_recv,
    [STEP_TRY] = step_try,
    [STEP_SHUTDOWN] = step_shutdown,
    [STEP_PIPE] = step_pipe,
    [STEP_COPY] = step_copy,
    [STEP_POLL] = step_poll,
    [STEP_DATAGRAM] = step_datagram,
    [STEP_SEND_TO] = step_send_to,
    [STEP_RECV_FROM] = step_recv_from,
    [STEP_OPEN] = step_open,
    [STEP_WRITE] = step_write,
    [STEP_READ] = step_read,
    [STEP_SYNC] = step_sync,
    [STEP_CHANGE] = step_change,
    [STEP_OPTION] = step_option,
    [STEP_TIMER] = step_timer,
    [STEP_DEADLINE] = step_deadline,
    [STEP_NOP] = step_nop,
    [STEP_POST] = step_post,
    [STEP_WORK] = step_work,
    [STEP_RESOLVE] = step_resolve,
    [STEP_SIGNAL] = step_signal,
    [STEP_RAISE] = step_raise,
    [STEP_CANCEL] = step_cancel,
    [STEP_CANCEL_ALL] = step_cancel_all,
    [STEP_CLOSE] = step_close,
    [STEP_CLOSE_NOW] = step_close_now,
    [STEP_LATE] = step_late,
    [STEP_STOP] = step_stop,
    [STEP_CUT] = cut_or_mend,
    [STEP_MEND] = cut_or_mend,
    [STEP_CRASH] = step_crash,
    [STEP_REOPEN] = step_reopen,
    [STEP_SLEEP] = step_sleep,
};

void step_do(struct run *run, const struct step *step, struct place *place)
{
    if (!place)
        place = pick_place(run, step->a);
    if (place)
        steps[step->kind](place, step);
}
