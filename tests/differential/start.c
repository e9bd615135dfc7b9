/* SPDX-License-Identifier: MIT */
/* start.c - the call of each step, and what the act has to know of it. */
#include <arpa/inet.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "run.h"

/* ---- What a step is -------------------------------------------------------------------------- */

enum direction { ANY, IN, OUT, STREAM_IN, STREAM_OUT };

/* Of a call that cannot be right: what is refused has its turn too. */
static enum lane lane_of_wrong(const struct step *step)
{
    static const uint8_t lanes[WRONG_CALLS] = {LANE_IN,  LANE_IN,  LANE_OUT, LANE_ANY, LANE_ANY,
                                               LANE_ANY, LANE_ANY, LANE_IN,  LANE_IN,  LANE_ANY,
                                               LANE_OUT, LANE_OUT, LANE_IN,  LANE_ANY, LANE_ANY,
                                               LANE_ANY, LANE_IN,  LANE_IN,  LANE_IN};
    return step->place == PLACE_NONE ? LANE_ANY : (enum lane)lanes[step->variant];
}

enum lane lane_of(const struct step *step)
{
#define DIRECTION(NAME, name, direction) [WEIR_OP_##NAME] = direction,
    static const uint8_t directions[WEIR_OP_KINDS] = {WEIR_OPS(DIRECTION)};
#undef DIRECTION
    if (step->what == STEP_WRONG)
        return lane_of_wrong(step);
    if (step->what >= WEIR_OP_KINDS)
        return LANE_ANY;
    bool ordered = !place_is_file(step->place) || step->at == WEIR_STREAM;
    switch ((enum direction)directions[step->what]) {
    case IN:
        return LANE_IN;
    case OUT:
        return LANE_OUT;
    case STREAM_IN:
        return ordered ? LANE_IN : LANE_ANY;
    case STREAM_OUT:
        return ordered ? LANE_OUT : LANE_ANY;
    case ANY:
        break;
    }
    return LANE_ANY;
}

bool step_receives(const struct step *step)
{
    return lane_of(step) == LANE_IN && step->what != WEIR_OP_ACCEPT && step->what != STEP_WRONG;
}

bool step_sends(const struct step *step)
{
    return lane_of(step) == LANE_OUT && step->what != WEIR_OP_CONNECT &&
           step->what != WEIR_OP_SHUTDOWN && step->what != STEP_WRONG;
}

/* ---- Memory ---------------------------------------------------------------------------------- */

static void take_memory(struct running *running)
{
    const struct step *step = running->step;
    bool sends = step_sends(step) || step->what == WEIR_OP_WRITE || step->what == WEIR_OP_WRITEV ||
                 step->what == STEP_TRY_SEND;
    size_t at = 0;
    running->length = step_length(step);
    running->data = malloc(running->length + 1);
    if (!running->data)
        abort();
    for (uint32_t i = 0; i < running->length; i++)
        running->data[i] = sends ? (char)(step->id * 31 + i * 7 + (i >> 8)) : (char)0xa5;
    for (int i = 0; i < step->piece_count; i++) {
        running->pieces[i] = (struct weir_buf){running->data + at, step->pieces[i]};
        at += step->pieces[i];
    }
}

/* ---- The calls ------------------------------------------------------------------------------- */

static int64_t work(struct weir_op *op)
{
    return weir_of(op, struct running, op)->step->id;
}

/* Wrong for a loop. */
static void start_wrong_on_loop(struct run *run, struct running *running)
{
    struct weir_op *op = &running->op;
    switch (running->step->variant) {
    case 0:
    case 1:
        weir_nop(op, run->loop, WEIR_ALL, told_op);
        break;
    case 2:
    case 3:
        weir_timer(op, run->loop, 1, 0x8000, told_op);
        break;
    case 4:
        weir_signal(op, run->loop, 0, 0, told_op);
        break;
    case 5:
        weir_signal(op, run->loop, 65, 0, told_op);
        break;
    default:
        weir_work(op, run->loop, NULL, 0, told_op);
        break;
    }
}

static void start_wrong_pooled(struct run *run, struct running *running)
{
    struct weir_handle *handle = &run->places[running->step->place].handle;
    struct weir_pool   *pool = pools_open(run, running->step);
    if (running->step->variant == 16)
        weir_recv_pooled(&running->op, handle, NULL, 0, told_op);
    else if (running->step->variant == 17)
        weir_recv_pooled(&running->op, handle, pool, WEIR_ALL, told_op);
    else
        weir_recv_msg_pooled(&running->op, handle, pool, NULL, 0, told_op);
}

/* Wrong for the side of a link. */
static void start_wrong(struct run *run, struct running *running)
{
    struct weir_op     *op = &running->op;
    struct weir_handle *handle = &run->places[running->step->place].handle;
    char               *data = running->data;
    switch (running->step->variant) {
    case 0:
        weir_recv(op, handle, NULL, 10, 0, told_op);
        break;
    case 1:
        weir_recv(op, handle, data, 1, 0x8000, told_op);
        break;
    case 2:
        weir_send(op, handle, NULL, 10, WEIR_ALL, told_op);
        break;
    case 3:
        weir_read(op, handle, data, 1, 5, 0, told_op);
        break;
    case 4:
        weir_write(op, handle, data, 1, 5, 0, told_op);
        break;
    case 5:
        weir_poll(op, handle, WEIR_IN, WEIR_LEVEL | WEIR_EDGE, told_op);
        break;
    case 6:
        weir_poll(op, handle, 0x100, 0, told_op);
        break;
    case 7:
        weir_recvv(op, handle, NULL, 2, 0, told_op);
        break;
    case 8:
        weir_accept(op, handle, NULL, 0, told_op);
        break;
    case 9:
        weir_fstat(op, handle, &running->with.stat, 0, told_op); /* right, on anything */
        break;
    case 10:
        weir_connect(op, handle, NULL, 16, 0, told_op);
        break;
    case 11:
        weir_shutdown(op, handle, WEIR_ALL, told_op);
        break;
    case 12:
        weir_recv(op, handle, data, SIZE_MAX, 0, told_op);
        break;
    case 13:
        weir_fstat(op, handle, NULL, 0, told_op);
        break;
    case 14:
        weir_fsync(op, handle, 0, told_op);
        break;
    case 15:
        weir_readv(op, handle, running->pieces, 0, 7, 0, told_op);
        break;
    default:
        start_wrong_pooled(run, running);
        break;
    }
}

static void start_loop_op(struct run *run, struct running *running)
{
    const struct step *step = running->step;
    struct weir_op    *op = &running->op;
    switch (step->what) {
    case WEIR_OP_NOP:
        weir_nop(op, run->loop, step->flags, told_op);
        break;
    case WEIR_OP_TIMER:
        weir_timer(op, run->loop, step->at, step->flags, told_op);
        break;
    case WEIR_OP_POST:
        weir_post(op, run->loop, told_op);
        break;
    case WEIR_OP_WORK:
        weir_work(op, run->loop, work, step->flags, told_op);
        break;
    case WEIR_OP_SIGNAL:
        weir_signal(op, run->loop, step->number == 1 ? SIGUSR1 : SIGUSR2, step->flags, told_op);
        break;
    case WEIR_OP_RESOLVE:
        running->with.lookup = (struct weir_lookup){.host = "127.0.0.1",
                                                    .service = "80",
                                                    .type = SOCK_STREAM,
                                                    .addresses = running->found,
                                                    .room = 4};
        weir_resolve(op, run->loop, &running->with.lookup, step->flags, told_op);
        break;
    default:
        abort();
    }
}

static void start_file_op(struct running *running, struct weir_handle *handle)
{
    const struct step *step = running->step;
    struct weir_op    *op = &running->op;
    switch (step->what) {
    case WEIR_OP_OPEN:
        weir_open(op, running->run->loop, handle, world_path(step), step->number, 0, told_op);
        break;
    case WEIR_OP_FSTAT:
        weir_fstat(op, handle, &running->with.stat, step->flags, told_op);
        break;
    case WEIR_OP_FSYNC:
        weir_fsync(op, handle, step->flags, told_op);
        break;
    case WEIR_OP_TRUNCATE:
        weir_truncate(op, handle, step->at == WEIR_STREAM ? 0 : step->at, step->flags, told_op);
        break;
    case WEIR_OP_PREALLOCATE:
        weir_preallocate(op, handle, step->at == WEIR_STREAM ? 0 : step->at, 100, step->flags,
                         told_op);
        break;
    case WEIR_OP_ADVISE:
        weir_advise(op, handle, 0, 0, WEIR_ADVICE_SEQUENTIAL, step->flags, told_op);
        break;
    default:
        abort();
    }
}

static void start_connection_op(struct run *run, struct running *running)
{
    const struct step   *step = running->step;
    struct weir_handle  *handle = &run->places[step->place].handle;
    struct weir_handle  *listener = &run->places[PLACE_LISTENERS + step->place / 2].handle;
    struct weir_address *address = &running->with.address;
    switch (step->what) {
    case WEIR_OP_ACCEPT:
        run->places[step->place].filling = true;
        run->places[step->place].filler = step->id;
        weir_accept(&running->op, listener, handle, step->flags, told_op);
        break;
    case WEIR_OP_CONNECT:
        if (weir_local_address(listener, address) < 0) /* closed: a port that nobody listens on */
            weir_address_parse(address, "127.0.0.1:1");
        weir_connect(&running->op, handle, &address->data, address->length, step->flags, told_op);
        break;
    default:
        weir_shutdown(&running->op, handle, step->flags, told_op);
        break;
    }
}

static void start_transfer(struct running *running, struct weir_handle *handle)
{
    const struct step     *step = running->step;
    struct weir_op        *op = &running->op;
    const struct weir_buf *pieces = running->pieces;
    struct weir_msg       *message = &running->with.message;
    switch (step->what) {
    case WEIR_OP_RECV:
        weir_recv(op, handle, running->data, running->length, step->flags, told_op);
        break;
    case WEIR_OP_RECVV:
        weir_recvv(op, handle, pieces, step->piece_count, step->flags, told_op);
        break;
    case WEIR_OP_READ:
        weir_read(op, handle, running->data, running->length, step->at, step->flags, told_op);
        break;
    case WEIR_OP_READV:
        weir_readv(op, handle, pieces, step->piece_count, step->at, step->flags, told_op);
        break;
    case WEIR_OP_SEND:
        weir_send(op, handle, running->data, running->length, step->flags, told_op);
        break;
    case WEIR_OP_SENDV:
        weir_sendv(op, handle, pieces, step->piece_count, step->flags, told_op);
        break;
    case WEIR_OP_WRITE:
        weir_write(op, handle, running->data, running->length, step->at, step->flags, told_op);
        break;
    case WEIR_OP_WRITEV:
        weir_writev(op, handle, pieces, step->piece_count, step->at, step->flags, told_op);
        break;
    case WEIR_OP_RECV_MSG:
        *message = (struct weir_msg){.buffers = pieces, .count = step->piece_count};
        weir_recv_msg(op, handle, message, step->flags, told_op);
        break;
    case WEIR_OP_SEND_MSG:
        *message = (struct weir_msg){.buffers = pieces, .count = step->piece_count};
        weir_send_msg(op, handle, message, step->flags, told_op);
        break;
    default:
        abort();
    }
}

static void start_pooled(struct run *run, struct running *running, struct weir_handle *handle)
{
    const struct step   *step = running->step;
    struct weir_msg     *message = &running->with.pooled.message;
    struct weir_address *address = &running->with.pooled.address;
    struct weir_pool    *pool = pools_open(run, step);
    if (step->what == WEIR_OP_RECV_POOLED) {
        weir_recv_pooled(&running->op, handle, pool, step->flags, told_op);
        return;
    }
    *message = (struct weir_msg){.address = &address->data, .address_room = sizeof address->data};
    weir_recv_msg_pooled(&running->op, handle, pool, message, step->flags, told_op);
}

void call_op(struct run *run, struct running *running)
{
    const struct step *step = running->step;
    running->op.user = running;
    take_memory(running);
    if (step->what == STEP_PUMP) {
        pump_start(running);
        return;
    }
    if (step->what == STEP_WRONG) {
        if (step->place < 0)
            start_wrong_on_loop(run, running);
        else
            start_wrong(run, running);
        return;
    }
    if (step->place == PLACE_NONE) {
        start_loop_op(run, running);
        return;
    }
    struct weir_handle *handle = &run->places[step->place].handle;
    if (step->what == WEIR_OP_POLL)
        weir_poll(&running->op, handle, step->number, step->flags, told_op);
    else if (step_is_pooled(step))
        start_pooled(run, running, handle);
    else if (step->piece_count)
        start_transfer(running, handle);
    else if (place_is_file(step->place))
        start_file_op(running, handle);
    else
        start_connection_op(run, running);
}
