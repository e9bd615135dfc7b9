/* SPDX-License-Identifier: MIT */
/* linux_aio_context.c - a context of Linux AIO: its requests, its queue, and the ring in which the
 * kernel leaves the events. io_setup(2), io_submit(2), io_getevents(2), io_cancel(2). */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../base/annotate.h"
#include "../os/os.h"
#include "linux_aio.h"

/* What lies at the address that is the context's name. No header has it, but fs/aio.c keeps it, and
 * says by these two numbers that a program may take events by moving the head. */
struct aio_ring {
    unsigned         id, room;
    _Atomic unsigned head; /* ours */
    _Atomic unsigned tail; /* the kernel's: events before it are whole */
    unsigned         magic, features, incompatible, header_length;
    struct io_event  events[];
};
#define RING_MAGIC 0xa10a10a1u
#define RING_FEATURES 1u

static int result_of(long result)
{
    return result < 0 ? -errno : (int)result;
}

/* ---- Opening and closing --------------------------------------------------------------------- */

/* The half, and again, when the system has no more: aio-max-nr is shared by all processes. */
static int set_up(struct aio_context *context, uint32_t room, uint32_t least)
{
    int error;
    for (;;) {
        context->id = 0;
        error = result_of(syscall(SYS_io_setup, room, &context->id));
        if (!error || error != WEIR_EAGAIN || room / 2 < least)
            break;
        room /= 2;
    }
    context->room = room;
    return error;
}

static void look_at_ring(struct aio_context *context, bool use_it)
{
    struct aio_ring *ring = (struct aio_ring *)context->id;
    annotate_mapped();
    if (ring->magic != RING_MAGIC || ring->incompatible || !(ring->features & RING_FEATURES) ||
        ring->header_length != sizeof *ring)
        return;
    context->ring = use_it ? ring : NULL;
    context->mapped = sizeof *ring + ring->room * sizeof ring->events[0];
    annotate_filled(ring, context->mapped); /* Valgrind expects no more room than was asked for */
}

int aio_context_open(struct weir_loop *loop, struct aio_context *context, uint32_t room,
                     uint32_t least)
{
    *context = (struct aio_context){0};
    int error = set_up(context, room, least);
    if (error) {
        *context = (struct aio_context){0};
        return error;
    }
    look_at_ring(context, !(loop->options.features_off & WEIR_WITHOUT_SHARED_RING));
    context->requests = loop_resize(loop, NULL, context->room * sizeof *context->requests);
    context->queue = loop_resize(loop, NULL, context->room * sizeof(struct iocb *));
    if (context->requests && context->queue)
        return 0;
    aio_context_close(loop, context);
    return WEIR_ENOMEM;
}

/* Contexts belong to the address space: in a forked child this one is not there, only the pages of
 * its ring are, and those are the parent's too. */
void aio_context_close(struct weir_loop *loop, struct aio_context *context)
{
    if (!context->room)
        return;
    annotate_unmapping();
    if (loop->generation == os_fork_generation())
        syscall(SYS_io_destroy, context->id);
    else if (context->mapped)
        munmap((void *)context->id, context->mapped);
    loop_resize(loop, context->requests, 0);
    loop_resize(loop, context->queue, 0);
    *context = (struct aio_context){0};
}

/* ---- Requests -------------------------------------------------------------------------------- */

struct aio_request *aio_take(struct weir_loop *loop, struct aio_context *context, int descriptor)
{
    struct aio_request *request = context->free;
    if (request)
        context->free = request->of.next;
    else if (context->used < context->room)
        request = &context->requests[context->used++];
    else
        return NULL;
    memset(request, 0, sizeof *request);
    request->iocb.aio_data = (uintptr_t)request;
    request->iocb.aio_fildes = (uint32_t)descriptor;
    request->iocb.aio_flags = IOCB_FLAG_RESFD;
    request->iocb.aio_resfd = (uint32_t)loop->notifier[1];
    return request;
}

void aio_give(struct aio_context *context, struct aio_request *request)
{
    request->state = AIO_FREE;
    request->of.next = context->free;
    context->free = request;
}

static struct aio_request *request_of(struct iocb *iocb)
{
    return weir_of(iocb, struct aio_request, iocb);
}

void aio_queue(struct aio_context *context, struct aio_request *request)
{
    request->state = AIO_QUEUED;
    request->place = context->queued;
    context->queue[context->queued++] = &request->iocb;
}

/* The last takes its place: the requests of one turn depend on nothing. */
void aio_unqueue(struct aio_context *context, struct aio_request *request)
{
    struct iocb *last = context->queue[--context->queued];
    context->queue[request->place] = last;
    request_of(last)->place = request->place;
    request->state = AIO_FREE;
}

/* The first `count` are gone from the queue. */
static void shift_queue(struct aio_context *context, uint32_t count)
{
    context->queued -= count;
    memmove(context->queue, context->queue + count, context->queued * sizeof(struct iocb *));
    for (uint32_t i = 0; i < context->queued; i++)
        request_of(context->queue[i])->place = i;
}

/* The kernel may take fewer than it is offered: it stops before one that it refuses. */
struct aio_request *aio_submit(struct aio_context *context, int *error)
{
    uint32_t            done = 0;
    struct aio_request *refused = NULL;
    while (done < context->queued && !refused) {
        int taken = result_of(
            syscall(SYS_io_submit, context->id, context->queued - done, context->queue + done));
        for (int i = 0; i < taken; i++)
            request_of(context->queue[done++])->state = AIO_RUNNING;
        context->running += taken > 0 ? (uint32_t)taken : 0;
        if (taken > 0)
            continue;
        *error = taken ? taken : WEIR_EAGAIN;
        refused = request_of(context->queue[done++]);
        refused->state = AIO_FREE;
    }
    if (done)
        shift_queue(context, done);
    return refused;
}

/* EINPROGRESS is its way to say that the event will come (Linux 4.18 and later); EINVAL, that the
 * event is there or on its way, or that this request cannot be cancelled. */
int aio_cancel_request(struct aio_context *context, struct aio_request *request)
{
    struct io_event event;
    int             error = result_of(syscall(SYS_io_cancel, context->id, &request->iocb, &event));
    return error == WEIR_EINPROGRESS || error == WEIR_EINVAL ? 0 : error;
}

/* ---- Events ---------------------------------------------------------------------------------- */

static int from_ring(struct aio_ring *ring, struct io_event *events)
{
    unsigned head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    unsigned tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
    int      count = 0;
    while (head != tail && count < AIO_BATCH) {
        events[count++] = ring->events[head];
        head = head + 1 == ring->room ? 0 : head + 1;
    }
    if (count) /* only now the kernel may write over them */
        atomic_store_explicit(&ring->head, head, memory_order_release);
    return count;
}

int aio_take_events(struct aio_context *context, struct io_event *events, bool wait)
{
    struct timespec none = {0};
    if (context->ring) {
        int count = from_ring(context->ring, events);
        if (count || !wait)
            return count;
    }
    int count = result_of(syscall(SYS_io_getevents, context->id, (long)wait, (long)AIO_BATCH,
                                  events, wait ? NULL : &none));
    if (count > 0)
        annotate_filled(events, (size_t)count * sizeof *events);
    return count == WEIR_EINTR ? 0 : count;
}
