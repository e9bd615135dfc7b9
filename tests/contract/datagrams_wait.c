/* SPDX-License-Identifier: MIT */
/* datagrams_wait.c - messages that are waited for: order, full queues, cancels, what is refused. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "datagrams_ends.h"

/* ------------------------------------------------------------------------------------------------
 * Receiving
 * ---------------------------------------------------------------------------------------------- */

static void two_receivers_in_order(struct contract *c)
{
    for (unsigned pair = 0; pair < MESSAGE_PAIRS; pair++)
        for (unsigned way = 0; way < WAYS; way++) {
            static struct receiving first, second;
            struct weir_handle      a = {0}, b = {0};
            char                    one[4], two[4];
            message_pairs[pair](c, &a, &b);
            receive(&first, &b, way, one, sizeof one);
            receive(&second, &b, (way + 1) % WAYS, two, sizeof two);
            CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
            send_one(c, &a, "1st", 3);
            CHECK_EQ(received(c, &first), 3);
            CHECK(!weir_ended(&second.op));
            send_one(c, &a, "2nd.", 4);
            CHECK_EQ(received(c, &second), 4);
            CHECK(!memcmp(one, "1st", 3) && !memcmp(two, "2nd.", 4));
            close_both(c, &a, &b);
        }
}

/* One after the other, in every way, with more of them waiting than the mechanism is told of. */
static void many_in_order(struct contract *c)
{
    enum { MANY = 60 };
    static struct receiving all[MANY];
    static char             bytes[MANY][8];
    for (unsigned pair = 0; pair < MESSAGE_PAIRS; pair++) {
        struct weir_handle a = {0}, b = {0};
        message_pairs[pair](c, &a, &b);
        for (unsigned i = 0; i < MANY; i++)
            receive(&all[i], &b, i % WAYS, bytes[i], 8);
        for (unsigned i = 0; i < MANY; i++) {
            char text[8] = {0};
            snprintf(text, sizeof text, "%u", i);
            send_one(c, &a, text, sizeof text);
        }
        for (unsigned i = 0; i < MANY; i++) {
            CHECK_EQ(received(c, &all[i]), 8);
            CHECK_EQ(atoi(bytes[i]), i);
        }
        close_both(c, &a, &b);
    }
}

/* What is cancelled, or too late, takes no message: the next one gets it. */
static void cancelled_and_late_take_nothing(struct contract *c)
{
    for (unsigned pair = 0; pair < MESSAGE_PAIRS; pair++)
        for (unsigned i = 0; i < 4 * WAYS; i++) {
            static struct receiving gone, r;
            struct weir_handle      a = {0}, b = {0};
            unsigned                way = i / 4;
            bool                    deadline = i % 2, given = i & 2;
            char                   *sealed = contract_buffer(c, 8), bytes[8];
            message_pairs[pair](c, &a, &b);
            receive(&gone, &b, way, sealed, 8);
            if (given)
                CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
            if (deadline)
                weir_deadline(&gone.op, WEIR_MILLISECOND);
            else
                CHECK_EQ(weir_cancel(&gone.op), 0);
            CHECK_EQ(contract_await(c, &gone.op), deadline ? WEIR_EDEADLINE : WEIR_ECANCELED);
            contract_seal(c, sealed);
            send_one(c, &a, "kept", 4);
            receive(&r, &b, way, bytes, sizeof bytes);
            CHECK_EQ(received(c, &r), 4);
            close_both(c, &a, &b);
        }
}

static void close_ends_what_waits(struct contract *c)
{
    for (unsigned way = 0; way < WAYS; way++) {
        static struct receiving r;
        struct weir_handle      a = {0}, b = {0};
        char                    byte;
        udp_pair(c, &a, &b);
        receive(&r, &b, way, &byte, 1);
        CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
        contract_close(c, &b);
        CHECK_RESULT(&r.op, WEIR_ECANCELED);
        receive(&r, &b, way, &byte, 1);
        CHECK_EQ(contract_await(c, &r.op), WEIR_EBADF);
        receive(&r, &a, way, &byte, 1);
        CHECK_EQ(weir_close(&a, NULL), 0);
        CHECK_EQ(contract_await(c, &r.op), WEIR_ECANCELED);
        while (weir_handle_kind(&a) != WEIR_HANDLE_NONE)
            CHECK(weir_run(c->loop, WEIR_ONCE) >= 0);
    }
}

static void try_recv_takes_what_is_there(struct contract *c)
{
    struct weir_handle a = {0}, b = {0};
    char               bytes[4];
    udp_pair(c, &a, &b);
    CHECK_EQ(weir_try_recv(&b, bytes, sizeof bytes, 0), WEIR_EAGAIN);
    CHECK_EQ(weir_try_send(&a, "longer than that", 16, 0), 16);
    CHECK_EQ(weir_try_send(&a, "", 0, 0), 0);
    CHECK_EQ(weir_try_send(&a, "end", 3, 0), 3);
    CHECK_EQ(weir_try_recv(&b, bytes, sizeof bytes, WEIR_PEEK), 4);
    CHECK_EQ(weir_try_recv(&b, bytes, sizeof bytes, 0), 4);
    CHECK_EQ(weir_try_recv(&b, bytes, sizeof bytes, 0), 0);
    CHECK_EQ(weir_try_recv(&b, bytes, sizeof bytes, 0), 3);
    CHECK_EQ(weir_try_recv(&b, bytes, sizeof bytes, 0), WEIR_EAGAIN);
    close_both(c, &a, &b);
}

static void peek_leaves_the_message(struct contract *c)
{
    for (unsigned pair = 0; pair < MESSAGE_PAIRS; pair++) {
        struct weir_handle a = {0}, b = {0};
        struct weir_op     recv = {0};
        char               bytes[4];
        struct weir_buf    piece;
        struct weir_msg    message = message_of(&piece, bytes, sizeof bytes);
        message_pairs[pair](c, &a, &b);
        weir_recv(&recv, &b, bytes, 4, WEIR_PEEK, contract_done);
        CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
        send_one(c, &a, "12345678", 8);
        CHECK_EQ(contract_await(c, &recv), 4);
        CHECK_EQ(recv.told, WEIR_TOLD_TRUNCATED);
        weir_recv_msg(&recv, &b, &message, WEIR_PEEK, contract_done);
        CHECK_EQ(contract_await(c, &recv), 4);
        CHECK_EQ(recv.told, WEIR_TOLD_TRUNCATED);
        weir_recv_msg(&recv, &b, &message, 0, contract_done);
        CHECK_EQ(contract_await(c, &recv), 4);
        CHECK_EQ(weir_try_recv(&b, bytes, 4, 0), WEIR_EAGAIN);
        close_both(c, &a, &b);
    }
}

/* ------------------------------------------------------------------------------------------------
 * Sending into what is full
 * ---------------------------------------------------------------------------------------------- */

static void start_send(struct weir_op *send, struct weir_handle *handle, struct weir_msg *message,
                       unsigned way)
{
    if (way == 0)
        weir_send(send, handle, message->buffers->data, message->buffers->length, 0, contract_done);
    else if (way == 1)
        weir_sendv(send, handle, message->buffers, 1, 0, contract_done);
    else if (way == 2)
        weir_send_msg(send, handle, message, 0, contract_done);
    else
        weir_send_batch(send, handle, message, 1, 0, contract_done);
}

/* A peer whose queue is full is waited for, in each way, and cancelled; nothing is lost. */
static void full_queue_waits_then_goes_on(struct contract *c)
{
    for (unsigned pair = 1; pair < MESSAGE_PAIRS; pair++)
        for (unsigned way = 0; way < 4; way++) {
            struct weir_handle a = {0}, b = {0};
            struct weir_op     send = {0}, cancelled = {0};
            struct weir_buf    piece;
            struct weir_msg    message = message_of(&piece, "last", 4);
            char               bytes[4];
            int                filled = 0;
            message_pairs[pair](c, &a, &b);
            while (weir_try_send(&a, "fill", 4, 0) == 4)
                filled++;
            CHECK(filled > 0);
            start_send(&cancelled, &a, &message, way);
            CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
            CHECK_EQ(weir_cancel(&cancelled), 0);
            CHECK_EQ(contract_await(c, &cancelled), WEIR_ECANCELED);
            start_send(&send, &a, &message, way);
            CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
            CHECK(!weir_ended(&send));
            for (int i = 0; i < filled; i++) {
                CHECK_EQ(weir_try_recv(&b, bytes, 4, 0), 4);
                CHECK(!memcmp(bytes, "fill", 4));
            }
            CHECK_EQ(contract_await(c, &send), way == 3 ? 1 : 4);
            CHECK_EQ(weir_try_recv(&b, bytes, 4, 0), 4);
            CHECK(!memcmp(bytes, "last", 4));
            CHECK_EQ(weir_try_recv(&b, bytes, 4, 0), WEIR_EAGAIN);
            close_both(c, &a, &b);
        }
}

/* The same to one that is addressed by name: nothing tells that it has room, so it is asked again,
 * at most 20 times a second. */
static void full_named_queue_is_asked_again(struct contract *c)
{
    for (unsigned way = 2; way < 4; way++) {
        struct weir_handle  a = {0}, b = {0};
        struct weir_op      op = {0}, timer = {0};
        struct weir_stats   before, after;
        struct weir_address name;
        struct weir_buf     piece;
        struct weir_msg     message = message_of(&piece, "x", 1);
        char                text[150], byte;
        unsigned            filled = 0;
        snprintf(text, sizeof text, "unix:@weir%s", c->directory);
        CHECK_EQ(weir_address_parse(&name, text), 0);
        CHECK_EQ(weir_socket(&a, c->loop, AF_UNIX, SOCK_DGRAM, 0), 0);
        CHECK_EQ(weir_socket(&b, c->loop, AF_UNIX, SOCK_DGRAM, 0), 0);
        CHECK_EQ(weir_bind(&b, name.data.bytes, name.length, 0), 0);
        message.address = name.data.bytes;
        message.address_length = name.length;
        while (sendto((int)weir_handle_os(&a), "f", 1, MSG_DONTWAIT,
                      (const struct sockaddr *)(const void *)name.data.bytes, name.length) == 1)
            filled++;
        CHECK(filled > 0);
        start_send(&op, &a, &message, way);
        weir_loop_stats(c->loop, &before);
        weir_timer(&timer, c->loop, 200 * WEIR_MILLISECOND, 0, contract_done);
        CHECK_EQ(contract_await(c, &timer), 0);
        weir_loop_stats(c->loop, &after);
        CHECK(!weir_ended(&op));
        CHECK(after.attempts - before.attempts <= 6);
        CHECK(after.turns - before.turns <= 30);
        CHECK_EQ(weir_cancel(&op), 0);
        CHECK_EQ(contract_await(c, &op), WEIR_ECANCELED);
        start_send(&op, &a, &message, way);
        CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
        while (filled--)
            CHECK_EQ(weir_try_recv(&b, &byte, 1, 0), 1);
        CHECK_EQ(contract_await(c, &op), 1);
        CHECK_EQ(weir_try_recv(&b, &byte, 1, 0), 1);
        CHECK_EQ(byte, 'x');
        close_both(c, &a, &b);
    }
}

/* ------------------------------------------------------------------------------------------------
 * Descriptors of others
 * ---------------------------------------------------------------------------------------------- */

/* A blocking socket of another is never waited on in a call, and stays blocking. */
static void foreign_blocking_socket(struct contract *c)
{
    for (unsigned way = 0; way < WAYS; way++) {
        static struct receiving r;
        struct weir_handle      handle = {0};
        struct weir_op          nop = {0};
        int                     ends[2];
        char                    bytes[4];
        CHECK_EQ(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends), 0);
        CHECK_EQ(weir_adopt(&handle, c->loop, ends[0], 0), 0);
        CHECK_EQ(weir_handle_kind(&handle), WEIR_HANDLE_DATAGRAM);
        receive(&r, &handle, way, bytes, sizeof bytes);
        weir_nop(&nop, c->loop, 0, contract_done);
        CHECK_EQ(contract_await(c, &nop), 0);
        CHECK(!weir_ended(&r.op));
        CHECK(!contract_raw_nonblocking(ends[0]));
        CHECK_EQ(send(ends[1], "any", 3, 0), 3);
        CHECK_EQ(received(c, &r), 3);
        contract_close(c, &handle);
        contract_raw_close(ends[1]);
    }
}

/* What a listener for sequenced packets accepts moves messages: their bounds are kept, a short one
 * does not mean that no other is there, and the end is a result of 0. */
static void sequenced_connections_are_messages(struct contract *c)
{
    static struct receiving r;
    struct weir_handle      listener = {0}, accepted = {0}, client = {0};
    struct weir_op          accept = {0};
    struct weir_address     name;
    char                    text[150], bytes[100];
    int                     fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    snprintf(text, sizeof text, "unix:%s/sequenced", c->directory);
    CHECK_EQ(weir_address_parse(&name, text), 0);
    CHECK_EQ(bind(fd, (const struct sockaddr *)(const void *)name.data.bytes, name.length), 0);
    CHECK_EQ(listen(fd, 4), 0);
    CHECK_EQ(weir_adopt(&listener, c->loop, fd, 0), 0);
    CHECK_EQ(weir_handle_kind(&listener), WEIR_HANDLE_LISTENER);
    weir_accept(&accept, &listener, &accepted, 0, contract_done);
    CHECK_EQ(weir_socket(&client, c->loop, AF_UNIX, SOCK_SEQPACKET, 0), 0);
    connect_to(c, &client, &name);
    CHECK_EQ(contract_await(c, &accept), 0);
    CHECK_EQ(weir_handle_kind(&accepted), WEIR_HANDLE_DATAGRAM);
    receive(&r, &accepted, 0, bytes, sizeof bytes);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    for (size_t i = 1; i <= 5; i++)
        CHECK_EQ(weir_try_send(&client, "abcde", i, 0), i);
    contract_close(c, &client);
    for (unsigned i = 1; i <= 5; i++) {
        CHECK_EQ(received(c, &r), i);
        receive(&r, &accepted, i % WAYS, bytes, sizeof bytes);
    }
    CHECK_EQ(received(c, &r), 0);
    close_both(c, &accepted, &listener);
}

/* ------------------------------------------------------------------------------------------------
 * What is wrong
 * ---------------------------------------------------------------------------------------------- */

static void check_wrong(struct contract *c, struct weir_handle *handle, struct weir_msg *message,
                        int expected, bool sends_only)
{
    struct weir_op op = {0};
    weir_send_msg(&op, handle, message, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), expected);
    CHECK_EQ(op.served, WEIR_SERVED_NOT);
    weir_send_batch(&op, handle, message, 1, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), expected);
    if (sends_only)
        return;
    weir_recv_msg(&op, handle, message, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), expected);
    weir_recv_batch(&op, handle, message, 1, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), expected);
}

static void wrong_messages_are_refused(struct contract *c)
{
    struct weir_handle a = {0}, b = {0}, reader = {0}, writer = {0};
    struct weir_buf    piece;
    char               bytes[256] = {0};
    struct weir_msg    good = message_of(&piece, "x", 1), wrong;
    udp_pair(c, &a, &b);
    contract_pipe_pair(c, &reader, &writer);
    check_wrong(c, &a, NULL, WEIR_EINVAL, false);
    wrong = good;
    wrong.buffers = NULL;
    check_wrong(c, &a, &wrong, WEIR_EINVAL, false);
    wrong = good;
    wrong.address = bytes;
    wrong.address_length = 129;
    check_wrong(c, &a, &wrong, WEIR_EINVAL, true);
    wrong = good;
    wrong.control_length = 16;
    check_wrong(c, &a, &wrong, WEIR_EINVAL, true);
    wrong.control = bytes;
    wrong.control_room = 15;
    check_wrong(c, &a, &wrong, WEIR_EINVAL, true);
    check_wrong(c, &writer, &good, WEIR_ENOTSOCK, false);
    close_both(c, &a, &b);
    close_both(c, &reader, &writer);
}

static void unknown_flags_are_refused(struct contract *c)
{
    static const unsigned wrong[] = {WEIR_ALL, WEIR_MULTISHOT, WEIR_EDGE, WEIR_LEVEL, 0x8000};
    struct weir_handle    a = {0}, b = {0};
    struct weir_op        op = {0};
    struct weir_buf       piece;
    char                  byte = 'x';
    struct weir_msg       message = message_of(&piece, &byte, 1);
    udp_pair(c, &a, &b);
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        weir_send_msg(&op, &a, &message, wrong[i], contract_done);
        CHECK_EQ(contract_await(c, &op), WEIR_EINVAL);
        weir_recv_msg(&op, &a, &message, wrong[i], contract_done);
        CHECK_EQ(contract_await(c, &op), WEIR_EINVAL);
        weir_send_batch(&op, &a, &message, 1, wrong[i], contract_done);
        CHECK_EQ(contract_await(c, &op), WEIR_EINVAL);
        weir_recv_batch(&op, &a, &message, 1, wrong[i], contract_done);
        CHECK_EQ(contract_await(c, &op), WEIR_EINVAL);
    }
    weir_recv_batch(&op, &a, &message, 1, WEIR_PEEK, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_EINVAL);
    weir_recv_batch(&op, &a, &message, 0, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_EINVAL);
    weir_send_msg(&op, &a, &message, WEIR_BACKGROUND, contract_done);
    CHECK_EQ(contract_await(c, &op), 1);
    close_both(c, &a, &b);
}

/* Memory that is none is told, and takes nothing away but what the system does. */
static void bad_memory_is_efault(struct contract *c)
{
    struct weir_handle a = {0}, b = {0};
    struct weir_op     op = {0};
    struct weir_buf    piece;
    struct weir_msg    message = message_of(&piece, (void *)8, 4);
    contract_needs("kernel that looks at addresses");
    udp_pair(c, &a, &b);
    weir_send_msg(&op, &a, &message, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_EFAULT);
    weir_send_batch(&op, &a, &message, 1, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_EFAULT);
    send_one(c, &a, "1234", 4);
    weir_recv_msg(&op, &b, &message, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_EFAULT);
    send_one(c, &a, "1234", 4);
    weir_recv_batch(&op, &b, &message, 1, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_EFAULT);
    close_both(c, &a, &b);
}

/* What weir_query() denies is refused without an attempt, and nothing else is. */
static void query_tells_of_messages(struct contract *c)
{
    struct weir_handle handles[5] = {{0}};
    struct weir_op     op = {0};
    struct weir_buf    piece;
    char               byte;
    struct weir_msg    message = message_of(&piece, &byte, 1);
    contract_tcp_pair(c, &handles[0], &handles[1]);
    contract_pipe_pair(c, &handles[2], &handles[3]);
    udp_handle(c, &handles[4]);
    for (int i = 0; i < 5; i++)
        for (int batch = 0; batch < 2; batch++) {
            if (batch)
                weir_recv_batch(&op, &handles[i], &message, 1, 0, contract_done);
            else
                weir_recv_msg(&op, &handles[i], &message, 0, contract_done);
            weir_run(c->loop, WEIR_NOWAIT);
            int support = weir_query(c->engine, (enum weir_op_kind)op.kind,
                                     weir_handle_kind(&handles[i]));
            CHECK_EQ(weir_ended(&op), support == WEIR_SUPPORT_NO);
            if (support == WEIR_SUPPORT_NO)
                CHECK_EQ(op.served, WEIR_SERVED_NOT);
            weir_cancel(&op);
            contract_await(c, &op);
        }
    CHECK(weir_query(c->engine, WEIR_OP_SEND_MSG, WEIR_HANDLE_STREAM) != WEIR_SUPPORT_NO);
    CHECK(weir_query(c->engine, WEIR_OP_SEND_BATCH, WEIR_HANDLE_DATAGRAM) != WEIR_SUPPORT_NO);
    CHECK(weir_query(c->engine, WEIR_OP_CONNECT, WEIR_HANDLE_DATAGRAM) != WEIR_SUPPORT_NO);
    CHECK_EQ(weir_query(c->engine, WEIR_OP_SEND_BATCH, WEIR_HANDLE_STREAM), WEIR_SUPPORT_NO);
    for (int i = 0; i < 5; i++)
        contract_close(c, &handles[i]);
}

const struct contract_case contract_cases[] = {
    {"two_receivers_in_order", two_receivers_in_order, 0},
    {"many_in_order", many_in_order, 0},
    {"cancelled_and_late_take_nothing", cancelled_and_late_take_nothing, 0},
    {"close_ends_what_waits", close_ends_what_waits, 0},
    {"try_recv_takes_what_is_there", try_recv_takes_what_is_there, 0},
    {"peek_leaves_the_message", peek_leaves_the_message, 0},
    {"full_queue_waits_then_goes_on", full_queue_waits_then_goes_on, 0},
    {"full_named_queue_is_asked_again", full_named_queue_is_asked_again, 0},
    {"foreign_blocking_socket", foreign_blocking_socket, 0},
    {"sequenced_connections_are_messages", sequenced_connections_are_messages, 0},
    {"wrong_messages_are_refused", wrong_messages_are_refused, 0},
    {"unknown_flags_are_refused", unknown_flags_are_refused, 0},
    {"query_tells_of_messages", query_tells_of_messages, 0},
    {"bad_memory_is_efault", bad_memory_is_efault, CONTRACT_NO_VALGRIND},
    {0},
};
