/* SPDX-License-Identifier: MIT */
/* accept_multishot.c - one op that takes every connection, until something stops it. */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "contract.h"

#define CLIENTS 64u

/* A server of one multishot accept: what it told, in order. */
struct hall {
    struct weir_handle listener;
    struct weir_op     accept;
    weir_os_handle     told[CLIENTS];
    int                count;
    int                ended;
    int                stop_after; /* the loop, 0: never */
    uint16_t           port;
};

static void note(struct weir_op *op)
{
    struct hall *hall = op->user;
    CHECK_EQ(hall->ended, 0);
    hall->ended = !op->more;
    if (!op->more)
        return;
    CHECK(op->result >= 0);
    CHECK(hall->count < (int)CLIENTS);
    hall->told[hall->count++] = (weir_os_handle)op->result;
    if (hall->count == hall->stop_after)
        weir_stop(op->handle->loop);
}

static void hall_listen(struct contract *c, struct hall *hall)
{
    *hall = (struct hall){.accept.user = hall};
    hall->port = contract_listen_any(c, &hall->listener);
}

static void hall_open(struct contract *c, struct hall *hall, weir_done *done)
{
    hall_listen(c, hall);
    weir_accept(&hall->accept, &hall->listener, NULL, WEIR_MULTISHOT, done);
}

static void hall_leave(struct hall *hall)
{
    for (int i = 0; i < hall->count; i++)
        CHECK_EQ(close((int)hall->told[i]), 0);
}

static void some_turns(struct contract *c)
{
    for (int i = 0; i < 4; i++)
        CHECK(weir_run(c->loop, WEIR_NOWAIT) >= 0);
}

/* Clients that each say who they are. */
static void connect_many(const struct hall *hall, int *clients, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        unsigned char number = (unsigned char)i;
        clients[i] = contract_raw_connect(hall->port);
        contract_raw_send(clients[i], &number, 1);
    }
}

static void close_many(const int *clients, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        contract_raw_close(clients[i]);
}

static void check_number(int descriptor, unsigned expected)
{
    unsigned char number = 255;
    CHECK(contract_raw_readable(descriptor, 20000));
    contract_raw_recv(descriptor, &number, 1);
    CHECK_EQ(number, expected);
}

/* Whether the other side closed it, without a word. */
static bool is_closed(int client)
{
    char byte;
    CHECK(contract_raw_readable(client, 20000));
    ssize_t n = recv(client, &byte, 1, 0);
    return n == 0 || (n < 0 && errno == ECONNRESET);
}

static void tell_each_then_the_end(struct contract *c)
{
    static struct hall hall;
    int                clients[CLIENTS];
    unsigned           count = contract_count(CLIENTS);
    hall_open(c, &hall, note);
    connect_many(&hall, clients, count / 2);
    contract_until(c, &hall.count, (int)(count / 2));
    some_turns(c);
    connect_many(&hall, clients + count / 2, count - count / 2);
    contract_until(c, &hall.count, (int)count);
    CHECK_EQ(hall.accept.more, 1);
    CHECK_EQ(weir_cancel(&hall.accept), 0);
    contract_run(c);
    CHECK_EQ(hall.ended, 1);
    CHECK_RESULT(&hall.accept, WEIR_ECANCELED);
    CHECK_EQ(contract_told(&hall.accept), count + 1);
    for (unsigned i = 0; i < count; i++)
        check_number((int)hall.told[i], i < count / 2 ? i : i - count / 2);
    contract_close(c, &hall.listener);
    hall_leave(&hall);
    close_many(clients, count);
}

/* Each connection is told once, in their order, and the cancel is told once, last. */
static void multishot_one_last_on_accept(struct contract *c)
{
    tell_each_then_the_end(c);
}

/* The same where the mechanism has its own multishot and is not to use it. */
static void multishot_without_the_kernels(struct contract *c)
{
    struct weir_options options = {.features_off = WEIR_WITHOUT_MULTISHOT};
    CHECK_EQ(contract_open(c, &c->loop, &options), 0);
    tell_each_then_the_end(c);
}

/* What was told is a descriptor as weir makes them, and works as a handle. */
static void multishot_results_are_adopted(struct contract *c)
{
    static struct hall        hall;
    static struct weir_handle handle;
    struct weir_op            recv = {0};
    int                       client;
    unsigned char             number;
    hall_open(c, &hall, note);
    connect_many(&hall, &client, 1);
    contract_until(c, &hall.count, 1);
    int descriptor = (int)hall.told[0];
    CHECK(fcntl(descriptor, F_GETFD) & FD_CLOEXEC);
    CHECK(contract_raw_nonblocking(descriptor));
    CHECK_EQ(weir_adopt(&handle, c->loop, descriptor, 0), 0);
    CHECK_EQ(weir_handle_kind(&handle), WEIR_HANDLE_STREAM);
    weir_recv(&recv, &handle, &number, 1, 0, contract_done);
    CHECK_EQ(contract_await(c, &recv), 1);
    CHECK_EQ(number, 0);
    contract_close(c, &handle);
    CHECK(is_closed(client));
    contract_close(c, &hall.listener);
    CHECK_RESULT(&hall.accept, WEIR_ECANCELED);
    contract_raw_close(client);
}

/* A deadline is not that of the next connection, but of the op. */
static void multishot_deadline_bounds_the_whole(struct contract *c)
{
    static struct hall hall;
    int                client;
    hall_open(c, &hall, note);
    uint64_t began = weir_now(c->loop);
    weir_deadline(&hall.accept, 200 * WEIR_MILLISECOND);
    connect_many(&hall, &client, 1);
    contract_until(c, &hall.count, 1);
    contract_run(c);
    CHECK_EQ(hall.ended, 1);
    CHECK_RESULT(&hall.accept, WEIR_EDEADLINE);
    CHECK(weir_now(c->loop) - began >= 200 * WEIR_MILLISECOND);
    hall_leave(&hall);
    contract_raw_close(client);
}

/* Out of descriptors it waits without spinning, keeps what it has, and goes on by itself. */
static void multishot_emfile_paced(struct contract *c)
{
    static struct hall hall;
    struct weir_op     window = {0};
    struct weir_stats  before, after;
    int                clients[4];
    hall_listen(c, &hall);
    some_turns(c);
    connect_many(&hall, clients, 4);
    contract_fd_exhaust(c, 1);
    weir_loop_stats(c->loop, &before);
    uint64_t began = weir_now(c->loop);
    weir_accept(&hall.accept, &hall.listener, NULL, WEIR_MULTISHOT, note);
    weir_timer(&window, c->loop, 400 * WEIR_MILLISECOND, 0, contract_done);
    CHECK_EQ(contract_await(c, &window), 0);
    weir_loop_stats(c->loop, &after);
    uint64_t most = 2 + (weir_now(c->loop) - began) * 20 / WEIR_SECOND;
    uint64_t paced = after.accepts_paced - before.accepts_paced;
    CHECK_EQ(hall.count, 1);
    CHECK(contract_live(&hall.accept));
    CHECK(paced >= 1);
    CHECK(paced <= most);
    CHECK(after.attempts - before.attempts <= most + 2);
    contract_fd_release(c);
    contract_until(c, &hall.count, 4);
    for (unsigned i = 0; i < 4; i++)
        check_number((int)hall.told[i], i);
    CHECK_EQ(weir_cancel(&hall.accept), 0);
    contract_run(c);
    CHECK_RESULT(&hall.accept, WEIR_ECANCELED);
    hall_leave(&hall);
    close_many(clients, 4);
}

static void multishot_emfile_is_cancelled(struct contract *c)
{
    static struct hall hall;
    int                client;
    hall_listen(c, &hall);
    some_turns(c);
    connect_many(&hall, &client, 1);
    contract_fd_exhaust(c, 0);
    weir_accept(&hall.accept, &hall.listener, NULL, WEIR_MULTISHOT, note);
    some_turns(c);
    CHECK(contract_live(&hall.accept));
    CHECK_EQ(weir_cancel(&hall.accept), 0);
    contract_run(c);
    CHECK_RESULT(&hall.accept, WEIR_ECANCELED);
    CHECK_EQ(hall.count, 0);
    contract_fd_release(c);
    contract_close(c, &hall.listener);
    CHECK(is_closed(client));
    contract_raw_close(client);
}

/* Stopped in the middle: what was accepted is told before the end is, what was not is closed with
 * the listener. Which is which is the engine's; none is both, and none is lost. */
static void multishot_tells_what_it_has_when_stopped(struct contract *c)
{
    for (int how = 0; how < 3; how++) {
        static struct hall hall;
        int                clients[16], served = 0;
        hall_open(c, &hall, note);
        hall.stop_after = 2;
        some_turns(c);
        connect_many(&hall, clients, 16);
        contract_until(c, &hall.count, 2);
        if (how == 0)
            CHECK_EQ(weir_cancel(&hall.accept), 0);
        else if (how == 1)
            weir_deadline(&hall.accept, 0);
        if (how < 2)
            contract_until(c, &hall.ended, 1);
        contract_close(c, &hall.listener);
        CHECK_EQ(hall.ended, 1);
        CHECK_RESULT(&hall.accept, how == 1 ? WEIR_EDEADLINE : WEIR_ECANCELED);
        CHECK(hall.count >= 2);
        hall_leave(&hall);
        for (int i = 0; i < 16; i++)
            served += is_closed(clients[i]);
        CHECK_EQ(served, 16);
        close_many(clients, 16);
    }
}

static void close_in_callback(struct weir_op *op)
{
    struct hall *hall = op->user;
    note(op);
    if (hall->count == 1 && op->more)
        CHECK_EQ(weir_close(&hall->listener, contract_closed), 0);
}

static void close_now_in_callback(struct weir_op *op)
{
    struct hall *hall = op->user;
    note(op);
    if (hall->count == 1 && op->more)
        CHECK_EQ(weir_close_now(&hall->listener), 0);
}

/* Closed by its own callback: it ends once, the port is free, and nobody is accepted any more. */
static void multishot_close_midway(struct contract *c)
{
    static weir_done *const ways[] = {close_in_callback, close_now_in_callback};
    for (int way = 0; way < 2; way++) {
        static struct hall        hall;
        static struct weir_handle again;
        int                       clients[8];
        hall_open(c, &hall, ways[way]);
        connect_many(&hall, clients, 8);
        contract_run(c);
        CHECK_EQ(hall.ended, 1);
        CHECK_RESULT(&hall.accept, WEIR_ECANCELED);
        CHECK_EQ(weir_handle_kind(&hall.listener), WEIR_HANDLE_NONE);
        struct weir_address address = contract_loopback(hall.port);
        CHECK_EQ(weir_listen(&again, c->loop, address.data.bytes, address.length, 1, 0), 0);
        contract_close(c, &again);
        hall_leave(&hall);
        for (int i = 0; i < 8; i++)
            CHECK(is_closed(clients[i]));
        close_many(clients, 8);
    }
}

/* A client comes and the listener is closed before the loop has looked: a connection that the
 * kernel had already made is closed by weir. */
static void multishot_connection_behind_a_close_is_closed(struct contract *c)
{
    for (int i = 0; i < 5; i++) {
        static struct hall hall;
        int                client;
        hall_open(c, &hall, note);
        some_turns(c);
        connect_many(&hall, &client, 1);
        contract_close(c, &hall.listener);
        CHECK_RESULT(&hall.accept, WEIR_ECANCELED);
        CHECK_EQ(hall.count, 0);
        CHECK(is_closed(client));
        contract_raw_close(client);
    }
}

static void cancel_in_callback(struct weir_op *op)
{
    struct hall *hall = op->user;
    note(op);
    if (hall->count == 1 && op->more)
        CHECK_EQ(weir_cancel(op), 0);
}

/* The accepts behind it wait for their turn, and get what it did not take. */
static void multishot_is_one_of_a_queue(struct contract *c)
{
    static struct hall        hall;
    static struct weir_handle accepted;
    struct weir_op            next = {0}, recv = {0};
    int                       clients[2];
    unsigned char             number;
    hall_open(c, &hall, cancel_in_callback);
    weir_accept(&next, &hall.listener, &accepted, 0, contract_done);
    some_turns(c);
    CHECK(contract_live(&next));
    connect_many(&hall, clients, 1);
    contract_until(c, &hall.ended, 1);
    CHECK_RESULT(&hall.accept, WEIR_ECANCELED);
    CHECK_EQ(hall.count, 1);
    CHECK(contract_live(&next));
    clients[1] = contract_raw_connect(hall.port);
    contract_raw_send(clients[1], "\x01", 1);
    CHECK_EQ(contract_await(c, &next), 0);
    weir_recv(&recv, &accepted, &number, 1, 0, contract_done);
    CHECK_EQ(contract_await(c, &recv), 1);
    CHECK_EQ(number, 1);
    hall_leave(&hall);
    close_many(clients, 2);
}

/* The loop is closed while connections are accepted and not yet told: none of them leaks. */
static void multishot_ends_with_its_loop(struct contract *c)
{
    static struct hall hall;
    int                clients[16];
    hall_open(c, &hall, note);
    hall.stop_after = 2;
    some_turns(c);
    connect_many(&hall, clients, 16);
    contract_until(c, &hall.count, 2);
    contract_loop_close(c, c->loop);
    c->loop = NULL;
    CHECK_EQ(hall.ended, 1);
    CHECK_RESULT(&hall.accept, WEIR_ECANCELED);
    CHECK_EQ(hall.count, 2);
    hall_leave(&hall);
    for (int i = 0; i < 16; i++)
        CHECK(is_closed(clients[i]));
    close_many(clients, 16);
}

/* A handle to be filled is for one connection; without one, only many make sense. */
static void multishot_wrong_arguments_are_told(struct contract *c)
{
    static struct weir_handle listener, accepted, a, b;
    struct weir_op            ops[4] = {{0}};
    contract_listen_any(c, &listener);
    contract_unix_pair(c, &a, &b);
    weir_accept(&ops[0], &listener, &accepted, WEIR_MULTISHOT, contract_done);
    weir_accept(&ops[1], &listener, NULL, 0, contract_done);
    weir_accept(&ops[2], &listener, NULL, WEIR_MULTISHOT, NULL);
    weir_accept(&ops[3], &a, NULL, WEIR_MULTISHOT, contract_done);
    contract_run(c);
    for (int i = 0; i < 4; i++)
        CHECK_RESULT(&ops[i], WEIR_EINVAL);
    contract_close(c, &a);
    contract_close(c, &b);
}

const struct contract_case contract_cases[] = {
    {"multishot_one_last_on_accept", multishot_one_last_on_accept, 0},
    /* The loop is opened with options. */
    {"multishot_without_the_kernels", multishot_without_the_kernels, CONTRACT_OWN_LOOP},
    {"multishot_results_are_adopted", multishot_results_are_adopted, 0},
    {"multishot_deadline_bounds_the_whole", multishot_deadline_bounds_the_whole, 0},
    {"multishot_emfile_paced", multishot_emfile_paced, CONTRACT_NO_VALGRIND},
    {"multishot_emfile_is_cancelled", multishot_emfile_is_cancelled, CONTRACT_NO_VALGRIND},
    {"multishot_tells_what_it_has_when_stopped", multishot_tells_what_it_has_when_stopped, 0},
    {"multishot_close_midway", multishot_close_midway, 0},
    {"multishot_connection_behind_a_close_is_closed", multishot_connection_behind_a_close_is_closed,
     0},
    {"multishot_is_one_of_a_queue", multishot_is_one_of_a_queue, 0},
    {"multishot_ends_with_its_loop", multishot_ends_with_its_loop, 0},
    {"multishot_wrong_arguments_are_told", multishot_wrong_arguments_are_told, 0},
    {0},
};
