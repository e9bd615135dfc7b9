/* SPDX-License-Identifier: MIT */
/* pump.c - more bytes than a way holds, sent on one side while the other receives them: how often
 * either has to wait is the system's business, so that only the sums are told. */
#include <stdlib.h>

#include "run.h"

enum how { PUMP_WHOLE, PUMP_CANCELLED, PUMP_SMALL_BUFFERS, PUMP_DEADLINE };

static struct way *way_of(const struct running *pump)
{
    return &pump->run->ways[pump->step->place];
}

static bool is_idle(const struct run *run, int place)
{
    const struct way *way = &run->ways[place];
    return !way->ended && !way->uncertain && way->sent.count == way->received.count &&
           !run->places[place].live && !run->places[place ^ 1].live &&
           world_descriptor(run, place) >= 0 && world_descriptor(run, place ^ 1) >= 0;
}

static void receive(struct running *pump);
static void send_rest(struct running *pump);

static void finish(struct running *pump)
{
    struct run *run = pump->run;
    struct way *way = way_of(pump);
    int         how = pump->step->variant;
    bool        whole = pump->sent == pump->step->pieces[0];
    if (how == PUMP_SMALL_BUFFERS)
        world_small_buffers(run, pump->step->place, false);
    pump->live = false;
    run->places[pump->step->place].live--;
    if (way->received.count != way->sent.count)
        trace_wrong(run->trace, "act %d: #%d %zu bytes told sent, %zu received", run->act,
                    pump->step->id, way->sent.count, way->received.count);
    bool exact = how == PUMP_WHOLE || how == PUMP_SMALL_BUFFERS;
    if (!exact && way->received.count == way->sent.count)
        way->received.count = way->sent.count = 0; /* how far it came is not the same everywhere */
    told_result(run, pump->step, exact ? whole : 1);
}

static void check_end(struct running *pump)
{
    if (!weir_ended(&pump->op))
        return;
    if (weir_ended(&pump->second))
        finish(pump);
    else if (pump->received == pump->sent && pump->asked)
        weir_cancel(&pump->second);
}

static void on_sent(struct weir_op *op)
{
    struct running *pump = op->user;
    pump->run->tellings++;
    if (op->result > 0) {
        bytes_append(&way_of(pump)->sent, pump->data + pump->sent, (size_t)op->result);
        pump->sent += (uint32_t)op->result;
    }
    if (op->result > 0 && !op->error && !pump->asked && pump->sent < pump->step->pieces[0])
        send_rest(pump);
    else
        pump->asked = true; /* nothing more is sent */
    check_end(pump);
}

static void on_received(struct weir_op *op)
{
    struct running *pump = op->user;
    pump->run->tellings++;
    if (op->result > 0) {
        bytes_append(&way_of(pump)->received, pump->data + pump->step->pieces[0],
                     (size_t)op->result);
        pump->received += (uint32_t)op->result;
    }
    if (pump->step->variant == PUMP_CANCELLED && pump->received >= pump->step->pieces[0] / 2) {
        pump->asked = true;
        weir_cancel(&pump->op);
    }
    if (op->result > 0 && pump->received < pump->step->pieces[0])
        receive(pump);
    check_end(pump);
}

static void receive(struct running *pump)
{
    struct weir_handle *handle = &pump->run->places[pump->step->place ^ 1].handle;
    weir_recv(&pump->second, handle, pump->data + pump->step->pieces[0], pump->step->pieces[1], 0,
              on_received);
}

static void send_rest(struct running *pump)
{
    struct weir_handle *handle = &pump->run->places[pump->step->place].handle;
    weir_send(&pump->op, handle, pump->data + pump->sent, pump->step->pieces[0] - pump->sent,
              pump->step->flags, on_sent);
    if (pump->step->variant == PUMP_DEADLINE)
        weir_deadline(&pump->op, 300 * WEIR_MICROSECOND);
}

void pump_start(struct running *pump)
{
    struct run *run = pump->run;
    int         place = pump->step->place;
    run->places[place].live--; /* itself */
    bool idle = is_idle(run, place);
    run->places[place].live++;
    if (!idle) {
        pump->live = false;
        run->places[place].live--;
        return;
    }
    pump->second.user = pump;
    for (uint32_t i = 0; i < pump->step->pieces[0]; i++)
        pump->data[i] = (char)(i * 13 + (i >> 8) + pump->step->id);
    if (pump->step->variant == PUMP_SMALL_BUFFERS)
        world_small_buffers(run, place, true);
    receive(pump);
    send_rest(pump);
}
