/* SPDX-License-Identifier: MIT */
/* run.c - a world from its opening to the last check: the steps of the plan, then no faults any
 * more, and everything has to come to an end. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "workload.h"

#define DRAIN_NS (60 * WEIR_SECOND)
#define STEPS_OF_WORLD_MAX 400000u

/* ---- Seeing ---------------------------------------------------------------------------------- */

void run_fail(struct run *run, const char *format, ...)
{
    va_list arguments;
    if (run->failure[0])
        return;
    va_start(arguments, format);
    vsnprintf(run->failure, sizeof run->failure, format, arguments);
    va_end(arguments);
}

void run_say(struct run *run, const char *format, ...)
{
    va_list arguments;
    if (!run->story)
        return;
    fprintf(run->story, "%12.6f ms  ", (double)run_now(run) / 1e6);
    va_start(arguments, format);
    vfprintf(run->story, format, arguments);
    va_end(arguments);
    fputc('\n', run->story);
}

uint64_t run_now(const struct run *run)
{
    return weir_sim_now(run->sim);
}

bool run_is_timely(const struct run *run)
{
    return run->healed || !run->plan->per_million[WEIR_SIM_CLOCK_JUMP];
}

/* ---- Letting the world run ------------------------------------------------------------------- */

/* Whatever broke in a callback ends the run at that step. */
static const char *check(void *user)
{
    struct run *run = user;
    if (run->at_point && !run->failure[0])
        run->at_point(run);
    return run->failure[0] ? run->failure : NULL;
}

void run_sleep(struct run *run, uint64_t ns)
{
    if (run->failure[0])
        return;
    run->in_callback = true;
    int error = weir_sim_run(run->sim, ns);
    run->in_callback = false;
    if (error < 0)
        run_fail(run, "%s",
                 weir_sim_broken(run->sim) ? weir_sim_broken(run->sim) : weir_error_name(error));
    tasks_sweep(run);
}

/* ---- Loops and hosts ------------------------------------------------------------------------- */

static void before_wait(struct weir_loop *loop, void *user, int64_t timeout_ns)
{
    struct place *place = user;
    (void)loop, (void)timeout_ns;
    place->tellings = 0;
}

int place_open(struct place *place)
{
    struct weir_options options = {.engine = "sim",
                                   .sim_host = place->host->sim,
                                   .before_wait = before_wait,
                                   .wait_user = place};
    int                 error = weir_loop_open(&place->loop, &options);
    place->closing = false;
    place->tellings = place->post_told = 0;
    place->timer_due_ns = 0;
    if (error)
        run_fail(place->run, "weir_loop_open() answered %s", weir_error_name(error));
    else
        pooled_open(place);
    return error;
}

static void check_empty(struct place *place)
{
    struct run *run = place->run;
    for (const struct task *task = run->tasks; task; task = task->next)
        if (task->place == place && task->state == TASK_LIVE)
            run_fail(run, "the loop was closed, and %s never ended", task_name(task));
    for (struct thing *thing = run->things; thing; thing = thing->next) {
        if (thing->place != place || thing->state == THING_GONE)
            continue;
        if (weir_handle_kind(&thing->handle) != WEIR_HANDLE_NONE)
            run_fail(run, "the loop was closed, and handle %u is attached", thing->number);
        else if (thing->state == THING_CLOSING)
            run_fail(run, "the loop was closed, and handle %u never told it", thing->number);
        thing->state = THING_CLOSED;
    }
}

/* What nobody closed is closed without a word. */
void place_close(struct place *place)
{
    struct run *run = place->run;
    place->closing = true;
    pooled_give(place, 0);
    run_say(run, "close loop %u", (unsigned)(place - run->places));
    run->in_callback = true;
    int error = weir_loop_close(place->loop, DRAIN_NS);
    run->in_callback = false;
    if (weir_sim_broken(run->sim))
        run_fail(run, "%s", weir_sim_broken(run->sim));
    else if (error && run_is_timely(run))
        run_fail(run, "weir_loop_close() answered %s", weir_error_name(error));
    while (error == WEIR_EBUSY && !run->failure[0])
        error = weir_loop_close(place->loop, DRAIN_NS);
    if (run->failure[0])
        return;
    place->loop = NULL;
    place->pool = NULL;
    check_empty(place);
}

static void forget_place(struct place *place)
{
    struct run *run = place->run;
    for (struct task *task = run->tasks; task; task = task->next) {
        if (task->place != place || task->state != TASK_LIVE)
            continue;
        task->state = TASK_GONE;
        run->live--;
        place->live--;
        if (task->thing && task->thing->out)
            task->thing->out->unsure = true;
    }
    for (struct thing *thing = run->things; thing; thing = thing->next)
        if (thing->place == place && thing->state != THING_CLOSED)
            thing->state = THING_GONE;
    place->loop = NULL;
    place->pool = NULL;
    place->held_count = 0;
}

void host_crash(struct run *run, struct host *host)
{
    run_say(run, "crash %s", host->name);
    weir_sim_crash(run->sim, host->sim);
    files_crash(host);
    for (unsigned i = 0; i < run->place_count; i++)
        if (run->places[i].host == host)
            forget_place(&run->places[i]);
    for (unsigned i = 0; i < run->place_count; i++)
        if (run->places[i].host == host)
            place_open(&run->places[i]);
}

void run_begin(struct run *run, const struct plan *plan, FILE *story)
{
    *run = (struct run){.plan = plan, .story = story};
    struct weir_sim_options options = {
        .seed = plan->seed, .model = plan->model, .steps_max = STEPS_OF_WORLD_MAX};
    memcpy(options.per_million, plan->per_million, sizeof options.per_million);
    if (weir_sim_open(&run->sim, &options)) {
        fputs("sim-workload: the world cannot be opened.\n", stderr);
        exit(2);
    }
    weir_sim_check(run->sim, check, run);
    for (unsigned i = 0; i < plan->host_count; i++) {
        struct host *host = &run->hosts[i];
        snprintf(host->name, sizeof host->name, "host%u", i);
        snprintf(host->address, sizeof host->address, "10.0.0.%u", i + 1);
        weir_sim_host_add(run->sim, &host->sim, host->name, host->address);
        for (unsigned l = 0; l < plan->loop_count[i]; l++) {
            struct place *place = &run->places[run->place_count++];
            place->run = run;
            place->host = host;
            place_open(place);
        }
    }
}

/* ---- The end --------------------------------------------------------------------------------- */

/* What may wait for ever for something that never comes would keep streams from their ends. */
static void let_go(struct run *run)
{
    for (struct task *task = run->tasks; task; task = task->next)
        if (task->state == TASK_LIVE && task->op.kind != WEIR_OP_POST &&
            (task->op.kind == WEIR_OP_COPY || (task->op.flags & WEIR_PEEK) ||
             task->op.kind == WEIR_OP_RECV_POOLED || task->op.kind == WEIR_OP_CONNECT ||
             task->op.kind == WEIR_OP_ACCEPT))
            task_cancel(task);
    run_sleep(run, DRAIN_NS);
}

/* Both ends are there and know each other. */
static bool is_whole(const struct thing *thing)
{
    return thing_is_open(thing) && thing->connected && thing->peer && thing_is_open(thing->peer) &&
           thing->peer->connected;
}

static void read_ends(struct run *run)
{
    for (struct thing *thing = run->things; thing; thing = thing->next) {
        if (!is_whole(thing))
            continue;
        if (thing->in && !thing->read_on)
            read_on(thing);
        if (thing->kind == STREAM && !thing->shut)
            shut_down(thing);
    }
    run_sleep(run, DRAIN_NS);
    for (struct thing *thing = run->things; thing; thing = thing->next)
        if (thing->kind == WRITER && thing_is_open(thing))
            thing_close(thing);
    run_sleep(run, DRAIN_NS);
    for (struct thing *thing = run->things; thing; thing = thing->next)
        if (is_whole(thing) && thing->kind == STREAM && thing->read_on)
            run_fail(run, "handle %u never came to the end of its stream", thing->number);
}

static void close_all(struct run *run)
{
    for (struct task *task = run->tasks; task; task = task->next)
        if (task->state == TASK_LIVE && task->op.kind != WEIR_OP_POST)
            task_cancel(task);
    run_sleep(run, DRAIN_NS);
    for (struct thing *thing = run->things; thing; thing = thing->next)
        if (thing_is_open(thing))
            thing_close(thing);
    run_sleep(run, DRAIN_NS);
    for (const struct task *task = run->tasks; task; task = task->next)
        if (task->state == TASK_LIVE)
            run_fail(run, "%s was cancelled, and never ended", task_name(task));
}

static void run_drain(struct run *run)
{
    run_say(run, "heal");
    weir_sim_heal(run->sim);
    run->healed = run->draining = true;
    run->healed_ns = run_now(run);
    for (unsigned i = 0; i < run->place_count; i++)
        if (run->places[i].loop)
            pooled_give(&run->places[i], 0);
    if (run->plan->ending == END_LOOPS)
        return;
    run_sleep(run, DRAIN_NS);
    if (run->plan->ending == END_READ && !run->failure[0]) {
        let_go(run);
        read_ends(run);
    }
    if (!run->failure[0])
        close_all(run);
}

static void check_end(struct run *run)
{
    for (unsigned i = 0; i < run->plan->host_count && !run->failure[0]; i++) {
        unsigned left = weir_sim_descriptors(run->hosts[i].sim);
        if (left)
            run_fail(run, "%s has %u descriptors open that nothing will close", run->hosts[i].name,
                     left);
    }
    for (struct flow *flow = run->flows; flow && !run->failure[0]; flow = flow->next)
        flow_finish(flow);
}

static void run_free(struct run *run)
{
    for (struct task *task = run->tasks, *next; task; task = next) {
        next = task->next;
        task_free(task);
    }
    for (struct thing *thing = run->things, *next; thing; thing = next) {
        next = thing->next;
        free(thing);
    }
    for (struct flow *flow = run->flows, *next; flow; flow = next) {
        next = flow->next;
        flow_free(flow);
    }
}

static void do_steps(struct run *run)
{
    for (unsigned i = 0; i < run->plan->step_count && !run->failure[0]; i++) {
        const struct step *step = &run->plan->steps[i];
        if (step->left_out)
            continue;
        if (step->inside && !run->inside)
            run->inside = step;
        else
            step_do(run, step, NULL);
        run_sleep(run, step->wait_ns);
    }
    run->inside = NULL;
}

void run_end(struct run *run, struct outcome *outcome)
{
    const struct plan *plan = run->plan;
    if (!run->failure[0])
        run_drain(run);
    for (unsigned i = 0; i < run->place_count && !run->failure[0]; i++)
        if (run->places[i].loop)
            place_close(&run->places[i]);
    if (!run->failure[0])
        check_end(run);
    for (unsigned i = 0; i < plan->host_count && run->failure[0]; i++)
        weir_sim_crash(run->sim, run->hosts[i].sim); /* nothing of it is told any more */
    outcome->hash = weir_sim_trace_hash(run->sim);
    outcome->ops = run->task_count;
    int error = weir_sim_close(run->sim);
    if (error)
        run_fail(run, "weir_sim_close() answered %s", weir_error_name(error));
    snprintf(outcome->failure, sizeof outcome->failure, "%s", run->failure);
    run_free(run);
}

void run_plan(const struct plan *plan, FILE *story, struct outcome *outcome)
{
    struct run *run = need(malloc(sizeof *run));
    run_begin(run, plan, story);
    do_steps(run);
    run_end(run, outcome);
    free(run);
}
