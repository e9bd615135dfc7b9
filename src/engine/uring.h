/* SPDX-License-Identifier: MIT */
/* uring.h - what the files of the io_uring engine share. */
#ifndef WEIR_URING_H
#define WEIR_URING_H

#include <liburing.h>

#include "../engine.h"

/* op->in.step of a poll: io_uring tells RDHUP to everyone. One that did not ask for it watches for
 * changes then, by a multishot poll, and holds in its low bits what it found. */
#define POLL_WATCHES 0x80

struct uring {
    struct io_uring ring;
    struct msghdr  *messages; /* owned; one a submission slot, read by the kernel at submission */
    unsigned        setup;    /* IORING_SETUP_* in use */
    atomic_int      event_fd; /* registered once the loop is embedded, else -1 */
    bool            disabled; /* until the first submission, whose thread becomes the issuer */
    bool            wake_armed;
    unsigned        unended;         /* ops that were asked to end and have not */
    uint64_t        cancel_again_ns; /* when they are asked again; 0: none was left over */
    int64_t         patience_ns;     /* from then to the next time */
    struct op_fifo  found;           /* polls that watched and found: their watch is to end */
    bool            workers_bounded; /* IORING_REGISTER_IOWQ_MAX_WORKERS */
    bool            truncates;       /* IORING_OP_FTRUNCATE is there */
};

/* Writes the entry of an op; its user_data is the caller's. False when io_uring has none for it. */
bool uring_fill(struct uring *u, struct io_uring_sqe *entry, const struct weir_op *op);

#endif
