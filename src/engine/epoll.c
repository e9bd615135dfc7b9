/* SPDX-License-Identifier: MIT */
/* epoll.c - Linux epoll in its three ways: level, edge and one-shot are one file and three tables.
 *
 * handle->in.slot is 1 while the descriptor is in the interest list, -1 outside. Level: the mask is
 * what the handle wants. Edge: everything is asked for once, and never changed. One-shot: each
 * event disarms, and watching arms again. epoll(7), epoll_ctl(2). */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../base/annotate.h"
#include "../engine.h"
#include "../os/linux_compat.h"

#define BATCH_LEAST 64
#define BATCH_MOST 1024

struct epoll {
    int                 fd;
    int                 room; /* of the harvest; doubled when one fills it */
    bool                has_pwait2;
    struct epoll_event *events; /* owned */
};

static void epoll_close(struct weir_loop *loop)
{
    struct epoll *e = loop->mechanism;
    loop_notifier_close(loop);
    if (e->fd >= 0)
        close(e->fd);
    loop_resize(loop, e->events, 0);
    loop_resize(loop, e, 0);
}

static int epoll_open(struct weir_loop *loop, const struct weir_options *options, char *reason)
{
    (void)options;
    struct epoll *e = loop_resize(loop, NULL, sizeof *e);
    if (!e)
        return loop_refuse(reason, WEIR_ENOMEM, "out of memory");
    *e = (struct epoll){
        .fd = epoll_create1(EPOLL_CLOEXEC), .room = BATCH_LEAST, .has_pwait2 = true};
    loop->mechanism = e;
    int error = e->fd < 0 ? -errno : 0;
    if (error) {
        epoll_close(loop);
        return loop_refuse(reason, error, "epoll_create1() is refused");
    }
    e->events = loop_resize(loop, NULL, (size_t)e->room * sizeof *e->events);
    error = e->events ? loop_notifier_open(loop) : WEIR_ENOMEM;
    struct epoll_event event = {.events = EPOLLIN};
    if (!error && epoll_ctl(e->fd, EPOLL_CTL_ADD, loop->notifier[0], &event) < 0)
        error = -errno;
    if (error) {
        epoll_close(loop);
        return loop_refuse(reason, error, "its wake-up descriptor cannot be had");
    }
    return 0;
}

static uint32_t epoll_mask(const struct weir_loop *loop, unsigned want)
{
    if (loop->engine->traits & ENGINE_EDGE)
        return EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET;
    uint32_t mask = (want & WEIR_IN ? EPOLLIN : 0) | (want & WEIR_OUT ? EPOLLOUT : 0) |
                    (want & WEIR_RDHUP ? EPOLLRDHUP : 0);
    return loop->engine->traits & ENGINE_ONESHOT ? mask | EPOLLONESHOT : mask;
}

static int epoll_watch(struct weir_loop *loop, struct weir_handle *handle)
{
    struct epoll      *e = loop->mechanism;
    bool               listed = handle->in.slot >= 0;
    bool               edge = loop->engine->traits & ENGINE_EDGE;
    struct epoll_event event = {.events = epoll_mask(loop, handle->in.want), .data.ptr = handle};
    if (!handle->in.want) {
        /* Always taken out by hand: a descriptor that was duplicated would go on telling. */
        if (listed)
            epoll_ctl(e->fd, EPOLL_CTL_DEL, handle->in.descriptor, &event);
        handle->in.slot = -1;
        handle->in.armed = 0;
        return 0;
    }
    if (edge && listed)
        return 0;
    if (epoll_ctl(e->fd, listed ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, handle->in.descriptor, &event) < 0)
        return -errno;
    handle->in.slot = 1;
    handle->in.armed = edge ? (uint8_t)(WEIR_IN | WEIR_OUT | WEIR_RDHUP | WANT_HUNG)
                            : handle->in.want;
    return 0;
}

static unsigned epoll_events(uint32_t told)
{
    if (LIKELY(told == EPOLLIN))
        return WEIR_IN;
    return (told & EPOLLIN ? WEIR_IN : 0) | (told & EPOLLOUT ? WEIR_OUT : 0) |
           (told & EPOLLHUP ? WEIR_HUP : 0) | (told & EPOLLERR ? WEIR_ERR : 0) |
           (told & EPOLLRDHUP ? WEIR_RDHUP : 0) | (told & EPOLLPRI ? READY_URGENT : 0);
}

/* Nanoseconds where the kernel has them (epoll_pwait2, Linux 5.11), else rounded up to
 * milliseconds: a timer is never early. */
static int epoll_sleep(struct epoll *e, int64_t timeout_ns)
{
    if (timeout_ns > 0 && e->has_pwait2) {
        struct kernel_timespec time = {timeout_ns / 1000000000, timeout_ns % 1000000000};
        int count = (int)syscall(SYS_epoll_pwait2, e->fd, e->events, e->room, &time, NULL, 0);
        if (count > 0)
            annotate_filled(e->events, (size_t)count * sizeof *e->events);
        if (count >= 0 || (errno != ENOSYS && errno != EPERM))
            return count;
        e->has_pwait2 = false;
    }
    int64_t ms = timeout_ns <= 0 ? timeout_ns : (timeout_ns - 1) / 1000000 + 1;
    return epoll_wait(e->fd, e->events, e->room, ms > INT32_MAX ? INT32_MAX : (int)ms);
}

/* A full harvest asks for more room; without memory, the next wait brings the rest. */
static void epoll_grow(struct weir_loop *loop, struct epoll *e)
{
    if (e->room >= BATCH_MOST)
        return;
    void *events = loop_resize(loop, e->events, (size_t)e->room * 2 * sizeof *e->events);
    if (!events)
        return;
    e->events = events;
    e->room *= 2;
}

static int epoll_harvest(struct weir_loop *loop, int64_t timeout_ns)
{
    struct epoll *e = loop->mechanism;
    int           count = epoll_sleep(e, timeout_ns);
    if (count < 0)
        return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < count; i++) {
        struct weir_handle *handle = e->events[i].data.ptr;
        if (handle)
            ready_told(loop, handle, epoll_events(e->events[i].events));
        else
            loop->sys->notifier_clear(loop->notifier[0]);
    }
    if (count == e->room)
        epoll_grow(loop, e);
    return 0;
}

static int epoll_fd(struct weir_loop *loop)
{
    return ((struct epoll *)loop->mechanism)->fd;
}

static int epoll_query(enum weir_op_kind op, enum weir_handle_kind handle)
{
    return ready_query(op, handle, ENGINE_READINESS);
}

static int epoll_query_edge(enum weir_op_kind op, enum weir_handle_kind handle)
{
    return ready_query(op, handle, ENGINE_READINESS | ENGINE_EDGE);
}

#define EPOLL(NAME, TRAITS, QUERY)                                                                 \
    {                                                                                              \
        .name = NAME, .model = "readiness", .traits = ENGINE_READINESS | (TRAITS),                 \
        .open = epoll_open, .close = epoll_close, .start = ready_start, .cancel = ready_cancel,    \
        .watch = epoll_watch, .wait = epoll_harvest, .wake = ready_wake, .forget = ready_forget,   \
        .fd = epoll_fd, .query = QUERY, .sys = &system_posix,                                      \
    }

const struct engine engine_epoll = EPOLL("epoll", 0, epoll_query);
const struct engine engine_epoll_et = EPOLL("epoll-et", ENGINE_EDGE, epoll_query_edge);
const struct engine engine_epoll_oneshot = EPOLL("epoll-oneshot", ENGINE_ONESHOT, epoll_query);
