/* SPDX-License-Identifier: MIT */
/* linux_aio.c - Linux AIO: readiness by its polls, each of which ends with its first event, and
 * file I/O past the page cache (linux_aio_files.c). io_submit(2), IOCB_CMD_POLL.
 *
 * Every event is told to the notifier, too, and sleeping is one ppoll() on it and on the handles
 * that wait outside of the contexts (linux_aio_polls.c). */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../os/linux_compat.h"
#include "linux_aio.h"

/* So many turns that find events go by before those that wait by poll(2) are asked. */
#define BUSY_TURNS 8

/* ---- Waiting --------------------------------------------------------------------------------- */

static void aio_flush(struct weir_loop *loop)
{
    aio_submit_polls(loop);
    aio_submit_files(loop);
}

static bool harvest(struct weir_loop *loop)
{
    struct aio *a = loop->mechanism;
    bool        files = aio_harvest_files(loop);
    bool        polls = aio_harvest_polls(loop);
    a->stale |= files || polls;
    return files || polls;
}

static int aio_sleep(struct weir_loop *loop, int64_t timeout_ns)
{
    struct aio *a = loop->mechanism;
    int         count = kernel_ppoll(a->fds, (nfds_t)a->count, timeout_ns);
    if (count < 0)
        return errno == EINTR ? 0 : -errno;
    if (a->fds[0].revents) {
        count--;
        a->stale = true;
        if (loop->embedded) { /* an outer loop sleeps on it: cleared before the harvest */
            loop->sys->notifier_clear(loop->notifier[0]);
            a->stale = false;
        }
    }
    aio_tell_beyond(loop, count);
    return 0;
}

/* In a busy loop each event must not cost a call more for those that wait outside. */
static bool may_put_off(struct aio *a)
{
    return ++a->busy < BUSY_TURNS;
}

/* The notifier is cleared only before sleeping on it, when it may be old: a loop that finds events
 * in its rings makes no call for that. A wake-up that was cleared, too, is seen by its state. */
static int aio_wait(struct weir_loop *loop, int64_t timeout_ns)
{
    struct aio *a = loop->mechanism;
    aio_flush(loop);
    bool found = harvest(loop);
    if (!found && timeout_ns && a->stale) {
        loop->sys->notifier_clear(loop->notifier[0]);
        a->stale = false;
        found = harvest(loop) || atomic_load(&loop->wake) == TOLD;
    }
    bool looks_only = !timeout_ns;
    if (found)
        timeout_ns = 0;
    if (!timeout_ns && !loop->embedded && (a->count == 1 || (!looks_only && may_put_off(a))))
        return 0;
    a->busy = 0;
    int error = aio_sleep(loop, timeout_ns);
    if (!error)
        harvest(loop);
    return error;
}

/* ---- Ops ------------------------------------------------------------------------------------- */

static enum started aio_start(struct weir_loop *loop, struct weir_op *op)
{
    return aio_is_file_op(op) ? aio_start_file(loop, op) : ready_start(loop, op);
}

static void aio_cancel(struct weir_loop *loop, struct weir_op *op)
{
    struct weir_handle *handle = op->handle;
    if (op->in.engine) {
        aio_cancel_file(loop, op);
        return;
    }
    ready_cancel(loop, op);
    if (handle->in.flags & HANDLE_CLOSING)
        aio_leave_early(loop, handle);
}

/* What it says of files holds for those that the page cache serves. */
static int aio_query(enum weir_op_kind op, enum weir_handle_kind handle)
{
    int support = ready_query(op, handle, ENGINE_READINESS | ENGINE_ONESHOT);
    if (op == WEIR_OP_FSYNC && support == WEIR_SUPPORT_OFFLOADED)
        return WEIR_SUPPORT_NATIVE;
    bool polled = op == WEIR_OP_POLL && handle != WEIR_HANDLE_OTHER;
    return support == WEIR_SUPPORT_NATIVE && !polled ? WEIR_SUPPORT_EMULATED : support;
}

static int aio_features(const struct weir_loop *loop, struct weir_feature *features, size_t room)
{
    const struct aio   *a = loop->mechanism;
    unsigned            held = 0;
    struct weir_feature all[] = {
        {"IOCB_CMD_POLL", !a->denied, "Readiness of descriptors by one-shot polls (Linux 4.18)."},
        {"SHARED_RING", a->polls[0].ring != NULL,
         "Events are taken from the kernel's ring without a system call."},
        {"DIRECT_FILES", !a->no_files,
         "Direct I/O by the kernel; what would wait inside io_submit() goes to a worker."},
        {"POLL_BEYOND", a->count > 1, ""},
    };
    const size_t count = sizeof all / sizeof all[0];
    for (int i = 0; i < a->poll_contexts; i++)
        held += a->polls[i].room;
    snprintf(all[3].reason, sizeof all[3].reason,
             "The contexts have room for %u polls; %d handles beyond wait by poll(2).", held,
             a->count - 1);
    for (size_t i = 0; i < count && i < room; i++)
        features[i] = all[i];
    return (int)count;
}

/* ---- Opening --------------------------------------------------------------------------------- */

static void aio_close(struct weir_loop *loop)
{
    struct aio *a = loop->mechanism;
    aio_context_close(loop, &a->files);
    for (int i = 0; i < a->poll_contexts; i++)
        aio_context_close(loop, &a->polls[i]);
    loop_notifier_close(loop);
    if (a->outer >= 0)
        close(a->outer);
    loop_resize(loop, a->fds, 0);
    loop_resize(loop, a->handles, 0);
    loop_resize(loop, a, 0);
}

/* A number of /proc/sys/fs. */
static long limit_of(const char *name)
{
    char path[64], text[32];
    snprintf(path, sizeof path, "/proc/sys/fs/%s", name);
    int     descriptor = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = descriptor < 0 ? -1 : read(descriptor, text, sizeof text - 1);
    if (descriptor >= 0)
        close(descriptor);
    text[length > 0 ? length : 0] = '\0';
    return length > 0 ? strtol(text, NULL, 10) : -1;
}

static int refuse_setup(char *reason, int error)
{
    char sentence[128];
    switch (error) {
    case WEIR_ENOSYS:
        return loop_refuse(reason, error, "This kernel has no Linux AIO: io_setup() is missing");
    case WEIR_EPERM:
        return loop_refuse(reason, error, "io_setup() is denied, by a seccomp filter");
    case WEIR_EAGAIN:
        snprintf(
            sentence, sizeof sentence,
            "io_setup() finds %ld of the %ld requests taken that /proc/sys/fs/aio-max-nr allows",
            limit_of("aio-nr"), limit_of("aio-max-nr"));
        return loop_refuse(reason, error, sentence);
    case WEIR_ENOMEM:
        return loop_refuse(reason, error, "io_setup() finds no memory for a context");
    default:
        return loop_refuse(reason, error, "io_setup() failed");
    }
}

/* Whether this kernel polls: a poll of a descriptor that is always writable ends at once. */
static int probe_poll(struct weir_loop *loop, struct aio *a, char *reason)
{
    int                 error = 0;
    struct io_event     event[AIO_BATCH];
    struct aio_request *request = aio_take(loop, &a->polls[0], loop->notifier[0]);
    request->iocb.aio_flags = 0;
    request->iocb.aio_lio_opcode = IOCB_CMD_POLL;
    request->iocb.aio_buf = POLLOUT;
    aio_queue(&a->polls[0], request);
    if (aio_submit(&a->polls[0], &error))
        return error == WEIR_EINVAL
                   ? loop_refuse(reason, WEIR_ENOSYS, "AIO has no polls before Linux 4.18")
                   : loop_refuse(reason, error, "io_submit() is denied, by a seccomp filter");
    int count = aio_take_events(&a->polls[0], event, true);
    if (count < 0)
        return loop_refuse(reason, count, "io_getevents() failed");
    a->polls[0].running--;
    aio_give(&a->polls[0], request);
    return 0;
}

static int aio_open(struct weir_loop *loop, const struct weir_options *options, char *reason)
{
    struct aio *a = loop_resize(loop, NULL, sizeof *a);
    if (!a)
        return loop_refuse(reason, WEIR_ENOMEM, "out of memory");
    memset(a, 0, sizeof *a);
    a->outer = -1;
    loop->mechanism = a;
    int error = aio_polls_open(loop, options);
    if (error) {
        aio_close(loop);
        return refuse_setup(reason, error);
    }
    error = loop_notifier_open(loop);
    if (error)
        loop_refuse(reason, error, "Its wake-up descriptor cannot be had");
    else
        error = probe_poll(loop, a, reason);
    if (error)
        aio_close(loop);
    else
        a->fds[0].fd = loop->notifier[0];
    return error;
}

const struct engine engine_linux_aio = {
    .name = "linux-aio",
    .model = "completion",
    .traits = ENGINE_READINESS | ENGINE_ONESHOT,
    .open = aio_open,
    .close = aio_close,
    .start = aio_start,
    .cancel = aio_cancel,
    .watch = aio_watch,
    .flush = aio_flush,
    .wait = aio_wait,
    .wake = ready_wake,
    .forget = aio_forget,
    .fd = aio_outer,
    .query = aio_query,
    .features = aio_features,
    .sys = &system_posix,
};
