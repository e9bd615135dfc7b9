/* SPDX-License-Identifier: MIT */
/* iocp.c - I/O completion ports of Windows: the port, its records and the turn. What each op is to
 * it stands in iocp_ops.c. */
#include "iocp.h"

#include <string.h>

#define PACKETS_MOST 64 /* by one call */

/* ---- Records --------------------------------------------------------------------------------- */

static bool add_block(struct weir_loop *loop, struct iocp *iocp)
{
    struct iocp_block *block = loop_resize(loop, NULL, sizeof *block);
    if (!block)
        return false;
    block->next = iocp->blocks;
    iocp->blocks = block;
    for (int i = 0; i < IOCP_BLOCK; i++) {
        block->records[i].next = iocp->free;
        iocp->free = &block->records[i];
    }
    return true;
}

struct iocp_record *iocp_take(struct weir_loop *loop, struct weir_op *op)
{
    struct iocp *iocp = loop->mechanism;
    if (!iocp->free && !add_block(loop, iocp))
        return NULL;
    struct iocp_record *record = iocp->free;
    iocp->free = record->next;
    memset(&record->overlapped, 0, sizeof record->overlapped);
    record->next = NULL;
    record->op = op;
    record->port = iocp->port;
    record->called_on = win_handle_of(op->handle->in.descriptor);
    record->wait = NULL;
    atomic_init(&record->told, false);
    record->look = false;
    record->accepted = -1;
    op->in.engine = (uintptr_t)record;
    return record;
}

void iocp_give(struct weir_loop *loop, struct iocp_record *record)
{
    struct iocp *iocp = loop->mechanism;
    record->op->in.engine = 0;
    record->op = NULL;
    record->next = iocp->free;
    iocp->free = record;
}

/* ---- Opening and closing --------------------------------------------------------------------- */

static int get_function(SOCKET socket, GUID name, void *function, DWORD size)
{
    DWORD none;
    int   failed = WSAIoctl(socket, SIO_GET_EXTENSION_FUNCTION_POINTER, &name, (DWORD)sizeof name,
                            function, size, &none, NULL, NULL);
    return failed ? win_socket_error() : 0;
}

static int get_functions(struct iocp *iocp)
{
    const GUID accept = WSAID_ACCEPTEX, connect = WSAID_CONNECTEX;
    int        descriptor = win_socket_new(AF_INET, SOCK_STREAM);
    if (descriptor < 0)
        return descriptor;
    SOCKET socket = win_socket_of(descriptor);
    int    error = get_function(socket, accept, &iocp->accept, (DWORD)sizeof iocp->accept);
    if (!error)
        error = get_function(socket, connect, &iocp->connect, (DWORD)sizeof iocp->connect);
    if (!error)
        error = win_messages_begin(descriptor);
    closesocket(socket);
    return error;
}

/* Every op has ended: none of the records is the system's any more. */
static void iocp_close(struct weir_loop *loop)
{
    struct iocp *iocp = loop->mechanism;
    if (iocp->afd)
        CloseHandle(iocp->afd);
    if (iocp->port)
        CloseHandle(iocp->port);
    while (iocp->blocks) {
        struct iocp_block *block = iocp->blocks;
        iocp->blocks = block->next;
        loop_resize(loop, block, 0);
    }
    loop_resize(loop, iocp, 0);
    loop->mechanism = NULL;
    win_sockets_end();
}

static int iocp_open(struct weir_loop *loop, const struct weir_options *options, char *reason)
{
    int error = win_sockets_begin();
    (void)options;
    if (error)
        return loop_refuse(reason, error, "Windows Sockets cannot be had");
    struct iocp *iocp = loop_resize(loop, NULL, sizeof *iocp);
    if (!iocp) {
        win_sockets_end();
        return loop_refuse(reason, WEIR_ENOMEM, "out of memory");
    }
    *iocp = (struct iocp){.port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 1)};
    loop->mechanism = iocp;
    if (!iocp->port)
        error = loop_refuse(reason, win_error(), "A completion port cannot be had");
    else if ((error = get_functions(iocp)))
        loop_refuse(reason, error, "AcceptEx(), ConnectEx() or WSARecvMsg() cannot be had");
    if (error)
        iocp_close(loop);
    return error;
}

/* ---- The turn -------------------------------------------------------------------------------- */

/* In whole milliseconds, never early. */
static DWORD milliseconds(int64_t timeout_ns)
{
    if (timeout_ns < 0)
        return INFINITE;
    uint64_t left = ((uint64_t)timeout_ns + WEIR_MILLISECOND - 1) / WEIR_MILLISECOND;
    return left < INFINITE ? (DWORD)left : INFINITE - 1;
}

/* As many packets as there is room for their events. */
static ULONG room_for_packets(struct weir_loop *loop)
{
    return loop_room(loop, PACKETS_MOST) ? PACKETS_MOST : loop_room(loop, 1) ? 1 : 0;
}

static int iocp_wait(struct weir_loop *loop, int64_t timeout_ns)
{
    struct iocp     *iocp = loop->mechanism;
    OVERLAPPED_ENTRY packets[PACKETS_MOST];
    DWORD            timeout = milliseconds(timeout_ns);
    ULONG            room, count;
    do {
        count = 0;
        room = room_for_packets(loop);
        if (!room)
            return 0;
        if (!GetQueuedCompletionStatusEx(iocp->port, packets, room, &count, timeout, FALSE))
            return GetLastError() == WAIT_TIMEOUT ? 0 : win_error();
        for (ULONG i = 0; i < count; i++)
            if (packets[i].lpCompletionKey == IOCP_CALL)
                iocp_harvest(loop, CONTAINING_RECORD(packets[i].lpOverlapped, struct iocp_record,
                                                     overlapped));
        timeout = 0;
    } while (count == room);
    return 0;
}

static void iocp_wake(struct weir_loop *loop)
{
    struct iocp *iocp = loop->mechanism;
    PostQueuedCompletionStatus(iocp->port, 0, IOCP_WAKE, NULL);
}

/* WaitForSingleObject() says of a port whether a packet is in it. */
static int iocp_fd(struct weir_loop *loop)
{
    struct iocp *iocp = loop->mechanism;
    return (int)(INT_PTR)iocp->port;
}

/* A handle joins one port for life. Any thread: it is nobody's for now. */
static int iocp_takes(const struct weir_loop *loop, const struct weir_handle *handle)
{
    (void)loop;
    return handle->in.slot < 0 ? 0 : WEIR_ENOTSUP;
}

const struct engine engine_iocp = {
    .name = "iocp",
    .model = "completion",
    .open = iocp_open,
    .close = iocp_close,
    .start = iocp_start,
    .cancel = iocp_cancel,
    .wait = iocp_wait,
    .wake = iocp_wake,
    .takes = iocp_takes,
    .fd = iocp_fd,
    .query = iocp_query,
    .sys = &system_windows,
};
