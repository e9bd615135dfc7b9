/* SPDX-License-Identifier: MIT */
/* file_copy.c - one piece of a copy from a simulated file; what comes from anything else the core
 * does by reads and writes. */
#include "disk.h"

#define PIECE_MAX 65536u

static struct sim_object *object_of(const struct weir_handle *handle)
{
    return sim_descriptor(sim_host_of_loop(handle->loop), handle->in.descriptor);
}

/* As splice(2) refuses it. */
static bool is_within_a_pipe(const struct copy *copy)
{
    const struct sim_object *from = object_of(&copy->from), *to = object_of(&copy->to);
    return from && to && sim_pipe_is_one(from, to);
}

/* The open file behind a handle of a copy, or NULL. */
static struct sim_file_open *file_of(const struct weir_handle *handle)
{
    struct sim_object *object = object_of(handle);
    bool               is_file = object && object->type == &sim_file_type;
    return is_file ? (struct sim_file_open *)object : NULL;
}

static uint64_t place_of(const struct sim_file_open *open, uint64_t offset)
{
    return offset == WEIR_STREAM ? open->position : offset;
}

/* As copy_file_range(2): two ranges of one file do not overlap, and what is appended meanwhile is
 * not copied. 0 or WEIR_EINVAL. */
static int check(struct copy *copy, const struct sim_file_open *from)
{
    const struct sim_file_open *to = file_of(&copy->to);
    copy->checked = true;
    if (!to || to->file != from->file || from->file->kind != FILE_REGULAR)
        return 0;
    uint64_t size = from->file->now.size, start = place_of(from, copy->from_offset);
    uint64_t goal = to->mode & WEIR_OPEN_APPEND ? size : place_of(to, copy->to_offset);
    uint64_t there = size > start ? size - start : 0;
    if (copy->left > there)
        copy->left = there;
    return start < goal + copy->left && goal < start + copy->left ? WEIR_EINVAL : 0;
}

/* By a plain op that no loop ever sees. */
static int64_t put(struct copy *copy, unsigned char *data, size_t length)
{
    struct weir_op op = {.handle = &copy->to, .kind = WEIR_OP_WRITE};
    op.in.arg.transfer.data = data;
    op.in.arg.transfer.length = length;
    op.in.arg.transfer.offset = copy->to_offset;
    return sim_perform(&op, PERFORM_TRY);
}

/* The position of a file goes as far as the bytes went; past the page cache is as any other way. */
static int64_t put_file(struct copy *copy, struct sim_file_open *to, unsigned char *data,
                        size_t length)
{
    bool            appends = to->mode & WEIR_OPEN_APPEND;
    uint64_t        at = appends ? to->file->now.size : place_of(to, copy->to_offset);
    struct weir_buf piece = {data, length};
    int64_t         moved = file_write(to, at, &piece, length);
    if (moved > 0 && copy->to_offset == WEIR_STREAM)
        to->position = at + (uint64_t)moved;
    return moved;
}

int64_t sim_copy(struct copy *copy)
{
    unsigned char         buffer[PIECE_MAX];
    struct sim_file_open *from = file_of(&copy->from), *to = file_of(&copy->to);
    if (!from)
        return is_within_a_pipe(copy) ? WEIR_EINVAL : WEIR_EOPNOTSUPP;
    int error = copy->checked ? 0 : check(copy, from);
    if (error || !copy->left)
        return error;
    struct weir_buf piece = {buffer, copy->left < PIECE_MAX ? (size_t)copy->left : PIECE_MAX};
    uint64_t        start = place_of(from, copy->from_offset);
    int64_t         moved = file_read(from, start, &piece, piece.length);
    if (moved > 0)
        moved = to ? put_file(copy, to, buffer, (size_t)moved) : put(copy, buffer, (size_t)moved);
    if (moved == WEIR_EAGAIN)
        copy->waits_for = WEIR_OUT;
    if (moved > 0 && copy->from_offset == WEIR_STREAM)
        from->position = start + (uint64_t)moved;
    return moved;
}
