/* SPDX-License-Identifier: MIT */
/* kqueue.c - kqueue of macOS and the BSDs in its three ways: level, edge (EV_CLEAR) and one-shot
 * (EV_ONESHOT) are one file and three tables.
 *
 * A handle has at most two knotes, one that tells of reading and one of writing; handle->in.slot
 * says which are with the kernel or queued for it, -1 for none. Changes are queued, and go with the
 * events of a wait in one call. Level: a knote for each direction that an op waits for. Edge: both,
 * asked for once and never changed. One-shot: what told is gone, and watching adds it anew.
 * kqueue(2). */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../base/rest.h"
#include "../engine.h"
#include "../os/kqueue_compat.h"
#include "../os/os.h"
#include "../os/poll_events.h"

#define BATCH_LEAST 64
#define BATCH_MOST 1024
#define CHANGES_MOST 4    /* of one handle at a time: a knote of each direction out, and one in */
#define SLEEP_MOST 100000 /* seconds; some kernels refuse what they find absurd */

/* In handle->in.slot. A knote with EV_CLEAR tells changes, and is no load while nothing changes: on
 * the level engines, too, it waits for a hang-up, which may come behind bytes that nobody reads. */
enum knotes {
    READ = 1,
    WRITE = 2,
    READ_CHANGES = 4,
    WRITE_CHANGES = 8,
    ANY_READ = READ | READ_CHANGES,
    ANY_WRITE = WRITE | WRITE_CHANGES,
    KNOTES = ANY_READ | ANY_WRITE
};

/* Above them: the error that fflags told of a socket. */
#define ERROR_SHIFT 8

struct kqueue {
    int            fd;
    int            room; /* of each array: no answer to a change is lost for want of it */
    int            change_count;
    bool           has_user; /* EVFILT_USER wakes it; else a pipe does */
    struct kevent *changes;  /* owned; queued for the next call */
    struct kevent *events;   /* owned; of a harvest */
};

/* ---- Interest -------------------------------------------------------------------------------- */

static unsigned knotes_there(const struct weir_handle *handle)
{
    return handle->in.slot < 0 ? 0 : (unsigned)handle->in.slot & KNOTES;
}

static void set_knotes(struct weir_handle *handle, unsigned knotes)
{
    unsigned error = handle->in.slot < 0 ? 0 : (unsigned)handle->in.slot & ~(unsigned)KNOTES;
    handle->in.slot = knotes || error ? (int32_t)(knotes | error) : -1;
}

/* A hang-up alone is awaited by changes of either direction: the second half of one may be the
 * program's own shutdown. What was opened for one direction tells all in that one. */
static unsigned knotes_wanted(const struct weir_loop *loop, const struct weir_handle *handle)
{
    unsigned want = handle->in.want, knotes = 0;
    bool     reads = !(handle->in.flags & HANDLE_NO_IN);
    bool writes = !(handle->in.flags & HANDLE_NO_OUT) && handle->in.kind != WEIR_HANDLE_LISTENER;
    if (!want)
        return 0;
    if (loop->engine->traits & ENGINE_EDGE)
        return (reads ? READ_CHANGES : 0) | (writes ? WRITE_CHANGES : 0);
    if (handle->in.flags & HANDLE_POLLED)
        want |= ready_interest(handle) & (WEIR_RDHUP | WANT_HUNG);
    if (reads && (want & WEIR_IN))
        knotes |= READ;
    else if (reads && (want & (WEIR_RDHUP | WANT_HUNG)))
        knotes |= READ_CHANGES;
    if (writes && (want & WEIR_OUT))
        knotes |= WRITE;
    else if (writes && (want & (WEIR_RDHUP | WANT_HUNG)) && !(knotes & READ))
        knotes |= WRITE_CHANGES;
    return knotes;
}

static void queue_change(struct kqueue *k, struct weir_handle *handle, int filter, int flags)
{
    k->changes[k->change_count++] = (struct kevent){
        .ident = (uintptr_t)handle->in.descriptor,
        .filter = (short)filter,
        .flags = (unsigned short)flags,
        /* Nobody hears of a knote that could not be taken out. */
        .udata = KQUEUE_UDATA(flags & EV_DELETE ? NULL : handle),
    };
}

/* Adding EV_CLEAR to a knote that is there, or taking it off, changes nothing: it goes first. One
 * of changes is added anew, since it may have told what a newcomer waits for. */
static void change(struct kqueue *k, struct weir_handle *handle, int filter, unsigned there,
                   unsigned wanted, bool oneshot)
{
    if (there == wanted && !(wanted & (READ_CHANGES | WRITE_CHANGES)))
        return;
    if (there)
        queue_change(k, handle, filter, EV_DELETE);
    if (wanted & (READ_CHANGES | WRITE_CHANGES))
        queue_change(k, handle, filter, EV_ADD | EV_CLEAR);
    else if (wanted)
        queue_change(k, handle, filter, oneshot ? EV_ADD | EV_ONESHOT : EV_ADD);
}

/* 0 or WEIR_ENOMEM, and nothing has changed. */
static int grow(struct weir_loop *loop, struct kqueue *k)
{
    size_t room = (size_t)k->room * 2;
    void  *changes = loop_resize(loop, k->changes, room * sizeof *k->changes);
    if (!changes)
        return WEIR_ENOMEM;
    k->changes = changes;
    void *events = loop_resize(loop, k->events, room * sizeof *k->events);
    if (!events)
        return WEIR_ENOMEM;
    k->events = events;
    k->room = (int)room;
    return 0;
}

/* Changes that are made at once, and nothing taken: any thread. Without receipts the second of two
 * is lost when the first is refused; what is refused here is to take out what is not there, and a
 * descriptor that somebody closed has neither knote. */
static void change_now(int queue, struct kevent *changes, int count)
{
    const struct timespec now = {0};
    for (int i = 0; i < count; i++)
        changes[i].flags |= EV_RECEIPT;
    kevent(queue, changes, count, changes, KQUEUE_HAS_RECEIPTS ? count : 0, &now);
}

/* A change that is still queued would meet the next descriptor of that number. */
static unsigned drop_queued(struct kqueue *k, uintptr_t descriptor)
{
    unsigned dropped = 0;
    int      kept = 0;
    for (int i = 0; i < k->change_count; i++) {
        if (k->changes[i].ident == descriptor)
            dropped |= k->changes[i].filter == EVFILT_READ ? ANY_READ : ANY_WRITE;
        else
            k->changes[kept++] = k->changes[i];
    }
    k->change_count = kept;
    return dropped;
}

static void kqueue_forget(struct weir_loop *loop, struct weir_handle *handle)
{
    struct kqueue *k = loop->mechanism;
    uintptr_t      descriptor = (uintptr_t)handle->in.descriptor;
    unsigned       knotes = knotes_there(handle) | drop_queued(k, descriptor);
    struct kevent  changes[2];
    int            count = 0;
    if (knotes & ANY_READ)
        changes[count++] = (struct kevent){
            .ident = descriptor, .filter = EVFILT_READ, .flags = EV_DELETE};
    if (knotes & ANY_WRITE)
        changes[count++] = (struct kevent){
            .ident = descriptor, .filter = EVFILT_WRITE, .flags = EV_DELETE};
    if (count)
        change_now(k->fd, changes, count);
    handle->in.slot = -1;
    handle->in.want = handle->in.armed = 0;
}

/* ---- The error of a socket ------------------------------------------------------------------- */

/* A kernel leaves the error with the socket, and the next call finds it. An emulation has taken it
 * from there to write it into fflags, and the call would find the end of the stream, or a
 * connection where there is none. */
static int64_t kqueue_attempted(struct weir_loop *loop, struct weir_op *op, int64_t result)
{
    struct weir_handle *handle = op->handle;
    (void)loop;
    if (result == WEIR_EAGAIN || handle->in.kind != WEIR_HANDLE_STREAM || handle->in.slot < 0)
        return result;
    unsigned error = (unsigned)handle->in.slot >> ERROR_SHIFT;
    bool     reads = op_reads(op) ? rest_of(op).length : op->kind == WEIR_OP_RECV_MSG;
    bool     is_end = !result && reads;
    bool     is_connected = !result && op->kind == WEIR_OP_CONNECT;
    bool     is_broken = result == WEIR_EPIPE && !(handle->in.flags & HANDLE_UNIX);
    if (!error || (result >= 0 && !is_end && !is_connected))
        return result;
    unsigned knotes = knotes_there(handle);
    handle->in.slot = knotes ? (int32_t)knotes : -1;
    if (result < 0 && !is_broken)
        return result;
    if (op->kind == WEIR_OP_RECV_MSG)
        op->in.arg.message.messages->result = -(int64_t)error;
    return -(int64_t)error;
}

/* ---- Waiting --------------------------------------------------------------------------------- */

/* A change that the kernel refused: what waits for it ends. Devices that are always ready are
 * refused by other names than epoll's. */
static void refuse(struct weir_loop *loop, struct weir_handle *handle, const struct kevent *event)
{
    int64_t error = event->data;
    set_knotes(handle, knotes_there(handle) &
                           ~(unsigned)(event->filter == EVFILT_READ ? ANY_READ : ANY_WRITE));
    unsigned there = knotes_there(handle);
    handle->in.armed &= (uint8_t)((there & ANY_READ ? WEIR_IN | WEIR_RDHUP | WANT_HUNG : 0) |
                                  (there & ANY_WRITE ? WEIR_OUT | WANT_HUNG : 0));
    handle->in.want = handle->in.armed;
    bool no_filter = error == EINVAL || error == ENODEV || error == ENOTSUP || error == EOPNOTSUPP;
    ready_refuse(loop, handle,
                 handle->in.kind == WEIR_HANDLE_OTHER && no_filter ? WEIR_EPERM : (int)-error);
}

/* Two filters are less than weir_poll() has to tell: poll(2) is asked for the handles that have
 * one. Where that has no word for the end of a stream, EV_EOF is it; where it has one, that is what
 * counts, since a socket that was never connected may have EV_EOF on an emulation, and no end. */
static unsigned events_of(const struct weir_handle *handle, const struct kevent *event)
{
    bool     reading = event->filter == EVFILT_READ, ended = event->flags & EV_EOF;
    bool     asked = handle->in.flags & HANDLE_POLLED;
    unsigned events = reading ? WEIR_IN : WEIR_OUT;
    if (asked)
        events = poll_now(handle->in.descriptor, handle->in.armed);
    else if (ended && !reading)
        events |= WEIR_HUP;
    if (ended && reading && handle->in.kind == WEIR_HANDLE_STREAM && !(asked && POLL_TELLS_RDHUP))
        events |= WEIR_RDHUP;
    if (ended && event->fflags && handle_is_socket(handle))
        events |= WEIR_ERR;
    return events;
}

/* A knote of changes tells nothing twice: what it told is no interest that the next op could rely
 * on. One that told nothing still waits. */
static void told_once(struct weir_handle *handle)
{
    unsigned there = knotes_there(handle);
    unsigned lasting = (there & READ ? WEIR_IN | WEIR_RDHUP | WANT_HUNG : 0) |
                       (there & WRITE ? WEIR_OUT : 0);
    handle->in.want &= (uint8_t)(~handle->in.armed | lasting);
    handle->in.armed &= (uint8_t)lasting;
}

static void tell(struct weir_loop *loop, const struct kevent *event)
{
    struct weir_handle *handle = (struct weir_handle *)(uintptr_t)event->udata;
    bool                reading = event->filter == EVFILT_READ;
    if (event->flags & EV_ERROR) {
        if (event->data)
            refuse(loop, handle, event);
        return;
    }
    unsigned knote = knotes_there(handle) & (reading ? ANY_READ : ANY_WRITE);
    bool     edge = loop->engine->traits & ENGINE_EDGE;
    bool     gone = (loop->engine->traits & ENGINE_ONESHOT) && (knote & (READ | WRITE));
    if (gone)
        set_knotes(handle, knotes_there(handle) & ~knote);
    unsigned events = events_of(handle, event);
    if (!edge && events && (knote & (READ_CHANGES | WRITE_CHANGES)))
        told_once(handle);
    if ((event->flags & EV_EOF) && event->fflags && handle->in.kind == WEIR_HANDLE_STREAM)
        handle->in.slot = (int32_t)(knotes_there(handle) | event->fflags << ERROR_SHIFT);
    /* A receive stops before urgent data, of which not every kqueue tells, and what one knote told
     * of the end is not for the other to take back: no short receive means anything. */
    if (edge)
        events |= READY_URGENT;
    if ((events & ~READY_URGENT) || gone) /* nothing any more: it is only watched anew */
        ready_told(loop, handle, events);
}

static int kqueue_wait(struct weir_loop *loop, int64_t timeout_ns)
{
    struct kqueue  *k = loop->mechanism;
    int64_t         seconds = timeout_ns / 1000000000;
    struct timespec time = {.tv_sec = seconds > SLEEP_MOST ? SLEEP_MOST : (time_t)seconds,
                            .tv_nsec = (long)(timeout_ns % 1000000000)};
    int             count = kevent(k->fd, k->changes, k->change_count, k->events, k->room,
                       timeout_ns < 0 ? NULL : &time);
    if (count >= 0 || errno == EINTR) /* also an interrupted one has made all changes */
        k->change_count = 0;
    if (count < 0)
        return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < count; i++) {
        const struct kevent *event = &k->events[i];
        if (event->udata)
            tell(loop, event);
        else if (!k->has_user && event->ident == (uintptr_t)loop->notifier[0])
            loop->sys->notifier_clear(loop->notifier[0]);
    }
    if (count == k->room && k->room < BATCH_MOST)
        (void)grow(loop, k); /* without memory, the next wait brings the rest */
    return 0;
}

/* A queue that is full goes ahead of the wait, and may bring what is told of the handle itself. */
static int kqueue_watch(struct weir_loop *loop, struct weir_handle *handle)
{
    struct kqueue *k = loop->mechanism;
    bool           edge = loop->engine->traits & ENGINE_EDGE;
    bool           oneshot = loop->engine->traits & ENGINE_ONESHOT;
    int            error = k->change_count + CHANGES_MOST > k->room ? kqueue_wait(loop, 0) : 0;
    unsigned       there = knotes_there(handle), wanted = knotes_wanted(loop, handle);
    if (error || (edge && there == wanted))
        return error;
    change(k, handle, EVFILT_READ, there & ANY_READ, wanted & ANY_READ, oneshot);
    change(k, handle, EVFILT_WRITE, there & ANY_WRITE, wanted & ANY_WRITE, oneshot);
    set_knotes(handle, wanted);
    handle->in.armed = edge && wanted ? (uint8_t)(WEIR_IN | WEIR_OUT | WEIR_RDHUP | WANT_HUNG)
                                      : handle->in.want;
    return 0;
}

/* Changes wait for the next call, but an outer loop sleeps before it. */
static void kqueue_flush(struct weir_loop *loop)
{
    struct kqueue *k = loop->mechanism;
    if (loop->embedded && !loop->running && k->change_count)
        (void)kqueue_wait(loop, 0);
}

static void kqueue_wake(struct weir_loop *loop)
{
    struct kqueue *k = loop->mechanism;
    struct kevent  trigger = {.filter = EVFILT_USER, .fflags = NOTE_TRIGGER};
    if (k->has_user)
        change_now(k->fd, &trigger, 1);
    else
        ready_wake(loop);
}

/* ---- Opening --------------------------------------------------------------------------------- */

static void kqueue_close(struct weir_loop *loop)
{
    struct kqueue *k = loop->mechanism;
    loop_notifier_close(loop);
    /* A forked child has no kqueue of its parent's: the number may be another file's there. */
    if (k->fd >= 0 && loop->generation == os_fork_generation())
        close(k->fd);
    loop_resize(loop, k->changes, 0);
    loop_resize(loop, k->events, 0);
    loop_resize(loop, k, 0);
}

/* One change, whose error is that of the call: there is no room for another answer. */
static int add(struct kqueue *k, int ident, int filter, int flags)
{
    struct kevent event = {
        .ident = (uintptr_t)ident, .filter = (short)filter, .flags = (unsigned short)flags};
    struct kevent         answer;
    const struct timespec now = {0};
    event.flags |= EV_RECEIPT;
    int count = kevent(k->fd, &event, 1, &answer, KQUEUE_HAS_RECEIPTS, &now);
    if (count < 0)
        return -errno;
    return count && (answer.flags & EV_ERROR) ? (int)-answer.data : 0;
}

static int open_wake(struct weir_loop *loop, struct kqueue *k)
{
    k->has_user = add(k, 0, EVFILT_USER, EV_ADD | EV_CLEAR) == 0;
    if (k->has_user)
        return 0;
    int error = loop_notifier_open(loop);
    return error ? error : add(k, loop->notifier[0], EVFILT_READ, EV_ADD);
}

static int kqueue_open(struct weir_loop *loop, const struct weir_options *options, char *reason)
{
    (void)options;
    struct kqueue *k = loop_resize(loop, NULL, sizeof *k);
    if (!k)
        return loop_refuse(reason, WEIR_ENOMEM, "out of memory");
    *k = (struct kqueue){.fd = kqueue(), .room = BATCH_LEAST};
    loop->mechanism = k;
    int error = k->fd < 0 || fcntl(k->fd, F_SETFD, FD_CLOEXEC) < 0 ? -errno : 0;
    if (error) {
        kqueue_close(loop);
        return loop_refuse(reason, error, "kqueue() is refused");
    }
    k->changes = loop_resize(loop, NULL, (size_t)k->room * sizeof *k->changes);
    k->events = loop_resize(loop, NULL, (size_t)k->room * sizeof *k->events);
    error = k->changes && k->events ? open_wake(loop, k) : WEIR_ENOMEM;
    if (error) {
        kqueue_close(loop);
        return loop_refuse(reason, error, "what wakes it cannot be had");
    }
    return 0;
}

static int kqueue_fd(struct weir_loop *loop)
{
    return ((struct kqueue *)loop->mechanism)->fd;
}

static int kqueue_query(enum weir_op_kind op, enum weir_handle_kind handle)
{
    return ready_query(op, handle, ENGINE_READINESS);
}

static int kqueue_query_edge(enum weir_op_kind op, enum weir_handle_kind handle)
{
    return ready_query(op, handle, ENGINE_READINESS | ENGINE_EDGE);
}

static int kqueue_features(const struct weir_loop *loop, struct weir_feature *features, size_t room)
{
    const struct kqueue *k = loop->mechanism;
    if (room) {
        features[0] = (struct weir_feature){.name = "EVFILT_USER", .used = k->has_user};
        snprintf(features[0].reason, sizeof features[0].reason, "%s",
                 k->has_user ? "Another thread wakes the loop by it."
                             : "This system has none: a pipe wakes the loop.");
    }
    return 1;
}

#define KQUEUE(NAME, TRAITS, QUERY)                                                                \
    {                                                                                              \
        .name = NAME, .model = "readiness", .traits = ENGINE_READINESS | (TRAITS),                 \
        .open = kqueue_open, .close = kqueue_close, .start = ready_start, .cancel = ready_cancel,  \
        .watch = kqueue_watch, .flush = kqueue_flush, .wait = kqueue_wait, .wake = kqueue_wake,    \
        .forget = kqueue_forget, .attempted = kqueue_attempted, .fd = kqueue_fd, .query = QUERY,   \
        .features = kqueue_features, .sys = &system_posix,                                         \
    }

const struct engine engine_kqueue = KQUEUE("kqueue", 0, kqueue_query);
const struct engine engine_kqueue_et = KQUEUE("kqueue-et", ENGINE_EDGE, kqueue_query_edge);
const struct engine engine_kqueue_oneshot = KQUEUE("kqueue-oneshot", ENGINE_ONESHOT, kqueue_query);
