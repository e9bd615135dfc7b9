/* SPDX-License-Identifier: MIT */
/* identity.c - handles and the descriptors behind them: numbers that recycle, copies, double
 * closes, what a handle is. */
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pty.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "contract.h"

/* ------------------------------------------------------------------------------------------------
 * Numbers that recycle
 * ---------------------------------------------------------------------------------------------- */

/* A stream closed with a receive pending, and one that gets its number: the old op ends, the new
 * one receives what is its own, and nothing else comes. */
static void recycled_number_no_ghost(struct contract *c)
{
    unsigned rounds = contract_count(200);
    for (unsigned i = 0; i < rounds; i++) {
        struct weir_handle old = {0}, fresh = {0};
        struct weir_op     recv = {0}, poll = {0}, again = {0};
        int                ends[2];
        char              *stale = contract_buffer(c, 8), bytes[8];
        int                peer = contract_unix_peer(c, &old);
        intptr_t           number = weir_handle_os(&old);
        weir_recv(&recv, &old, stale, 8, 0, contract_done);
        if (i % 2)
            weir_poll(&poll, &old, WEIR_IN, WEIR_LEVEL, contract_done);
        if (i % 3)
            CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
        CHECK_EQ(weir_close(&old, contract_closed), 0);
        while (weir_handle_kind(&old) != WEIR_HANDLE_NONE)
            CHECK(weir_run(c->loop, WEIR_ONCE) >= 0);
        CHECK_RESULT(&recv, WEIR_ECANCELED);
        contract_seal(c, stale);
        CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        CHECK_EQ(ends[0], number);
        CHECK_EQ(weir_adopt(&fresh, c->loop, ends[0], 0), 0);
        weir_recv(&again, &fresh, bytes, sizeof bytes, 0, contract_done);
        CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
        contract_raw_send(ends[1], "new", 3);
        CHECK_EQ(contract_await(c, &again), 3);
        CHECK(!memcmp(bytes, "new", 3));
        CHECK_EQ(contract_told(&recv), 1);
        contract_close(c, &fresh);
        contract_raw_close(ends[1]);
        contract_raw_close(peer);
    }
}

/* The same with an op that was not even given to the kernel yet when its handle was closed. */
static void recycled_before_it_was_submitted(struct contract *c)
{
    struct weir_handle old = {0}, fresh = {0};
    struct weir_op     recv = {0}, again = {0};
    int                ends[2];
    char              *stale = contract_buffer(c, 8), byte = 0;
    int                peer = contract_unix_peer(c, &old);
    intptr_t           number = weir_handle_os(&old);
    weir_recv(&recv, &old, stale, 8, 0, contract_done);
    CHECK_EQ(weir_close_now(&old), 0);
    contract_seal(c, stale);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    CHECK_EQ(ends[0], number);
    CHECK_EQ(write(ends[1], "x", 1), 1);
    contract_run(c);
    CHECK_RESULT(&recv, WEIR_ECANCELED);
    CHECK_EQ(weir_adopt(&fresh, c->loop, ends[0], 0), 0);
    weir_recv(&again, &fresh, &byte, 1, 0, contract_done);
    CHECK_EQ(contract_await(c, &again), 1);
    CHECK_EQ(byte, 'x');
    contract_close(c, &fresh);
    contract_raw_close(ends[1]);
    contract_raw_close(peer);
}

/* A copy keeps the open file alive after the handle is closed: nothing of it may be told, and the
 * loop may not spin on it. */
static void dup_closed_no_event(struct contract *c)
{
    struct weir_handle handle = {0};
    struct weir_op     recv = {0}, poll = {0}, timer = {0};
    struct weir_stats  before, after;
    char               byte;
    int                peer = contract_unix_peer(c, &handle);
    int                copy = contract_fd_copy((int)weir_handle_os(&handle));
    weir_recv(&recv, &handle, &byte, 1, 0, contract_done);
    weir_poll(&poll, &handle, WEIR_IN | WEIR_OUT, WEIR_LEVEL, contract_done);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    contract_close(c, &handle);
    unsigned told = contract_told(&recv) + contract_told(&poll);
    contract_raw_send(peer, "x", 1);
    weir_loop_stats(c->loop, &before);
    weir_timer(&timer, c->loop, 30 * WEIR_MILLISECOND, 0, contract_done);
    contract_run(c);
    weir_loop_stats(c->loop, &after);
    CHECK_EQ(contract_told(&recv) + contract_told(&poll), told);
    CHECK(after.waits - before.waits < 20);
    CHECK(contract_raw_readable(copy, 0));
    contract_raw_close(copy);
    contract_raw_close(peer);
}

struct lost {
    struct weir_handle handle;
    struct weir_op     op;
    int                descriptor, told;
};

/* In its first callback the program closes the descriptor itself. */
static void close_below(struct weir_op *op)
{
    struct lost *lost = op->user;
    if (!op->more)
        return;
    CHECK(op->result > 0); /* with more to come it is readiness, never an error */
    if (++lost->told == 1)
        contract_raw_close(lost->descriptor);
    if (lost->told == 50)
        CHECK_EQ(weir_cancel(op), 0);
}

/* Ends by the mechanism that noticed, or because it is asked to. */
static void end_lost(struct contract *c, struct lost *lost)
{
    if (!weir_ended(&lost->op))
        weir_cancel(&lost->op);
    int64_t result = contract_await(c, &lost->op);
    CHECK(result == WEIR_ECANCELED || result == WEIR_EBADF);
    contract_close(c, &lost->handle);
}

/* A mistake of the program's costs it the handle whose descriptor it closed: not every mechanism
 * notices, but none fails for the others, or spins. */
static void closed_below_weir_stops_nobody(struct contract *c)
{
    struct lost        told = {.op = {.user = &told}}, waits = {.told = 0};
    struct weir_handle a = {0}, b = {0};
    struct weir_op     recv = {0}, send = {0}, timer = {0};
    struct weir_stats  before, after;
    char               lost_byte, byte = 0;
    int                first[2], second[2];
    contract_needs("others who close what is weir's");
    contract_unix_pair(c, &a, &b);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, first), 0);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, second), 0);
    told.descriptor = first[0];
    CHECK_EQ(weir_adopt(&told.handle, c->loop, first[0], WEIR_BORROWED), 0);
    CHECK_EQ(weir_adopt(&waits.handle, c->loop, second[0], WEIR_BORROWED), 0);
    weir_poll(&told.op, &told.handle, WEIR_OUT, WEIR_LEVEL, close_below);
    weir_recv(&waits.op, &waits.handle, &lost_byte, 1, 0, contract_done);
    contract_until(c, &told.told, 1);
    contract_raw_close(second[0]);
    weir_recv(&recv, &a, &byte, 1, 0, contract_done);
    CHECK(weir_run(c->loop, WEIR_NOWAIT) >= 0);
    weir_send(&send, &b, "x", 1, 0, contract_done);
    CHECK_EQ(contract_await(c, &recv), 1);
    CHECK_EQ(byte, 'x');
    end_lost(c, &told);
    weir_loop_stats(c->loop, &before);
    weir_timer(&timer, c->loop, 30 * WEIR_MILLISECOND, 0, contract_done);
    CHECK_EQ(contract_await(c, &timer), 0);
    weir_loop_stats(c->loop, &after);
    CHECK(after.waits - before.waits < 20);
    end_lost(c, &waits);
    contract_raw_close(first[1]);
    contract_raw_close(second[1]);
    contract_close(c, &a);
    contract_close(c, &b);
}

struct batch {
    struct contract   *c;
    struct weir_handle handles[2], fresh;
    struct weir_op     recvs[2], again;
    char               bytes[2], new_byte;
    int                first, ends[2];
    intptr_t           number;
};

/* The first to be told closes the other at once and opens what takes its number. */
static void replace_other(struct weir_op *op)
{
    struct batch *b = op->user;
    if (b->first >= 0)
        return;
    b->first = op == &b->recvs[1];
    b->number = weir_handle_os(&b->handles[!b->first]);
    CHECK_EQ(weir_close_now(&b->handles[!b->first]), 0);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, b->ends), 0);
    CHECK_EQ(b->ends[0], b->number);
    CHECK_EQ(weir_adopt(&b->fresh, b->c->loop, b->ends[0], 0), 0);
    weir_recv(&b->again, &b->fresh, &b->new_byte, 1, 0, contract_done);
}

static void close_and_reopen_in_batch(struct contract *c)
{
    struct batch b = {.c = c, .first = -1};
    int          peers[2];
    for (int i = 0; i < 2; i++) {
        peers[i] = contract_unix_peer(c, &b.handles[i]);
        b.recvs[i].user = &b;
        weir_recv(&b.recvs[i], &b.handles[i], &b.bytes[i], 1, 0, replace_other);
    }
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    contract_raw_send(peers[0], "0", 1);
    contract_raw_send(peers[1], "1", 1);
    while (!weir_ended(&b.recvs[0]) || !weir_ended(&b.recvs[1]))
        CHECK(weir_run(c->loop, WEIR_ONCE) >= 0);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    CHECK(!weir_ended(&b.again)); /* the other's readiness was not taken for its own */
    contract_raw_send(b.ends[1], "n", 1);
    CHECK_EQ(contract_await(c, &b.again), 1);
    CHECK_EQ(b.new_byte, 'n');
    int other = !b.first;
    CHECK_RESULT(&b.recvs[b.first], 1);
    CHECK(b.recvs[other].result == WEIR_ECANCELED ||
          (b.recvs[other].result == 1 && b.bytes[other] == "01"[other]));
    contract_close(c, &b.handles[b.first]);
    contract_close(c, &b.fresh);
    contract_raw_close(b.ends[1]);
    contract_raw_close(peers[0]);
    contract_raw_close(peers[1]);
}

/* ------------------------------------------------------------------------------------------------
 * Invalid and double closes
 * ---------------------------------------------------------------------------------------------- */

static void close_invalid(struct contract *c)
{
    struct weir_handle  handle = {0};
    struct weir_address address;
    char                byte;
    CHECK_EQ(weir_close(&handle, contract_closed), WEIR_EBADF);
    CHECK_EQ(weir_close_now(&handle), WEIR_EBADF);
    CHECK_EQ(weir_cancel_all(&handle), WEIR_EBADF);
    CHECK_EQ(weir_handle_os(&handle), WEIR_EBADF);
    CHECK_EQ(weir_handle_kind(&handle), WEIR_HANDLE_NONE);
    CHECK_EQ(weir_local_address(&handle, &address), WEIR_EBADF);
    CHECK_EQ(weir_peer_address(&handle, &address), WEIR_EBADF);
    CHECK_EQ(weir_try_recv(&handle, &byte, 1, 0), WEIR_EBADF);
    CHECK_EQ(weir_try_send(&handle, &byte, 1, 0), WEIR_EBADF);
    CHECK_EQ(weir_adopt(&handle, c->loop, -1, 0), WEIR_EBADF);
    CHECK_EQ(weir_adopt(&handle, c->loop, 1000000, 0), WEIR_EBADF);
    int fd = contract_fd_copy(1);
    contract_raw_close(fd);
    CHECK_EQ(weir_adopt(&handle, c->loop, fd, 0), WEIR_EBADF);
    CHECK_EQ(weir_handle_kind(&handle), WEIR_HANDLE_NONE);
    CHECK_EQ(weir_adopt(&handle, c->loop, 1, 0x4000), WEIR_EINVAL);
    CHECK_EQ(weir_handle_kind(&handle), WEIR_HANDLE_NONE);
    contract_run(c);
    CHECK_EQ(contract_closed_count(&handle), 0);
}

static void never_comes(struct weir_handle *handle)
{
    (void)handle;
    contract_fail(__FILE__, __LINE__, "the second on_closed() of a handle ran");
}

static void double_close(struct contract *c)
{
    struct weir_handle handle = {0};
    struct weir_op     recv = {0};
    char               byte;
    int                peer = contract_unix_peer(c, &handle);
    intptr_t           number = weir_handle_os(&handle);
    weir_recv(&recv, &handle, &byte, 1, 0, contract_done);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    CHECK_EQ(weir_close(&handle, contract_closed), 0);
    CHECK_EQ(weir_close(&handle, never_comes), 0);
    CHECK_EQ(weir_close(&handle, NULL), 0);
    contract_run(c);
    CHECK_EQ(contract_closed_count(&handle), 1);
    CHECK_RESULT(&recv, WEIR_ECANCELED);
    /* The number belongs to another now, which a third close must not hit. */
    int other = contract_fd_copy(peer);
    CHECK_EQ(other, number);
    CHECK_EQ(weir_close(&handle, never_comes), WEIR_EBADF);
    CHECK_EQ(weir_close_now(&handle), WEIR_EBADF);
    contract_run(c);
    CHECK(contract_fd_open(other));
    contract_raw_close(other);
    contract_raw_close(peer);
}

static struct weir_handle *reopened_into;

static void reuse_handle(struct weir_handle *handle)
{
    contract_closed(handle);
    reopened_into = handle;
    memset(handle, 0, sizeof *handle);
}

static void handle_is_the_callers_in_on_closed(struct contract *c)
{
    struct weir_handle handle = {0};
    int                peer = contract_unix_peer(c, &handle);
    CHECK_EQ(weir_close(&handle, reuse_handle), 0);
    contract_run(c);
    CHECK(reopened_into == &handle);
    contract_raw_close(peer);
    peer = contract_unix_peer(c, &handle);
    contract_close(c, &handle);
    contract_raw_close(peer);
}

static void op_on_closed_handle_is_told(struct contract *c)
{
    struct weir_handle handle = {0};
    struct weir_op     recv = {0};
    char               byte;
    int                peer = contract_unix_peer(c, &handle);
    contract_close(c, &handle);
    weir_recv(&recv, &handle, &byte, 1, 0, contract_done);
    CHECK_EQ(contract_await(c, &recv), WEIR_EBADF);
    contract_raw_close(peer);
}

static void recv_unattached(struct contract *c)
{
    struct weir_handle handle = {0};
    struct weir_op     recv = {0};
    char               byte;
    (void)c;
    weir_recv(&recv, &handle, &byte, 1, 0, contract_done);
}

/* No loop could tell its end. */
static void op_on_never_attached_handle_aborts(struct contract *c)
{
    contract_expect_abort(c, recv_unattached, "never attached");
}

/* ------------------------------------------------------------------------------------------------
 * What is the caller's
 * ---------------------------------------------------------------------------------------------- */

static void borrowed_stays_open(struct contract *c)
{
    struct weir_handle handle = {0};
    struct weir_op     recv = {0};
    int                ends[2];
    char               byte;
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    for (int lap = 0; lap < 3; lap++) {
        CHECK_EQ(weir_adopt(&handle, c->loop, ends[0], WEIR_BORROWED), 0);
        weir_recv(&recv, &handle, &byte, 1, 0, contract_done);
        CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
        if (lap == 1)
            CHECK_EQ(weir_close_now(&handle), 0);
        else
            CHECK_EQ(weir_close(&handle, contract_closed), 0);
        contract_run(c);
        CHECK_RESULT(&recv, WEIR_ECANCELED);
        CHECK(contract_fd_open(ends[0]));
    }
    /* And it works, also outside weir. */
    contract_raw_send(ends[1], "x", 1);
    contract_raw_recv(ends[0], &byte, 1);
    contract_raw_close(ends[0]);
    contract_raw_close(ends[1]);
}

/* Blocking descriptors stay blocking, for they may be shared with other processes; and weir does
 * not wait in a call on them. */
static void adopted_flags_are_kept(struct contract *c)
{
    struct weir_handle handles[4] = {{0}};
    struct weir_op     ops[4] = {{0}}, writing = {0};
    int                sockets[2], pipes[2];
    char               byte;
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
    CHECK_EQ(pipe2(pipes, O_CLOEXEC), 0);
    int fds[4] = {sockets[0], sockets[1], pipes[0], pipes[1]};
    for (int i = 0; i < 4; i++)
        CHECK_EQ(weir_adopt(&handles[i], c->loop, fds[i], WEIR_BORROWED), 0);
    weir_recv(&ops[0], &handles[0], &byte, 1, 0, contract_done);
    weir_poll(&ops[1], &handles[1], WEIR_OUT, 0, contract_done);
    weir_read(&ops[2], &handles[2], &byte, 1, WEIR_STREAM, 0, contract_done);
    weir_poll(&ops[3], &handles[3], WEIR_OUT, 0, contract_done);
    CHECK_EQ(weir_try_recv(&handles[0], &byte, 1, 0), WEIR_EAGAIN);
    CHECK_EQ(contract_await(c, &ops[1]), WEIR_OUT);
    CHECK_EQ(contract_await(c, &ops[3]), WEIR_OUT);
    weir_write(&writing, &handles[3], "x", 1, WEIR_STREAM, 0, contract_done);
    CHECK_EQ(contract_await(c, &ops[2]), 1);
    CHECK_EQ(contract_await(c, &writing), 1);
    for (int i = 0; i < 4; i++)
        CHECK(!contract_raw_nonblocking(fds[i]));
    for (int i = 0; i < 4; i++)
        contract_close(c, &handles[i]);
    CHECK_RESULT(&ops[0], WEIR_ECANCELED);
    for (int i = 0; i < 4; i++) {
        CHECK(!contract_raw_nonblocking(fds[i]));
        contract_raw_close(fds[i]);
    }
}

static void user_is_never_touched(struct contract *c)
{
    struct weir_handle a = {.user = &a}, b = {.user = &b}, failed = {.user = &failed};
    struct weir_handle file = {.user = &file};
    struct weir_op     open_op = {.user = &open_op};
    contract_tcp_pair(c, &a, &b);
    CHECK_EQ(weir_adopt(&failed, c->loop, -1, 0), WEIR_EBADF);
    weir_open(&open_op, c->loop, &file, contract_temp_file(c), WEIR_OPEN_READ, 0, contract_done);
    CHECK_EQ(contract_await(c, &open_op), WEIR_ENOENT);
    contract_close(c, &a);
    contract_close(c, &b);
    CHECK(a.user == &a && b.user == &b && failed.user == &failed && file.user == &file);
    CHECK(open_op.user == &open_op);
}

/* ------------------------------------------------------------------------------------------------
 * What a handle is
 * ---------------------------------------------------------------------------------------------- */

static void check_kind(struct contract *c, int fd, enum weir_handle_kind kind)
{
    struct weir_handle handle = {0};
    CHECK(fd >= 0);
    CHECK_EQ(weir_adopt(&handle, c->loop, fd, 0), 0);
    CHECK_EQ(weir_handle_kind(&handle), kind);
    CHECK_EQ(weir_handle_os(&handle), fd);
    contract_close(c, &handle);
    CHECK(!contract_fd_open(fd));
}

static void kinds_are_found(struct contract *c)
{
    struct weir_handle listener = {0}, stream = {0}, datagram = {0};
    uint16_t           port;
    int                pipes[2], master, slave;
    const char        *fifo = contract_temp_file(c);
    check_kind(c, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), WEIR_HANDLE_STREAM);
    check_kind(c, socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), WEIR_HANDLE_STREAM);
    check_kind(c, socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), WEIR_HANDLE_DATAGRAM);
    check_kind(c, socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), WEIR_HANDLE_DATAGRAM);
    check_kind(c, contract_raw_listen(&port, 1), WEIR_HANDLE_LISTENER);
    CHECK_EQ(pipe2(pipes, O_CLOEXEC), 0);
    check_kind(c, pipes[0], WEIR_HANDLE_PIPE);
    check_kind(c, pipes[1], WEIR_HANDLE_PIPE);
    CHECK_EQ(mkfifo(fifo, 0600), 0);
    check_kind(c, open(fifo, O_RDWR | O_CLOEXEC), WEIR_HANDLE_PIPE);
    check_kind(c, open(contract_temp_file(c), O_CREAT | O_RDWR | O_CLOEXEC, 0600),
               WEIR_HANDLE_FILE);
    check_kind(c, open(c->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC), WEIR_HANDLE_DIRECTORY);
    check_kind(c, eventfd(0, EFD_CLOEXEC), WEIR_HANDLE_OTHER);
    CHECK_EQ(openpty(&master, &slave, NULL, NULL, NULL), 0);
    check_kind(c, slave, WEIR_HANDLE_TTY);
    contract_raw_close(master);
    contract_listen_any(c, &listener);
    CHECK_EQ(weir_handle_kind(&listener), WEIR_HANDLE_LISTENER);
    CHECK_EQ(weir_socket(&stream, c->loop, AF_INET, SOCK_STREAM, 0), 0);
    CHECK_EQ(weir_handle_kind(&stream), WEIR_HANDLE_STREAM);
    CHECK_EQ(weir_socket(&datagram, c->loop, AF_INET, SOCK_DGRAM, 0), 0);
    CHECK_EQ(weir_handle_kind(&datagram), WEIR_HANDLE_DATAGRAM);
    contract_close(c, &listener);
    contract_close(c, &stream);
    contract_close(c, &datagram);
}

/* As zeroed: nothing of the attempt is left in it. */
static void check_zeroed(const struct weir_handle *handle)
{
    static const struct weir_handle zeroed;
    CHECK(!memcmp(&handle->in, &zeroed.in, sizeof zeroed.in));
    CHECK(handle->loop == NULL && handle->on_closed == NULL);
}

static void failed_handle_is_as_zeroed(struct contract *c)
{
    struct weir_handle  first = {0}, handle = {0};
    struct weir_op      op = {0};
    struct weir_address address;
    unsigned            before = contract_fd_count();
    contract_listen_any(c, &first);
    CHECK_EQ(weir_local_address(&first, &address), 0);
    CHECK_EQ(weir_listen(&handle, c->loop, address.data.bytes, address.length, 0, 0),
             WEIR_EADDRINUSE);
    check_zeroed(&handle);
    CHECK(weir_listen(&handle, c->loop, NULL, 0, 0, 0) < 0);
    check_zeroed(&handle);
    CHECK_EQ(weir_listen(&handle, c->loop, address.data.bytes, address.length, 0, 0x4000),
             WEIR_EINVAL);
    check_zeroed(&handle);
    CHECK_EQ(weir_socket(&handle, c->loop, 9999, SOCK_STREAM, 0), WEIR_EAFNOSUPPORT);
    check_zeroed(&handle);
    CHECK_EQ(weir_socket(&handle, c->loop, AF_INET, SOCK_STREAM, WEIR_BORROWED), WEIR_EINVAL);
    check_zeroed(&handle);
    weir_open(&op, c->loop, &handle, contract_temp_file(c), WEIR_OPEN_READ, 0, contract_done);
    CHECK(op.handle == &handle);
    CHECK_EQ(contract_await(c, &op), WEIR_ENOENT);
    check_zeroed(&handle);
    contract_close(c, &first);
    CHECK_EQ(contract_fd_count(), before);
}

static void addresses_are_told(struct contract *c)
{
    struct weir_handle  a = {0}, b = {0};
    struct weir_address ours, theirs;
    contract_tcp_pair(c, &a, &b);
    CHECK_EQ(weir_local_address(&a, &ours), 0);
    CHECK_EQ(weir_peer_address(&b, &theirs), 0);
    CHECK_EQ(ours.length, theirs.length);
    CHECK(!memcmp(ours.data.bytes, theirs.data.bytes, ours.length));
    CHECK_EQ(weir_local_address(&b, &theirs), 0);
    CHECK_EQ(weir_peer_address(&a, &ours), 0);
    CHECK(!memcmp(ours.data.bytes, theirs.data.bytes, ours.length));
    contract_close(c, &a);
    contract_close(c, &b);
}

/* ------------------------------------------------------------------------------------------------
 * Options
 * ---------------------------------------------------------------------------------------------- */

static void keep(struct weir_handle *handle, enum weir_option option, int64_t value)
{
    int64_t found = -77;
    CHECK_EQ(weir_option_set(handle, option, value), 0);
    CHECK_EQ(weir_option_get(handle, option, &found), 0);
    CHECK_EQ(found, value);
}

static int system_option(const struct weir_handle *handle, int level, int name)
{
    int       value = -1;
    socklen_t length = sizeof value;
    CHECK_EQ(getsockopt((int)weir_handle_os(handle), level, name, &value, &length), 0);
    return value;
}

/* The system may give more than was asked for. */
static void keep_at_least(struct weir_handle *handle, enum weir_option option, int64_t bytes)
{
    int64_t found = 0;
    CHECK_EQ(weir_option_set(handle, option, bytes), 0);
    CHECK_EQ(weir_option_get(handle, option, &found), 0);
    CHECK(found >= bytes);
}

static void keep_stream_options(struct contract *c)
{
    struct weir_handle a = {0}, b = {0};
    int64_t            error = -1;
    contract_tcp_pair(c, &a, &b);
    for (int on = 1; on >= 0; on--)
        keep(&a, WEIR_OPTION_NODELAY, on);
    keep(&a, WEIR_OPTION_KEEPALIVE, 0);
    keep(&a, WEIR_OPTION_KEEPALIVE, 77);
    CHECK_EQ(system_option(&a, SOL_SOCKET, SO_KEEPALIVE), 1);
    CHECK_EQ(system_option(&a, IPPROTO_TCP, TCP_KEEPIDLE), 77);
    keep(&a, WEIR_OPTION_KEEPALIVE, 0);
    CHECK_EQ(system_option(&a, SOL_SOCKET, SO_KEEPALIVE), 0);
    keep(&a, WEIR_OPTION_LINGER, -1);
    keep(&a, WEIR_OPTION_LINGER, 9);
    keep(&a, WEIR_OPTION_LINGER, -1);
    keep(&a, WEIR_OPTION_LINGER, 0);
    keep(&a, WEIR_OPTION_DONT_FRAGMENT, 1);
    CHECK_EQ(system_option(&a, IPPROTO_IP, IP_MTU_DISCOVER), IP_PMTUDISC_DO);
    keep(&a, WEIR_OPTION_DONT_FRAGMENT, 0);
    keep_at_least(&a, WEIR_OPTION_RECEIVE_BUFFER, 20000);
    keep_at_least(&a, WEIR_OPTION_SEND_BUFFER, 30000);
    CHECK_EQ(weir_option_get(&a, WEIR_OPTION_ERROR, &error), 0);
    CHECK_EQ(error, 0);
    contract_close(c, &a); /* LINGER 0: the other end is reset, and its error can be taken */
    CHECK(contract_raw_readable((int)weir_handle_os(&b), 5000));
    CHECK_EQ(weir_option_get(&b, WEIR_OPTION_ERROR, &error), 0);
    CHECK_EQ(error, WEIR_ECONNRESET);
    CHECK_EQ(weir_option_get(&b, WEIR_OPTION_ERROR, &error), 0);
    CHECK_EQ(error, 0);
    contract_close(c, &b);
}

static void keep_datagram_options(struct contract *c, int family)
{
    struct weir_handle handle = {0};
    if (weir_socket(&handle, c->loop, family, SOCK_DGRAM, 0) != 0)
        return; /* a machine without IPv6 */
    for (int on = 1; on >= 0; on--) {
        keep(&handle, WEIR_OPTION_BROADCAST, on);
        keep(&handle, WEIR_OPTION_MULTICAST_LOOP, on);
        keep(&handle, WEIR_OPTION_DONT_FRAGMENT, on);
    }
    keep(&handle, WEIR_OPTION_MULTICAST_TTL, 0);
    keep(&handle, WEIR_OPTION_MULTICAST_TTL, 255);
    CHECK_EQ(system_option(&handle, IPPROTO_IP, IP_MULTICAST_TTL), 255); /* of IPv4 in both */
    if (family == AF_INET6)
        CHECK_EQ(system_option(&handle, IPPROTO_IPV6, IPV6_MULTICAST_HOPS), 255);
    keep_at_least(&handle, WEIR_OPTION_RECEIVE_BUFFER, 20000);
    keep_at_least(&handle, WEIR_OPTION_SEND_BUFFER, 30000);
    for (int64_t segment = 1000; segment >= 0; segment -= 1000) {
        int64_t found = -1;
        int     answer = weir_option_set(&handle, WEIR_OPTION_SEND_SEGMENT, segment);
        if (answer == WEIR_ENOTSUP || answer == WEIR_ENOPROTOOPT)
            break; /* a kernel that neither cuts nor glues */
        CHECK_EQ(answer, 0);
        CHECK_EQ(weir_option_get(&handle, WEIR_OPTION_SEND_SEGMENT, &found), 0);
        CHECK_EQ(found, segment);
        keep(&handle, WEIR_OPTION_RECEIVE_OFFLOAD, segment != 0);
    }
    contract_close(c, &handle);
}

static void options_are_kept(struct contract *c)
{
    keep_stream_options(c);
    keep_datagram_options(c, AF_INET);
    keep_datagram_options(c, AF_INET6);
}

const struct contract_case contract_cases[] = {
    {"recycled_number_no_ghost", recycled_number_no_ghost, 0},
    {"recycled_before_it_was_submitted", recycled_before_it_was_submitted, 0},
    {"dup_closed_no_event", dup_closed_no_event, 0},
    {"closed_below_weir_stops_nobody", closed_below_weir_stops_nobody, 0},
    {"close_and_reopen_in_batch", close_and_reopen_in_batch, 0},
    {"close_invalid", close_invalid, 0},
    {"double_close", double_close, 0},
    {"handle_is_the_callers_in_on_closed", handle_is_the_callers_in_on_closed, 0},
    {"op_on_closed_handle_is_told", op_on_closed_handle_is_told, 0},
    {"op_on_never_attached_handle_aborts", op_on_never_attached_handle_aborts, 0},
    {"borrowed_stays_open", borrowed_stays_open, 0},
    {"adopted_flags_are_kept", adopted_flags_are_kept, 0},
    {"user_is_never_touched", user_is_never_touched, 0},
    {"kinds_are_found", kinds_are_found, 0},
    {"failed_handle_is_as_zeroed", failed_handle_is_as_zeroed, 0},
    {"addresses_are_told", addresses_are_told, 0},
    {"options_are_kept", options_are_kept, 0},
    {0},
};
