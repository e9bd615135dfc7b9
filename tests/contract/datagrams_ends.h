/* SPDX-License-Identifier: MIT */
/* datagrams_ends.h - sockets for the cases about messages, and every way to receive one. */
#ifndef DATAGRAMS_ENDS_H
#define DATAGRAMS_ENDS_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "contract.h"

#define HOUR (3600 * WEIR_SECOND)

/* The same words stand in skips.txt where a case may meet one. */
#define NO_IPV6 "this machine has no IPv6 loopback"
#define NO_OFFLOAD "this kernel neither cuts nor glues datagrams"

/* A UDP socket on 127.0.0.1, and where it is. */
static inline struct weir_address udp_handle(struct contract *c, struct weir_handle *handle)
{
    struct weir_address address = contract_loopback(0);
    CHECK_EQ(weir_socket(handle, c->loop, AF_INET, SOCK_DGRAM, 0), 0);
    CHECK_EQ(weir_bind(handle, address.data.bytes, address.length, 0), 0);
    CHECK_EQ(weir_local_address(handle, &address), 0);
    CHECK_EQ(weir_handle_kind(handle), WEIR_HANDLE_DATAGRAM);
    return address;
}

static inline void connect_to(struct contract *c, struct weir_handle *handle,
                              const struct weir_address *address)
{
    struct weir_op connecting = {0};
    weir_connect(&connecting, handle, address->data.bytes, address->length, 0, contract_done);
    CHECK_EQ(contract_await(c, &connecting), 0);
}

/* Two UDP sockets connected to each other. */
static inline void udp_pair(struct contract *c, struct weir_handle *a, struct weir_handle *b)
{
    struct weir_address at_a = udp_handle(c, a), at_b = udp_handle(c, b);
    connect_to(c, a, &at_b);
    connect_to(c, b, &at_a);
}

static inline void adopt_pair(struct contract *c, struct weir_handle *a, struct weir_handle *b,
                              int type)
{
    int ends[2];
    CHECK_EQ(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends), 0);
    CHECK_EQ(weir_adopt(a, c->loop, ends[0], 0), 0);
    CHECK_EQ(weir_adopt(b, c->loop, ends[1], 0), 0);
}

static inline void unix_datagram_pair(struct contract *c, struct weir_handle *a,
                                      struct weir_handle *b)
{
    adopt_pair(c, a, b, SOCK_DGRAM);
}

static inline void sequenced_pair(struct contract *c, struct weir_handle *a, struct weir_handle *b)
{
    adopt_pair(c, a, b, SOCK_SEQPACKET | SOCK_NONBLOCK);
}

/* What carries whole messages; the unix datagram sockets are blocking ones of others. */
static void (*const message_pairs[])(struct contract *, struct weir_handle *,
                                     struct weir_handle *) = {udp_pair, unix_datagram_pair,
                                                              sequenced_pair};
/* Of which a simulated world has no sequenced packets. */
#define MESSAGE_PAIRS                                                                              \
    (sizeof message_pairs / sizeof *message_pairs - (contract_simulated() ? 1 : 0))

/* Every way to receive a message: started with `way`, into `length` bytes at `data`. The structures
 * that it borrows stand here. */
#define WAYS 6
struct receiving {
    struct weir_op  op;
    struct weir_buf pieces[2];
    struct weir_msg messages[2];
};

static inline void receive(struct receiving *r, struct weir_handle *handle, unsigned way,
                           char *data, size_t length)
{
    r->pieces[0] = (struct weir_buf){data, length / 2};
    r->pieces[1] = (struct weir_buf){data + length / 2, length - length / 2};
    memset(r->messages, 0, sizeof r->messages);
    r->messages[0].buffers = r->pieces;
    r->messages[0].count = 2;
    switch (way) {
    case 0:
        weir_recv(&r->op, handle, data, length, 0, contract_done);
        break;
    case 1:
        weir_recvv(&r->op, handle, r->pieces, 2, 0, contract_done);
        break;
    case 2:
        weir_read(&r->op, handle, data, length, WEIR_STREAM, 0, contract_done);
        break;
    case 3:
        weir_recv_msg(&r->op, handle, r->messages, 0, contract_done);
        break;
    case 4:
        weir_recv_batch(&r->op, handle, r->messages, 1, 0, contract_done);
        break;
    default:
        weir_recv(&r->op, handle, data, length, WEIR_ALL, contract_done);
        break;
    }
}

/* The bytes that it received, whatever the way. */
static inline int64_t received(struct contract *c, struct receiving *r)
{
    int64_t result = contract_await(c, &r->op);
    if (r->op.kind == WEIR_OP_RECV_MSG)
        CHECK_EQ(r->messages[0].result, result);
    if (r->op.kind == WEIR_OP_RECV_MSG || r->op.kind == WEIR_OP_RECV_BATCH)
        CHECK_EQ(r->messages[0].told, r->op.told);
    if (r->op.kind != WEIR_OP_RECV_BATCH || result < 0)
        return result;
    CHECK_EQ(result, 1);
    return r->messages[0].result;
}

/* Sends one whole message and waits until it went. */
static inline void send_one(struct contract *c, struct weir_handle *handle, const void *data,
                            size_t length)
{
    struct weir_op send = {0};
    weir_send(&send, handle, data, length, 0, contract_done);
    CHECK_EQ(contract_await(c, &send), length);
}

/* A message of one piece; the piece is the caller's. */
static inline struct weir_msg message_of(struct weir_buf *piece, const void *data, size_t length)
{
    *piece = (struct weir_buf){(void *)(uintptr_t)data, length};
    return (struct weir_msg){.buffers = piece, .count = 1};
}

static inline bool same_address(const struct weir_address *a, const struct weir_address *b)
{
    return a->length == b->length && !memcmp(a->data.bytes, b->data.bytes, a->length);
}

/* The message is told where it came from, into `from`. */
static inline void ask_source(struct weir_msg *message, struct weir_address *from)
{
    memset(from, 0, sizeof *from);
    message->address = from->data.bytes;
    message->address_room = sizeof from->data;
}

static inline void close_both(struct contract *c, struct weir_handle *a, struct weir_handle *b)
{
    contract_close(c, a);
    contract_close(c, b);
}

#endif
