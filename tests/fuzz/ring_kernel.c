/* SPDX-License-Identifier: MIT */
/* ring_kernel.c - liburing's calls, with a kernel behind them that the input leads: it takes
 * entries late or in part, completes in any order, misses cancels, overflows, ends what goes on.
 * What it never does is what Linux never does. io_uring_enter(2), io_uring_register(2). */
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "os/poll_events.h"
#include "ring_world.h"

enum { REQUESTS = SLOTS + 4, BACKLOG = 512, MISSES_MAX = 2, ENTERS_MAX = 50000, SHARED = 1024 };

/* What the kernel keeps of an entry: vectors and headers are read when it is submitted. */
struct request {
    bool                is_used;
    struct io_uring_sqe entry;
    struct weir_op     *op; /* NULL: the wake */
    struct iovec        pieces[PIECES];
    size_t              count;
    unsigned            misses;
    bool                is_running; /* a thread of the kernel's is in the call */
};

/* As struct io_uring_cqe, which has a flexible end. */
struct completion {
    uint64_t user_data;
    int32_t  result;
    uint32_t flags;
};
_Static_assert(sizeof(struct completion) == sizeof(struct io_uring_cqe), "it is one");

static struct {
    struct io_uring    *ring; /* borrowed */
    struct request      requests[REQUESTS];
    struct completion   backlog[BACKLOG];
    unsigned            backlog_count;
    unsigned            sq_head, sq_tail, cq_head, cq_tail, sq_flags;
    struct io_uring_sqe entries[SHARED];
    struct completion   completions[SHARED];
    bool                is_enabled;
    unsigned            enters;
} kernel;

static unsigned answer(void)
{
    return input_answer(&world.input);
}

/* ---- Completions ----------------------------------------------------------------------------- */

static void flush_backlog(void)
{
    unsigned done = 0;
    while (done < kernel.backlog_count &&
           kernel.cq_tail - kernel.cq_head < kernel.ring->cq.ring_entries) {
        kernel.completions[kernel.cq_tail & kernel.ring->cq.ring_mask] = kernel.backlog[done++];
        kernel.cq_tail++;
    }
    kernel.backlog_count -= done;
    memmove(kernel.backlog, kernel.backlog + done, kernel.backlog_count * sizeof *kernel.backlog);
    if (!kernel.backlog_count)
        kernel.sq_flags &= ~IORING_SQ_CQ_OVERFLOW;
}

static void complete(uint64_t user_data, int64_t result, unsigned flags)
{
    struct completion cqe = {user_data, (int32_t)result, flags};
    if (!kernel.backlog_count && kernel.cq_tail - kernel.cq_head < kernel.ring->cq.ring_entries) {
        kernel.completions[kernel.cq_tail++ & kernel.ring->cq.ring_mask] = cqe;
        return;
    }
    FUZZ_CHECK(kernel.backlog_count < BACKLOG);
    kernel.backlog[kernel.backlog_count++] = cqe;
    kernel.sq_flags |= IORING_SQ_CQ_OVERFLOW;
}

static void end_request(struct request *request, int64_t result)
{
    request->is_used = false;
    complete(request->entry.user_data, result, 0);
}

/* ---- What an entry does ---------------------------------------------------------------------- */

static bool receives(const struct request *request)
{
    unsigned code = request->entry.opcode;
    return code == IORING_OP_RECV || code == IORING_OP_RECVMSG || code == IORING_OP_READ ||
           code == IORING_OP_READV;
}

static bool sends(const struct request *request)
{
    unsigned code = request->entry.opcode;
    return code == IORING_OP_SEND || code == IORING_OP_SENDMSG || code == IORING_OP_WRITE ||
           code == IORING_OP_WRITEV;
}

static bool is_message(const struct request *request)
{
    return request->entry.opcode == IORING_OP_RECVMSG || request->entry.opcode == IORING_OP_SENDMSG;
}

static int64_t move(const struct request *request)
{
    unsigned    flags = is_message(request) || request->entry.opcode == IORING_OP_RECV
                            ? request->entry.msg_flags
                            : 0;
    struct move move = {.op = request->op,
                        .descriptor = request->entry.fd,
                        .pieces = request->pieces,
                        .count = request->count,
                        .offset = WEIR_STREAM,
                        .in = receives(request),
                        .peeks = flags & MSG_PEEK,
                        .tells_length = flags & MSG_TRUNC};
    if (world_place(move.descriptor)->kind == WEIR_HANDLE_FILE)
        move.offset = request->entry.off;
    int64_t result = world_move(&move);
    if (request->entry.opcode == IORING_OP_RECVMSG) {
        struct msghdr *header = (struct msghdr *)(uintptr_t)request->entry.addr;
        world_tell(header, result, result >= 0 && (answer() & 1));
    }
    return result;
}

/* What holds of a poll: something that was asked for, or what is always told. */
static int poll_result(const struct request *request)
{
    int asked = (int)request->entry.poll32_events & (POLLIN | POLLOUT | POLLRDHUP);
    switch (answer() & 3) {
    case 1:
        return asked | POLLHUP;
    case 2:
        return POLLRDHUP; /* io_uring tells it to everyone */
    case 3:
        return (asked & POLLIN) | POLLERR;
    default:
        return asked ? asked : POLLHUP;
    }
}

static int64_t result_of(const struct request *request)
{
    switch (request->entry.opcode) {
    case IORING_OP_ACCEPT:
        if (answer() & 1)
            return -(int[]){EMFILE, ECONNABORTED, ENETDOWN, EINVAL}[answer() & 3];
        return world_open(WEIR_HANDLE_STREAM, HANDLE_NONBLOCK);
    case IORING_OP_OPENAT:
        if (answer() & 1)
            return answer() & 1 ? -ENOENT : -513; /* ERESTARTNOINTR leaks out of it */
        return world_open(WEIR_HANDLE_FILE, 0);
    case IORING_OP_FALLOCATE:
        return (int64_t[]){0, -EOPNOTSUPP, -ENOSPC, 0}[answer() & 3];
    case IORING_OP_CONNECT:
        return (int64_t[]){0, -ECONNREFUSED, -EAGAIN, -ETIMEDOUT}[answer() & 3];
    default:
        return answer() & 1 ? world_error(false) : 0;
    }
}

/* The request ends, or tells once more. */
static void finish(struct request *request)
{
    unsigned code = request->entry.opcode;
    if (code == IORING_OP_POLL_ADD) {
        bool goes_on = (request->entry.len & IORING_POLL_ADD_MULTI) && (answer() & 1);
        if (goes_on)
            complete(request->entry.user_data, poll_result(request), IORING_CQE_F_MORE);
        else
            end_request(request, poll_result(request));
    } else if (receives(request) || sends(request)) {
        end_request(request, move(request));
    } else {
        end_request(request, result_of(request));
    }
}

/* A cancel finds its target or not; what runs on a thread of the kernel's ends by itself. */
static void cancel(const struct io_uring_sqe *entry)
{
    struct request *target = NULL;
    for (struct request *r = kernel.requests; r < kernel.requests + REQUESTS; r++)
        if (r->is_used && r->op && r->entry.user_data == entry->addr)
            target = r;
    unsigned how = answer() & 7;
    if (!target || (how == 1 && target->misses < MISSES_MAX)) {
        if (target)
            target->misses++;
        complete(entry->user_data, -ENOENT, 0);
    } else if (how == 2 || target->is_running) {
        target->is_running = target->entry.opcode != IORING_OP_POLL_ADD;
        complete(entry->user_data, -EALREADY, 0);
        if (!target->is_running)
            finish(target);
    } else if (how == 3) {
        end_request(target, target->entry.opcode == IORING_OP_OPENAT ? -512 : -ECANCELED);
        complete(entry->user_data, 0, 0);
    } else if (how == 4) { /* it was ready when the cancel came */
        complete(entry->user_data, -EALREADY, 0);
        finish(target);
    } else {
        complete(entry->user_data, 0, 0);
        end_request(target, -ECANCELED);
    }
}

/* ---- Submission ------------------------------------------------------------------------------ */

/* One direction of a stream has one transfer in flight: two would be swapped. */
static void check_order(const struct request *request)
{
    unsigned kind = world_place(request->entry.fd)->kind;
    if (kind != WEIR_HANDLE_STREAM && kind != WEIR_HANDLE_PIPE)
        return;
    for (const struct request *r = kernel.requests; r < kernel.requests + REQUESTS; r++) {
        if (!r->is_used || r == request || r->entry.fd != request->entry.fd)
            continue;
        FUZZ_CHECK(!(receives(r) && receives(request)));
        FUZZ_CHECK(!(sends(r) && sends(request)));
    }
}

static void read_pieces(struct request *request)
{
    const struct io_uring_sqe *entry = &request->entry;
    const void                *memory = (const void *)(uintptr_t)entry->addr;
    const struct iovec        *pieces = memory;
    request->count = entry->len;
    if (is_message(request)) {
        pieces = ((const struct msghdr *)memory)->msg_iov;
        request->count = ((const struct msghdr *)memory)->msg_iovlen;
    } else if (entry->opcode != IORING_OP_READV && entry->opcode != IORING_OP_WRITEV) {
        request->pieces[0] = (struct iovec){(void *)(uintptr_t)entry->addr, entry->len};
        request->count = 1;
        return;
    }
    FUZZ_CHECK(request->count <= PIECES);
    for (size_t i = 0; i < request->count; i++)
        request->pieces[i] = pieces[i];
}

static struct request *free_request(void)
{
    struct request *request = kernel.requests;
    while (request->is_used)
        FUZZ_CHECK(++request < kernel.requests + REQUESTS);
    return request;
}

static void submit_one(const struct io_uring_sqe *entry)
{
    if (entry->opcode == IORING_OP_ASYNC_CANCEL) {
        cancel(entry);
        return;
    }
    if (entry->opcode == IORING_OP_NOP) {
        complete(entry->user_data, 0, 0);
        return;
    }
    struct request *request = free_request();
    *request = (struct request){.is_used = true, .entry = *entry};
    request->op = (struct weir_op *)(uintptr_t)(entry->user_data & ~UINT64_C(7));
    if (!request->op) { /* the notifier, which is a descriptor of the system's */
        FUZZ_CHECK(entry->opcode == IORING_OP_POLL_ADD && entry->fd == world.loop->notifier[0]);
        return;
    }
    FUZZ_CHECK(world_slot(request->op));
    for (const struct request *r = kernel.requests; r < kernel.requests + REQUESTS; r++)
        FUZZ_CHECK(!r->is_used || r == request || r->op != request->op);
    if (receives(request) || sends(request)) {
        read_pieces(request);
        check_order(request);
    } else if (entry->opcode == IORING_OP_OPENAT) {
        FUZZ_CHECK(!strcmp((const char *)(uintptr_t)entry->addr, "/a/path"));
    } else {
        world_place(entry->fd);
    }
    request->is_running = (entry->flags & IOSQE_ASYNC) && (answer() & 1);
    if ((answer() & 3) == 1) /* at once */
        finish(request);
}

/* A loop that goes round and round without an end. */
static void count_enter(void)
{
    if (kernel.enters++ < ENTERS_MAX)
        return;
    weir_loop_dump(world.loop, stderr);
    FUZZ_FAIL("the loop does not come to an end");
}

/* Takes the entries of the queue, or the first of them: then a call neither waits nor delivers.
 * Their number, or -errno. */
static int submit(struct io_uring *ring)
{
    unsigned count = ring->sq.sqe_tail - ring->sq.sqe_head, taken = 0;
    FUZZ_CHECK(kernel.is_enabled);
    count_enter();
    kernel.sq_tail = ring->sq.sqe_tail;
    unsigned how = count ? answer() & 15 : 0;
    if (how == 9)
        return -EAGAIN;
    if (how == 10)
        return kernel.backlog_count ? -EBUSY : -EAGAIN;
    if (how == 11)
        count = (count + 1) / 2;
    while (taken < count) {
        submit_one(&kernel.entries[kernel.sq_head++ & ring->sq.ring_mask]);
        ring->sq.sqe_head++;
        taken++;
    }
    return (int)taken;
}

/* ---- Waiting --------------------------------------------------------------------------------- */

/* The nth of those that wait, only of those that run in a thread of the kernel's if so asked. */
static struct request *waiting(unsigned nth, bool running)
{
    unsigned count = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (struct request *r = kernel.requests; r < kernel.requests + REQUESTS; r++) {
            if (!r->is_used || !r->op || (running && !r->is_running))
                continue;
            if (pass && !nth--)
                return r;
            count += !pass;
        }
        if (!count)
            return NULL;
        nth %= count;
    }
    return NULL;
}

static void tell_wake(void)
{
    struct pollfd notifier = {.fd = world.loop->notifier[0], .events = POLLIN};
    for (struct request *r = kernel.requests; r < kernel.requests + REQUESTS; r++)
        if (r->is_used && !r->op && poll(&notifier, 1, 0) == 1) {
            bool goes_on = !(answer() & 1);
            r->is_used = goes_on;
            complete(r->entry.user_data, POLLIN, goes_on ? IORING_CQE_F_MORE : 0);
            return;
        }
}

/* What happened meanwhile is delivered to a call that asks for events. */
static void deliver(void)
{
    for (unsigned count = answer() & 3; count; count--) {
        struct request *request = waiting(answer(), false);
        if (request)
            finish(request);
    }
    if (answer() & 1)
        world_work();
    tell_wake();
    flush_backlog();
}

/* Sleeps: until something is told, or so long. */
static int sleep_until(const struct __kernel_timespec *time)
{
    while (kernel.cq_tail == kernel.cq_head) {
        struct request *request = waiting(answer(), time != NULL);
        if (request) {
            finish(request);
        } else if (world.running || world.offloaded.first) {
            world_work();
        } else if (time) {
            world.now_ns += (uint64_t)time->tv_sec * 1000000000 + (uint64_t)time->tv_nsec;
            return -ETIME;
        } else {
            weir_loop_dump(world.loop, stderr);
            FUZZ_FAIL("the loop sleeps for ever, and nothing is to come");
        }
        tell_wake();
    }
    return 0;
}

int io_uring_submit(struct io_uring *ring)
{
    return submit(ring);
}

int io_uring_submit_and_get_events(struct io_uring *ring)
{
    unsigned asked = ring->sq.sqe_tail - ring->sq.sqe_head;
    int      result = submit(ring);
    if (result == (int)asked)
        deliver();
    return result;
}

int io_uring_get_events(struct io_uring *ring)
{
    (void)ring;
    count_enter();
    deliver();
    return 0;
}

/* One call: of which the kernel takes a part it does not wait. */
int io_uring_submit_and_wait(struct io_uring *ring, unsigned count)
{
    (void)count;
    unsigned asked = ring->sq.sqe_tail - ring->sq.sqe_head;
    int      result = submit(ring);
    if (result != (int)asked)
        return result;
    deliver();
    if ((answer() & 15) == 9)
        return -EINTR;
    int error = sleep_until(NULL);
    return error ? error : result;
}

int io_uring_submit_and_wait_timeout(struct io_uring *ring, struct io_uring_cqe **first,
                                     unsigned count, struct __kernel_timespec *time, sigset_t *mask)
{
    (void)count, (void)mask;
    int result;
    *first = NULL;
    do { /* as liburing does when the kernel took a part */
        result = submit(ring);
        if (result < 0)
            return result;
    } while (ring->sq.sqe_tail != ring->sq.sqe_head);
    deliver();
    if ((answer() & 15) == 9)
        return -EINTR;
    int error = sleep_until(time);
    return error ? error : result;
}

/* ---- Set-up ---------------------------------------------------------------------------------- */

int io_uring_queue_init_params(unsigned entries, struct io_uring *ring,
                               struct io_uring_params *params)
{
    unsigned room = 1, how = answer();
    if (how % 8 == 5 && params->flags & IORING_SETUP_DEFER_TASKRUN)
        return -EINVAL; /* an older kernel */
    if (how % 64 == 6)
        return -(int[]){ENOSYS, EPERM, ENOMEM, EMFILE}[answer() & 3];
    while (room < entries)
        room *= 2;
    FUZZ_CHECK(room * 4 <= SHARED);
    *ring = (struct io_uring){.ring_fd = -1, .features = IORING_FEAT_RSRC_TAGS};
    ring->sq = (struct io_uring_sq){.khead = &kernel.sq_head,
                                    .ktail = &kernel.sq_tail,
                                    .kflags = &kernel.sq_flags,
                                    .sqes = kernel.entries,
                                    .ring_mask = room - 1,
                                    .ring_entries = room};
    room *= 4;
    ring->cq = (struct io_uring_cq){.khead = &kernel.cq_head,
                                    .ktail = &kernel.cq_tail,
                                    .cqes = (struct io_uring_cqe *)(void *)kernel.completions,
                                    .ring_mask = room - 1,
                                    .ring_entries = room};
    kernel.ring = ring;
    kernel.is_enabled = !(params->flags & IORING_SETUP_R_DISABLED);
    return 0;
}

void io_uring_queue_exit(struct io_uring *ring)
{
    FUZZ_CHECK(ring == kernel.ring);
    kernel.ring = NULL;
}

int io_uring_register(unsigned int descriptor, unsigned int code, const void *argument,
                      unsigned int count)
{
    (void)descriptor, (void)argument, (void)count;
    FUZZ_CHECK_EQ(code, IORING_REGISTER_ENABLE_RINGS);
    kernel.is_enabled = true;
    return 0;
}

int io_uring_register_ring_fd(struct io_uring *ring)
{
    FUZZ_CHECK(ring == kernel.ring && kernel.is_enabled);
    return 1;
}

int io_uring_register_buffers(struct io_uring *ring, const struct iovec *buffers, unsigned count)
{
    (void)ring, (void)buffers, (void)count;
    return -ENOMEM;
}

int io_uring_register_iowq_max_workers(struct io_uring *ring, unsigned int *values)
{
    (void)ring, (void)values;
    return 0;
}

int io_uring_register_eventfd(struct io_uring *ring, int descriptor)
{
    (void)ring, (void)descriptor;
    return 0;
}

struct io_uring_probe *io_uring_get_probe(void)
{
    const size_t           count = 64;
    struct io_uring_probe *probe = calloc(1, sizeof *probe + count * sizeof probe->ops[0]);
    FUZZ_CHECK(probe);
    probe->last_op = (uint8_t)(count - 1);
    bool older = answer() & 1; /* cannot cut files */
    for (size_t i = 0; i < (older ? 50 : count); i++)
        probe->ops[i].flags = IO_URING_OP_SUPPORTED;
    return probe;
}

struct io_uring_probe *io_uring_get_probe_ring(struct io_uring *ring)
{
    (void)ring;
    return io_uring_get_probe();
}

void io_uring_free_probe(struct io_uring_probe *probe)
{
    free(probe);
}

/* ---- For the target -------------------------------------------------------------------------- */

void kernel_begin(void)
{
    memset(&kernel, 0, sizeof kernel);
}

void kernel_end(void)
{
    FUZZ_CHECK(!kernel.ring);
    for (const struct request *r = kernel.requests; r < kernel.requests + REQUESTS; r++)
        FUZZ_CHECK(!r->is_used || !r->op);
}

void kernel_forgot(int descriptor)
{
    for (const struct request *r = kernel.requests; r < kernel.requests + REQUESTS; r++)
        FUZZ_CHECK(!r->is_used || r->entry.fd != descriptor || !r->op);
    for (unsigned at = kernel.ring->sq.sqe_head; at != kernel.ring->sq.sqe_tail; at++) {
        const struct io_uring_sqe *entry = &kernel.entries[at & kernel.ring->sq.ring_mask];
        FUZZ_CHECK(entry->opcode == IORING_OP_ASYNC_CANCEL || entry->opcode == IORING_OP_NOP ||
                   entry->fd != descriptor);
    }
}
