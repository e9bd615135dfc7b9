/* SPDX-License-Identifier: MIT */
/* posix_message.c - whole messages: struct weir_msg as the system has it, and what came back.
 * recvmsg(2), sendmsg(2), recvmmsg(2), sendmmsg(2), udp(7). */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "../base/annotate_op.h"
#include "../base/rest.h"
#include "os.h"
#include "posix_control.h"
#include "posix_header.h"
#include "posix_several.h"

#define CHUNK 64 /* messages a call; their headers stand on the stack */

/* message->in: the header, for a kernel that reads and writes it while the op is pending, and room
 * for a control message of weir's own. */
struct own {
    struct msghdr header;
    uint64_t      control[4];
};
_Static_assert(sizeof(struct own) <= sizeof(((struct weir_msg *)0)->in),
               "a message has room for a header of the system and one control message");
_Static_assert(sizeof(((struct own *)0)->control) >= CMSG_SPACE(sizeof(int)), "which is a number");

static void *own_control(struct weir_msg *message)
{
    return (char *)message->in + offsetof(struct own, control);
}

struct msghdr *posix_message_header(struct weir_msg *message)
{
    return (struct msghdr *)(void *)message->in;
}

static bool sends(const struct weir_op *op)
{
    return op->kind == WEIR_OP_SEND_MSG || op->kind == WEIR_OP_SEND_BATCH;
}

/* ---- To the system --------------------------------------------------------------------------- */

#ifdef UDP_SEGMENT
/* Behind the caller's control data, or in weir's own room. Only UDP knows it; others would send all
 * as one message and say nothing. */
static int add_segment(const struct weir_handle *handle, struct weir_msg *message,
                       struct msghdr *header)
{
    uint16_t segment = (uint16_t)message->segment;
    void    *control = message->control ? message->control : own_control(message);
    size_t   room = message->control ? message->control_room : sizeof(((struct own *)0)->control);
    if (!(handle->in.flags & HANDLE_UDP))
        return WEIR_EOPNOTSUPP;
    if (message->segment > UINT16_MAX)
        return WEIR_EINVAL;
    size_t used = control_append(control, room, message->control ? message->control_length : 0,
                                 IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof segment);
    header->msg_control = control;
    header->msg_controllen = (header_length)used;
    return used ? 0 : WEIR_ENOBUFS;
}

/* How long the datagrams were that came as one, or 0; *others: there was more than that. */
static uint32_t find_segment(const struct msghdr *header, bool *others)
{
    struct control one = {.next = 0};
    uint32_t       segment = 0;
    *others = false;
    while (control_find(header->msg_control, header->msg_controllen, one.next, &one)) {
        int value;
        if (one.level != IPPROTO_UDP || one.type != UDP_GRO || one.length < sizeof value) {
            *others = true;
            continue;
        }
        memcpy(&value, (const char *)header->msg_control + one.at, sizeof value);
        segment = value > 0 ? (uint32_t)value : 0;
    }
    return segment;
}
#else
static int add_segment(const struct weir_handle *handle, struct weir_msg *message,
                       struct msghdr *header)
{
    (void)handle, (void)message, (void)header;
    return WEIR_EOPNOTSUPP;
}

static uint32_t find_segment(const struct msghdr *header, bool *others)
{
    (void)header;
    *others = false;
    return 0;
}
#endif

/* 0, or WEIR_E* for what the system would not tell. */
static int fill(const struct weir_op *op, struct weir_msg *message, struct msghdr *header)
{
    bool out = sends(op);
    *header = (struct msghdr){
        .msg_name = message->address,
        .msg_iov = (struct iovec *)(uintptr_t)message->buffers,
        .msg_iovlen = (header_count)message->count,
        .msg_control = message->control,
    };
    if (message->address)
        header->msg_namelen = out ? message->address_length : message->address_room;
    if (message->control)
        header->msg_controllen = out ? message->control_length : message->control_room;
    if (out)
        return message->segment ? add_segment(op->handle, message, header) : 0;
    if (!message->control && (op->handle->in.flags & HANDLE_UDP)) {
        header->msg_control = own_control(message);
        header->msg_controllen = sizeof(((struct own *)0)->control);
    }
    return 0;
}

int posix_message_flags(const struct weir_op *op)
{
    if (sends(op))
        return MSG_NOSIGNAL;
    return MSG_CMSG_CLOEXEC | (op->flags & WEIR_PEEK ? MSG_PEEK : 0);
}

int posix_message_prepare(struct weir_op *op)
{
    struct weir_msg *message = op->in.arg.message.messages;
    struct msghdr    header;
    int              error = fill(op, message, &header);
    memcpy(message->in, &header, sizeof header);
    return error;
}

/* ---- And back -------------------------------------------------------------------------------- */

static void tell(struct weir_op *op, struct weir_msg *message, const struct msghdr *header,
                 int64_t result)
{
    bool others;
    message->result = result;
    if (sends(op) || result < 0)
        return;
    if (!MSG_CMSG_CLOEXEC)
        control_close_on_exec(header->msg_control, header->msg_controllen);
    message->segment = find_segment(header, &others);
    if (header->msg_flags & MSG_TRUNC)
        message->told |= WEIR_TOLD_TRUNCATED;
    if ((header->msg_flags & MSG_CTRUNC) || (others && !message->control))
        message->told |= WEIR_TOLD_CONTROL_TRUNCATED;
    if (message->control)
        message->control_length = (uint32_t)header->msg_controllen;
    if (message->address) {
        message->address_length = header->msg_namelen;
        if (header->msg_namelen > message->address_room) {
            message->address_length = message->address_room;
            message->told |= WEIR_TOLD_ADDRESS_TRUNCATED;
        }
    }
    op->told |= message->told;
}

/* What a mechanism that was given the header received by it. */
static void annotate_received(const struct weir_msg *message, const struct msghdr *header,
                              int64_t result)
{
    uint32_t named = header->msg_namelen;
    annotate_pieces_filled(message->buffers, message->count, (uint64_t)result);
    if (message->address)
        annotate_filled(message->address,
                        named < message->address_room ? named : message->address_room);
    if (header->msg_control)
        annotate_filled(header->msg_control, header->msg_controllen);
}

void posix_message_told(struct weir_op *op, int64_t result)
{
    struct weir_msg *message = op->in.arg.message.messages;
    struct msghdr    header;
    memcpy(&header, message->in, sizeof header);
    if (!sends(op) && result >= 0)
        annotate_received(message, &header, result);
    tell(op, message, &header, result);
}

/* What lies elsewhere becomes the message's. */
static void copy_control(const struct weir_msg *message, struct msghdr *header)
{
    if (header->msg_controllen > message->control_room) {
        header->msg_controllen = (header_length)message->control_room;
        header->msg_flags |= MSG_CTRUNC;
    }
    if (header->msg_controllen)
        memcpy(message->control, header->msg_control, header->msg_controllen);
    header->msg_control = message->control;
}

void posix_message_picked(struct weir_op *op, struct msghdr *header, int64_t result)
{
    struct weir_msg *message = op->in.arg.pooled.message;
    op->told = header->msg_flags & MSG_TRUNC ? WEIR_TOLD_TRUNCATED : 0;
    if (!message)
        return;
    size_t named = header->msg_namelen < message->address_room ? header->msg_namelen
                                                               : message->address_room;
    if (message->address && named)
        memcpy(message->address, header->msg_name, named);
    if (message->control)
        copy_control(message, header);
    message->told = message->address_length = 0;
    tell(op, message, header, result);
}

/* The queue of a unix socket that this one is not connected to is full: poll() says that it can be
 * written to all the same, and nothing tells when it has room. unix(7) */
static bool nothing_will_tell(const struct weir_op *op, const struct weir_msg *message)
{
    struct pollfd entry = {.fd = op->handle->in.descriptor, .events = POLLOUT};
    return posix_message_is_to_unix(message) && poll(&entry, 1, 0) == 1;
}

bool posix_message_is_to_unix(const struct weir_msg *message)
{
    const size_t at = offsetof(struct sockaddr, sa_family);
    sa_family_t  family;
    if (!message->address || message->address_length < at + sizeof family)
        return false;
    memcpy(&family, (const char *)message->address + at, sizeof family);
    return family == AF_UNIX;
}

/* One piece without control data needs no header, which the kernel copies and checks: sendto(2).
 * What is received may have control data that nobody asked for, and is to be told so. */
static bool is_plain(const struct weir_op *op, const struct weir_msg *message)
{
    return sends(op) && message->count == 1 && !message->control && !message->segment;
}

static int64_t send_plain(int descriptor, const struct weir_msg *message, int flags)
{
    return sendto(descriptor, message->buffers->data, message->buffers->length, flags,
                  message->address, message->address ? message->address_length : 0);
}

static int64_t move_one(struct weir_op *op, enum perform how)
{
    struct weir_msg *message = op->in.arg.message.messages;
    struct msghdr    header;
    int              flags = posix_message_flags(op) | (how == PERFORM_TRY ? MSG_DONTWAIT : 0);
    bool             plain = is_plain(op, message);
    int64_t          result = plain ? 0 : fill(op, message, &header);
    if (result)
        return result;
    int descriptor = op->handle->in.descriptor;
    result = plain       ? send_plain(descriptor, message, flags)
             : sends(op) ? sendmsg(descriptor, &header, flags)
                         : recvmsg(descriptor, &header, flags);
    if (result < 0)
        result = errno == EWOULDBLOCK ? WEIR_EAGAIN : -errno;
    if (result == WEIR_EAGAIN && sends(op) && nothing_will_tell(op, message))
        return WEIR_EBUSY;
    tell(op, message, &header, result);
    return result;
}

/* ---- Batches --------------------------------------------------------------------------------- */

/* One call for at most CHUNK messages: how many were moved, or WEIR_E*. */
static int64_t move_chunk(struct weir_op *op, struct weir_msg *messages, size_t count, int flags)
{
    struct mmsghdr headers[CHUNK];
    int            descriptor = op->handle->in.descriptor, error = 0;
    unsigned       filled = 0;
    while (filled < count && filled < CHUNK) {
        error = fill(op, &messages[filled], &headers[filled].msg_hdr);
        if (error)
            break;
        filled++;
    }
    if (!filled)
        return error;
    int moved = sends(op) ? sendmmsg(descriptor, headers, filled, flags)
                          : recvmmsg(descriptor, headers, filled, flags, NULL);
    for (int i = 0; i < moved; i++)
        tell(op, &messages[i], &headers[i].msg_hdr, headers[i].msg_len);
    if (moved >= 0)
        return moved;
    return errno == EWOULDBLOCK ? WEIR_EAGAIN : -errno;
}

/* A receive ends with what is there: a short chunk says so, and the kernel keeps an error for the
 * next receive. A send that stops asks once more, to know why. */
static int64_t move_batch(struct weir_op *op, enum perform how)
{
    struct weir_msg *messages = op->in.arg.message.messages;
    size_t           count = op->in.arg.message.count, moved = 0;
    int              flags = posix_message_flags(op);
    int              waits = sends(op) ? 0 : MSG_WAITFORONE;
    int64_t          result = 0;
    while (moved < count) {
        bool   now = how == PERFORM_TRY || moved;
        size_t asked = count - moved < CHUNK ? count - moved : CHUNK;
        result = move_chunk(op, messages + moved, asked, flags | (now ? MSG_DONTWAIT : waits));
        if (result < 0)
            break;
        moved += (size_t)result;
        if (!sends(op) && (size_t)result < asked)
            break;
    }
    if (!moved)
        return result == WEIR_EAGAIN && sends(op) && nothing_will_tell(op, messages) ? WEIR_EBUSY
                                                                                     : result;
    if (result < 0 && result != WEIR_EAGAIN)
        op->error = (int32_t)result;
    return (int64_t)moved;
}

int64_t posix_perform_message(struct weir_op *op, enum perform how)
{
    if (op->kind == WEIR_OP_RECV_BATCH || op->kind == WEIR_OP_SEND_BATCH)
        return move_batch(op, how);
    return move_one(op, how);
}

/* ---- Datagrams without a message ------------------------------------------------------------- */

int64_t posix_receive_datagram(struct weir_op *op, const struct rest *rest, int flags)
{
    struct iovec  one = {rest->data, rest->length};
    struct msghdr header = {.msg_iov = &one, .msg_iovlen = 1};
    if (rest->count) {
        header.msg_iov = (struct iovec *)(uintptr_t)rest->buffers;
        header.msg_iovlen = (header_count)rest->count;
    }
    int64_t result = recvmsg(op->handle->in.descriptor, &header, flags);
    if (result < 0)
        return errno == EWOULDBLOCK ? WEIR_EAGAIN : -errno;
    if (header.msg_flags & MSG_TRUNC)
        op->told |= WEIR_TOLD_TRUNCATED;
    return result;
}

int64_t posix_datagram_told(struct weir_op *op, int64_t result)
{
    int64_t room = (int64_t)rest_of(op).length;
    if (result <= room)
        return result;
    op->told |= WEIR_TOLD_TRUNCATED;
    return room;
}
