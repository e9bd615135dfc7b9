/* SPDX-License-Identifier: MIT */
/* posix_copy.c - one piece of a copy, where the system has a call that keeps the bytes out of the
 * program: between files, from files, and wherever a pipe takes part. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os.h"

#define PIECE_MAX ((uint64_t)4 << 20)    /* a call's: a cancel takes effect between two */
#define BUFFERED_MAX ((uint64_t)1 << 20) /* the same, where the bytes come through a buffer */

static bool is_ready(int descriptor, short events)
{
    struct pollfd entry = {.fd = descriptor, .events = events};
    return poll(&entry, 1, 0) > 0;
}

static bool is_file(const struct weir_handle *handle)
{
    return handle->in.kind == WEIR_HANDLE_FILE;
}

static bool never_waits(const struct weir_handle *handle)
{
    return handle->in.flags & HANDLE_NONBLOCK;
}

static int64_t wait_for(struct copy *copy, unsigned direction)
{
    copy->waits_for = (uint8_t)direction;
    return WEIR_EAGAIN;
}

static size_t piece_of(const struct copy *copy, uint64_t most)
{
    return (size_t)(copy->left < most ? copy->left : most);
}

/* ---- From a file ----------------------------------------------------------------------------- */

/* Where the file's next byte is, also without an offset; or WEIR_E*. */
static int64_t place_of(int descriptor, uint64_t offset)
{
    off_t at = offset == WEIR_STREAM ? lseek(descriptor, 0, SEEK_CUR) : (off_t)offset;
    return at < 0 ? -errno : at;
}

/* All of it into a file; what is at hand into anything else. */
static int64_t put(struct copy *copy, unsigned char *data, size_t length, uint64_t offset)
{
    struct weir_op op = {.handle = &copy->to, .kind = WEIR_OP_WRITE};
    op.in.arg.transfer.data = data;
    op.in.arg.transfer.length = length;
    op.in.arg.transfer.offset = offset;
    if (!is_file(&copy->to)) {
        int64_t result = posix_perform(&op, PERFORM_TRY);
        return result == WEIR_ENOTSUP ? posix_perform(&op, PERFORM_WAIT) : result;
    }
    while (op.in.progress < length) {
        int64_t result = posix_perform(&op, PERFORM_WAIT);
        if (result <= 0 && result != WEIR_EINTR)
            return op.in.progress ? (int64_t)op.in.progress : result;
        op.in.progress += result > 0 ? (uint64_t)result : 0;
    }
    return (int64_t)length;
}

/* Through a buffer. The position of the file goes as far as the target has the bytes. */
static int64_t move_buffered(struct copy *copy)
{
    unsigned char buffer[65536];
    int           from = copy->from.in.descriptor;
    int64_t       start = place_of(from, copy->from_offset), moved = 0, sum = 0;
    if (start < 0)
        return start;
    while ((uint64_t)sum < BUFFERED_MAX && (uint64_t)sum < copy->left) {
        uint64_t left = copy->left - (uint64_t)sum;
        size_t   wanted = left < sizeof buffer ? (size_t)left : sizeof buffer;
        ssize_t  taken = pread(from, buffer, wanted, (off_t)(start + sum));
        if (taken <= 0) {
            moved = taken < 0 ? -errno : 0;
            break;
        }
        uint64_t to = copy->to_offset;
        moved = put(copy, buffer, (size_t)taken, to == WEIR_STREAM ? to : to + (uint64_t)sum);
        sum += moved > 0 ? moved : 0;
        if (moved < taken)
            break;
    }
    if (sum && copy->from_offset == WEIR_STREAM && lseek(from, (off_t)(start + sum), SEEK_SET) < 0)
        return -errno;
    if (moved == WEIR_EAGAIN && !sum)
        return wait_for(copy, WEIR_OUT);
    return sum ? sum : moved;
}

/* One file's end may be its beginning: what is copied over itself would be copied again. As
 * copy_file_range(2), but of the whole, not of a piece. 0 or WEIR_E*. */
static int64_t check_files(struct copy *copy)
{
    int         from = copy->from.in.descriptor, to = copy->to.in.descriptor;
    struct stat source, target;
    if (fstat(from, &source) < 0 || fstat(to, &target) < 0)
        return -errno;
    if (!S_ISREG(source.st_mode) || source.st_dev != target.st_dev ||
        source.st_ino != target.st_ino)
        return 0;
    bool    appends = fcntl(to, F_GETFL) & O_APPEND;
    int64_t start = place_of(from, copy->from_offset);
    int64_t goal = appends ? source.st_size : place_of(to, copy->to_offset);
    if (start < 0 || goal < 0)
        return start < 0 ? start : goal;
    uint64_t there = source.st_size > start ? (uint64_t)(source.st_size - start) : 0;
    if (copy->left > there)
        copy->left = there; /* not what is written meanwhile */
    bool overlap = (uint64_t)start < (uint64_t)goal + copy->left &&
                   (uint64_t)goal < (uint64_t)start + copy->left;
    return overlap ? WEIR_EINVAL : 0;
}

/* What it refuses may be possible all the same: two file systems, a file that appends, a device,
 * one whose content has no length. */
static bool is_refusal(int64_t result)
{
    return result == WEIR_EXDEV || result == WEIR_EINVAL || result == WEIR_EOPNOTSUPP ||
           result == WEIR_ENOSYS || result == WEIR_EPERM || result == WEIR_EBADF ||
           result == WEIR_ETXTBSY;
}

static int64_t file_to_file(struct copy *copy)
{
    int64_t result = copy->checked ? 0 : check_files(copy);
    copy->checked = true;
    if (result < 0 || !copy->left)
        return result;
    if (!copy->buffered) {
        result = os_copy_range(copy->from.in.descriptor, copy->from_offset, copy->to.in.descriptor,
                               copy->to_offset, piece_of(copy, PIECE_MAX));
        if (result > 0 || (result < 0 && !is_refusal(result)))
            return result;
        copy->buffered = true; /* also at 0, the end: it says so of what has no length, too */
    }
    return move_buffered(copy);
}

static int64_t file_to_stream(struct copy *copy)
{
    int     from = copy->from.in.descriptor, to = copy->to.in.descriptor;
    size_t  length = piece_of(copy, PIECE_MAX);
    int64_t result = WEIR_EINVAL;
    if (copy->buffered)
        return move_buffered(copy);
    if (copy->to.in.kind == WEIR_HANDLE_PIPE)
        result = os_splice(from, copy->from_offset, to, WEIR_STREAM, length);
    else if (copy->to.in.kind == WEIR_HANDLE_STREAM && never_waits(&copy->to))
        result = os_send_file(from, copy->from_offset, to, length);
    if (result == WEIR_EAGAIN)
        return wait_for(copy, WEIR_OUT);
    if (result > 0 || (result < 0 && !is_refusal(result)))
        return result;
    copy->buffered = true;
    return move_buffered(copy);
}

static int64_t copy_file(struct copy *copy, enum perform how)
{
    if (how == PERFORM_WAIT)
        return is_file(&copy->to) ? file_to_file(copy) : file_to_stream(copy);
    if (is_file(&copy->to) || is_ready(copy->to.in.descriptor, POLLOUT))
        return WEIR_ENOTSUP;
    return wait_for(copy, WEIR_OUT);
}

/* ---- From a stream --------------------------------------------------------------------------- */

/* Whether the bytes pass through the kernel only, and none is taken that is not delivered: a pipe
 * takes part, and the other end never waits. */
static bool is_spliced(const struct copy *copy)
{
    bool from_pipe = copy->from.in.kind == WEIR_HANDLE_PIPE;
    bool to_pipe = copy->to.in.kind == WEIR_HANDLE_PIPE;
    if (from_pipe)
        return to_pipe || is_file(&copy->to) ||
               (copy->to.in.kind == WEIR_HANDLE_STREAM && never_waits(&copy->to));
    return to_pipe && copy->from.in.kind == WEIR_HANDLE_STREAM && never_waits(&copy->from);
}

static bool is_one_pipe(const struct copy *copy)
{
    struct stat from, to;
    return copy->from.in.kind == copy->to.in.kind && fstat(copy->from.in.descriptor, &from) == 0 &&
           fstat(copy->to.in.descriptor, &to) == 0 && from.st_dev == to.st_dev &&
           from.st_ino == to.st_ino;
}

int64_t posix_copy(struct copy *copy, enum perform how)
{
    int from = copy->from.in.descriptor, to = copy->to.in.descriptor;
    if (is_file(&copy->from))
        return copy_file(copy, how);
    if (!is_spliced(copy))
        return WEIR_EOPNOTSUPP;
    if (is_file(&copy->to) && how == PERFORM_TRY)
        return is_ready(from, POLLIN) ? WEIR_ENOTSUP : wait_for(copy, WEIR_IN);
    int64_t result = os_splice(from, WEIR_STREAM, to, copy->to_offset, piece_of(copy, PIECE_MAX));
    if (result == WEIR_EAGAIN)
        return wait_for(copy, is_ready(from, POLLIN) ? WEIR_OUT : WEIR_IN);
    /* Two ends of one pipe are refused; everything else that is has another way. */
    if (result == WEIR_EOPNOTSUPP || (result == WEIR_EINVAL && !is_one_pipe(copy)))
        return is_one_pipe(copy) ? WEIR_EINVAL : WEIR_EOPNOTSUPP;
    return result;
}
