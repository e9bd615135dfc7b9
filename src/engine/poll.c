/* SPDX-License-Identifier: MIT */
/* poll.c - POSIX poll(). A dense pollfd array; handle->in.slot is its index. */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "../engine.h"
#include "../os/os.h"
#include "../os/poll_events.h"

struct poll {
    struct pollfd       *fds;     /* owned; fds[0] is the notifier */
    struct weir_handle **handles; /* owned array of borrowed handles; handles[i] watches fds[i] */
    int                  count, room;
};

/* Returns 0 or WEIR_ENOMEM. On failure nothing has changed. */
static int poll_grow(struct weir_loop *loop, struct poll *p)
{
    int   room = p->room ? p->room * 2 : 64;
    void *fds = loop_resize(loop, p->fds, (size_t)room * sizeof *p->fds);
    if (!fds)
        return WEIR_ENOMEM;
    p->fds = fds;
    void *handles = loop_resize(loop, p->handles, (size_t)room * sizeof(struct weir_handle *));
    if (!handles)
        return WEIR_ENOMEM;
    p->handles = handles;
    p->room = room;
    return 0;
}

static void poll_close(struct weir_loop *loop)
{
    struct poll *p = loop->mechanism;
    loop_notifier_close(loop);
    loop_resize(loop, p->fds, 0);
    loop_resize(loop, p->handles, 0);
    loop_resize(loop, p, 0);
}

static int poll_open(struct weir_loop *loop, const struct weir_options *options, char *reason)
{
    (void)options;
    struct poll *p = loop_resize(loop, NULL, sizeof *p);
    if (!p)
        return loop_refuse(reason, WEIR_ENOMEM, "out of memory");
    memset(p, 0, sizeof *p);
    loop->mechanism = p;
    int error = loop_notifier_open(loop);
    if (!error)
        error = poll_grow(loop, p);
    if (error) {
        poll_close(loop);
        return loop_refuse(reason, error, "its wake-up descriptor cannot be had");
    }
    p->fds[0] = (struct pollfd){.fd = loop->notifier[0], .events = POLLIN};
    p->handles[0] = NULL;
    p->count = 1;
    return 0;
}

static int poll_watch(struct weir_loop *loop, struct weir_handle *handle)
{
    struct poll *p = loop->mechanism;
    int          slot = handle->in.slot;
    if (!handle->in.want) { /* the last one takes its place */
        if (slot >= 0) {
            p->fds[slot] = p->fds[--p->count];
            p->handles[slot] = p->handles[p->count];
            p->handles[slot]->in.slot = slot;
        }
        handle->in.slot = -1;
        handle->in.armed = 0;
        return 0;
    }
    if (slot < 0) {
        if (p->count == p->room && poll_grow(loop, p))
            return WEIR_ENOMEM;
        slot = p->count++;
        p->handles[slot] = handle;
        handle->in.slot = slot;
    }
    p->fds[slot] = (struct pollfd){.fd = handle->in.descriptor,
                                   .events = poll_mask_of(handle->in.want)};
    handle->in.armed = handle->in.want;
    return 0;
}

static int poll_wait(struct weir_loop *loop, int64_t timeout_ns)
{
    struct poll *p = loop->mechanism;
    int          count = os_poll(p->fds, (unsigned)p->count, timeout_ns);
    if (count < 0)
        return errno == EINTR ? 0 : -errno;
    if (count && p->fds[0].revents) {
        loop->sys->notifier_clear(loop->notifier[0]);
        count--;
    }
    for (int i = 1; count && i < p->count; i++) {
        if (!p->fds[i].revents)
            continue;
        count--;
        ready_told(loop, p->handles[i], poll_events_of(p->fds[i].revents));
    }
    return 0;
}

static int poll_fd(struct weir_loop *loop)
{
    (void)loop;
    return WEIR_ENOTSUP;
}

static int poll_query(enum weir_op_kind op, enum weir_handle_kind handle)
{
    return ready_query(op, handle, ENGINE_READINESS);
}

const struct engine engine_poll = {
    .name = "poll",
    .model = "readiness",
    .traits = ENGINE_READINESS,
    .open = poll_open,
    .close = poll_close,
    .start = ready_start,
    .cancel = ready_cancel,
    .watch = poll_watch,
    .wait = poll_wait,
    .wake = ready_wake,
    .forget = ready_forget,
    .fd = poll_fd,
    .query = poll_query,
    .sys = &system_posix,
};
