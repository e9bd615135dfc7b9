/* SPDX-License-Identifier: MIT */
/* select.c - POSIX pselect(). A dense array of what is watched, handle->in.slot is its index, and
 * two sets of descriptor numbers, kept up to date and copied for each wait. select(2).
 *
 * A set holds numbers below FD_SETSIZE only: an op that might wait on a higher one is refused.
 * select tells two things, readable and writable; what else a poll op has to be told is asked of
 * poll(2), for the handles that have one. The third set, of exceptions, is for urgent data, which
 * weir does not tell; a connect that failed is told as writable on POSIX. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/select.h>
#include <time.h>

#include "../engine.h"
#include "../os/poll_events.h"

/* How often a hang-up is looked for that select() cannot wait for; see deafen(). */
#define LOOK_NS (10 * (int64_t)WEIR_MILLISECOND)

struct watched {
    struct weir_handle *handle; /* borrowed */
    bool                deaf;   /* readable, which nobody waits for: not in the set now */
};

struct select {
    struct watched *watched; /* owned; dense */
    int             count, room;
    int             deaf_count;
    int             limit; /* the highest number in the sets, and 1 */
    bool            refused_once;
    fd_set          readable, writable; /* what is asked for */
};

/* Returns 0 or WEIR_ENOMEM. On failure nothing has changed. */
static int select_grow(struct weir_loop *loop, struct select *s)
{
    int   room = s->room ? s->room * 2 : 64;
    void *watched = loop_resize(loop, s->watched, (size_t)room * sizeof *s->watched);
    if (!watched)
        return WEIR_ENOMEM;
    s->watched = watched;
    s->room = room;
    return 0;
}

static void select_close(struct weir_loop *loop)
{
    struct select *s = loop->mechanism;
    loop_notifier_close(loop);
    loop_resize(loop, s->watched, 0);
    loop_resize(loop, s, 0);
}

static int select_open(struct weir_loop *loop, const struct weir_options *options, char *reason)
{
    (void)options;
    struct select *s = loop_resize(loop, NULL, sizeof *s);
    if (!s)
        return loop_refuse(reason, WEIR_ENOMEM, "out of memory");
    memset(s, 0, sizeof *s);
    loop->mechanism = s;
    int  error = loop_notifier_open(loop);
    bool too_high = !error && loop->notifier[0] >= FD_SETSIZE;
    if (!error && !too_high)
        error = select_grow(loop, s);
    if (error || too_high) {
        select_close(loop);
        return too_high ? loop_refuse(reason, WEIR_EMFILE,
                                      "No descriptor below FD_SETSIZE is free, and select() takes "
                                      "no other: open the loop before so many files")
                        : loop_refuse(reason, error, "its wake-up descriptor cannot be had");
    }
    FD_SET(loop->notifier[0], &s->readable);
    s->limit = loop->notifier[0] + 1;
    return 0;
}

/* ---- What is refused ------------------------------------------------------------------------- */

static int refuse(struct weir_loop *loop, const struct weir_handle *handle)
{
    struct select *s = loop->mechanism;
    if (!s->refused_once)
        loop_log(loop, WEIR_LOG_WARNING,
                 "Descriptor %d is refused, as is each from %d (FD_SETSIZE) on: select() cannot "
                 "hold it. This is said once.",
                 (int)handle->in.descriptor, FD_SETSIZE);
    s->refused_once = true;
    return WEIR_ENOTSUP;
}

/* Whether the op might have to wait for its handle. */
static bool may_wait(const struct weir_op *op)
{
    if (op->kind == WEIR_OP_POLL)
        return true;
    return op->in.holds && op->kind != WEIR_OP_SHUTDOWN && !handle_has_offsets(op->handle);
}

/* An op is refused when it starts, and not only when it would wait: else it would depend on how
 * fast the peer is. */
static enum started select_start(struct weir_loop *loop, struct weir_op *op)
{
    if (op->handle->in.descriptor < FD_SETSIZE || !may_wait(op))
        return ready_start(loop, op);
    op->result = refuse(loop, op->handle);
    return STARTED_DONE;
}

/* A handle each of whose ops would be refused is better left where it is. */
static int select_takes(const struct weir_loop *loop, const struct weir_handle *handle)
{
    (void)loop;
    return handle->in.descriptor < FD_SETSIZE || handle_has_offsets(handle) ? 0 : WEIR_ENOTSUP;
}

/* ---- Interest -------------------------------------------------------------------------------- */

static bool awaits_readable(const struct watched *w)
{
    return !w->deaf && (w->handle->in.armed & ~WEIR_OUT);
}

/* Puts a descriptor into the sets as its handles want; two handles may have one number. */
static void refresh(struct weir_loop *loop, struct select *s, int descriptor)
{
    FD_CLR(descriptor, &s->readable);
    FD_CLR(descriptor, &s->writable);
    s->limit = loop->notifier[0] + 1;
    for (int i = 0; i < s->count; i++) {
        const struct weir_handle *handle = s->watched[i].handle;
        if (handle->in.descriptor >= s->limit)
            s->limit = handle->in.descriptor + 1;
        if (handle->in.descriptor != descriptor)
            continue;
        if (awaits_readable(&s->watched[i]))
            FD_SET(descriptor, &s->readable);
        if (handle->in.armed & WEIR_OUT)
            FD_SET(descriptor, &s->writable);
    }
}

static void set_deaf(struct select *s, struct watched *w, bool deaf)
{
    s->deaf_count += deaf - w->deaf;
    w->deaf = deaf;
}

static void forget(struct select *s, int slot) /* the last one takes its place */
{
    set_deaf(s, &s->watched[slot], false);
    s->watched[slot].handle->in.slot = -1;
    s->watched[slot].handle->in.armed = 0;
    s->count--;
    if (slot == s->count)
        return;
    s->watched[slot] = s->watched[s->count];
    s->watched[slot].handle->in.slot = slot;
}

static int select_watch(struct weir_loop *loop, struct weir_handle *handle)
{
    struct select *s = loop->mechanism;
    int            slot = handle->in.slot;
    if (handle->in.descriptor >= FD_SETSIZE)
        return refuse(loop, handle);
    if (slot < 0 && handle->in.want) {
        if (s->count == s->room && select_grow(loop, s))
            return WEIR_ENOMEM;
        slot = handle->in.slot = s->count++;
        s->watched[slot] = (struct watched){.handle = handle};
    }
    handle->in.armed = handle->in.want;
    if (slot >= 0 && handle->in.want)
        set_deaf(s, &s->watched[slot], false);
    else if (slot >= 0)
        forget(s, slot);
    refresh(loop, s, handle->in.descriptor);
    return 0;
}

/* ---- What is told ---------------------------------------------------------------------------- */

/* Only a hang-up is awaited, but the handle is readable, and would end each wait. It is left out of
 * the set and looked at by poll(2) now and then, until it hangs up or is not readable any more. The
 * core is told what holds, so that it gives up interest that nobody has any more. */
static void deafen(struct weir_loop *loop, struct select *s, struct watched *w)
{
    set_deaf(s, w, true);
    refresh(loop, s, w->handle->in.descriptor);
    ready_told(loop, w->handle, WEIR_IN);
}

static void look_again(struct weir_loop *loop, struct select *s, struct watched *w)
{
    unsigned events = poll_now(w->handle->in.descriptor, w->handle->in.armed | WEIR_IN);
    if (!(events & WEIR_IN)) {
        set_deaf(s, w, false);
        refresh(loop, s, w->handle->in.descriptor);
    }
    events &= w->handle->in.armed | WEIR_HUP | WEIR_ERR;
    if (events)
        ready_told(loop, w->handle, events);
}

static void tell(struct weir_loop *loop, struct select *s, struct watched *w, unsigned events)
{
    if (w->handle->in.flags & HANDLE_POLLED) {
        bool readable = events & WEIR_IN;
        events = poll_now(w->handle->in.descriptor, w->handle->in.armed);
        if (!events && readable && !(w->handle->in.armed & WEIR_IN))
            deafen(loop, s, w);
    }
    if (events)
        ready_told(loop, w->handle, events);
}

/* pselect() fails as a whole for a descriptor that somebody closed: that one is told of, so that
 * its ops fail, and it alone. */
static void tell_closed(struct weir_loop *loop, struct select *s)
{
    for (int i = 0; i < s->count; i++)
        if (fcntl(s->watched[i].handle->in.descriptor, F_GETFD) < 0)
            ready_told(loop, s->watched[i].handle, WEIR_ERR);
}

static void harvest(struct weir_loop *loop, struct select *s, const fd_set *readable,
                    const fd_set *writable)
{
    for (int i = 0; i < s->count; i++) {
        struct watched *w = &s->watched[i];
        int             descriptor = w->handle->in.descriptor;
        unsigned        events = 0;
        if (awaits_readable(w) && FD_ISSET(descriptor, readable))
            events |= WEIR_IN;
        if ((w->handle->in.armed & WEIR_OUT) && FD_ISSET(descriptor, writable))
            events |= WEIR_OUT;
        if (events)
            tell(loop, s, w, events);
        else if (w->deaf)
            look_again(loop, s, w);
    }
}

static int select_wait(struct weir_loop *loop, int64_t timeout_ns)
{
    struct select *s = loop->mechanism;
    fd_set         readable = s->readable, writable = s->writable;
    if (s->deaf_count && (timeout_ns < 0 || timeout_ns > LOOK_NS))
        timeout_ns = LOOK_NS;
    struct timespec time = {.tv_sec = (time_t)(timeout_ns / 1000000000),
                            .tv_nsec = (long)(timeout_ns % 1000000000)};
    int count = pselect(s->limit, &readable, &writable, NULL, timeout_ns < 0 ? NULL : &time, NULL);
    if (count < 0 && errno == EBADF) {
        tell_closed(loop, s);
        return 0;
    }
    if (count < 0)
        return errno == EINTR ? 0 : -errno;
    if (FD_ISSET(loop->notifier[0], &readable))
        loop->sys->notifier_clear(loop->notifier[0]);
    if (count || s->deaf_count)
        harvest(loop, s, &readable, &writable);
    return 0;
}

static int select_fd(struct weir_loop *loop)
{
    (void)loop;
    return WEIR_ENOTSUP;
}

static int select_query(enum weir_op_kind op, enum weir_handle_kind handle)
{
    return ready_query(op, handle, ENGINE_READINESS);
}

static int select_features(const struct weir_loop *loop, struct weir_feature *features, size_t room)
{
    (void)loop;
    if (room) {
        features[0] = (struct weir_feature){.name = "FD_SETSIZE", .used = true};
        snprintf(features[0].reason, sizeof features[0].reason,
                 "Descriptors from %d on are refused.", FD_SETSIZE);
    }
    return 1;
}

const struct engine engine_select = {
    .name = "select",
    .model = "readiness",
    .traits = ENGINE_READINESS,
    .open = select_open,
    .close = select_close,
    .start = select_start,
    .cancel = ready_cancel,
    .watch = select_watch,
    .wait = select_wait,
    .wake = ready_wake,
    .forget = ready_forget,
    .takes = select_takes,
    .fd = select_fd,
    .query = select_query,
    .features = select_features,
    .sys = &system_posix,
};
