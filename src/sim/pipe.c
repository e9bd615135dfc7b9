/* SPDX-License-Identifier: MIT */
/* pipe.c - the two ends of a pipe. pipe(7). */
#include <string.h>

#include "net.h"

#define PIPE_ROOM 65536u  /* pipe(7), "Pipe capacity" */
#define PIPE_ATOMIC 4096u /* pipe(7), "PIPE_BUF": so many bytes are written whole, or not now */

struct pipe_end {
    struct sim_object object;
    struct pipe_end  *other; /* NULL: closed */
    struct packets   *bytes; /* on their way; owned by both, freed by the last */
    bool              writes;
};

static struct pipe_end *end_of(struct sim_object *object)
{
    return (struct pipe_end *)(void *)object;
}

static size_t room_of(const struct pipe_end *end)
{
    return PIPE_ROOM - end->bytes->bytes;
}

static int64_t pipe_read(struct pipe_end *end, const struct weir_op *op)
{
    struct rest     rest = rest_of(op);
    struct pieces   pieces;
    struct packets *bytes = end->bytes;
    size_t          taken = 0;
    pieces_of_rest(&pieces, &rest);
    if (!bytes->first)
        return end->other ? WEIR_EAGAIN : 0;
    size_t wanted = sim_some(end->object.host->world, pieces.length);
    for (struct packet *packet = bytes->first, *next; packet && taken < wanted; packet = next) {
        size_t left = packet->length - packet->at;
        size_t part = left < wanted - taken ? left : wanted - taken;
        next = packet->next;
        if (!(op->flags & OP_DISCARD))
            pieces_write(&pieces, taken, packet->data + packet->at, part);
        taken += part;
        if (op->flags & WEIR_PEEK) /* of a copy: what it looks at stays */
            continue;
        packet->at += part;
        bytes->bytes -= part;
        if (packet->at == packet->length)
            packet_free(packets_take(bytes));
    }
    if (end->other)
        sim_changed(&end->other->object);
    return (int64_t)taken;
}

static int64_t pipe_write(struct pipe_end *end, const struct weir_op *op)
{
    struct rest   rest = rest_of(op);
    struct pieces pieces;
    size_t        room = room_of(end);
    pieces_of_rest(&pieces, &rest);
    if (!end->other)
        return WEIR_EPIPE;
    size_t length = pieces.length < room ? pieces.length : room;
    if (!length || (pieces.length <= PIPE_ATOMIC && length < pieces.length))
        return WEIR_EAGAIN;
    if (pieces.length > PIPE_ATOMIC)
        length = sim_some(end->object.host->world, length);
    struct packet *packet = packet_new(PACKET_DATA, length);
    pieces_read(&pieces, 0, packet->data, length);
    packets_push(end->bytes, packet);
    sim_changed(&end->other->object);
    return (int64_t)length;
}

static int64_t pipe_perform(struct sim_object *object, struct weir_op *op)
{
    struct pipe_end *end = end_of(object);
    if (op_reads(op))
        return end->writes ? WEIR_EBADF : pipe_read(end, op);
    if (op_writes(op))
        return end->writes ? pipe_write(end, op) : WEIR_EBADF;
    return net_perform_other(object, op);
}

static unsigned pipe_events(struct sim_object *object)
{
    const struct pipe_end *end = end_of(object);
    if (end->writes)
        return (room_of(end) >= PIPE_ATOMIC ? WEIR_OUT : 0) | (end->other ? 0 : WEIR_ERR);
    return (end->bytes->first ? WEIR_IN : 0) | (end->other ? 0 : WEIR_HUP);
}

static void pipe_close(struct sim_object *object)
{
    struct pipe_end *end = end_of(object);
    if (end->other) {
        end->other->other = NULL;
        sim_changed(&end->other->object);
        return;
    }
    packets_drop(end->bytes);
    sim_free(end->bytes);
}

static const struct sim_object_type pipe_type = {
    .name = "pipe",
    .perform = pipe_perform,
    .events = pipe_events,
    .close = pipe_close,
};

bool sim_pipe_is_one(const struct sim_object *one, const struct sim_object *other)
{
    const struct pipe_end *a = (const struct pipe_end *)(const void *)one;
    const struct pipe_end *b = (const struct pipe_end *)(const void *)other;
    return one->type == &pipe_type && other->type == &pipe_type && a->bytes == b->bytes;
}

static struct pipe_end *pipe_end_new(struct weir_sim_host *host, struct packets *bytes, bool writes)
{
    struct pipe_end *end = sim_object_new(host, &pipe_type, WEIR_HANDLE_PIPE, sizeof *end);
    end->bytes = bytes;
    end->writes = writes;
    end->object.handle_flags = writes ? HANDLE_NO_IN : HANDLE_NO_OUT;
    sim_hold(&end->object);
    return end;
}

int sim_pipe(struct weir_sim_host *host, int ends[2])
{
    struct packets  *bytes = sim_new(sizeof *bytes);
    struct pipe_end *reader = pipe_end_new(host, bytes, false);
    struct pipe_end *writer = pipe_end_new(host, bytes, true);
    reader->other = writer;
    writer->other = reader;
    int error = 0;
    ends[0] = sim_descriptor_take(host, &reader->object);
    if (ends[0] < 0) {
        error = ends[0];
    } else {
        ends[1] = sim_descriptor_take(host, &writer->object);
        error = ends[1] < 0 ? ends[1] : 0;
        if (error)
            sim_descriptor_close(host, ends[0]);
    }
    sim_release(&reader->object);
    sim_release(&writer->object);
    return error;
}
