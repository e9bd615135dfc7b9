/* SPDX-License-Identifier: MIT */
/* settle.c - running the loop until nothing more can happen, and making what engines may answer in
 * more than one way the same again. */
#include <poll.h>
#include <time.h>

#include "run.h"

#define PATIENCE_NS (3 * WEIR_SECOND)      /* then it is stuck, unless the machine is: */
#define PATIENCE_ROUNDS 3000               /* so often it has to have been asked too */
#define FLIGHT_NS (100 * WEIR_MILLISECOND) /* bytes that a reset took away never arrive */
#define NAP_NS (200 * WEIR_MICROSECOND)

/* ---- Whether something must happen yet ------------------------------------------------------- */

static bool is_head(const struct run *run, const struct running *running)
{
    enum lane lane = lane_of(running->step);
    for (int id = 1; id <= STEPS_MAX; id++) {
        const struct running *other = &run->running[id];
        if (other->live && other->order < running->order &&
            other->step->place == running->step->place && lane_of(other->step) == lane)
            return false;
    }
    return true;
}

/* The system says that the op at the head of its direction could get on. */
static bool head_can_go_on(const struct run *run, const struct step *step)
{
    bool pipe = run->script->links[step->place / 2] == LINK_PIPE, b = step->place % 2;
    if (step->what == WEIR_OP_ACCEPT) {
        int listener = PLACE_LISTENERS + step->place / 2;
        return world_descriptor(run, listener) < 0 || world_ready(run, listener, POLLIN);
    }
    if (!step_receives(step) && !step_sends(step))
        return true; /* what is wrong, too */
    bool pooled = step_is_pooled(step) && world_descriptor(run, step->place) >= 0;
    if (pipe && b == step_sends(step))
        return !pooled || pools_have_one(run, step); /* the wrong end */
    if (pooled && !pools_can_go_on(run, step))
        return false;
    if (step_sends(step) && run->ways[step->place].ended)
        return true; /* behind a shutdown: there need be no room to be told so */
    return world_descriptor(run, step->place) < 0 ||
           world_ready(run, step->place, step_sends(step) ? POLLOUT : POLLIN | POLLRDHUP);
}

static bool poll_must_tell(const struct run *run, const struct running *running)
{
    const struct step *step = running->step;
    short events = (step->number & WEIR_IN ? POLLIN : 0) | (step->number & WEIR_OUT ? POLLOUT : 0) |
                   (step->number & WEIR_RDHUP ? POLLRDHUP : 0);
    if (running->told && !(step->flags & WEIR_LEVEL))
        return false;
    return world_descriptor(run, step->place) < 0 || world_ready(run, step->place, events);
}

static bool must_go_on(const struct run *run, const struct running *running)
{
    const struct step *step = running->step;
    if (!running->live)
        return false;
    if (running->asked || running->timed)
        return true;
    if (step->what == WEIR_OP_TIMER)
        return step->at < WEIR_SECOND;
    if (step->what == WEIR_OP_SIGNAL)
        return running->told < running->sent;
    if (step->what == WEIR_OP_POLL && place_is_link(step->place))
        return poll_must_tell(run, running);
    if (lane_of(step) == LANE_ANY || place_is_file(step->place))
        return true;
    return is_head(run, running) && head_can_go_on(run, step);
}

static bool anything_must(const struct run *run)
{
    for (int id = 1; id <= STEPS_MAX; id++)
        if (must_go_on(run, &run->running[id]))
            return true;
    for (int place = 0; place < PLACES; place++)
        if (run->places[place].closed &&
            weir_handle_kind(&run->places[place].handle) != WEIR_HANDLE_NONE)
            return true;
    return false;
}

/* ---- Running --------------------------------------------------------------------------------- */

/* What it ended before its events were told has to be run once more. */
static void on_guard(struct weir_op *op)
{
    struct run *run = op->user;
    run->tellings++;
    if (run->stops)
        weir_stop(run->loop);
}

static void run_loop(struct run *run, bool waits)
{
    int result;
    run->guard.user = run;
    if (waits) { /* never for long: what it waits for may be for a plain look to see */
        if (weir_ended(&run->guard))
            weir_timer(&run->guard, run->loop, NAP_NS, 0, on_guard);
        else
            weir_deadline(&run->guard, NAP_NS);
    }
    run->stops = waits && run->act % 2;
    if (run->stops)
        result = weir_run(run->loop, WEIR_UNTIL_DONE);
    else
        result = weir_run(run->loop, waits ? WEIR_ONCE : WEIR_NOWAIT);
    if (result < 0)
        trace_wrong(run->trace, "act %d: weir_run() is %s", run->act, weir_error_name(result));
}

static void tell_stuck(struct run *run)
{
    run->stuck = true;
    trace_wrong(run->trace, "act %d: does not come to rest", run->act);
    for (int id = 1; id <= STEPS_MAX; id++)
        if (must_go_on(run, &run->running[id]))
            trace_wrong(run->trace, "act %d: #%d had to get on and does not", run->act, id);
    for (int place = 0; place < PLACES; place++)
        if (run->places[place].closed &&
            weir_handle_kind(&run->places[place].handle) != WEIR_HANDLE_NONE)
            trace_wrong(run->trace, "act %d: place %d does not close", run->act, place);
    weir_loop_dump(run->loop, stderr);
}

void settle(struct run *run)
{
    uint64_t start_ns = weir_now(run->loop), flight_ns = 0;
    bool     waits = run->script->waits, must;
    unsigned tellings, rounds = 0;
    if (run->stuck)
        return;
    do {
        tellings = run->tellings;
        run_loop(run, waits && anything_must(run));
        if (run->tellings != tellings)
            continue;
        waits = must = anything_must(run);
        uint64_t now_ns = weir_now(run->loop);
        if (!must && !flight_ns)
            flight_ns = now_ns;
        if (!must && !world_in_flight(run, now_ns - flight_ns > FLIGHT_NS))
            return;
        if (!must) /* what was lost to a reset never arrives: then it is given up */
            nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
    } while (++rounds < PATIENCE_ROUNDS || weir_now(run->loop) - start_ns < PATIENCE_NS);
    tell_stuck(run);
}

/* ---- Acts ------------------------------------------------------------------------------------ */

void act_begin(struct run *run)
{
    run->event_count = 0;
    pools_begin_act(run);
    for (int i = 0; i < 2 * LINKS_MAX; i++) {
        struct way *way = &run->ways[i];
        way->readable = world_ready(run, i ^ 1, POLLIN | POLLRDHUP) != 0;
        way->sends = way->cancels = way->bytes = 0;
        if (!way->uncertain && way->sent.count == way->received.count && !run->places[i].live)
            way->stuffed = way->tight = false;
        way->some = way->ended_now = way->loose = way->loose_by_pool = false;
    }
    for (int i = 0; i < PLACES; i++) {
        run->places[i].attached_before = run->places[i].attached;
        run->places[i].changes = 0;
        run->places[i].polled = run->places[i].polls_loose = false;
    }
    for (int i = 0; i < LINKS_MAX; i++)
        run->links[i] = (struct link_act){0};
}

/* Two that meet within an act may meet in either order. */
static bool link_is_torn(const struct run *run, int link)
{
    const struct link_act *act = &run->links[link];
    enum link_kind         kind = run->script->links[link];
    bool closed = run->places[2 * link].closed || run->places[2 * link + 1].closed ||
                  run->places[PLACE_LISTENERS + link].closed;
    if (act->torn || (act->touches >= 2 && (act->closes || act->cancels)))
        return true;
    /* After a close, the first op to touch a socket is told of the reset, or makes it come. */
    if (closed && !act->closes && kind != LINK_PIPE)
        return act->touches >= (kind == LINK_UDP ? 1 : 2);
    return false;
}

/* Whether an op of the kind waits on the place, or waited in this act. */
static bool has_any(const struct run *run, int place, bool (*is_kind)(const struct step *step))
{
    for (int id = 1; id <= STEPS_MAX; id++) {
        const struct running *running = &run->running[id];
        if (running->live && running->step->place == place && is_kind(running->step))
            return true;
    }
    for (unsigned i = 0; i < run->event_count; i++)
        if (run->events[i].place == place && run->events[i].id &&
            is_kind(run->running[run->events[i].id].step))
            return true;
    return false;
}

static bool way_is_loose(const struct run *run, int sender)
{
    const struct way *way = &run->ways[sender];
    bool              arrives = way->sends || way->ended_now;
    if (way->tight && has_any(run, sender, step_sends))
        return true; /* there is room, and anything may wake who waits for it */
    if (run->script->links[sender / 2] != LINK_UDP && way->some && way->sends &&
        (way->sends > 1 || way->bytes > 1024 || way->readable))
        return true;
    if (way->loose_by_pool)
        return true;
    return way->cancels && (arrives || way->readable);
}

static bool is_poll(const struct step *step)
{
    return step->what == WEIR_OP_POLL;
}

static bool polls_are_loose(const struct run *run, int place)
{
    const struct way *way = &run->ways[place ^ 1];
    unsigned          most = run->places[place].polled ? 0 : 1;
    if (!has_any(run, place, is_poll))
        return false;
    if (run->ways[place].loose) /* how often something was taken of it */
        return true;
    /* A receive that waits may have taken what the poll was to tell of, or a send the room. */
    if (run->ways[place].stuffed && has_any(run, place, step_sends))
        return true;
    return run->places[place].changes > most ||
           ((way->readable || way->sends || way->ended_now) && has_any(run, place, step_receives));
}

/* Where there are no edges, a poll for one is told again and again; so it ends once it was told. */
static bool end_edge_polls(struct run *run)
{
    bool any = false;
    for (int id = 1; id <= STEPS_MAX; id++) {
        struct running *running = &run->running[id];
        if (!running->live || running->asked || !running->told ||
            running->step->what != WEIR_OP_POLL || !(running->step->flags & WEIR_EDGE))
            continue;
        running->asked = any = true;
        weir_cancel(&running->op);
    }
    return any;
}

/* Asks every op that waits in a direction of a place to end. True when there was one. */
static bool end_lane(struct run *run, int place, enum lane lane)
{
    bool any = false;
    for (int id = 1; id <= STEPS_MAX; id++) {
        struct running *running = &run->running[id];
        if (!running->live || running->asked || running->step->place != place ||
            lane_of(running->step) != lane)
            continue;
        running->asked = any = true;
        weir_cancel(&running->op);
    }
    return any;
}

static bool tear(struct run *run, int link)
{
    int  places[] = {2 * link, 2 * link + 1, PLACE_LISTENERS + link};
    bool any = false;
    run->links[link].torn = true;
    for (int i = 0; i < 3; i++) {
        struct place *place = &run->places[places[i]];
        if (i < 2)
            run->ways[places[i]].ended = run->ways[places[i]].uncertain = true;
        if (world_descriptor(run, places[i]) < 0 || place->closed)
            continue;
        any |= weir_close(&place->handle, told_closed) == 0;
        place->closed = true;
    }
    return any;
}

/* One round of making the same what was not; true when something was done. */
static bool straighten(struct run *run)
{
    bool any = end_edge_polls(run);
    for (int link = 0; link < (int)run->script->link_count; link++)
        if (link_is_torn(run, link))
            any |= tear(run, link);
    for (int place = 0; place < 2 * (int)run->script->link_count; place++) {
        struct way *way = &run->ways[place];
        if (!way->loose && way_is_loose(run, place)) {
            way->loose = any = true;
            way->cut |= run->script->links[place / 2] == LINK_UDP;
        }
        if (way->loose) {
            any |= end_lane(run, place ^ 1, LANE_IN);
            world_drain(run, place);
        }
        if (!run->places[place].polls_loose && polls_are_loose(run, place))
            run->places[place].polls_loose = true;
        if (run->places[place].polls_loose)
            any |= end_lane(run, place, LANE_ANY);
    }
    any |= pools_straighten(run);
    return any;
}

void act_end(struct run *run)
{
    settle(run);
    while (!run->stuck && straighten(run))
        settle(run);
    emit_act(run);
}
