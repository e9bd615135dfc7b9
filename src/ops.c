/* SPDX-License-Identifier: MIT */
/* ops.c - the calls that start an op: each writes its arguments down and submits. */
#include <stdlib.h>
#include <string.h>

#include "base/annotate_op.h"
#include "base/canary.h"
#include "base/rest.h"
#include "engine.h"
#include "os/os.h"

#define TRANSFER_FLAGS (WEIR_BACKGROUND | WEIR_ALL)
#define OPEN_MODES                                                                                 \
    (WEIR_OPEN_READ | WEIR_OPEN_WRITE | WEIR_OPEN_CREATE | WEIR_OPEN_EXCLUSIVE |                   \
     WEIR_OPEN_TRUNCATE | WEIR_OPEN_APPEND | WEIR_OPEN_DIRECT | WEIR_OPEN_SYNC |                   \
     WEIR_OPEN_DIRECTORY | WEIR_OPEN_NOFOLLOW | 07777u)

_Static_assert(sizeof(void *) != 8 || sizeof(struct weir_op) == 128, "an op is two cache lines");

enum order { ORDER_ANY, ORDER_IN, ORDER_OUT, ORDER_STREAM_IN, ORDER_STREAM_OUT };

/* Of an op that goes to a place in a file, or takes its turn. */
static uint64_t offset_of(const struct weir_op *op)
{
    switch ((enum weir_op_kind)op->kind) {
    case WEIR_OP_READ:
    case WEIR_OP_WRITE:
        return op->in.arg.transfer.offset;
    case WEIR_OP_COPY:
        return op->in.arg.copy.range ? op->in.arg.copy.range->to_offset : 0;
    default:
        return op->in.arg.vector.offset;
    }
}

/* The direction that the op takes its turn in, or 0. */
static uint8_t direction_of(const struct weir_op *op)
{
#define ORDER(NAME, name, direction) [WEIR_OP_##NAME] = ORDER_##direction,
    static const uint8_t orders[WEIR_OP_KINDS] = {WEIR_OPS(ORDER)};
#undef ORDER
    enum order order = orders[op->kind];
    if (order == ORDER_ANY || (order >= ORDER_STREAM_IN && offset_of(op) != WEIR_STREAM))
        return 0;
    return order == ORDER_IN || order == ORDER_STREAM_IN ? WEIR_IN : WEIR_OUT;
}

void loop_doom(const struct weir_op *op, const char *call, const char *sentence)
{
    fprintf(stderr, "weir: %s: %s (op: %s, handle: %s %d, state %d).\n", call, sentence,
            weir_op_name(op->kind),
            op->handle ? weir_handle_kind_name(op->handle->in.kind) : "none",
            op->handle ? op->handle->in.descriptor : -1, op->state);
    abort();
}

/* Into the ring of its direction, if it has one and stands in none yet. */
static uint8_t take_direction(struct weir_op *op)
{
    struct weir_handle *handle = op->handle;
    if (op->in.holds)
        return op->in.holds;
    op->in.holds = direction_of(op);
    if (op->in.holds == WEIR_OUT) {
        ring_remove(&handle->in.ops_in, op);
        ring_push(&handle->in.ops_out, op);
    }
    return op->in.holds;
}

/* Ends without an attempt, but not before the ops of its direction that were started before. */
void op_decide(struct weir_op *op, int64_t result)
{
    struct weir_handle *handle = op->handle;
    uint8_t             direction = take_direction(op);
    if (handle->in.busy & direction) {
        op->state = OP_DECIDED;
        op->result = result;
        return;
    }
    handle->in.busy |= direction;
    loop_finish(handle->loop, op, result);
}

static ALWAYS_INLINE void enter(struct weir_op *op, uint8_t direction)
{
    struct weir_handle *handle = op->handle;
    struct weir_loop   *loop = handle->loop;
    ring_push(direction == WEIR_OUT ? &handle->in.ops_out : &handle->in.ops_in, op);
    loop->pending++;
    if (op->flags & WEIR_BACKGROUND)
        loop->pending_background++;
    loop->stats.started++;
}

/* Counted among the ops of its handle's loop, or not any more: a move leaves without an end. */
void op_enter(struct weir_op *op)
{
    enter(op, 0);
}

void op_retract(struct weir_op *op)
{
    struct weir_loop *loop = op->handle->loop;
    ring_remove(&op->handle->in.ops_in, op);
    loop->pending--;
    if (op->flags & WEIR_BACKGROUND)
        loop->pending_background--;
    loop->stats.started--;
}

/* Whether nothing begins on the handle any more. One that is on its way here arrives first. */
static bool is_ending(struct weir_loop *loop, const struct weir_handle *handle)
{
    if (!loop->shutting && !(handle->in.flags & (HANDLE_CLOSING | HANDLE_MOVING)))
        return false;
    if (handle->in.flags & HANDLE_MOVING)
        loop_take_posts(loop);
    return loop->shutting || (handle->in.flags & HANDLE_CLOSING);
}

/* Ends before it had a turn in its direction. */
static void end_early(struct weir_op *op, int64_t result)
{
    if (op->in.holds)
        op->in.holds |= HOLDS_NOTHING;
    loop_finish(op->handle->loop, op, result);
}

/* op_begin() of an op whose direction, or 0, is known; ALWAYS_INLINE for what the caller knows. */
static ALWAYS_INLINE bool begin(struct weir_op *op, enum weir_op_kind kind,
                                struct weir_handle *handle, uint8_t direction, unsigned flags,
                                unsigned allowed, weir_done *done)
{
    struct weir_loop *loop = handle->loop;
    if (!loop)
        loop_doom(op, weir_op_name(kind), "the handle was never attached to a loop");
    if (loop->generation != os_fork_generation()) {
        op->result = WEIR_EPERM;
        op->state = OP_ENDED;
        op->in.due_ns = loop->generation;
        return false;
    }
    if (op_is_live(op))
        loop_doom(op, weir_op_name(kind), "the op is still live and was started again");
    if (loop->thread && loop->thread != os_thread_self())
        loop_admit(loop, weir_op_name(kind)); /* which says so and aborts */
    *op = (struct weir_op){.user = op->user,
                           .done = done,
                           .handle = handle,
                           .kind = (uint8_t)kind,
                           .state = OP_GIVEN,
                           .flags = flags,
                           .in.holds = direction};
    enter(op, direction);
    if (is_ending(loop, handle))
        end_early(op, WEIR_ECANCELED);
    else if (flags & ~allowed)
        op_decide(op, WEIR_EINVAL);
    else if (!done && (flags & (WEIR_MULTISHOT | WEIR_LEVEL | WEIR_EDGE)))
        op_decide(op, WEIR_EINVAL);
    else if (handle->in.kind == WEIR_HANDLE_NONE && handle != &loop->none)
        end_early(op, WEIR_EBADF);
    else
        return true;
    return false;
}

/* The op becomes the loop's. False when it has ended already, or will without an attempt. Where the
 * arguments decide on the direction, the caller allows every flag, and looks at them later. */
bool op_begin(struct weir_op *op, enum weir_op_kind kind, struct weir_handle *handle,
              unsigned flags, unsigned allowed, weir_done *done)
{
    return begin(op, kind, handle, 0, flags, allowed, done);
}

static ALWAYS_INLINE void submit(struct weir_op *op, uint8_t direction)
{
    struct weir_handle *handle = op->handle;
    annotate_op_needed(op);
    if ((handle->in.busy & direction) && !CANARY(reordered_stream)) {
        op->state = OP_BEHIND;
        return;
    }
    handle->in.busy |= direction;
    loop_ask(handle->loop, op);
}

/* To the engine, or behind the ops of its direction. */
void op_submit(struct weir_op *op)
{
    submit(op, take_direction(op));
}

static struct weir_handle *handle_of_loop(struct weir_op *op, struct weir_loop *loop)
{
    if (!loop)
        loop_doom(op, "op", "the loop is NULL");
    return &loop->none;
}

/* ---- Without a handle ------------------------------------------------------------------------ */

void weir_nop(struct weir_op *op, struct weir_loop *loop, unsigned flags, weir_done *done)
{
    if (!op_begin(op, WEIR_OP_NOP, handle_of_loop(op, loop), flags, WEIR_BACKGROUND, done))
        return;
    op->served = WEIR_SERVED_AT_ONCE;
    loop_finish(loop, op, 0);
}

void weir_timer(struct weir_op *op, struct weir_loop *loop, uint64_t ns, unsigned flags,
                weir_done *done)
{
    if (!op_begin(op, WEIR_OP_TIMER, handle_of_loop(op, loop), flags, WEIR_BACKGROUND, done))
        return;
    op->state = OP_TIMED;
    weir_deadline(op, ns);
}

void weir_signal(struct weir_op *op, struct weir_loop *loop, int signal_number, unsigned flags,
                 weir_done *done)
{
    if (!op_begin(op, WEIR_OP_SIGNAL, handle_of_loop(op, loop), flags,
                  WEIR_BACKGROUND | WEIR_MULTISHOT, done))
        return;
    op->in.arg.number = signal_number;
    signal_begin(loop, op);
}

void weir_work(struct weir_op *op, struct weir_loop *loop, weir_work_call *work, unsigned flags,
               weir_done *done)
{
    if (!op_begin(op, WEIR_OP_WORK, handle_of_loop(op, loop), flags, WEIR_BACKGROUND, done))
        return;
    op->in.arg.work = work;
    if (work)
        offload_start(loop, op);
    else
        loop_finish(loop, op, WEIR_EINVAL);
}

void weir_resolve(struct weir_op *op, struct weir_loop *loop, struct weir_lookup *lookup,
                  unsigned flags, weir_done *done)
{
    if (!op_begin(op, WEIR_OP_RESOLVE, handle_of_loop(op, loop), flags, WEIR_BACKGROUND, done))
        return;
    op->in.arg.lookup = lookup;
    if (!lookup || (!lookup->host && !lookup->service) || (!lookup->addresses && lookup->room))
        loop_finish(loop, op, WEIR_EINVAL);
    else
        offload_start(loop, op);
}

void weir_open(struct weir_op *op, struct weir_loop *loop, struct weir_handle *handle,
               const char *path, unsigned mode, unsigned flags, weir_done *done)
{
    if (handle->in.kind != WEIR_HANDLE_NONE || (handle->in.flags & HANDLE_OPENING))
        loop_doom(op, "open", "the handle to be filled is in use");
    if (!op_begin(op, WEIR_OP_OPEN, handle_of_loop(op, loop), flags, WEIR_BACKGROUND, done))
        return;
    op->in.arg.open.path = path;
    op->in.arg.open.mode = mode;
    if (!path || !(mode & (WEIR_OPEN_READ | WEIR_OPEN_WRITE)) || (mode & ~OPEN_MODES)) {
        loop_finish(loop, op, WEIR_EINVAL);
        return;
    }
    ring_remove(&loop->none.in.ops_in, op);
    *handle = (struct weir_handle){.user = handle->user, .loop = loop};
    handle->in.descriptor = handle->in.slot = -1;
    handle->in.flags = HANDLE_OPENING;
    handle_link(loop, handle);
    op->handle = handle;
    ring_push(&handle->in.ops_in, op);
    loop_ask(loop, op);
}

/* ---- Sockets, pipes and ttys ----------------------------------------------------------------- */

void weir_accept(struct weir_op *op, struct weir_handle *listener, struct weir_handle *accepted,
                 unsigned flags, weir_done *done)
{
    if (!op_begin(op, WEIR_OP_ACCEPT, listener, flags, WEIR_BACKGROUND | WEIR_MULTISHOT, done))
        return;
    op->in.arg.accepted = accepted;
    if (!accepted != !!(flags & WEIR_MULTISHOT))
        op_decide(op, WEIR_EINVAL);
    else if (accepted &&
             (accepted->in.kind != WEIR_HANDLE_NONE || (accepted->in.flags & HANDLE_OPENING)))
        loop_doom(op, "accept", "the handle to be filled is in use");
    else
        op_submit(op);
}

void weir_connect(struct weir_op *op, struct weir_handle *handle, const void *address,
                  size_t address_length, unsigned flags, weir_done *done)
{
    if (!op_begin(op, WEIR_OP_CONNECT, handle, flags, WEIR_BACKGROUND, done))
        return;
    op->in.arg.address.data = address;
    op->in.arg.address.length = address_length;
    if (!address || address_length > sizeof((struct weir_address *)0)->data)
        op_decide(op, WEIR_EINVAL);
    else
        op_submit(op);
}

/* An offset means a place in a file, and needs a handle that has places. 0 or WEIR_E*. */
static int check_place(const struct weir_handle *handle, unsigned flags, uint64_t offset,
                       uint64_t offset_most)
{
    if ((flags & WEIR_PEEK) && (flags & WEIR_ALL))
        return WEIR_EINVAL; /* a second call would see the same bytes again */
    if ((flags & WEIR_PEEK) && !handle_is_socket(handle))
        return WEIR_ENOTSUP;
    if (offset == WEIR_STREAM)
        return 0;
    if (offset > offset_most)
        return WEIR_EINVAL;
    return handle_has_offsets(handle) ? 0 : WEIR_ESPIPE;
}

/* Every transfer of one piece. */
static ALWAYS_INLINE void transfer(struct weir_op *op, enum weir_op_kind kind,
                                   struct weir_handle *handle, void *data, size_t length,
                                   uint64_t offset, unsigned flags, unsigned allowed,
                                   weir_done *done)
{
    bool    reads = kind == WEIR_OP_RECV || kind == WEIR_OP_READ;
    uint8_t direction = offset != WEIR_STREAM ? 0 : reads ? WEIR_IN : WEIR_OUT;
    if (!begin(op, kind, handle, direction, flags, FLAGS_LATER, done))
        return;
    op->in.arg.transfer.data = data;
    op->in.arg.transfer.length = length;
    op->in.arg.transfer.offset = offset;
    bool wrong = (flags & ~allowed) || (!data && length) || length > PTRDIFF_MAX;
    int  error = wrong ? WEIR_EINVAL
                       : check_place(handle, flags, offset, INT64_MAX - (uint64_t)length);
    if (!wrong && (flags & WEIR_ZEROCOPY))
        op->told = WEIR_TOLD_COPIED; /* until an engine knows better */
    if (error || (!length && handle->in.kind != WEIR_HANDLE_DATAGRAM))
        op_decide(op, error);
    else
        submit(op, direction);
}

static bool is_empty(const struct weir_buf *buffers, size_t count)
{
    while (count && !buffers->length)
        buffers++, count--;
    return !count;
}

static void transfer_vector(struct weir_op *op, enum weir_op_kind kind, struct weir_handle *handle,
                            const struct weir_buf *buffers, size_t count, uint64_t offset,
                            unsigned flags, unsigned allowed, weir_done *done)
{
    if (!op_begin(op, kind, handle, flags, FLAGS_LATER, done))
        return;
    op->in.arg.vector.buffers = buffers;
    op->in.arg.vector.count = count;
    op->in.arg.vector.offset = offset;
    bool datagram = handle->in.kind == WEIR_HANDLE_DATAGRAM;
    bool wrong = (flags & ~allowed) || (!buffers && count);
    int  error = wrong ? WEIR_EINVAL : check_place(handle, flags, offset, INT64_MAX);
    if (!wrong && (flags & WEIR_ZEROCOPY))
        op->told = WEIR_TOLD_COPIED;
    if (!error && datagram && count > PIECES_MAX)
        error = WEIR_EMSGSIZE; /* a datagram is not moved in parts */
    if (error || (!datagram && is_empty(buffers, count)))
        op_decide(op, error);
    else
        op_submit(op);
}

void weir_recv(struct weir_op *op, struct weir_handle *handle, void *data, size_t length,
               unsigned flags, weir_done *done)
{
    transfer(op, WEIR_OP_RECV, handle, data, length, WEIR_STREAM, flags, TRANSFER_FLAGS | WEIR_PEEK,
             done);
}

void weir_recvv(struct weir_op *op, struct weir_handle *handle, const struct weir_buf *buffers,
                size_t count, unsigned flags, weir_done *done)
{
    transfer_vector(op, WEIR_OP_RECVV, handle, buffers, count, WEIR_STREAM, flags,
                    TRANSFER_FLAGS | WEIR_PEEK, done);
}

void weir_send(struct weir_op *op, struct weir_handle *handle, const void *data, size_t length,
               unsigned flags, weir_done *done)
{
    transfer(op, WEIR_OP_SEND, handle, (void *)(uintptr_t)data, length, WEIR_STREAM, flags,
             TRANSFER_FLAGS | WEIR_ZEROCOPY, done);
}

void weir_sendv(struct weir_op *op, struct weir_handle *handle, const struct weir_buf *buffers,
                size_t count, unsigned flags, weir_done *done)
{
    transfer_vector(op, WEIR_OP_SENDV, handle, buffers, count, WEIR_STREAM, flags,
                    TRANSFER_FLAGS | WEIR_ZEROCOPY, done);
}

void weir_shutdown(struct weir_op *op, struct weir_handle *handle, unsigned flags, weir_done *done)
{
    if (op_begin(op, WEIR_OP_SHUTDOWN, handle, flags, WEIR_BACKGROUND, done))
        op_submit(op);
}

void weir_poll(struct weir_op *op, struct weir_handle *handle, unsigned events, unsigned flags,
               weir_done *done)
{
    const unsigned modes = WEIR_LEVEL | WEIR_EDGE | WEIR_ONESHOT;
    if (!op_begin(op, WEIR_OP_POLL, handle, flags, WEIR_BACKGROUND | modes, done))
        return;
    op->in.arg.events = events;
    unsigned mode = flags & modes;
    if ((mode & (mode - 1)) ||
        (events & ~(WEIR_IN | WEIR_OUT | WEIR_HUP | WEIR_ERR | WEIR_RDHUP))) {
        loop_finish(handle->loop, op, WEIR_EINVAL);
        return;
    }
    handle->in.flags |= HANDLE_POLLED;
    op_submit(op);
}

/* ---- Files ----------------------------------------------------------------------------------- */

void weir_read(struct weir_op *op, struct weir_handle *handle, void *data, size_t length,
               uint64_t offset, unsigned flags, weir_done *done)
{
    transfer(op, WEIR_OP_READ, handle, data, length, offset, flags, TRANSFER_FLAGS, done);
}

void weir_write(struct weir_op *op, struct weir_handle *handle, const void *data, size_t length,
                uint64_t offset, unsigned flags, weir_done *done)
{
    transfer(op, WEIR_OP_WRITE, handle, (void *)(uintptr_t)data, length, offset, flags,
             TRANSFER_FLAGS, done);
}

void weir_readv(struct weir_op *op, struct weir_handle *handle, const struct weir_buf *buffers,
                size_t count, uint64_t offset, unsigned flags, weir_done *done)
{
    transfer_vector(op, WEIR_OP_READV, handle, buffers, count, offset, flags, TRANSFER_FLAGS, done);
}

void weir_writev(struct weir_op *op, struct weir_handle *handle, const struct weir_buf *buffers,
                 size_t count, uint64_t offset, unsigned flags, weir_done *done)
{
    transfer_vector(op, WEIR_OP_WRITEV, handle, buffers, count, offset, flags, TRANSFER_FLAGS,
                    done);
}

void weir_fstat(struct weir_op *op, struct weir_handle *handle, struct weir_stat *stat,
                unsigned flags, weir_done *done)
{
    if (!op_begin(op, WEIR_OP_FSTAT, handle, flags, WEIR_BACKGROUND, done))
        return;
    op->in.arg.stat = stat;
    if (stat)
        op_submit(op);
    else
        loop_finish(handle->loop, op, WEIR_EINVAL);
}

void weir_fsync(struct weir_op *op, struct weir_handle *handle, unsigned flags, weir_done *done)
{
    if (op_begin(op, WEIR_OP_FSYNC, handle, flags, WEIR_BACKGROUND | WEIR_DATA_ONLY, done))
        op_submit(op);
}

static void start_range(struct weir_op *op, uint64_t offset, uint64_t length, int advice)
{
    op->in.arg.range.offset = offset;
    op->in.arg.range.length = length;
    op->in.arg.range.advice = advice;
    if (offset > INT64_MAX || length > INT64_MAX)
        loop_finish(op->handle->loop, op, WEIR_EINVAL);
    else
        op_submit(op);
}

void weir_truncate(struct weir_op *op, struct weir_handle *handle, uint64_t length, unsigned flags,
                   weir_done *done)
{
    if (op_begin(op, WEIR_OP_TRUNCATE, handle, flags, WEIR_BACKGROUND, done))
        start_range(op, 0, length, 0);
}

void weir_preallocate(struct weir_op *op, struct weir_handle *handle, uint64_t offset,
                      uint64_t length, unsigned flags, weir_done *done)
{
    if (op_begin(op, WEIR_OP_PREALLOCATE, handle, flags, WEIR_BACKGROUND, done))
        start_range(op, offset, length, 0);
}

void weir_advise(struct weir_op *op, struct weir_handle *handle, uint64_t offset, uint64_t length,
                 enum weir_advice advice, unsigned flags, weir_done *done)
{
    if (!op_begin(op, WEIR_OP_ADVISE, handle, flags, WEIR_BACKGROUND, done))
        return;
    if ((unsigned)advice > WEIR_ADVICE_DONT_NEED)
        loop_finish(handle->loop, op, WEIR_EINVAL);
    else
        start_range(op, offset, length, (int)advice);
}

/* ---- Without an op --------------------------------------------------------------------------- */

/* The call itself, by an op that no loop ever sees. */
static int64_t try_transfer(struct weir_handle *handle, enum weir_op_kind kind, uint8_t direction,
                            void *data, size_t length, unsigned flags, unsigned allowed)
{
    if (handle->in.kind == WEIR_HANDLE_NONE)
        return WEIR_EBADF;
    int error = loop_admit(handle->loop, "weir_try");
    if (error)
        return error;
    if ((flags & ~allowed) || (!data && length))
        return WEIR_EINVAL;
    if ((flags & WEIR_PEEK) && !handle_is_socket(handle))
        return WEIR_ENOTSUP;
    if (handle->in.flags & HANDLE_CLOSING)
        return WEIR_ECANCELED;
    if (handle->in.busy & direction)
        return WEIR_EAGAIN;
    struct weir_op op = {.handle = handle, .kind = (uint8_t)kind, .flags = flags};
    op.in.arg.transfer.data = data;
    op.in.arg.transfer.length = length;
    op.in.arg.transfer.offset = WEIR_STREAM;
    int64_t result;
    do
        result = handle->loop->sys->perform(&op, PERFORM_TRY);
    while (result == WEIR_EINTR); /* which is no answer to whether there is anything */
    if (result == WEIR_EAGAIN)
        handle->in.hint &= (uint8_t)~direction;
    return result == WEIR_ENOTSUP ? WEIR_EAGAIN : result;
}

int64_t weir_try_recv(struct weir_handle *handle, void *data, size_t length, unsigned flags)
{
    return try_transfer(handle, WEIR_OP_RECV, WEIR_IN, data, length, flags, WEIR_PEEK);
}

int64_t weir_try_send(struct weir_handle *handle, const void *data, size_t length, unsigned flags)
{
    return try_transfer(handle, WEIR_OP_SEND, WEIR_OUT, (void *)(uintptr_t)data, length, flags, 0);
}

bool weir_ended(const struct weir_op *op)
{
    return !op_is_live(op);
}
