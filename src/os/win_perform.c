/* SPDX-License-Identifier: MIT */
/* win_perform.c - the switch from an op to a plain call of Windows, which never waits but on a
 * worker. What goes through the port is begun in src/engine/iocp*.c. */
#include "win.h"

#include <ws2tcpip.h>

#include "os.h"

void win_pieces_of(struct win_pieces *pieces, const struct weir_op *op)
{
    struct rest rest = rest_of(op);
    pieces->count = (DWORD)rest.count;
    for (size_t i = 0; i < rest.count; i++)
        pieces->buffers[i] = (WSABUF){(ULONG)rest.buffers[i].length, rest.buffers[i].data};
    if (!rest.count)
        pieces->buffers[pieces->count++] = (WSABUF){(ULONG)rest.length, rest.data};
}

static APART int64_t move_socket(struct weir_op *op)
{
    struct win_pieces pieces;
    SOCKET            socket = win_socket_of(op->handle->in.descriptor);
    DWORD             moved = 0, flags = op->flags & WEIR_PEEK ? MSG_PEEK : 0;
    if (op->handle->in.kind == WEIR_HANDLE_LISTENER)
        return WEIR_ENOTCONN;
    if (!handle_is_socket(op->handle))
        return WEIR_ENOTSUP;
    win_pieces_of(&pieces, op);
    int failed = op_reads(op)
                     ? WSARecv(socket, pieces.buffers, pieces.count, &moved, &flags, NULL, NULL)
                     : WSASend(socket, pieces.buffers, pieces.count, &moved, 0, NULL, NULL);
    if (!failed)
        return moved;
    int error = win_socket_error();
    if (error == WEIR_EINVAL && op_reads(op) &&
        win_family_of(op->handle->in.descriptor) == AF_UNSPEC)
        return WEIR_EAGAIN; /* without an address nothing comes */
    return win_datagram_told(op, win_socket_says(op, error));
}

static int64_t move(struct weir_op *op, enum perform how)
{
    switch ((enum weir_handle_kind)op->handle->in.kind) {
    case WEIR_HANDLE_FILE:
    case WEIR_HANDLE_DIRECTORY:
        return win_move_file(op, how);
    case WEIR_HANDLE_PIPE:
        return win_move_pipe(op);
    default:
        return move_socket(op);
    }
}

/* What an event or another object that can be waited for says now; it tells WEIR_IN only. */
static int64_t look(const struct weir_op *op)
{
    if (op->handle->in.kind == WEIR_HANDLE_PIPE)
        return win_look_at_pipe(op);
    if (op->handle->in.kind != WEIR_HANDLE_OTHER)
        return WEIR_ENOTSUP;
    switch (WaitForSingleObject(win_handle_of(op->handle->in.descriptor), 0)) {
    case WAIT_OBJECT_0:
    case WAIT_ABANDONED:
        return op->in.arg.events & WEIR_IN ? (int64_t)WEIR_IN : WEIR_EAGAIN;
    case WAIT_TIMEOUT:
        return WEIR_EAGAIN;
    default:
        return win_error();
    }
}

/* Of a socket, whether a receive would find something. */
static int64_t look_at_socket(const struct weir_op *op)
{
    WSAPOLLFD entry = {.fd = win_socket_of(op->handle->in.descriptor), .events = POLLRDNORM};
    int       found = WSAPoll(&entry, 1, 0);
    if (found < 0)
        return win_socket_error();
    return found && (op->in.arg.events & WEIR_IN) ? (int64_t)WEIR_IN : WEIR_EAGAIN;
}

static int64_t end_sending(const struct weir_op *op)
{
    if (op->handle->in.hint & TOLD_ERR) /* it was reset, which Wine 8 does not look at here */
        return WEIR_ENOTCONN;
    return shutdown(win_socket_of(op->handle->in.descriptor), SD_SEND) ? win_socket_error() : 0;
}

/* Of a datagram socket: its peer from now on. */
static int64_t take_peer(const struct weir_op *op)
{
    int descriptor = op->handle->in.descriptor;
    if (op->handle->in.kind != WEIR_HANDLE_DATAGRAM)
        return WEIR_ENOTSUP;
    if (connect(win_socket_of(descriptor), op->in.arg.address.data,
                (int)op->in.arg.address.length) != 0)
        return win_socket_error();
    win_hear_refusals(descriptor, true);
    return 0;
}

int64_t win_perform(struct weir_op *op, enum perform how)
{
    if (LIKELY(op_transfers(op)))
        return move(op, how);
    switch ((enum weir_op_kind)op->kind) {
    case WEIR_OP_SHUTDOWN:
        return end_sending(op);
    case WEIR_OP_POLL:
        return handle_is_socket(op->handle) ? look_at_socket(op) : look(op);
    case WEIR_OP_RESOLVE:
        return how == PERFORM_TRY ? WEIR_ENOTSUP : os_resolve(op->in.arg.lookup);
    case WEIR_OP_WORK:
        return op->in.arg.work(op);
    case WEIR_OP_OPEN:
    case WEIR_OP_FSTAT:
    case WEIR_OP_FSYNC:
    case WEIR_OP_TRUNCATE:
    case WEIR_OP_ADVISE:
        return win_perform_file(op, how);
    case WEIR_OP_CONNECT:
        return take_peer(op);
    case WEIR_OP_RECV_MSG:
    case WEIR_OP_SEND_MSG:
    case WEIR_OP_RECV_BATCH:
    case WEIR_OP_SEND_BATCH:
        return win_perform_message(op);
    case WEIR_OP_RECV_POOLED:
    case WEIR_OP_RECV_MSG_POOLED:
        return pool_perform(op, how);
    case WEIR_OP_COPY:
        return win_copy(op->in.arg.copy.record, how);
    case WEIR_OP_RECV: /* move() */
    case WEIR_OP_RECVV:
    case WEIR_OP_SEND:
    case WEIR_OP_SENDV:
    case WEIR_OP_READ:
    case WEIR_OP_READV:
    case WEIR_OP_WRITE:
    case WEIR_OP_WRITEV:
    case WEIR_OP_ACCEPT:
    case WEIR_OP_PREALLOCATE: /* there is no call that cannot cut what is written meanwhile */
    case WEIR_OP_NONE:
    case WEIR_OP_NOP:
    case WEIR_OP_TIMER:
    case WEIR_OP_SIGNAL:
    case WEIR_OP_POST:
    case WEIR_OP_MOVE:
    case WEIR_OP_KINDS:
        break;
    }
    return WEIR_ENOTSUP;
}
