/* SPDX-License-Identifier: MIT */
/* iocp_ops.c - each op as an overlapped call, and what its packet means. Bytes of files and pipes:
 * iocp_file.c; readiness of sockets: iocp_afd.c.
 *
 * A call that did not fail at once has a packet to come, also where it was done already: the record
 * is the system's until then, and the op with it. */
#include "iocp.h"

#include <string.h>
#include <ws2tcpip.h>

/* handle->in.slot of one that has joined the port; of a listener the family of its address, and
 * whether what it accepts is to have no Nagle delay. */
#define JOINED 0
#define SLOT_NODELAY 0x10000

static struct iocp_record *record_of(const struct weir_op *op)
{
    return (struct iocp_record *)(uintptr_t)op->in.engine;
}

static int slot_of(const struct weir_handle *handle)
{
    int nodelay;
    if (handle->in.kind != WEIR_HANDLE_LISTENER)
        return JOINED;
    win_get_int(handle->in.descriptor, IPPROTO_TCP, TCP_NODELAY, &nodelay);
    return win_family_of(handle->in.descriptor) | (nodelay ? SLOT_NODELAY : 0);
}

/* Before the first call that the port is to tell of. 0 or WEIR_E*. */
static int join(struct iocp *iocp, struct weir_handle *handle)
{
    if (handle->in.slot >= 0)
        return 0;
    if (!CreateIoCompletionPort(win_handle_of(handle->in.descriptor), iocp->port, IOCP_CALL, 0))
        return win_error();
    handle->in.slot = slot_of(handle);
    return 0;
}

/* ---- Beginning ------------------------------------------------------------------------------- */

/* Of what was too long, for the buffer or for the way: a warning comes with a packet, an error
 * without one. */
static bool is_warning(const struct iocp_record *record)
{
    return (ULONG)record->overlapped.Internal >> 30 == 2;
}

/* From a call for sockets: 0 when it was done, but its packet comes all the same. */
static int called(const struct iocp_record *record, int failed)
{
    int code = failed ? WSAGetLastError() : 0;
    if (code == WSA_IO_PENDING || (code == WSAEMSGSIZE && is_warning(record)))
        return 0;
    return win_error_of((DWORD)code);
}

static APART int begin_transfer(struct iocp_record *record, const struct weir_op *op)
{
    struct win_pieces pieces;
    SOCKET            socket = win_socket_of(op->handle->in.descriptor);
    DWORD             flags = 0;
    win_pieces_of(&pieces, op);
    if (op_reads(op))
        return called(record, WSARecv(socket, pieces.buffers, pieces.count, NULL, &flags,
                                      &record->overlapped, NULL));
    return called(
        record, WSASend(socket, pieces.buffers, pieces.count, NULL, 0, &record->overlapped, NULL));
}

/* A receive of nothing ends when there is something: no memory is held until then, and what is only
 * looked at stays. Of a datagram it would take all. */
static int begin_look(struct iocp_record *record, const struct weir_op *op)
{
    WSABUF nothing = {0, NULL};
    DWORD  flags = op->handle->in.kind == WEIR_HANDLE_DATAGRAM ? MSG_PEEK : 0;
    record->look = true;
    return called(record, WSARecv(win_socket_of(op->handle->in.descriptor), &nothing, 1, NULL,
                                  &flags, &record->overlapped, NULL));
}

/* A connection that its peer has given up meanwhile is none, and the next one is waited for. Wine 8
 * calls one that was reset not connected. */
static int accept_error(int error)
{
    return error == WEIR_ECONNRESET || error == WEIR_ENOTCONN ? WEIR_ECONNABORTED : error;
}

static int begin_accept(struct iocp *iocp, struct iocp_record *record, const struct weir_op *op)
{
    SOCKET listener = win_socket_of(op->handle->in.descriptor);
    DWORD  none;
    record->accepted = win_socket_new(op->handle->in.slot & ~SLOT_NODELAY, SOCK_STREAM);
    if (record->accepted < 0)
        return record->accepted;
    BOOL accepted = iocp->accept(listener, win_socket_of(record->accepted), record->addresses, 0,
                                 ACCEPT_ADDRESS, ACCEPT_ADDRESS, &none, &record->overlapped);
    int  error = called(record, !accepted);
    if (error)
        closesocket(win_socket_of(record->accepted));
    return accept_error(error);
}

/* ConnectEx() wants a socket that has an address. */
static int begin_connect(struct iocp *iocp, struct iocp_record *record, const struct weir_op *op)
{
    int                    descriptor = op->handle->in.descriptor;
    const struct sockaddr *name = op->in.arg.address.data;
    size_t                 length = op->in.arg.address.length;
    if (length < sizeof(struct sockaddr_in))
        return WEIR_EINVAL;
    int error = win_family_of(descriptor) == AF_UNSPEC ? win_bind_anywhere(descriptor) : 0;
    if (error)
        return error;
    if (name->sa_family != win_family_of(descriptor))
        return WEIR_EAFNOSUPPORT;
    return called(record, !iocp->connect(win_socket_of(descriptor), name, (int)length, NULL, 0,
                                         NULL, &record->overlapped));
}

/* On a thread of the system's. */
static void CALLBACK on_signalled(void *argument, BOOLEAN timed_out)
{
    struct iocp_record *record = argument;
    (void)timed_out;
    atomic_store(&record->told, true);
    PostQueuedCompletionStatus(record->port, 0, IOCP_CALL, &record->overlapped);
}

static int begin_wait(struct iocp_record *record, const struct weir_op *op)
{
    if (!(op->in.arg.events & WEIR_IN))
        return WEIR_ENOTSUP; /* there is nothing else to be told of it */
    record->called_on = NULL;
    BOOL waits = RegisterWaitForSingleObject(
        &record->wait, win_handle_of(op->handle->in.descriptor), on_signalled, record, INFINITE,
        WT_EXECUTEONLYONCE | WT_EXECUTEINWAITTHREAD);
    return waits ? 0 : win_error();
}

static int begin_message(struct iocp_record *record, const struct weir_op *op)
{
    int code = win_message_begin(op, op->in.arg.message.messages, NULL, &record->overlapped);
    WSASetLastError(code);
    return called(record, code);
}

/* It begins as a look, and the call comes when there is something. */
static bool looks_first(const struct weir_op *op)
{
    return op_is_pooled(op) || op->kind == WEIR_OP_RECV_BATCH || (op->flags & WEIR_PEEK);
}

static int begin_once(struct iocp *iocp, struct iocp_record *record, const struct weir_op *op)
{
    if (op->kind == WEIR_OP_ACCEPT)
        return begin_accept(iocp, record, op);
    if (op->kind == WEIR_OP_CONNECT)
        return begin_connect(iocp, record, op);
    if (looks_first(op))
        return begin_look(record, op);
    return op_transfers(op) ? begin_transfer(record, op) : begin_message(record, op);
}

/* What receives needs an address, which it has elsewhere without being asked for. */
static int begin_on_socket(struct iocp *iocp, struct iocp_record *record, const struct weir_op *op)
{
    int descriptor = op->handle->in.descriptor;
    int error = begin_once(iocp, record, op);
    if (error != WEIR_EINVAL || op->handle->in.kind != WEIR_HANDLE_DATAGRAM ||
        op->in.holds != WEIR_IN || win_family_of(descriptor) != AF_UNSPEC)
        return error;
    error = win_bind_anywhere(descriptor);
    return error ? error : begin_once(iocp, record, op);
}

/* What is to be sent as far as there is room: an overlapped call would wait until it has taken all,
 * and could not say how much of it the system's own buffer holds. */
static bool sends_what_fits(const struct weir_op *op)
{
    return op->kind == WEIR_OP_SEND_BATCH ||
           (op_transfers(op) && op_writes(op) && op->handle->in.kind == WEIR_HANDLE_STREAM);
}

/* What a call that never waits could not send waits for room; with WEIR_ALL the system has it. */
static int64_t begin_room(struct iocp *iocp, struct iocp_record *record, struct weir_op *op)
{
    int64_t result = op->handle->loop->sys->perform(op, PERFORM_TRY);
    op->served = WEIR_SERVED_AT_ONCE;
    if (result != WEIR_EAGAIN)
        return result;
    op->served = WEIR_SERVED_NOT;
    int error;
    if (op->flags & WEIR_ALL) {
        error = join(iocp, op->handle);
        if (!error)
            error = win_socket_says(op, begin_transfer(record, op));
    } else {
        record->look = true;
        error = iocp_begin_ready(iocp, record, op, WEIR_OUT);
    }
    return error ? error : IOCP_BEGUN;
}

static int begin_poll(struct iocp *iocp, struct iocp_record *record, const struct weir_op *op)
{
    return handle_is_socket(op->handle) ? iocp_begin_ready(iocp, record, op, op->in.arg.events)
                                        : begin_wait(record, op);
}

static int64_t begin(struct iocp *iocp, struct iocp_record *record, struct weir_op *op)
{
    int error;
    if (sends_what_fits(op))
        return begin_room(iocp, record, op);
    if (op->kind == WEIR_OP_POLL && op->handle->in.kind != WEIR_HANDLE_PIPE) {
        error = win_socket_says(op, begin_poll(iocp, record, op));
    } else {
        error = join(iocp, op->handle);
        if (!error && !handle_is_socket(op->handle))
            return op_transfers(op) ? iocp_begin_file(record, op)
                                    : iocp_begin_look_at_pipe(record, op);
        if (!error)
            error = win_socket_says(op, begin_on_socket(iocp, record, op));
    }
    return error ? error : IOCP_BEGUN;
}

/* What is done at once. */
static bool is_at_once(const struct weir_op *op)
{
    return op->kind == WEIR_OP_SHUTDOWN || op->kind == WEIR_OP_ADVISE ||
           (op->kind == WEIR_OP_FSTAT && !handle_has_offsets(op->handle)) ||
           (op->kind == WEIR_OP_CONNECT && op->handle->in.kind == WEIR_HANDLE_DATAGRAM);
}

/* What only a worker can do, who waits. */
static bool is_for_worker(const struct weir_op *op)
{
    switch ((enum weir_op_kind)op->kind) {
    case WEIR_OP_OPEN:
    case WEIR_OP_FSTAT:
    case WEIR_OP_FSYNC:
    case WEIR_OP_TRUNCATE:
        return true;
    default:
        return op_transfers(op) && handle_has_offsets(op->handle) &&
               (op->handle->in.flags & HANDLE_GUARDED);
    }
}

/* Of a handle of another kind the query says no; the error is what other systems say. */
static int refuse(const struct weir_op *op)
{
    enum weir_handle_kind kind = op->handle->in.kind;
    bool                  stream = kind == WEIR_HANDLE_STREAM;
    if (op->kind == WEIR_OP_OPEN)
        return 0;
    if (iocp_query(op->kind, kind) != WEIR_SUPPORT_NO)
        return 0;
    if (op->kind == WEIR_OP_ACCEPT && kind == WEIR_HANDLE_DATAGRAM)
        return WEIR_EOPNOTSUPP;
    if (op->kind == WEIR_OP_ACCEPT)
        return stream ? WEIR_EINVAL : WEIR_ENOTSOCK;
    if (!handle_is_socket(op->handle) &&
        (op->kind == WEIR_OP_CONNECT || op->kind == WEIR_OP_SHUTDOWN))
        return WEIR_ENOTSOCK;
    if (op->kind == WEIR_OP_TRUNCATE ||
        (op->kind == WEIR_OP_FSYNC && kind != WEIR_HANDLE_DIRECTORY))
        return WEIR_EINVAL;
    if (kind == WEIR_HANDLE_DIRECTORY && op_transfers(op))
        return op_reads(op) ? WEIR_EISDIR : WEIR_EBADF;
    if (kind == WEIR_HANDLE_LISTENER)
        return op->kind == WEIR_OP_CONNECT ? WEIR_EISCONN : WEIR_ENOTCONN;
    return WEIR_ENOTSUP;
}

/* Polls that wait for nothing else now wait for the end of the peer: they begin anew. */
static void renew_polls(const struct weir_handle *handle)
{
    struct weir_op *rings[] = {handle->in.ops_in, handle->in.ops_out};
    for (int i = 0; i < 2; i++)
        for (struct weir_op *op = rings[i]; op; op = ring_after(rings[i], op))
            if (op->kind == WEIR_OP_POLL && op->state == OP_GIVEN && record_of(op))
                CancelIoEx(record_of(op)->called_on, &record_of(op)->overlapped);
}

/* What an op told last is its result until it tells again. */
enum started iocp_start(struct weir_loop *loop, struct weir_op *op)
{
    int64_t result = refuse(op);
    if (!result && is_for_worker(op))
        return STARTED_OFFLOAD;
    if (!result && is_at_once(op)) {
        result = loop->sys->perform(op, PERFORM_TRY);
        op->served = WEIR_SERVED_AT_ONCE;
        if (op->kind == WEIR_OP_SHUTDOWN && !result)
            renew_polls(op->handle);
    } else if (!result) {
        struct iocp_record *record = iocp_take(loop, op);
        result = record ? begin(loop->mechanism, record, op) : WEIR_ENOMEM;
        if (result == IOCP_BEGUN)
            return STARTED;
        if (record)
            iocp_give(loop, record);
    }
    op->result = result;
    return STARTED_DONE;
}

/* ---- Cancelling ------------------------------------------------------------------------------ */

/* Once this has returned, the system's thread has either posted the packet, or never will. */
static void end_wait(struct iocp_record *record)
{
    if (record->wait)
        UnregisterWaitEx(record->wait, INVALID_HANDLE_VALUE);
    record->wait = NULL;
}

/* What is not found has ended, and its packet is on its way. */
void iocp_cancel(struct weir_loop *loop, struct weir_op *op)
{
    struct iocp_record *record = record_of(op);
    if (record->called_on) {
        CancelIoEx(record->called_on, &record->overlapped);
        return;
    }
    end_wait(record);
    if (atomic_load(&record->told))
        return;
    iocp_give(loop, record);
    loop_finish(loop, op, op->in.cause);
}

/* ---- What a packet means --------------------------------------------------------------------- */

/* A call that was cancelled may have moved something all the same. */
static int64_t moved_by(struct iocp_record *record)
{
    SOCKET socket = win_socket_of(record->op->handle->in.descriptor);
    DWORD  moved = 0, flags = 0;
    if (WSAGetOverlappedResult(socket, &record->overlapped, &moved, FALSE, &flags))
        return moved;
    int error = win_socket_error();
    if (error == WEIR_ECANCELED && record->overlapped.InternalHigh)
        return (int64_t)record->overlapped.InternalHigh;
    return win_socket_says(record->op, error);
}

/* A datagram that is only looked at does not fit, and that is all it says. */
static int64_t result_of(struct iocp_record *record)
{
    struct weir_op *op = record->op;
    if (record->called_on == ((struct iocp *)op->handle->loop->mechanism)->afd)
        return iocp_ready_events(record, WEIR_OUT);
    if (!handle_is_socket(op->handle))
        return iocp_file_result(record);
    int64_t result = moved_by(record);
    if (record->look)
        return result == WEIR_EMSGSIZE ? 0 : result;
    if (op->kind == WEIR_OP_RECV_MSG || op->kind == WEIR_OP_SEND_MSG)
        return win_message_told(op, op->in.arg.message.messages, result);
    return win_datagram_told(op, result);
}

/* The socket becomes one of the connection, with the listener's options. False when the peer has
 * given it up already. */
static bool adopt_accepted(const struct iocp_record *record, const struct weir_op *op)
{
    SOCKET listener = win_socket_of(op->handle->in.descriptor);
    SOCKET accepted = win_socket_of(record->accepted);
    u_long one = 1;
    return setsockopt(accepted, SOL_SOCKET, SO_UPDATE_ACCEPT_CONTEXT, (const char *)&listener,
                      (int)sizeof listener) == 0 &&
           ioctlsocket(accepted, (long)FIONBIO, &one) == 0 &&
           (!(op->handle->in.slot & SLOT_NODELAY) ||
            win_set_int(record->accepted, IPPROTO_TCP, TCP_NODELAY, 1) == 0);
}

/* Its descriptor, or WEIR_E* and it is closed. */
static int64_t finish_accept(const struct iocp_record *record, const struct weir_op *op,
                             int64_t result)
{
    if (result >= 0 && adopt_accepted(record, op))
        return record->accepted;
    closesocket(win_socket_of(record->accepted));
    return result >= 0 ? WEIR_ECONNABORTED : accept_error((int)result);
}

static int64_t finish_connect(const struct weir_op *op, int64_t result)
{
    SOCKET socket = win_socket_of(op->handle->in.descriptor);
    if (result < 0)
        return result;
    op->handle->in.hint &= (uint8_t)~TOLD_ERR; /* of a refusal before */
    int failed = setsockopt(socket, SOL_SOCKET, SO_UPDATE_CONNECT_CONTEXT, NULL, 0);
    return failed ? win_socket_error() : 0;
}

/* What a socket's driver says; an object is asked once more: it may be quiet again. */
static void harvest_poll(struct weir_loop *loop, struct iocp_record *record)
{
    struct weir_op *op = record->op;
    bool            again = op->flags & (WEIR_LEVEL | WEIR_EDGE);
    bool            waited = !handle_is_socket(op->handle);
    int64_t         events = waited ? 0 : iocp_ready_events(record, op->in.arg.events);
    end_wait(record);
    iocp_give(loop, record);
    if (op->in.cause && events <= 0)
        events = op->in.cause;
    else if (waited)
        events = loop->sys->perform(op, PERFORM_TRY);
    else if (events == WEIR_ECANCELED)
        events = WEIR_EAGAIN; /* renew_polls() */
    if (events == WEIR_EAGAIN) {
        loop_ask(loop, op);
        return;
    }
    op->served = WEIR_SERVED_KERNEL;
    loop_event(loop, op, events, again && events >= 0 ? EVENT_AGAIN : 0, 0);
}

void iocp_harvest(struct weir_loop *loop, struct iocp_record *record)
{
    struct weir_op *op = record->op;
    bool            look = record->look;
    if (op->kind == WEIR_OP_POLL) {
        harvest_poll(loop, record);
        return;
    }
    int64_t result = result_of(record);
    if (op->kind == WEIR_OP_ACCEPT)
        result = finish_accept(record, op, result);
    else if (op->kind == WEIR_OP_CONNECT)
        result = finish_connect(op, result);
    iocp_give(loop, record);
    if (look && (result >= 0 || result == WEIR_EAGAIN)) {
        loop_event(loop, op, WEIR_EAGAIN, EVENT_TRY, 0);
        return;
    }
    if (op->kind == WEIR_OP_RECV_MSG_POOLED)
        op->in.arg.pooled.message->result = result;
    op->served = WEIR_SERVED_KERNEL;
    if (op->kind == WEIR_OP_ACCEPT && (op->flags & WEIR_MULTISHOT) && result >= 0)
        loop_accepted(loop, op, (int)result, false);
    else
        loop_event(loop, op, result, 0, 0);
}
