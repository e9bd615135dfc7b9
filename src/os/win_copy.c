/* SPDX-License-Identifier: MIT */
/* win_copy.c - one piece of a copy from a file, by a worker: TransmitFile() would wait for the peer
 * in there, and CopyFile() takes names. What comes from a socket goes by reads and writes. */
#include "win.h"

#include <ws2tcpip.h>

#include "os.h"

#define BUFFERED_MAX ((uint64_t)1 << 20) /* a call's: a cancel takes effect between two */

static bool is_file(const struct weir_handle *handle)
{
    return handle->in.kind == WEIR_HANDLE_FILE;
}

static uint64_t place_of(const struct weir_handle *handle, uint64_t offset)
{
    return offset == WEIR_STREAM ? win_position(handle->in.descriptor) : offset;
}

/* A plain op on one end, that no loop ever sees. */
static int64_t move(struct weir_handle *handle, enum weir_op_kind kind, unsigned char *data,
                    size_t length, uint64_t offset)
{
    struct weir_op op = {.handle = handle, .kind = (uint8_t)kind};
    op.in.arg.transfer.data = data;
    op.in.arg.transfer.length = length;
    op.in.arg.transfer.offset = offset;
    return win_perform(&op, is_file(handle) ? PERFORM_WAIT : PERFORM_TRY);
}

/* All of it into a file; what there is room for into a socket. */
static int64_t put(struct copy *copy, unsigned char *data, size_t length, uint64_t offset)
{
    size_t  done = 0;
    int64_t moved;
    if (!is_file(&copy->to))
        return move(&copy->to, WEIR_OP_WRITE, data, length, offset);
    do {
        moved = move(&copy->to, WEIR_OP_WRITE, data + done, length - done,
                     offset == WEIR_STREAM ? offset : offset + done);
        done += moved > 0 ? (size_t)moved : 0;
    } while (moved > 0 && done < length);
    return done ? (int64_t)done : moved;
}

/* The position of the file goes as far as the target has the bytes. */
static int64_t move_buffered(struct copy *copy)
{
    unsigned char buffer[65536];
    uint64_t      start = place_of(&copy->from, copy->from_offset), sum = 0;
    int64_t       moved = 0;
    while (sum < BUFFERED_MAX && sum < copy->left) {
        uint64_t left = copy->left - sum, to = copy->to_offset;
        size_t   wanted = left < sizeof buffer ? (size_t)left : sizeof buffer;
        int64_t  taken = move(&copy->from, WEIR_OP_READ, buffer, wanted, start + sum);
        moved = taken;
        if (taken <= 0)
            break;
        moved = put(copy, buffer, (size_t)taken, to == WEIR_STREAM ? to : to + sum);
        sum += moved > 0 ? (uint64_t)moved : 0;
        if (moved < taken)
            break;
    }
    if (sum && copy->from_offset == WEIR_STREAM)
        win_position_set(copy->from.in.descriptor, start + sum);
    if (moved == WEIR_EAGAIN && !sum)
        copy->waits_for = WEIR_OUT;
    return sum ? (int64_t)sum : moved;
}

/* One file's end may be its beginning: what is copied over itself would be copied again. 0, also
 * where they are two, or WEIR_E*. */
static int64_t check_files(struct copy *copy)
{
    BY_HANDLE_FILE_INFORMATION source, target;
    if (!GetFileInformationByHandle(win_handle_of(copy->from.in.descriptor), &source) ||
        !GetFileInformationByHandle(win_handle_of(copy->to.in.descriptor), &target))
        return win_error();
    if (source.dwVolumeSerialNumber != target.dwVolumeSerialNumber ||
        source.nFileIndexHigh != target.nFileIndexHigh ||
        source.nFileIndexLow != target.nFileIndexLow)
        return 0;
    uint64_t size = (uint64_t)source.nFileSizeHigh << 32 | source.nFileSizeLow;
    uint64_t start = place_of(&copy->from, copy->from_offset);
    uint64_t goal = place_of(&copy->to, copy->to_offset);
    uint64_t there = size > start ? size - start : 0;
    if (copy->left > there)
        copy->left = there; /* not what is written meanwhile */
    return start < goal + copy->left && goal < start + copy->left ? WEIR_EINVAL : 0;
}

static bool has_room(const struct weir_handle *handle)
{
    WSAPOLLFD entry = {.fd = win_socket_of(handle->in.descriptor), .events = POLLWRNORM};
    return WSAPoll(&entry, 1, 0) != 0; /* or an error, which the call itself tells */
}

int64_t win_copy(struct copy *copy, enum perform how)
{
    if (copy->from.in.kind == WEIR_HANDLE_PIPE || copy->to.in.kind == WEIR_HANDLE_PIPE)
        return WEIR_ENOTSUP; /* a pipe does not tell whether it has room */
    if (!is_file(&copy->from))
        return WEIR_EOPNOTSUPP;
    if (how == PERFORM_TRY) {
        if (is_file(&copy->to) || has_room(&copy->to))
            return WEIR_ENOTSUP; /* but a worker can */
        copy->waits_for = WEIR_OUT;
        return WEIR_EAGAIN;
    }
    int64_t error = is_file(&copy->to) && !copy->checked ? check_files(copy) : 0;
    copy->checked = true;
    return error || !copy->left ? error : move_buffered(copy);
}
