/* SPDX-License-Identifier: MIT */
/* messages.c - the calls that move whole messages, with their addresses and control data. */
#include "base/rest.h"
#include "engine.h"

/* Whether a message can be used as it is; what the system alone knows, it tells itself. */
static int check_message(const struct weir_msg *message, bool sends)
{
    if (!message->buffers && message->count)
        return WEIR_EINVAL;
    if (message->count > PIECES_MAX)
        return WEIR_EMSGSIZE;
    if (!sends)
        return 0;
    if (message->address && message->address_length > sizeof((struct weir_address *)0)->data)
        return WEIR_EINVAL;
    if (message->control_length > (message->control ? message->control_room : 0))
        return WEIR_EINVAL;
    return 0;
}

/* Nothing of an earlier receive is left to be taken for one of this. */
static void clear_message(struct weir_msg *message)
{
    message->address_length = message->control_length = 0;
    message->segment = 0;
}

static bool is_empty(const struct weir_msg *message)
{
    for (size_t i = 0; i < message->count; i++)
        if (message->buffers[i].length)
            return false;
    return true;
}

static int check_messages(struct weir_msg *messages, size_t count, bool sends)
{
    int error = messages && count ? 0 : WEIR_EINVAL;
    for (size_t i = 0; i < count && !error; i++) {
        error = check_message(&messages[i], sends);
        messages[i].result = 0;
        messages[i].told = 0;
        if (!sends)
            clear_message(&messages[i]);
    }
    return error;
}

static void start(struct weir_op *op, enum weir_op_kind kind, struct weir_handle *handle,
                  struct weir_msg *messages, size_t count, unsigned flags, unsigned allowed,
                  weir_done *done)
{
    bool sends = kind == WEIR_OP_SEND_MSG || kind == WEIR_OP_SEND_BATCH;
    bool batch = kind == WEIR_OP_SEND_BATCH || kind == WEIR_OP_RECV_BATCH;
    if (!op_begin(op, kind, handle, flags, allowed, done))
        return;
    op->in.arg.message.messages = messages;
    op->in.arg.message.count = count;
    if (flags & WEIR_ZEROCOPY)
        op->told = WEIR_TOLD_COPIED; /* until an engine knows better */
    int error = check_messages(messages, count, sends);
    if (!error && !handle_is_socket(handle))
        error = WEIR_ENOTSOCK;
    else if (!error && batch && handle->in.kind != WEIR_HANDLE_DATAGRAM)
        error = WEIR_EOPNOTSUPP;
    if (error)
        op_decide(op, error);
    else if (handle->in.kind == WEIR_HANDLE_STREAM && is_empty(messages))
        op_decide(op, 0); /* no byte of a stream carries anything */
    else
        op_submit(op);
}

void weir_recv_msg(struct weir_op *op, struct weir_handle *handle, struct weir_msg *message,
                   unsigned flags, weir_done *done)
{
    start(op, WEIR_OP_RECV_MSG, handle, message, 1, flags, WEIR_BACKGROUND | WEIR_PEEK, done);
}

void weir_send_msg(struct weir_op *op, struct weir_handle *handle, struct weir_msg *message,
                   unsigned flags, weir_done *done)
{
    start(op, WEIR_OP_SEND_MSG, handle, message, 1, flags, WEIR_BACKGROUND | WEIR_ZEROCOPY, done);
}

void weir_recv_batch(struct weir_op *op, struct weir_handle *handle, struct weir_msg *messages,
                     size_t count, unsigned flags, weir_done *done)
{
    start(op, WEIR_OP_RECV_BATCH, handle, messages, count, flags, WEIR_BACKGROUND, done);
}

void weir_send_batch(struct weir_op *op, struct weir_handle *handle, struct weir_msg *messages,
                     size_t count, unsigned flags, weir_done *done)
{
    start(op, WEIR_OP_SEND_BATCH, handle, messages, count, flags, WEIR_BACKGROUND, done);
}
