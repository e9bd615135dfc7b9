/* SPDX-License-Identifier: MIT */
/* uring.c - Linux io_uring: entries are filled as ops start, and one enter a turn submits, waits
 * and delivers. io_uring(7), io_uring_enter(2). How a ring is set up is in uring_setup.c, what each
 * op is as an entry in uring_entries.c, what a completion means in uring_harvest.c. */
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "../base/rest.h"
#include "../os/linux_compat.h"
#include "../os/os.h"
#include "uring.h"

#define PATIENCE_LEAST_NS (int64_t)(WEIR_MILLISECOND)
#define PATIENCE_MOST_NS (int64_t)(100 * WEIR_MILLISECOND)

/* ---- Submission ------------------------------------------------------------------------------ */

/* What enter said: 0 for everything that the next turn mends. */
static int told(int result)
{
    switch (result) {
    case -EINTR:
    case -ETIME:
    case -EAGAIN: /* no memory for a request now */
    case -EBUSY:  /* completions overflowed: the harvest makes room */
        return 0;
    default:
        return result < 0 ? result : 0;
    }
}

/* From the first submission on the ring is this thread's. */
static int enable(struct uring *u)
{
    int error = 0;
    if (!u->unused)
        return 0;
    /* liburing 2.3 declares io_uring_enable_rings(), but its shared library does not export it. */
    if (u->setup & IORING_SETUP_R_DISABLED)
        error = io_uring_register((unsigned)u->ring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
    if (error)
        return error;
    u->unused = false;
    u->registered = u->registers && io_uring_register_ring_fd(&u->ring) == 1;
    return 0;
}

struct io_uring_sqe *uring_take_entry(struct uring *u)
{
    struct io_uring_sqe *entry = io_uring_get_sqe(&u->ring);
    if (entry || enable(u) < 0)
        return entry;
    io_uring_submit(&u->ring);
    return io_uring_get_sqe(&u->ring);
}

static void arm_wake(struct weir_loop *loop, struct uring *u)
{
    struct io_uring_sqe *entry = u->wake_armed ? NULL : uring_take_entry(u);
    if (!entry)
        return;
    io_uring_prep_poll_multishot(entry, loop->notifier[0], POLLIN);
    io_uring_sqe_set_data64(entry, TAG_WAKE);
    u->wake_armed = true;
}

/* There is no entry for many messages. */
static bool is_batch(const struct weir_op *op)
{
    return op->kind == WEIR_OP_RECV_BATCH || op->kind == WEIR_OP_SEND_BATCH;
}

/* Whose queue is full is not told by a poll: io_uring would try in vain, and then give a thread to
 * it. The direct call says so, and the core tries again after a while. */
static bool is_to_unix(const struct weir_op *op)
{
    return op->kind == WEIR_OP_SEND_MSG && op->handle->in.kind == WEIR_HANDLE_DATAGRAM &&
           posix_message_is_to_unix(op->in.arg.message.messages);
}

/* A receive on a unix stream that finds nothing has written credentials of nobody into the control
 * data all the same (SO_PASSCRED, Linux 6.18), and io_uring's second try goes on behind them. */
static bool has_unix_control(const struct weir_op *op)
{
    return op->kind == WEIR_OP_RECV_MSG && (op->handle->in.flags & HANDLE_UNIX) &&
           op->in.arg.message.messages->control;
}

/* io_uring answers EAGAIN on a description with O_NONBLOCK instead of waiting, and before Linux
 * 6.18 its writes to a pipe raise SIGPIPE: there it polls, and the call is made directly. */
static bool by_poll(const struct weir_op *op)
{
    const struct weir_handle *handle = op->handle;
    if (is_batch(op) || is_to_unix(op) || has_unix_control(op))
        return true;
    if (handle_is_socket(handle) || handle_has_offsets(handle))
        return false;
    if (handle->in.flags & HANDLE_NONBLOCK)
        return op_reads(op) || op_writes(op);
    return handle->in.kind == WEIR_HANDLE_PIPE && op_writes(op) && !os_has_nosignal();
}

/* After a transfer that stopped half way, io_uring leaves a file's position where it began: what
 * moves it is done by direct calls, at once or on a worker. */
static bool at_position(const struct weir_op *op)
{
    return handle_has_offsets(op->handle) && (op_reads(op) || op_writes(op)) &&
           rest_of(op).offset == WEIR_STREAM;
}

static enum started start_by_poll(struct weir_loop *loop, struct weir_op *op)
{
    struct uring *u = loop->mechanism;
    op->result = loop->sys->perform(op, PERFORM_TRY);
    loop->stats.attempts++;
    if (op->result == WEIR_ENOTSUP)
        return STARTED_OFFLOAD;
    if (op->result != WEIR_EAGAIN) {
        op->served = op->in.step ? WEIR_SERVED_READY : WEIR_SERVED_AT_ONCE;
        return STARTED_DONE;
    }
    loop->stats.attempts_empty++;
    enum started started = uring_poll_for(u, op);
    if (started == STARTED)
        op->in.step = 1;
    return started;
}

/* What a worker does here, too. A statx needs a buffer of its own, and a worker's call needs none.
 * A length of 32 bits is what every kernel's FADVISE takes. What a file system cannot reserve is
 * written by posix_fallocate(3). */
static bool by_worker(const struct uring *u, const struct weir_op *op)
{
    switch ((enum weir_op_kind)op->kind) {
    case WEIR_OP_FSTAT:
        return true;
    case WEIR_OP_TRUNCATE:
        return !u->truncates;
    case WEIR_OP_ADVISE:
        return op->in.arg.range.length > UINT32_MAX;
    case WEIR_OP_OPEN:
        return op->in.step == BY_WORKER;
    default:
        return handle_has_offsets(op->handle) && op->in.step == BY_WORKER;
    }
}

static enum started start_by_entry(struct weir_loop *loop, struct weir_op *op)
{
    struct uring        *u = loop->mechanism;
    struct io_uring_sqe *entry = uring_take_entry(u);
    if (!entry)
        return STARTED_BUSY;
    if (!uring_fill(u, entry, op)) {
        io_uring_prep_nop(entry);
        io_uring_sqe_set_data64(entry, TAG_IGNORE);
        op->result = WEIR_ENOTSUP;
        return STARTED_DONE;
    }
    if (op->flags & WEIR_ZEROCOPY)
        uring_zerocopy_fill(u, entry, op);
    if (u->has_places && op->handle->in.kind == WEIR_HANDLE_FILE && op_transfers(op))
        uring_use_place(u, entry, op->handle);
    uring_name_entry(entry, op, op->kind == WEIR_OP_POLL && op->in.step ? TAG_POLL : TAG_OP);
    return STARTED;
}

/* Bytes of a stream, where turns tell of several things, are nothing else than an entry. */
static enum started uring_start(struct weir_loop *loop, struct weir_op *op)
{
    struct uring *u = loop->mechanism;
    if (LIKELY(op->handle->in.kind == WEIR_HANDLE_STREAM && op_transfers(op)))
        return u->quiet && uring_sent_directly(loop, op) ? STARTED_DONE : start_by_entry(loop, op);
    if (by_worker(u, op))
        return STARTED_OFFLOAD;
    if (op_is_pooled(op))
        return uring_start_pooled(loop, op);
    if (by_poll(op))
        return start_by_poll(loop, op);
    if (at_position(op))
        return ready_start(loop, op);
    if (uring_done_directly(loop, op))
        return STARTED_DONE;
    if (uring_is_message(op) && (op->result = posix_message_prepare(op)))
        return STARTED_DONE;
    return start_by_entry(loop, op);
}

static int uring_wait(struct weir_loop *loop, int64_t timeout_ns);

static void fill_cancel(struct io_uring_sqe *entry, const struct weir_op *op)
{
    io_uring_prep_cancel64(entry, op->in.engine, 0);
    io_uring_sqe_set_data64(entry, TAG_IGNORE);
}

void uring_submit_cancel(struct weir_loop *loop, struct weir_op *op)
{
    struct uring        *u = loop->mechanism;
    struct io_uring_sqe *entry;
    while (!(entry = uring_take_entry(u))) {
        if (uring_wait(loop, 0) < 0 || op->state != OP_GIVEN)
            return; /* it ended in the harvest that was to make room */
    }
    fill_cancel(entry, op);
}

static void uring_cancel(struct weir_loop *loop, struct weir_op *op)
{
    if (uring_may_miss(op))
        ((struct uring *)loop->mechanism)->unended++;
    uring_submit_cancel(loop, op);
}

/* As many as the queue has room for now; the others another time. False when it is full. */
static bool cancel_again(struct uring *u, const struct weir_handle *handle)
{
    struct weir_op *rings[] = {handle->in.ops_in, handle->in.ops_out};
    for (int i = 0; i < 2 && !handle_has_offsets(handle); i++)
        for (struct weir_op *op = rings[i]; op; op = ring_after(rings[i], op)) {
            if (op->state != OP_GIVEN || !op->in.cause || op->kind == WEIR_OP_SIGNAL)
                continue;
            struct io_uring_sqe *entry = io_uring_get_sqe(&u->ring);
            if (!entry)
                return false;
            fill_cancel(entry, op);
        }
    return true;
}

/* How long the next wait may be. */
static int64_t cancel_overdue(struct weir_loop *loop, struct uring *u, int64_t timeout_ns)
{
    if (!u->unended) {
        u->cancel_again_ns = 0;
        return timeout_ns;
    }
    uint64_t now_ns = loop->sys->now(loop);
    if (!u->cancel_again_ns) {
        u->patience_ns = PATIENCE_LEAST_NS;
        u->cancel_again_ns = now_ns + (uint64_t)u->patience_ns;
    } else if (now_ns >= u->cancel_again_ns) {
        struct weir_handle *handle = loop->handles;
        if (u->patience_ns < PATIENCE_MOST_NS)
            u->patience_ns *= 2;
        u->cancel_again_ns = now_ns + (uint64_t)u->patience_ns;
        while (handle && cancel_again(u, handle))
            handle = handle->in.next == loop->handles ? NULL : handle->in.next;
    }
    return timeout_ns < 0 || timeout_ns > u->patience_ns ? u->patience_ns : timeout_ns;
}

/* ---- The turn -------------------------------------------------------------------------------- */

/* What a harvest leaves in the ring is harvested when a cancel needs room, so this comes behind. */
static void cancel_found(struct weir_loop *loop, struct uring *u)
{
    for (struct weir_op *op; (op = fifo_take(&u->found));)
        uring_submit_cancel(loop, op);
}

void uring_harvest_all(struct weir_loop *loop, struct uring *u)
{
    struct io_uring_cqe *cqe;
    unsigned             head, count, all = 0;
    do {
        count = 0;
        io_uring_for_each_cqe(&u->ring, head, cqe)
        {
            if (!loop_room(loop, 1))
                break;
            uring_harvest(loop, cqe);
            count++;
        }
        io_uring_cq_advance(&u->ring, count);
        all += count;
        /* What overflowed is kept by the kernel until it is asked for. */
    } while (count && io_uring_cq_has_overflow(&u->ring) && !io_uring_get_events(&u->ring));
    u->quiet = all == 1;
    cancel_found(loop, u);
}

/* What the kernel does not take now stays in the queue for the next turn. Deferred work is
 * delivered only to a call that asks for events, which a wait that finds one in the ring does
 * not. */
static int submit_and_sleep(struct uring *u, int64_t timeout_ns)
{
    struct io_uring_cqe *first;
    if (!timeout_ns || io_uring_cq_ready(&u->ring))
        return io_uring_submit_and_get_events(&u->ring);
    if (timeout_ns < 0)
        return io_uring_submit_and_wait(&u->ring, 1);
    struct __kernel_timespec time = {timeout_ns / 1000000000, timeout_ns % 1000000000};
    return io_uring_submit_and_wait_timeout(&u->ring, &first, 1, &time, NULL);
}

static int uring_wait(struct weir_loop *loop, int64_t timeout_ns)
{
    struct uring *u = loop->mechanism;
    int           error = enable(u);
    if (error < 0)
        return error;
    timeout_ns = cancel_overdue(loop, u, timeout_ns);
    if (u->lent && uring_lend(loop, u))
        timeout_ns = 0;
    if (u->event_fd >= 0)
        os_notifier_clear(u->event_fd);
    arm_wake(loop, u);
    error = submit_and_sleep(u, timeout_ns);
    uring_harvest_all(loop, u);
    return told(error);
}

/* An embedded loop is told through its registered eventfd too: Linux 6.18 defers the signal of a
 * completion that itself came from an eventfd (the notifier), and loses all but the first of
 * them. */
static void uring_wake(struct weir_loop *loop)
{
    struct uring *u = loop->mechanism;
    int           event_fd = u->event_fd;
    if (event_fd >= 0)
        loop->sys->notifier_tell(event_fd);
    loop->sys->notifier_tell(loop->notifier[1]);
}

/* A poll on a ring with deferred task work never fires; a registered eventfd does. */
static int uring_fd(struct weir_loop *loop)
{
    struct uring *u = loop->mechanism;
    if (u->event_fd >= 0)
        return u->event_fd;
    int descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (descriptor < 0)
        return -errno;
    int error = io_uring_register_eventfd(&u->ring, descriptor);
    if (error) {
        close(descriptor);
        return error;
    }
    u->event_fd = descriptor;
    return descriptor;
}

const struct engine engine_uring = {
    .name = "io_uring",
    .model = "completion",
    .open = uring_open,
    .close = uring_close,
    .start = uring_start,
    .cancel = uring_cancel,
    .wait = uring_wait,
    .wake = uring_wake,
    .forget = uring_forget,
    .fd = uring_fd,
    .pool_open = uring_pool_open,
    .pool_close = uring_pool_close,
    .pool_reclaim = uring_pool_reclaim,
    .pool_quota = uring_pool_quota,
    .pool_told = uring_pool_told,
    .query = uring_query,
    .features = uring_features,
    .sys = &system_posix,
};
