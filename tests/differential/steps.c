/* SPDX-License-Identifier: MIT */
/* steps.c - starting a step: whether it can be taken, and what it may change for others. */
#include <poll.h>
#include <signal.h>
#include <string.h>

#include "run.h"

void note_change(struct run *run, int place)
{
    if (place >= 0)
        run->places[place].changes++;
}

/* ---- Ending others --------------------------------------------------------------------------- */

/* Whether something else than this thread may bring the end at any moment. */
static bool races(const struct step *step)
{
    return step->what == WEIR_OP_WORK || step->what == WEIR_OP_SIGNAL ||
           step->what == WEIR_OP_RESOLVE || place_is_file(step->place) || step->what == STEP_WRONG;
}

/* The op is asked to end, now or by its deadline. */
static void note_ending(struct run *run, struct running *target, bool deadline)
{
    const struct step *step = target->step;
    target->raced |= races(step);
    if (!place_is_link(step->place))
        return;
    if (step_receives(step))
        run->ways[step->place ^ 1].cancels++;
    else if (lane_of(step) != LANE_ANY && step->what != STEP_WRONG &&
             (deadline || target->act != run->act))
        run->links[step->place / 2].cancels++;
    note_change(run, step->place);
}

/* Whether it is live, or was a moment ago: elsewhere it may be the other way round. */
static bool may_meet(const struct run *run, const struct running *target)
{
    return target->started && target->step->what < WEIR_OP_KINDS && target->order &&
           (target->live || target->act_ended == run->act);
}

static void end_target(struct run *run, const struct step *step)
{
    struct running *target = &run->running[step->target];
    bool            deadline = step->what == STEP_DEADLINE;
    if (!may_meet(run, target))
        return;
    note_ending(run, target, deadline);
    if (!target->live)
        return;
    if (deadline) {
        target->timed = true;
        weir_deadline(&target->op, step->at);
    } else if (weir_cancel(&target->op) == 0) {
        target->asked = true;
    }
}

static void end_all(struct run *run, int place)
{
    for (int id = 1; id <= STEPS_MAX; id++) {
        struct running *target = &run->running[id];
        if (!may_meet(run, target) || target->step->place != place ||
            target->step->what == WEIR_OP_ACCEPT) /* that is the listener's */
            continue;
        note_ending(run, target, false);
        target->asked |= target->live;
    }
    weir_cancel_all(&run->places[place].handle);
}

static bool has_live(const struct run *run, int place, enum lane lane)
{
    for (int id = 1; id <= STEPS_MAX; id++)
        if (run->running[id].live && run->running[id].step->place == place &&
            lane_of(run->running[id].step) == lane)
            return true;
    return false;
}

static bool is_multishot(const struct step *step)
{
    return step_is_pooled(step) && (step->flags & WEIR_MULTISHOT);
}

static bool has_live_multishot(const struct run *run, int place)
{
    for (int id = 1; id <= STEPS_MAX; id++)
        if (run->running[id].live && run->running[id].step->place == place &&
            is_multishot(run->running[id].step))
            return true;
    return false;
}

static void close_place(struct run *run, const struct step *step)
{
    int           place = step->place, link = link_of(place);
    struct place *closed = &run->places[place];
    bool          now = step->what == STEP_CLOSE_NOW;
    if (place_is_link(place)) {
        run->ways[place].ended = run->ways[place].ended_now = true;
        if (has_live(run, place, LANE_IN))
            run->ways[place ^ 1].cancels++;
        if (has_live(run, place ^ 1, LANE_IN) && has_live(run, place ^ 1, LANE_OUT))
            run->links[link].torn = true; /* who is told of a reset, and who of what follows */
        note_change(run, place);
        note_change(run, place ^ 1);
    }
    if (link >= 0)
        run->links[link].closes++;
    int result = now ? weir_close_now(&closed->handle) : weir_close(&closed->handle, told_closed);
    closed->closed |= result != WEIR_EBADF;
    told_result(run, step, result == WEIR_EBUSY ? 0 : result);
}

/* ---- Without an op --------------------------------------------------------------------------- */

static void raise_signal(struct run *run, const struct step *step)
{
    for (int id = 1; id <= STEPS_MAX; id++) {
        struct running *running = &run->running[id];
        if (running->live && running->step->what == WEIR_OP_SIGNAL &&
            running->step->number == step->number)
            running->sent = running->told + 1; /* it is to be told so often */
    }
    raise(step->number == 1 ? SIGUSR1 : SIGUSR2);
}

static void try_transfer(struct run *run, const struct step *step)
{
    static char         data[4096];
    struct weir_handle *handle = &run->places[step->place].handle;
    struct way *way = &run->ways[step->what == STEP_TRY_SEND ? step->place : step->place ^ 1];
    size_t      length = step_length(step);
    int64_t     result;
    way->tight |= way->stuffed;
    memset(data, 't', sizeof data);
    if (step->what == STEP_TRY_SEND)
        result = weir_try_send(handle, data, length, 0);
    else
        result = weir_try_recv(handle, data, length, step->flags);
    if (result > 0 && step->what == STEP_TRY_SEND)
        bytes_append(&way->sent, data, (size_t)result), way->sends++,
            way->bytes += (uint32_t)length;
    else if (result > 0 && !(step->flags & WEIR_PEEK))
        bytes_append(&way->received, data, (size_t)result);
    if (result >= 0 && !(step->flags & WEIR_PEEK))
        way->messages += step->what == STEP_TRY_SEND ? 1 : -1;
    note_change(run, step->place);
    note_change(run, step->place ^ 1);
    told_result(run, step, result);
}

static void take_plain(struct run *run, const struct step *step)
{
    int64_t result;
    switch (step->what) {
    case STEP_CANCEL:
    case STEP_DEADLINE:
        end_target(run, step);
        break;
    case STEP_CANCEL_ALL:
        end_all(run, step->place);
        break;
    case STEP_CLOSE:
    case STEP_CLOSE_NOW:
        close_place(run, step);
        break;
    case STEP_STOP:
        weir_stop(run->loop);
        break;
    case STEP_WAKE:
        weir_wake(run->loop);
        break;
    case STEP_RAISE:
        raise_signal(run, step);
        break;
    case STEP_STUFF:
        world_stuff(run, step->place);
        run->ways[step->place].sends += 2;
        run->ways[step->place].tight |= has_live(run, step->place ^ 1, LANE_IN);
        run->ways[step->place].stuffed = true;
        note_change(run, step->place ^ 1);
        break;
    case STEP_TAKE:
    case STEP_GIVE:
    case STEP_QUOTA:
    case STEP_POOL_CLOSE:
        result = pools_step(run, step);
        told_result(run, step, step->after ? 0 : result); /* what came first may have ended */
        break;
    default:
        try_transfer(run, step);
        break;
    }
}

/* ---- Starting -------------------------------------------------------------------------------- */

/* Whether the step follows `earlier`, however many there are between. */
static bool is_behind(const struct run *run, const struct step *step, uint8_t earlier)
{
    while (step->after && step->after != earlier)
        step = run->running[step->after].step;
    return step->after && step->after == earlier;
}

/* Whether an accept of this act had its end before the step, which a callback started, depends on
 * who is served first: other handles have no order. */
static bool may_meet_an_accept(const struct run *run, const struct step *step)
{
    const struct place   *place = &run->places[step->place];
    const struct running *accept = &run->running[place->filler];
    bool                  now = accept->live || (place->filler && accept->act_ended == run->act);
    return step->after && now && !place->attached_before && !is_behind(run, step, place->filler);
}

/* A call on a handle that never had a loop, or one that fills a handle in use, is the program's
 * bug. */
static bool can_be_taken(const struct run *run, const struct step *step)
{
    if (step->place == PLACE_NONE || step->what == STEP_CANCEL || step->what == STEP_DEADLINE)
        return true;
    const struct place *place = &run->places[step->place];
    if (place->unsure || may_meet_an_accept(run, step))
        return false;
    if (step_sends(step) && place_is_link(step->place) && run->ways[step->place].tight)
        return false;
    if (is_multishot(step) && run->ways[step->place ^ 1].stuffed)
        return false; /* more tellings than anybody wants to read */
    if (step->what == WEIR_OP_POLL && !world_can_be_asked(run, step->place))
        return false;
    if (step->what == WEIR_OP_FSYNC && run->script->fitted && place->unwritable)
        return false; /* Windows flushes what can be written to */
    if (step->what == WEIR_OP_OPEN)
        return weir_handle_kind(&place->handle) == WEIR_HANDLE_NONE && !place->filling;
    if (step->what == WEIR_OP_ACCEPT)
        return !place->attached && !place->filling;
    if (step->what == STEP_TRY_RECV && run->ways[step->place ^ 1].sends)
        return false; /* what is there already is a race */
    if (step->what == STEP_STUFF && has_live_multishot(run, step->place ^ 1))
        return false;
    if (step->what == STEP_TRY_SEND || step->what == STEP_STUFF)
        return place->attached && !has_live(run, step->place, LANE_OUT);
    return place->attached;
}

/* Whether the step is sure to come after `earlier`: it follows that, or both follow the same. */
static bool comes_after(const struct run *run, const struct step *step, uint8_t earlier)
{
    if (run->running[earlier].step->after == step->after)
        return true;
    while (step->after && step->after != earlier)
        step = run->running[step->after].step;
    return step->after;
}

/* Two chains of callbacks at one link: which of them comes first is not said anywhere. */
static void note_chain(struct run *run, const struct step *step)
{
    int link = link_of(step->place);
    if (link < 0 || !step->after)
        return;
    struct link_act *act = &run->links[link];
    act->torn |= act->chained && !comes_after(run, step, act->chained);
    act->chained = step->id;
}

/* Windows takes the pieces of a vector into a pipe one by one: who waits may see the first. */
static unsigned pieces_on_the_way(const struct run *run, const struct step *step)
{
    bool pipe = run->script->links[step->place / 2] == LINK_PIPE;
    return run->script->fitted && pipe && step->piece_count ? step->piece_count : 1;
}

/* What the act has to know before the step runs. */
static void note_start(struct run *run, const struct step *step)
{
    int link = link_of(step->place);
    if (link < 0)
        return;
    struct link_act *act = &run->links[link];
    act->touches++;
    if (!place_is_link(step->place))
        return;
    if (step_sends(step)) {
        run->ways[step->place].sends += pieces_on_the_way(run, step);
        run->ways[step->place].bytes += step_length(step);
        run->ways[step->place].tight |= run->ways[step->place].stuffed;
    }
    if (step_receives(step))
        run->ways[step->place ^ 1].tight |= run->ways[step->place ^ 1].stuffed;
    if (step_sends(step) || step->what == WEIR_OP_SHUTDOWN || step->what == WEIR_OP_CONNECT)
        note_change(run, step->place ^ 1);
    if (step->what == WEIR_OP_SHUTDOWN || step->what == WEIR_OP_CONNECT)
        note_change(run, step->place);
    act->connects |= step->what == WEIR_OP_CONNECT;
    act->receives |= step_receives(step) && step->place % 2 == 0;
    act->torn |= act->connects && act->receives; /* whether it is connected by then */
}

void start_step(struct run *run, const struct step *step)
{
    struct running *running = &run->running[step->id];
    running->step = step;
    if (running->started)
        return;
    running->started = true;
    running->run = run;
    note_chain(run, step);
    if (!can_be_taken(run, step)) {
        told_result(run, step, WEIR_EBADF);
        follow(run, step->id);
        return;
    }
    note_start(run, step);
    if (step->what >= WEIR_OP_KINDS && step->what != STEP_PUMP && step->what != STEP_WRONG) {
        take_plain(run, step);
        return;
    }
    running->live = true;
    running->act = run->act;
    running->order = ++run->order;
    if (step->place >= 0)
        run->places[step->place].live++;
    if (place_is_link(step->place) && step->what == WEIR_OP_POLL)
        run->places[step->place].polled = true;
    call_op(run, running);
}
