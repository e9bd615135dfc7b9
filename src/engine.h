/* SPDX-License-Identifier: MIT */
/* engine.h - the seam between the core, the mechanisms and the system.
 *
 * Data moves down through struct engine (one mechanism) and struct system (the calls of one
 * platform), and comes back up only through the functions at the end of this file. */
#ifndef WEIR_ENGINE_H
#define WEIR_ENGINE_H

#include <stdatomic.h>

#include "base/compiler.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/rest.h"
#include "weir.h"

/* The life of an op. Its comments are the state machine; only loop thread code writes it. */
enum op_state {
    OP_IDLE,      /* zeroed, never started */
    OP_POSTED,    /* on loop->posted, by any thread */
    OP_ASKED,     /* on loop->asked: given to the engine in the next round */
    OP_BEHIND,    /* in its handle's ring, behind another op of its direction */
    OP_DECIDED,   /* the same, and its result is known: it is settled when its turn comes */
    OP_TIMED,     /* a timer: nothing but its time in the heap ends it */
    OP_GIVEN,     /* the engine has it: it waits for readiness, or the kernel works on it */
    OP_OFFLOADED, /* in a lane: queued, or a worker is in its call and owns its buffers */
    OP_PACED,     /* on loop->paced: tried again when loop->pace ends */
    OP_STARVED,   /* a pooled receive: tried again when a buffer is given back */
    OP_COPYING,   /* a copy: a poll of weir's own, or its turn at the source, is to come first */
    OP_HARVESTED, /* the mechanism told something of it; whether it ends is not concluded yet */
    OP_SETTLED,   /* its result is final; done() is to come */
    OP_ENDED      /* the caller's again; in.due_ns is the generation of its loop */
};

static inline bool op_is_live(const struct weir_op *op)
{
    return op->state != OP_IDLE && op->state != OP_ENDED;
}

/* op->in.holds: the direction that the op has its turn in, WEIR_IN or WEIR_OUT, or 0; with
 * HOLDS_NOTHING when it was cancelled before its turn came. */
#define HOLDS_NOTHING 0x80u

/* For op_begin(): the caller looks at the flags itself, when the direction is known. */
#define FLAGS_LATER (~0u)

/* op->told: not the caller's op, but a part of one, in the record of a copy. */
#define OP_OWN 0x80000000u

/* op->flags of a receive of weir's own: the bytes are known already, and need not come again. */
#define OP_DISCARD 0x40000000u

/* handle->in.flags, beside WEIR_BORROWED, the only one of the caller's that is kept. */
enum handle_flags {
    HANDLE_UNIX = 0x0002, /* a stream or listener of AF_UNIX: a read stops behind descriptors */
    HANDLE_UDP = 0x0004,  /* a datagram socket of UDP, which may cut and glue datagrams */
    HANDLE_SEQUENCED = 0x0008, /* a listener whose connections are message sockets */
    HANDLE_MOVING = 0x0010,    /* on loop->posted by its move, and not in the loop's ring yet */
    HANDLE_NO_IN = 0x0020,     /* opened for writing only */
    HANDLE_NO_OUT = 0x0040,
    HANDLE_GROUPS = 0x0080,   /* its memory is a group's, and freed when on_closed() ran */
    HANDLE_DIRECT = 0x0100,   /* a file past the page cache: every transfer waits for the disk */
    HANDLE_NONBLOCK = 0x0200, /* O_NONBLOCK is set on its description: plain read and write */
    HANDLE_CLOSING = 0x0400,
    HANDLE_LISTED = 0x0800,   /* in loop->ready, loop->changed or loop->closing, by in.changed */
    HANDLE_POLLED = 0x1000,   /* a poll op may be in its ring */
    HANDLE_DETACHED = 0x2000, /* closed by weir_close_now(); lives until its ops' done()s ran */
    HANDLE_OPENING = 0x4000,  /* during weir_open(): not attached yet */
    HANDLE_GUARDED = 0x8000   /* blocking, and the kernel has no call that never waits on it */
};

/* handle->in.hint: what a readiness mechanism said. MAY_*: an attempt is worth making. TOLD_*:
 * since the last callback phase. HUNG: the last event carried RDHUP, HUP, ERR or URGENT. */
enum handle_hint {
    MAY_IN = WEIR_IN,
    MAY_OUT = WEIR_OUT,
    TOLD_IN = 0x04,
    TOLD_OUT = 0x08,
    TOLD_HUP = 0x10,
    TOLD_ERR = 0x20,
    TOLD_RDHUP = 0x40,
    HUNG = 0x80
};

/* In handle->in.want and .armed beside WEIR_IN, WEIR_OUT and WEIR_RDHUP: what is always told. */
#define WANT_HUNG 0x80u

/* handle->in.busy above its directions: how many buffers count against the handle's quota. */
#define BUSY_ONE_BUFFER 0x04u
#define QUOTA_MOST 63u

static inline unsigned handle_buffers(const struct weir_handle *handle)
{
    return handle->in.busy / BUSY_ONE_BUFFER;
}

/* From the kind alone, which workers may read too: the flags are the loop thread's. */
static inline bool handle_is_socket(const struct weir_handle *handle)
{
    return handle->in.kind == WEIR_HANDLE_STREAM || handle->in.kind == WEIR_HANDLE_DATAGRAM ||
           handle->in.kind == WEIR_HANDLE_LISTENER;
}

/* Whether an offset means something on it. */
static inline bool handle_has_offsets(const struct weir_handle *handle)
{
    return handle->in.kind == WEIR_HANDLE_FILE || handle->in.kind == WEIR_HANDLE_DIRECTORY;
}

/* By far the most frequent of what a call says: bytes of a stream were moved, and no more are asked
 * for. */
static inline bool op_is_whole(const struct weir_op *op, int64_t result)
{
    if (result < 0 || !op_transfers(op) || handle_has_offsets(op->handle))
        return false;
    return !(op->flags & WEIR_ALL) ||
           (!op_is_vector(op) && op->in.progress + (uint64_t)result == op->in.arg.transfer.length);
}

enum started {
    STARTED,        /* its end will be told by loop_event(), loop_finish() or an attempt */
    STARTED_DONE,   /* its result is in op->result, not yet concluded */
    STARTED_BUSY,   /* no room now; ask again in the next turn, in this order */
    STARTED_OFFLOAD /* a worker must do it */
};

enum engine_traits {
    ENGINE_EDGE = 1,    /* tells changes only: what was told once is not told again */
    ENGINE_ONESHOT = 2, /* a told handle is disarmed until watched anew */
    ENGINE_READINESS = 4,
    ENGINE_BY_NAME = 8 /* taken when it is asked for, and never as the default */
};

/* One mechanism. Entries are mandatory unless said. All run on the loop's thread but wake. */
struct engine {
    const char *name, *model;
    unsigned    traits;
    /* 0, or WEIR_E* with a sentence in reason[192] that says why it cannot be used here. */
    int (*open)(struct weir_loop *loop, const struct weir_options *options, char *reason);
    void (*close)(struct weir_loop *loop);
    /* Takes the op, or says who must. */
    enum started (*start)(struct weir_loop *loop, struct weir_op *op);
    /* Asks an op that it has to end; it still ends once. */
    void (*cancel)(struct weir_loop *loop, struct weir_op *op);
    /* Optional, readiness only: what an attempt that moved nothing really says, where the mechanism
     * told more of the handle than the system call did. */
    int64_t (*attempted)(struct weir_loop *loop, struct weir_op *op, int64_t result);
    /* Optional: an op with in.engine set has ended, directly before its done(). */
    void (*ended)(struct weir_loop *loop, struct weir_op *op);
    /* Readiness only: makes the mechanism watch for handle->in.want, of 0 to forget it. 0 or
     * WEIR_E*, with which the waiting ops of the handle end. */
    int (*watch)(struct weir_loop *loop, struct weir_handle *handle);
    /* Optional, readiness only: hands over what watch and start only queued, before an outer loop
     * sleeps. */
    void (*flush)(struct weir_loop *loop);
    /* Hands over what is queued, sleeps at most timeout_ns (-1: for ever), harvests everything.
     * Runs no callback. 0 or WEIR_E*. */
    int (*wait)(struct weir_loop *loop, int64_t timeout_ns);
    /* Any thread: makes the current or next wait return. */
    void (*wake)(struct weir_loop *loop);
    /* Optional: before a descriptor is closed, or its handle moves to another loop; nothing that
     * names it stays queued. */
    void (*forget)(struct weir_loop *loop, struct weir_handle *handle);
    /* Optional, any thread: 0, or WEIR_E* for a handle of another loop that could not be watched
     * here. */
    int (*takes)(const struct weir_loop *loop, const struct weir_handle *handle);
    /* A descriptor that becomes readable when wait has something to tell, or WEIR_ENOTSUP. */
    int (*fd)(struct weir_loop *loop);
    /* Optional: a pool was opened, or is to be closed, from which the mechanism itself may pick;
     * and what of its buffers it has not picked goes back to the pool. */
    void (*pool_open)(struct weir_loop *loop, struct weir_pool *pool);
    void (*pool_close)(struct weir_loop *loop, struct weir_pool *pool);
    void (*pool_reclaim)(struct weir_loop *loop, struct weir_pool *pool);
    /* Optional: a handle gets a quota, and for what it receives the mechanism picks no more. */
    void (*pool_quota)(struct weir_loop *loop, struct weir_handle *handle);
    /* Optional: the mechanism received a message into the buffer that is bound to the op, which is
     * about to be told; what it left in front of the buffer is told with it. */
    void (*pool_told)(struct weir_op *op, int64_t result);
    /* enum weir_support. */
    int (*query)(enum weir_op_kind op, enum weir_handle_kind handle);
    /* Optional. */
    int (*features)(const struct weir_loop *loop, struct weir_feature *features, size_t room);
    const struct system *sys;
};

/* perform: whether a call may wait. */
enum perform { PERFORM_TRY, PERFORM_WAIT };

/* The call of an op that a worker has: what it said, never WEIR_EINTR. */
typedef int64_t work_call(struct weir_loop *loop, struct weir_op *op);

/* The seam to the world: POSIX, Windows or simulation. Results are 0, >= 0 or WEIR_E*. */
struct system {
    uint64_t (*now)(struct weir_loop *loop);
    /* The op's plain system call, for what is left of it. TRY: WEIR_EAGAIN instead of waiting, or
     * WEIR_ENOTSUP where only a worker can do it. WAIT (on a worker): until it is done. */
    int64_t (*perform)(struct weir_op *op, enum perform how);
    int (*socket)(struct weir_loop *loop, int family, int type, unsigned flags);
    int (*bind)(struct weir_handle *handle, const void *address, size_t length, unsigned flags);
    /* A socket that listens: its descriptor. */
    int (*listen)(struct weir_loop *loop, const void *address, size_t length, int backlog,
                  unsigned flags);
    int (*pipe)(struct weir_loop *loop, int ends[2]);
    /* Finds in.kind and the HANDLE_* flags of in.descriptor; `own`: weir opened it. */
    int (*classify)(struct weir_handle *handle, bool own);
    void (*close)(struct weir_loop *loop, int descriptor);
    int (*address)(const struct weir_handle *handle, bool peer, struct weir_address *address);
    int (*option_set)(struct weir_handle *handle, enum weir_option option, int64_t value);
    int (*option_get)(const struct weir_handle *handle, enum weir_option option, int64_t *value);
    int (*multicast)(struct weir_handle *handle, const struct weir_address *group,
                     unsigned interface_index, bool join);
    /* As weir_direct_alignment(), of a handle that is attached. */
    int (*alignment)(const struct weir_handle *handle, struct weir_alignment *alignment);
    /* A descriptor that any thread can make readable, for wake; two numbers where it is a pipe. */
    int (*notifier_open)(int ends[2]);
    void (*notifier_tell)(int end);
    void (*notifier_clear)(int end);
    /* Signals as a readable descriptor; mask: bit n is signal n + 1, all that the loop waits
     * for. */
    int (*signals_watch)(struct weir_loop *loop, int descriptor, uint64_t mask, uint64_t *blocked);
    int (*signals_take)(struct weir_loop *loop, int descriptor); /* its number, or WEIR_EAGAIN */
    /* Optional, all three or none: workers of the system's own in the place of threads. One of them
     * makes the call, then loop_worked(). 0 or WEIR_E*; as offload_cancel() and offload_runs(). */
    int (*work)(struct weir_loop *loop, struct weir_op *op, work_call *call);
    bool (*work_cancel)(struct weir_loop *loop, struct weir_op *op);
    bool (*work_runs)(struct weir_loop *loop, struct weir_op *op);
};

/* What was harvested: one end, or one telling, of an op. */
struct event {
    struct weir_op *op;
    int64_t         result;
    uint32_t        flags;  /* EVENT_* */
    uint32_t        detail; /* of a pooled receive: the number of the buffer, 0 for none */
};

/* MORE: the mechanism keeps the op and will tell more. AGAIN: it is told with op->more and then
 * asked again, from the start. TRY: it is ready, and its call comes directly before its done().
 * None: it ended. */
enum event_flags { EVENT_MORE = 1, EVENT_AGAIN = 2, EVENT_TRY = 4 };

enum wake_state { AWAKE, ASLEEP, TOLD };

enum loop_lane { LANE_FILES, LANE_RESOLVE, LANE_WORK, LANES };

/* Threads for files when options.file_workers is 0. */
#define FILE_WORKERS_USUAL 4

#define REFUSALS_MAX 16

struct group_member;
struct lanes;
struct signals;
struct copies;

/* What lies between the two ends of a weir_copy(). While a worker has it, it is the worker's; it
 * sees the handles as they were when it was asked. */
struct copy {
    struct weir_op     *op;     /* the caller's; its own handle is the target */
    struct weir_handle *source; /* borrowed */
    struct weir_op      place;  /* stands for it among the ops of the source */
    struct weir_op      poll;   /* waits for one of the two */
    struct weir_handle  from, to;
    uint64_t            from_offset, to_offset; /* of the next byte, or WEIR_STREAM */
    uint64_t            left;                   /* UINT64_MAX: until the end */
    unsigned char      *buffer;                 /* owned, or NULL where none was needed yet */
    uint32_t            kept_at, kept_length;   /* in it: taken, and not yet at the target */
    uint8_t      waits_for; /* with WEIR_EAGAIN: WEIR_IN of the source, WEIR_OUT of the target */
    bool         checked;   /* two files: they are not one, or do not overlap */
    bool         buffered;  /* two files: the system refused to do it by itself */
    bool         blind;     /* the source cannot be looked at, only read */
    bool         plain;     /* it is done by reads and writes, piece by piece */
    struct copy *next, *spare;
};

/* The record of an op of a copy, the caller's or weir's own. */
static inline struct copy *copy_of(const struct weir_op *op)
{
    return op->in.arg.copy.record;
}

/* Of most processors; those that fetch two at a time lose a little. */
#define CACHE_LINE 64

struct weir_loop {
    /* What the engines use. */
    const struct engine *engine;
    const struct system *sys;
    void                *mechanism; /* owned by the engine */
    int           notifier[2]; /* read end, write end; the same number where it is an eventfd */
    struct event *events;      /* owned; harvested and not yet told: [event_next, event_count) */
    uint32_t      event_next, event_count, event_room;
    struct handle_fifo ready;   /* told by the mechanism, attempts to come */
    struct handle_fifo changed; /* interest to be told to the mechanism before the next wait */

    /* A hybrid: the readiness engine that it stands on, which owns `mechanism`; and its own. */
    const struct engine *below;
    void                *hybrid; /* owned by the engine */

    /* Ops on their way. */
    struct op_fifo      asked, ended;
    struct op_fifo      paced;
    struct weir_op      pace; /* timer of the paced */
    struct heap         timers;
    struct weir_handle *serving; /* its attempts run now; NULL when it was closed meanwhile */
    struct handle_fifo  closing; /* no op pending any more: to be closed */
    struct weir_handle *handles; /* ring of the attached, by in.next */
    struct weir_handle  none;    /* holds the ops without a handle */
    uint32_t            pending, pending_background, closing_count, timer_count;

    /* The loop's own life. */
    const void *thread; /* of the first weir_run(), or NULL */
    unsigned    generation;
    bool        running, stop, shutting, embedded;
    uint64_t    opened_ns;
    uint64_t    tellings; /* ends and closes told so far: whether a turn brought something */

    /* From other threads, in cache lines of their own wherever the loop lies in memory: what is
     * around them is read in every turn. */
    char                      apart_before[CACHE_LINE];
    _Atomic(struct weir_op *) posted;
    _Atomic(struct weir_op *) worked;
    atomic_int                wake;
    char                      apart_behind[CACHE_LINE];

    struct lanes           *lanes;   /* owned; NULL until the first offload */
    struct signals         *signals; /* owned; NULL until the first weir_signal() */
    struct copies          *copies;  /* owned; NULL until the first weir_copy() */
    struct group_member    *member;  /* borrowed; NULL for a loop that is in no group */
    struct weir_pool       *pools;   /* owned list */
    struct weir_allocator   memory;  /* loop_resize(), for the parts that take an allocator */
    struct weir_options     options; /* copied; its strings are not kept, its allocator is */
    struct weir_allocator   allocator;
    struct weir_stats       stats;
    int                     refusal_count;
    struct weir_engine_info refusals[REFUSALS_MAX];
};

/* ---- Up from the mechanisms ------------------------------------------------------------------ */

/* Harvest one event; the op is told in the callback phase. Call loop_room() first: false when there
 * is no memory for another event now: leave it with the kernel until the next wait. */
bool loop_room(struct weir_loop *loop, uint32_t count);
void loop_event(struct weir_loop *loop, struct weir_op *op, int64_t result, uint32_t flags,
                uint32_t detail);

/* The same of one connection of a multishot accept, which is closed instead when its listener was
 * closed before it was harvested. more: the mechanism keeps the op; else it is asked again. */
void loop_accepted(struct weir_loop *loop, struct weir_op *op, int descriptor, bool more);

/* An op ends without the mechanism: result as it is, done() in the next round. */
void loop_finish(struct weir_loop *loop, struct weir_op *op, int64_t result);

/* The next op of a direction of a handle takes the place of one that left. */
void loop_release(struct weir_loop *loop, struct weir_handle *handle, uint8_t direction);

/* What a call for op said: puts it into op->result and returns true when the op has ended, or, with
 * op->more, has something to tell; else it goes on, asked again. */
bool               loop_conclude_other(struct weir_loop *loop, struct weir_op *op, int64_t result);
static inline bool loop_conclude(struct weir_loop *loop, struct weir_op *op, int64_t result)
{
    if (!LIKELY(op_is_whole(op, result)))
        return loop_conclude_other(loop, op, result);
    op->result = result + (int64_t)op->in.progress;
    op->more = 0;
    op->state = OP_SETTLED;
    return true;
}

/* Tells one harvested event. */
void loop_tell_event(struct weir_loop *loop, struct event event);

/* Runs done() of an op that goes on. */
void loop_tell(struct weir_loop *loop, struct weir_op *op, int64_t result);

/* Runs done(). The op may be gone when it returns, or, where it had op->more, is asked again. */
void loop_end(struct weir_loop *loop, struct weir_op *op);

/* To be given to the engine (again) in the next round. */
static inline void loop_ask(struct weir_loop *loop, struct weir_op *op)
{
    op->state = OP_ASKED;
    fifo_push(&loop->asked, op);
}

/* A worker's call came back; any thread. */
void loop_worked(struct weir_loop *loop, struct weir_op *op);

/* Whether it is the poll of the descriptor that tells signals, which may have to be asked on the
 * thread that the signals were sent to: signalfd(2). */
bool loop_awaits_signals(const struct weir_loop *loop, const struct weir_op *op);

/* From a simulated world, in which other loops run while one waits: a turn that does not sleep; and
 * in how many nanoseconds the loop has something to do: -1, not before something happens. */
void    loop_visit(struct weir_loop *loop);
int64_t loop_next_turn(struct weir_loop *loop);

/* Writes the sentence of a refusal, with the error's name; returns the error. */
int loop_refuse(char *reason, int error, const char *sentence);

/* From a hybrid's open: opens the best level-triggered readiness engine that this machine allows as
 * loop->below. As open of struct engine. */
int loop_open_below(struct weir_loop *loop, const struct weir_options *options, char *reason);

/* loop->notifier, for wake. */
int  loop_notifier_open(struct weir_loop *loop);
void loop_notifier_close(struct weir_loop *loop);

/* Memory from the loop's allocator, counted; as resize of struct weir_allocator. */
void *loop_resize(void *user, void *memory, size_t size);

void loop_log(struct weir_loop *loop, enum weir_log_level level, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* ---- ready.c: completion on top of readiness ------------------------------------------------- */

enum started ready_start(struct weir_loop *loop, struct weir_op *op);
void         ready_cancel(struct weir_loop *loop, struct weir_op *op);
void         ready_wake(struct weir_loop *loop);
void         ready_forget(struct weir_loop *loop, struct weir_handle *handle);

/* From wait: the mechanism says that WEIR_IN, WEIR_OUT, WEIR_HUP, ... hold for a handle. URGENT: so
 * does POLLPRI; one that tells changes asks for it, since a receive stops before urgent data. */
#define READY_URGENT 0x40u
void ready_told(struct weir_loop *loop, struct weir_handle *handle, unsigned events);

/* From wait: a handle that watch took will not be watched after all; the ops that wait on it end
 * with the error. */
void ready_refuse(struct weir_loop *loop, struct weir_handle *handle, int error);

/* Before a wait: tells the mechanism each changed interest. */
void ready_flush(struct weir_loop *loop);

/* From the callback phase: the attempts of a told handle, each directly before its done(). */
void ready_serve(struct weir_loop *loop, struct weir_handle *handle);

/* WEIR_IN, WEIR_OUT, WEIR_RDHUP and WANT_HUNG: what the ops that wait now are interested in. */
unsigned ready_interest(const struct weir_handle *handle);

int ready_query(enum weir_op_kind op, enum weir_handle_kind handle, unsigned traits);

/* Whether no mechanism can announce it: the call itself begins it, or says that it makes no sense
 * here. */
bool ready_begins_with_call(const struct weir_op *op);

/* ---- offload.c: worker lanes ----------------------------------------------------------------- */

/* Queues op for a worker, or finishes it when none can be had. */
void offload_start(struct weir_loop *loop, struct weir_op *op);
/* Whether it was still queued, and is now out of the lane. */
bool offload_cancel(struct weir_loop *loop, struct weir_op *op);
bool offload_runs(struct weir_loop *loop, struct weir_op *op); /* a worker is in its call */
/* Ends and joins every worker; none may be in a call. */
void offload_finish(struct weir_loop *loop);
void offload_forget(struct weir_loop *loop);

/* ---- copy.c: from one handle to another ------------------------------------------------------ */

enum started copy_start(struct weir_loop *loop, struct weir_op *op);
/* On a worker: as struct system's perform. */
int64_t copy_work(struct weir_loop *loop, struct weir_op *op);
/* A piece moved, or found nothing to do: the copy goes on. */
void copy_moved(struct weir_op *op, uint64_t length);
void copy_wait(struct weir_loop *loop, struct weir_op *op);
/* The turn of a copy at its source has come; its poll has ended; the copy has. */
void copy_turn(struct weir_loop *loop, struct weir_op *place);
void copy_polled(struct weir_loop *loop, struct weir_op *poll);
void copy_end(struct weir_loop *loop, struct weir_op *op);
void copy_finish(struct weir_loop *loop);

/* ---- pool.c: buffers, pooled.c: receives into them ------------------------------------------- */

struct pool_buffer {
    struct weir_handle *handle; /* borrowed: whose quota it counts against, or NULL */
    uint32_t            next;   /* the number of the next free one, 0 at the end */
    uint32_t            state;  /* enum buffer_state */
};

enum buffer_state {
    BUFFER_FREE,  /* on the pool's list */
    BUFFER_BOUND, /* a call receives into it, or it is lent to the mechanism */
    BUFFER_OUT    /* the program's */
};

/* Buffers that were allocated together. */
struct pool_block {
    void               *memory; /* owned, as are the records */
    struct pool_buffer *buffers;
    char               *data; /* in memory: the first buffer */
    uint32_t            first, count;
};

/* Each block doubles what there was. */
#define POOL_BLOCKS 24

/* In front of each buffer of a pool with the usual alignment: room for what a mechanism writes of a
 * message beside its bytes. */
#define POOL_HEAD 128u

/* Buffers are known by their numbers, from 1 on. */
struct weir_pool {
    struct weir_loop       *loop;
    struct weir_pool       *next;
    size_t                  buffer_size, stride;
    uint32_t                alignment, count_max;
    uint32_t                head; /* POOL_HEAD, or 0 */
    enum weir_pool_policy   policy;
    uint32_t                free_first, free_count;
    uint32_t                promised; /* of the free, to receives that waited */
    uint32_t                pending;  /* receives that are live */
    uint32_t                block_count;
    struct op_fifo          waiting; /* OP_STARVED, but for those that wait for their own quota */
    struct weir_pool_counts counts;
    void                   *lent; /* the mechanism's record of what it may pick, or NULL */
    struct pool_block       blocks[POOL_BLOCKS];
};

/* What a pooled receive ends its attempt with when something is there, and no buffer: none of
 * WEIR_E*. */
#define POOL_EMPTY INT64_MIN

/* op->in.step of a pooled receive. */
enum pooled_step {
    POOLED_PROMISED = 1, /* a free buffer is kept for it */
    POOLED_QUOTA = 2,    /* starved by its handle's quota, and not by the pool */
    POOLED_DIRECT = 4 /* io_uring: the next attempt is a call, where the kernel found no buffer */
};

static inline bool op_is_pooled(const struct weir_op *op)
{
    return op->kind == WEIR_OP_RECV_POOLED || op->kind == WEIR_OP_RECV_MSG_POOLED;
}

/* From perform: the receive, into a buffer that is taken now, and bound to the op if anything
 * came. */
int64_t pool_perform(struct weir_op *op, enum perform how);
/* The buffer that was told with it, which a mechanism picked, is what the op received into. */
void pool_bind(struct weir_op *op, uint32_t number, int64_t result);
/* A free one becomes the mechanism's: its number, or 0; and back again. */
uint32_t pool_lend(struct weir_pool *pool);
void     pool_return(struct weir_pool *pool, uint32_t number);
void    *pool_data(const struct weir_pool *pool, uint32_t number);
/* Of the buffer that an address lies in, or 0. */
uint32_t pool_number(const struct weir_pool *pool, const void *data);

/* A free buffer that is promised to nobody, or 0; where there is none, the pool may grow. */
uint32_t pool_take(struct weir_pool *pool, bool may_grow);
void     pool_taken(struct weir_pool *pool, uint32_t number, struct weir_handle *handle);
void     pool_wake(struct weir_pool *pool);
bool     pool_starves(const struct weir_op *op); /* whether it waits now that it found none */
void     pool_starve(struct weir_op *op);
void     pool_leave(struct weir_op *op); /* from its waiting place */
void     pool_end(struct weir_op *op);   /* the op has ended */
void     pool_forget(struct weir_loop *loop, struct weir_handle *handle);
void     pool_finish(struct weir_loop *loop);

/* The systems there are: src/os. */
extern const struct system system_posix, system_windows, system_sim;

/* ---- the core's own parts -------------------------------------------------------------------- */

void     signal_begin(struct weir_loop *loop, struct weir_op *op);
void     signal_cancel(struct weir_loop *loop, struct weir_op *op);
void     signal_resume(struct weir_loop *loop, struct weir_op *op); /* after a multishot told */
void     signal_settle(struct weir_loop *loop); /* unblocks what no op awaits any more */
bool     signal_is_internal(const struct weir_loop *loop, const struct weir_op *op);
bool     signal_is_internal_handle(const struct weir_loop *loop, const struct weir_handle *handle);
uint32_t signal_internal_ops(const struct weir_loop *loop);
uint32_t signal_internal_handles(const struct weir_loop *loop);
void     signal_finish(struct weir_loop *loop);

bool op_begin(struct weir_op *op, enum weir_op_kind kind, struct weir_handle *handle,
              unsigned flags, unsigned allowed, weir_done *done);
void op_enter(struct weir_op *op);
void op_retract(struct weir_op *op);
void op_submit(struct weir_op *op);
void op_decide(struct weir_op *op, int64_t result);
int  op_cancel(struct weir_loop *loop, struct weir_op *op, int cause);

/* kind NONE: find out. 0 or WEIR_E*, and the handle as zeroed; the descriptor is not closed. */
int  handle_attach(struct weir_handle *handle, struct weir_loop *loop, int descriptor,
                   unsigned flags, enum weir_handle_kind kind, bool own);
void handle_link(struct weir_loop *loop, struct weir_handle *handle);
void handle_detach(struct weir_loop *loop, struct weir_handle *handle);
void handle_op_left(struct weir_loop *loop, struct weir_handle *handle);
int  handle_cancel_ops(struct weir_loop *loop, struct weir_handle *handle);
void handle_unlist(struct weir_loop *loop, struct weir_handle *handle);
void handle_finish_close(struct weir_loop *loop, struct weir_handle *handle);

/* Of a connection of a group, which is closed: its memory. Of a loop that is given up: its group
 * does not close it any more. */
void group_forget(struct weir_handle *handle);
void group_lost(struct weir_loop *loop);

/* Of weir_loop_close() all but the end: the loop stays, and nothing is left in it. */
int loop_drain(struct weir_loop *loop, uint64_t timeout_ns);

/* Of the options, or the C library's. */
struct weir_allocator loop_allocator(const struct weir_options *options);

/* Frees the loop and no descriptor; its ops and handles are the caller's, as zeroed. */
void loop_abandon(struct weir_loop *loop);

/* Posted ops, and the handles that moved here with theirs, join the loop; or, with the loop, are
 * given up. */
void loop_take_posts(struct weir_loop *loop);
void loop_forget_posts(struct weir_loop *loop);

/* 0 when the calling thread may use the loop; WEIR_EPERM in a forked child; else it aborts. */
int  loop_admit(const struct weir_loop *loop, const char *call);
void loop_settle(struct weir_loop *loop, int rounds);
void loop_doom(const struct weir_op *op, const char *call, const char *sentence);

void see_served(const struct weir_loop *loop, FILE *file);

void timers_fire(struct weir_loop *loop);

/* As weir_loop_open(); `refusal` (or NULL) gets the last refused engine when none could be had. */
int loop_open_with_reason(struct weir_loop **out, const struct weir_options *options,
                          struct weir_engine_info *refusal);

/* Whether that is to be the engine sim: asked for by the options or the environment. */
bool pick_is_simulated(const struct weir_options *options);

/* Opens the engine asked for, or the best; keeps what was refused. 0 or WEIR_ENOENGINE. */
int pick_engine(struct weir_loop *loop, const struct weir_options *options);

#endif
