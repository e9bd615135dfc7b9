/* SPDX-License-Identifier: MIT */
/* linux_aio_files.c - the file I/O of Linux AIO: transfers of files that were opened past the page
 * cache, and fsync. All others would be done inside io_submit(), which then waits for the disk.
 *
 * RWF_NOWAIT keeps io_submit() from waiting where also direct I/O would: a write that makes the
 * file longer, a page in the cache, a queue of the device that is full. The kernel answers EAGAIN
 * then, and a worker does it. Linux 4.13, io_submit(2). */
#include <sys/uio.h>

#include "../base/annotate_op.h"
#include "../base/rest.h"
#include "linux_aio.h"

#define FILES_ROOM 128

/* op->in.step: the kernel cannot do it without waiting. */
#define BY_WORKER 1

/* handle->in.slot of a file, which no mechanism ever watches: RWF_NOWAIT is unknown there. */
#define NO_NOWAIT (-2)

/* op->in.engine: the op's request, or that it waits for one. 0: it is not here. */
#define WAITS 1

/* Whole sectors of less than was asked may be all that could be had without waiting; anything else
 * is the end of the file. */
#define SECTOR 512

bool aio_is_file_op(const struct weir_op *op)
{
    const struct weir_handle *handle = op->handle;
    if (op->kind == WEIR_OP_FSYNC)
        return handle_has_offsets(handle);
    return (op_reads(op) || op_writes(op)) && (handle->in.flags & HANDLE_DIRECT) &&
           handle->in.kind == WEIR_HANDLE_FILE && handle->in.slot != NO_NOWAIT &&
           rest_of(op).offset != WEIR_STREAM;
}

static void fill(struct iocb *iocb, const struct weir_op *op)
{
    if (op->kind == WEIR_OP_FSYNC) {
        iocb->aio_lio_opcode = op->flags & WEIR_DATA_ONLY ? IOCB_CMD_FDSYNC : IOCB_CMD_FSYNC;
        return;
    }
    struct rest rest = rest_of(op);
    if (rest.count) {
        iocb->aio_lio_opcode = op_reads(op) ? IOCB_CMD_PREADV : IOCB_CMD_PWRITEV;
        iocb->aio_buf = (uintptr_t)rest.buffers;
        iocb->aio_nbytes = rest.count;
    } else {
        iocb->aio_lio_opcode = op_reads(op) ? IOCB_CMD_PREAD : IOCB_CMD_PWRITE;
        iocb->aio_buf = (uintptr_t)rest.data;
        iocb->aio_nbytes = rest.length;
    }
    iocb->aio_offset = (int64_t)rest.offset;
    iocb->aio_rw_flags = RWF_NOWAIT;
}

/* False when every request is taken. */
static bool queue_file(struct weir_loop *loop, struct aio *a, struct weir_op *op)
{
    struct aio_request *request = aio_take(loop, &a->files, op->handle->in.descriptor);
    if (!request)
        return false;
    fill(&request->iocb, op);
    request->of.op = op;
    op->in.engine = (uintptr_t)request;
    aio_queue(&a->files, request);
    return true;
}

/* The context is had when the first op needs it: aio-max-nr is shared by all processes. */
static bool have_context(struct weir_loop *loop, struct aio *a)
{
    if (a->files.room || a->no_files || a->denied)
        return a->files.room && !a->denied;
    uint32_t room = a->fixed ? a->polls[0].room : FILES_ROOM;
    int      error = aio_context_open(loop, &a->files, room, 1);
    if (error) {
        a->no_files = true;
        loop_log(loop, WEIR_LOG_WARNING,
                 "No context of Linux AIO can be had for files: %s; workers serve them.",
                 weir_error_text(error));
    }
    return !error;
}

/* What finds no request free waits here and not with the loop: BUSY would hold up the ops of
 * sockets for as long as a disk takes. */
enum started aio_start_file(struct weir_loop *loop, struct weir_op *op)
{
    struct aio *a = loop->mechanism;
    if (op->in.step == BY_WORKER || !have_context(loop, a))
        return STARTED_OFFLOAD;
    if (!a->waiting.first && queue_file(loop, a, op))
        return STARTED;
    op->in.engine = WAITS;
    fifo_push(&a->waiting, op);
    return STARTED;
}

void aio_cancel_file(struct weir_loop *loop, struct weir_op *op)
{
    struct aio         *a = loop->mechanism;
    struct aio_request *request = (struct aio_request *)(uintptr_t)op->in.engine;
    if (op->in.engine == WAITS) {
        fifo_remove(&a->waiting, op);
    } else if (request->state == AIO_QUEUED) {
        aio_unqueue(&a->files, request);
        aio_give(&a->files, request);
    } else { /* hardly any file can: it ends with its true result then */
        (void)aio_cancel_request(&a->files, request);
        return;
    }
    op->in.engine = 0;
    loop_finish(loop, op, op->in.cause);
}

/* A worker's call says what is wrong where the kernel took none of it. */
void aio_submit_files(struct weir_loop *loop)
{
    struct aio         *a = loop->mechanism;
    struct aio_request *refused;
    int                 error;
    while (a->waiting.first && queue_file(loop, a, a->waiting.first))
        fifo_take(&a->waiting);
    while ((refused = aio_submit(&a->files, &error))) {
        struct weir_op *op = refused->of.op;
        op->in.engine = 0;
        if (error == WEIR_EOPNOTSUPP)
            op->handle->in.slot = NO_NOWAIT;
        aio_give(&a->files, refused);
        op->in.step = BY_WORKER;
        loop_ask(loop, op);
    }
}

/* Whether there may be more than what was done without waiting. */
static bool is_cut_off(const struct weir_op *op, int64_t result)
{
    return op->kind != WEIR_OP_FSYNC && result > 0 && result % SECTOR == 0 &&
           (uint64_t)result < rest_of(op).length;
}

static void end_file(struct weir_loop *loop, struct weir_op *op, int64_t result)
{
    op->in.engine = 0;
    annotate_op_filled(op, result);
    bool not_begun = op->kind != WEIR_OP_FSYNC &&
                     (result == WEIR_EAGAIN || result == WEIR_EOPNOTSUPP);
    if (!op->in.cause && (not_begun || is_cut_off(op, result))) {
        op->in.progress += result > 0 ? (uint64_t)result : 0;
        op->in.step = BY_WORKER;
        loop_ask(loop, op);
        return;
    }
    op->served = WEIR_SERVED_KERNEL;
    loop_event(loop, op, not_begun ? WEIR_ECANCELED : result, 0, 0);
}

bool aio_harvest_files(struct weir_loop *loop)
{
    struct aio     *a = loop->mechanism;
    struct io_event events[AIO_BATCH];
    bool            found = false;
    while (a->files.running) {
        if (!loop_room(loop, AIO_BATCH))
            return true; /* what is left is there in the next wait */
        int count = aio_take_events(&a->files, events, false);
        for (int i = 0; i < count; i++) {
            struct aio_request *request = (struct aio_request *)(uintptr_t)events[i].data;
            struct weir_op     *op = request->of.op;
            a->files.running--;
            aio_give(&a->files, request);
            end_file(loop, op, events[i].res);
        }
        found |= count > 0;
        if (count < AIO_BATCH)
            break;
    }
    return found;
}
