/* SPDX-License-Identifier: MIT */
/* close.c - closing handles: what their ops tell, what is free when. */
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "contract.h"

#define MANY 65536

/* Sends until nothing more goes, so that the next send has to wait. */
static void fill_out(struct contract *c, struct weir_handle *handle)
{
    static char bytes[MANY];
    int64_t     moved;
    do
        moved = weir_try_send(handle, bytes, sizeof bytes, 0);
    while (moved > 0);
    CHECK_EQ(moved, WEIR_EAGAIN);
    weir_run(c->loop, WEIR_NOWAIT);
    CHECK_EQ(weir_try_send(handle, bytes, 1, 0), WEIR_EAGAIN);
}

/* A small generator, so that each run takes the same turns. */
static unsigned draw(unsigned *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 16;
}

struct closing {
    struct weir_handle handle;
    struct weir_op     recvs[2], send, poll;
    int                ended, ended_before_closed;
};

static void count_ended(struct weir_op *op)
{
    struct closing *k = op->user;
    k->ended++;
}

static void note_closed(struct weir_handle *handle)
{
    struct closing *k = handle->user;
    k->ended_before_closed = k->ended;
    contract_closed(handle);
}

static void close_cancels_everything_first(struct contract *c)
{
    struct closing k = {.handle = {.user = &k}};
    char           bytes[2];
    int            peer = contract_unix_peer(c, &k.handle);
    fill_out(c, &k.handle);
    k.recvs[0].user = k.recvs[1].user = k.send.user = k.poll.user = &k;
    weir_recv(&k.recvs[0], &k.handle, &bytes[0], 1, 0, count_ended);
    weir_recv(&k.recvs[1], &k.handle, &bytes[1], 1, 0, count_ended);
    weir_send(&k.send, &k.handle, "x", 1, 0, count_ended);
    weir_poll(&k.poll, &k.handle, WEIR_IN, WEIR_EDGE, count_ended);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    CHECK_EQ(weir_close(&k.handle, note_closed), 0);
    CHECK_EQ(k.ended, 0);
    contract_run(c);
    CHECK_EQ(contract_closed_count(&k.handle), 1);
    CHECK_EQ(k.ended_before_closed, 4);
    CHECK_RESULT(&k.recvs[0], WEIR_ECANCELED);
    CHECK_RESULT(&k.recvs[1], WEIR_ECANCELED);
    CHECK_RESULT(&k.send, WEIR_ECANCELED);
    CHECK_RESULT(&k.poll, WEIR_ECANCELED);
    CHECK(k.handle.user == &k);
    contract_raw_close(peer);
}

static void op_on_closing_handle_ends_cancelled(struct contract *c)
{
    struct weir_handle handle = {0};
    struct weir_op     recv = {0}, send = {0};
    char               byte;
    int                peer = contract_unix_peer(c, &handle);
    contract_raw_send(peer, "x", 1);
    CHECK_EQ(weir_close(&handle, contract_closed), 0);
    weir_recv(&recv, &handle, &byte, 1, 0, contract_done);
    weir_send(&send, &handle, "x", 1, 0, contract_done);
    contract_run(c);
    CHECK_RESULT(&recv, WEIR_ECANCELED);
    CHECK_RESULT(&send, WEIR_ECANCELED);
    CHECK_EQ(contract_closed_count(&handle), 1);
    contract_raw_close(peer);
}

static void recv_once_more(struct weir_op *op)
{
    struct closing *k = op->user;
    count_ended(op);
    weir_recv(&k->recvs[1], &k->handle, NULL, 0, 0, count_ended);
}

/* Also when it is started by the callback of the last op that the close was waiting for. */
static void op_of_the_last_callback_ends_first(struct contract *c)
{
    struct closing k = {.handle = {.user = &k}};
    char           byte;
    int            peer = contract_unix_peer(c, &k.handle);
    k.recvs[0].user = k.recvs[1].user = &k;
    weir_recv(&k.recvs[0], &k.handle, &byte, 1, 0, recv_once_more);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    CHECK_EQ(weir_close(&k.handle, note_closed), 0);
    contract_run(c);
    CHECK_EQ(contract_closed_count(&k.handle), 1);
    CHECK_EQ(k.ended_before_closed, 2);
    CHECK_RESULT(&k.recvs[1], WEIR_ECANCELED);
    contract_raw_close(peer);
}

static struct contract   *rebinding;
static struct weir_handle rebound;
static int                rebind_result = 99;

static void rebind_at_once(struct weir_handle *handle)
{
    struct weir_address *address = handle->user;
    contract_closed(handle);
    rebind_result = weir_listen(&rebound, rebinding->loop, address->data.bytes, address->length, 0,
                                WEIR_NO_REUSE_ADDR);
}

/* The port is free in on_closed(), though an accept was pending. */
static void rebind_after_close(struct contract *c)
{
    struct weir_address address = {0};
    struct weir_handle  listener = {.user = &address}, accepted = {0};
    struct weir_op      accept = {0};
    contract_listen_alone(c, &listener);
    CHECK_EQ(weir_local_address(&listener, &address), 0);
    weir_accept(&accept, &listener, &accepted, 0, contract_done);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    rebinding = c;
    CHECK_EQ(weir_close(&listener, rebind_at_once), 0);
    contract_run(c);
    CHECK_RESULT(&accept, WEIR_ECANCELED);
    CHECK_EQ(rebind_result, 0);
    contract_close(c, &rebound);
}

/* Not only mostly: what the kernel still does with a descriptor that is closed is awaited. */
static void port_is_free_each_time(struct contract *c)
{
    struct weir_address address;
    struct weir_handle  listener = {0}, accepted = {0};
    struct weir_op      accept = {0};
    contract_listen_alone(c, &listener);
    CHECK_EQ(weir_local_address(&listener, &address), 0);
    for (unsigned lap = 0; lap < contract_count(1000); lap++) {
        weir_accept(&accept, &listener, &accepted, 0, contract_done);
        CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
        if (lap % 2)
            CHECK_EQ(weir_close_now(&listener), 0);
        contract_close(c, &listener);
        CHECK_RESULT(&accept, WEIR_ECANCELED);
        CHECK_EQ(weir_listen(&listener, c->loop, address.data.bytes, address.length, 0,
                             WEIR_NO_REUSE_ADDR),
                 0);
    }
    contract_close(c, &listener);
}

/* Nor does anything that the mechanism was asked for before hold what is closed: a wait for less,
 * which one for more took the place of. */
static void peer_sees_the_end_each_time(struct contract *c)
{
    struct weir_handle reader = {0}, writer = {0};
    struct weir_op     recv = {0}, poll = {0};
    char               byte;
    for (unsigned lap = 0; lap < contract_count(1000); lap++) {
        CHECK_EQ(weir_pipe(&reader, &writer, c->loop), 0);
        weir_poll(&poll, &reader, 0, 0, contract_done);
        CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
        weir_recv(&recv, &reader, &byte, 1, 0, contract_done);
        CHECK_EQ(weir_try_send(&writer, "x", 1, 0), 1);
        CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
        CHECK_EQ(weir_close_now(&reader), 0);
        CHECK_EQ(weir_try_send(&writer, "x", 1, 0), WEIR_EPIPE);
        contract_close(c, &writer);
        CHECK_RESULT(&poll, WEIR_ECANCELED);
    }
}

static void close_now_frees_before_it_returns(struct contract *c)
{
    struct weir_handle  listener = {0}, second = {0}, accepted = {0}, never = {0};
    struct weir_op      accept = {0};
    struct weir_address address;
    contract_listen_alone(c, &listener);
    CHECK_EQ(weir_local_address(&listener, &address), 0);
    weir_accept(&accept, &listener, &accepted, 0, contract_done);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    intptr_t fd = weir_handle_os(&listener);
    CHECK_EQ(weir_close_now(&listener), 0);
    CHECK(!contract_fd_open(fd));
    CHECK(!weir_ended(&accept)); /* its done() comes in the next run */
    CHECK_EQ(
        weir_listen(&second, c->loop, address.data.bytes, address.length, 0, WEIR_NO_REUSE_ADDR),
        0);
    CHECK_EQ(contract_await(c, &accept), WEIR_ECANCELED);
    contract_run(c);
    CHECK_EQ(weir_handle_kind(&listener), WEIR_HANDLE_NONE);
    CHECK_EQ(weir_close_now(&listener), WEIR_EBADF);
    CHECK_EQ(weir_close_now(&never), WEIR_EBADF);
    CHECK_EQ(weir_close_now(&second), 0);
    contract_run(c);
}

static void close_now_with_data_in_flight(struct contract *c)
{
    unsigned rounds = contract_count(200), random = 5;
    for (unsigned i = 0; i < rounds; i++) {
        struct weir_handle handle = {0};
        struct weir_op     recv = {0}, send = {0};
        char              *in = contract_buffer(c, 16);
        int                peer = contract_tcp_peer(c, &handle);
        unsigned           how = draw(&random);
        weir_recv(&recv, &handle, in, 16, 0, contract_done);
        weir_send(&send, &handle, "0123456789", 10, 0, contract_done);
        if (how & 1)
            weir_run(c->loop, WEIR_NOWAIT);
        if (how & 2)
            contract_raw_send(peer, "abcd", 4);
        CHECK_EQ(weir_close_now(&handle), 0);
        contract_seal(c, in); /* nobody writes there any more */
        contract_run(c);
        CHECK(recv.result == WEIR_ECANCELED || ((how & 2) && recv.result == 4));
        CHECK(send.result == WEIR_ECANCELED || send.result == 10);
        contract_raw_close(peer);
    }
}

/* on_closed() of a close that is under way comes from the loop, not from weir_close_now(). */
static struct {
    struct weir_handle a, b;
    struct weir_op     recv, other, poll, first, second;
    int                peer;
    char               bytes[2];
} beside;

static void beside_close(struct weir_op *op)
{
    (void)op;
    contract_raw_send(beside.peer, "x", 1);
    CHECK_EQ(weir_close_now(&beside.b), 0);
}

static void beside_poll(struct weir_op *op)
{
    weir_poll(&beside.poll, &beside.a, 0, 0, contract_done);
    weir_nop(&beside.second, weir_op_loop(op), 0, beside_close);
}

/* What the mechanism says while a close waits for it is not lost on a handle whose interest has
 * just grown, either. */
static void close_now_beside_what_becomes_ready(struct contract *c)
{
    int other = contract_unix_peer(c, &beside.b);
    beside.peer = contract_unix_peer(c, &beside.a);
    weir_recv(&beside.recv, &beside.a, &beside.bytes[0], 1, 0, contract_done);
    weir_recv(&beside.other, &beside.b, &beside.bytes[1], 1, 0, contract_done);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    weir_nop(&beside.first, c->loop, 0, beside_poll);
    CHECK_EQ(contract_await(c, &beside.recv), 1);
    CHECK_EQ(beside.bytes[0], 'x');
    CHECK_RESULT(&beside.other, WEIR_ECANCELED);
    CHECK_EQ(weir_cancel(&beside.poll), 0);
    CHECK_EQ(contract_await(c, &beside.poll), WEIR_ECANCELED);
    contract_raw_close(beside.peer);
    contract_raw_close(other);
}

static void close_now_after_close(struct contract *c)
{
    struct weir_handle a = {0}, b = {0};
    struct weir_op     recv = {0};
    char               byte;
    contract_unix_pair(c, &a, &b);
    weir_recv(&recv, &b, &byte, 1, 0, contract_done);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    CHECK_EQ(weir_close(&a, contract_closed), 0);
    CHECK_EQ(weir_close(&b, contract_closed), 0);
    intptr_t fds[2] = {weir_handle_os(&a), weir_handle_os(&b)};
    CHECK_EQ(weir_close_now(&a), 0);
    CHECK_EQ(weir_close_now(&b), 0);
    CHECK(!contract_fd_open(fds[0]));
    CHECK(!contract_fd_open(fds[1]));
    contract_run(c);
    CHECK_EQ(contract_closed_count(&a), 1);
    CHECK_EQ(contract_closed_count(&b), 1);
    if (recv.result) /* a was closed first: the end of the stream may have come before the cancel */
        CHECK_RESULT(&recv, WEIR_ECANCELED);
}

struct both_ways {
    struct weir_handle handle;
    struct weir_op     recv, send;
    char               byte;
    bool               at_once;
    int                told;
};

static void close_own_handle(struct weir_op *op)
{
    struct both_ways *w = op->user;
    if (w->told++)
        return;
    CHECK_EQ(w->at_once ? weir_close_now(&w->handle) : weir_close(&w->handle, NULL), 0);
}

/* Both directions became ready in one event; the first to be told closes, and the other direction
 * of the same handle is not served any more. */
static void close_in_callback_ends_the_other_direction(struct contract *c)
{
    for (int lap = 0; lap < 2; lap++) {
        static char      bytes[MANY];
        struct both_ways w = {.at_once = lap};
        int              peer = contract_unix_peer(c, &w.handle);
        fill_out(c, &w.handle);
        w.recv.user = w.send.user = &w;
        weir_recv(&w.recv, &w.handle, &w.byte, 1, 0, close_own_handle);
        weir_send(&w.send, &w.handle, "x", 1, 0, close_own_handle);
        CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
        while (contract_raw_readable(peer, 0))
            contract_raw_recv_some(peer, bytes, sizeof bytes);
        contract_raw_send(peer, "y", 1);
        contract_run(c);
        CHECK_EQ(w.told, 2);
        CHECK_EQ(weir_handle_kind(&w.handle), WEIR_HANDLE_NONE);
        CHECK(w.recv.result == 1 || w.recv.result == WEIR_ECANCELED);
        CHECK(w.send.result == 1 || w.send.result == WEIR_ECANCELED);
        contract_raw_close(peer);
    }
}

struct visitor {
    struct weir_handle handle;
    struct weir_op     recv;
    int               *left;
    char               bytes[16];
};

static void free_visitor(struct weir_handle *handle)
{
    struct visitor *v = handle->user;
    --*v->left;
    memset(v, 0xdd, sizeof *v);
    free(v);
}

static void visitor_received(struct weir_op *op)
{
    struct visitor *v = op->user;
    if (op->result > 0)
        weir_recv(&v->recv, &v->handle, v->bytes, sizeof v->bytes, 0, visitor_received);
    else
        CHECK_EQ(weir_close(&v->handle, free_visitor), 0);
}

/* Many connections end at once, and each frees its memory in on_closed(). */
static void free_handle_in_on_closed(struct contract *c)
{
    int peers[64], left = 64;
    for (int i = 0; i < 64; i++) {
        struct visitor *v = calloc(1, sizeof *v);
        CHECK(v != NULL);
        peers[i] = contract_unix_peer(c, &v->handle);
        v->handle.user = v->recv.user = v;
        v->left = &left;
        weir_recv(&v->recv, &v->handle, v->bytes, sizeof v->bytes, 0, visitor_received);
        if (i % 3 == 0)
            contract_raw_send(peers[i], "hello", 5);
    }
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    for (int i = 0; i < 64; i++)
        contract_raw_close(peers[i]);
    contract_run(c);
    CHECK_EQ(left, 0);
}

/* A read that a worker makes, of a terminal that cannot be opened anew, cannot be interrupted: the
 * close says so and goes on as weir_close(). Where the kernel serves it, it is closed at once. */
static void close_now_while_a_worker_reads(struct contract *c)
{
    struct weir_handle tty = {0};
    struct weir_op     read_op = {0};
    struct termios     raw;
    int                master, slave;
    char               bytes[8];
    uid_t              user = geteuid();
    CHECK_EQ(openpty(&master, &slave, NULL, NULL, NULL), 0);
    CHECK_EQ(tcgetattr(slave, &raw), 0);
    cfmakeraw(&raw);
    CHECK_EQ(tcsetattr(slave, TCSANOW, &raw), 0);
    CHECK_EQ(fchmod(slave, 0), 0);
    if (user == 0)
        CHECK_EQ(seteuid(65534), 0); /* or the terminal could be opened by its name */
    CHECK_EQ(weir_adopt(&tty, c->loop, slave, 0), 0);
    weir_read(&read_op, &tty, bytes, sizeof bytes, WEIR_STREAM, 0, contract_done);
    for (int i = 0; i < 20; i++) { /* until the worker is in its call */
        CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
        contract_breathe();
    }
    int answer = weir_close_now(&tty);
    if (answer == WEIR_EBUSY) {
        CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
        CHECK(contract_fd_open(slave));
        contract_raw_send(master, "typed", 5);
        CHECK_EQ(contract_await(c, &read_op), 5);
    } else {
        CHECK_EQ(answer, 0);
        CHECK(!contract_fd_open(slave));
        CHECK_EQ(contract_await(c, &read_op), WEIR_ECANCELED);
    }
    while (weir_handle_kind(&tty) != WEIR_HANDLE_NONE)
        CHECK(weir_run(c->loop, WEIR_NOWAIT) >= 0);
    CHECK(!contract_fd_open(slave));
    if (user == 0)
        CHECK_EQ(seteuid(user), 0);
    contract_raw_close(master);
}

const struct contract_case contract_cases[] = {
    {"close_cancels_everything_first", close_cancels_everything_first, 0},
    {"op_on_closing_handle_ends_cancelled", op_on_closing_handle_ends_cancelled, 0},
    {"op_of_the_last_callback_ends_first", op_of_the_last_callback_ends_first, 0},
    {"rebind_after_close", rebind_after_close, 0},
    {"port_is_free_each_time", port_is_free_each_time, 0},
    {"peer_sees_the_end_each_time", peer_sees_the_end_each_time, 0},
    {"close_now_frees_before_it_returns", close_now_frees_before_it_returns, 0},
    {"close_now_with_data_in_flight", close_now_with_data_in_flight, 0},
    {"close_now_beside_what_becomes_ready", close_now_beside_what_becomes_ready, 0},
    {"close_now_after_close", close_now_after_close, 0},
    {"close_in_callback_ends_the_other_direction", close_in_callback_ends_the_other_direction, 0},
    {"free_handle_in_on_closed", free_handle_in_on_closed, 0},
    {"close_now_while_a_worker_reads", close_now_while_a_worker_reads, 0},
    {0},
};
