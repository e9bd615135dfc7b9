/* SPDX-License-Identifier: MIT */
/* iocp_file.c - bytes of files and pipes, one piece a call. ReadFile(), WriteFile() */
#include "iocp.h"

/* A file that was opened for such calls keeps a position, and does not move it. */
static uint64_t offset_of(const struct weir_op *op, const struct rest *rest)
{
    if (op->handle->in.kind == WEIR_HANDLE_PIPE)
        return 0;
    return rest->offset == WEIR_STREAM ? win_position(op->handle->in.descriptor) : rest->offset;
}

int64_t iocp_begin_file(struct iocp_record *record, const struct weir_op *op)
{
    struct rest     rest = rest_of(op);
    struct weir_buf piece = win_piece_of(&rest);
    uint64_t        offset = offset_of(op, &rest);
    HANDLE          file = win_handle_of(op->handle->in.descriptor);
    record->overlapped.Offset = (DWORD)offset;
    record->overlapped.OffsetHigh = (DWORD)(offset >> 32);
    BOOL well = op_reads(op)
                    ? ReadFile(file, piece.data, (DWORD)piece.length, NULL, &record->overlapped)
                    : WriteFile(file, piece.data, (DWORD)piece.length, NULL, &record->overlapped);
    if (well || GetLastError() == ERROR_IO_PENDING)
        return IOCP_BEGUN;
    return win_moved(op, false, 0);
}

/* A read of nothing ends when there is something. One that cannot even begin has something to tell,
 * which the call itself says. */
int64_t iocp_begin_look_at_pipe(struct iocp_record *record, struct weir_op *op)
{
    bool polls = op->kind == WEIR_OP_POLL;
    if (polls && (op->in.arg.events & (WEIR_IN | WEIR_OUT)) != WEIR_IN)
        return WEIR_ENOTSUP; /* nothing tells whether there is room, nor an end behind bytes */
    record->look = true;
    BOOL well = ReadFile(win_handle_of(op->handle->in.descriptor), NULL, 0, NULL,
                         &record->overlapped);
    if (well || GetLastError() == ERROR_IO_PENDING)
        return IOCP_BEGUN;
    if (polls && GetLastError() == ERROR_ACCESS_DENIED)
        return WEIR_ENOTSUP; /* an end that is written to: it tells nothing */
    return op->handle->loop->sys->perform(op, PERFORM_TRY);
}

int64_t iocp_file_result(struct iocp_record *record)
{
    const struct weir_op *op = record->op;
    int                   descriptor = op->handle->in.descriptor;
    DWORD                 moved = 0;
    BOOL well = GetOverlappedResult(win_handle_of(descriptor), &record->overlapped, &moved, FALSE);
    int64_t result = win_moved(op, well, well ? moved : (DWORD)record->overlapped.InternalHigh);
    if (result > 0 && op->handle->in.kind == WEIR_HANDLE_PIPE)
        return win_fill_pieces(op, result);
    if (result > 0 && op->handle->in.kind == WEIR_HANDLE_FILE && op->in.holds)
        win_position_moved(
            op, (uint64_t)record->overlapped.OffsetHigh << 32 | record->overlapped.Offset, result);
    return result;
}
