/* SPDX-License-Identifier: MIT */
/* win_bytes.c - bytes of files and pipes, by calls that do not go through a port; what any call on
 * them means; and new pipes. The others are begun in src/engine/iocp_file.c. */
#include <stdio.h>
#include <winternl.h>

#include "os.h"
#include "win.h"

/* ---- Files ----------------------------------------------------------------------------------- */

/* A file that is not opened for it, and a directory, have no bytes. */
int64_t win_moved(const struct weir_op *op, bool well, DWORD moved)
{
    DWORD code = well ? 0 : GetLastError();
    switch (code) {
    case 0:
    case ERROR_MORE_DATA: /* of a pipe's message */
        return moved;
    case ERROR_HANDLE_EOF:
    case ERROR_BROKEN_PIPE:
    case ERROR_PIPE_NOT_CONNECTED:
        return op_writes(op) ? WEIR_EPIPE : 0;
    case ERROR_ACCESS_DENIED:
    case ERROR_INVALID_FUNCTION:
        return op->handle->in.kind == WEIR_HANDLE_DIRECTORY && op_reads(op) ? WEIR_EISDIR
                                                                            : WEIR_EBADF;
    case ERROR_OPERATION_ABORTED:
        return moved ? (int64_t)moved : WEIR_ECANCELED;
    default:
        return win_error_of(code);
    }
}

uint64_t win_position(int descriptor)
{
    LARGE_INTEGER none = {.QuadPart = 0}, found = {.QuadPart = 0};
    SetFilePointerEx(win_handle_of(descriptor), none, &found, FILE_CURRENT);
    return (uint64_t)found.QuadPart;
}

void win_position_set(int descriptor, uint64_t position)
{
    LARGE_INTEGER to = {.QuadPart = (LONGLONG)position};
    SetFilePointerEx(win_handle_of(descriptor), to, NULL, FILE_BEGIN);
}

#define ACCESS_INFORMATION ((FILE_INFORMATION_CLASS)8) /* FileAccessInformation */

/* Whether each write goes to the end. */
static bool appends(int descriptor)
{
    IO_STATUS_BLOCK status;
    ACCESS_MASK     access = 0;
    return NtQueryInformationFile(win_handle_of(descriptor), &status, &access, (ULONG)sizeof access,
                                  ACCESS_INFORMATION) >= 0 &&
           (access & (FILE_WRITE_DATA | FILE_APPEND_DATA)) == FILE_APPEND_DATA;
}

void win_position_moved(const struct weir_op *op, uint64_t from, int64_t moved)
{
    LARGE_INTEGER end;
    int           descriptor = op->handle->in.descriptor;
    uint64_t      position = from + (uint64_t)moved;
    if (op_writes(op) && appends(descriptor) && GetFileSizeEx(win_handle_of(descriptor), &end))
        position = (uint64_t)end.QuadPart;
    win_position_set(descriptor, position);
}

struct weir_buf win_piece_of(const struct rest *rest)
{
    return rest->count ? rest->buffers[0] : (struct weir_buf){rest->data, rest->length};
}

/* The call has an event of its own; with its lowest bit set, no packet comes to a port. */
static int64_t call_and_wait(const struct weir_op *op, struct weir_buf piece, uint64_t offset)
{
    HANDLE     file = win_handle_of(op->handle->in.descriptor);
    HANDLE     event = CreateEventW(NULL, TRUE, FALSE, NULL);
    OVERLAPPED overlapped = {.Offset = (DWORD)offset, .OffsetHigh = (DWORD)(offset >> 32)};
    DWORD      moved = 0, length = (DWORD)piece.length;
    if (!event)
        return win_error();
    overlapped.hEvent = (HANDLE)((ULONG_PTR)event | 1);
    BOOL well = op_reads(op) ? ReadFile(file, piece.data, length, NULL, &overlapped)
                             : WriteFile(file, piece.data, length, NULL, &overlapped);
    if (well || GetLastError() == ERROR_IO_PENDING)
        well = GetOverlappedResult(file, &overlapped, &moved, TRUE);
    int64_t result = win_moved(op, well, moved);
    CloseHandle(event);
    return result;
}

/* At its position, which the system moves on only where its calls wait. */
static int64_t move_at_position(const struct weir_op *op, struct weir_buf piece)
{
    int    descriptor = op->handle->in.descriptor;
    HANDLE file = win_handle_of(descriptor);
    DWORD  moved = 0, length = (DWORD)piece.length;
    if (op->handle->in.flags & HANDLE_GUARDED) {
        BOOL well = op_reads(op) ? ReadFile(file, piece.data, length, &moved, NULL)
                                 : WriteFile(file, piece.data, length, &moved, NULL);
        return win_moved(op, well, moved);
    }
    uint64_t position = win_position(descriptor);
    int64_t  result = call_and_wait(op, piece, position);
    if (result > 0)
        win_position_moved(op, position, result);
    return result;
}

/* Without waiting there is only the answer that nothing is left to read. */
static int64_t look_for_end(const struct weir_op *op, const struct rest *rest)
{
    LARGE_INTEGER size;
    int           descriptor = op->handle->in.descriptor;
    if (!op_reads(op) || op->handle->in.kind != WEIR_HANDLE_FILE ||
        !GetFileSizeEx(win_handle_of(descriptor), &size))
        return WEIR_ENOTSUP;
    uint64_t offset = rest->offset == WEIR_STREAM ? win_position(descriptor) : rest->offset;
    return offset >= (uint64_t)size.QuadPart ? 0 : WEIR_ENOTSUP;
}

int64_t win_move_file(const struct weir_op *op, enum perform how)
{
    struct rest     rest = rest_of(op);
    struct weir_buf piece = win_piece_of(&rest);
    if (how == PERFORM_TRY)
        return look_for_end(op, &rest);
    return rest.offset == WEIR_STREAM ? move_at_position(op, piece)
                                      : call_and_wait(op, piece, rest.offset);
}

/* ---- Pipes ----------------------------------------------------------------------------------- */

static int64_t take_from_pipe(const struct weir_op *op, struct weir_buf piece)
{
    DWORD there = 0;
    if (!PeekNamedPipe(win_handle_of(op->handle->in.descriptor), NULL, 0, NULL, &there, NULL))
        return win_moved(op, false, 0);
    if (!there) /* who asks for nothing has it */
        return piece.length ? WEIR_EAGAIN : 0;
    if (piece.length > there)
        piece.length = there;
    return call_and_wait(op, piece, 0);
}

int64_t win_fill_pieces(const struct weir_op *op, int64_t moved)
{
    struct rest rest = rest_of(op);
    int64_t     sum = moved;
    if (!op_reads(op) || rest.count < 2 || moved < (int64_t)rest.buffers[0].length)
        return moved;
    for (size_t i = 1; i < rest.count; i++) {
        int64_t length = (int64_t)rest.buffers[i].length;
        int64_t more = length ? take_from_pipe(op, rest.buffers[i]) : 0;
        sum += more > 0 ? more : 0;
        if (more < length)
            break;
    }
    return sum;
}

/* What is in it now. How much it would take cannot be asked. */
int64_t win_move_pipe(const struct weir_op *op)
{
    struct rest rest = rest_of(op);
    if (!op_reads(op))
        return WEIR_ENOTSUP;
    int64_t moved = take_from_pipe(op, win_piece_of(&rest));
    return moved > 0 ? win_fill_pieces(op, moved) : moved;
}

int64_t win_look_at_pipe(const struct weir_op *op)
{
    DWORD there = 0;
    bool  ended = !PeekNamedPipe(win_handle_of(op->handle->in.descriptor), NULL, 0, NULL, &there,
                                 NULL);
    bool  asked = op->in.arg.events & WEIR_IN;
    return ended ? (int64_t)WEIR_HUP : asked && there ? (int64_t)WEIR_IN : WEIR_EAGAIN;
}

#define PIPE_NAME L"\\\\.\\pipe\\weir-%08lx-%08lx"
#define PIPE_ROOM 65536
#define PIPE_NAMES_MOST 100 /* that somebody else may have taken */

/* Pipes that a port tells of have names. Whoever took this one's first, or came between, is no end
 * of it: the next name is tried. */
static int open_pipe(const wchar_t *name, HANDLE ends[2])
{
    ends[0] = CreateNamedPipeW(
        name, PIPE_ACCESS_INBOUND | FILE_FLAG_OVERLAPPED | FILE_FLAG_FIRST_PIPE_INSTANCE,
        PIPE_TYPE_BYTE | PIPE_REJECT_REMOTE_CLIENTS, 1, PIPE_ROOM, PIPE_ROOM, 0, NULL);
    if (ends[0] == INVALID_HANDLE_VALUE)
        return win_error();
    ends[1] = CreateFileW(name, GENERIC_WRITE | FILE_READ_ATTRIBUTES, 0, NULL, OPEN_EXISTING,
                          FILE_FLAG_OVERLAPPED, NULL);
    if (ends[1] != INVALID_HANDLE_VALUE)
        return 0;
    int error = win_error();
    CloseHandle(ends[0]);
    return error;
}

int win_pipe(struct weir_loop *loop, int ends[2])
{
    static atomic_ulong number;
    HANDLE              handles[2];
    wchar_t             name[64];
    int                 error = WEIR_EACCES;
    (void)loop;
    for (int i = 0; i < PIPE_NAMES_MOST && (error == WEIR_EACCES || error == WEIR_EBUSY); i++) {
        swprintf(name, sizeof name / sizeof name[0], PIPE_NAME, GetCurrentProcessId(),
                 atomic_fetch_add(&number, 1));
        error = open_pipe(name, handles);
    }
    for (int i = 0; !error && i < 2; i++)
        ends[i] = (int)(INT_PTR)handles[i];
    return error;
}
