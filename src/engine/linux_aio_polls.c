/* SPDX-License-Identifier: MIT */
/* linux_aio_polls.c - where a handle waits: as a poll of a context, which ends with its first
 * event, or in the array for poll(2), for those that the contexts have no room for.
 *
 * handle->in.slot tells the place: the number of the context above, that of the request below. */
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "../os/poll_events.h"
#include "linux_aio.h"

/* A context cannot grow: each further one is four times as large, at most this. */
#define ROOM_FIRST 256u
#define ROOM_LEAST 16u
#define ROOM_MOST (1u << 20)

/* handle->in.slot: the number of the context above, the place below; or beyond them. */
#define SLOT_SHIFT 20
#define SLOT_BEYOND (1 << 24)
_Static_assert(ROOM_MOST - 1 < 1u << SLOT_SHIFT && AIO_POLL_CONTEXTS << SLOT_SHIFT <= SLOT_BEYOND,
               "a slot tells two things");

static struct aio_context *context_of(struct aio *a, int slot)
{
    return &a->polls[slot >> SLOT_SHIFT];
}

static struct aio_request *request_of(struct aio *a, int slot)
{
    return &context_of(a, slot)->requests[slot & ((1 << SLOT_SHIFT) - 1)];
}

/* ---- Beyond the contexts: poll(2) ------------------------------------------------------------ */

static int beyond_grow(struct weir_loop *loop, struct aio *a)
{
    int   room = a->room ? a->room * 2 : 16;
    void *fds = loop_resize(loop, a->fds, (size_t)room * sizeof *a->fds);
    if (!fds)
        return WEIR_ENOMEM;
    a->fds = fds;
    void *handles = loop_resize(loop, a->handles, (size_t)room * sizeof(struct weir_handle *));
    if (!handles)
        return WEIR_ENOMEM;
    a->handles = handles;
    a->room = room;
    return 0;
}

/* An outer loop sleeps on one descriptor, which has to know of these, too. The masks of epoll(7)
 * are those of poll(2). */
static int outer_add(struct aio *a, int place)
{
    struct epoll_event event = {.events = (uint16_t)a->fds[place].events};
    return epoll_ctl(a->outer, EPOLL_CTL_ADD, a->fds[place].fd, &event) < 0 ? -errno : 0;
}

static int beyond_add(struct weir_loop *loop, struct aio *a, struct weir_handle *handle)
{
    if (a->count == a->room && beyond_grow(loop, a))
        return WEIR_ENOMEM;
    int place = a->count;
    a->fds[place] = (struct pollfd){.fd = handle->in.descriptor,
                                    .events = poll_mask_of(handle->in.want)};
    int error = a->outer < 0 ? 0 : outer_add(a, place);
    if (error)
        return error;
    a->count++;
    a->handles[place] = handle;
    handle->in.slot = SLOT_BEYOND | place;
    handle->in.armed = handle->in.want;
    return 0;
}

static void beyond_remove(struct aio *a, struct weir_handle *handle)
{
    int                place = handle->in.slot & ~SLOT_BEYOND;
    struct epoll_event event = {0};
    if (a->outer >= 0)
        epoll_ctl(a->outer, EPOLL_CTL_DEL, a->fds[place].fd, &event);
    a->fds[place] = a->fds[--a->count]; /* the last one takes its place */
    a->handles[place] = a->handles[a->count];
    a->handles[place]->in.slot = SLOT_BEYOND | place;
    handle->in.slot = -1;
}

int aio_outer(struct weir_loop *loop)
{
    struct aio *a = loop->mechanism;
    int         error = 0;
    if (a->outer >= 0)
        return a->outer;
    a->outer = epoll_create1(EPOLL_CLOEXEC);
    if (a->outer < 0)
        return -errno;
    for (int place = 0; place < a->count && !error; place++)
        error = outer_add(a, place);
    if (!error)
        return a->outer;
    close(a->outer);
    a->outer = -1;
    return error;
}

/* One-shot, as the polls are. */
void aio_tell_beyond(struct weir_loop *loop, int count)
{
    struct aio *a = loop->mechanism;
    for (int i = a->count - 1; count && i > 0; i--) {
        struct weir_handle *handle = a->handles[i];
        short               told = a->fds[i].revents;
        if (!told)
            continue;
        count--;
        beyond_remove(a, handle);
        ready_told(loop, handle, poll_events_of(told));
    }
}

/* ---- Polls ----------------------------------------------------------------------------------- */

/* One more context, where that may help: 0, or WEIR_E*. */
static int polls_grow(struct weir_loop *loop, struct aio *a)
{
    if (a->fixed || a->poll_contexts == AIO_POLL_CONTEXTS || a->count < a->grow_at)
        return WEIR_EAGAIN;
    uint32_t room = ROOM_FIRST << (2 * a->poll_contexts);
    int      error = aio_context_open(loop, &a->polls[a->poll_contexts], room, ROOM_FIRST);
    if (!error) {
        a->poll_contexts++;
        return 0;
    }
    a->grow_at = a->count * 2;
    loop_log(loop, WEIR_LOG_WARNING,
             "No further context of Linux AIO can be had: %s; handles beyond wait by poll(2).",
             weir_error_text(error));
    return error;
}

/* A request of the newest context that has one; its number in *number. */
static struct aio_request *take_poll(struct weir_loop *loop, struct aio *a, int descriptor,
                                     int *number)
{
    do {
        for (int i = a->poll_contexts; i-- > 0;) {
            struct aio_request *request = aio_take(loop, &a->polls[i], descriptor);
            *number = i;
            if (request)
                return request;
        }
    } while (!polls_grow(loop, a));
    return NULL;
}

/* ---- Overtaken: the kernel holds the file until they end, too -------------------------------- */

static void overtake(struct aio_context *context, struct aio_request *request)
{
    request->state = AIO_OVERTAKEN;
    request->previous = NULL;
    request->next = context->overtaken;
    if (request->next)
        request->next->previous = request;
    context->overtaken = request;
}

static void forget_overtaken(struct aio_context *context, struct aio_request *request)
{
    if (request->next)
        request->next->previous = request->previous;
    if (request->previous)
        request->previous->next = request->next;
    else
        context->overtaken = request->next;
}

/* The context that has one of the descriptor, or NULL. */
static struct aio_context *find_overtaken(struct aio *a, int descriptor)
{
    for (int i = 0; i < a->poll_contexts; i++) {
        const struct aio_request *request = a->polls[i].overtaken;
        while (request && request->iocb.aio_fildes != (uint32_t)descriptor)
            request = request->next;
        if (request)
            return &a->polls[i];
    }
    return NULL;
}

/* ---- Leaving a poll -------------------------------------------------------------------------- */

/* Asks the poll to end. It is not the handle's any more; but `closing` ones are kept in mind, since
 * the kernel holds the file, and with it the port, until the event came. */
static void leave_poll(struct aio *a, struct weir_handle *handle, bool closing)
{
    struct aio_context *context = context_of(a, handle->in.slot);
    struct aio_request *request = request_of(a, handle->in.slot);
    int                 error = 0;
    if (request->state == AIO_QUEUED) {
        aio_unqueue(context, request);
        aio_give(context, request);
        handle->in.slot = -1;
        return;
    }
    if (request->state == AIO_RUNNING)
        error = aio_cancel_request(context, request);
    request->state = AIO_LEFT;
    if (closing && !error)
        return;
    request->of.handle = NULL;
    handle->in.slot = -1;
    if (!error)
        overtake(context, request);
}

/* The kernel may ask a file for its readiness on a thread of its own, later: one that answers for
 * the thread that asks - a signalfd, an epoll that holds one - would never be ready. Linux 6.18. */
static bool is_asked_by_us(const struct aio *a, const struct weir_handle *handle)
{
    return a->denied || handle->in.kind == WEIR_HANDLE_OTHER;
}

int aio_watch(struct weir_loop *loop, struct weir_handle *handle)
{
    struct aio *a = loop->mechanism;
    int         slot = handle->in.slot;
    if (slot >= SLOT_BEYOND)
        beyond_remove(a, handle);
    else if (slot >= 0)
        leave_poll(a, handle, false);
    handle->in.armed = 0;
    if (!handle->in.want)
        return 0;
    int                 number = 0;
    struct aio_request *request = NULL;
    if (!is_asked_by_us(a, handle))
        request = take_poll(loop, a, handle->in.descriptor, &number);
    if (!request)
        return beyond_add(loop, a, handle);
    request->iocb.aio_lio_opcode = IOCB_CMD_POLL;
    request->iocb.aio_buf = (uint16_t)poll_mask_of(handle->in.want);
    request->of.handle = handle;
    aio_queue(&a->polls[number], request);
    handle->in.slot = number << SLOT_SHIFT | (int)(request - a->polls[number].requests);
    handle->in.armed = handle->in.want;
    return 0;
}

/* The kernel did not take a poll: its handle waits by poll(2). */
static void fall_back(struct weir_loop *loop, struct aio *a, struct weir_handle *handle, int error)
{
    if (!a->denied && (error == WEIR_EPERM || error == WEIR_ENOSYS)) {
        a->denied = true;
        loop_log(loop, WEIR_LOG_WARNING, "io_submit() is denied: %s; handles wait by poll(2).",
                 weir_error_text(error));
    }
    handle->in.slot = -1;
    if (beyond_add(loop, a, handle))
        ready_told(loop, handle, 0); /* without memory: asked for again */
}

void aio_submit_polls(struct weir_loop *loop)
{
    struct aio         *a = loop->mechanism;
    struct aio_request *refused;
    int                 error;
    for (int i = 0; i < a->poll_contexts; i++) {
        while (a->polls[i].queued && (refused = aio_submit(&a->polls[i], &error))) {
            struct weir_handle *handle = refused->of.handle;
            aio_give(&a->polls[i], refused);
            fall_back(loop, a, handle, error);
        }
    }
}

/* ---- Harvest --------------------------------------------------------------------------------- */

static void tell_poll(struct weir_loop *loop, struct aio_context *context,
                      const struct io_event *event)
{
    struct aio_request *request = (struct aio_request *)(uintptr_t)event->data;
    struct weir_handle *handle = request->of.handle;
    bool                left = request->state == AIO_LEFT;
    if (request->state == AIO_OVERTAKEN)
        forget_overtaken(context, request);
    context->running--;
    aio_give(context, request);
    if (!handle)
        return;
    handle->in.slot = -1;
    if (!left)
        ready_told(loop, handle, event->res < 0 ? WEIR_ERR : poll_events_of((int)event->res));
}

/* The events of a context; with `wait`, one at least. Their number, or WEIR_E*. */
static int harvest_polls(struct weir_loop *loop, struct aio_context *context, bool wait)
{
    struct io_event events[AIO_BATCH];
    int             found = 0;
    while (context->running) {
        int count = aio_take_events(context, events, wait && !found);
        if (count < 0)
            return count;
        for (int i = 0; i < count; i++)
            tell_poll(loop, context, &events[i]);
        found += count;
        if (count < AIO_BATCH)
            break;
    }
    return found;
}

bool aio_harvest_polls(struct weir_loop *loop)
{
    struct aio *a = loop->mechanism;
    bool        found = false;
    for (int i = 0; i < a->poll_contexts; i++)
        found |= harvest_polls(loop, &a->polls[i], false) > 0;
    return found;
}

/* ---- Leaving --------------------------------------------------------------------------------- */

void aio_leave_early(struct weir_loop *loop, struct weir_handle *handle)
{
    if (handle->in.slot >= 0 && handle->in.slot < SLOT_BEYOND)
        leave_poll(loop->mechanism, handle, true);
}

/* A poll holds the file: closing its descriptor would leave a port taken, and a peer without its
 * end, until the poll has ended. Here that took 10 us after io_cancel(2), up to 12 ms without. */
void aio_forget(struct weir_loop *loop, struct weir_handle *handle)
{
    struct aio *a = loop->mechanism;
    int         slot = handle->in.slot;
    handle->in.want = handle->in.armed = 0;
    if (slot >= SLOT_BEYOND)
        beyond_remove(a, handle);
    else if (slot >= 0)
        leave_poll(a, handle, true);
    while (handle->in.slot >= 0) {
        a->stale = true;
        if (harvest_polls(loop, context_of(a, slot), true) >= 0)
            continue;
        request_of(a, slot)->of.handle = NULL;
        handle->in.slot = -1;
    }
    handle->in.slot = -1;
    for (struct aio_context *at; (at = find_overtaken(a, handle->in.descriptor));) {
        a->stale = true;
        if (harvest_polls(loop, at, true) < 0)
            break;
    }
}

/* ---- Opening --------------------------------------------------------------------------------- */

int aio_polls_open(struct weir_loop *loop, const struct weir_options *options)
{
    struct aio *a = loop->mechanism;
    a->fixed = options->ring_entries != 0;
    uint32_t room = a->fixed ? options->ring_entries : ROOM_FIRST;
    if (room > ROOM_MOST)
        room = ROOM_MOST;
    int error = aio_context_open(loop, &a->polls[0], room, a->fixed ? room : ROOM_LEAST);
    if (error)
        return error;
    a->poll_contexts = 1;
    error = beyond_grow(loop, a);
    if (error)
        return error;
    a->fds[0] = (struct pollfd){.fd = -1, .events = POLLIN};
    a->handles[0] = NULL;
    a->count = 1;
    return 0;
}
