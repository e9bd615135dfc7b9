/* SPDX-License-Identifier: MIT */
/* poll.c - readiness, on anything that can be open: the three modes, and the same answer as
 * poll(2). */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <termios.h>
#include <unistd.h>

#include "contract.h"

#define EVERYTHING (WEIR_IN | WEIR_OUT | WEIR_RDHUP)

static int64_t poll_now(struct contract *c, struct weir_handle *handle, unsigned events)
{
    struct weir_op op = {0};
    weir_poll(&op, handle, events, 0, contract_done);
    int64_t result = contract_await(c, &op);
    CHECK_EQ(contract_told(&op), 1);
    CHECK_EQ(op.more, 0);
    return result;
}

/* A few turns that never wait, for what is to stay as it is. */
static void some_turns(struct contract *c)
{
    for (int i = 0; i < 4; i++)
        CHECK(weir_run(c->loop, WEIR_NOWAIT) >= 0);
}

static void adopt(struct contract *c, struct weir_handle *handle, int fd)
{
    CHECK(fd >= 0);
    CHECK_EQ(weir_adopt(handle, c->loop, fd, 0), 0);
}

static void end_by_cancel(struct contract *c, struct weir_op *op)
{
    CHECK_EQ(weir_cancel(op), 0);
    CHECK_EQ(contract_await(c, op), WEIR_ECANCELED);
    CHECK_EQ(op->more, 0);
}

/* ------------------------------------------------------------------------------------------------
 * Level
 * ---------------------------------------------------------------------------------------------- */

static struct {
    struct weir_handle handle;
    struct weir_op     op;
    int                told, drain_at, cancel_at, close_at;
} level;

static void level_told(struct weir_op *op)
{
    char data[64];
    if (!op->more)
        return;
    CHECK_EQ(op->result, WEIR_IN);
    level.told++;
    if (level.told == level.drain_at)
        CHECK(weir_try_recv(&level.handle, data, sizeof data, 0) > 0);
    if (level.told == level.cancel_at)
        CHECK_EQ(weir_cancel(op), 0);
    if (level.told == level.close_at)
        CHECK_EQ(weir_close(&level.handle, contract_closed), 0);
}

/* Again and again while the bytes lie there, not any more when they are taken, again when more
 * come. */
static void told_again(struct contract *c, int peer)
{
    weir_poll(&level.op, &level.handle, WEIR_IN, WEIR_LEVEL, level_told);
    some_turns(c);
    CHECK_EQ(level.told, 0);
    contract_raw_send(peer, "abc", 3);
    level.drain_at = 5;
    contract_until(c, &level.told, 5);
    for (int i = 0; i < 4; i++)
        some_turns(c);
    CHECK_EQ(level.told, 5);
    level.drain_at = 9;
    contract_raw_send(peer, "d", 1);
    contract_until(c, &level.told, 9);
    some_turns(c);
    CHECK_EQ(level.told, 9);
    end_by_cancel(c, &level.op);
    CHECK_EQ(contract_told(&level.op), 10);
    contract_raw_close(peer);
}

static void level_told_again(struct contract *c)
{
    told_again(c, contract_tcp_peer(c, &level.handle));
}

static void level_told_again_on_a_pipe(struct contract *c)
{
    int ends[2];
    CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
    adopt(c, &level.handle, ends[0]);
    told_again(c, ends[1]);
}

/* The op ends, once, though it could be told for ever: in its own callback by cancel or close. */
static void level_ended_in_its_callback(struct contract *c)
{
    int peer = contract_tcp_peer(c, &level.handle);
    contract_raw_send(peer, "abc", 3);
    level.cancel_at = 3;
    weir_poll(&level.op, &level.handle, WEIR_IN, WEIR_LEVEL, level_told);
    contract_run(c);
    CHECK_RESULT(&level.op, WEIR_ECANCELED);
    CHECK_EQ(contract_told(&level.op), 4);
    level.close_at = 6;
    weir_poll(&level.op, &level.handle, WEIR_IN, WEIR_LEVEL, level_told);
    contract_run(c);
    CHECK_RESULT(&level.op, WEIR_ECANCELED);
    CHECK_EQ(contract_told(&level.op), 4);
    CHECK_EQ(contract_closed_count(&level.handle), 1);
    contract_raw_close(peer);
}

/* A deadline bounds the whole of it. */
static void level_ends_at_its_deadline(struct contract *c)
{
    int peer = contract_tcp_peer(c, &level.handle);
    level.drain_at = 3;
    weir_poll(&level.op, &level.handle, WEIR_IN, WEIR_LEVEL, level_told);
    contract_raw_send(peer, "abc", 3);
    contract_until(c, &level.told, 3);
    weir_deadline(&level.op, WEIR_MILLISECOND);
    CHECK_EQ(contract_await(c, &level.op), WEIR_EDEADLINE);
    CHECK_EQ(contract_told(&level.op), 4);
    CHECK_EQ(level.op.more, 0);
    contract_raw_close(peer);
}

/* ------------------------------------------------------------------------------------------------
 * Edge and one-shot
 * ---------------------------------------------------------------------------------------------- */

static struct {
    struct weir_handle handle;
    struct weir_op     op;
    int                in, out;
} edge;

static void edge_told(struct weir_op *op)
{
    if (!op->more)
        return;
    edge.in += (op->result & WEIR_IN) != 0;
    edge.out += (op->result & WEIR_OUT) != 0;
}

static void take_all(struct weir_handle *handle)
{
    char    data[4096];
    int64_t n;
    while ((n = weir_try_recv(handle, data, sizeof data, 0)) > 0)
        continue;
    CHECK_EQ(n, WEIR_EAGAIN);
}

/* Each time that it becomes ready anew it is told at least once; repeats are allowed. */
static void edge_after_each_change(struct contract *c)
{
    static char data[65536];
    int         peer = contract_unix_peer(c, &edge.handle);
    weir_poll(&edge.op, &edge.handle, WEIR_IN | WEIR_OUT, WEIR_EDGE, edge_told);
    contract_until(c, &edge.out, 1);
    for (int i = 0; i < 20; i++) {
        int before = edge.in;
        contract_raw_send(peer, "change", 6);
        contract_until(c, &edge.in, before + 1);
        take_all(&edge.handle);
    }
    for (int i = 0; i < 3; i++) {
        uint64_t sent = 0;
        int64_t  n;
        while ((n = weir_try_send(&edge.handle, data, sizeof data, 0)) > 0)
            sent += (uint64_t)n;
        CHECK_EQ(n, WEIR_EAGAIN);
        some_turns(c);
        int before = edge.out;
        while (sent > 0)
            sent -= contract_raw_recv_some(peer, data, sizeof data);
        contract_until(c, &edge.out, before + 1);
    }
    end_by_cancel(c, &edge.op);
    contract_raw_close(peer);
}

static void edge_of_a_counter(struct contract *c)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    adopt(c, &edge.handle, fd);
    CHECK_EQ(weir_handle_kind(&edge.handle), WEIR_HANDLE_OTHER);
    weir_poll(&edge.op, &edge.handle, WEIR_IN, WEIR_EDGE, edge_told);
    for (int i = 0; i < 20; i++) {
        int       before = edge.in;
        eventfd_t value;
        CHECK_EQ(eventfd_write(fd, 1), 0);
        contract_until(c, &edge.in, before + 1);
        CHECK_EQ(eventfd_read(fd, &value), 0);
    }
    end_by_cancel(c, &edge.op);
}

/* Told once, though the bytes stay; asked again, told again, at once. */
static void oneshot_ends(struct contract *c)
{
    static struct weir_handle a;
    struct weir_op            op = {0};
    int                       peer = contract_tcp_peer(c, &a);
    weir_poll(&op, &a, WEIR_IN, WEIR_ONESHOT, contract_done);
    some_turns(c);
    CHECK(contract_live(&op));
    contract_raw_send(peer, "abc", 3);
    CHECK_EQ(contract_await(c, &op), WEIR_IN);
    CHECK_EQ(op.more, 0);
    some_turns(c);
    CHECK_EQ(contract_told(&op), 1);
    for (int i = 0; i < 5; i++)
        CHECK_EQ(poll_now(c, &a, WEIR_IN), WEIR_IN);
    take_all(&a);
    weir_poll(&op, &a, WEIR_IN, 0, contract_done);
    some_turns(c);
    CHECK(contract_live(&op));
    end_by_cancel(c, &op);
    contract_raw_close(peer);
}

/* ------------------------------------------------------------------------------------------------
 * What is told
 * ---------------------------------------------------------------------------------------------- */

/* The answer of poll(2), which the op's has to be; HUP and ERR are told though nobody asked. */
static int64_t system_says(const struct weir_handle *handle, unsigned events)
{
    short asked = (short)((events & WEIR_IN ? POLLIN : 0) | (events & WEIR_OUT ? POLLOUT : 0) |
                          (events & WEIR_RDHUP ? POLLRDHUP : 0));
    struct pollfd entry = {(int)weir_handle_os(handle), asked, 0};
    CHECK(poll(&entry, 1, 0) >= 0);
    return (entry.revents & POLLIN ? WEIR_IN : 0) | (entry.revents & POLLOUT ? WEIR_OUT : 0) |
           (entry.revents & POLLHUP ? WEIR_HUP : 0) | (entry.revents & POLLERR ? WEIR_ERR : 0) |
           (entry.revents & POLLRDHUP ? WEIR_RDHUP : 0);
}

/* The handle is in a state that does not change; whatever is asked, the system's answer is told. */
static void check_state(struct contract *c, struct weir_handle *handle, int64_t expected)
{
    CHECK_EQ(system_says(handle, EVERYTHING), expected);
    for (unsigned events = 0; events <= EVERYTHING; events++) {
        int64_t answer = system_says(handle, events);
        if (events & ~EVERYTHING)
            continue;
        if (answer != 0) {
            CHECK_EQ(poll_now(c, handle, events), answer);
            continue;
        }
        struct weir_op op = {0};
        weir_poll(&op, handle, events, 0, contract_done);
        some_turns(c);
        CHECK(contract_live(&op));
        end_by_cancel(c, &op);
    }
}

static void states_of_sockets(struct contract *c)
{
    static struct weir_handle a, b, d, fresh, listener;
    int                       peer = contract_tcp_peer(c, &a);
    check_state(c, &a, WEIR_OUT);
    contract_raw_send(peer, "x", 1);
    check_state(c, &a, WEIR_IN | WEIR_OUT);
    contract_raw_shutdown(peer);
    check_state(c, &a, WEIR_IN | WEIR_OUT | WEIR_RDHUP);
    CHECK_EQ(shutdown((int)weir_handle_os(&a), SHUT_WR), 0);
    check_state(c, &a, WEIR_IN | WEIR_OUT | WEIR_RDHUP | WEIR_HUP);
    contract_raw_close(peer);
    contract_raw_reset(contract_tcp_peer(c, &b));
    check_state(c, &b, WEIR_IN | WEIR_OUT | WEIR_RDHUP | WEIR_HUP | WEIR_ERR);
    contract_raw_close(contract_unix_peer(c, &d));
    check_state(c, &d, WEIR_IN | WEIR_OUT | WEIR_RDHUP | WEIR_HUP);
    CHECK_EQ(weir_socket(&fresh, c->loop, AF_INET, SOCK_STREAM, 0), 0);
    check_state(c, &fresh, WEIR_OUT | WEIR_HUP);
    uint16_t port = contract_listen_any(c, &listener);
    check_state(c, &listener, 0);
    int client = contract_raw_connect(port);
    check_state(c, &listener, WEIR_IN);
    contract_raw_close(client);
}

static void states_of_pipes(struct contract *c)
{
    static struct weir_handle reader, writer, left, unread;
    char                      byte;
    contract_pipe_pair(c, &reader, &writer);
    check_state(c, &reader, 0);
    check_state(c, &writer, WEIR_OUT);
    while (weir_try_send(&writer, "fill", 4, 0) > 0)
        continue;
    check_state(c, &writer, 0);
    check_state(c, &reader, WEIR_IN);
    contract_close(c, &writer);
    check_state(c, &reader, WEIR_IN | WEIR_HUP);
    while (weir_try_recv(&reader, &byte, 1, 0) > 0)
        continue;
    check_state(c, &reader, WEIR_HUP);
    contract_pipe_pair(c, &unread, &left);
    contract_close(c, &unread);
    check_state(c, &left, WEIR_OUT | WEIR_ERR);
}

static void states_of_other_descriptors(struct contract *c)
{
    static struct weir_handle counter, timer, set, inner, terminal;
    struct itimerspec         soon = {.it_value = {.tv_nsec = 1}};
    adopt(c, &counter, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    check_state(c, &counter, WEIR_OUT);
    CHECK_EQ(eventfd_write((int)weir_handle_os(&counter), 7), 0);
    check_state(c, &counter, WEIR_IN | WEIR_OUT);
    adopt(c, &timer, timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
    check_state(c, &timer, 0);
    CHECK_EQ(timerfd_settime((int)weir_handle_os(&timer), 0, &soon, NULL), 0);
    CHECK_EQ(poll_now(c, &timer, WEIR_IN), WEIR_IN);
    check_state(c, &timer, WEIR_IN);
    adopt(c, &set, epoll_create1(EPOLL_CLOEXEC));
    adopt(c, &inner, eventfd(0, EFD_CLOEXEC));
    struct epoll_event event = {.events = EPOLLIN};
    CHECK_EQ(
        epoll_ctl((int)weir_handle_os(&set), EPOLL_CTL_ADD, (int)weir_handle_os(&inner), &event),
        0);
    check_state(c, &set, 0);
    CHECK_EQ(eventfd_write((int)weir_handle_os(&inner), 1), 0);
    check_state(c, &set, WEIR_IN);
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    CHECK(master >= 0);
    CHECK_EQ(grantpt(master), 0);
    CHECK_EQ(unlockpt(master), 0);
    adopt(c, &terminal, open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC));
    check_state(c, &terminal, WEIR_OUT);
    CHECK_EQ(write(master, "line\n", 5), 5);
    CHECK_EQ(poll_now(c, &terminal, WEIR_IN), WEIR_IN);
    contract_raw_close(master);
}

/* What was not so when the op began is told when it comes. */
static void changes_are_waited_for(struct contract *c)
{
    static struct weir_handle a, b, reader, writer, left, unread;
    struct weir_op            op = {0};
    int                       peer = contract_tcp_peer(c, &a);
    weir_poll(&op, &a, WEIR_RDHUP, 0, contract_done);
    contract_raw_send(peer, "x", 1);
    some_turns(c);
    CHECK(contract_live(&op));
    contract_raw_shutdown(peer);
    CHECK_EQ(contract_await(c, &op), WEIR_RDHUP);
    contract_raw_close(peer);
    peer = contract_tcp_peer(c, &b);
    weir_poll(&op, &b, 0, 0, contract_done);
    some_turns(c);
    CHECK(contract_live(&op));
    contract_raw_reset(peer);
    CHECK_EQ(contract_await(c, &op) & (WEIR_HUP | WEIR_ERR), WEIR_HUP | WEIR_ERR);
    contract_pipe_pair(c, &reader, &writer);
    weir_poll(&op, &reader, WEIR_IN, 0, contract_done);
    some_turns(c);
    contract_close(c, &writer);
    CHECK_EQ(contract_await(c, &op), WEIR_HUP);
    contract_pipe_pair(c, &unread, &left);
    while (weir_try_send(&left, "fill", 4, 0) > 0)
        continue;
    weir_poll(&op, &left, WEIR_OUT, 0, contract_done);
    some_turns(c);
    CHECK(contract_live(&op));
    contract_close(c, &unread);
    CHECK(contract_await(c, &op) & WEIR_ERR);
}

static void out_waits_for_room(struct contract *c)
{
    static struct weir_handle a;
    static char               data[65536];
    struct weir_op            op = {0};
    uint64_t                  sent = 0;
    int64_t                   n;
    int                       peer = contract_unix_peer(c, &a);
    while ((n = weir_try_send(&a, data, sizeof data, 0)) > 0)
        sent += (uint64_t)n;
    CHECK_EQ(n, WEIR_EAGAIN);
    weir_poll(&op, &a, WEIR_OUT, 0, contract_done);
    some_turns(c);
    CHECK(contract_live(&op));
    while (sent > 0)
        sent -= contract_raw_recv_some(peer, data, sizeof data);
    CHECK_EQ(contract_await(c, &op), WEIR_OUT);
    CHECK(weir_try_send(&a, data, 1, 0) == 1);
    contract_raw_close(peer);
}

/* ------------------------------------------------------------------------------------------------
 * Files
 * ---------------------------------------------------------------------------------------------- */

static struct weir_op file_op;
static int            file_told;

static void file_level_told(struct weir_op *op)
{
    if (!op->more)
        return;
    CHECK_EQ(op->result, WEIR_IN);
    if (++file_told == 5)
        CHECK_EQ(weir_cancel(op), 0);
}

/* What never waits is ready, in every mode, on every engine, without the mechanism. */
static void file_ready_at_once(struct contract *c)
{
    static struct weir_handle handles[3];
    int fds[3] = {open(contract_temp_file(c), O_RDWR | O_CREAT | O_CLOEXEC, 0600),
                  open(c->directory, O_RDONLY | O_CLOEXEC), open("/dev/null", O_RDWR | O_CLOEXEC)};
    for (int i = 0; i < 3; i++) {
        struct weir_op op = {0};
        adopt(c, &handles[i], fds[i]);
        CHECK_EQ(poll_now(c, &handles[i], WEIR_IN | WEIR_OUT), WEIR_IN | WEIR_OUT);
        CHECK_EQ(poll_now(c, &handles[i], WEIR_OUT), WEIR_OUT);
        weir_poll(&op, &handles[i], WEIR_IN, WEIR_ONESHOT, contract_done);
        CHECK_EQ(contract_await(c, &op), WEIR_IN);
        CHECK_EQ(op.served, WEIR_SERVED_AT_ONCE);
        file_told = 0;
        weir_poll(&file_op, &handles[i], WEIR_IN, WEIR_LEVEL, file_level_told);
        contract_run(c);
        CHECK_EQ(file_told, 5);
        CHECK_RESULT(&file_op, WEIR_ECANCELED);
        int before = edge.in;
        weir_poll(&edge.op, &handles[i], WEIR_IN, WEIR_EDGE, edge_told);
        contract_until(c, &edge.in, before + 1);
        end_by_cancel(c, &edge.op);
    }
}

/* ------------------------------------------------------------------------------------------------
 * Beside others
 * ---------------------------------------------------------------------------------------------- */

/* A receive takes its bytes and a poll tells what is left; neither is in the other's way. */
static void poll_beside_a_recv(struct contract *c)
{
    static struct weir_handle a;
    struct weir_op            recv = {0}, in = {0}, out = {0}, late = {0};
    char                      byte;
    int                       peer = contract_tcp_peer(c, &a);
    weir_recv(&recv, &a, &byte, 1, 0, contract_done);
    weir_poll(&in, &a, WEIR_IN, 0, contract_done);
    weir_poll(&out, &a, WEIR_OUT, 0, contract_done);
    CHECK_EQ(contract_await(c, &out), WEIR_OUT);
    some_turns(c);
    CHECK(contract_live(&recv));
    CHECK(contract_live(&in));
    contract_raw_send(peer, "ab", 2);
    CHECK_EQ(contract_await(c, &recv), 1);
    CHECK_EQ(byte, 'a');
    CHECK_EQ(contract_await(c, &in), WEIR_IN);
    weir_poll(&late, &a, WEIR_IN, 0, contract_done);
    weir_recv(&recv, &a, &byte, 1, 0, contract_done);
    CHECK_EQ(contract_await(c, &recv), 1);
    CHECK_EQ(byte, 'b');
    contract_raw_close(peer);
    CHECK_EQ(contract_await(c, &late), WEIR_IN);
}

/* Several polls on one handle, of the same and of different events, each with its own end. */
static void polls_on_one_handle(struct contract *c)
{
    static struct weir_handle a;
    struct weir_op            in[3] = {{0}}, out = {0}, hup = {0};
    int                       peer = contract_tcp_peer(c, &a);
    for (int i = 0; i < 3; i++)
        weir_poll(&in[i], &a, WEIR_IN, 0, contract_done);
    weir_poll(&hup, &a, WEIR_RDHUP, 0, contract_done);
    weir_poll(&out, &a, WEIR_OUT, 0, contract_done);
    CHECK_EQ(contract_await(c, &out), WEIR_OUT);
    end_by_cancel(c, &in[1]);
    contract_raw_send(peer, "x", 1);
    CHECK_EQ(contract_await(c, &in[0]), WEIR_IN);
    CHECK_EQ(contract_await(c, &in[2]), WEIR_IN);
    some_turns(c);
    CHECK(contract_live(&hup));
    contract_raw_shutdown(peer);
    CHECK_EQ(contract_await(c, &hup), WEIR_RDHUP);
    contract_raw_close(peer);
}

/* Two handles of one description, as a program's standard input and output are. */
static void polls_on_two_handles_of_one_socket(struct contract *c)
{
    static struct weir_handle a, b;
    struct weir_op            first = {0}, second = {0};
    int                       peer = contract_unix_peer(c, &a);
    adopt(c, &b, dup((int)weir_handle_os(&a)));
    weir_poll(&first, &a, WEIR_IN, 0, contract_done);
    weir_poll(&second, &b, WEIR_IN, 0, contract_done);
    some_turns(c);
    contract_raw_send(peer, "x", 1);
    CHECK_EQ(contract_await(c, &first), WEIR_IN);
    CHECK_EQ(contract_await(c, &second), WEIR_IN);
    contract_close(c, &a);
    CHECK_EQ(poll_now(c, &b, WEIR_IN | WEIR_OUT), WEIR_IN | WEIR_OUT);
    contract_raw_close(peer);
}

/* A connection that is on its way is ready for sending when it stands. */
static void poll_beside_a_connect(struct contract *c)
{
    static struct weir_handle listener, a, accepted;
    struct weir_address       address = contract_loopback(contract_listen_any(c, &listener));
    struct weir_op            connect = {0}, accept = {0}, out = {0};
    CHECK_EQ(weir_socket(&a, c->loop, AF_INET, SOCK_STREAM, 0), 0);
    weir_connect(&connect, &a, address.data.bytes, address.length, 0, contract_done);
    weir_poll(&out, &a, WEIR_OUT, 0, contract_done);
    weir_accept(&accept, &listener, &accepted, 0, contract_done);
    contract_run(c);
    CHECK_RESULT(&connect, 0);
    CHECK_RESULT(&accept, 0);
    CHECK(out.result & WEIR_OUT);
    CHECK_EQ(poll_now(c, &a, WEIR_OUT), WEIR_OUT);
}

#define MANY 200u

/* Of many that wait, those are told that became ready, and no others. */
static void many_polls_told_apart(struct contract *c)
{
    static struct weir_handle counters[MANY];
    static struct weir_op     ops[MANY];
    for (unsigned i = 0; i < MANY; i++) {
        adopt(c, &counters[i], eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
        weir_poll(&ops[i], &counters[i], WEIR_IN, 0, contract_done);
    }
    some_turns(c);
    for (unsigned i = 0; i < MANY; i += 3)
        CHECK_EQ(eventfd_write((int)weir_handle_os(&counters[i]), 1), 0);
    for (unsigned i = 0; i < MANY; i += 3)
        CHECK_EQ(contract_await(c, &ops[i]), WEIR_IN);
    some_turns(c);
    for (unsigned i = 0; i < MANY; i++)
        if (i % 3)
            end_by_cancel(c, &ops[i]);
}

/* A descriptor that is hung up, which mechanisms tell whether asked or not, costs nothing while
 * no op waits on it. */
static void hang_up_does_not_spin(struct contract *c)
{
    static struct weir_handle a, b, reader, writer;
    struct weir_stats         before, after;
    struct weir_op            timer = {0};
    char                      byte;
    int                       peer = contract_tcp_peer(c, &a);
    CHECK_EQ(shutdown((int)weir_handle_os(&a), SHUT_WR), 0);
    contract_raw_close(peer);
    CHECK(poll_now(c, &a, WEIR_IN) & WEIR_HUP);
    contract_raw_reset(contract_tcp_peer(c, &b));
    CHECK(poll_now(c, &b, 0) & WEIR_ERR);
    contract_pipe_pair(c, &reader, &writer);
    struct weir_op recv = {0};
    weir_recv(&recv, &reader, &byte, 1, 0, contract_done);
    some_turns(c);
    contract_close(c, &writer);
    CHECK_EQ(contract_await(c, &recv), 0);
    weir_loop_stats(c->loop, &before);
    weir_timer(&timer, c->loop, 50 * WEIR_MILLISECOND, 0, contract_done);
    CHECK_EQ(contract_await(c, &timer), 0);
    weir_loop_stats(c->loop, &after);
    CHECK(after.waits - before.waits <= 10);
}

/* Unread bytes that no op wants are nothing to wake for, while a hang-up is awaited beside them. */
static void hang_up_beside_unread_data_does_not_spin(struct contract *c)
{
    static struct weir_handle a, b;
    struct weir_stats         before, after;
    struct weir_op            recv = {0}, end = {0}, reset = {0}, timer = {0};
    char                      byte;
    int                       peer = contract_tcp_peer(c, &a), other = contract_tcp_peer(c, &b);
    contract_raw_send(peer, "ab", 2);
    contract_raw_send(other, "ab", 2);
    weir_recv(&recv, &a, &byte, 1, 0, contract_done);
    CHECK_EQ(contract_await(c, &recv), 1);
    weir_poll(&end, &a, WEIR_RDHUP, 0, contract_done);
    weir_poll(&reset, &b, 0, 0, contract_done);
    some_turns(c);
    weir_loop_stats(c->loop, &before);
    weir_timer(&timer, c->loop, 50 * WEIR_MILLISECOND, 0, contract_done);
    CHECK_EQ(contract_await(c, &timer), 0);
    weir_loop_stats(c->loop, &after);
    CHECK(after.waits - before.waits <= 10);
    CHECK(contract_live(&end));
    CHECK(contract_live(&reset));
    /* A receive is served meanwhile, and what was awaited is told when it comes. */
    weir_recv(&recv, &b, &byte, 1, 0, contract_done);
    CHECK_EQ(contract_await(c, &recv), 1);
    contract_raw_shutdown(peer);
    CHECK_EQ(contract_await(c, &end), WEIR_RDHUP);
    contract_raw_reset(other);
    CHECK_EQ(contract_await(c, &reset), WEIR_HUP | WEIR_ERR);
    contract_raw_close(peer);
}

/* ------------------------------------------------------------------------------------------------
 * Wrong calls
 * ---------------------------------------------------------------------------------------------- */

static void wrong_polls_are_refused(struct contract *c)
{
    static const unsigned     wrong[] = {WEIR_LEVEL | WEIR_EDGE,
                                         WEIR_LEVEL | WEIR_ONESHOT,
                                         WEIR_EDGE | WEIR_ONESHOT,
                                         WEIR_ALL,
                                         WEIR_MULTISHOT,
                                         WEIR_PEEK,
                                         0x80000000u};
    static struct weir_handle a, b;
    struct weir_op            op = {0};
    contract_unix_pair(c, &a, &b);
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        weir_poll(&op, &a, WEIR_OUT, wrong[i], contract_done);
        CHECK_EQ(contract_await(c, &op), WEIR_EINVAL);
        CHECK_EQ(op.served, WEIR_SERVED_NOT);
        CHECK_EQ(op.more, 0);
    }
    weir_poll(&op, &a, 0x100u, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_EINVAL);
    CHECK_EQ(weir_close(&a, contract_closed), 0);
    weir_poll(&op, &a, WEIR_OUT, WEIR_LEVEL, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_ECANCELED);
    contract_run(c);
    CHECK_EQ(poll_now(c, &a, WEIR_OUT), WEIR_EBADF);
}

/* The rest calls weir itself, without a callback, which the ledger's wrappers would put there. */
#undef weir_poll

static void several_tellings_need_a_callback(struct contract *c)
{
    static struct weir_handle a, b;
    struct weir_op            op = {0};
    contract_unix_pair(c, &a, &b);
    weir_poll(&op, &a, WEIR_OUT, WEIR_LEVEL, NULL);
    contract_run(c);
    CHECK(weir_ended(&op));
    CHECK_EQ(op.result, WEIR_EINVAL);
    weir_poll(&op, &a, WEIR_OUT, WEIR_EDGE, NULL);
    contract_run(c);
    CHECK(weir_ended(&op));
    CHECK_EQ(op.result, WEIR_EINVAL);
    weir_poll(&op, &a, WEIR_OUT, WEIR_ONESHOT, NULL);
    contract_run(c);
    CHECK(weir_ended(&op));
    CHECK_EQ(op.result, WEIR_OUT);
}

const struct contract_case contract_cases[] = {
    {"level_told_again", level_told_again, 0},
    {"level_told_again_on_a_pipe", level_told_again_on_a_pipe, 0},
    {"level_ended_in_its_callback", level_ended_in_its_callback, 0},
    {"level_ends_at_its_deadline", level_ends_at_its_deadline, 0},
    {"edge_after_each_change", edge_after_each_change, 0},
    {"edge_of_a_counter", edge_of_a_counter, 0},
    {"oneshot_ends", oneshot_ends, 0},
    {"states_of_sockets", states_of_sockets, 0},
    {"states_of_pipes", states_of_pipes, 0},
    {"states_of_other_descriptors", states_of_other_descriptors, 0},
    {"changes_are_waited_for", changes_are_waited_for, 0},
    {"out_waits_for_room", out_waits_for_room, 0},
    {"file_ready_at_once", file_ready_at_once, 0},
    {"poll_beside_a_recv", poll_beside_a_recv, 0},
    {"polls_on_one_handle", polls_on_one_handle, 0},
    {"polls_on_two_handles_of_one_socket", polls_on_two_handles_of_one_socket, 0},
    {"poll_beside_a_connect", poll_beside_a_connect, 0},
    {"many_polls_told_apart", many_polls_told_apart, 0},
    {"hang_up_does_not_spin", hang_up_does_not_spin, 0},
    {"hang_up_beside_unread_data_does_not_spin", hang_up_beside_unread_data_does_not_spin, 0},
    {"wrong_polls_are_refused", wrong_polls_are_refused, 0},
    {"several_tellings_need_a_callback", several_tellings_need_a_callback, 0},
    {0},
};
