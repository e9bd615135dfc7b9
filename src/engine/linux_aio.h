/* SPDX-License-Identifier: MIT */
/* linux_aio.h - what the files of the linux-aio engine share: contexts, and the requests that the
 * kernel has from them. */
#ifndef WEIR_LINUX_AIO_H
#define WEIR_LINUX_AIO_H

#include <linux/aio_abi.h>
#include <poll.h>

#include "../engine.h"

#define AIO_POLL_CONTEXTS 4

/* How many events are taken at a time. */
#define AIO_BATCH 32

struct aio_ring; /* the kernel's, linux_aio_context.c */

enum aio_state {
    AIO_FREE,
    AIO_QUEUED,   /* to be submitted before the next wait */
    AIO_RUNNING,  /* the kernel has it */
    AIO_LEFT,     /* the kernel has it, and was asked to end it: its event is told to nobody */
    AIO_OVERTAKEN /* the same of a handle that lives on: in context->overtaken */
};

/* The kernel gives its address back with the event, and finds by it what is to be cancelled: it
 * lives, at one place, until the event came, whatever became of its owner. */
struct aio_request {
    struct iocb iocb;
    union {
        struct weir_handle *handle; /* of a poll; NULL when nobody waits for its event */
        struct weir_op     *op;     /* of file I/O */
        struct aio_request *next;   /* free */
    } of;
    struct aio_request *next, *previous; /* overtaken */
    uint32_t            place;           /* in the queue */
    uint8_t             state;
};

/* One io_setup(). There is a request for each place that it was asked for, so that the kernel never
 * has to refuse one for want of room. */
struct aio_context {
    aio_context_t id;
    struct aio_ring
          *ring;   /* of the kernel; NULL where it is not used, or has not the known layout */
    size_t mapped; /* bytes of the ring; 0 where it is not known */
    struct aio_request *requests; /* owned */
    struct aio_request *free;     /* given back */
    struct aio_request *overtaken;
    struct iocb       **queue; /* owned; to be submitted */
    uint32_t            room, used, queued, running;
};

struct aio {
    struct aio_context   polls[AIO_POLL_CONTEXTS];
    int                  poll_contexts;
    struct aio_context   files;   /* room 0 until the first op that needs it */
    struct op_fifo       waiting; /* file ops, until the context of files has room */
    struct pollfd       *fds;     /* owned; beyond the contexts; fds[0] is the notifier */
    struct weir_handle **handles; /* owned array of borrowed handles; handles[i] waits by fds[i] */
    int                  count, room;
    int                  grow_at; /* so many handles in fds make another context worth a try */
    int                  busy;    /* turns that found events since poll(2) was last asked */
    bool                 fixed;   /* options.ring_entries bounds the contexts */
    int  outer;  /* an epoll of the notifier and of fds, for an outer loop; -1 until there is one */
    bool stale;  /* the notifier may tell of what was already harvested */
    bool denied; /* io_submit() is refused for good */
    bool no_files; /* a context for them was refused */
};

/* ---- linux_aio_context.c --------------------------------------------------------------------- */

/* 0 or WEIR_E*; on failure nothing is left. `least`: what is enough where the system has less. */
int  aio_context_open(struct weir_loop *loop, struct aio_context *context, uint32_t room,
                      uint32_t least);
void aio_context_close(struct weir_loop *loop, struct aio_context *context);

/* A request for the descriptor, with the notifier as what is told of its event; NULL when all are
 * taken. Its owner and what it asks for are the caller's to write. */
struct aio_request *aio_take(struct weir_loop *loop, struct aio_context *context, int descriptor);
void                aio_give(struct aio_context *context, struct aio_request *request);

void aio_queue(struct aio_context *context, struct aio_request *request);
void aio_unqueue(struct aio_context *context, struct aio_request *request);

/* Submits the queue until it is empty or a request is refused: that one is taken out and returned,
 * with the reason in *error. */
struct aio_request *aio_submit(struct aio_context *context, int *error);

/* 0 when the event of the request will come, or WEIR_E*. */
int aio_cancel_request(struct aio_context *context, struct aio_request *request);

/* The next events, at most AIO_BATCH; waits for one when asked to. Their number or WEIR_E*. */
int aio_take_events(struct aio_context *context, struct io_event *events, bool wait);

/* ---- linux_aio_polls.c ----------------------------------------------------------------------- */

/* The first context of polls. 0 or WEIR_E*. */
int  aio_polls_open(struct weir_loop *loop, const struct weir_options *options);
int  aio_watch(struct weir_loop *loop, struct weir_handle *handle);
void aio_forget(struct weir_loop *loop, struct weir_handle *handle);

/* A closing handle's poll is asked to end already now: when the descriptor is to be closed, later
 * in the turn, the kernel is done with it. */
void aio_leave_early(struct weir_loop *loop, struct weir_handle *handle);
void aio_submit_polls(struct weir_loop *loop);

/* What is there, without waiting and mostly without a call. Whether it was anything. */
bool aio_harvest_polls(struct weir_loop *loop);

/* A descriptor that is readable when any of those that wait is ready, or WEIR_E*. */
int aio_outer(struct weir_loop *loop);

/* After poll(2), which marked `count` of the handles beyond the contexts. */
void aio_tell_beyond(struct weir_loop *loop, int count);

/* ---- linux_aio_files.c ----------------------------------------------------------------------- */

bool         aio_is_file_op(const struct weir_op *op);
enum started aio_start_file(struct weir_loop *loop, struct weir_op *op);
void         aio_cancel_file(struct weir_loop *loop, struct weir_op *op);
void         aio_submit_files(struct weir_loop *loop);
bool         aio_harvest_files(struct weir_loop *loop);

#endif
