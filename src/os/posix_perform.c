/* SPDX-License-Identifier: MIT */
/* posix_perform.c - THE switch: an op and the plain system call that does it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../base/rest.h"
#include "os.h"
#include "poll_events.h"
#include "posix_header.h"

_Static_assert(sizeof(struct weir_buf) == sizeof(struct iovec) &&
                   offsetof(struct weir_buf, data) == offsetof(struct iovec, iov_base) &&
                   offsetof(struct weir_buf, length) == offsetof(struct iovec, iov_len),
               "struct weir_buf is struct iovec");

static int64_t told(int64_t result)
{
    if (result >= 0)
        return result;
    return errno == EWOULDBLOCK ? WEIR_EAGAIN : -errno;
}

static bool is_ready(int descriptor, short events)
{
    struct pollfd entry = {.fd = descriptor, .events = events};
    return poll(&entry, 1, 0) > 0;
}

/* ---- Bytes ----------------------------------------------------------------------------------- */

static int socket_flags(const struct weir_op *op, enum perform how)
{
    return MSG_NOSIGNAL | (how == PERFORM_TRY ? MSG_DONTWAIT : 0) |
           (op->flags & WEIR_PEEK ? MSG_PEEK : 0) | (op->flags & OP_DISCARD ? MSG_TRUNC : 0);
}

static int64_t move_piece(const struct weir_op *op, void *data, size_t length, int flags)
{
    int descriptor = op->handle->in.descriptor;
    return told(op_reads(op) ? recv(descriptor, data, length, flags)
                             : send(descriptor, data, length, flags));
}

static int64_t move_socket(struct weir_op *op, const struct rest *rest, enum perform how)
{
    int descriptor = op->handle->in.descriptor;
    int flags = socket_flags(op, how);
    if (op->handle->in.kind == WEIR_HANDLE_DATAGRAM && op_reads(op))
        return posix_receive_datagram(op, rest, flags);
    if (!rest->count)
        return move_piece(op, rest->data, rest->length, flags);
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)rest->buffers,
                             .msg_iovlen = (header_count)rest->count};
    return told(op_reads(op) ? recvmsg(descriptor, &message, flags)
                             : sendmsg(descriptor, &message, flags));
}

/* The pieces as a vector, also when there is one. */
static const struct weir_buf *pieces_of(const struct rest *rest, struct weir_buf *one, int *count)
{
    *one = (struct weir_buf){rest->data, rest->length};
    *count = rest->count ? (int)rest->count : 1;
    return rest->count ? rest->buffers : one;
}

static int64_t move_plain(const struct weir_op *op, const struct rest *rest)
{
    int                 descriptor = op->handle->in.descriptor, count;
    struct weir_buf     one;
    const struct iovec *vector = (const struct iovec *)(const void *)pieces_of(rest, &one, &count);
    if (rest->offset == WEIR_STREAM)
        return told(op_reads(op) ? readv(descriptor, vector, count)
                                 : writev(descriptor, vector, count));
    return told(op_reads(op) ? preadv(descriptor, vector, count, (off_t)rest->offset)
                             : pwritev(descriptor, vector, count, (off_t)rest->offset));
}

/* What is in memory is read at once; everything else of a file may wait for the disk. Past the page
 * cache nothing is in memory: there RWF_NOWAIT keeps the call from waiting for anything but the
 * device itself. */
static int64_t move_file_now(const struct weir_op *op, const struct rest *rest)
{
    int                    count;
    struct weir_buf        one;
    const struct weir_buf *pieces = pieces_of(rest, &one, &count);
    if (!op_reads(op) || (op->handle->in.flags & HANDLE_DIRECT))
        return WEIR_ENOTSUP;
    int64_t result = os_read_now(op->handle->in.descriptor, pieces, count, rest->offset);
    return result == WEIR_EOPNOTSUPP ? WEIR_ENOTSUP : result;
}

/* A blocking description, and no call that never waits: ask first, and write so little that a pipe
 * that has room takes it whole (pipe(7), "PIPE_BUF"). A tty promises nothing: a worker writes. The
 * wrong end is refused at once, and never ready. */
static int64_t move_guarded(const struct weir_op *op, const struct rest *rest)
{
    struct weir_handle *handle = op->handle;
    if (handle->in.flags & (op_reads(op) ? HANDLE_NO_IN : HANDLE_NO_OUT))
        return move_plain(op, rest);
    if (!op_reads(op) && handle->in.kind != WEIR_HANDLE_PIPE)
        return WEIR_ENOTSUP;
    if (!is_ready(handle->in.descriptor, op_reads(op) ? POLLIN : POLLOUT))
        return WEIR_EAGAIN;
    if (op_reads(op))
        return move_plain(op, rest);
    struct weir_buf piece = {rest->data, rest->length};
    if (rest->count)
        piece = rest->buffers[0];
    if (piece.length > PIPE_BUF)
        piece.length = PIPE_BUF;
    return os_write_quiet(handle->in.descriptor, &piece, 1);
}

static int64_t move_now(const struct weir_op *op, const struct rest *rest)
{
    struct weir_handle    *handle = op->handle;
    int                    count;
    struct weir_buf        one;
    const struct weir_buf *pieces = pieces_of(rest, &one, &count);
    if (handle->in.flags & HANDLE_NONBLOCK)
        return op_reads(op) ? move_plain(op, rest)
                            : os_write_quiet(handle->in.descriptor, pieces, count);
    if (!(handle->in.flags & HANDLE_GUARDED)) {
        int64_t result = op_reads(op)
                             ? os_read_now(handle->in.descriptor, pieces, count, WEIR_STREAM)
                             : os_write_now(handle->in.descriptor, pieces, count, WEIR_STREAM);
        if (result != WEIR_EOPNOTSUPP)
            return result;
        handle->in.flags |= HANDLE_GUARDED;
    }
    return move_guarded(op, rest);
}

static APART int64_t move_other(struct weir_op *op, enum perform how)
{
    struct rest rest = rest_of(op);
    if (handle_is_socket(op->handle))
        return move_socket(op, &rest, how);
    if (op->flags & WEIR_PEEK) /* of a copy only: the caller is refused it */
        return os_peek_pipe(op->handle->in.descriptor, rest.data, rest.length);
    if (how == PERFORM_WAIT)
        return move_plain(op, &rest);
    return handle_has_offsets(op->handle) ? move_file_now(op, &rest) : move_now(op, &rest);
}

/* One piece on a stream, nearly every transfer there is, passes by all that others need. */
static ALWAYS_INLINE int64_t move(struct weir_op *op, enum perform how)
{
    if (LIKELY(op->handle->in.kind == WEIR_HANDLE_STREAM && !op_is_vector(op)))
        return move_piece(op, (char *)op->in.arg.transfer.data + op->in.progress, rest_of_piece(op),
                          socket_flags(op, how));
    return move_other(op, how);
}

/* ---- Connections ----------------------------------------------------------------------------- */

static int64_t perform_accept(const struct weir_op *op, enum perform how)
{
    const struct weir_handle *listener = op->handle;
    if (how == PERFORM_TRY && listener->in.kind == WEIR_HANDLE_LISTENER &&
        !(listener->in.flags & HANDLE_NONBLOCK) && !is_ready(listener->in.descriptor, POLLIN))
        return WEIR_EAGAIN;
    return os_accept(listener->in.descriptor);
}

/* The first call. A socket that others set up to block is made not to for this call only. */
static int64_t connect_begin(struct weir_op *op)
{
    int  descriptor = op->handle->in.descriptor;
    int  before = fcntl(descriptor, F_GETFL);
    bool blocks = before >= 0 && !(before & O_NONBLOCK);
    if (blocks)
        fcntl(descriptor, F_SETFL, before | O_NONBLOCK);
    int64_t result = os_connect(descriptor, op->in.arg.address.data, op->in.arg.address.length);
    if (blocks)
        fcntl(descriptor, F_SETFL, before);
    if (result == WEIR_EINPROGRESS || result == WEIR_EINTR) {
        op->in.step = 1;
        return WEIR_EAGAIN;
    }
    return result == WEIR_EAGAIN ? WEIR_EBUSY
                                 : result; /* a unix backlog is full: nothing will tell */
}

/* Linux keeps the socket "connecting" until it is called again, also after a failure: the next
 * attempt would be told ECONNABORTED. Elsewhere that call would be the next attempt itself. */
static void leave_connecting(const struct weir_op *op, int error)
{
#ifdef __linux__
    bool call_again = true;
#else
    bool call_again = !error;
#endif
    (void)error;
    if (call_again)
        (void)os_connect(op->handle->in.descriptor, op->in.arg.address.data,
                         op->in.arg.address.length);
}

static int64_t perform_connect(struct weir_op *op)
{
    if (op->in.step == 0)
        return connect_begin(op);
    int       error = 0;
    socklen_t length = sizeof error;
    if (!is_ready(op->handle->in.descriptor, POLLOUT))
        return WEIR_EAGAIN;
    if (getsockopt(op->handle->in.descriptor, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
        return -errno;
    leave_connecting(op, error);
    return -error;
}

static int64_t perform_poll(const struct weir_op *op)
{
    struct pollfd entry = {.fd = op->handle->in.descriptor,
                           .events = poll_mask_of(op->in.arg.events)};
    int           count = poll(&entry, 1, 0);
    if (count <= 0)
        return count < 0 ? -errno : WEIR_EAGAIN;
    return entry.revents & POLLNVAL ? WEIR_EBADF : (int64_t)poll_events_of(entry.revents);
}

/* ---- Files ----------------------------------------------------------------------------------- */

int posix_open_flags(unsigned mode)
{
    int flags = O_CLOEXEC | O_NOCTTY;
    if ((mode & WEIR_OPEN_READ) && (mode & WEIR_OPEN_WRITE))
        flags |= O_RDWR;
    else
        flags |= mode & WEIR_OPEN_WRITE ? O_WRONLY : O_RDONLY;
    flags |= mode & WEIR_OPEN_CREATE ? O_CREAT : 0;
    flags |= mode & WEIR_OPEN_EXCLUSIVE ? O_EXCL : 0;
    flags |= mode & WEIR_OPEN_TRUNCATE ? O_TRUNC : 0;
    flags |= mode & WEIR_OPEN_APPEND ? O_APPEND : 0;
    flags |= mode & WEIR_OPEN_SYNC ? O_SYNC : 0;
    flags |= mode & WEIR_OPEN_DIRECTORY ? O_DIRECTORY : 0;
    flags |= mode & WEIR_OPEN_NOFOLLOW ? O_NOFOLLOW : 0;
#ifdef O_DIRECT
    flags |= mode & WEIR_OPEN_DIRECT ? O_DIRECT : 0;
#endif
    return flags;
}

unsigned posix_open_permissions(unsigned mode)
{
    return mode & 07777u ? mode & 07777u : 0666u;
}

static int64_t perform_open(const struct weir_op *op)
{
    unsigned mode = op->in.arg.open.mode;
    int      descriptor = open(op->in.arg.open.path, posix_open_flags(mode),
                               posix_open_permissions(mode));
    int      error = descriptor >= 0 && (mode & WEIR_OPEN_DIRECT) ? os_make_direct(descriptor) : 0;
    if (error)
        close(descriptor);
    return error ? error : told(descriptor);
}

static enum weir_handle_kind kind_of_mode(mode_t mode)
{
    if (S_ISREG(mode) || S_ISBLK(mode))
        return WEIR_HANDLE_FILE;
    if (S_ISDIR(mode))
        return WEIR_HANDLE_DIRECTORY;
    if (S_ISFIFO(mode))
        return WEIR_HANDLE_PIPE;
    if (S_ISSOCK(mode))
        return WEIR_HANDLE_STREAM;
    return WEIR_HANDLE_OTHER;
}

static int64_t perform_fstat(const struct weir_op *op)
{
    struct stat       stat;
    struct weir_stat *out = op->in.arg.stat;
    if (fstat(op->handle->in.descriptor, &stat) < 0)
        return -errno;
    enum weir_handle_kind kind = kind_of_mode(stat.st_mode);
    *out = (struct weir_stat){
        .size = (uint64_t)stat.st_size,
        .blocks = (uint64_t)stat.st_blocks,
        .inode = stat.st_ino,
        .device = (uint64_t)stat.st_dev,
        .modified_ns = os_stat_time(&stat, OS_MODIFIED),
        .accessed_ns = os_stat_time(&stat, OS_ACCESSED),
        .changed_ns = os_stat_time(&stat, OS_CHANGED),
        .mode = stat.st_mode,
        .links = (uint32_t)stat.st_nlink,
        .user = stat.st_uid,
        .group = stat.st_gid,
        .block_size = (uint32_t)stat.st_blksize,
        .kind = kind == WEIR_HANDLE_OTHER || kind == WEIR_HANDLE_STREAM ? op->handle->in.kind
                                                                        : kind,
    };
    return 0;
}

/* What concerns a part of a file. */
static int64_t perform_range(const struct weir_op *op, enum perform how)
{
    int      descriptor = op->handle->in.descriptor;
    uint64_t offset = op->in.arg.range.offset, length = op->in.arg.range.length;
    if (how == PERFORM_TRY)
        return WEIR_ENOTSUP; /* each may wait for the disk */
    if (op->kind == WEIR_OP_TRUNCATE)
        return told(ftruncate(descriptor, (off_t)length));
    if (op->kind == WEIR_OP_PREALLOCATE)
        return os_preallocate(descriptor, offset, length);
    return os_advise(descriptor, offset, length, op->in.arg.range.advice);
}

/* What moves no bytes, or moves them as messages. */
static APART int64_t perform_other(struct weir_op *op, enum perform how)
{
    int descriptor = op->handle->in.descriptor;
    switch ((enum weir_op_kind)op->kind) {
    case WEIR_OP_RECV_MSG:
    case WEIR_OP_SEND_MSG:
    case WEIR_OP_RECV_BATCH:
    case WEIR_OP_SEND_BATCH:
        return posix_perform_message(op, how);
    case WEIR_OP_ACCEPT:
        return perform_accept(op, how);
    case WEIR_OP_CONNECT:
        return perform_connect(op);
    case WEIR_OP_SHUTDOWN:
        return told(shutdown(descriptor, SHUT_WR));
    case WEIR_OP_POLL:
        return perform_poll(op);
    case WEIR_OP_OPEN:
        return how == PERFORM_TRY ? WEIR_ENOTSUP : perform_open(op);
    case WEIR_OP_FSTAT:
        return perform_fstat(op);
    case WEIR_OP_FSYNC:
        if (how == PERFORM_TRY)
            return WEIR_ENOTSUP;
        return told(op->flags & WEIR_DATA_ONLY ? os_sync_data(descriptor) : os_sync(descriptor));
    case WEIR_OP_TRUNCATE:
    case WEIR_OP_PREALLOCATE:
    case WEIR_OP_ADVISE:
        return perform_range(op, how);
    case WEIR_OP_COPY:
        return posix_copy(copy_of(op), how);
    case WEIR_OP_RESOLVE:
        return how == PERFORM_TRY ? WEIR_ENOTSUP : os_resolve(op->in.arg.lookup);
    case WEIR_OP_WORK:
        return op->in.arg.work(op);
    case WEIR_OP_RECV_POOLED:
    case WEIR_OP_RECV_MSG_POOLED:
        return pool_perform(op, how);
    case WEIR_OP_RECV: /* move() */
    case WEIR_OP_RECVV:
    case WEIR_OP_SEND:
    case WEIR_OP_SENDV:
    case WEIR_OP_READ:
    case WEIR_OP_READV:
    case WEIR_OP_WRITE:
    case WEIR_OP_WRITEV:
    case WEIR_OP_NONE:
    case WEIR_OP_NOP:
    case WEIR_OP_TIMER:
    case WEIR_OP_SIGNAL:
    case WEIR_OP_POST:
    case WEIR_OP_MOVE:
    case WEIR_OP_KINDS:
        break;
    }
    return WEIR_EINVAL;
}

int64_t posix_perform(struct weir_op *op, enum perform how)
{
    return LIKELY(op_transfers(op)) ? move(op, how) : perform_other(op, how);
}
