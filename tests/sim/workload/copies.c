/* SPDX-License-Identifier: MIT */
/* copies.c - bytes from one handle to another: streams, pipes and files, in every pairing. What a
 * stream gave is gone from it, and in its place at the other end. */
#include <string.h>

#include "workload.h"

#define LENGTH_MAX 3000u

static bool is_file(const struct thing *thing)
{
    return thing->kind == DISK_FILE;
}

/* The bytes that were moved, or false where too little is known. */
static bool take_from_file(const struct task *task, size_t moved, struct bytes *bytes)
{
    const struct file *file = task->other->file;
    size_t             first = (size_t)task->range.from_offset / BLOCK;
    for (size_t at = 0; at < moved; at += BLOCK) {
        size_t here = moved - at < BLOCK ? moved - at : BLOCK;
        if (!file_was_known(file, first, at / BLOCK, task))
            return false;
        bytes_push(bytes, file->blocks[first + at / BLOCK].now, here);
    }
    return true;
}

static bool take(struct task *task, size_t moved, struct bytes *bytes)
{
    struct flow *from = task->other->in;
    if (is_file(task->other))
        return take_from_file(task, moved, bytes);
    if (!from->blind && flow_take(from, moved, bytes))
        return true;
    flow_lose(from);
    return false;
}

static void copied(struct task *task)
{
    struct thing *to = task->thing;
    size_t        moved = task->op.result > 0 ? (size_t)task->op.result : 0;
    struct bytes  bytes = {0};
    if (moved > task->range.length)
        run_fail(task->run, "%s of %llu bytes told %zu", task_name(task),
                 (unsigned long long)task->range.length, moved);
    bool known = take(task, moved, &bytes);
    if (is_file(to)) {
        file_wrote(to->file, task->to_first, task->to_count, known ? bytes.data : NULL,
                   task->op.result);
    } else {
        if (!known)
            flow_lose(to->out);
        flow_wrote(to->out, task, bytes.data, known ? bytes.length : 0);
    }
    bytes_free(&bytes);
}

/* Whole blocks of a file, at either end; else so many bytes, or all of a pipe. To the end from
 * pipes to streams alone: else two copies may feed each other for ever. */
static void choose_range(struct task *task, const struct step *step)
{
    struct thing *from = task->other, *to = task->thing;
    size_t        first, count = file_range(step->b / 5, step->c / 3, &first);
    bool          to_end = step->c % 3 == 0 && from->kind == READER && to->kind == STREAM;
    task->range = (struct weir_copy_range){.from = &from->handle,
                                           .from_offset = WEIR_STREAM,
                                           .to_offset = WEIR_STREAM,
                                           .length = to_end ? UINT64_MAX
                                                            : 1 + step->c / 3 % LENGTH_MAX};
    if (is_file(to)) {
        task->to_first = first;
        task->to_count = count;
        task->range.to_offset = first * BLOCK;
        task->range.length = count * BLOCK;
    }
    if (is_file(from)) {
        count = count + first > BLOCKS ? BLOCKS - first : count;
        task->range.from_offset = first * BLOCK;
        task->range.length = count * BLOCK;
        file_reads(from->file, first, count, task);
    }
}

void step_copy(struct place *place, const struct step *step)
{
    unsigned      from_kinds = KIND(STREAM) | KIND(READER) | KIND(DISK_FILE);
    unsigned      to_kinds = KIND(STREAM) | KIND(WRITER) | KIND(DISK_FILE);
    struct thing *from = pick_thing(place->run, place, from_kinds, step->a >> 3);
    struct thing *to = pick_thing(place->run, place, to_kinds, step->b);
    if (!from || !to || from->peer == to || (is_file(from) ? to->file == from->file : !from->in) ||
        (!is_file(to) && !to->out))
        return;
    size_t first, count = file_range(step->b / 5, step->c / 3, &first);
    if (is_file(to) && file_is_written(to->file, first, count))
        return;
    struct task *task = task_new(place, to, copied);
    if (!task)
        return;
    task->other = from;
    task_look(task, from);
    choose_range(task, step);
    if (is_file(to))
        file_writes(to->file, task->to_first, task->to_count);
    else
        flow_writes(to->out, task);
    run_say(place->run, "copy #%u from %u to %u", task->number, from->number, to->number);
    weir_copy(&task->op, &to->handle, &task->range, task_flags(task, step->c), task_done);
}
