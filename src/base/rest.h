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

static inline bool op_is_vector(const struct weir_op *op)
{
    return op->kind == WEIR_OP_RECVV || op->kind == WEIR_OP_SENDV || op->kind == WEIR_OP_READV ||
           op->kind == WEIR_OP_WRITEV;
}

static inline bool op_reads(const struct weir_op *op)
{
    return op->kind == WEIR_OP_RECV || op->kind == WEIR_OP_RECVV || op->kind == WEIR_OP_READ ||
           op->kind == WEIR_OP_READV;
}

static inline bool op_writes(const struct weir_op *op)
{
    return op->kind == WEIR_OP_SEND || op->kind == WEIR_OP_SENDV || op->kind == WEIR_OP_WRITE ||
           op->kind == WEIR_OP_WRITEV;
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

static inline struct rest rest_of(const struct weir_op *op)
{
    if (op_is_vector(op))
        return rest_of_vector(op);
    size_t length = op->in.arg.transfer.length - (size_t)op->in.progress;
    return (struct rest){
        .data = (char *)op->in.arg.transfer.data + op->in.progress,
        .length = length < TRANSFER_MAX ? length : TRANSFER_MAX,
        .offset = rest_offset(op->in.arg.transfer.offset, op->in.progress),
        .last = length <= TRANSFER_MAX,
    };
}

#endif
