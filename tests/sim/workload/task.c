/* SPDX-License-Identifier: MIT */
/* task.c - an op of the workload, and what holds of every op: it ends once, inside its loop, for a
 * reason, in time, and nothing touches its memory but itself. */
#include <stdlib.h>

#include "workload.h"

/* Workers, disks and links take their time where latency is a fault; what waits for none of them
 * does not. */
#define BOUND_NS (30 * WEIR_SECOND)
#define TELLINGS_MAX 200u

/* ---- Starting -------------------------------------------------------------------------------- */

struct task *task_new(struct place *place, struct thing *thing, void (*told)(struct task *task))
{
    struct run *run = place->run;
    if (run->live >= LIVE_MAX && !run->draining)
        return NULL;
    struct task *task = need(calloc(1, sizeof *task));
    task->run = run;
    task->place = place;
    task->thing = thing;
    task->told = told;
    task->number = ++run->task_count;
    task->op.user = task;
    task->next = run->tasks;
    run->tasks = task;
    run->live++;
    place->live++;
    task_look(task, thing);
    return task;
}

void task_look(struct task *task, const struct thing *thing)
{
    task->lonely |= thing && thing->kind == STREAM && thing->is_unix && !thing->connected;
}

void task_free(struct task *task)
{
    guarded_free(&task->buffer);
    free(task);
}

const char *task_name(const struct task *task)
{
    static char name[2][48];
    static int  which;
    which = !which;
    snprintf(name[which], sizeof name[which], "%s #%u",
             weir_op_name((enum weir_op_kind)task->op.kind), task->number);
    return name[which];
}

unsigned task_flags(const struct task *task, uint32_t c)
{
    return c >> 28 == 0 ? WEIR_BACKGROUND : 0;
}

void task_bound(struct task *task)
{
    uint64_t by_ns = run_now(task->run) + BOUND_NS;
    if (!task->end_by_ns || by_ns < task->end_by_ns)
        task->end_by_ns = by_ns;
}

void task_again(struct task *task)
{
    task->state = TASK_LIVE;
    task->due_ns = task->end_by_ns = 0;
    task->was_due = task->cancelled = false;
    task->run->live++;
    task->place->live++;
}

void task_cancel(struct task *task)
{
    int asked = weir_cancel(&task->op);
    run_say(task->run, "cancel %s: %s", task_name(task), weir_error_name(asked));
    if (asked == 0 || asked == WEIR_EBUSY) {
        task->cancelled = true;
        task_bound(task);
    } else if (asked != WEIR_ENOENT) {
        run_fail(task->run, "weir_cancel() of %s answered %s", task_name(task),
                 weir_error_name(asked));
    }
}

void task_deadline(struct task *task, uint64_t ns)
{
    weir_deadline(&task->op, ns);
    if (task->due_ns && task->due_ns <= run_now(task->run))
        task->was_due = true; /* it may have been asked to end before its deadline moved */
    task->due_ns = run_now(task->run) + ns;
    task->end_by_ns = task->due_ns + BOUND_NS;
    task->rearmed = true;
    run_say(task->run, "deadline of %s in %llu ns", task_name(task), (unsigned long long)ns);
}

/* ---- Its end --------------------------------------------------------------------------------- */

bool task_may_be_cancelled(const struct task *task)
{
    const struct thing *things[] = {task->thing, task->other};
    if (task->cancelled || task->place->closing)
        return true;
    for (int i = 0; i < 2; i++)
        if (things[i] && (things[i]->state == THING_CLOSING || things[i]->state == THING_LEAVING))
            return true;
    return false;
}

static bool had_fault(const struct run *run, enum weir_sim_fault fault)
{
    return run->plan->per_million[fault] != 0;
}

/* A result that the caller can never be told, or not in this run. NULL: none of them. */
static const char *why_wrong(const struct task *task, int64_t result)
{
    const struct run *run = task->run;
    switch (result) {
    case WEIR_ECANCELED:
        return task_may_be_cancelled(task) ? NULL : "which nobody asked";
    case WEIR_EDEADLINE:
        if (!task->due_ns)
            return "which has no deadline";
        return run_now(run) < task->due_ns && !task->was_due ? "before its deadline" : NULL;
    case WEIR_ENOMEM:
        return had_fault(run, WEIR_SIM_MEMORY) ? NULL : "though there is memory";
    case WEIR_EMFILE:
    case WEIR_ENFILE:
        return had_fault(run, WEIR_SIM_DESCRIPTORS) ? NULL : "though there are descriptors";
    case WEIR_EAGAIN:
        return had_fault(run, WEIR_SIM_THREADS) ? NULL : "though every worker can be had";
    case WEIR_EIO:
        return had_fault(run, WEIR_SIM_DISK_ERROR) ? NULL : "though the disk is whole";
    case WEIR_ENOSPC:
        return had_fault(run, WEIR_SIM_DISK_FULL) ? NULL : "though the disk has room";
    case WEIR_ENOENT:
        return path_may_be_missing(task) ? NULL : "though its path is on the disk";
    case WEIR_EINVAL: /* as unix(7) streams say before they are connected */
        return task->lonely ? NULL : "which it can never be told";
    case WEIR_EINTR:
    case WEIR_EINPROGRESS:
    case WEIR_EBADF:
    case WEIR_EFAULT:
    case WEIR_ENOTSUP:
    case WEIR_EDEADLK:
    case WEIR_EBUSY:
        return "which it can never be told";
    default:
        return NULL;
    }
}

/* A reset is told once; from then on the stream is at its end: tcp(7), SO_ERROR in socket(7). */
static void note_broken(const struct task *task, int64_t result)
{
    const struct thing *things[] = {task->thing, task->other};
    if (result >= 0 || result == WEIR_ECANCELED || result == WEIR_EDEADLINE ||
        result == WEIR_ENOMEM || result == WEIR_ENOBUFS || result == WEIR_EEOF)
        return;
    for (int i = 0; i < 2; i++)
        if (things[i] && things[i]->in)
            things[i]->in->broken = true;
}

static void check_reason(struct task *task)
{
    int64_t     result = task->op.result < 0 ? task->op.result : task->op.error;
    const char *wrong = result < 0 && result != WEIR_EEOF ? why_wrong(task, result) : NULL;
    note_broken(task, result);
    if (wrong)
        run_fail(task->run, "%s told %s, %s", task_name(task), weir_error_name(result), wrong);
}

static void check_memory(struct task *task)
{
    enum weir_op_kind kind = (enum weir_op_kind)task->op.kind;
    bool receives = kind == WEIR_OP_RECV || kind == WEIR_OP_RECVV || kind == WEIR_OP_READ ||
                    kind == WEIR_OP_READV || kind == WEIR_OP_RECV_MSG;
    size_t      moved = task->op.result > 0 ? (size_t)task->op.result : 0;
    const char *wrong = guarded_check(&task->buffer, moved, receives);
    if (wrong)
        run_fail(task->run, "%s: %s", task_name(task), wrong);
}

/* Whether the op's done() may come now at all. */
static bool check_telling(struct task *task)
{
    struct run         *run = task->run;
    const struct thing *thing = task->thing;
    if (task->state == TASK_GONE)
        run_fail(run, "%s was told after its host crashed", task_name(task));
    else if (task->state == TASK_ENDED)
        run_fail(run, "%s was told again after its end", task_name(task));
    else if (!task->op.more && !weir_ended(&task->op))
        run_fail(run, "%s told its end, and is live", task_name(task));
    else if (thing && thing->state == THING_CLOSED)
        run_fail(run, "%s was told after its handle was closed", task_name(task));
    else if (!run->in_callback && !task->place->closing)
        run_fail(run, "%s was told outside weir_run()", task_name(task));
    return !run->failure[0];
}

static void take_inside_step(struct task *task)
{
    struct run        *run = task->run;
    const struct step *step = run->inside;
    if (!step || task->place->closing)
        return;
    run->inside = NULL;
    step_do(run, step, task->place);
}

static void end(struct task *task)
{
    task->state = TASK_ENDED;
    task->run->live--;
    task->place->live--;
    check_reason(task);
    check_memory(task);
}

void task_done(struct weir_op *op)
{
    struct task  *task = op->user;
    struct place *place = task->place;
    struct run   *run = task->run;
    if (run->failure[0] || !check_telling(task))
        return;
    run_say(run, "  %s = %lld%s", task_name(task), (long long)op->result, op->more ? ", more" : "");
    if (++place->tellings > TELLINGS_MAX + 20 * (place->live + 1))
        run_fail(run, "one turn told %u ends, of %u ops that are live", place->tellings,
                 place->live);
    if (!op->more)
        end(task);
    if (task->told)
        task->told(task);
    if (run->at_point && !run->failure[0])
        run->at_point(run);
    take_inside_step(task);
}

/* ---- In time --------------------------------------------------------------------------------- */

static bool is_late(const struct run *run, uint64_t by_ns)
{
    uint64_t healed_by_ns = run->healed ? run->healed_ns + BOUND_NS : 0;
    return by_ns && run_now(run) > by_ns && run_now(run) > healed_by_ns && run_is_timely(run);
}

void tasks_sweep(struct run *run)
{
    for (const struct task *task = run->tasks; task; task = task->next)
        if (task->state == TASK_LIVE && is_late(run, task->end_by_ns))
            run_fail(run, "%s should have ended %llu s ago", task_name(task),
                     (unsigned long long)((run_now(run) - task->end_by_ns) / WEIR_SECOND));
    for (struct thing *thing = run->things; thing; thing = thing->next) {
        bool leaves = thing->state == THING_CLOSING || thing->state == THING_LEAVING;
        if (thing->state == THING_LEAVING && weir_handle_kind(&thing->handle) == WEIR_HANDLE_NONE)
            thing->state = THING_CLOSED;
        else if (leaves && is_late(run, thing->closed_by_ns))
            run_fail(run, "handle %u was to be closed, and is not", thing->number);
    }
}
