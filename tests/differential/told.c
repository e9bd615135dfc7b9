/* SPDX-License-Identifier: MIT */
/* told.c - the callbacks: each is noted down, and starts the steps that follow it. */
#include <stdlib.h>

#include "run.h"

static struct event *add_event(struct run *run, const struct step *step, enum lane lane)
{
    if (run->event_count == EVENTS_MAX) {
        trace_wrong(run->trace, "act %d: more events than there is room for", run->act);
        run->event_count--;
    }
    struct event *event = &run->events[run->event_count++];
    *event = (struct event){.id = step ? step->id : 0,
                            .place = step ? step->place : PLACE_NONE,
                            .lane = (uint8_t)lane,
                            .order = run->event_count};
    return event;
}

/* True once, when this is the fault to plant and it can be planted here. */
bool plant(struct run *run, enum plant plant, bool possible)
{
    if (run->plant != plant || !possible)
        return false;
    run->plant = PLANT_NOTHING;
    return true;
}

void told_result(struct run *run, const struct step *step, int64_t result)
{
    struct event *event = add_event(run, step, LANE_ANY);
    event->result = result;
    event->ends = true;
}

/* ---- Bytes ----------------------------------------------------------------------------------- */

/* Nothing beyond the result was touched. */
static void check_beyond(struct running *running, int64_t result)
{
    for (uint32_t i = result > 0 ? (uint32_t)result : 0; i < running->length; i++) {
        if (running->data[i] == (char)0xa5)
            continue;
        trace_wrong(running->run->trace, "act %d: #%d wrote byte %u, beyond its result",
                    running->run->act, running->step->id, i);
        return;
    }
}

static void note_received(struct run *run, struct running *running)
{
    const struct step *step = running->step;
    int64_t            result = running->op.result;
    if (step_is_pooled(step))
        pools_told(run, running);
    else if (!(step->flags & WEIR_PEEK) || !(step->flags & WEIR_ALL))
        check_beyond(running, result);
    if (!place_is_link(step->place))
        return;
    struct way *way = &run->ways[step->place ^ 1];
    if (result >= 0 && running->length && (!(step->flags & WEIR_ALL) || (step->flags & WEIR_PEEK)))
        way->some = true;
    if (result >= 0 && !(step->flags & WEIR_PEEK))
        way->messages--;
    if (result >= 0) {
        note_change(run, step->place);
        note_change(run, step->place ^ 1);
    }
    if (result <= 0)
        return;
    size_t count = (size_t)result;
    if (plant(run, PLANT_DROP_BYTE, count > 1))
        count--;
    if (!(step->flags & WEIR_PEEK))
        bytes_append(&way->received, running->data, count);
}

static void note_sent(struct run *run, struct running *running)
{
    const struct step *step = running->step;
    if (!place_is_link(step->place))
        return;
    struct way *way = &run->ways[step->place];
    if (running->act != run->act && running->op.result > 0) { /* it waited; now it arrives */
        way->sends++;
        way->bytes += (uint32_t)running->op.result;
        note_change(run, step->place ^ 1);
    }
    if (running->op.result >= 0)
        way->messages++;
    if (running->op.result > 0)
        bytes_append(&way->sent, running->data, (size_t)running->op.result);
}

/* What a message tells beside its bytes; the ports differ. */
static uint64_t beside(const struct running *running)
{
    if (running->step->what != WEIR_OP_RECV_MSG_POOLED)
        return 0;
    const struct weir_msg *message = &running->with.pooled.message;
    return message->address_length + ((uint64_t)message->told << 8) +
           ((uint64_t)message->control_length << 40) +
           (message->result != running->op.result ? 1u : 0u);
}

static uint64_t hash_of(const struct running *running)
{
    const struct step *step = running->step;
    if (step->what == WEIR_OP_FSTAT && running->op.result == 0)
        return running->with.stat.size ^ ((uint64_t)running->with.stat.kind << 56);
    bool reads = step_receives(step) || step->what == WEIR_OP_READ || step->what == WEIR_OP_READV;
    if (reads && running->op.result > 0)
        return bytes_hash(running->data, (size_t)running->op.result) + beside(running);
    return step->flags & WEIR_LEVEL ? running->told : 0; /* how often */
}

/* ---- Callbacks ------------------------------------------------------------------------------- */

void follow(struct run *run, uint8_t id)
{
    const struct script *script = run->script;
    for (unsigned i = 0; i < script->step_count; i++)
        if (script->steps[i].after == id)
            start_step(run, &script->steps[i]);
}

/* In which state a socket is after it was refused is not said anywhere: it is used no more. */
static void note_connected(struct run *run, int place, int64_t result)
{
    run->ways[place].connected |= result == 0;
    if (result == WEIR_ECONNREFUSED || result == WEIR_ECONNRESET)
        run->links[place / 2].torn = true;
}

/* Where the peer has ended, Linux may have forgotten that there was a connection, Windows not. */
static bool has_ended_sending(const struct run *run, const struct running *running)
{
    int64_t result = running->op.result;
    if (running->step->what != WEIR_OP_SHUTDOWN || !place_is_link(running->step->place))
        return false;
    return result == 0 || (run->script->fitted && result == WEIR_ENOTCONN &&
                           run->ways[running->step->place ^ 1].ended);
}

static void note_end(struct run *run, struct running *running)
{
    const struct step *step = running->step;
    running->live = false;
    running->act_ended = run->act;
    if (step->place >= 0)
        run->places[step->place].live--;
    if (step->what == WEIR_OP_OPEN || step->what == WEIR_OP_ACCEPT) {
        struct place *place = &run->places[step->place];
        place->filling = false;
        place->attached = running->op.result == 0; /* else it is as zeroed */
        place->closed &= running->op.result != 0;
        place->unwritable = !(step->number & WEIR_OPEN_WRITE);
        if (step->what == WEIR_OP_ACCEPT)
            note_change(run, step->place);
    }
    if (step->what == WEIR_OP_CONNECT)
        note_connected(run, step->place, running->op.result);
    if (has_ended_sending(run, running))
        run->ways[step->place].ended = run->ways[step->place].ended_now = true;
    if (step_receives(step) || step->what == WEIR_OP_READ || step->what == WEIR_OP_READV)
        note_received(run, running);
    else if (step_sends(step))
        note_sent(run, running);
}

/* A connection that the peer has reset by closing it. A send tells either error: Linux by the state
 * that the reset found, Windows that it was one. A receive may tell it as an end under Wine. A poll
 * tells of it on Linux until a call was told, on Windows as long as there is the socket. `end`:
 * what stands for an end there. */
static int64_t without_reset(const struct run *run, const struct running *running, int64_t result,
                             int64_t end)
{
    const struct step *step = running->step;
    if (!run->script->fitted || !place_is_link(step->place))
        return result;
    if (has_ended_sending(run, running))
        return 0;
    if (step->what == WEIR_OP_POLL && result > 0 && (result & WEIR_HUP))
        return result & ~(int64_t)WEIR_ERR;
    if (result != WEIR_ECONNRESET || !run->ways[step->place ^ 1].ended)
        return result;
    return step_sends(step) ? WEIR_EPIPE : step_receives(step) ? end : result;
}

static void note_event(struct run *run, const struct running *running, bool ends)
{
    const struct step *step = running->step;
    enum lane          lane = lane_of(step);
    struct event      *event = add_event(run, step, lane);
    event->ends = ends;
    event->result = without_reset(run, running, running->op.result, 0);
    event->error = (int32_t)without_reset(run, running, running->op.error, WEIR_EEOF);
    event->told = running->op.told;
    event->hash = hash_of(running);
    if (plant(run, PLANT_RESULT, event->result > 0 && step_receives(step)))
        event->result = 0;
    if (plant(run, PLANT_ERROR, event->error != 0))
        event->error = 0;
    if (plant(run, PLANT_LOSE_END, ends && place_is_link(step->place)))
        run->event_count--;
    if (plant(run, PLANT_END_TWICE, ends && place_is_link(step->place)))
        *add_event(run, step, lane) = *event;
    const struct event *before = event - 1;
    if (plant(run, PLANT_SWAP,
              run->event_count > 1 && lane == LANE_IN && event->result >= 0 &&
                  before->lane == LANE_IN && before->place == event->place &&
                  before->result >= 0)) {
        event->order--;
        ((struct event *)event - 1)->order++;
    }
    if (plant(run, PLANT_CRASH, run->act > 3))
        abort();
}

void told_op(struct weir_op *op)
{
    struct running    *running = op->user;
    struct run        *run = running->run;
    const struct step *step = running->step;
    run->tellings++;
    running->told++;
    if (run->stops)
        weir_stop(run->loop);
    if (!running->live)
        trace_wrong(run->trace, "act %d: #%d told again after its end", run->act, step->id);
    if (op->more) {
        if (step_is_pooled(step)) {
            note_received(run, running);
            note_event(run, running, false);
        } else if (running->told == 1 || step->what == WEIR_OP_SIGNAL)
            note_event(run, running, false);
        if (running->told == 1)
            follow(run, step->id);
        if (step->what == WEIR_OP_POLL && running->told >= step->variant && running->live) {
            running->asked = true;
            weir_cancel(op);
        }
        return;
    }
    note_end(run, running);
    note_event(run, running, true);
    follow(run, step->id);
}

void told_closed(struct weir_handle *handle)
{
    struct run   *run = handle->user;
    struct place *place = weir_of(handle, struct place, handle);
    struct event *event = add_event(run, NULL, LANE_CLOSED);
    run->tellings++;
    event->place = (int8_t)(place - run->places);
    event->result = place->live && !place->filling;
    event->ends = true;
    if (plant(run, PLANT_LOSE_CLOSE, true))
        run->event_count--;
}
