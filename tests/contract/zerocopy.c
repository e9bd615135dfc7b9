/* SPDX-License-Identifier: MIT */
/* zerocopy.c - sends whose memory the network may read itself: it is the caller's when they end. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "contract.h"

#define NO_NAMESPACE "this process may not have a network namespace of its own"
#define NO_TUN "this kernel has no TUN devices"

/* One send, and what its peer read of it. */
struct sending {
    struct weir_handle handle;
    struct weir_op     op;
    unsigned char     *data;
    size_t             length, read;
    int                ended, peer;
};

/* The memory is the caller's again, and he uses it. */
static void overwrite(struct weir_op *op)
{
    struct sending *s = op->user;
    memset(s->data, 0xee, s->length);
    s->ended = 1;
}

static void begin(struct contract *c, struct sending *s, size_t kib, unsigned flags)
{
    *s = (struct sending){.op.user = s, .length = (size_t)contract_count((unsigned)kib) * 1024};
    s->data = contract_buffer(c, s->length);
    contract_fill(s->data, s->length, 0, 23);
    s->peer = contract_tcp_peer(c, &s->handle);
    CHECK_EQ(fcntl(s->peer, F_SETFL, O_NONBLOCK), 0);
    weir_send(&s->op, &s->handle, s->data, s->length, flags | WEIR_ZEROCOPY, overwrite);
}

/* Takes what is there: whether the peer has seen the end. What was sent is what the memory held
 * before its send ended. */
static bool read_some(struct sending *s)
{
    unsigned char bytes[16384];
    ssize_t       n;
    while ((n = recv(s->peer, bytes, sizeof bytes, 0)) > 0) {
        CHECK(contract_filled(bytes, (size_t)n, s->read, 23));
        s->read += (size_t)n;
    }
    CHECK(n == 0 || errno == EAGAIN || errno == ECONNRESET);
    return n == 0 || errno == ECONNRESET;
}

static void turn(struct contract *c)
{
    CHECK(weir_run(c->loop, WEIR_NOWAIT) >= 0);
    contract_breathe();
}

static void read_until_ended(struct contract *c, struct sending *s)
{
    while (!s->ended) {
        turn(c);
        read_some(s);
    }
}

static void read_the_rest(struct contract *c, struct sending *s, int64_t length)
{
    while ((int64_t)s->read < length) {
        CHECK(!read_some(s) || (int64_t)s->read == length);
        contract_breathe();
    }
    turn(c);
    read_some(s);
    CHECK_EQ(s->read, length);
}

/* The peer reads late, the memory is overwritten as soon as it may be: every byte is right. */
static void memory_is_the_callers_when_it_ended(struct contract *c)
{
    static struct sending s;
    begin(c, &s, 4096, WEIR_ALL);
    for (int i = 0; i < 4; i++)
        turn(c);
    read_until_ended(c, &s);
    read_the_rest(c, &s, (int64_t)s.length);
    CHECK_RESULT(&s.op, s.length);
    CHECK(s.op.told & WEIR_TOLD_COPIED); /* on loopback nothing else can be */
    contract_close(c, &s.handle);
    contract_raw_close(s.peer);
}

/* Again on the same socket, and beside plain ones: in order. */
static void sends_of_both_kinds_in_order(struct contract *c)
{
    static struct weir_handle a, b;
    struct weir_op            sends[6] = {{0}}, recv = {0};
    size_t                    length = (size_t)contract_count(128) * 1024;
    unsigned char *out = contract_buffer(c, 6 * length), *in = contract_buffer(c, 6 * length);
    contract_fill(out, 6 * length, 0, 29);
    contract_tcp_pair(c, &a, &b);
    for (unsigned i = 0; i < 6; i++)
        weir_send(&sends[i], &a, out + i * length, length,
                  WEIR_ALL | (i % 3 == 1 ? 0 : WEIR_ZEROCOPY), contract_done);
    weir_recv(&recv, &b, in, 6 * length, WEIR_ALL, contract_done);
    contract_run(c);
    CHECK_RESULT(&recv, 6 * length);
    CHECK(contract_filled(in, 6 * length, 0, 29));
    for (unsigned i = 0; i < 6; i++) {
        CHECK_RESULT(&sends[i], length);
        CHECK_EQ(sends[i].told, i % 3 == 1 ? 0 : WEIR_TOLD_COPIED);
    }
}

/* What the kernel has taken is told, whoever asks the op to end meanwhile; and no byte of it is
 * read from memory that was given back. */
static void stopped_in_flight(struct contract *c, bool by_deadline, unsigned flags)
{
    static struct sending s;
    begin(c, &s, 8192, flags);
    while (!s.ended && !contract_raw_readable(s.peer, 0))
        turn(c);
    if (by_deadline)
        weir_deadline(&s.op, 0);
    else if (!s.ended)
        weir_cancel(&s.op);
    read_until_ended(c, &s);
    CHECK(s.op.result > 0);
    CHECK(s.op.result <= (int64_t)s.length);
    if ((flags & WEIR_ALL) && s.op.result < (int64_t)s.length)
        CHECK_EQ(s.op.error, by_deadline ? WEIR_EDEADLINE : WEIR_ECANCELED);
    read_the_rest(c, &s, s.op.result);
    contract_close(c, &s.handle);
    contract_raw_close(s.peer);
}

static void cancel_waits_for_the_kernel(struct contract *c)
{
    stopped_in_flight(c, false, 0);
    stopped_in_flight(c, false, WEIR_ALL);
}

static void deadline_waits_for_the_kernel(struct contract *c)
{
    stopped_in_flight(c, true, 0);
    stopped_in_flight(c, true, WEIR_ALL);
}

/* Before anything was taken, it is as any other send. */
static void cancelled_before_its_turn(struct contract *c)
{
    static struct weir_handle a, b;
    struct weir_op            send = {0};
    size_t                    length = (size_t)contract_count(256) * 1024;
    unsigned char            *out = contract_buffer(c, length);
    contract_tcp_pair(c, &a, &b);
    weir_send(&send, &a, out, length, WEIR_ZEROCOPY, contract_done);
    CHECK_EQ(weir_cancel(&send), 0);
    contract_run(c);
    CHECK_RESULT(&send, WEIR_ECANCELED);
    char byte;
    CHECK_EQ(weir_try_recv(&b, &byte, 1, 0), WEIR_EAGAIN);
}

/* What was taken before the close arrives, and then the end. */
static void close_delivers_what_was_taken(struct contract *c)
{
    static struct sending s;
    begin(c, &s, 8192, 0);
    while (!s.ended && !contract_raw_readable(s.peer, 0))
        turn(c);
    CHECK_EQ(weir_close(&s.handle, contract_closed), 0);
    read_until_ended(c, &s);
    while (!read_some(&s))
        turn(c);
    contract_run(c);
    CHECK_EQ(contract_closed_count(&s.handle), 1);
    CHECK(s.op.result > 0);
    CHECK_EQ(s.read, s.op.result);
    contract_raw_close(s.peer);
}

/* The descriptor goes at once; the op when the kernel has done with its memory. */
static void close_now_does_not_wait_for_the_peer(struct contract *c)
{
    static struct sending s;
    begin(c, &s, 8192, 0);
    while (!s.ended && !contract_raw_readable(s.peer, 0))
        turn(c);
    intptr_t fd = weir_handle_os(&s.handle);
    int      answer = weir_close_now(&s.handle);
    CHECK(answer == 0 || answer == WEIR_EBUSY);
    if (answer == 0)
        CHECK(!contract_fd_open(fd));
    read_until_ended(c, &s);
    while (!read_some(&s))
        turn(c);
    contract_run(c);
    CHECK_EQ(weir_handle_kind(&s.handle), WEIR_HANDLE_NONE);
    CHECK(s.op.result > 0);
    CHECK_EQ(s.read, s.op.result);
    contract_raw_close(s.peer);
}

static void check_arrived(struct contract *c, struct weir_handle *from, struct weir_op *op,
                          size_t length)
{
    struct weir_op recv = {0};
    unsigned char *in = contract_buffer(c, length);
    weir_recv(&recv, from, in, length, WEIR_ALL, contract_done);
    contract_run(c);
    CHECK_RESULT(op, length);
    CHECK_EQ(op->told, WEIR_TOLD_COPIED);
    CHECK_RESULT(&recv, length);
    CHECK(contract_filled(in, length, 0, 31));
}

/* Vectors and messages, large and small, over every kind of socket. */
static void vectors_and_messages_too(struct contract *c)
{
    static const size_t lengths[] = {1, 4096, 60000};
    for (int way = 0; way < 3; way++)
        for (unsigned i = 0; i < 3; i++) {
            struct weir_handle a = {0}, b = {0};
            struct weir_op     op = {0};
            unsigned char     *out = contract_buffer(c, lengths[i]);
            struct weir_buf    pieces[] = {{out, lengths[i] / 2},
                                           {out + lengths[i] / 2, lengths[i] - lengths[i] / 2}};
            struct weir_msg    message = {.buffers = pieces, .count = 2};
            contract_fill(out, lengths[i], 0, 31);
            if (way == 2)
                contract_unix_pair(c, &a, &b);
            else
                contract_tcp_pair(c, &a, &b);
            CHECK_EQ(weir_option_set(&a, WEIR_OPTION_SEND_BUFFER, 131072), 0);
            CHECK_EQ(weir_option_set(&b, WEIR_OPTION_RECEIVE_BUFFER, 131072), 0);
            if (way == 0)
                weir_sendv(&op, &a, pieces, 2, WEIR_ALL | WEIR_ZEROCOPY, contract_done);
            else
                weir_send_msg(&op, &a, &message, WEIR_ZEROCOPY, contract_done);
            check_arrived(c, &b, &op, lengths[i]);
            contract_close(c, &a);
            contract_close(c, &b);
        }
}

static void unknown_to_others(struct contract *c)
{
    static struct weir_handle a, b;
    struct weir_op            ops[3] = {{0}};
    char                      byte;
    struct weir_buf           piece = {&byte, 1};
    struct weir_msg           message = {.buffers = &piece, .count = 1};
    contract_tcp_pair(c, &a, &b);
    weir_recv(&ops[0], &a, &byte, 1, WEIR_ZEROCOPY, contract_done);
    weir_recv_msg(&ops[1], &a, &message, WEIR_ZEROCOPY, contract_done);
    weir_send_batch(&ops[2], &a, &message, 1, WEIR_ZEROCOPY, contract_done);
    contract_run(c);
    for (int i = 0; i < 3; i++) {
        CHECK_RESULT(&ops[i], WEIR_EINVAL);
        CHECK_EQ(ops[i].told, 0);
    }
}

static bool uses(struct weir_loop *loop, const char *name)
{
    struct weir_feature features[32];
    int                 count = weir_loop_features(loop, features, 32);
    CHECK(count >= 0 && count <= 32);
    for (int i = 0; i < count; i++)
        if (strcmp(features[i].name, name) == 0)
            return features[i].used;
    return false;
}

/* A network of the process's own, with a device that drops what it is given and reads none of it:
 * a TUN device whose program has gone. */
static void enter_dropping_network(void)
{
    struct ifreq        request = {.ifr_name = "drop", .ifr_flags = IFF_TUN | IFF_NO_PI};
    struct sockaddr_in *address = (struct sockaddr_in *)(void *)&request.ifr_addr;
    if (unshare(CLONE_NEWNET) != 0)
        SKIP(NO_NAMESPACE);
    int tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    if (tun < 0 || ioctl(tun, TUNSETIFF, &request) != 0)
        SKIP(NO_TUN);
    CHECK_EQ(ioctl(tun, TUNSETOFFLOAD, TUN_F_CSUM), 0);
    CHECK_EQ(ioctl(tun, TUNSETPERSIST, 1), 0);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0);
    request.ifr_mtu = 65535;
    CHECK_EQ(ioctl(fd, SIOCSIFMTU, &request), 0);
    memset(&request.ifr_addr, 0, sizeof request.ifr_addr);
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(0x0a090001u);
    CHECK_EQ(ioctl(fd, SIOCSIFADDR, &request), 0);
    address->sin_addr.s_addr = htonl(0xffffff00u);
    CHECK_EQ(ioctl(fd, SIOCSIFNETMASK, &request), 0);
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    CHECK_EQ(ioctl(fd, SIOCSIFFLAGS, &request), 0);
    close(fd);
    close(tun);
}

/* Where nothing has to copy, an engine that has zero copy says that nothing was copied, of what is
 * large enough; and one that has not, or is not to use it, that it was. */
static void without_a_copy_is_told(struct contract *c)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
    to.sin_addr.s_addr = htonl(0x0a090002u);
    enter_dropping_network();
    for (unsigned off = 0; off <= WEIR_WITHOUT_ZEROCOPY; off += WEIR_WITHOUT_ZEROCOPY) {
        static struct weir_handle handle;
        struct weir_options       options = {.features_off = off};
        struct weir_op            op = {0};
        unsigned char            *out = contract_buffer(c, 60000);
        CHECK_EQ(contract_open(c, &c->loop, &options), 0);
        bool has = uses(c->loop, "SEND_ZC");
        CHECK(!has || !off);
        CHECK_EQ(weir_socket(&handle, c->loop, AF_INET, SOCK_DGRAM, 0), 0);
        weir_connect(&op, &handle, &to, sizeof to, 0, contract_done);
        CHECK_EQ(contract_await(c, &op), 0);
        for (unsigned length = 60000; length; length = length == 60000 ? 100 : 0) {
            weir_send(&op, &handle, out, length, WEIR_ZEROCOPY, contract_done);
            CHECK_EQ(contract_await(c, &op), length);
            CHECK_EQ(op.told, has && length == 60000 ? 0 : WEIR_TOLD_COPIED);
        }
        contract_close(c, &handle);
        contract_loop_close(c, c->loop);
        c->loop = NULL;
    }
}

const struct contract_case contract_cases[] = {
    {"memory_is_the_callers_when_it_ended", memory_is_the_callers_when_it_ended, 0},
    {"sends_of_both_kinds_in_order", sends_of_both_kinds_in_order, 0},
    {"cancel_waits_for_the_kernel", cancel_waits_for_the_kernel, 0},
    {"deadline_waits_for_the_kernel", deadline_waits_for_the_kernel, 0},
    {"cancelled_before_its_turn", cancelled_before_its_turn, 0},
    {"close_delivers_what_was_taken", close_delivers_what_was_taken, 0},
    {"close_now_does_not_wait_for_the_peer", close_now_does_not_wait_for_the_peer, 0},
    {"vectors_and_messages_too", vectors_and_messages_too, 0},
    {"unknown_to_others", unknown_to_others, 0},
    /* The loops are opened in the network of the case's own. */
    {"without_a_copy_is_told", without_a_copy_is_told, CONTRACT_OWN_LOOP},
    {0},
};
