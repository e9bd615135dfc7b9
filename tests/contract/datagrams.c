/* SPDX-License-Identifier: MIT */
/* datagrams.c - messages that come whole or not at all: UDP, unix datagrams, sequenced packets. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

#include "datagrams_ends.h"

/* ------------------------------------------------------------------------------------------------
 * What arrives
 * ---------------------------------------------------------------------------------------------- */

/* 100 bytes into 10, then 10 into 10; waited for, or there before. */
static void truncate_one(struct contract *c, struct weir_handle *from, struct weir_handle *to,
                         unsigned way, bool waits)
{
    static struct receiving r;
    char                    sent[100];
    char                   *buffer = contract_buffer(c, 10);
    contract_fill(sent, sizeof sent, 0, way);
    for (int lap = 0; lap < 2; lap++) {
        size_t length = lap ? 10 : sizeof sent;
        if (waits) {
            receive(&r, to, way, buffer, 10);
            CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
        }
        send_one(c, from, sent, length);
        if (!waits)
            receive(&r, to, way, buffer, 10);
        CHECK_EQ(received(c, &r), 10);
        CHECK_EQ(r.op.told, length > 10 ? WEIR_TOLD_TRUNCATED : 0);
        CHECK_EQ(r.op.error, 0);
        CHECK(contract_filled(buffer, 10, 0, way));
    }
}

static void truncation_told(struct contract *c)
{
    for (unsigned pair = 0; pair < MESSAGE_PAIRS; pair++) {
        struct weir_handle a = {0}, b = {0};
        message_pairs[pair](c, &a, &b);
        for (unsigned i = 0; i < 2 * WAYS; i++)
            truncate_one(c, &a, &b, i / 2, i % 2);
        close_both(c, &a, &b);
    }
}

/* Into no room at all the message is received too, and all of it cut off. */
static void no_room_takes_the_message(struct contract *c)
{
    for (unsigned pair = 0; pair < MESSAGE_PAIRS; pair++) {
        struct weir_handle a = {0}, b = {0};
        struct weir_op     recv = {0};
        struct weir_msg    message = {0};
        char               byte;
        message_pairs[pair](c, &a, &b);
        send_one(c, &a, "one", 3);
        send_one(c, &a, "two", 3);
        send_one(c, &a, "3", 1);
        weir_recv(&recv, &b, NULL, 0, 0, contract_done);
        CHECK_EQ(contract_await(c, &recv), 0);
        CHECK_EQ(recv.told, WEIR_TOLD_TRUNCATED);
        weir_recv_msg(&recv, &b, &message, 0, contract_done);
        CHECK_EQ(contract_await(c, &recv), 0);
        CHECK_EQ(recv.told, WEIR_TOLD_TRUNCATED);
        weir_recv(&recv, &b, &byte, 1, 0, contract_done);
        CHECK_EQ(contract_await(c, &recv), 1);
        CHECK_EQ(recv.told, 0);
        CHECK_EQ(byte, '3');
        close_both(c, &a, &b);
    }
}

static void send_empty(struct contract *c, struct weir_handle *handle, unsigned way)
{
    struct weir_op  send = {0};
    struct weir_msg message = {0};
    if (way == 0)
        weir_send(&send, handle, NULL, 0, 0, contract_done);
    else if (way == 1)
        weir_sendv(&send, handle, NULL, 0, 0, contract_done);
    else if (way == 2)
        weir_send_msg(&send, handle, &message, 0, contract_done);
    else
        weir_send_batch(&send, handle, &message, 1, 0, contract_done);
    CHECK_EQ(contract_await(c, &send), way == 3);
}

static void zero_is_not_eof(struct contract *c)
{
    for (unsigned pair = 0; pair < MESSAGE_PAIRS; pair++) {
        struct weir_handle a = {0}, b = {0};
        message_pairs[pair](c, &a, &b);
        for (unsigned way = 0; way < WAYS; way++) {
            static struct receiving r;
            char                    bytes[8];
            for (unsigned empty = 0; empty < 4; empty++) {
                receive(&r, &b, way, bytes, sizeof bytes);
                CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
                send_empty(c, &a, empty);
                CHECK_EQ(received(c, &r), 0);
                CHECK_EQ(r.op.told, 0);
                CHECK_EQ(r.op.error, 0);
            }
            send_empty(c, &a, 0);
            send_one(c, &a, "more", 4);
            receive(&r, &b, way, bytes, sizeof bytes);
            CHECK_EQ(received(c, &r), 0);
            receive(&r, &b, way, bytes, sizeof bytes);
            CHECK_EQ(received(c, &r), 4);
            CHECK(!memcmp(bytes, "more", 4));
        }
        close_both(c, &a, &b);
    }
}

/* A port that nobody has: told once to whoever comes next, and the socket goes on. */
static void refused_then_receives(struct contract *c)
{
    for (unsigned way = 0; way < WAYS; way++)
        for (int waits = 0; waits < 2; waits++) {
            static struct receiving r;
            struct weir_handle      socket_handle = {0}, peer = {0};
            char                    bytes[8];
            struct weir_address     at = udp_handle(c, &socket_handle), nobody;
            nobody = udp_handle(c, &peer);
            contract_close(c, &peer);
            connect_to(c, &socket_handle, &nobody);
            if (waits) {
                receive(&r, &socket_handle, way, bytes, sizeof bytes);
                CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
            }
            send_one(c, &socket_handle, "x", 1);
            if (!waits)
                receive(&r, &socket_handle, way, bytes, sizeof bytes);
            CHECK_EQ(received(c, &r), WEIR_ECONNREFUSED);
            receive(&r, &socket_handle, way, bytes, sizeof bytes);
            CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
            CHECK_EQ(weir_socket(&peer, c->loop, AF_INET, SOCK_DGRAM, 0), 0);
            CHECK_EQ(weir_bind(&peer, nobody.data.bytes, nobody.length, 0), 0);
            connect_to(c, &peer, &at);
            send_one(c, &peer, "here", 4);
            CHECK_EQ(received(c, &r), 4);
            send_one(c, &socket_handle, "there", 5);
            receive(&r, &peer, way, bytes, sizeof bytes);
            CHECK_EQ(received(c, &r), 5);
            close_both(c, &socket_handle, &peer);
        }
}

static void refused_is_told_to_a_send(struct contract *c)
{
    struct weir_handle  handle = {0}, peer = {0};
    struct weir_op      send = {0};
    struct weir_address nobody;
    udp_handle(c, &handle);
    nobody = udp_handle(c, &peer);
    contract_close(c, &peer);
    connect_to(c, &handle, &nobody);
    for (int i = 0; i < 3; i++) {
        send_one(c, &handle, "x", 1);
        weir_send(&send, &handle, "x", 1, 0, contract_done);
        CHECK_EQ(contract_await(c, &send), WEIR_ECONNREFUSED);
    }
    contract_close(c, &handle);
}

/* ------------------------------------------------------------------------------------------------
 * What is sent
 * ---------------------------------------------------------------------------------------------- */

static void check_too_big(struct contract *c, struct weir_handle *handle, const char *bytes,
                          size_t length)
{
    struct weir_op  send = {0};
    struct weir_buf pieces[2] = {{(void *)(uintptr_t)bytes, 1},
                                 {(void *)(uintptr_t)bytes, length - 1}};
    struct weir_msg message = {.buffers = pieces, .count = 2};
    weir_send(&send, handle, bytes, length, 0, contract_done);
    CHECK_EQ(contract_await(c, &send), WEIR_EMSGSIZE);
    weir_send(&send, handle, bytes, length, WEIR_ALL, contract_done);
    CHECK_EQ(contract_await(c, &send), WEIR_EMSGSIZE);
    weir_sendv(&send, handle, pieces, 2, 0, contract_done);
    CHECK_EQ(contract_await(c, &send), WEIR_EMSGSIZE);
    weir_send_msg(&send, handle, &message, 0, contract_done);
    CHECK_EQ(contract_await(c, &send), WEIR_EMSGSIZE);
    weir_send_batch(&send, handle, &message, 1, 0, contract_done);
    CHECK_EQ(contract_await(c, &send), WEIR_EMSGSIZE);
    CHECK_EQ(weir_try_send(handle, bytes, length, 0), WEIR_EMSGSIZE);
}

static void too_big(struct contract *c)
{
    const size_t length = 4u << 20; /* more than any buffer of the system */
    char        *bytes = contract_buffer(c, length);
    for (unsigned pair = 0; pair < MESSAGE_PAIRS; pair++) {
        static struct receiving r;
        struct weir_handle      a = {0}, b = {0};
        char                    byte;
        message_pairs[pair](c, &a, &b);
        check_too_big(c, &a, bytes, pair ? length : 65508);
        send_one(c, &a, "x", 1);
        receive(&r, &b, 0, &byte, 1);
        CHECK_EQ(received(c, &r), 1);
        close_both(c, &a, &b);
    }
}

/* A datagram is never moved in parts, so that more pieces than one call takes are refused. */
static void too_many_pieces(struct contract *c)
{
    static struct weir_buf pieces[IOV_MAX + 1];
    static char            byte;
    struct weir_handle     a = {0}, b = {0};
    struct weir_op         op = {0};
    struct weir_msg        message = {.buffers = pieces, .count = IOV_MAX + 1};
    for (int i = 0; i <= IOV_MAX; i++)
        pieces[i] = (struct weir_buf){&byte, 1};
    udp_pair(c, &a, &b);
    weir_sendv(&op, &a, pieces, IOV_MAX + 1, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_EMSGSIZE);
    weir_recvv(&op, &b, pieces, IOV_MAX + 1, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_EMSGSIZE);
    weir_send_msg(&op, &a, &message, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_EMSGSIZE);
    weir_recv_batch(&op, &b, &message, 1, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_EMSGSIZE);
    weir_sendv(&op, &a, pieces, IOV_MAX, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), IOV_MAX);
    weir_recvv(&op, &b, pieces, IOV_MAX, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), IOV_MAX);
    CHECK_EQ(op.told, 0);
    close_both(c, &a, &b);
}

/* ------------------------------------------------------------------------------------------------
 * From whom, and to whom
 * ---------------------------------------------------------------------------------------------- */

static void source_in_batch(struct contract *c)
{
    enum { SENDERS = 5 };
    struct weir_handle  to = {0}, from[SENDERS] = {{0}};
    struct weir_address at = udp_handle(c, &to), sources[SENDERS], told[SENDERS];
    struct weir_msg     messages[SENDERS];
    struct weir_buf     pieces[SENDERS];
    char                bytes[SENDERS];
    struct weir_op      recv = {0};
    int                 seen = 0;
    for (int i = 0; i < SENDERS; i++) {
        char name = (char)('a' + i);
        sources[i] = udp_handle(c, &from[i]);
        connect_to(c, &from[i], &at);
        send_one(c, &from[i], &name, 1);
    }
    while (seen < SENDERS) {
        for (int i = seen; i < SENDERS; i++) {
            messages[i] = message_of(&pieces[i], &bytes[i], 1);
            ask_source(&messages[i], &told[i]);
        }
        weir_recv_batch(&recv, &to, messages + seen, (size_t)(SENDERS - seen), 0, contract_done);
        CHECK(contract_await(c, &recv) >= 1);
        seen += (int)recv.result;
    }
    for (int i = 0; i < SENDERS; i++) {
        told[i].length = messages[i].address_length;
        CHECK_EQ(messages[i].result, 1);
        CHECK_EQ(bytes[i], 'a' + i);
        CHECK(same_address(&told[i], &sources[i]));
        contract_close(c, &from[i]);
    }
    contract_close(c, &to);
}

/* Asks one socket by name, which answers to where it was asked from. */
static void ask_and_answer(struct contract *c, struct weir_handle *asks,
                           const struct weir_address *from, struct weir_handle *answers,
                           struct weir_address *at)
{
    struct weir_op      recv = {0}, send = {0};
    struct weir_address source;
    char                bytes[8];
    struct weir_buf     in, out;
    struct weir_msg     question = message_of(&out, "question", 8), heard;
    heard = message_of(&in, bytes, sizeof bytes);
    ask_source(&heard, &source);
    weir_recv_msg(&recv, answers, &heard, 0, contract_done);
    question.address = at->data.bytes;
    question.address_length = at->length;
    weir_send_msg(&send, asks, &question, 0, contract_done);
    CHECK_EQ(contract_await(c, &send), 8);
    CHECK_EQ(contract_await(c, &recv), 8);
    CHECK_EQ(recv.told, 0);
    source.length = heard.address_length;
    CHECK(same_address(&source, from));
    weir_send_msg(&send, answers, &heard, 0, contract_done); /* back to where it came from */
    CHECK_EQ(contract_await(c, &send), 8);
    memset(bytes, 0, sizeof bytes);
    weir_recv(&recv, asks, bytes, sizeof bytes, 0, contract_done);
    CHECK_EQ(contract_await(c, &recv), 8);
}

static void answers_go_back_to_the_source(struct contract *c)
{
    struct weir_handle  a = {0}, b = {0};
    struct weir_address at_a = udp_handle(c, &a), at_b = udp_handle(c, &b);
    ask_and_answer(c, &a, &at_a, &b, &at_b);
    close_both(c, &a, &b);
}

static void over_ipv6(struct contract *c)
{
    struct sockaddr_in6 in = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct weir_handle  handles[2] = {{0}};
    struct weir_address at[2];
    for (int i = 0; i < 2; i++) {
        if (weir_socket(&handles[i], c->loop, AF_INET6, SOCK_DGRAM, 0) != 0 ||
            weir_bind(&handles[i], &in, sizeof in, 0) != 0)
            SKIP(NO_IPV6);
        CHECK_EQ(weir_local_address(&handles[i], &at[i]), 0);
    }
    ask_and_answer(c, &handles[0], &at[0], &handles[1], &at[1]);
    close_both(c, &handles[0], &handles[1]);
}

/* A name of the case's own: a path, or abstract. */
static void unix_name(struct contract *c, struct weir_address *address, bool is_abstract, int which)
{
    char text[150];
    snprintf(text, sizeof text, "unix:%s%s/%d", is_abstract ? "@weir" : "", c->directory, which);
    CHECK_EQ(weir_address_parse(address, text), 0);
}

/* By a path, by an abstract name, and without one, which nobody can answer to. */
static void unix_names(struct contract *c)
{
    contract_needs("pairs of sockets without names");
    for (int is_abstract = 0; is_abstract < 2; is_abstract++) {
        struct weir_handle  handles[2] = {{0}};
        struct weir_address at[2];
        for (int i = 0; i < 2; i++) {
            unix_name(c, &at[i], is_abstract, i);
            CHECK_EQ(weir_socket(&handles[i], c->loop, AF_UNIX, SOCK_DGRAM, 0), 0);
            CHECK_EQ(weir_bind(&handles[i], at[i].data.bytes, at[i].length, 0), 0);
        }
        ask_and_answer(c, &handles[0], &at[0], &handles[1], &at[1]);
        close_both(c, &handles[0], &handles[1]);
    }
    struct weir_handle  a = {0}, b = {0};
    struct weir_op      recv = {0};
    struct weir_address source;
    struct weir_buf     piece;
    char                byte;
    struct weir_msg     message = message_of(&piece, &byte, 1);
    unix_datagram_pair(c, &a, &b);
    send_one(c, &a, "x", 1);
    ask_source(&message, &source);
    weir_recv_msg(&recv, &b, &message, 0, contract_done);
    CHECK_EQ(contract_await(c, &recv), 1);
    CHECK_EQ(message.address_length, 0);
    close_both(c, &a, &b);
}

static void address_that_does_not_fit(struct contract *c)
{
    struct weir_handle a = {0}, b = {0};
    struct weir_op     recv = {0};
    struct weir_buf    piece;
    char               byte, *room = contract_buffer(c, 4);
    struct weir_msg    message = message_of(&piece, &byte, 1);
    udp_pair(c, &a, &b);
    message.address = room;
    message.address_room = 4;
    for (int batch = 0; batch < 2; batch++) {
        send_one(c, &a, "x", 1);
        if (batch)
            weir_recv_batch(&recv, &b, &message, 1, 0, contract_done);
        else
            weir_recv_msg(&recv, &b, &message, 0, contract_done);
        CHECK_EQ(contract_await(c, &recv), 1);
        CHECK_EQ(recv.told, WEIR_TOLD_ADDRESS_TRUNCATED);
        CHECK_EQ(message.told, WEIR_TOLD_ADDRESS_TRUNCATED);
        CHECK_EQ(message.address_length, 4);
    }
    close_both(c, &a, &b);
}

static void peer_of_a_datagram_socket(struct contract *c)
{
    struct weir_handle  a = {0}, b = {0}, stranger = {0};
    struct weir_op      op = {0};
    struct weir_address at_a = udp_handle(c, &a), at_b = udp_handle(c, &b), at_stranger, told;
    char                bytes[8];
    at_stranger = udp_handle(c, &stranger);
    CHECK_EQ(weir_peer_address(&a, &told), WEIR_ENOTCONN);
    connect_to(c, &a, &at_b);
    CHECK_EQ(weir_peer_address(&a, &told), 0);
    CHECK(same_address(&told, &at_b));
    connect_to(c, &b, &at_a);
    connect_to(c, &stranger, &at_a);
    send_one(c, &stranger, "not from the peer", 17);
    send_one(c, &b, "peer", 4);
    weir_recv(&op, &a, bytes, sizeof bytes, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 4);
    connect_to(c, &a, &at_stranger); /* another one, unlike a stream */
    CHECK_EQ(weir_peer_address(&a, &told), 0);
    CHECK(same_address(&told, &at_stranger));
    send_one(c, &a, "hello", 5);
    weir_recv(&op, &stranger, bytes, sizeof bytes, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_ECONNREFUSED); /* nobody was there for a stranger */
    weir_recv(&op, &stranger, bytes, sizeof bytes, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 5);
    close_both(c, &a, &b);
    contract_close(c, &stranger);
}

static void unix_connect_refused(struct contract *c)
{
    struct weir_handle  handle = {0};
    struct weir_op      op = {0};
    struct weir_address address;
    CHECK_EQ(weir_socket(&handle, c->loop, AF_UNIX, SOCK_DGRAM, 0), 0);
    unix_name(c, &address, false, 9);
    weir_connect(&op, &handle, address.data.bytes, address.length, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_ENOENT);
    unix_name(c, &address, true, 9);
    weir_connect(&op, &handle, address.data.bytes, address.length, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_ECONNREFUSED);
    contract_close(c, &handle);
}

static void sends_without_a_peer(struct contract *c)
{
    struct weir_handle udp = {0}, local = {0};
    struct weir_op     op = {0};
    struct weir_buf    piece;
    struct weir_msg    message = message_of(&piece, "x", 1);
    udp_handle(c, &udp);
    CHECK_EQ(weir_socket(&local, c->loop, AF_UNIX, SOCK_DGRAM, 0), 0);
    weir_send(&op, &udp, "x", 1, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_EDESTADDRREQ);
    weir_send_msg(&op, &udp, &message, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_EDESTADDRREQ);
    weir_send_batch(&op, &udp, &message, 1, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_EDESTADDRREQ);
    weir_send(&op, &local, "x", 1, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_ENOTCONN);
    weir_send_msg(&op, &local, &message, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_ENOTCONN);
    weir_shutdown(&op, &udp, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_ENOTCONN);
    close_both(c, &udp, &local);
}

static void shutdown_ends_sending(struct contract *c)
{
    for (unsigned pair = 0; pair < MESSAGE_PAIRS; pair++) {
        struct weir_handle a = {0}, b = {0};
        struct weir_op     op = {0};
        struct weir_buf    piece;
        char               byte;
        struct weir_msg    message = message_of(&piece, "x", 1);
        message_pairs[pair](c, &a, &b);
        send_one(c, &a, "x", 1);
        weir_shutdown(&op, &a, 0, contract_done);
        CHECK_EQ(contract_await(c, &op), 0);
        weir_send(&op, &a, "x", 1, 0, contract_done);
        CHECK_EQ(contract_await(c, &op), WEIR_EPIPE);
        weir_send_msg(&op, &a, &message, 0, contract_done);
        CHECK_EQ(contract_await(c, &op), WEIR_EPIPE);
        weir_send_batch(&op, &a, &message, 1, 0, contract_done);
        CHECK_EQ(contract_await(c, &op), WEIR_EPIPE);
        weir_recv(&op, &b, &byte, 1, 0, contract_done);
        CHECK_EQ(contract_await(c, &op), 1);
        send_one(c, &b, "y", 1);
        weir_recv(&op, &a, &byte, 1, 0, contract_done);
        CHECK_EQ(contract_await(c, &op), 1);
        close_both(c, &a, &b);
    }
}

const struct contract_case contract_cases[] = {
    {"truncation_told", truncation_told, 0},
    {"no_room_takes_the_message", no_room_takes_the_message, 0},
    {"zero_is_not_eof", zero_is_not_eof, 0},
    {"refused_then_receives", refused_then_receives, 0},
    {"refused_is_told_to_a_send", refused_is_told_to_a_send, 0},
    {"too_big", too_big, 0},
    {"too_many_pieces", too_many_pieces, 0},
    {"source_in_batch", source_in_batch, 0},
    {"answers_go_back_to_the_source", answers_go_back_to_the_source, 0},
    {"over_ipv6", over_ipv6, 0},
    {"unix_names", unix_names, 0},
    {"address_that_does_not_fit", address_that_does_not_fit, 0},
    {"peer_of_a_datagram_socket", peer_of_a_datagram_socket, 0},
    {"unix_connect_refused", unix_connect_refused, 0},
    {"sends_without_a_peer", sends_without_a_peer, 0},
    {"shutdown_ends_sending", shutdown_ends_sending, 0},
    {0},
};
