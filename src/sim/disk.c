/* SPDX-License-Identifier: MIT */
/* disk.c - what lasts of a simulated host: changes on their way to the device, syncs, crashes. */
#include "disk.h"

#include <string.h>

/* What may wait for a sync, of one file; what is beyond goes to the device, the oldest first. */
#define WAITING_COUNT_MAX 256u
#define WAITING_BYTES_MAX ((uint64_t)4 << 20)
/* A longer write is several changes: no system promises that a crash keeps all of it or nothing. */
#define CHANGE_MAX ((size_t)1 << 20)

static struct weir_sim *world_of(const struct sim_file *file)
{
    return file->disk->host->world;
}

uint64_t disk_room(const struct sim_disk *disk)
{
    uint64_t most = DISK_SIZE / CONTENT_PAGE;
    return disk->pages < most ? most - disk->pages : 0; /* a crash may bring back too much */
}

/* ---- Changes --------------------------------------------------------------------------------- */

static void apply(struct content *content, const struct change *change)
{
    if (change->kind == CHANGE_WRITE)
        content_write(content, change->offset, change->bytes, (size_t)change->length);
    else if (change->kind == CHANGE_RESIZE)
        content_resize(content, change->length);
    else
        content_reserve(content, change->offset, change->length);
    content->modified_ns = content->changed_ns = change->at_ns;
}

static struct change *take_first(struct sim_file *file)
{
    struct change *change = file->first;
    file->first = change->next;
    if (!file->first)
        file->last = &file->first;
    file->change_count--;
    file->change_bytes -= change->kind == CHANGE_WRITE ? change->length : 0;
    return change;
}

static void forget_changes(struct sim_file *file)
{
    while (file->first)
        sim_free(take_first(file));
}

static void note_error(struct sim_file *file, const struct change *change)
{
    sim_trace(world_of(file), "%s disk lost %s %llu+%llu", file->disk->host->name, file->name,
              (unsigned long long)change->offset, (unsigned long long)change->length);
    file->errors++;
    file->error_told = false;
}

/* The oldest change goes to the device; or, when it fails, nowhere. */
static void write_back(struct sim_file *file)
{
    struct change *change = take_first(file);
    if (change->kind == CHANGE_WRITE &&
        sim_fault(world_of(file), WEIR_SIM_DISK_ERROR, "write-back"))
        note_error(file, change);
    else
        apply(&file->kept, change);
    sim_free(change);
}

/* `change` is made, and is owned by the file from here on. */
static void make(struct sim_file *file, struct change *change)
{
    uint32_t before = file->now.count;
    change->at_ns = sim_now(world_of(file));
    apply(&file->now, change);
    file->disk->pages += file->now.count;
    file->disk->pages -= before;
    *file->last = change;
    file->last = &change->next;
    file->change_count++;
    file->change_bytes += change->kind == CHANGE_WRITE ? change->length : 0;
    while (file->change_count > WAITING_COUNT_MAX || file->change_bytes > WAITING_BYTES_MAX)
        write_back(file);
}

static struct change *new_change(enum change_kind kind, uint64_t offset, uint64_t length,
                                 size_t bytes)
{
    struct change *change = sim_new(sizeof *change + bytes);
    change->kind = kind;
    change->offset = offset;
    change->length = length;
    return change;
}

void disk_write(struct sim_file *file, uint64_t offset, const struct weir_buf *pieces,
                size_t length)
{
    size_t skip = 0; /* of the first piece */
    while (length) {
        size_t         part = length < CHANGE_MAX ? length : CHANGE_MAX, filled = 0;
        struct change *change = new_change(CHANGE_WRITE, offset, part, part);
        while (filled < part) {
            size_t there = pieces->length - skip, wanted = part - filled;
            size_t taken = there < wanted ? there : wanted;
            if (taken)
                memcpy(change->bytes + filled, (const char *)pieces->data + skip, taken);
            filled += taken, skip += taken;
            if (skip == pieces->length)
                pieces++, skip = 0;
        }
        make(file, change);
        offset += part, length -= part;
    }
}

void disk_resize(struct sim_file *file, uint64_t length)
{
    make(file, new_change(CHANGE_RESIZE, 0, length, 0));
}

void disk_reserve(struct sim_file *file, uint64_t offset, uint64_t length)
{
    make(file, new_change(CHANGE_RESERVE, offset, length, 0));
}

/* ---- Names that are gone --------------------------------------------------------------------- */

/* Descriptors that outlive it, inside a message, name nothing. */
static void file_free(struct sim_file *file)
{
    struct sim_object *first = sim_objects(world_of(file)), *object = first;
    do {
        struct sim_file_open *open = (struct sim_file_open *)object;
        if (object && object->type == &sim_file_type && open->file == file)
            open->file = NULL;
    } while (object && (object = object->next) != first);
    forget_changes(file);
    content_finish(&file->now);
    content_finish(&file->kept);
    sim_free(file->name);
    sim_free(file);
}

/* Takes it off the disk. */
static void drop(struct sim_disk *disk, struct sim_file **link)
{
    struct sim_file *file = *link;
    *link = file->next;
    if (!*link)
        disk->last = link;
    file_free(file);
}

void disk_sweep(struct sim_disk *disk)
{
    struct sim_file *file;
    for (struct sim_file **link = &disk->files; (file = *link);) {
        bool gone = file->removed && !file->opens;
        if (gone) {
            forget_changes(file);
            disk->pages -= file->now.count;
            content_finish(&file->now);
        }
        if (gone && !file->named)
            drop(disk, link);
        else
            link = &file->next;
    }
}

/* The name lasts, and what had it before does not; or it lasts that the file has none. */
static void keep_name(struct sim_file *file)
{
    file->named = !file->removed;
    for (struct sim_file *each = file->disk->files; file->named && each; each = each->next)
        if (each->removed && each->directory == file->directory &&
            strcmp(each->name, file->name) == 0)
            each->named = false;
}

void disk_sync_names(struct sim_file *directory)
{
    for (struct sim_file *file = directory->disk->files; file; file = file->next)
        if (file->directory == directory)
            keep_name(file);
    disk_sweep(directory->disk);
}

/* ---- Syncs ----------------------------------------------------------------------------------- */

/* What programs see is the device's again, but for the length, which the system knows by itself. */
static void read_back(struct sim_file *file)
{
    uint64_t size = file->now.size;
    file->disk->pages -= file->now.count;
    content_finish(&file->now);
    content_copy(&file->now, &file->kept);
    content_resize(&file->now, size);
    file->disk->pages += file->now.count;
}

/* A drawn part of the writes is lost, the first that there is in any case. */
static void sync_badly(struct sim_file *file)
{
    struct weir_sim *world = world_of(file);
    bool             lost = false;
    while (file->first) {
        struct change *change = take_first(file);
        if (change->kind == CHANGE_WRITE && (!lost || sim_random(world, DRAW_FAULT, 2))) {
            lost = true;
            note_error(file, change);
        } else {
            apply(&file->kept, change);
        }
        sim_free(change);
    }
    if (lost && sim_random(world, DRAW_FAULT, 2))
        read_back(file);
    if (!lost) {
        file->errors++;
        file->error_told = false;
    }
}

void disk_sync(struct sim_file *file)
{
    if (!file->first && file->named == !file->removed)
        return;
    if (sim_fault(world_of(file), WEIR_SIM_DISK_ERROR, "sync")) {
        sync_badly(file);
        return;
    }
    while (file->first) {
        struct change *change = take_first(file);
        apply(&file->kept, change);
        sim_free(change);
    }
    keep_name(file);
    disk_sweep(file->disk);
}

int disk_error_take(struct sim_file_open *open)
{
    if (open->errors_told == open->file->errors)
        return 0;
    open->errors_told = open->file->errors;
    open->file->error_told = true;
    return WEIR_EIO;
}

/* ---- Crashes --------------------------------------------------------------------------------- */

/* Each sector of a write by itself, as the device may have had them. */
static void apply_torn(struct sim_file *file, const struct change *change)
{
    struct weir_sim *world = world_of(file);
    uint64_t         end = change->offset + change->length;
    for (uint64_t at = change->offset, next; at < end; at = next) {
        next = (at / SIM_SECTOR + 1) * SIM_SECTOR;
        next = next < end ? next : end;
        if (sim_random(world, DRAW_FAULT, 2))
            content_write(&file->kept, at, change->bytes + (at - change->offset),
                          (size_t)(next - at));
    }
}

/* Some writes whole, some torn, some not at all; in their order, since what is written over the
 * same place cannot overtake. Behind a length that was lost nothing is kept. */
static void keep_any(struct sim_file *file)
{
    enum { WHOLE, TORN, LOST };
    struct weir_sim *world = world_of(file);
    for (; file->first; sim_free(take_first(file))) {
        uint64_t fate = sim_random(world, DRAW_FAULT, 3);
        if (file->first->kind == CHANGE_WRITE && fate == TORN)
            apply_torn(file, file->first);
        else if (fate != LOST)
            apply(&file->kept, file->first);
        else if (file->first->kind == CHANGE_RESIZE)
            return;
    }
}

/* The name is the first of the changes. Whether the file is there at all: not where an older one
 * got the name back. */
static bool keep_part(struct sim_file *file)
{
    struct weir_sim *world = world_of(file);
    uint32_t         waiting = file->change_count + (file->named ? 0 : 1);
    if (file->removed) /* and whether that is on the device */
        return file->named && sim_random(world, DRAW_FAULT, 2);
    if (disk_find(file->disk, file->directory, file->name) != file)
        return false;
    if (!waiting)
        return true;
    if (sim_fault(world, WEIR_SIM_TORN_WRITE, "crash")) {
        if (!file->named && sim_random(world, DRAW_FAULT, 2))
            return false;
        keep_any(file);
    } else {
        uint32_t kept = (uint32_t)sim_random(world, DRAW_FAULT, waiting + 1);
        if (!file->named && !kept--)
            return false;
        for (; kept; kept--) {
            apply(&file->kept, file->first);
            sim_free(take_first(file));
        }
    }
    sim_trace(world, "%s crash %s kept %llu of %llu", file->disk->host->name, file->name,
              (unsigned long long)file->kept.size, (unsigned long long)file->now.size);
    return true;
}

static void come_back(struct sim_file *file)
{
    forget_changes(file);
    content_finish(&file->now);
    content_copy(&file->now, &file->kept);
    file->disk->pages += file->now.count;
    file->named = true;
    file->removed = false;
    file->errors = 0;
    file->error_told = false;
}

void sim_disk_crash(struct weir_sim_host *host)
{
    struct sim_disk *disk = host->disk;
    if (!disk)
        return;
    disk->pages = 0;
    for (struct sim_file **link = &disk->files, *file; (file = *link);) {
        if (keep_part(file)) {
            come_back(file);
            link = &file->next;
        } else {
            sim_trace(host->world, "%s crash %s lost", host->name, file->name);
            drop(disk, link);
        }
    }
}

void sim_disk_finish(struct weir_sim_host *host)
{
    struct sim_disk *disk = host->disk;
    if (!disk)
        return;
    for (struct sim_file *file = disk->files, *next; file; file = next) {
        next = file->next;
        file_free(file);
    }
    sim_free(disk);
    host->disk = NULL;
}
