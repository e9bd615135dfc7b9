/* SPDX-License-Identifier: MIT */
/* message.c - whole messages of simulated sockets: addresses, control data in the system's form,
 * and the descriptors that it passes. recvmsg(2), sendmsg(2), cmsg(3), unix(7). */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "../os/posix_control.h"
#include "../os/posix_header.h"
#include "net.h"

/* Linux's numbers, also where the system below has none. udp(7) */
enum { SIM_UDP_SEGMENT = 103, SIM_UDP_GRO = 104 };

#define PASSED_MOST 253u /* unix(7), "SCM_RIGHTS" */

/* ---- Sending --------------------------------------------------------------------------------- */

static int pass(struct sim_object *object, const struct weir_msg *message,
                const struct control *control, struct transfer *transfer)
{
    uint32_t before = transfer->passed_count;
    uint32_t count = (uint32_t)(control->length / sizeof(int));
    if (count > PASSED_MOST - before)
        return WEIR_EINVAL;
    transfer->passed = sim_resize(transfer->passed, before * sizeof(struct sim_object *),
                                  (before + count) * sizeof(struct sim_object *));
    for (uint32_t i = 0; i < count; i++) {
        int descriptor;
        memcpy(&descriptor, (const char *)message->control + control->at + i * sizeof descriptor,
               sizeof descriptor);
        struct sim_object *passed = sim_descriptor(object->host, descriptor);
        if (!passed)
            return WEIR_EBADF;
        sim_hold(passed);
        transfer->passed[transfer->passed_count++] = passed;
    }
    return 0;
}

static int read_control(struct sim_object *object, const struct weir_msg *message,
                        struct transfer *transfer)
{
    const struct socket *socket = (const struct socket *)(const void *)object;
    bool                 is_unix = socket->family == AF_UNIX;
    struct control       one = {.next = 0};
    int                  error = 0;
    if (!message->control)
        return 0;
    while (!error && control_find(message->control, message->control_length, one.next, &one)) {
        bool rights = one.level == SOL_SOCKET && one.type == SCM_RIGHTS;
        if (rights && is_unix)
            error = one.length >= sizeof(int) ? pass(object, message, &one, transfer) : 0;
        else if (is_unix && one.level == SOL_SOCKET)
            error = WEIR_EINVAL; /* credentials are the system's own affair here */
        else if (one.level == IPPROTO_UDP && one.type == SIM_UDP_SEGMENT &&
                 one.length >= sizeof(uint16_t)) {
            uint16_t segment;
            memcpy(&segment, (const char *)message->control + one.at, sizeof segment);
            transfer->segment = segment;
        }
    }
    if (!error && one.next < message->control_length &&
        message->control_length - one.next >= CMSG_LEN(0))
        error = WEIR_EINVAL; /* one that says a wrong length of itself */
    return error;
}

/* As the real one, which appends it behind the caller's control data, in the caller's room. */
static int read_segment(const struct sim_object *object, const struct weir_msg *message,
                        struct transfer *transfer)
{
    size_t used = CMSG_SPACE(message->control_length) - CMSG_SPACE(0);
    if (!message->segment)
        return 0;
    if (!(object->handle_flags & HANDLE_UDP))
        return WEIR_EOPNOTSUPP;
    if (message->segment > UINT16_MAX)
        return WEIR_EINVAL;
    if (message->control && used + CMSG_SPACE(sizeof(uint16_t)) > message->control_room)
        return WEIR_ENOBUFS;
    transfer->segment = message->segment;
    return 0;
}

static int64_t send_one(struct sim_object *object, struct weir_msg *message)
{
    struct transfer transfer = {0};
    pieces_of_message(&transfer.pieces, message);
    if (message->address && message->address_length) {
        transfer.address.length = message->address_length;
        memcpy(&transfer.address.data, message->address, message->address_length);
    }
    int64_t result = read_control(object, message, &transfer);
    if (!result)
        result = read_segment(object, message, &transfer);
    if (!result)
        result = object->type == &sim_stream_type ? stream_send(object, &transfer)
                                                  : datagram_send(object, &transfer);
    transfer_drop_passed(&transfer);
    message->result = result;
    return result;
}

/* ---- Receiving ------------------------------------------------------------------------------- */

/* A control message as far as it has room; what is told of it otherwise is what is lost. */
static void append(struct weir_msg *message, int level, int type, const void *data, size_t length)
{
    struct cmsghdr head = {
        .cmsg_len = (header_length)CMSG_LEN(length), .cmsg_level = level, .cmsg_type = type};
    char  *at = (char *)message->control + message->control_length;
    size_t left = message->control_room - message->control_length;
    memcpy(at, &head, sizeof head);
    memcpy(at + CMSG_LEN(0), data, length);
    message->control_length += (uint32_t)(CMSG_SPACE(length) < left ? CMSG_SPACE(length) : left);
}

static bool has_room(const struct weir_msg *message, size_t length)
{
    return message->control && message->control_room >= CMSG_LEN(length);
}

/* The descriptors that fit and can be had; the others are closed, and it is told. */
static void receive_passed(struct sim_object *object, struct weir_msg *message,
                           struct transfer *transfer)
{
    int      descriptors[PASSED_MOST];
    uint32_t count = 0;
    while (count < transfer->passed_count && has_room(message, (count + 1) * sizeof(int))) {
        int descriptor = sim_descriptor_take(object->host, transfer->passed[count]);
        if (descriptor < 0)
            break;
        descriptors[count++] = descriptor;
    }
    if (count)
        append(message, SOL_SOCKET, SCM_RIGHTS, descriptors, count * sizeof *descriptors);
    if (count < transfer->passed_count)
        message->told |= WEIR_TOLD_CONTROL_TRUNCATED;
    transfer_drop_passed(transfer);
}

static void receive_segment(struct weir_msg *message, const struct transfer *transfer)
{
    int segment = (int)transfer->segment;
    if (!segment)
        return;
    if (message->control && !has_room(message, sizeof segment)) {
        message->told |= WEIR_TOLD_CONTROL_TRUNCATED;
        return;
    }
    if (message->control)
        append(message, IPPROTO_UDP, SIM_UDP_GRO, &segment, sizeof segment);
    message->segment = transfer->segment;
}

static void receive_address(struct weir_msg *message, const struct weir_address *address)
{
    if (!message->address)
        return;
    uint32_t room = message->address_room;
    message->address_length = address->length < room ? address->length : room;
    memcpy(message->address, &address->data, message->address_length);
    if (address->length > room)
        message->told |= WEIR_TOLD_ADDRESS_TRUNCATED;
}

static int64_t receive_one(struct sim_object *object, struct weir_op *op, struct weir_msg *message)
{
    const struct socket *socket = (const struct socket *)(const void *)object;
    struct transfer      transfer = {.peek = op->flags & WEIR_PEEK};
    bool                 stream = object->type == &sim_stream_type;
    pieces_of_message(&transfer.pieces, message);
    int64_t result = stream ? stream_receive(object, &transfer)
                            : datagram_receive(object, &transfer);
    message->result = result;
    if (result < 0)
        return result;
    if (stream && socket->family == AF_UNIX && result)
        transfer.address = socket->peer_name;
    if (transfer.truncated)
        message->told |= WEIR_TOLD_TRUNCATED;
    receive_address(message, &transfer.address);
    message->control_length = 0;
    receive_passed(object, message, &transfer);
    receive_segment(message, &transfer);
    op->told |= message->told;
    return result;
}

/* ---- Both ------------------------------------------------------------------------------------ */

static bool sends(const struct weir_op *op)
{
    return op->kind == WEIR_OP_SEND_MSG || op->kind == WEIR_OP_SEND_BATCH;
}

int64_t message_perform(struct sim_object *object, struct weir_op *op)
{
    struct weir_msg *messages = op->in.arg.message.messages;
    bool             batch = op->kind == WEIR_OP_RECV_BATCH || op->kind == WEIR_OP_SEND_BATCH;
    size_t           count = batch ? op->in.arg.message.count : 1, moved = 0;
    int64_t          result = 0;
    while (moved < count) {
        int64_t before = messages[moved].result;
        result = sends(op) ? send_one(object, &messages[moved])
                           : receive_one(object, op, &messages[moved]);
        if (result < 0 && batch)
            messages[moved].result = before; /* what was not moved is not touched */
        if (result < 0)
            break;
        moved++;
    }
    if (!batch || !moved)
        return result;
    if (sends(op) && result < 0 && result != WEIR_EAGAIN && result != WEIR_EBUSY)
        op->error = (int32_t)result;
    return (int64_t)moved;
}
