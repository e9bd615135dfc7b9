/* SPDX-License-Identifier: MIT */
/* iocp_query.c - which op is served how, on what. */
#include "iocp.h"

static int query_loop(enum weir_op_kind op)
{
    switch (op) {
    case WEIR_OP_NOP:
    case WEIR_OP_TIMER:
    case WEIR_OP_POST:
        return WEIR_SUPPORT_AT_ONCE;
    case WEIR_OP_SIGNAL:
        return WEIR_SUPPORT_EMULATED;
    case WEIR_OP_WORK:
    case WEIR_OP_RESOLVE:
    case WEIR_OP_OPEN:
        return WEIR_SUPPORT_OFFLOADED;
    default:
        return WEIR_SUPPORT_NO;
    }
}

static int query_stream(enum weir_op_kind op)
{
    switch (op) {
    case WEIR_OP_CONNECT:
    case WEIR_OP_RECV:
    case WEIR_OP_RECVV:
    case WEIR_OP_READ:
    case WEIR_OP_READV:
    case WEIR_OP_SEND:
    case WEIR_OP_SENDV:
    case WEIR_OP_WRITE:
    case WEIR_OP_WRITEV:
    case WEIR_OP_RECV_POOLED:
    case WEIR_OP_RECV_MSG:
    case WEIR_OP_RECV_MSG_POOLED:
    case WEIR_OP_SEND_MSG:
    case WEIR_OP_POLL:
        return WEIR_SUPPORT_NATIVE;
    case WEIR_OP_COPY: /* to such a handle */
        return WEIR_SUPPORT_EMULATED;
    case WEIR_OP_FSTAT:
    case WEIR_OP_SHUTDOWN:
        return WEIR_SUPPORT_AT_ONCE;
    default:
        return WEIR_SUPPORT_NO;
    }
}

static int query_datagram(enum weir_op_kind op)
{
    switch (op) {
    case WEIR_OP_CONNECT:
        return WEIR_SUPPORT_AT_ONCE;
    case WEIR_OP_COPY:
        return WEIR_SUPPORT_NO;
    case WEIR_OP_RECV_BATCH:
    case WEIR_OP_SEND_BATCH:
        return WEIR_SUPPORT_EMULATED;
    default:
        return query_stream(op);
    }
}

static int query_listener(enum weir_op_kind op)
{
    if (op == WEIR_OP_FSTAT)
        return WEIR_SUPPORT_AT_ONCE;
    return op == WEIR_OP_ACCEPT || op == WEIR_OP_POLL ? WEIR_SUPPORT_NATIVE : WEIR_SUPPORT_NO;
}

/* Of files, and pipes, which are read and written as streams are. */
static int query_file(enum weir_op_kind op, enum weir_handle_kind handle)
{
    bool file = handle == WEIR_HANDLE_FILE, pipe = handle == WEIR_HANDLE_PIPE;
    switch (op) {
    case WEIR_OP_POLL:
        return pipe ? WEIR_SUPPORT_NATIVE : WEIR_SUPPORT_AT_ONCE;
    case WEIR_OP_FSTAT:
        return pipe ? WEIR_SUPPORT_AT_ONCE : WEIR_SUPPORT_OFFLOADED;
    case WEIR_OP_COPY:
    case WEIR_OP_FSYNC:
    case WEIR_OP_TRUNCATE:
        return file ? WEIR_SUPPORT_OFFLOADED : WEIR_SUPPORT_NO;
    case WEIR_OP_ADVISE:
        return file ? WEIR_SUPPORT_AT_ONCE : WEIR_SUPPORT_NO;
    case WEIR_OP_RECV_POOLED:
        return pipe ? WEIR_SUPPORT_NATIVE : WEIR_SUPPORT_NO;
    case WEIR_OP_CONNECT:
    case WEIR_OP_SHUTDOWN:
    case WEIR_OP_RECV_MSG:
    case WEIR_OP_RECV_MSG_POOLED:
    case WEIR_OP_SEND_MSG:
        return WEIR_SUPPORT_NO;
    default:
        return file || pipe ? query_stream(op) : WEIR_SUPPORT_NO;
    }
}

int iocp_query(enum weir_op_kind op, enum weir_handle_kind handle)
{
    if (handle == WEIR_HANDLE_NONE)
        return query_loop(op);
    if (op == WEIR_OP_MOVE)
        return WEIR_SUPPORT_AT_ONCE;
    if (handle == WEIR_HANDLE_STREAM)
        return query_stream(op);
    if (handle == WEIR_HANDLE_FILE || handle == WEIR_HANDLE_DIRECTORY || handle == WEIR_HANDLE_PIPE)
        return query_file(op, handle);
    if (handle == WEIR_HANDLE_DATAGRAM)
        return query_datagram(op);
    if (handle == WEIR_HANDLE_LISTENER)
        return query_listener(op);
    if (handle != WEIR_HANDLE_OTHER)
        return WEIR_SUPPORT_NO;
    return op == WEIR_OP_FSTAT  ? WEIR_SUPPORT_AT_ONCE
           : op == WEIR_OP_POLL ? WEIR_SUPPORT_EMULATED
                                : WEIR_SUPPORT_NO;
}
