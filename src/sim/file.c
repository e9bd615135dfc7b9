/* SPDX-License-Identifier: MIT */
/* file.c - an open file of a simulated disk: what each op does with it. */
#include "disk.h"

static struct weir_sim *world_of(const struct sim_file_open *open)
{
    return open->object.host->world;
}

/* ---- Reading --------------------------------------------------------------------------------- */

/* How much of `length` > 0 moves at once: past the page cache whole sectors, or up to the end. */
static size_t some(const struct sim_file_open *open, size_t length)
{
    size_t moved = sim_some(world_of(open), length);
    if (!(open->mode & WEIR_OPEN_DIRECT) || moved == length)
        return moved;
    moved -= moved % SIM_SECTOR;
    return moved ? moved : (length < SIM_SECTOR ? length : SIM_SECTOR);
}

static void scatter(const struct sim_file_open *open, uint64_t at, const struct weir_buf *pieces,
                    size_t length)
{
    for (; length; pieces++) {
        size_t piece = pieces->length < length ? pieces->length : length;
        if (piece)
            content_read(&open->file->now, at, pieces->data, piece);
        at += piece, length -= piece;
    }
}

/* As mounts do by default: a time of reading is kept where it would be older than the file's. */
static void touch(struct sim_file *file, uint64_t now_ns)
{
    if (file->accessed_ns <= file->now.modified_ns)
        file->accessed_ns = now_ns;
}

int64_t file_read(struct sim_file_open *open, uint64_t at, const struct weir_buf *pieces,
                  size_t length)
{
    const struct content *now = &open->file->now;
    uint64_t              there = at < now->size ? now->size - at : 0;
    bool                  is_endless = open->file->kind == FILE_ZERO;
    if (!length || (!there && !is_endless))
        return 0;
    if (!is_endless && sim_fault(world_of(open), WEIR_SIM_DISK_ERROR, "read"))
        return WEIR_EIO;
    if (!is_endless && there < length)
        length = (size_t)there;
    length = some(open, length);
    scatter(open, at, pieces, length);
    touch(open->file, sim_now(world_of(open)));
    return (int64_t)length;
}

/* ---- Writing --------------------------------------------------------------------------------- */

/* How much of the range there is room for, > 0, or WEIR_ENOSPC. */
static int64_t fitting(const struct sim_file_open *open, uint64_t at, size_t length)
{
    const struct sim_file *file = open->file;
    if (!content_missing(&file->now, at, length))
        return (int64_t)length;
    if (sim_fault(world_of(open), WEIR_SIM_DISK_FULL, "write"))
        return WEIR_ENOSPC;
    uint64_t fits = content_fitting(&file->now, at, length, disk_room(file->disk));
    return fits ? (int64_t)fits : WEIR_ENOSPC;
}

int64_t file_write(struct sim_file_open *open, uint64_t at, const struct weir_buf *pieces,
                   size_t length)
{
    if (!length || open->file->kind != FILE_REGULAR)
        return (int64_t)length;
    if (at >= DISK_FILE_MAX)
        return WEIR_EFBIG;
    if (length > DISK_FILE_MAX - at)
        length = (size_t)(DISK_FILE_MAX - at);
    if (sim_fault(world_of(open), WEIR_SIM_DISK_ERROR, "write"))
        return WEIR_EIO;
    int64_t fits = fitting(open, at, some(open, length));
    if (fits < 0)
        return fits;
    disk_write(open->file, at, pieces, (size_t)fits);
    if (open->mode & WEIR_OPEN_SYNC) {
        disk_sync(open->file);
        int error = disk_error_take(open);
        return error ? error : fits;
    }
    return fits;
}

/* ---- Moving ---------------------------------------------------------------------------------- */

/* Past the page cache: the offset, and each piece's address and length. Where nothing moves nobody
 * looks. */
static bool is_aligned(const struct sim_file_open *open, uint64_t at, const struct weir_buf *pieces,
                       size_t length)
{
    if (!(open->mode & WEIR_OPEN_DIRECT) || !length)
        return true;
    if (at % SIM_SECTOR)
        return false;
    for (size_t done = 0; done < length; done += pieces++->length)
        if ((uintptr_t)pieces->data % SIM_SECTOR || pieces->length % SIM_SECTOR)
            return false;
    return true;
}

/* Where the next bytes go or come from. */
static uint64_t place_of(const struct sim_file_open *open, const struct rest *rest, bool writes)
{
    if (writes && (open->mode & WEIR_OPEN_APPEND))
        return open->file->now.size;
    return rest->offset == WEIR_STREAM ? open->position : rest->offset;
}

static int64_t move(struct sim_file_open *open, const struct weir_op *op)
{
    struct rest            rest = rest_of(op);
    bool                   writes = !op_reads(op);
    struct weir_buf        one = {rest.data, rest.length};
    const struct weir_buf *pieces = rest.count ? rest.buffers : &one;
    if (!(open->mode & (writes ? WEIR_OPEN_WRITE : WEIR_OPEN_READ)))
        return WEIR_EBADF;
    if (open->file->kind == FILE_DIRECTORY)
        return WEIR_EISDIR;
    uint64_t at = place_of(open, &rest, writes);
    if (at > INT64_MAX - (uint64_t)rest.length)
        return WEIR_EINVAL;
    bool is_nothing = !writes && at >= open->file->now.size;
    if (!is_nothing && !is_aligned(open, at, pieces, rest.length))
        return WEIR_EINVAL;
    int64_t moved = writes ? file_write(open, at, pieces, rest.length)
                           : file_read(open, at, pieces, rest.length);
    if (moved > 0 && rest.offset == WEIR_STREAM)
        open->position = at + (uint64_t)moved;
    return moved;
}

/* ---- The others ------------------------------------------------------------------------------ */

static int64_t sync_file(struct sim_file_open *open)
{
    if (open->file->kind == FILE_DIRECTORY) {
        disk_sync_names(open->file);
        return 0;
    }
    if (open->file->kind != FILE_REGULAR)
        return WEIR_EINVAL;
    disk_sync(open->file);
    return disk_error_take(open);
}

static int64_t truncate_file(struct sim_file_open *open, uint64_t length)
{
    if (!(open->mode & WEIR_OPEN_WRITE) || open->file->kind != FILE_REGULAR || length > INT64_MAX)
        return WEIR_EINVAL;
    if (length > DISK_FILE_MAX)
        return WEIR_EFBIG;
    disk_resize(open->file, length);
    return 0;
}

static int64_t preallocate(struct sim_file_open *open, uint64_t offset, uint64_t length)
{
    struct sim_file *file = open->file;
    if (!length || offset > INT64_MAX || length > INT64_MAX)
        return WEIR_EINVAL;
    if (!(open->mode & WEIR_OPEN_WRITE))
        return WEIR_EBADF;
    if (file->kind != FILE_REGULAR)
        return WEIR_ENODEV;
    if (length > DISK_FILE_MAX || offset > DISK_FILE_MAX - length)
        return WEIR_EFBIG;
    uint64_t missing = content_missing(&file->now, offset, length);
    if (missing > disk_room(file->disk) ||
        (missing && sim_fault(world_of(open), WEIR_SIM_DISK_FULL, "preallocate")))
        return WEIR_ENOSPC;
    disk_reserve(file, offset, length);
    return 0;
}

static int64_t tell_stat(const struct sim_file_open *open, struct weir_stat *stat)
{
    const struct sim_file *file = open->file;
    bool                   is_directory = file->kind == FILE_DIRECTORY;
    *stat = (struct weir_stat){
        .size = is_directory ? CONTENT_PAGE : file->now.size,
        .blocks = (is_directory ? 1u : (uint64_t)file->now.count) * (CONTENT_PAGE / SIM_SECTOR),
        .inode = file->inode,
        .device = 1,
        .modified_ns = DISK_EPOCH_NS + (int64_t)file->now.modified_ns,
        .accessed_ns = DISK_EPOCH_NS + (int64_t)file->accessed_ns,
        .changed_ns = DISK_EPOCH_NS + (int64_t)file->now.changed_ns,
        .mode = file->mode,
        .links = is_directory ? 2 : !file->removed,
        .block_size = CONTENT_PAGE,
        .kind = open->object.kind,
    };
    return 0;
}

static int64_t file_perform(struct sim_object *object, struct weir_op *op)
{
    struct sim_file_open *open = (struct sim_file_open *)object;
    if (op_reads(op) || op_writes(op))
        return move(open, op);
    switch ((enum weir_op_kind)op->kind) {
    case WEIR_OP_POLL:
        return op->in.arg.events & (WEIR_IN | WEIR_OUT);
    case WEIR_OP_FSTAT:
        return tell_stat(open, op->in.arg.stat);
    case WEIR_OP_FSYNC:
        return sync_file(open);
    case WEIR_OP_TRUNCATE:
        return truncate_file(open, op->in.arg.range.length);
    case WEIR_OP_PREALLOCATE:
        return preallocate(open, op->in.arg.range.offset, op->in.arg.range.length);
    case WEIR_OP_ADVISE:
        return 0;
    default:
        return WEIR_ENOTSOCK; /* what is left is of sockets */
    }
}

static unsigned file_events(struct sim_object *object)
{
    (void)object;
    return WEIR_IN | WEIR_OUT;
}

static void file_close(struct sim_object *object)
{
    struct sim_file *file = ((struct sim_file_open *)object)->file;
    if (!file || --file->opens || !file->removed)
        return; /* the file is the disk's */
    disk_sweep(file->disk);
}

const struct sim_object_type sim_file_type = {
    .name = "file", .perform = file_perform, .events = file_events, .close = file_close};

void sim_alignment(const struct sim_object *object, struct weir_alignment *alignment)
{
    const struct sim_file_open *open = (const struct sim_file_open *)object;
    bool is_regular = object->type == &sim_file_type && open->file->kind == FILE_REGULAR;
    *alignment = (struct weir_alignment){is_regular ? SIM_SECTOR : 0, is_regular ? SIM_SECTOR : 0};
}
