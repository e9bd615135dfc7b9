/* SPDX-License-Identifier: MIT */
/* uring_zerocopy.c - sends whose memory the network reads itself. io_uring_enter(2),
 * IORING_OP_SEND_ZC.
 *
 * Such an entry completes twice: with its result, and, when nothing reads the memory any more, with
 * a notification. The op ends when both are there. */
#include <errno.h>
#include <liburing.h>

#include "../base/rest.h"
#include "../os/linux_compat.h"
#include "uring.h"

/* From this many bytes on, pinning pages and a second completion cost less than copying:
 * docs/decisions/0017-zero-copy-on-io_uring.md. */
#define LENGTH_LEAST ((size_t)32 * 1024)

/* handle->in.armed, which readiness mechanisms use otherwise: the kernel copied what it was to send
 * without a copy, or cannot but copy. */
#define ARMED_COPIES 1

/* op->in.step of a send. */
enum {
    ZEROCOPY_ASKED = 1, /* the entry in flight is one of these */
    ZEROCOPY_TOLD = 2,  /* op->result holds its result; the notification is to come */
    ZEROCOPY_FREE = 4,  /* the notification came first */
    ZEROCOPY_NOT = 8    /* refused for this op: it goes plainly */
};

static size_t length_of(const struct weir_op *op)
{
    if (op->kind != WEIR_OP_SEND_MSG)
        return rest_of(op).length;
    const struct weir_msg *message = op->in.arg.message.messages;
    size_t                 length = 0;
    for (size_t i = 0; i < message->count; i++)
        length += message->buffers[i].length;
    return length;
}

void uring_zerocopy_fill(const struct uring *u, struct io_uring_sqe *entry, struct weir_op *op)
{
    bool plain = !u->zerocopy || op->handle->in.armed == ARMED_COPIES ||
                 (op->in.step & ZEROCOPY_NOT) || !handle_is_socket(op->handle) ||
                 length_of(op) < LENGTH_LEAST;
    if (plain) {
        op->told |= WEIR_TOLD_COPIED;
        return;
    }
    if (!op->in.progress)
        op->told &= ~WEIR_TOLD_COPIED;
    op->in.step = ZEROCOPY_ASKED;
    entry->opcode = entry->opcode == IORING_OP_SEND ? IORING_OP_SEND_ZC : URING_OP_SENDMSG_ZC;
    entry->ioprio |= URING_SEND_ZC_REPORT_USAGE;
}

bool uring_zerocopy_in_flight(const struct weir_op *op)
{
    return (op->flags & WEIR_ZEROCOPY) && (op->in.step & ZEROCOPY_ASKED);
}

/* Whether the op is to be sent plainly, where this way is not had: of this kind of socket, or for
 * want of memory that may be pinned (RLIMIT_MEMLOCK). */
static bool is_refused(struct weir_op *op, int64_t result)
{
    switch (result) {
    case WEIR_EOPNOTSUPP:
    case WEIR_EINVAL: /* Linux 6.1 does not tell whether it copied */
        op->handle->in.armed = ARMED_COPIES;
        return true;
    case WEIR_ENOBUFS:
    case WEIR_ENOMEM:
        return true;
    default:
        return false;
    }
}

bool uring_zerocopy_goes_on(struct weir_loop *loop, struct weir_op *op,
                            const struct io_uring_cqe *cqe, int64_t *result)
{
    if (cqe->flags & IORING_CQE_F_NOTIF) {
        if ((unsigned)cqe->res & URING_NOTIF_COPIED) {
            op->told |= WEIR_TOLD_COPIED;
            op->handle->in.armed = ARMED_COPIES;
        }
        if (!(op->in.step & ZEROCOPY_TOLD)) {
            op->in.step |= ZEROCOPY_FREE;
            return true;
        }
        *result = op->result;
    } else if ((cqe->flags & IORING_CQE_F_MORE) && !(op->in.step & ZEROCOPY_FREE)) {
        op->in.step |= ZEROCOPY_TOLD;
        op->result = *result;
        op->state = OP_HARVESTED; /* a cancel comes too late, and a close need not wait */
        return true;
    }
    op->in.step = 0;
    if (!is_refused(op, *result))
        return false;
    if (op->in.cause) {
        *result = op->in.cause;
        return false;
    }
    op->in.step = ZEROCOPY_NOT;
    loop_ask(loop, op);
    return true;
}
