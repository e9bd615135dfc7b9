/* SPDX-License-Identifier: MIT */
/* threads.c - blocking made asynchronous by threads: each op that may have to wait gets a worker of
 * its own, so that none ever waits behind another. This half runs on the loop's thread.
 *
 * The core gives one op of each direction of a handle at a time, so that there are two workers a
 * handle at most, and one for each poll. A queue with fewer workers than ops would be a deadlock:
 * all of them may wait for what an op in the queue is to send. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "../os/os.h"
#include "threads.h"

#define WORKERS_USUAL 1024u
#define STACK_BYTES ((size_t)64 * 1024) /* a worker calls nothing deep, and there may be many */

/* ---- Workers --------------------------------------------------------------------------------- */

/* What the record holds beside memory. A thread that runs must have been joined. */
static void worker_finish(struct weir_loop *loop, struct worker *worker)
{
    loop->sys->close(loop, worker->cancel[0]);
    if (worker->cancel[1] != worker->cancel[0])
        loop->sys->close(loop, worker->cancel[1]);
    loop_resize(loop, worker, 0);
}

/* One more worker, idle. 0 or WEIR_E*. */
static int worker_add(struct weir_loop *loop)
{
    struct threads *t = loop->mechanism;
    struct worker  *worker = loop_resize(loop, NULL, sizeof *worker);
    if (!worker)
        return WEIR_ENOMEM;
    memset(worker, 0, sizeof *worker);
    worker->threads = t;
    int error = gate_init(&worker->ordered) ? 0 : WEIR_ENOMEM;
    if (!error) {
        error = loop->sys->notifier_open(worker->cancel);
        if (error)
            gate_finish(&worker->ordered);
    }
    if (error) {
        loop_resize(loop, worker, 0);
        return error;
    }
    error = os_thread_start(threads_work, worker, STACK_BYTES, &worker->thread);
    if (error) {
        gate_finish(&worker->ordered);
        worker_finish(loop, worker);
        return error;
    }
    worker->next = t->workers;
    t->workers = worker;
    worker->next_idle = t->idle;
    t->idle = worker;
    t->count++;
    loop->stats.workers++;
    return 0;
}

static struct worker *worker_of(const struct weir_op *op)
{
    return (struct worker *)(uintptr_t)op->in.engine;
}

/* Binds an idle worker, or a new one, to the op. 0 or WEIR_E*. */
static int bind_worker(struct weir_loop *loop, struct weir_op *op)
{
    struct threads *t = loop->mechanism;
    int             error = t->idle ? 0 : t->count < t->most ? worker_add(loop) : WEIR_EAGAIN;
    if (error)
        return error;
    struct worker *worker = t->idle;
    t->idle = worker->next_idle;
    worker->op = op;
    worker->blocks = false;
    op->in.engine = (uintptr_t)worker;
    t->refusing = false;
    return 0;
}

/* Whether a worker has a connect of the handle. What receives or polls meanwhile is held back,
 * bound to none: its worker might be there first, and find a socket without a peer. */
static bool is_connecting(const struct weir_handle *handle)
{
    struct weir_op *op = handle->in.ops_out;
    while (op && op->state == OP_SETTLED && !op->in.engine)
        op = ring_after(handle->in.ops_out, op);
    return op && op->kind == WEIR_OP_CONNECT && op->in.engine;
}

static void release_held(struct weir_loop *loop, struct weir_handle *handle)
{
    struct weir_op *head = handle->in.ops_in;
    for (struct weir_op *op = head; op; op = ring_after(head, op))
        if (op->state == OP_GIVEN && !op->in.engine)
            loop_ask(loop, op);
}

static void threads_ended(struct weir_loop *loop, struct weir_op *op)
{
    struct threads *t = loop->mechanism;
    if (op->kind == WEIR_OP_SIGNAL) /* the core's own, which uses the field itself */
        return;
    if (op->kind == WEIR_OP_CONNECT)
        release_held(loop, op->handle);
    struct worker *worker = worker_of(op);
    worker->op = NULL;
    worker->next_idle = t->idle;
    t->idle = worker;
}

/* ---- Starting and cancelling ----------------------------------------------------------------- */

static void log_refusal(struct weir_loop *loop, const struct weir_op *op, int error)
{
    struct threads *t = loop->mechanism;
    const char     *name = weir_op_name((enum weir_op_kind)op->kind);
    if (t->refusing)
        return;
    t->refusing = true;
    if (!t->idle && t->count >= t->most)
        loop_log(loop, WEIR_LOG_WARNING,
                 "No thread is left for a %s: %u work, as many as options.threads_max allows. "
                 "Allow more, or choose an engine that needs no thread for each op.",
                 name, t->count);
    else
        loop_log(loop, WEIR_LOG_WARNING, "No thread can be had for a %s: %s; %u are there.", name,
                 weir_error_text(error), t->count);
}

/* The op ends with what it lacks, and nothing else suffers. An accept for which there is no
 * descriptor waits for one, as it does where the system says so. */
static enum started refuse(struct weir_loop *loop, struct weir_op *op, int error)
{
    log_refusal(loop, op, error);
    if (op->kind == WEIR_OP_ACCEPT && error != WEIR_EAGAIN) {
        op->result = error;
        return STARTED_DONE;
    }
    loop_finish(loop, op, error);
    return STARTED;
}

static enum started start_on_worker(struct weir_loop *loop, struct weir_op *op)
{
    if (!op->in.engine && op->in.holds != WEIR_OUT && is_connecting(op->handle))
        return STARTED;
    int error = op->in.engine ? 0 : bind_worker(loop, op);
    if (error)
        return refuse(loop, op, error);
    struct worker *worker = worker_of(op);
    if (worker->blocks)
        return STARTED_OFFLOAD;
    if (worker->told)
        loop->sys->notifier_clear(worker->cancel[0]);
    worker->told = false;
    atomic_store(&worker->cancelled, false);
    worker->copy = *op;
    worker->handle = *op->handle;
    worker->copy.handle = &worker->handle;
    threads_order(worker, ORDER_WORK);
    return STARTED;
}

/* Signals are awaited in wait(), and by an outer loop. 0 or WEIR_E*. */
static int gather_signals(struct threads *t)
{
    if (!t->signals || t->gather < 0 || t->gathers_signals)
        return 0;
    int error = os_gather_add(t->gather, t->signals->handle->in.descriptor);
    t->gathers_signals = !error;
    return error;
}

static enum started start_signals(struct weir_loop *loop, struct weir_op *op)
{
    struct threads *t = loop->mechanism;
    t->signals = op;
    int error = gather_signals(t);
    if (error) {
        t->signals = NULL;
        loop_finish(loop, op, error);
    }
    return STARTED;
}

/* What rarely has to wait is tried here: to hand it over costs more than the call. A receive is
 * only where a buffer is promised to it, or where a call comes first on every engine. */
static bool is_tried(const struct weir_op *op)
{
    if (op_is_pooled(op))
        return op->in.step || ready_begins_with_call(op);
    if (op->kind == WEIR_OP_SHUTDOWN)
        return true;
    return op->in.holds == WEIR_OUT && op->kind != WEIR_OP_CONNECT && !op->in.engine;
}

/* What has no direction and is no poll, and all that is done to files, never waits for another op:
 * the lanes of the core do it, with fewer threads. */
static enum started threads_start(struct weir_loop *loop, struct weir_op *op)
{
    if (op->kind == WEIR_OP_POLL)
        return loop_awaits_signals(loop, op) ? start_signals(loop, op) : start_on_worker(loop, op);
    if (!op->in.holds || handle_has_offsets(op->handle))
        return STARTED_OFFLOAD;
    if (!is_tried(op))
        return start_on_worker(loop, op);
    int64_t result = loop->sys->perform(op, PERFORM_TRY);
    loop->stats.attempts++;
    if (result == WEIR_ENOTSUP) /* there is no call for it that never waits */
        return start_on_worker(loop, op);
    if (result == WEIR_EAGAIN) {
        loop->stats.attempts_empty++;
        return start_on_worker(loop, op);
    }
    op->result = result;
    op->served = WEIR_SERVED_AT_ONCE; /* it did not wait */
    return STARTED_DONE;
}

static void threads_cancel(struct weir_loop *loop, struct weir_op *op)
{
    struct threads *t = loop->mechanism;
    if (op == t->signals)
        t->signals = NULL;
    if (!op->in.engine) { /* awaited by no worker */
        loop_finish(loop, op, op->in.cause);
        return;
    }
    struct worker *worker = worker_of(op);
    worker->told = true;
    atomic_store(&worker->cancelled, true);
    loop->sys->notifier_tell(worker->cancel[1]);
}

/* ---- Waiting --------------------------------------------------------------------------------- */

/* An op came back: what its call changed goes from the copy to the op. */
static void harvest_op(struct weir_loop *loop, struct worker *worker)
{
    struct weir_op *op = worker->op;
    int64_t         result = worker->copy.result;
    bool            again = op->kind == WEIR_OP_POLL && (op->flags & (WEIR_LEVEL | WEIR_EDGE));
    op->in.progress = worker->copy.in.progress;
    op->in.step = worker->copy.in.step;
    op->told = worker->copy.told;
    op->error = worker->copy.error;
    op->handle->in.flags |= worker->handle.in.flags & HANDLE_GUARDED;
    if (result != WEIR_ECANCELED || op->in.progress)
        op->served = WEIR_SERVED_WORKER;
    if (result == WEIR_ENOTSUP) { /* it can only be done by a call that waits */
        worker->blocks = true;
        op->served = WEIR_SERVED_NOT;
        loop_ask(loop, op);
        return;
    }
    if (op->kind == WEIR_OP_ACCEPT && (op->flags & WEIR_MULTISHOT) && result >= 0) {
        loop_accepted(loop, op, (int)result, false);
        return;
    }
    if (again && op->in.cause) /* no telling ends one that goes on */
        result = op->in.cause;
    if (op_is_pooled(op) && result >= 0) { /* its buffer is bound on the loop's thread */
        loop_event(loop, op, WEIR_EAGAIN, EVENT_TRY, 0);
        return;
    }
    loop_event(loop, op, result, again && result >= 0 ? EVENT_AGAIN : 0, 0);
}

static void harvest(struct weir_loop *loop)
{
    struct threads *t = loop->mechanism;
    for (;;) {
        if (!t->taken)
            t->taken = stack_take(&t->back);
        if (!t->taken || !loop_room(loop, 1))
            return;
        struct worker *worker = weir_of(t->taken, struct worker, copy);
        t->taken = worker->copy.in.lane;
        harvest_op(loop, worker);
    }
}

static void harvest_signals(struct weir_loop *loop)
{
    struct threads *t = loop->mechanism;
    struct weir_op *op = t->signals;
    if (!op || !loop_room(loop, 1))
        return;
    t->signals = NULL;
    op->served = WEIR_SERVED_READY;
    loop_event(loop, op, WEIR_IN, EVENT_AGAIN, 0);
}

/* Sleeps on the notifier, and on what tells signals: a signal to a thread is seen by a poll of that
 * thread alone, signalfd(2). */
static int sleep_on_notifier(struct weir_loop *loop, int64_t timeout_ns)
{
    struct threads *t = loop->mechanism;
    struct pollfd   entries[2] = {{.fd = loop->notifier[0], .events = POLLIN}};
    if (t->signals)
        entries[1] = (struct pollfd){.fd = t->signals->handle->in.descriptor, .events = POLLIN};
    int count = os_poll(entries, t->signals ? 2 : 1, timeout_ns);
    if (count < 0)
        return errno == EINTR ? 0 : -errno;
    if (entries[0].revents)
        loop->sys->notifier_clear(loop->notifier[0]);
    if (entries[1].revents)
        harvest_signals(loop);
    return 0;
}

/* A worker hands its op back first and looks at `asleep` then; here it is the other way round, so
 * that one of the two sees the other. It stays true while an outer loop may sleep. */
static int threads_wait(struct weir_loop *loop, int64_t timeout_ns)
{
    struct threads *t = loop->mechanism;
    int             error = 0;
    if (timeout_ns || loop->embedded || t->signals) {
        atomic_store(&t->asleep, true);
        if (t->taken || atomic_load(&t->back))
            timeout_ns = 0;
        error = sleep_on_notifier(loop, timeout_ns);
        if (!loop->embedded)
            atomic_store(&t->asleep, false);
    }
    harvest(loop);
    return error;
}

/* ---- Opening --------------------------------------------------------------------------------- */

/* In a forked child the threads are not there, only their records; who waits at their gates never
 * leaves them. */
static void threads_close(struct weir_loop *loop)
{
    struct threads *t = loop->mechanism;
    bool            inherited = loop->generation != os_fork_generation();
    for (struct worker *worker = t->workers; worker && !inherited; worker = worker->next)
        threads_order(worker, ORDER_END);
    for (struct worker *worker = t->workers, *next; worker; worker = next) {
        next = worker->next;
        if (!inherited) {
            pthread_join(worker->thread, NULL);
            gate_finish(&worker->ordered);
        }
        worker_finish(loop, worker);
    }
    if (t->gather >= 0 && (!inherited || os_gathers_are_inherited()))
        loop->sys->close(loop, t->gather);
    loop_notifier_close(loop);
    loop_resize(loop, t, 0);
}

/* The first worker is started now: where threads are denied, that is a refusal of the engine. */
static int threads_open(struct weir_loop *loop, const struct weir_options *options, char *reason)
{
    struct threads *t = loop_resize(loop, NULL, sizeof *t);
    if (!t)
        return loop_refuse(reason, WEIR_ENOMEM, "out of memory");
    memset(t, 0, sizeof *t);
    t->most = options->threads_max ? options->threads_max : WORKERS_USUAL;
    t->gather = -1;
    loop->mechanism = t;
    int error = loop_notifier_open(loop);
    if (error)
        loop_refuse(reason, error, "its wake-up descriptor cannot be had");
    t->notifier = loop->notifier[1];
    if (!error) {
        error = worker_add(loop);
        if (error)
            loop_refuse(reason, error, "not even one worker thread can be started");
    }
    if (error)
        threads_close(loop);
    return error;
}

static int threads_fd(struct weir_loop *loop)
{
    struct threads *t = loop->mechanism;
    if (t->gather >= 0)
        return t->gather;
    int gather = os_gather_open();
    if (gather < 0)
        return gather;
    t->gather = gather;
    int error = os_gather_add(gather, loop->notifier[0]);
    if (!error)
        error = gather_signals(t);
    if (!error)
        return gather;
    loop->sys->close(loop, gather);
    t->gather = -1;
    t->gathers_signals = false;
    return error;
}

static int threads_query(enum weir_op_kind op, enum weir_handle_kind handle)
{
    int support = ready_query(op, handle, ENGINE_READINESS);
    if (op == WEIR_OP_CONNECT && support != WEIR_SUPPORT_NO)
        return WEIR_SUPPORT_OFFLOADED;
    if ((op == WEIR_OP_RECV_POOLED || op == WEIR_OP_RECV_MSG_POOLED) && support)
        return WEIR_SUPPORT_EMULATED;
    return support == WEIR_SUPPORT_NATIVE && op != WEIR_OP_SIGNAL ? WEIR_SUPPORT_OFFLOADED
                                                                  : support;
}

static int threads_features(const struct weir_loop *loop, struct weir_feature *features,
                            size_t room)
{
    const struct threads *t = loop->mechanism;
    if (room) {
        features[0] = (struct weir_feature){.name = "THREAD_PER_OP", .used = true};
        snprintf(features[0].reason, sizeof features[0].reason,
                 "Each op that waits has a thread: %u at most (options.threads_max), stacks of %zu "
                 "KiB.",
                 t->most, STACK_BYTES / 1024);
    }
    return 1;
}

const struct engine engine_threads = {
    .name = "threads",
    .model = "threads",
    .open = threads_open,
    .close = threads_close,
    .start = threads_start,
    .cancel = threads_cancel,
    .ended = threads_ended,
    .wait = threads_wait,
    .wake = ready_wake,
    .fd = threads_fd,
    .query = threads_query,
    .features = threads_features,
    .sys = &system_posix,
};
