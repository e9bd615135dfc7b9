/* SPDX-License-Identifier: MIT */
/* sigio.c - signal-driven I/O: the kernel queues a real-time signal to the loop's thread when a
 * descriptor changes, and the loop takes the signals off that queue. fcntl(2), signal(7).
 *
 * A signal is hearsay. It names a descriptor's number, which may be another's by now, and says what
 * was once; so each number that was named is asked by poll(2) what holds, many in one call. No
 * handler ever runs. When the queue is full the kernel sends SIGIO, which names nobody, and every
 * handle is asked.
 *
 * handle->in.slot is -1 while it is not watched, 0 while signals alone tell of it, else its place
 * in fds[]: what the kernel does not signal is polled beside the signals. sigio_description.c sets
 * descriptors up, sigio_thread.c has the signal, sigio_wait.c the wait. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "sigio.h"

/* ---- Opening and closing --------------------------------------------------------------------- */

static void sigio_close(struct weir_loop *loop)
{
    struct sigio *s = loop->mechanism;
    int           off = 0;
    /* Its description lives on in children of fork(), and their end would be signalled. */
    if (loop->notifier[0] >= 0 && sigio_is_alive(s))
        ioctl(loop->notifier[0], FIOASYNC, &off);
    if (s->bound)
        sigio_unbind(s);
    loop_notifier_close(loop);
    if (s->epoll >= 0)
        close(s->epoll);
    if (s->signals >= 0)
        close(s->signals);
    if (s->signal > 0)
        sigio_give_signal();
    loop_resize(loop, s->by_number, 0);
    loop_resize(loop, s->names, 0);
    loop_resize(loop, s->fds, 0);
    loop_resize(loop, s->polled, 0);
    loop_resize(loop, s->news, 0);
    loop_resize(loop, s, 0);
}

int sigio_grow_polled(struct weir_loop *loop, struct sigio *s)
{
    int   room = s->polled_room ? s->polled_room * 2 : 8;
    void *fds = loop_resize(loop, s->fds, (size_t)room * sizeof *s->fds);
    if (!fds)
        return WEIR_ENOMEM;
    s->fds = fds;
    void *polled = loop_resize(loop, s->polled, (size_t)room * sizeof(struct weir_handle *));
    if (!polled)
        return WEIR_ENOMEM;
    s->polled = polled;
    s->polled_room = room;
    return 0;
}

int sigio_grow(struct weir_loop *loop, int number)
{
    struct sigio *s = loop->mechanism;
    int           room = s->room ? s->room : 64;
    if (number < s->room)
        return 0;
    while (room <= number)
        room = room > INT32_MAX / 2 ? INT32_MAX : room * 2;
    void *by_number = loop_resize(loop, s->by_number, (size_t)room * sizeof *s->by_number);
    if (!by_number)
        return WEIR_ENOMEM;
    s->by_number = by_number;
    void *names = loop_resize(loop, s->names, (size_t)room * sizeof *s->names);
    if (!names)
        return WEIR_ENOMEM;
    s->names = names;
    memset(s->by_number + s->room, 0, (size_t)(room - s->room) * sizeof *s->by_number);
    s->room = room;
    return 0;
}

/* A pipe that wakes by signals too, and by its bytes where it is polled: a wake-up that comes
 * before the loop has a thread waits in it. */
static int open_notifier(struct weir_loop *loop, struct sigio *s)
{
    int on = 1, ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return -errno;
    loop->notifier[0] = ends[0];
    loop->notifier[1] = ends[1];
    if (fcntl(ends[0], F_SETSIG, s->signal) < 0 || ioctl(ends[0], FIOASYNC, &on) < 0)
        return -errno;
    return sigio_grow(loop, ends[0]);
}

/* 0, or WEIR_E* and the sentence of what was refused. */
static int open_parts(struct weir_loop *loop, struct sigio *s, const char **sentence)
{
    *sentence = "every real-time signal is in use";
    s->signal = sigio_take_signal();
    if (s->signal < 0)
        return s->signal;
    sigemptyset(&s->heard);
    sigaddset(&s->heard, s->signal);
    sigaddset(&s->heard, SIGIO);
    *sentence = "signalfd() is refused";
    s->signals = signalfd(-1, &s->heard, SFD_CLOEXEC | SFD_NONBLOCK);
    if (s->signals < 0)
        return -errno;
    *sentence = "a pipe that signals (O_ASYNC, F_SETSIG) cannot be had";
    int error = open_notifier(loop, s);
    if (error)
        return error;
    *sentence = "out of memory";
    s->news = loop_resize(loop, NULL, SIGIO_NEWS * sizeof *s->news);
    if (!s->news || sigio_grow_polled(loop, s))
        return WEIR_ENOMEM;
    s->fds[0] = (struct pollfd){.fd = s->signals, .events = POLLIN};
    s->polled[0] = NULL;
    s->polled_count = 1;
    return 0;
}

static int sigio_open(struct weir_loop *loop, const struct weir_options *options, char *reason)
{
    const char   *sentence;
    struct sigio *s = loop_resize(loop, NULL, sizeof *s);
    (void)options;
    if (!s)
        return loop_refuse(reason, WEIR_ENOMEM, "out of memory");
    memset(s, 0, sizeof *s);
    s->loop = loop;
    s->signals = s->epoll = -1;
    loop->mechanism = s;
    int error = open_parts(loop, s, &sentence);
    if (!error)
        return 0;
    sigio_close(loop);
    return loop_refuse(reason, error, sentence);
}

/* ---- Watching -------------------------------------------------------------------------------- */

static void leave(struct weir_loop *loop, struct weir_handle *handle)
{
    sigio_unpoll(loop->mechanism, handle);
    sigio_unsign(loop, handle);
    handle->in.slot = -1;
    handle->in.armed = 0;
}

/* What held before the signals were asked for is not signalled: the handle is named, behind those
 * that were signalled already, so that what came first is told first. Where an outer loop is about
 * to sleep, it is asked here. */
static int watch_named(struct weir_loop *loop, struct weir_handle *handle)
{
    struct sigio *s = loop->mechanism;
    bool          woken = false;
    int           error = s->name_count ? 0 : sigio_hear_queued(s);
    sigio_name(s, handle->in.descriptor);
    if (error < 0 || !loop->embedded || loop->running)
        return error < 0 ? error : 0;
    error = sigio_ask(loop, s, &woken);
    if (woken || loop->ready.first)
        sigio_rouse(s);
    return error;
}

static int sigio_watch(struct weir_loop *loop, struct weir_handle *handle)
{
    struct sigio *s = loop->mechanism;
    unsigned      interest = handle->in.want;
    if (!interest) {
        leave(loop, handle);
        return 0;
    }
    int error = s->bound ? 0 : sigio_bind(s);
    if (!error && handle->in.slot < 0)
        error = sigio_sign(loop, handle);
    if (error)
        return error;
    const struct signalled *entry = sigio_signalled(s, handle);
    if (handle->in.slot < 0 && entry)
        handle->in.slot = 0;
    if (sigio_untold(entry, interest))
        error = sigio_poll_for(loop, handle, interest);
    if (!error && entry)
        error = watch_named(loop, handle);
    if (error) {
        leave(loop, handle);
        return error;
    }
    handle->in.armed = entry && !entry->partly ? SIGIO_EVERYTHING | WANT_HUNG : handle->in.want;
    return 0;
}

/* Our own shutdown may complete a hang-up, and the kernel signals only what others do. */
static enum started sigio_start(struct weir_loop *loop, struct weir_op *op)
{
    enum started started = ready_start(loop, op);
    if (op->kind == WEIR_OP_SHUTDOWN && op->handle->in.slot >= 0)
        sigio_name(loop->mechanism, op->handle->in.descriptor);
    return started;
}

/* ---- Seeing ---------------------------------------------------------------------------------- */

static int add_to(int epoll, int number)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = number};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, number, &event) < 0 ? -errno : 0;
}

/* The signals, the wake-ups that came before there was a thread for signals, and what is polled. */
static int sigio_fd(struct weir_loop *loop)
{
    struct sigio *s = loop->mechanism;
    if (s->epoll >= 0)
        return s->epoll;
    s->epoll = epoll_create1(EPOLL_CLOEXEC);
    int error = s->epoll < 0 ? -errno : add_to(s->epoll, s->signals);
    if (!error)
        error = add_to(s->epoll, loop->notifier[0]);
    for (int i = 1; !error && i < s->polled_count; i++)
        error = sigio_embed(s, s->fds[i].fd);
    if (!error)
        return s->epoll;
    if (s->epoll >= 0)
        close(s->epoll);
    s->epoll = -1;
    return error;
}

static int sigio_query(enum weir_op_kind op, enum weir_handle_kind handle)
{
    return ready_query(op, handle, ENGINE_READINESS | ENGINE_EDGE);
}

static int sigio_features(const struct weir_loop *loop, struct weir_feature *features, size_t room)
{
    const struct sigio *s = loop->mechanism;
    if (!room)
        return 1;
    features[0] = (struct weir_feature){.name = "real-time signal", .used = true};
    snprintf(features[0].reason, sizeof features[0].reason,
             "signal %d (SIGRTMAX-%d) and SIGIO are blocked in the loop's thread, and weir's there",
             s->signal, SIGRTMAX - s->signal);
    return 1;
}

const struct engine engine_sigio = {
    .name = "sigio",
    .model = "readiness",
    .traits = ENGINE_READINESS | ENGINE_EDGE,
    .open = sigio_open,
    .close = sigio_close,
    .start = sigio_start,
    .cancel = ready_cancel,
    .watch = sigio_watch,
    .wait = sigio_wait,
    .wake = ready_wake,
    .forget = ready_forget,
    .fd = sigio_fd,
    .query = sigio_query,
    .features = sigio_features,
    .sys = &system_posix,
};
