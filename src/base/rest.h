/* SPDX-License-Identifier: MIT */
/* rest.h - what is left to move of a transfer, after op->in.progress bytes. */
#ifndef WEIR_BASE_REST_H
#define WEIR_BASE_REST_H

#include <limits.h>

#include "weir.h"

/* Linux moves at most this many bytes a call (read(2), "Notes"); asking for no more makes every
 * system and engine alike. */
#define TRANSFER_MAX ((size_t)0x7ffff000)

#ifdef IOV_MAX
#define PIECES_MAX ((size_t)IOV_MAX)
#else
#define PIECES_MAX ((size_t)1024)
#endif

/* One piece (count 0), or `count` whole pieces of the caller's vector. A piece that was moved in
 * part is finished alone, so that the caller's vector never has to be copied. */
struct rest {
    void                  *data;
    size_t                 length; /* bytes, of all pieces */
    const struct weir_buf *buffers;
    size_t                 count;
    uint64_t               offset; /* in the file, or WEIR_STREAM */
    bool                   last;   /* nothing is left after this */
};

/* Sets of kinds, so that one test asks for all of them. */
#define KIND(NAME) (UINT64_C(1) << WEIR_OP_##NAME)
#define KINDS_THAT_READ (KIND(RECV) | KIND(RECVV) | KIND(READ) | KIND(READV))
#define KINDS_THAT_WRITE (KIND(SEND) | KIND(SENDV) | KIND(WRITE) | KIND(WRITEV))
#define KINDS_OF_VECTORS (KIND(RECVV) | KIND(SENDV) | KIND(READV) | KIND(WRITEV))

_Static_assert(WEIR_OP_KINDS <= 64, "every kind has a bit");

static inline bool op_is_of(const struct weir_op *op, uint64_t kinds)
{
    return kinds >> op->kind & 1;
}

static inline bool op_is_vector(const struct weir_op *op)
{
    return op_is_of(op, KINDS_OF_VECTORS);
}

static inline bool op_reads(const struct weir_op *op)
{
    return op_is_of(op, KINDS_THAT_READ);
}

static inline bool op_writes(const struct weir_op *op)
{
    return op_is_of(op, KINDS_THAT_WRITE);
}

static inline bool op_transfers(const struct weir_op *op)
{
    return op_is_of(op, KINDS_THAT_READ | KINDS_THAT_WRITE);
}

static inline uint64_t rest_offset(uint64_t offset, uint64_t progress)
{
    return offset == WEIR_STREAM ? WEIR_STREAM : offset + progress;
}

static inline struct rest rest_of_vector(const struct weir_op *op)
{
    const struct weir_buf *buffers = op->in.arg.vector.buffers;
    size_t                 count = op->in.arg.vector.count;
    uint64_t               skip = op->in.progress;
    struct rest rest = {.offset = rest_offset(op->in.arg.vector.offset, skip), .last = true};
    while (count && skip >= buffers->length) {
        skip -= buffers->length;
        buffers++, count--;
    }
    while (count && !buffers[count - 1].length)
        count--; /* what is empty at the end is nothing to wait for */
    if (!count)
        return rest;
    if (skip || count == 1 || buffers->length > TRANSFER_MAX) {
        size_t length = buffers->length - (size_t)skip;
        rest.data = (char *)buffers->data + skip;
        rest.length = length < TRANSFER_MAX ? length : TRANSFER_MAX;
        rest.last = count == 1 && length <= TRANSFER_MAX;
        return rest;
    }
    rest.buffers = buffers;
    while (rest.count < count && rest.count < PIECES_MAX &&
           buffers[rest.count].length <= TRANSFER_MAX - rest.length)
        rest.length += buffers[rest.count++].length;
    rest.last = rest.count == count;
    return rest;
}

/* Of a transfer of one piece. */
static inline size_t rest_of_piece(const struct weir_op *op)
{
    size_t length = op->in.arg.transfer.length - (size_t)op->in.progress;
    return length < TRANSFER_MAX ? length : TRANSFER_MAX;
}

static inline struct rest rest_of(const struct weir_op *op)
{
    if (op_is_vector(op))
        return rest_of_vector(op);
    size_t length = op->in.arg.transfer.length - (size_t)op->in.progress;
    return (struct rest){
        .data = (char *)op->in.arg.transfer.data + op->in.progress,
        .length = rest_of_piece(op),
        .offset = rest_offset(op->in.arg.transfer.offset, op->in.progress),
        .last = length <= TRANSFER_MAX,
    };
}

static inline size_t rest_length(const struct weir_op *op)
{
    return op_is_vector(op) ? rest_of_vector(op).length : rest_of_piece(op);
}

#endif
