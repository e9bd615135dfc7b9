/* SPDX-License-Identifier: MIT */
/* files.c - what is written is read again, and what was synced outlasts a crash. Blocks are written
 * as a whole by one op at a time; those of which too little is known are not compared. */
#include <limits.h>
#include <string.h>

#include "workload.h"

/* ---- Opening --------------------------------------------------------------------------------- */

static void opened(struct task *task)
{
    struct thing *thing = task->thing;
    bool          attached = weir_handle_kind(&thing->handle) != WEIR_HANDLE_NONE;
    if (thing->state != THING_OPENING)
        return; /* it is being closed, and tells that */
    if (attached != (task->op.result == 0))
        run_fail(task->run, "%s ended %s, and its handle is %s", task_name(task),
                 weir_error_name(task->op.result), attached ? "attached" : "not attached");
    thing->state = attached ? THING_OPEN : THING_CLOSED;
}

void step_open(struct place *place, const struct step *step)
{
    unsigned     mode = WEIR_OPEN_READ | WEIR_OPEN_WRITE | WEIR_OPEN_CREATE;
    struct task *task = task_new(place, NULL, opened);
    if (!task)
        return;
    struct thing *thing = thing_new(place, DISK_FILE, THING_OPENING);
    unsigned      which = step->b % FILES_MAX;
    task->thing = thing;
    thing->file = &place->host->files[which];
    snprintf(task->path, sizeof task->path, "file-%u", which);
    run_say(place->run, "open #%u %s as %u", task->number, task->path, thing->number);
    weir_open(&task->op, place->loop, &thing->handle, task->path, mode, task_flags(task, step->c),
              task_done);
}

/* ---- What is known of it --------------------------------------------------------------------- */

size_t file_range(uint32_t b, uint32_t c, size_t *first)
{
    *first = b % BLOCKS;
    size_t count = 1 + c % 4;
    return *first + count > BLOCKS ? BLOCKS - *first : count;
}

bool file_is_written(const struct file *file, size_t first, size_t count)
{
    for (size_t i = first; i < first + count; i++)
        if (file->blocks[i].writers)
            return true;
    return false;
}

void file_writes(struct file *file, size_t first, size_t count)
{
    for (size_t i = first; i < first + count; i++) {
        file->blocks[i].writers++;
        file->blocks[i].version++;
    }
}

void file_wrote(struct file *file, size_t first, size_t count, const unsigned char *data,
                int64_t result)
{
    size_t moved = result > 0 ? (size_t)result : 0;
    for (size_t i = 0; i < count; i++) {
        struct block *block = &file->blocks[first + i];
        block->writers--;
        if (result == WEIR_ECANCELED) /* nothing of it was written */
            continue;
        block->known = data && moved >= (i + 1) * BLOCK;
        if (block->known)
            memcpy(block->now, data + i * BLOCK, BLOCK);
    }
    if (moved && first * BLOCK + moved > file->size)
        file->size = first * BLOCK + moved;
}

void file_reads(const struct file *file, size_t first, size_t count, struct task *task)
{
    task->size = file->cuts ? 0 : file->size;
    task->cuts_begun = file->cuts_begun;
    task->syncs_begun = file->syncs ? UINT_MAX : file->syncs_begun;
    for (size_t i = 0; i < count; i++) {
        const struct block *block = &file->blocks[first + i];
        task->versions[i] = block->writers ? 0 : block->version;
    }
}

/* Once a sync failed, what it could not write may be gone: also before its end was told. */
static bool may_be_gone(const struct file *file, const struct task *task)
{
    return task->run->plan->per_million[WEIR_SIM_DISK_ERROR] &&
           task->syncs_begun != file->syncs_begun;
}

bool file_was_known(const struct file *file, size_t first, size_t i, const struct task *task)
{
    const struct block *block = &file->blocks[first + i];
    return block->known && !block->writers && block->version == task->versions[i] &&
           !may_be_gone(file, task);
}

/* ---- Writing --------------------------------------------------------------------------------- */

static size_t first_of(const struct task *task)
{
    return (size_t)task->offset / BLOCK;
}

static size_t count_of(const struct task *task)
{
    return task->buffer.length / BLOCK;
}

static void written(struct task *task)
{
    size_t moved = task->op.result > 0 ? (size_t)task->op.result : 0;
    if (moved > task->buffer.length || (moved < task->buffer.length && task->op.result >= 0 &&
                                        !task->op.error && (task->op.flags & WEIR_ALL)))
        run_fail(task->run, "%s of %zu bytes told %zu and no reason", task_name(task),
                 task->buffer.length, moved);
    file_wrote(task->thing->file, first_of(task), count_of(task), task->buffer.memory,
               task->op.result);
}

void step_write(struct place *place, const struct step *step)
{
    struct thing *thing = pick_thing(place->run, place, KIND(DISK_FILE), step->a >> 3);
    size_t        first, count = file_range(step->b, step->c, &first);
    if (!thing || file_is_written(thing->file, first, count))
        return;
    struct task *task = task_new(place, thing, written);
    if (!task)
        return;
    unsigned flags = WEIR_ALL | task_flags(task, step->c);
    task_bound(task);
    task->offset = first * BLOCK;
    guarded_take(&task->buffer, count * BLOCK);
    guarded_fill(&task->buffer, task->number);
    file_writes(thing->file, first, count);
    run_say(place->run, "write #%u on %u, blocks %zu to %zu", task->number, thing->number, first,
            first + count - 1);
    if (step->c / 4 % 3 == 0) {
        cut_in_pieces(task, step->c);
        weir_writev(&task->op, &thing->handle, task->pieces, 3, task->offset, flags, task_done);
    } else {
        weir_write(&task->op, &thing->handle, task->buffer.memory, task->buffer.length,
                   task->offset, flags, task_done);
    }
}

/* ---- Reading --------------------------------------------------------------------------------- */

static void read_some(struct task *task)
{
    const struct file *file = task->thing->file;
    size_t             moved = task->op.result > 0 ? (size_t)task->op.result : 0;
    for (size_t i = 0; i < count_of(task); i++) {
        const struct block *block = &file->blocks[first_of(task) + i];
        size_t              at = i * BLOCK, here = moved > at ? moved - at : 0;
        if (here > BLOCK)
            here = BLOCK;
        if (file_was_known(file, first_of(task), i, task) &&
            memcmp(task->buffer.memory + at, block->now, here) != 0)
            run_fail(task->run, "%s read something else in block %zu than was written",
                     task_name(task), first_of(task) + i);
    }
    if (task->op.result >= 0 && !task->op.error && !task_may_be_cancelled(task) && !task->due_ns &&
        task->cuts_begun == file->cuts_begun && moved < task->buffer.length &&
        task->offset + moved < task->size)
        run_fail(task->run, "%s ended after %zu bytes, before the file does", task_name(task),
                 moved);
}

void step_read(struct place *place, const struct step *step)
{
    struct thing *thing = pick_thing(place->run, place, KIND(DISK_FILE), step->a >> 3);
    struct task  *task = thing ? task_new(place, thing, read_some) : NULL;
    if (!task)
        return;
    size_t   first, count = file_range(step->b, step->c, &first);
    unsigned flags = task_flags(task, step->c);
    task_bound(task);
    task->offset = first * BLOCK;
    file_reads(thing->file, first, count, task);
    guarded_take(&task->buffer, count * BLOCK);
    run_say(place->run, "read #%u on %u, blocks %zu to %zu", task->number, thing->number, first,
            first + count - 1);
    if (step->c / 4 % 3 == 0) {
        cut_in_pieces(task, step->c);
        weir_readv(&task->op, &thing->handle, task->pieces, 3, task->offset, flags, task_done);
    } else {
        weir_read(&task->op, &thing->handle, task->buffer.memory, task->buffer.length, task->offset,
                  flags, task_done);
    }
}

/* ---- Cutting, reserving ---------------------------------------------------------------------- */

/* Behind its end lies nothing, and where the file grows again, zeros. */
static void truncated(struct task *task)
{
    static const unsigned char zeros[BLOCKS * BLOCK];
    struct file               *file = task->thing->file;
    size_t                     first = first_of(task), count = BLOCKS - first;
    uint64_t                   size = file->size;
    file->cuts--;
    file_wrote(file, first, count, task->op.result == 0 ? zeros : NULL,
               task->op.result == 0 ? (int64_t)(count * BLOCK) : task->op.result);
    file->size = size;
    if (task->op.result == 0 && task->offset > size)
        file->size = task->offset;
}

static void start_truncate(struct task *task, size_t first)
{
    struct file *file = task->thing->file;
    task->offset = first * BLOCK;
    if (file->size > task->offset)
        file->size = task->offset;
    if (file->durable_size > task->offset)
        file->durable_size = task->offset;
    file->cuts++;
    file->cuts_begun++;
    file_writes(file, first, BLOCKS - first);
    run_say(task->run, "truncate #%u of %u to %zu blocks", task->number, task->thing->number,
            first);
    weir_truncate(&task->op, &task->thing->handle, task->offset, 0, task_done);
}

static void reserved(struct task *task)
{
    struct file *file = task->thing->file;
    if (task->op.result == 0 && !file->cuts && file->cuts_begun == task->cuts_begun &&
        task->size > file->size)
        file->size = task->size;
}

static void advised(struct task *task)
{
    if (task->op.result > 0)
        run_fail(task->run, "%s told %lld", task_name(task), (long long)task->op.result);
}

void step_change(struct place *place, const struct step *step)
{
    struct thing *thing = pick_thing(place->run, place, KIND(DISK_FILE), step->a >> 3);
    size_t        first, count = file_range(step->b, step->c, &first);
    unsigned      what = step->c / 4 % 5;
    if (!thing || (what < 2 && file_is_written(thing->file, first, BLOCKS - first)))
        return;
    struct task *task = task_new(place, thing,
                                 what < 2   ? truncated
                                 : what < 4 ? reserved
                                            : advised);
    if (!task)
        return;
    task_bound(task);
    if (what < 2) {
        start_truncate(task, first);
    } else if (what < 4) {
        task->size = thing->file->cuts ? 0 : (first + count) * BLOCK;
        task->cuts_begun = thing->file->cuts_begun;
        run_say(place->run, "preallocate #%u of %u, blocks %zu to %zu", task->number, thing->number,
                first, first + count - 1);
        weir_preallocate(&task->op, &thing->handle, first * BLOCK, count * BLOCK, 0, task_done);
    } else {
        run_say(place->run, "advise #%u of %u", task->number, thing->number);
        weir_advise(&task->op, &thing->handle, first * BLOCK, count * BLOCK,
                    (enum weir_advice)(step->b / BLOCKS % 5), 0, task_done);
    }
}

/* ---- Lasting --------------------------------------------------------------------------------- */

/* After an error nobody knows what the disk has: fsync(2). */
static void synced(struct task *task)
{
    struct file *file = task->thing->file;
    file->syncs--;
    for (size_t i = 0; i < BLOCKS; i++) {
        struct block *block = &file->blocks[i];
        if (task->op.result < 0 && task->op.result != WEIR_ECANCELED &&
            task->op.result != WEIR_EDEADLINE && block->durable_version != block->version)
            block->known = false;
        if (task->op.result != 0 || !block->known || block->version != task->versions[i])
            continue;
        memcpy(block->durable, block->now, BLOCK);
        block->durable_known = true;
        block->durable_version = block->version;
    }
    if (task->op.result == 0 && task->cuts_begun == file->cuts_begun &&
        task->size > file->durable_size)
        file->durable_size = task->size;
}

void step_sync(struct place *place, const struct step *step)
{
    struct thing *thing = pick_thing(place->run, place, KIND(DISK_FILE), step->a >> 3);
    struct task  *task = thing ? task_new(place, thing, step->b % 4 ? synced : NULL) : NULL;
    if (!task)
        return;
    task_bound(task);
    if (step->b % 4 == 0) {
        run_say(place->run, "fstat #%u on %u", task->number, thing->number);
        weir_fstat(&task->op, &thing->handle, &task->stat, 0, task_done);
        return;
    }
    file_reads(thing->file, 0, BLOCKS, task);
    thing->file->syncs++;
    thing->file->syncs_begun++;
    run_say(place->run, "fsync #%u on %u", task->number, thing->number);
    weir_fsync(&task->op, &thing->handle,
               (step->b % 2 ? WEIR_DATA_ONLY : 0) | task_flags(task, step->c), task_done);
}

void files_crash(struct host *host)
{
    for (int f = 0; f < FILES_MAX; f++) {
        struct file *file = &host->files[f];
        file->size = file->durable_size;
        file->syncs = file->cuts = 0;
        for (size_t i = 0; i < BLOCKS; i++) {
            struct block *block = &file->blocks[i];
            block->writers = 0;
            block->known = block->durable_known && block->durable_version == block->version;
            memcpy(block->now, block->durable, BLOCK);
        }
    }
}
