/* SPDX-License-Identifier: MIT */
/* win_message.c - whole messages: struct weir_msg as the system has it, and what came back; and
 * datagrams without one. WSARecvMsg(), WSASendMsg() */
#include <mswsock.h>
#include <string.h>
#include <ws2tcpip.h>

#include "win.h"

/* message->in: the header, which the system reads and writes while the op is pending, and the
 * address that came, since it takes no room that is too small. */
struct own {
    WSAMSG header;
    char   address[40];
};
_Static_assert(sizeof(struct own) <= sizeof(((struct weir_msg *)0)->in),
               "a message has room for a header of the system and an address");
_Static_assert(sizeof(((struct own *)0)->address) >= sizeof(struct sockaddr_in6), "of IPv6");

/* Of every loop, which all get the same. */
static _Atomic(LPFN_WSARECVMSG) receive_message;

int win_messages_begin(int descriptor)
{
    LPFN_WSARECVMSG found;
    GUID            name = WSAID_WSARECVMSG;
    DWORD           none;
    int failed = WSAIoctl(win_socket_of(descriptor), SIO_GET_EXTENSION_FUNCTION_POINTER, &name,
                          (DWORD)sizeof name, &found, (DWORD)sizeof found, &none, NULL, NULL);
    if (failed)
        return win_socket_error();
    atomic_store(&receive_message, found);
    return 0;
}

static bool sends(const struct weir_op *op)
{
    return op->kind == WEIR_OP_SEND_MSG || op->kind == WEIR_OP_SEND_BATCH;
}

/* A send that says no address, on a socket that has no peer. */
static bool lacks_address(const struct weir_op *op)
{
    struct sockaddr_storage peer;
    int                     length = (int)sizeof peer;
    if (op->in.holds == WEIR_IN || (sends(op) && op->in.arg.message.messages->address_length))
        return false;
    return getpeername(win_socket_of(op->handle->in.descriptor), (struct sockaddr *)&peer,
                       &length) != 0;
}

/* Windows says again and again that a connection was reset, or came to nothing. Elsewhere that is
 * told once: what is sent from then on is sent to nobody, as where nobody was yet, which is a reset
 * on Wine 8. A second refusal is an abort there. */
static int stream_says(const struct weir_op *op, int error)
{
    bool writes = op_writes(op) || sends(op);
    if (op->kind == WEIR_OP_CONNECT && (error == WEIR_ECONNABORTED || error == WEIR_ECONNREFUSED)) {
        op->handle->in.hint |= TOLD_ERR;
        return WEIR_ECONNREFUSED;
    }
    if (error == WEIR_ENOTCONN && writes)
        return WEIR_EPIPE;
    if (error != WEIR_ECONNABORTED && error != WEIR_ECONNRESET)
        return error;
    if (writes &&
        ((op->handle->in.hint & TOLD_ERR) || win_family_of(op->handle->in.descriptor) == AF_UNSPEC))
        return WEIR_EPIPE;
    op->handle->in.hint |= TOLD_ERR;
    return WEIR_ECONNRESET;
}

/* A refusal of the port that a datagram went to comes as a reset. */
int win_socket_says(const struct weir_op *op, int error)
{
    if (error == WEIR_ENOTSOCK)
        return WEIR_EBADF; /* it was one, before somebody closed it */
    if (op->handle->in.kind != WEIR_HANDLE_DATAGRAM)
        return stream_says(op, error);
    if (error == WEIR_ECONNRESET)
        return WEIR_ECONNREFUSED;
    return (error == WEIR_ENOTCONN || error == WEIR_EINVAL) && lacks_address(op) ? WEIR_EDESTADDRREQ
                                                                                 : error;
}

/* ---- To the system --------------------------------------------------------------------------- */

/* The pieces need not outlive the call that is given them, the header has to. */
struct pieces {
    WSABUF buffers[PIECES_MAX];
    DWORD  count;
};

static void fill_pieces(struct pieces *pieces, const struct weir_msg *message)
{
    pieces->count = 0;
    for (size_t i = 0; i < message->count; i++) {
        struct weir_buf one = message->buffers[i];
        size_t          length = one.length < TRANSFER_MAX ? one.length : TRANSFER_MAX;
        pieces->buffers[pieces->count++] = (WSABUF){(ULONG)length, one.data};
    }
    if (!pieces->count)
        pieces->buffers[pieces->count++] = (WSABUF){0, NULL};
}

static struct own *own_of(struct weir_msg *message)
{
    return (struct own *)(void *)message->in;
}

static void fill(const struct weir_op *op, struct weir_msg *message, struct pieces *pieces)
{
    bool    out = sends(op);
    WSAMSG *header = &own_of(message)->header;
    fill_pieces(pieces, message);
    *header = (WSAMSG){.lpBuffers = pieces->buffers, .dwBufferCount = pieces->count};
    if (out && message->address && message->address_length) {
        header->name = message->address;
        header->namelen = (int)message->address_length;
    } else if (!out && message->address) {
        header->name = (struct sockaddr *)(void *)own_of(message)->address;
        header->namelen = (int)sizeof own_of(message)->address;
    }
    if (message->control)
        header->Control = (WSABUF){out ? message->control_length : message->control_room,
                                   message->control};
    if (!out && (op->flags & WEIR_PEEK))
        header->dwFlags = MSG_PEEK;
}

static int send_one(SOCKET socket, const struct weir_handle *handle, WSAMSG *header, DWORD *moved,
                    OVERLAPPED *overlapped)
{
    if (handle->in.kind == WEIR_HANDLE_STREAM)
        return WSASend(socket, header->lpBuffers, header->dwBufferCount, moved, 0, overlapped,
                       NULL);
    return WSASendMsg(socket, header, 0, moved, overlapped, NULL);
}

static int receive_one(SOCKET socket, const struct weir_handle *handle, WSAMSG *header,
                       DWORD *moved, OVERLAPPED *overlapped)
{
    DWORD flags = header->dwFlags;
    if (handle->in.kind != WEIR_HANDLE_STREAM)
        return atomic_load(&receive_message)(socket, header, moved, overlapped, NULL);
    header->namelen = 0;
    header->Control.len = 0;
    return WSARecv(socket, header->lpBuffers, header->dwBufferCount, moved, &flags, overlapped,
                   NULL);
}

int win_message_begin(const struct weir_op *op, struct weir_msg *message, DWORD *moved,
                      void *overlapped)
{
    struct pieces pieces;
    SOCKET        socket = win_socket_of(op->handle->in.descriptor);
    if (sends(op) && message->segment)
        return WSAEOPNOTSUPP;
    fill(op, message, &pieces);
    WSAMSG *header = &own_of(message)->header;
    int     failed = sends(op) ? send_one(socket, op->handle, header, moved, overlapped)
                               : receive_one(socket, op->handle, header, moved, overlapped);
    int     code = failed ? WSAGetLastError() : 0;
    header->lpBuffers = NULL;
    return code;
}

/* ---- And back -------------------------------------------------------------------------------- */

static void tell_address(struct weir_msg *message, const struct own *own)
{
    uint32_t length = (uint32_t)own->header.namelen;
    if (length > message->address_room) {
        length = message->address_room;
        message->told |= WEIR_TOLD_ADDRESS_TRUNCATED;
    }
    memcpy(message->address, own->address, length);
    message->address_length = length;
}

static int64_t room_of(const struct weir_msg *message)
{
    int64_t room = 0;
    for (size_t i = 0; i < message->count; i++)
        room += (int64_t)message->buffers[i].length;
    return room;
}

/* What was cut off filled the room. */
int64_t win_message_told(struct weir_op *op, struct weir_msg *message, int64_t result)
{
    const WSAMSG *header = &own_of(message)->header;
    if (!sends(op) && result == WEIR_EMSGSIZE) {
        message->told |= WEIR_TOLD_TRUNCATED;
        result = room_of(message);
    }
    message->result = result;
    if (sends(op) || result < 0)
        return result;
    if (header->dwFlags & MSG_TRUNC)
        message->told |= WEIR_TOLD_TRUNCATED;
    if (header->dwFlags & MSG_CTRUNC)
        message->told |= WEIR_TOLD_CONTROL_TRUNCATED;
    if (message->control)
        message->control_length = header->Control.len;
    if (message->address)
        tell_address(message, own_of(message));
    op->told |= message->told;
    return result;
}

/* ---- At once --------------------------------------------------------------------------------- */

static int64_t move_one(struct weir_op *op, struct weir_msg *message)
{
    DWORD moved = 0;
    int   error = win_error_of((DWORD)win_message_begin(op, message, &moved, NULL));
    if (error == WEIR_EAGAIN)
        return error;
    return win_message_told(op, message, error ? win_socket_says(op, error) : (int64_t)moved);
}

/* What comes after the first is taken while it is there. */
static int64_t move_batch(struct weir_op *op)
{
    struct weir_msg *messages = op->in.arg.message.messages;
    size_t           count = op->in.arg.message.count, moved = 0;
    int64_t          result = 0;
    while (moved < count && result >= 0) {
        result = move_one(op, &messages[moved]);
        moved += result >= 0;
    }
    if (!moved)
        return result;
    if (result < 0 && result != WEIR_EAGAIN) /* the next receive will not be told it again */
        op->error = (int32_t)result;
    return (int64_t)moved;
}

int64_t win_perform_message(struct weir_op *op)
{
    if (op->kind == WEIR_OP_RECV_BATCH || op->kind == WEIR_OP_SEND_BATCH)
        return move_batch(op);
    return move_one(op, op->in.arg.message.messages);
}

/* ---- Datagrams without a message ------------------------------------------------------------- */

int64_t win_datagram_told(struct weir_op *op, int64_t result)
{
    if (result != WEIR_EMSGSIZE || !op_reads(op))
        return result;
    op->told |= WEIR_TOLD_TRUNCATED;
    return (int64_t)rest_length(op);
}

/* ---- What Windows does not send -------------------------------------------------------------- */

int weir_msg_put_handles(struct weir_msg *message, const weir_os_handle *handles, size_t count)
{
    (void)message, (void)handles;
    return count ? WEIR_ENOTSUP : 0;
}

int weir_msg_take_handles(struct weir_msg *message, weir_os_handle *handles, size_t room)
{
    (void)message, (void)handles, (void)room;
    return 0;
}
