/* SPDX-License-Identifier: MIT */
/* close.c - closing handles: what their ops tell, what is free when. */
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

static struct contract *rebinding;
static struct weir_handle rebound;
static int rebind_result = 99;

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
    contract_listen_any(c, &listener);
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

static void close_now_frees_before_it_returns(struct contract *c)
{
    struct weir_handle  listener = {0}, second = {0}, accepted = {0}, never = {0};
    struct weir_op      accept = {0};
    struct weir_address address;
    contract_listen_any(c, &listener);
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
    CHECK_RESULT(&recv, WEIR_ECANCELED);
}

const struct contract_case contract_cases[] = {
    {"close_cancels_everything_first", close_cancels_everything_first, 0},
    {"op_on_closing_handle_ends_cancelled", op_on_closing_handle_ends_cancelled, 0},
    {"rebind_after_close", rebind_after_close, 0},
    {"close_now_frees_before_it_returns", close_now_frees_before_it_returns, 0},
    {"close_now_with_data_in_flight", close_now_with_data_in_flight, 0},
    {"close_now_after_close", close_now_after_close, 0},
    {0},
};
