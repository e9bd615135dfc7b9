/* SPDX-License-Identifier: MIT */
/* thing.c - a handle of the workload: its closing, and what may still be told of it. */
#include <stdlib.h>

#include "workload.h"

#define BOUND_NS (30 * WEIR_SECOND)

struct thing *thing_new(struct place *place, enum thing_kind kind, enum thing_state state)
{
    struct run   *run = place->run;
    struct thing *thing = need(calloc(1, sizeof *thing));
    thing->run = run;
    thing->place = place;
    thing->kind = kind;
    thing->state = state;
    thing->number = ++run->thing_count;
    thing->handle.user = thing;
    thing->next = run->things;
    run->things = thing;
    return thing;
}

bool thing_is_open(const struct thing *thing)
{
    return thing->state == THING_OPEN;
}

static const struct task *live_task(const struct thing *thing)
{
    const struct task *task = thing->run->tasks;
    while (task && !(task->state == TASK_LIVE && task->thing == thing))
        task = task->next;
    return task;
}

static void on_closed(struct weir_handle *handle)
{
    struct thing      *thing = handle->user;
    struct run        *run = thing->run;
    const struct task *live = live_task(thing);
    if (run->failure[0])
        return;
    run_say(run, "  closed %u", thing->number);
    if (thing->state != THING_CLOSING)
        run_fail(run, "handle %u was told to be closed, in state %d", thing->number,
                 (int)thing->state);
    else if (live)
        run_fail(run, "handle %u was closed while %s is live", thing->number, task_name(live));
    else if (weir_handle_kind(handle) != WEIR_HANDLE_NONE)
        run_fail(run, "handle %u was closed, and is attached", thing->number);
    thing->state = THING_CLOSED;
}

static void leave(struct thing *thing, enum thing_state state)
{
    thing->state = state;
    thing->closed_by_ns = run_now(thing->run) + BOUND_NS;
}

void thing_close(struct thing *thing)
{
    int error = weir_close(&thing->handle, on_closed);
    run_say(thing->run, "close %u: %s", thing->number, weir_error_name(error));
    if (error)
        run_fail(thing->run, "weir_close() of handle %u answered %s", thing->number,
                 weir_error_name(error));
    leave(thing, THING_CLOSING);
    unname_socket(thing);
}

void thing_close_now(struct thing *thing)
{
    bool before = thing->run->in_callback;
    leave(thing, THING_LEAVING);
    thing->run->in_callback = true; /* other loops have their turns while it waits */
    int error = weir_close_now(&thing->handle);
    thing->run->in_callback = before;
    run_say(thing->run, "close now %u: %s", thing->number, weir_error_name(error));
    if (error && error != WEIR_EBUSY && !weir_sim_broken(thing->run->sim))
        run_fail(thing->run, "weir_close_now() of handle %u answered %s", thing->number,
                 weir_error_name(error));
    if (weir_handle_kind(&thing->handle) == WEIR_HANDLE_NONE)
        thing->state = THING_CLOSED;
}
