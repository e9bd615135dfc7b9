/* SPDX-License-Identifier: MIT */
/* run.c - one script from its beginning to its end on one engine. */
#include <signal.h>

#include "run.h"

/* True when something was live. */
static bool cancel_everything(struct run *run)
{
    bool any = false;
    for (int id = 1; id <= STEPS_MAX; id++) {
        struct running *running = &run->running[id];
        if (!running->live)
            continue;
        running->asked = any = true;
        running->raced |= lane_of(running->step) == LANE_OUT; /* it may have moved something */
        weir_cancel(&running->op);
    }
    return any;
}

/* Their callbacks may start others. */
static void end_everything(struct run *run)
{
    bool any = true;
    while (any && !run->stuck) {
        run->act++;
        act_begin(run);
        any = cancel_everything(run);
        act_end(run);
    }
}

static void close_everything(struct run *run)
{
    for (int place = 0; place < PLACES; place++) {
        struct weir_handle *handle = &run->places[place].handle;
        if (weir_handle_kind(handle) == WEIR_HANDLE_NONE)
            continue;
        weir_close(handle, told_closed);
        run->places[place].closed = true;
    }
}

/* With everything open, or after closing each handle by hand. */
static void close_loop(struct run *run)
{
    if (!run->script->closes_loop && !run->stuck) {
        end_everything(run);
        run->act++;
        act_begin(run);
        world_reset_at_close(run);
        close_everything(run);
        act_end(run);
        pools_close(run);
        weir_cancel(&run->guard);
        int result = weir_run(run->loop, WEIR_UNTIL_DONE);
        if (result)
            trace_wrong(run->trace, "end: weir_run() until done is %d", result);
    }
    world_reset_at_close(run);
    run->act++;
    act_begin(run);
    int result = weir_loop_close(run->loop, WEIR_SECOND);
    pools_forget(run);
    emit_act(run);
    if (result)
        trace_wrong(run->trace, "end: weir_loop_close() is %s", weir_error_name(result));
}

void run_script(struct run *run, const char *engine)
{
    const struct script      *script = run->script;
    const struct weir_options options = {.engine = engine, .ring_entries = script->ring_entries};
    int                       descriptors = host_count_descriptors();
    signal(SIGUSR1, SIG_IGN); /* one that no op waits for is nobody's */
    signal(SIGUSR2, SIG_IGN);
    int error = weir_loop_open(&run->loop, &options);
    if (error) {
        trace_line(run->trace, "weir_loop_open() is %s", weir_error_name(error));
        return;
    }
    world_open(run);
    for (unsigned i = 0; i < script->step_count && !run->stuck;) {
        run->act = script->steps[i].act;
        act_begin(run);
        for (; i < script->step_count && script->steps[i].act == run->act; i++)
            if (!script->steps[i].after)
                start_step(run, &script->steps[i]);
        act_end(run);
    }
    close_loop(run);
    emit_end(run);
    descriptors -= host_count_descriptors();
    if (descriptors)
        trace_wrong(run->trace, "end: %d descriptors more", -descriptors);
}
