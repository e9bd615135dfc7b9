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
    struct file *file = task->thing->file;
    size_t       moved = task->op.result > 0 ? (size_t)task->op.result : 0;
    if (moved > task->buffer.length || (moved < task->buffer.length && task->op.result >= 0 &&
                                        !task->op.error && (task->op.flags & WEIR_ALL)))
        run_fail(task->run, "%s of %zu bytes told %zu and no reason", task_name(task),
                 task->buffer.length, moved);
    for (size_t i = 0; i < count_of(task); i++) {
        struct block *block = &file->blocks[first_of(task) + i];
        block->writers--;
        if (task->op.result == WEIR_ECANCELED) /* nothing of it was written */
            continue;
        block->known = moved >= (i + 1) * BLOCK;
        memcpy(block->now, task->buffer.memory + i * BLOCK, BLOCK);
    }
    if (moved && task->offset + moved > file->size)
        file->size = task->offset + moved;
}

static bool is_written(const struct file *file, size_t first, size_t count)
{
    for (size_t i = first; i < first + count; i++)
        if (file->blocks[i].writers)
            return true;
    return false;
}

static size_t range_of(const struct step *step, size_t *first)
{
    *first = step->b % BLOCKS;
    size_t count = 1 + step->c % 4;
    return *first + count > BLOCKS ? BLOCKS - *first : count;
}

void step_write(struct place *place, const struct step *step)
{
    struct thing *thing = pick_thing(place->run, place, KIND(DISK_FILE), step->a >> 3);
    size_t        first, count = range_of(step, &first);
    if (!thing || is_written(thing->file, first, count))
        return;
    struct task *task = task_new(place, thing, written);
    if (!task)
        return;
    task_bound(task);
    task->offset = first * BLOCK;
    guarded_take(&task->buffer, count * BLOCK);
    guarded_fill(&task->buffer, task->number);
    for (size_t i = first; i < first + count; i++) {
        thing->file->blocks[i].writers++;
        thing->file->blocks[i].version++;
    }
    run_say(place->run, "write #%u on %u, blocks %zu to %zu", task->number, thing->number, first,
            first + count - 1);
    weir_write(&task->op, &thing->handle, task->buffer.memory, task->buffer.length, task->offset,
               WEIR_ALL | task_flags(task, step->c), task_done);
}

/* ---- Reading --------------------------------------------------------------------------------- */

/* Once a sync failed, what it could not write may be gone: also before its end was told. */
static bool may_be_gone(const struct task *task)
{
    return task->run->plan->per_million[WEIR_SIM_DISK_ERROR] &&
           task->syncs_begun != task->thing->file->syncs_begun;
}

static void read_some(struct task *task)
{
    const struct file *file = task->thing->file;
    size_t             moved = task->op.result > 0 ? (size_t)task->op.result : 0;
    for (size_t i = 0; i < count_of(task) && !may_be_gone(task); i++) {
        const struct block *block = &file->blocks[first_of(task) + i];
        size_t              at = i * BLOCK, here = moved > at ? moved - at : 0;
        if (here > BLOCK)
            here = BLOCK;
        if (!block->known || block->writers || block->version != task->versions[i])
            continue;
        if (memcmp(task->buffer.memory + at, block->now, here) != 0)
            run_fail(task->run, "%s read something else in block %zu than was written",
                     task_name(task), first_of(task) + i);
    }
    if (task->op.result >= 0 && !task->op.error && !task_may_be_cancelled(task) && !task->due_ns &&
        moved < task->buffer.length && task->offset + moved < task->size)
        run_fail(task->run, "%s ended after %zu bytes, before the file does", task_name(task),
                 moved);
}

void step_read(struct place *place, const struct step *step)
{
    struct thing *thing = pick_thing(place->run, place, KIND(DISK_FILE), step->a >> 3);
    struct task  *task = thing ? task_new(place, thing, read_some) : NULL;
    if (!task)
        return;
    size_t first, count = range_of(step, &first);
    task_bound(task);
    task->offset = first * BLOCK;
    task->size = thing->file->size;
    task->syncs_begun = thing->file->syncs ? UINT_MAX : thing->file->syncs_begun;
    guarded_take(&task->buffer, count * BLOCK);
    for (size_t i = 0; i < count; i++) {
        const struct block *block = &thing->file->blocks[first + i];
        task->versions[i] = block->writers ? 0 : block->version;
    }
    run_say(place->run, "read #%u on %u, blocks %zu to %zu", task->number, thing->number, first,
            first + count - 1);
    weir_read(&task->op, &thing->handle, task->buffer.memory, task->buffer.length, task->offset,
              task_flags(task, step->c), task_done);
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
    if (task->op.result == 0 && task->size > file->durable_size)
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
    task->size = thing->file->size;
    thing->file->syncs++;
    thing->file->syncs_begun++;
    for (size_t i = 0; i < BLOCKS; i++) {
        const struct block *block = &thing->file->blocks[i];
        task->versions[i] = block->writers ? 0 : block->version;
    }
    run_say(place->run, "fsync #%u on %u", task->number, thing->number);
    weir_fsync(&task->op, &thing->handle,
               (step->b % 2 ? WEIR_DATA_ONLY : 0) | task_flags(task, step->c), task_done);
}

void files_crash(struct host *host)
{
    for (int f = 0; f < FILES_MAX; f++) {
        struct file *file = &host->files[f];
        file->size = file->durable_size;
        file->syncs = 0;
        for (size_t i = 0; i < BLOCKS; i++) {
            struct block *block = &file->blocks[i];
            block->writers = 0;
            block->known = block->durable_known && block->durable_version == block->version;
            memcpy(block->now, block->durable, BLOCK);
        }
    }
}
