/* SPDX-License-Identifier: MIT */
/* uring_entries.c - each op as one entry of the ring. io_uring_enter(2). */
#include <fcntl.h>
#include <liburing.h>
#include <sys/socket.h>

#include "../base/rest.h"
#include "../os/linux_compat.h"
#include "../os/os.h"
#include "../os/poll_events.h"
#include "../os/posix_header.h"
#include "uring.h"

static struct msghdr *message_of(struct uring *u, const struct io_uring_sqe *entry,
                                 const struct rest *rest)
{
    struct msghdr *message = &u->messages[entry - u->ring.sq.sqes];
    *message = (struct msghdr){.msg_iov = (struct iovec *)(uintptr_t)rest->buffers,
                               .msg_iovlen = (header_count)rest->count};
    return message;
}

static const struct iovec *vector_of(const struct rest *rest)
{
    return (const struct iovec *)(const void *)rest->buffers;
}

/* The number of the registered buffer that holds all of it, or -1. */
static int registered(const struct uring *u, const struct rest *rest)
{
    for (size_t i = 0; i < u->buffer_count; i++) {
        uintptr_t first = (uintptr_t)u->buffers[i].data, at = (uintptr_t)rest->data;
        if (at >= first && at - first <= u->buffers[i].length &&
            rest->length <= u->buffers[i].length - (at - first))
            return (int)i;
    }
    return -1;
}

/* One piece of a file, at its offset. */
static void fill_plain(const struct uring *u, struct io_uring_sqe *entry, const struct weir_op *op,
                       const struct rest *rest)
{
    int      descriptor = op->handle->in.descriptor;
    int      buffer = handle_has_offsets(op->handle) ? registered(u, rest) : -1;
    unsigned length = (unsigned)rest->length;
    if (buffer < 0 && op_reads(op))
        io_uring_prep_read(entry, descriptor, rest->data, length, rest->offset);
    else if (buffer < 0)
        io_uring_prep_write(entry, descriptor, rest->data, length, rest->offset);
    else if (op_reads(op))
        io_uring_prep_read_fixed(entry, descriptor, rest->data, length, rest->offset, buffer);
    else
        io_uring_prep_write_fixed(entry, descriptor, rest->data, length, rest->offset, buffer);
}

/* No MSG_WAITALL for WEIR_ALL: the kernel would go on by itself, but swallow the error that ends
 * it. */
static int socket_flags(const struct weir_op *op)
{
    if (!op_reads(op))
        return MSG_NOSIGNAL;
    int flags = op->flags & WEIR_PEEK ? MSG_PEEK : 0;
    if (op->handle->in.kind == WEIR_HANDLE_DATAGRAM)
        flags |= MSG_TRUNC; /* its true length, so that what was cut off is seen */
    return flags;
}

/* One piece of what a socket moves. */
static void fill_piece(struct io_uring_sqe *entry, const struct weir_op *op, void *data,
                       size_t length)
{
    int descriptor = op->handle->in.descriptor, flags = socket_flags(op);
    if (op_reads(op))
        io_uring_prep_recv(entry, descriptor, data, length, flags);
    else
        io_uring_prep_send(entry, descriptor, data, length, flags);
}

static void fill_receive(struct uring *u, struct io_uring_sqe *entry, const struct weir_op *op)
{
    struct rest rest = rest_of(op);
    int         descriptor = op->handle->in.descriptor;
    if (!handle_is_socket(op->handle)) {
        if (rest.count)
            io_uring_prep_readv(entry, descriptor, vector_of(&rest), (unsigned)rest.count,
                                rest.offset);
        else
            fill_plain(u, entry, op, &rest);
    } else if (rest.count) {
        io_uring_prep_recvmsg(entry, descriptor, message_of(u, entry, &rest),
                              (unsigned)socket_flags(op));
    } else {
        fill_piece(entry, op, rest.data, rest.length);
    }
}

static void fill_send(struct uring *u, struct io_uring_sqe *entry, const struct weir_op *op)
{
    struct rest rest = rest_of(op);
    int         descriptor = op->handle->in.descriptor;
    if (!handle_is_socket(op->handle)) {
        if (rest.count)
            io_uring_prep_writev(entry, descriptor, vector_of(&rest), (unsigned)rest.count,
                                 rest.offset);
        else
            fill_plain(u, entry, op, &rest);
        if (op->handle->in.kind == WEIR_HANDLE_PIPE)
            entry->rw_flags = RWF_NOSIGNAL;
    } else if (rest.count) {
        io_uring_prep_sendmsg(entry, descriptor, message_of(u, entry, &rest),
                              (unsigned)socket_flags(op));
    } else {
        fill_piece(entry, op, rest.data, rest.length);
    }
}

/* The header lies in the message, which is the op's until it ends: the kernel writes there too. */
static void fill_message(struct io_uring_sqe *entry, const struct weir_op *op)
{
    struct msghdr *header = posix_message_header(op->in.arg.message.messages);
    unsigned       flags = (unsigned)posix_message_flags(op);
    if (op->kind == WEIR_OP_RECV_MSG)
        io_uring_prep_recvmsg(entry, op->handle->in.descriptor, header, flags);
    else
        io_uring_prep_sendmsg(entry, op->handle->in.descriptor, header, flags);
}

/* What makes and ends a connection. */
static void fill_connection(struct uring *u, struct io_uring_sqe *entry, const struct weir_op *op)
{
    int descriptor = op->handle->in.descriptor, flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
    if (op->kind == WEIR_OP_ACCEPT && (op->flags & WEIR_MULTISHOT) && u->accepts_many)
        io_uring_prep_multishot_accept(entry, descriptor, NULL, NULL, flags);
    else if (op->kind == WEIR_OP_ACCEPT)
        io_uring_prep_accept(entry, descriptor, NULL, NULL, flags);
    else if (op->kind == WEIR_OP_CONNECT)
        io_uring_prep_connect(entry, descriptor, op->in.arg.address.data,
                              (socklen_t)op->in.arg.address.length);
    else
        io_uring_prep_shutdown(entry, descriptor, SHUT_WR);
}

static void fill_poll(struct io_uring_sqe *entry, const struct weir_op *op)
{
    unsigned mask = (unsigned)poll_mask_of(op->in.arg.events);
    if ((op->flags & WEIR_EDGE) || op->in.step == POLL_WATCHES)
        io_uring_prep_poll_multishot(entry, op->handle->in.descriptor, mask);
    else
        io_uring_prep_poll_add(entry, op->handle->in.descriptor, mask);
}

/* Off the issuer's path at once: an inline open of a FIFO would not wait for its other end, as
 * open(2) does everywhere else. */
static void fill_open(struct io_uring_sqe *entry, const struct weir_op *op)
{
    unsigned mode = op->in.arg.open.mode;
    io_uring_prep_openat(entry, AT_FDCWD, op->in.arg.open.path, posix_open_flags(mode),
                         posix_open_permissions(mode));
    entry->flags |= IOSQE_ASYNC;
}

/* What concerns a file. FTRUNCATE has its length where others have their offset. */
static void fill_file(struct io_uring_sqe *entry, const struct weir_op *op)
{
    int   descriptor = op->handle->in.descriptor;
    off_t offset = (off_t)op->in.arg.range.offset, length = (off_t)op->in.arg.range.length;
    if (op->kind == WEIR_OP_FSYNC) {
        io_uring_prep_fsync(entry, descriptor,
                            op->flags & WEIR_DATA_ONLY ? IORING_FSYNC_DATASYNC : 0);
    } else if (op->kind == WEIR_OP_PREALLOCATE) {
        io_uring_prep_fallocate(entry, descriptor, 0, offset, length);
    } else if (op->kind == WEIR_OP_ADVISE) {
        io_uring_prep_fadvise(entry, descriptor, op->in.arg.range.offset, length,
                              posix_advice_of(op->in.arg.range.advice));
    } else {
        io_uring_prep_nop(entry);
        entry->opcode = URING_OP_FTRUNCATE;
        entry->fd = descriptor;
        entry->off = op->in.arg.range.length;
    }
}

/* By far the most: one piece of a stream. */
static void fill_next(struct io_uring_sqe *entry, const struct weir_op *op)
{
    char *data = (char *)op->in.arg.transfer.data + op->in.progress;
    fill_piece(entry, op, data, rest_of_piece(op));
}

bool uring_fill(struct uring *u, struct io_uring_sqe *entry, const struct weir_op *op)
{
    if (LIKELY(op->handle->in.kind == WEIR_HANDLE_STREAM && op_transfers(op) &&
               !op_is_vector(op))) {
        fill_next(entry, op);
        return true;
    }
    switch ((enum weir_op_kind)op->kind) {
    case WEIR_OP_RECV:
    case WEIR_OP_RECVV:
    case WEIR_OP_READ:
    case WEIR_OP_READV:
        fill_receive(u, entry, op);
        return true;
    case WEIR_OP_SEND:
    case WEIR_OP_SENDV:
    case WEIR_OP_WRITE:
    case WEIR_OP_WRITEV:
        fill_send(u, entry, op);
        return true;
    case WEIR_OP_RECV_MSG:
    case WEIR_OP_SEND_MSG:
        fill_message(entry, op);
        return true;
    case WEIR_OP_POLL:
        fill_poll(entry, op);
        return true;
    case WEIR_OP_ACCEPT:
    case WEIR_OP_CONNECT:
    case WEIR_OP_SHUTDOWN:
        fill_connection(u, entry, op);
        return true;
    case WEIR_OP_OPEN:
        fill_open(entry, op);
        return true;
    case WEIR_OP_FSYNC:
    case WEIR_OP_TRUNCATE:
    case WEIR_OP_PREALLOCATE:
    case WEIR_OP_ADVISE:
        fill_file(entry, op);
        return true;
    case WEIR_OP_NONE:
    case WEIR_OP_NOP:
    case WEIR_OP_TIMER:
    case WEIR_OP_SIGNAL:
    case WEIR_OP_POST:
    case WEIR_OP_WORK:
    case WEIR_OP_RESOLVE:
    case WEIR_OP_RECV_POOLED:
    case WEIR_OP_RECV_MSG_POOLED:
    case WEIR_OP_RECV_BATCH:
    case WEIR_OP_SEND_BATCH:
    case WEIR_OP_FSTAT:
    case WEIR_OP_COPY:
    case WEIR_OP_MOVE:
    case WEIR_OP_KINDS:
        break;
    }
    return false;
}
