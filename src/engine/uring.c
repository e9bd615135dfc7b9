/* SPDX-License-Identifier: MIT */
/* uring.c - Linux io_uring: entries are filled as ops start, and one enter a turn submits, waits
 * and delivers. io_uring(7), io_uring_enter(2).
 *
 * user_data is the op's address with a tag in its low bits; op->in.engine holds the value in use,
 * so that a cancel names exactly that. */
#include <errno.h>
#include <liburing.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "../base/annotate_op.h"
#include "../base/rest.h"
#include "../os/linux_compat.h"
#include "../os/os.h"
#include "../os/poll_events.h"
#include "uring.h"

#define ENTRIES_USUAL 256
#define PATIENCE_LEAST_NS (int64_t)(WEIR_MILLISECOND)
#define PATIENCE_MOST_NS (int64_t)(100 * WEIR_MILLISECOND)

enum tag {
    TAG_OP = 0,    /* the op itself */
    TAG_POLL = 1,  /* a poll that the op waits for, to be tried by a direct call then */
    TAG_WAKE = 2,  /* the notifier */
    TAG_IGNORE = 4 /* cancels: what matters is how the op ends */
};
#define TAG_MASK UINT64_C(7)

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

static int enable(struct uring *u)
{
    if (!u->disabled)
        return 0;
    /* liburing 2.3 declares io_uring_enable_rings(), but its shared library does not export it. */
    int error = io_uring_register((unsigned)u->ring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
    if (!error)
        u->disabled = false;
    return error;
}

/* An empty entry; a full queue is submitted first. NULL while the kernel takes none. */
static struct io_uring_sqe *take_entry(struct uring *u)
{
    struct io_uring_sqe *entry = io_uring_get_sqe(&u->ring);
    if (entry || enable(u) < 0)
        return entry;
    io_uring_submit(&u->ring);
    return io_uring_get_sqe(&u->ring);
}

static void name_entry(struct io_uring_sqe *entry, struct weir_op *op, enum tag tag)
{
    op->in.engine = (uint64_t)(uintptr_t)op | tag;
    io_uring_sqe_set_data64(entry, op->in.engine);
}

static void arm_wake(struct weir_loop *loop, struct uring *u)
{
    struct io_uring_sqe *entry = u->wake_armed ? NULL : take_entry(u);
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

static bool is_message(const struct weir_op *op)
{
    return op->kind == WEIR_OP_RECV_MSG || op->kind == WEIR_OP_SEND_MSG;
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
    struct io_uring_sqe *entry = take_entry(u);
    if (!entry)
        return STARTED_BUSY;
    io_uring_prep_poll_add(entry, op->handle->in.descriptor,
                           op->in.holds & WEIR_IN ? POLLIN : POLLOUT);
    name_entry(entry, op, TAG_POLL);
    op->in.step = 1;
    return STARTED;
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
    case WEIR_OP_PREALLOCATE:
        return op->in.step == 1;
    default:
        return false;
    }
}

static enum started uring_start(struct weir_loop *loop, struct weir_op *op)
{
    struct uring *u = loop->mechanism;
    if (by_worker(u, op))
        return STARTED_OFFLOAD;
    if (by_poll(op))
        return start_by_poll(loop, op);
    if (at_position(op))
        return ready_start(loop, op);
    if (is_message(op) && (op->result = posix_message_prepare(op)))
        return STARTED_DONE;
    struct io_uring_sqe *entry = take_entry(u);
    if (!entry)
        return STARTED_BUSY;
    if (!uring_fill(u, entry, op)) {
        io_uring_prep_nop(entry);
        io_uring_sqe_set_data64(entry, TAG_IGNORE);
        op->result = WEIR_ENOTSUP;
        return STARTED_DONE;
    }
    name_entry(entry, op, op->kind == WEIR_OP_POLL && op->in.step ? TAG_POLL : TAG_OP);
    return STARTED;
}

static int uring_wait(struct weir_loop *loop, int64_t timeout_ns);

static void fill_cancel(struct io_uring_sqe *entry, const struct weir_op *op)
{
    io_uring_prep_cancel64(entry, op->in.engine, 0);
    io_uring_sqe_set_data64(entry, TAG_IGNORE);
}

static void submit_cancel(struct weir_loop *loop, struct weir_op *op)
{
    struct uring        *u = loop->mechanism;
    struct io_uring_sqe *entry;
    while (!(entry = take_entry(u))) {
        if (uring_wait(loop, 0) < 0 || op->state != OP_GIVEN)
            return; /* it ended in the harvest that was to make room */
    }
    fill_cancel(entry, op);
}

/* A cancel may miss its op: one that the kernel has between a poll and its next attempt is not
 * found, and goes on to a thread of the kernel's that waits in the call. So what has not ended by
 * then is asked anew, less and less often. What a disk has ends by itself. */
static bool may_be_missed(const struct weir_op *op)
{
    return !handle_has_offsets(op->handle);
}

static void uring_cancel(struct weir_loop *loop, struct weir_op *op)
{
    if (may_be_missed(op))
        ((struct uring *)loop->mechanism)->unended++;
    submit_cancel(loop, op);
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

/* ---- Harvest --------------------------------------------------------------------------------- */

/* One poll's end, or one telling. */
static void end_poll(struct weir_loop *loop, struct weir_op *op, int64_t result)
{
    bool again = op->flags & (WEIR_LEVEL | WEIR_EDGE);
    op->in.step = 0;
    if (again && op->in.cause) /* no telling ends one that goes on */
        result = op->in.cause;
    loop_event(loop, op, result, again && result >= 0 ? EVENT_AGAIN : 0, 0);
}

static void harvest_poll(struct weir_loop *loop, struct weir_op *op, const struct io_uring_cqe *cqe)
{
    unsigned asked = op->in.arg.events | WEIR_HUP | WEIR_ERR;
    int64_t  events = cqe->res < 0 ? cqe->res : (int64_t)poll_events_of(cqe->res) & asked;
    op->served = WEIR_SERVED_KERNEL;
    if (cqe->flags & IORING_CQE_F_MORE) {
        if (events)
            loop_event(loop, op, events, EVENT_MORE, 0);
    } else if (events || op->in.cause) {
        end_poll(loop, op, events ? events : op->in.cause);
    } else {
        /* Asked again, but behind what it told before: that may not be told yet, and a cancel could
         * end it in between. */
        op->in.step = op->flags & WEIR_EDGE ? 0 : POLL_WATCHES;
        loop_event(loop, op, WEIR_EINTR, 0, 0);
    }
}

/* A poll that watches for changes: the descriptor itself says what holds; then the watch has to
 * end. */
static void harvest_watch(struct weir_loop *loop, struct weir_op *op,
                          const struct io_uring_cqe *cqe)
{
    struct uring *u = loop->mechanism;
    int64_t       found = op->in.step & ~POLL_WATCHES;
    if (cqe->flags & IORING_CQE_F_MORE) {
        int64_t events = found ? WEIR_EAGAIN : loop->sys->perform(op, PERFORM_TRY);
        if (events > 0) {
            op->in.step = (uint8_t)(POLL_WATCHES | events);
            fifo_push(&u->found, op);
        }
    } else if (found || op->in.cause) {
        fifo_remove(&u->found, op);
        end_poll(loop, op, found ? found : op->in.cause);
    } else {
        loop_ask(loop, op);
    }
}

/* Linux's own codes for a call that a signal is to restart, ERESTARTSYS and its kin, leak out of a
 * cancelled open. */
static int result_of(const struct io_uring_cqe *cqe)
{
    return cqe->res <= -512 && cqe->res >= -516 ? -EINTR : cqe->res;
}

/* What waits for room on a unix stream whose peer sends no more is a call of a kernel's thread that
 * blocks (io_uring's polls cannot leave POLLRDHUP out), and such a call is told of a peer that went
 * with bytes unread by ECONNRESET; one that does not block, by EPIPE. Linux 6.18. */
static bool is_reset_of_unix(const struct weir_op *op, int64_t result)
{
    return result == WEIR_ECONNRESET && op->in.holds == WEIR_OUT &&
           op->handle->in.kind == WEIR_HANDLE_STREAM && (op->handle->in.flags & HANDLE_UNIX);
}

static void harvest_op(struct weir_loop *loop, struct weir_op *op, const struct io_uring_cqe *cqe)
{
    if (op->kind == WEIR_OP_POLL) {
        harvest_poll(loop, op, cqe);
        return;
    }
    int64_t result = result_of(cqe);
    bool    transfer = op_reads(op) || op_writes(op);
    bool    again = result == WEIR_EAGAIN && (transfer || is_message(op));
    if (again && op->in.cause) {
        result = op->in.cause; /* what waits in a kernel's thread says so when it is interrupted */
    } else if (again) {
        /* Somebody set O_NONBLOCK after it was attached. */
        op->handle->in.flags |= HANDLE_NONBLOCK;
        loop_ask(loop, op);
        return;
    }
    if (cqe->res == -EOPNOTSUPP && op->kind == WEIR_OP_PREALLOCATE && !op->in.cause) {
        op->in.step = 1;
        loop_ask(loop, op);
        return;
    }
    op->served = WEIR_SERVED_KERNEL;
    if (is_reset_of_unix(op, result))
        result = WEIR_EPIPE;
    if (is_message(op))
        posix_message_told(op, result);
    else if (op->handle->in.kind == WEIR_HANDLE_DATAGRAM && op_reads(op))
        result = posix_datagram_told(op, result);
    annotate_op_filled(op, result);
    loop_event(loop, op, result, 0, 0);
}

static void harvest_entry(struct weir_loop *loop, const struct io_uring_cqe *cqe)
{
    struct uring   *u = loop->mechanism;
    struct weir_op *op = (struct weir_op *)(uintptr_t)(cqe->user_data & ~TAG_MASK);
    enum tag        tag = (enum tag)(cqe->user_data & TAG_MASK);
    if ((tag == TAG_OP || tag == TAG_POLL) && op->in.cause && may_be_missed(op) &&
        !(cqe->flags & IORING_CQE_F_MORE))
        u->unended--;
    switch (tag) {
    case TAG_OP:
        harvest_op(loop, op, cqe);
        break;
    case TAG_POLL:
        if (op->kind == WEIR_OP_POLL)
            harvest_watch(loop, op, cqe);
        else if (cqe->res < 0 || op->in.cause)
            loop_event(loop, op, op->in.cause ? op->in.cause : cqe->res, 0, 0);
        else
            loop_ask(loop, op);
        break;
    case TAG_WAKE:
        loop->sys->notifier_clear(loop->notifier[0]);
        u->wake_armed = cqe->flags & IORING_CQE_F_MORE;
        break;
    case TAG_IGNORE:
        break;
    }
}

/* What a harvest leaves in the ring is harvested when a cancel needs room, so this comes behind. */
static void cancel_found(struct weir_loop *loop, struct uring *u)
{
    for (struct weir_op *op; (op = fifo_take(&u->found));)
        submit_cancel(loop, op);
}

static void harvest(struct weir_loop *loop, struct uring *u)
{
    struct io_uring_cqe *cqe;
    unsigned             head, count;
    do {
        count = 0;
        io_uring_for_each_cqe(&u->ring, head, cqe)
        {
            if (!loop_room(loop, 1))
                break;
            harvest_entry(loop, cqe);
            count++;
        }
        io_uring_cq_advance(&u->ring, count);
        /* What overflowed is kept by the kernel until it is asked for. */
    } while (count && io_uring_cq_has_overflow(&u->ring) && !io_uring_get_events(&u->ring));
    cancel_found(loop, u);
}

static int uring_wait(struct weir_loop *loop, int64_t timeout_ns)
{
    struct uring        *u = loop->mechanism;
    struct io_uring_cqe *first;
    int                  error = enable(u);
    if (error < 0)
        return error;
    timeout_ns = cancel_overdue(loop, u, timeout_ns);
    struct __kernel_timespec time = {timeout_ns / 1000000000, timeout_ns % 1000000000};
    if (u->event_fd >= 0)
        os_notifier_clear(u->event_fd);
    arm_wake(loop, u);
    /* Deferred work is delivered only to a call that asks for events, which a wait that finds one
     * in the ring does not. */
    if (!timeout_ns || io_uring_cq_ready(&u->ring))
        error = io_uring_submit_and_get_events(&u->ring);
    else
        error = io_uring_submit_and_wait_timeout(&u->ring, &first, 1, timeout_ns < 0 ? NULL : &time,
                                                 NULL);
    harvest(loop, u);
    return told(error);
}

/* ---- Opening --------------------------------------------------------------------------------- */

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

static int refuse_setup(char *reason, int error)
{
    switch (error) {
    case -ENOSYS:
        return loop_refuse(reason, error, "This kernel has no io_uring (io_uring_setup())");
    case -EPERM:
        return loop_refuse(reason, error,
                           "io_uring_setup() is denied, by a seccomp filter or by "
                           "/proc/sys/kernel/io_uring_disabled");
    case -ENOMEM:
        return loop_refuse(reason, error,
                           "io_uring_setup(): the ring does not fit into memory or "
                           "RLIMIT_MEMLOCK (ulimit -l)");
    case -EMFILE:
    case -ENFILE:
        return loop_refuse(reason, error, "io_uring_setup(): no descriptor is left for the ring");
    default:
        return loop_refuse(reason, error, "io_uring_setup() failed");
    }
}

/* liburing maps rings by plain system calls: one may get the place of another that was unmapped
 * before, by whatever thread, and only the kernel ordered the two. */
static char rings;

/* The best set-up that this kernel takes. Returns 0 or -errno. */
static int set_up(struct uring *u, const struct weir_options *options)
{
    static const unsigned setups[] = {
        IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_R_DISABLED |
            IORING_SETUP_SUBMIT_ALL,
        IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SUBMIT_ALL,
        0,
    };
    unsigned entries = options->ring_entries ? options->ring_entries : ENTRIES_USUAL;
    int      error = -EINVAL;
    for (unsigned i = options->features_off & WEIR_WITHOUT_DEFER_TASKRUN ? 1 : 0;
         i < sizeof setups / sizeof setups[0] && error == -EINVAL; i++) {
        struct io_uring_params params = {
            .flags = setups[i] | IORING_SETUP_CLAMP | IORING_SETUP_CQSIZE,
            .cq_entries = entries * 4,
        };
        error = io_uring_queue_init_params(entries, &u->ring, &params);
        annotate_after(&rings);
        u->setup = setups[i];
    }
    u->disabled = u->setup & IORING_SETUP_R_DISABLED;
    return error;
}

/* What the ring cannot do without waiting is done by threads of the kernel: as many as an engine
 * without a ring would have for files. Linux 5.15. */
static void bound_workers(struct uring *u, const struct weir_options *options)
{
    unsigned most[2] = {options->file_workers ? options->file_workers : FILE_WORKERS_USUAL, 0};
    u->workers_bounded = !io_uring_register_iowq_max_workers(&u->ring, most);
}

/* 0, or -ENOSYS with the reason, when an opcode that every loop needs is missing. */
static int check_opcodes(struct uring *u, char *reason)
{
    static const struct {
        int         code;
        const char *name;
    } needed[] = {
        {IORING_OP_POLL_ADD, "POLL_ADD"}, {IORING_OP_ASYNC_CANCEL, "ASYNC_CANCEL"},
        {IORING_OP_ACCEPT, "ACCEPT"},     {IORING_OP_CONNECT, "CONNECT"},
        {IORING_OP_RECV, "RECV"},         {IORING_OP_SEND, "SEND"},
        {IORING_OP_RECVMSG, "RECVMSG"},   {IORING_OP_SENDMSG, "SENDMSG"},
        {IORING_OP_READ, "READ"},         {IORING_OP_WRITE, "WRITE"},
        {IORING_OP_OPENAT, "OPENAT"},     {IORING_OP_FSYNC, "FSYNC"},
        {IORING_OP_SHUTDOWN, "SHUTDOWN"},
    };
    struct io_uring_probe *probe = io_uring_get_probe_ring(&u->ring);
    int                    error = 0;
    for (size_t i = 0; probe && !error && i < sizeof needed / sizeof needed[0]; i++) {
        if (io_uring_opcode_supported(probe, needed[i].code))
            continue;
        char sentence[96];
        snprintf(sentence, sizeof sentence, "This kernel's io_uring lacks %s", needed[i].name);
        error = loop_refuse(reason, WEIR_ENOSYS, sentence);
    }
    if (!probe || !(u->ring.features & IORING_FEAT_RSRC_TAGS))
        error = loop_refuse(reason, WEIR_ENOSYS, "This kernel's io_uring is older than Linux 5.13");
    u->truncates = probe && io_uring_opcode_supported(probe, URING_OP_FTRUNCATE);
    io_uring_free_probe(probe);
    return error;
}

static void uring_close(struct weir_loop *loop)
{
    struct uring *u = loop->mechanism;
    annotate_before(&rings);
    io_uring_queue_exit(&u->ring);
    if (u->event_fd >= 0)
        close(u->event_fd);
    loop_notifier_close(loop);
    loop_resize(loop, u->messages, 0);
    loop_resize(loop, u, 0);
}

static int uring_open(struct weir_loop *loop, const struct weir_options *options, char *reason)
{
    struct uring *u = loop_resize(loop, NULL, sizeof *u);
    if (!u)
        return loop_refuse(reason, WEIR_ENOMEM, "out of memory");
    memset(u, 0, sizeof *u);
    u->event_fd = -1;
    loop->mechanism = u;
    int error = set_up(u, options);
    if (error) {
        loop_resize(loop, u, 0);
        return refuse_setup(reason, error);
    }
    bound_workers(u, options);
    error = check_opcodes(u, reason);
    if (!error) {
        u->messages = loop_resize(loop, NULL, u->ring.sq.ring_entries * sizeof *u->messages);
        error = u->messages ? loop_notifier_open(loop) : WEIR_ENOMEM;
        if (error)
            loop_refuse(reason, error, "Its wake-up descriptor cannot be had");
    }
    if (error)
        uring_close(loop);
    return error;
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

/* Asked without a loop: of a ring that lives as long as the question. */
static bool kernel_truncates(void)
{
    struct io_uring_probe *probe = io_uring_get_probe();
    bool truncates = probe && io_uring_opcode_supported(probe, URING_OP_FTRUNCATE);
    io_uring_free_probe(probe);
    return truncates;
}

static int uring_query(enum weir_op_kind op, enum weir_handle_kind handle)
{
    int support = ready_query(op, handle, ENGINE_READINESS);
    if ((op == WEIR_OP_RECV_BATCH || op == WEIR_OP_SEND_BATCH) && support)
        return WEIR_SUPPORT_EMULATED;
    if ((op == WEIR_OP_CONNECT || op == WEIR_OP_SHUTDOWN) && support)
        return WEIR_SUPPORT_NATIVE;
    if (support != WEIR_SUPPORT_OFFLOADED)
        return support;
    switch (op) {
    case WEIR_OP_FSTAT:
    case WEIR_OP_WORK:
    case WEIR_OP_RESOLVE:
    case WEIR_OP_COPY:
    case WEIR_OP_RECV: /* of a file: at its position, which is moved by direct calls */
    case WEIR_OP_RECVV:
    case WEIR_OP_SEND:
    case WEIR_OP_SENDV:
        return support;
    case WEIR_OP_TRUNCATE:
        return kernel_truncates() ? WEIR_SUPPORT_NATIVE : support;
    default:
        return WEIR_SUPPORT_NATIVE;
    }
}

static int uring_features(const struct weir_loop *loop, struct weir_feature *features, size_t room)
{
    const struct uring       *u = loop->mechanism;
    const struct weir_feature all[] = {
        {"SINGLE_ISSUER", u->setup & IORING_SETUP_SINGLE_ISSUER,
         "One thread submits: the kernel takes no lock (Linux 6.0)."},
        {"DEFER_TASKRUN", u->setup & IORING_SETUP_DEFER_TASKRUN,
         "Completions are made when the loop asks for them (Linux 6.1)."},
        {"COOP_TASKRUN", u->setup & IORING_SETUP_COOP_TASKRUN,
         "No interrupt for completions (Linux 5.19); only without DEFER_TASKRUN."},
        {"SUBMIT_ALL", u->setup & IORING_SETUP_SUBMIT_ALL,
         "A failed entry does not end the batch (Linux 5.18)."},
        {"IOWQ_MAX_WORKERS", u->workers_bounded,
         "The kernel's own threads are bounded by options.file_workers (Linux 5.15)."},
        {"FTRUNCATE", u->truncates, "Files are cut by the kernel, not by a worker (Linux 6.9)."},
        {"RWF_NOSIGNAL", os_has_nosignal(), "Writes to pipes raise no SIGPIPE (Linux 6.18)."},
    };
    const size_t count = sizeof all / sizeof all[0];
    for (size_t i = 0; i < count && i < room; i++)
        features[i] = all[i];
    return (int)count;
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
    .fd = uring_fd,
    .query = uring_query,
    .features = uring_features,
    .sys = &system_posix,
};
