/* SPDX-License-Identifier: MIT */
/* uring.h - what the files of the io_uring engine share. */
#ifndef WEIR_URING_H
#define WEIR_URING_H

#include <liburing.h>
#include <poll.h>

#include "../engine.h"

/* user_data is the op's address with a tag in its low bits; op->in.engine holds the value in use,
 * so that a cancel names exactly that. */
enum uring_tag {
    TAG_OP = 0,    /* the op itself */
    TAG_POLL = 1,  /* a poll that the op waits for, to be tried by a direct call then */
    TAG_WAKE = 2,  /* the notifier */
    TAG_IGNORE = 3 /* cancels: what matters is how the op ends */
};
#define TAG_MASK UINT64_C(3) /* 32-bit x86 aligns an op to no more than 4 bytes */

/* op->in.step of an op on a file: a worker of weir's is to do it, since io_uring could not. */
#define BY_WORKER 1

/* op->in.step of a poll: io_uring tells RDHUP to everyone. One that did not ask for it watches for
 * changes then, by a multishot poll, and holds in its low bits what it found. */
#define POLL_WATCHES 0x80

/* How often a direct call of its kind found nothing, and how many go to the ring until the next. */
struct uring_luck {
    uint8_t vain, pause;
};

#define PAUSE_MOST 16

/* What found nothing is tried half as often each time, down to once in 17. */
static inline bool uring_is_promising(struct uring_luck *luck)
{
    if (!luck->pause)
        return true;
    luck->pause--;
    return false;
}

static inline void uring_learn(struct uring_luck *luck, bool found)
{
    luck->vain = (uint8_t)(found ? 0 : luck->vain ? luck->vain * 2 : 1);
    if (luck->vain > PAUSE_MOST)
        luck->vain = PAUSE_MOST;
    luck->pause = luck->vain;
}

struct uring {
    struct io_uring ring;
    struct msghdr  *messages; /* owned; one a submission slot, read by the kernel at submission */
    unsigned        setup;    /* IORING_SETUP_* in use */
    atomic_int      event_fd; /* registered once the loop is embedded, else -1 */
    bool            unused;   /* until the first submission, whose thread becomes the issuer */
    bool     registers, registered; /* the ring is to have, and has, its number in its thread */
    bool     wake_armed;
    bool     quiet;           /* one completion came, and nothing was sent directly since */
    unsigned unended;         /* ops that were asked to end and have not */
    uint64_t cancel_again_ns; /* when they are asked again; 0: none was left over */
    int64_t  patience_ns;     /* from then to the next time */

    struct uring_luck  file_reads, datagrams; /* of reads and receives that are alone */
    struct uring_luck  sends;                 /* of those to a stream */
    struct uring_luck  pooled;  /* of receives into a pool that weir binds buffers of */
    struct uring_lent *lent;    /* list; owned by the pools */
    struct op_fifo     found;   /* polls that watched and found: their watch is to end */
    struct weir_buf   *buffers; /* owned copy; what is registered, which is the program's memory */
    size_t             buffer_count;
    int               *places; /* owned; the first places_free: those that no file has */
    unsigned           places_free;

    /* What the ring got: 0 where it is in use or unasked; and what is there, and wanted. */
    int  buffers_error;   /* IORING_REGISTER_BUFFERS */
    int  places_error;    /* IORING_REGISTER_FILES */
    int  busy_poll_error; /* IORING_REGISTER_NAPI */
    bool has_places;
    bool busy_polls;
    bool workers_bounded; /* IORING_REGISTER_IOWQ_MAX_WORKERS */
    bool truncates;       /* IORING_OP_FTRUNCATE */
    bool picks_buffers;   /* rings of buffers (Linux 5.19) */
    bool receives_many;   /* multishot receives (Linux 6.0) */
    bool accepts_many;    /* multishot accepts */
    bool zerocopy;        /* sends without a copy */
};

static inline bool uring_is_message(const struct weir_op *op)
{
    return op->kind == WEIR_OP_RECV_MSG || op->kind == WEIR_OP_SEND_MSG;
}

/* A cancel may miss its op: one that the kernel has between a poll and its next attempt is not
 * found, and goes on to a thread of the kernel's that waits in the call. So what has not ended by
 * then is asked anew, less and less often. What a disk has ends by itself. */
static inline bool uring_may_miss(const struct weir_op *op)
{
    return !handle_has_offsets(op->handle);
}

/* uring_setup.c: as the entries of struct engine. */
int  uring_open(struct weir_loop *loop, const struct weir_options *options, char *reason);
void uring_close(struct weir_loop *loop);
int  uring_query(enum weir_op_kind op, enum weir_handle_kind handle);
int  uring_features(const struct weir_loop *loop, struct weir_feature *features, size_t room);

/* An empty entry; a full queue is submitted first. NULL while the kernel takes none. */
struct io_uring_sqe *uring_take_entry(struct uring *u);

static inline void uring_name_entry(struct io_uring_sqe *entry, struct weir_op *op,
                                    enum uring_tag tag)
{
    op->in.engine = (uint64_t)(uintptr_t)op | tag;
    io_uring_sqe_set_data64(entry, op->in.engine);
}

/* When the descriptor is ready, the op is tried. */
static inline enum started uring_poll_for(struct uring *u, struct weir_op *op)
{
    struct io_uring_sqe *entry = uring_take_entry(u);
    if (!entry)
        return STARTED_BUSY;
    io_uring_prep_poll_add(entry, op->handle->in.descriptor,
                           op->in.holds & WEIR_IN ? POLLIN : POLLOUT);
    uring_name_entry(entry, op, TAG_POLL);
    return STARTED;
}

/* Buffers that the kernel may pick: weir_pool.lent, of those for bytes. */
struct uring_lent {
    struct uring_lent        *next;
    struct uring_lent        *other; /* of the same pool: for messages, or for bytes; or NULL */
    struct weir_pool         *pool;
    struct io_uring_buf_ring *ring;   /* in memory, page-aligned; read by the kernel */
    void                     *memory; /* owned */
    uint32_t                  entries, count;
    uint32_t                  receives; /* that the kernel has, to pick for */
    uint32_t                  most; /* that it holds; twice as many when the kernel finds none */
    uint32_t                  kept; /* free buffers that are left to the program */
    uint32_t                  head; /* of a message, in front of each buffer; 0: for bytes */
    uint16_t                  group;
    bool                      dry;   /* the kernel found none, and the pool has more */
    bool                      alone; /* the other one could not be had */
};

/* uring_pool.c: what it does of the entries of struct engine, and the ring for messages, which is
 * made when it is needed, or NULL. uring_lent_is_dry() is told that the kernel found no buffer;
 * whether it is lent more. uring_lend() gives the kernel what is free; whether a receive that
 * waited for that is asked. */
void               uring_pool_open(struct weir_loop *loop, struct weir_pool *pool);
void               uring_pool_close(struct weir_loop *loop, struct weir_pool *pool);
void               uring_pool_reclaim(struct weir_loop *loop, struct weir_pool *pool);
struct uring_lent *uring_lent_of_messages(struct weir_loop *loop, struct weir_pool *pool);
bool               uring_lent_is_dry(struct uring_lent *lent);
bool               uring_lend(struct weir_loop *loop, struct uring *u);

/* uring_pooled.c: receives into buffers of a pool. */
enum started uring_start_pooled(struct weir_loop *loop, struct weir_op *op);
void         uring_harvest_picked(struct weir_loop *loop, struct weir_op *op,
                                  const struct io_uring_cqe *cqe);
void         uring_pool_quota(struct weir_loop *loop, struct weir_handle *handle);
void         uring_pool_told(struct weir_op *op, int64_t result);

/* Every completion that is in the ring, as far as there is memory for events. */
void uring_harvest_all(struct weir_loop *loop, struct uring *u);

/* Writes the entry of an op; its user_data is the caller's. False when io_uring has none for it. */
bool uring_fill(struct uring *u, struct io_uring_sqe *entry, const struct weir_op *op);

/* Ends what the kernel has of the op: its completion tells. */
void uring_submit_cancel(struct weir_loop *loop, struct weir_op *op);

/* uring_files.c. Places for files, if options ask for them; the entry of a read or write of a file
 * names its place, if it has or gets one; as the entry of struct engine. */
void uring_places_open(struct weir_loop *loop, struct uring *u, const struct weir_options *options);
void uring_use_place(struct uring *u, struct io_uring_sqe *entry, struct weir_handle *handle);
void uring_forget(struct weir_loop *loop, struct weir_handle *handle);

/* uring_direct.c. Whether a call ended an op that is alone, or a send in a quiet loop; else it is
 * the ring's. */
bool uring_done_directly(struct weir_loop *loop, struct weir_op *op);
bool uring_sent_directly(struct weir_loop *loop, struct weir_op *op);

/* uring_zerocopy.c. The entry of an op with WEIR_ZEROCOPY, filled as a plain one, becomes one
 * without a copy where that is had and pays. */
void uring_zerocopy_fill(const struct uring *u, struct io_uring_sqe *entry, struct weir_op *op);
/* Whether what is in flight completes twice. */
bool uring_zerocopy_in_flight(const struct weir_op *op);
/* Whether the op waits for the other completion, or is asked again; else *result is its result. */
bool uring_zerocopy_goes_on(struct weir_loop *loop, struct weir_op *op,
                            const struct io_uring_cqe *cqe, int64_t *result);

/* What a completion says; there is room for an event. */
void uring_harvest(struct weir_loop *loop, const struct io_uring_cqe *cqe);

#endif
