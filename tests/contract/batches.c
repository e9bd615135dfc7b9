/* SPDX-License-Identifier: MIT */
/* batches.c - many messages by one op, datagrams that are cut and glued, and multicast groups. */
#include <errno.h>
#include <net/if.h>
#include <net/route.h>
#include <sched.h>
#include <sys/ioctl.h>

#include "datagrams_ends.h"

#define MANY 1000
#define CUT 100 /* bytes of each datagram */

/* Messages with a piece, room for data, and a number each. */
static struct weir_msg messages[MANY];
static struct weir_buf pieces[MANY];
static uint32_t        numbers[MANY];

static struct weir_msg *numbered(uint32_t first, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        numbers[i] = first + i;
        messages[i] = message_of(&pieces[i], &numbers[i], sizeof numbers[i]);
    }
    return messages;
}

/* ------------------------------------------------------------------------------------------------
 * Batches
 * ---------------------------------------------------------------------------------------------- */

struct flow {
    struct weir_handle *from, *to;
    struct weir_op      send, recv;
    struct weir_msg     out[MANY], in[MANY];
    struct weir_buf     out_pieces[MANY], in_pieces[MANY];
    uint32_t            sent[MANY], got[MANY];
    int                 count, out_done, in_done;
};

static void flow_on(struct weir_op *op);

static void flow_send(struct flow *f)
{
    weir_send_batch(&f->send, f->from, f->out + f->out_done, (size_t)(f->count - f->out_done), 0,
                    flow_on);
}

static void flow_recv(struct flow *f)
{
    weir_recv_batch(&f->recv, f->to, f->in + f->in_done, (size_t)(f->count - f->in_done), 0,
                    flow_on);
}

static void flow_on(struct weir_op *op)
{
    struct flow *f = op->user;
    int         *done = op == &f->send ? &f->out_done : &f->in_done;
    CHECK(op->result >= 1 && op->result <= f->count - *done);
    CHECK_EQ(op->error, 0);
    *done += (int)op->result;
    if (op == &f->send && f->out_done < f->count)
        flow_send(f);
    if (op == &f->recv && f->in_done < f->count)
        flow_recv(f);
}

/* From 1 to 1,000 messages arrive in their order, each in its own, however few go at a time. */
static void one_to_a_thousand(struct contract *c)
{
    static struct flow f;
    static const int   counts[] = {1, 2, 63, 64, 65, 128, 200, MANY};
    for (unsigned pair = 0; pair < MESSAGE_PAIRS; pair++)
        for (unsigned k = 0; k < sizeof counts / sizeof *counts; k++) {
            struct weir_handle a = {0}, b = {0};
            if (pair == 0 && counts[k] > 200)
                continue; /* UDP drops what no buffer has room for */
            message_pairs[pair](c, &a, &b);
            f = (struct flow){.from = &a, .to = &b, .count = counts[k]};
            f.send.user = f.recv.user = &f;
            for (int i = 0; i < f.count; i++) {
                f.sent[i] = (uint32_t)i;
                f.out[i] = message_of(&f.out_pieces[i], &f.sent[i], (size_t)i % 4 + 1);
                f.in[i] = message_of(&f.in_pieces[i], &f.got[i], 4);
            }
            flow_recv(&f);
            flow_send(&f);
            contract_until(c, &f.in_done, f.count);
            contract_until(c, &f.out_done, f.count);
            for (int i = 0; i < f.count; i++) {
                CHECK_EQ(f.out[i].result, i % 4 + 1);
                CHECK_EQ(f.in[i].result, i % 4 + 1);
                CHECK_EQ(f.in[i].told, 0);
                CHECK(!memcmp(&f.got[i], &f.sent[i], (size_t)i % 4 + 1));
            }
            close_both(c, &a, &b);
        }
}

/* A thousand to a socket that never waits go at once. */
static void whole_batch_is_sent(struct contract *c)
{
    struct weir_handle a = {0}, b = {0};
    struct weir_op     send = {0};
    udp_pair(c, &a, &b);
    weir_send_batch(&send, &a, numbered(0, MANY), MANY, 0, contract_done);
    CHECK_EQ(contract_await(c, &send), MANY);
    CHECK_EQ(send.error, 0);
    close_both(c, &a, &b);
}

/* A receive ends with what is there, and leaves the other messages alone. */
static void fewer_than_asked(struct contract *c)
{
    for (int waits = 0; waits < 2; waits++) {
        struct weir_handle a = {0}, b = {0};
        struct weir_op     send = {0}, recv = {0};
        struct weir_buf    in_pieces[8];
        struct weir_msg    in[8];
        uint32_t           got[8];
        unix_datagram_pair(c, &a, &b);
        for (unsigned i = 0; i < 8; i++) {
            in[i] = message_of(&in_pieces[i], &got[i], sizeof got[i]);
            got[i] = 77;
        }
        weir_send_batch(&send, &a, numbered(5, 3), 3, 0, contract_done);
        if (waits) {
            weir_recv_batch(&recv, &b, in, 8, 0, contract_done);
            CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT) >= 0, 1);
        }
        CHECK_EQ(contract_await(c, &send), 3);
        if (!waits)
            weir_recv_batch(&recv, &b, in, 8, 0, contract_done);
        /* At least one: what waited may see the first before the others were sent. */
        for (int64_t count = contract_await(c, &recv); count < 3;) {
            CHECK(waits && count > 0);
            weir_recv_batch(&recv, &b, in + count, (size_t)(8 - count), 0, contract_done);
            count += contract_await(c, &recv);
        }
        for (unsigned i = 0; i < 8; i++) {
            CHECK_EQ(in[i].result, i < 3 ? 4 : 0);
            CHECK_EQ(got[i], i < 3 ? 5 + i : 77);
        }
        close_both(c, &a, &b);
    }
}

/* What cannot be sent stops a batch: those before it went, the reason is told, and a batch that
 * begins with it tells it as its result. */
static void partial_batch_tells_why(struct contract *c)
{
    static const unsigned places[] = {1, 2, 63, 64, 65, 130};
    const size_t          large = 70000;
    char                 *bytes = contract_buffer(c, large);
    for (unsigned k = 0; k < sizeof places / sizeof *places; k++) {
        struct weir_handle a = {0}, b = {0};
        struct weir_op     send = {0};
        unsigned           place = places[k];
        udp_pair(c, &a, &b);
        numbered(0, 200);
        pieces[place] = (struct weir_buf){bytes, large};
        weir_send_batch(&send, &a, messages, 200, 0, contract_done);
        CHECK_EQ(contract_await(c, &send), place);
        CHECK_EQ(send.error, WEIR_EMSGSIZE);
        for (unsigned i = 0; i < place; i++)
            CHECK_EQ(messages[i].result, 4);
        weir_send_batch(&send, &a, messages + place, 200 - place, 0, contract_done);
        CHECK_EQ(contract_await(c, &send), WEIR_EMSGSIZE);
        weir_send_batch(&send, &a, messages + place + 1, 199 - place, 0, contract_done);
        CHECK_EQ(contract_await(c, &send), 199 - place);
        CHECK_EQ(send.error, 0);
        close_both(c, &a, &b);
    }
}

/* Into a queue of some: what has room goes, and that is no error. */
static void batch_into_a_full_queue(struct contract *c)
{
    struct weir_handle a = {0}, b = {0};
    struct weir_op     send = {0};
    uint32_t           got;
    unix_datagram_pair(c, &a, &b);
    weir_send_batch(&send, &a, numbered(0, 500), 500, 0, contract_done);
    CHECK(contract_await(c, &send) > 0);
    CHECK(send.result < 500);
    CHECK_EQ(send.error, 0);
    for (uint32_t i = 0; i < (uint32_t)send.result; i++) {
        CHECK_EQ(weir_try_recv(&b, &got, sizeof got, 0), sizeof got);
        CHECK_EQ(got, i);
    }
    CHECK_EQ(weir_try_recv(&b, &got, sizeof got, 0), WEIR_EAGAIN);
    close_both(c, &a, &b);
}

/* Each message says what was cut off of it, and the op says that something was. */
static void batch_tells_of_each(struct contract *c)
{
    struct weir_handle a = {0}, b = {0};
    struct weir_op     recv = {0};
    struct weir_msg    in[3];
    struct weir_buf    in_pieces[3];
    char               got[3][4];
    unix_datagram_pair(c, &a, &b);
    send_one(c, &a, "ab", 2);
    send_one(c, &a, "abcdef", 6);
    send_one(c, &a, "", 0);
    for (int i = 0; i < 3; i++)
        in[i] = message_of(&in_pieces[i], got[i], 4);
    weir_recv_batch(&recv, &b, in, 3, 0, contract_done);
    CHECK_EQ(contract_await(c, &recv), 3);
    CHECK_EQ(recv.told, WEIR_TOLD_TRUNCATED);
    CHECK_EQ(in[0].result, 2);
    CHECK_EQ(in[0].told, 0);
    CHECK_EQ(in[1].result, 4);
    CHECK_EQ(in[1].told, WEIR_TOLD_TRUNCATED);
    CHECK_EQ(in[2].result, 0);
    CHECK_EQ(in[2].told, 0);
    close_both(c, &a, &b);
}

static void batches_and_others_in_order(struct contract *c)
{
    struct weir_handle a = {0}, b = {0};
    struct weir_op     ops[3] = {{0}}, send = {0};
    struct weir_msg    in[4];
    struct weir_buf    in_pieces[4];
    uint32_t           got[6];
    udp_pair(c, &a, &b);
    for (int i = 0; i < 4; i++)
        in[i] = message_of(&in_pieces[i], &got[i + 1], 4);
    weir_recv(&ops[0], &b, &got[0], 4, 0, contract_done);
    weir_recv_batch(&ops[1], &b, in, 4, 0, contract_done);
    weir_recv(&ops[2], &b, &got[5], 4, 0, contract_done);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    CHECK_EQ(weir_try_send(&a, &(uint32_t){0}, 4, 0), 4);
    CHECK_EQ(contract_await(c, &ops[0]), 4);
    weir_send_batch(&send, &a, numbered(1, 4), 4, 0, contract_done);
    CHECK_EQ(contract_await(c, &send), 4);
    int64_t moved = contract_await(c, &ops[1]);
    CHECK(moved >= 1);
    for (int64_t i = moved; i < 4; i++) {
        CHECK_EQ(contract_await(c, &ops[2]), 4);
        got[i + 1] = got[5];
        weir_recv(&ops[2], &b, &got[5], 4, 0, contract_done);
    }
    CHECK_EQ(weir_try_send(&a, &(uint32_t){5}, 4, 0), 4);
    CHECK_EQ(contract_await(c, &ops[2]), 4);
    for (uint32_t i = 0; i < 6; i++)
        CHECK_EQ(got[i], i);
    close_both(c, &a, &b);
}

static void batches_on_streams_are_refused(struct contract *c)
{
    struct weir_handle a = {0}, b = {0}, listener = {0};
    struct weir_op     op = {0};
    contract_tcp_pair(c, &a, &b);
    contract_listen_any(c, &listener);
    numbered(0, 2);
    weir_send_batch(&op, &a, messages, 2, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_EOPNOTSUPP);
    weir_recv_batch(&op, &a, messages, 2, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_EOPNOTSUPP);
    weir_recv_batch(&op, &listener, messages, 2, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_EOPNOTSUPP);
    CHECK_EQ(weir_query(c->engine, WEIR_OP_RECV_BATCH, WEIR_HANDLE_STREAM), WEIR_SUPPORT_NO);
    CHECK(weir_query(c->engine, WEIR_OP_RECV_BATCH, WEIR_HANDLE_DATAGRAM) != WEIR_SUPPORT_NO);
    close_both(c, &a, &b);
    contract_close(c, &listener);
}

/* ------------------------------------------------------------------------------------------------
 * Datagrams that are cut and glued
 * ---------------------------------------------------------------------------------------------- */

/* 950 bytes leave as datagrams of 100. */
static void send_cut(struct contract *c, struct weir_handle *handle, struct weir_msg *message,
                     bool batch)
{
    struct weir_op send = {0};
    message->segment = CUT;
    if (batch)
        weir_send_batch(&send, handle, message, 1, 0, contract_done);
    else
        weir_send_msg(&send, handle, message, 0, contract_done);
    int64_t result = contract_await(c, &send);
    if (result == WEIR_EOPNOTSUPP || result == WEIR_ENOPROTOOPT)
        SKIP(NO_OFFLOAD);
    CHECK_EQ(result, batch ? 1 : 950);
    CHECK_EQ(message->result, 950);
}

static void segments_are_cut(struct contract *c)
{
    struct weir_handle a = {0}, b = {0};
    struct weir_buf    piece;
    char               bytes[950], got[CUT + 1];
    struct weir_msg    message = message_of(&piece, bytes, sizeof bytes);
    contract_fill(bytes, sizeof bytes, 0, 1);
    udp_pair(c, &a, &b);
    for (int batch = 0; batch < 2; batch++) {
        send_cut(c, &a, &message, batch);
        for (size_t at = 0; at < sizeof bytes; at += CUT) {
            size_t expected = sizeof bytes - at < CUT ? sizeof bytes - at : CUT;
            CHECK_EQ(weir_try_recv(&b, got, sizeof got, 0), expected);
            CHECK(contract_filled(got, expected, at, 1));
        }
    }
    /* And by the option, for every send. */
    CHECK_EQ(weir_option_set(&a, WEIR_OPTION_SEND_SEGMENT, 500), 0);
    CHECK_EQ(weir_try_send(&a, bytes, sizeof bytes, 0), sizeof bytes);
    CHECK_EQ(weir_option_set(&a, WEIR_OPTION_SEND_SEGMENT, 0), 0);
    CHECK_EQ(weir_try_send(&a, bytes, 7, 0), 7);
    CHECK_EQ(weir_try_recv(&b, bytes, sizeof bytes, 0), 500);
    CHECK_EQ(weir_try_recv(&b, bytes, sizeof bytes, 0), 450);
    CHECK_EQ(weir_try_recv(&b, bytes, sizeof bytes, 0), 7);
    close_both(c, &a, &b);
}

/* Received as one, with the length of each: with room for control data, and without. */
static void segments_are_glued(struct contract *c)
{
    for (int i = 0; i < 8; i++) {
        struct weir_handle a = {0}, b = {0};
        struct weir_op     recv = {0};
        struct weir_buf    out_piece, in_piece;
        uint64_t           control[8];
        char               bytes[950], got[1000];
        struct weir_msg    out = message_of(&out_piece, bytes, sizeof bytes);
        struct weir_msg    in = message_of(&in_piece, got, sizeof got);
        bool               batch = i & 1, waits = i & 2;
        contract_fill(bytes, sizeof bytes, 0, 2);
        udp_pair(c, &a, &b);
        if (weir_option_set(&b, WEIR_OPTION_RECEIVE_OFFLOAD, 1) != 0)
            SKIP(NO_OFFLOAD);
        if (i & 4) {
            in.control = control;
            in.control_room = sizeof control;
        }
        if (!waits)
            send_cut(c, &a, &out, false);
        if (batch)
            weir_recv_batch(&recv, &b, &in, 1, 0, contract_done);
        else
            weir_recv_msg(&recv, &b, &in, 0, contract_done);
        if (waits) {
            CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
            send_cut(c, &a, &out, false);
        }
        CHECK_EQ(contract_await(c, &recv), batch ? 1 : 950);
        CHECK_EQ(in.result, 950);
        CHECK_EQ(in.segment, CUT);
        CHECK_EQ(recv.told, 0);
        CHECK(contract_filled(got, 950, 0, 2));
        send_one(c, &a, "one", 3);
        weir_recv_msg(&recv, &b, &in, 0, contract_done);
        CHECK_EQ(contract_await(c, &recv), 3);
        CHECK_EQ(in.segment, 0);
        close_both(c, &a, &b);
    }
}

/* The caller's control data goes along, where it leaves room. */
static void segment_beside_control_data(struct contract *c)
{
    const int          traffic = 0x10;
    struct weir_handle a = {0}, b = {0};
    struct weir_op     send = {0};
    struct weir_buf    piece;
    uint64_t           control[8] = {0};
    char               bytes[950] = {0}, got[CUT + 1];
    struct weir_msg    message = message_of(&piece, bytes, sizeof bytes);
    struct cmsghdr     head = {
            .cmsg_len = CMSG_LEN(sizeof traffic), .cmsg_level = IPPROTO_IP, .cmsg_type = IP_TOS};
    memcpy(control, &head, sizeof head);
    memcpy((char *)control + CMSG_LEN(0), &traffic, sizeof traffic);
    udp_pair(c, &a, &b);
    message.control = control;
    message.control_length = CMSG_LEN(sizeof traffic); /* without its padding */
    message.control_room = CMSG_SPACE(sizeof traffic) + CMSG_SPACE(sizeof(uint16_t));
    send_cut(c, &a, &message, false);
    CHECK_EQ(message.control_length, CMSG_LEN(sizeof traffic));
    CHECK(!memcmp(control, &head, sizeof head));
    for (int i = 0; i < 9; i++)
        CHECK_EQ(weir_try_recv(&b, got, sizeof got, 0), CUT);
    CHECK_EQ(weir_try_recv(&b, got, sizeof got, 0), 50);
    message.control_room--;
    weir_send_msg(&send, &a, &message, 0, contract_done);
    CHECK_EQ(contract_await(c, &send), WEIR_ENOBUFS);
    weir_send_batch(&send, &a, &message, 1, 0, contract_done);
    CHECK_EQ(contract_await(c, &send), WEIR_ENOBUFS);
    CHECK_EQ(weir_try_recv(&b, got, sizeof got, 0), WEIR_EAGAIN);
    close_both(c, &a, &b);
}

static void segments_need_udp(struct contract *c)
{
    struct weir_handle handles[6] = {{0}};
    struct weir_op     send = {0};
    struct weir_buf    piece;
    struct weir_msg    message = message_of(&piece, "1234", 4);
    contract_tcp_pair(c, &handles[0], &handles[1]);
    unix_datagram_pair(c, &handles[2], &handles[3]);
    contract_unix_pair(c, &handles[4], &handles[5]);
    message.segment = 2;
    for (int i = 0; i < 6; i += 2) {
        weir_send_msg(&send, &handles[i], &message, 0, contract_done);
        CHECK_EQ(contract_await(c, &send), WEIR_EOPNOTSUPP);
    }
    weir_send_batch(&send, &handles[2], &message, 1, 0, contract_done);
    CHECK_EQ(contract_await(c, &send), WEIR_EOPNOTSUPP);
    for (int i = 0; i < 6; i++)
        contract_close(c, &handles[i]);
    udp_pair(c, &handles[0], &handles[1]);
    message.segment = 65536;
    weir_send_msg(&send, &handles[0], &message, 0, contract_done);
    CHECK(contract_await(c, &send) == WEIR_EINVAL || send.result == WEIR_EOPNOTSUPP);
    close_both(c, &handles[0], &handles[1]);
}

/* ------------------------------------------------------------------------------------------------
 * Groups
 * ---------------------------------------------------------------------------------------------- */

/* A member hears what is sent to the group, until it leaves. */
static void hear_group(struct contract *c, struct weir_handle *member, struct weir_handle *sender,
                       struct weir_address *group, unsigned interface_index)
{
    struct weir_op  op = {0};
    struct weir_buf piece;
    struct weir_msg message = message_of(&piece, "all", 3);
    char            bytes[4];
    message.address = group->data.bytes;
    message.address_length = group->length;
    CHECK_EQ(weir_multicast(member, group, interface_index, true), WEIR_EADDRINUSE);
    weir_send_msg(&op, sender, &message, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 3);
    weir_recv(&op, member, bytes, sizeof bytes, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 3);
    CHECK_EQ(weir_multicast(member, group, interface_index, false), 0);
    CHECK_EQ(weir_multicast(member, group, interface_index, false), WEIR_EADDRNOTAVAIL);
    weir_send_msg(&op, sender, &message, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 3);
    CHECK_EQ(weir_try_recv(member, bytes, sizeof bytes, 0), WEIR_EAGAIN);
}

static void multicast_over_loopback(struct contract *c)
{
    struct sockaddr_in  any = {.sin_family = AF_INET}, to = {.sin_family = AF_INET};
    struct weir_handle  member = {0}, sender = {0};
    struct weir_address at, group = {.length = sizeof to};
    unsigned            interface_index = if_nametoindex("lo");
    CHECK_EQ(weir_socket(&member, c->loop, AF_INET, SOCK_DGRAM, 0), 0);
    CHECK_EQ(weir_bind(&member, &any, sizeof any, 0), 0);
    CHECK_EQ(weir_local_address(&member, &at), 0);
    memcpy(&to, at.data.bytes, sizeof to);
    CHECK_EQ(inet_pton(AF_INET, "239.255.77.9", &to.sin_addr), 1);
    memcpy(group.data.bytes, &to, sizeof to);
    udp_handle(c, &sender); /* bound to 127.0.0.1: it sends by that interface */
    if (!interface_index || weir_multicast(&member, &group, interface_index, true) != 0)
        SKIP("this machine's loopback interface has no multicast");
    hear_group(c, &member, &sender, &group, interface_index);
    close_both(c, &member, &sender);
}

/* A network of this process's own, where IPv6 groups are reached by loopback: elsewhere there is no
 * route to them. Linux takes a route by loopback only as a local one. */
static void enter_network_with_groups(struct contract *c)
{
    struct ifreq     loopback = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    struct in6_rtmsg route = {
        .rtmsg_dst_len = 8, .rtmsg_metric = 1, .rtmsg_flags = RTF_UP | RTF_LOCAL};
    if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
        SKIP("this process may not have a network namespace of its own");
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        SKIP(NO_IPV6);
    route.rtmsg_dst.s6_addr[0] = 0xff;
    route.rtmsg_ifindex = (int)if_nametoindex("lo");
    CHECK_EQ(ioctl(fd, SIOCSIFFLAGS, &loopback), 0);
    CHECK_EQ(ioctl(fd, SIOCADDRT, &route), 0);
    contract_raw_close(fd);
    CHECK_EQ(contract_open(c, &c->loop, NULL), 0);
}

static void multicast_over_ipv6(struct contract *c)
{
    struct sockaddr_in6 any = {.sin6_family = AF_INET6}, to;
    struct weir_handle  member = {0}, sender = {0};
    struct weir_address at, group = {.length = sizeof to};
    enter_network_with_groups(c);
    unsigned interface_index = if_nametoindex("lo");
    CHECK_EQ(weir_socket(&member, c->loop, AF_INET6, SOCK_DGRAM, 0), 0);
    CHECK_EQ(weir_bind(&member, &any, sizeof any, 0), 0);
    CHECK_EQ(weir_socket(&sender, c->loop, AF_INET6, SOCK_DGRAM, 0), 0);
    CHECK_EQ(weir_local_address(&member, &at), 0);
    memcpy(&to, at.data.bytes, sizeof to);
    CHECK_EQ(inet_pton(AF_INET6, "ff01::7709", &to.sin6_addr), 1);
    to.sin6_scope_id = interface_index;
    memcpy(group.data.bytes, &to, sizeof to);
    CHECK_EQ(weir_multicast(&member, &group, interface_index, true), 0);
    hear_group(c, &member, &sender, &group, interface_index);
    close_both(c, &member, &sender);
    contract_loop_close(c, c->loop);
    c->loop = NULL;
}

static void wrong_groups_are_refused(struct contract *c)
{
    struct weir_handle  handle = {0}, a = {0}, b = {0};
    struct weir_address no_group = contract_loopback(1), wrong = {.length = 8};
    udp_handle(c, &handle);
    CHECK_EQ(weir_multicast(&handle, NULL, 0, true), WEIR_EINVAL);
    CHECK_EQ(weir_multicast(&handle, &wrong, 0, true), WEIR_EINVAL);
    wrong.length = 1000;
    CHECK_EQ(weir_multicast(&handle, &wrong, 0, true), WEIR_EINVAL);
    CHECK(weir_multicast(&handle, &no_group, 0, true) < 0);
    contract_pipe_pair(c, &a, &b);
    CHECK_EQ(weir_multicast(&a, &no_group, 0, true), WEIR_ENOTSOCK);
    close_both(c, &a, &b);
    contract_close(c, &handle);
    CHECK_EQ(weir_multicast(&handle, &no_group, 0, true), WEIR_EBADF);
}

const struct contract_case contract_cases[] = {
    {"one_to_a_thousand", one_to_a_thousand, 0},
    {"whole_batch_is_sent", whole_batch_is_sent, 0},
    {"fewer_than_asked", fewer_than_asked, 0},
    {"partial_batch_tells_why", partial_batch_tells_why, 0},
    {"batch_into_a_full_queue", batch_into_a_full_queue, 0},
    {"batch_tells_of_each", batch_tells_of_each, 0},
    {"batches_and_others_in_order", batches_and_others_in_order, 0},
    {"batches_on_streams_are_refused", batches_on_streams_are_refused, 0},
    {"segments_are_cut", segments_are_cut, 0},
    {"segments_are_glued", segments_are_glued, 0},
    {"segment_beside_control_data", segment_beside_control_data, 0},
    {"segments_need_udp", segments_need_udp, 0},
    {"multicast_over_loopback", multicast_over_loopback, 0},
    {"multicast_over_ipv6", multicast_over_ipv6,
     CONTRACT_OWN_LOOP | CONTRACT_NO_VALGRIND}, /* in another network */
    {"wrong_groups_are_refused", wrong_groups_are_refused, 0},
    {0},
};
