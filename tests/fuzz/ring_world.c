/* SPDX-License-Identifier: MIT */
/* ring_world.c - descriptors that no system has, and workers that are no threads: what they answer
 * is the input's, within what a real kernel may answer. */
#include "ring_world.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/rest.h"
#include "os/os.h"

struct world world;

struct slot *world_slot(const struct weir_op *op)
{
    for (struct slot *slot = world.slots; slot < world.slots + SLOTS; slot++)
        if (slot->op && slot->op == op)
            return slot;
    return NULL;
}

/* ---- Descriptors ----------------------------------------------------------------------------- */

int world_open(enum weir_handle_kind kind, uint16_t flags)
{
    for (int i = 0; i < PLACES; i++) {
        if (world.places[i].is_open)
            continue;
        world.places[i] = (struct place){.is_open = true, .kind = (uint8_t)kind, .flags = flags};
        return PLACE_FIRST + i;
    }
    return -EMFILE;
}

struct place *world_place(int descriptor)
{
    FUZZ_CHECK(descriptor >= PLACE_FIRST && descriptor < PLACE_FIRST + PLACES);
    FUZZ_CHECK(world.places[descriptor - PLACE_FIRST].is_open);
    return &world.places[descriptor - PLACE_FIRST];
}

uint8_t world_byte(int descriptor, uint64_t position)
{
    return (uint8_t)(position * 7 + (uint64_t)descriptor * 31);
}

uint8_t world_sent(uint64_t position)
{
    return (uint8_t)(position * 13 + 5);
}

int world_error(bool moves)
{
    static const int moving[] = {ECONNRESET, EPIPE, ETIMEDOUT, EIO, ENOMEM, ENOBUFS};
    static const int others[] = {EIO, EINVAL, ECONNREFUSED, ENOMEM, ENOSPC, EINTR};
    return -(moves ? moving : others)[input_answer(&world.input) % 6u];
}

/* ---- Moving ---------------------------------------------------------------------------------- */

static size_t length_of(const struct move *move)
{
    size_t length = 0;
    for (size_t i = 0; i < move->count; i++)
        length += move->pieces[i].iov_len;
    return length;
}

/* Reads or writes the program's memory as the kernel does: the sanitizer watches each byte. */
static void touch(const struct move *move, const struct slot *slot, uint64_t position,
                  size_t length)
{
    uint64_t sent = slot ? slot->moved : 0;
    for (size_t i = 0; i < move->count && length; i++) {
        uint8_t *bytes = move->pieces[i].iov_base;
        for (size_t k = 0; k < move->pieces[i].iov_len && length; k++, length--) {
            if (move->in)
                bytes[k] = world_byte(move->descriptor, position++);
            else
                FUZZ_CHECK_EQ(bytes[k], world_sent(sent++));
        }
    }
}

/* How many bytes of `length`, or -errno. */
static int64_t decide(const struct move *move, const struct place *place, size_t length)
{
    unsigned how = input_answer(&world.input);
    bool     is_datagram = place->kind == WEIR_HANDLE_DATAGRAM;
    switch (how & 7) {
    case 4:
        if (!length || (is_datagram && !move->in))
            return (int64_t)length;
        return 1 + (int64_t)(input_answer(&world.input) % length);
    case 5:
        return move->in ? 0 : (int64_t)length;
    case 6:
        return world_error(true);
    case 7:
        return move->waits || place->kind == WEIR_HANDLE_FILE ? -EINTR : -EAGAIN;
    default: /* of a datagram that is longer than its room, as much as fits */
        return (int64_t)length;
    }
}

int64_t world_move(const struct move *move)
{
    struct place *place = world_place(move->descriptor);
    struct slot  *slot = world_slot(move->op);
    size_t        length = length_of(move);
    int64_t       result = decide(move, place, length);
    if (result < 0)
        return result;
    bool in_place = move->offset != WEIR_STREAM;
    touch(move, slot, in_place ? move->offset : place->given, (size_t)result);
    if (move->in && !move->peeks && !in_place)
        place->given += (uint64_t)result;
    if (slot)
        slot->moved += (uint64_t)result;
    if (move->in && move->tells_length && (size_t)result == length &&
        (input_answer(&world.input) & 1))
        result += 9; /* the true length of a datagram that was cut */
    return result;
}

void world_tell(struct msghdr *header, int64_t result, bool truncated)
{
    if (result < 0)
        return;
    unsigned how = input_answer(&world.input);
    if (header->msg_name)
        header->msg_namelen = how & 1 ? 110 : 0;
    if (header->msg_controllen)
        header->msg_controllen = how & 2 ? header->msg_controllen / 2 : 0;
    if (header->msg_control)
        memset(header->msg_control, (int)how, header->msg_controllen);
    header->msg_flags = (truncated ? MSG_TRUNC : 0) | (how & 4 ? MSG_CTRUNC : 0);
}

/* ---- The system's table ---------------------------------------------------------------------- */

static uint64_t fake_now(struct weir_loop *loop)
{
    (void)loop;
    return world.now_ns;
}

static int64_t perform_poll(const struct weir_op *op)
{
    unsigned asked = op->in.arg.events & (WEIR_IN | WEIR_OUT | WEIR_RDHUP);
    if (input_answer(&world.input) & 1)
        return WEIR_EAGAIN;
    return asked ? asked : WEIR_HUP;
}

static int64_t perform_transfer(struct weir_op *op, enum perform how)
{
    struct rest  rest = rest_of(op);
    struct iovec one = {rest.data, rest.length};
    struct move  move = {.op = op,
                         .descriptor = op->handle->in.descriptor,
                         .pieces = &one,
                         .count = 1,
                         .offset = rest.offset,
                         .in = op_reads(op),
                         .peeks = op->flags & WEIR_PEEK,
                         .waits = how == PERFORM_WAIT};
    if (rest.count) {
        move.pieces = (const struct iovec *)(const void *)rest.buffers;
        move.count = rest.count;
    }
    return world_move(&move);
}

static int64_t perform_message(struct weir_op *op, enum perform how)
{
    int error = posix_message_prepare(op);
    if (error)
        return error;
    struct msghdr *header = posix_message_header(op->in.arg.message.messages);
    struct move    move = {.op = op,
                           .descriptor = op->handle->in.descriptor,
                           .pieces = header->msg_iov,
                           .count = header->msg_iovlen,
                           .offset = WEIR_STREAM,
                           .in = op->kind == WEIR_OP_RECV_MSG,
                           .peeks = op->flags & WEIR_PEEK,
                           .waits = how == PERFORM_WAIT};
    int64_t        result = world_move(&move);
    if (result < 0)
        return result;
    if (move.in)
        world_tell(header, result, input_answer(&world.input) & 1);
    posix_message_told(op, result);
    return result;
}

static int64_t fake_perform(struct weir_op *op, enum perform how)
{
    world_place(op->handle->in.descriptor);
    switch ((enum weir_op_kind)op->kind) {
    case WEIR_OP_POLL:
        return perform_poll(op);
    case WEIR_OP_RECV_MSG:
    case WEIR_OP_SEND_MSG:
        return perform_message(op, how);
    case WEIR_OP_FSTAT:
    case WEIR_OP_TRUNCATE:
    case WEIR_OP_PREALLOCATE:
    case WEIR_OP_ADVISE:
        FUZZ_CHECK_EQ(how, PERFORM_WAIT);
        return input_answer(&world.input) & 1 ? world_error(false) : 0;
    default:
        FUZZ_CHECK(op_reads(op) || op_writes(op));
        return perform_transfer(op, how);
    }
}

static int fake_classify(struct weir_handle *handle, bool own)
{
    const struct place *place = world_place(handle->in.descriptor);
    (void)own;
    handle->in.kind = place->kind;
    handle->in.flags |= place->flags;
    handle->in.hint = MAY_OUT;
    return 0;
}

static void fake_close(struct weir_loop *loop, int descriptor)
{
    if (descriptor < PLACE_FIRST) { /* the notifier */
        system_posix.close(loop, descriptor);
        return;
    }
    struct place *place = world_place(descriptor);
    kernel_forgot(descriptor);
    place->is_open = false;
}

void world_install(struct weir_loop *loop)
{
    world.loop = loop;
    world.system = *loop->sys;
    world.system.now = fake_now;
    world.system.perform = fake_perform;
    world.system.classify = fake_classify;
    world.system.close = fake_close;
    loop->sys = &world.system;
}

/* ---- Workers --------------------------------------------------------------------------------- */

/* The linker puts these in the place of the lanes: --wrap. */
void __wrap_offload_start(struct weir_loop *loop, struct weir_op *op);
bool __wrap_offload_cancel(struct weir_loop *loop, struct weir_op *op);
bool __wrap_offload_runs(struct weir_loop *loop, struct weir_op *op);

void __wrap_offload_start(struct weir_loop *loop, struct weir_op *op)
{
    (void)loop;
    op->state = OP_OFFLOADED;
    op->served = WEIR_SERVED_WORKER;
    fifo_push(&world.offloaded, op);
}

bool __wrap_offload_cancel(struct weir_loop *loop, struct weir_op *op)
{
    (void)loop;
    if (!fifo_remove(&world.offloaded, op))
        return false;
    op->served = WEIR_SERVED_NOT;
    return true;
}

bool __wrap_offload_runs(struct weir_loop *loop, struct weir_op *op)
{
    (void)loop;
    return world.running == op;
}

bool world_work(void)
{
    struct weir_op *op = world.running;
    if (!op) {
        world.running = fifo_take(&world.offloaded);
        return world.running;
    }
    do
        op->result = fake_perform(op, PERFORM_WAIT);
    while (op->result == WEIR_EINTR);
    world.running = NULL;
    loop_worked(world.loop, op);
    return true;
}
