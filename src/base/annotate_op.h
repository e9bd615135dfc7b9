/* SPDX-License-Identifier: MIT */
/* annotate_op.h - the memory of an op, as annotate.h tells of it: what the kernel is to read when
 * it is asked, and what it wrote when it answered. */
#ifndef WEIR_BASE_ANNOTATE_OP_H
#define WEIR_BASE_ANNOTATE_OP_H

#include "annotate.h"
#include "rest.h"

static inline void annotate_pieces_needed(const struct weir_buf *pieces, size_t count)
{
    annotate_needed(pieces, count * sizeof *pieces);
    for (size_t i = 0; i < count; i++)
        annotate_needed(pieces[i].data, pieces[i].length);
}

/* The first `length` bytes of the pieces. */
static inline void annotate_pieces_filled(const struct weir_buf *pieces, size_t count,
                                          uint64_t length)
{
    for (size_t i = 0; ANNOTATES_MEMORY && i < count && length; i++) {
        size_t part = length < pieces[i].length ? (size_t)length : pieces[i].length;
        annotate_filled(pieces[i].data, part);
        length -= part;
    }
}

static inline void annotate_message_needed(const struct weir_msg *message)
{
    annotate_pieces_needed(message->buffers, message->count);
    if (message->address)
        annotate_needed(message->address, message->address_length);
    if (message->control)
        annotate_needed(message->control, message->control_length);
}

/* When the op is submitted, so that the stack shows who did. */
static inline void annotate_op_needed(const struct weir_op *op)
{
    if (!ANNOTATES_MEMORY)
        return;
    if (op->kind == WEIR_OP_CONNECT)
        annotate_needed(op->in.arg.address.data, op->in.arg.address.length);
    else if (op_is_vector(op) && op_writes(op))
        annotate_pieces_needed(op->in.arg.vector.buffers, op->in.arg.vector.count);
    else if (op_writes(op))
        annotate_needed(op->in.arg.transfer.data, op->in.arg.transfer.length);
    else if (op->kind == WEIR_OP_SEND_MSG || op->kind == WEIR_OP_SEND_BATCH)
        for (size_t i = 0; i < op->in.arg.message.count; i++)
            annotate_message_needed(&op->in.arg.message.messages[i]);
}

/* When a mechanism itself did the op, and its answer is not in op->in.progress yet. */
static inline void annotate_op_filled(const struct weir_op *op, int64_t result)
{
    if (!ANNOTATES_MEMORY || result <= 0 || !op_reads(op))
        return;
    struct rest rest = rest_of(op);
    if (rest.count)
        annotate_pieces_filled(rest.buffers, rest.count, (uint64_t)result);
    else
        annotate_filled(rest.data, (uint64_t)result < rest.length ? (size_t)result : rest.length);
}

#endif
