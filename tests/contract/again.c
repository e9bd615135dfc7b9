/* SPDX-License-Identifier: MIT */
/* again.c - system calls that say "not now" for a while, in the middle of a loop's life, each as
 * its manual page allows it: everything still ends, with its true result. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "contract.h"

#define PAIRS 8
#define SPELL 25 /* calls that fail; an accept is asked again only 20 times a second */
#define SHORT_SPELL 4

static struct trial {
    int      call, error;
    int      told;  /* an op may end with the error; 0: nothing may */
    unsigned times; /* calls that fail; 0: SPELL */
} trial;

static struct world {
    struct weir_handle a[PAIRS], b[PAIRS], file, listener, accepted, client;
    struct weir_op     recvs[PAIRS], sends[PAIRS], polls[PAIRS], timer, write, read, accept;
    struct weir_op     connect, waiting[PAIRS];
    char               bytes[PAIRS], in[512], out[512];
} world;

/* Whether it has its true result; false where the error may be told instead, and was. */
static bool is_right(const struct weir_op *op, int64_t result)
{
    if (trial.told && (op->result == trial.told || op->error == trial.told))
        return false;
    if (op->result != result)
        contract_fail(__FILE__, __LINE__, "a %s, while call %d failed with %s: %lld %s",
                      weir_op_name(op->kind), trial.call, weir_error_name(-trial.error),
                      (long long)op->result, weir_error_name(op->result));
    return true;
}

static bool await_right(struct contract *c, struct weir_op *op, int64_t result)
{
    contract_await(c, op);
    return is_right(op, result);
}

/* An op that nothing will come for. */
static void end_alone(struct contract *c, struct weir_op *op)
{
    weir_cancel(op);
    contract_await(c, op);
}

/* The byte is not lost where a receive was told the error: the next one gets it. */
static void receive(struct contract *c, int i)
{
    while (!await_right(c, &world.recvs[i], 1))
        weir_recv(&world.recvs[i], &world.b[i], &world.bytes[i], 1, 0, contract_done);
}

static void use_streams(struct contract *c)
{
    for (int i = 0; i < PAIRS; i++) {
        weir_poll(&world.polls[i], &world.b[i], WEIR_IN, 0, contract_done);
        weir_recv(&world.recvs[i], &world.b[i], &world.bytes[i], 1, 0, contract_done);
    }
    CHECK(weir_run(c->loop, WEIR_NOWAIT) >= 0);
    for (int i = 0; i < PAIRS; i++)
        weir_send(&world.sends[i], &world.a[i], "x", 1, 0, contract_done);
    for (int i = 0; i < PAIRS; i++) {
        while (!await_right(c, &world.sends[i], 1))
            weir_send(&world.sends[i], &world.a[i], "x", 1, 0, contract_done);
        receive(c, i);
        end_alone(c, &world.polls[i]); /* the receive may have been faster */
    }
}

static void use_others(struct contract *c)
{
    struct weir_address address;
    weir_timer(&world.timer, c->loop, WEIR_MILLISECOND, 0, contract_done);
    CHECK_EQ(contract_await(c, &world.timer), 0);
    weir_write(&world.write, &world.file, world.out, sizeof world.out, 0, WEIR_ALL, contract_done);
    if (await_right(c, &world.write, sizeof world.out)) {
        weir_read(&world.read, &world.file, world.in, sizeof world.in, 0, WEIR_ALL, contract_done);
        if (await_right(c, &world.read, sizeof world.in))
            CHECK(memcmp(world.in, world.out, sizeof world.in) == 0);
    }
    world.accepted = world.client = (struct weir_handle){0};
    CHECK_EQ(weir_local_address(&world.listener, &address), 0);
    CHECK_EQ(weir_socket(&world.client, c->loop, AF_INET, SOCK_STREAM, 0), 0);
    weir_accept(&world.accept, &world.listener, &world.accepted, 0, contract_done);
    weir_connect(&world.connect, &world.client, address.data.bytes, address.length, 0,
                 contract_done);
    if (!await_right(c, &world.connect, 0))
        weir_cancel(&world.accept);
    contract_await(c, &world.accept);
    contract_close(c, &world.client);
    if (world.accept.result == 0)
        contract_close(c, &world.accepted);
}

/* What waits is asked to end, or its handle closed. */
static void end_all(struct contract *c)
{
    for (int i = 0; i < PAIRS; i++)
        weir_recv(&world.waiting[i], &world.b[i], &world.bytes[i], 1, 0, contract_done);
    CHECK(weir_run(c->loop, WEIR_NOWAIT) >= 0);
    for (int i = 0; i < PAIRS; i++) {
        if (i % 2)
            weir_cancel(&world.waiting[i]);
        CHECK_EQ(weir_close(&world.b[i], contract_closed), 0);
        CHECK_EQ(weir_close(&world.a[i], contract_closed), 0);
    }
    CHECK_EQ(weir_close(&world.file, NULL), 0);
    CHECK_EQ(weir_close(&world.listener, NULL), 0);
    contract_run(c);
    for (int i = 0; i < PAIRS; i++)
        is_right(&world.waiting[i], WEIR_ECANCELED);
}

static void live_through(struct contract *c)
{
    struct weir_op op = {0};
    memset(&world, 0, sizeof world);
    CHECK_EQ(contract_open(c, &c->loop, NULL), 0);
    for (int i = 0; i < PAIRS; i++)
        contract_unix_pair(c, &world.a[i], &world.b[i]);
    contract_listen_any(c, &world.listener);
    weir_open(&op, c->loop, &world.file, contract_temp_file(c),
              WEIR_OPEN_READ | WEIR_OPEN_WRITE | WEIR_OPEN_CREATE, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 0);
    contract_fill(world.out, sizeof world.out, 0, 4);
    unsigned times = trial.times ? trial.times : SPELL;
    contract_deny_for_a_while(trial.call, trial.error, times);
    for (int lap = 0; lap < 4; lap++) {
        use_streams(c);
        use_others(c);
    }
    int64_t told = trial.told;
    if (contract_denied_times() == times || contract_denied_times() == 0)
        trial.told = 0; /* the while is over, or never began: from here on nothing is wrong */
    use_streams(c);
    use_others(c);
    trial.told = (int)told;
    end_all(c);
    contract_loop_close(c, c->loop);
    c->loop = NULL;
}

static void try_all(struct contract *c, const struct trial *trials, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        trial = trials[i];
        contract_in_fork(c, live_through);
    }
}

/* io_uring_enter(2), epoll_wait(2), poll(2), select(2), sigtimedwait(2), io_submit(2),
 * io_getevents(2): interrupted, or no room at this moment. */
static void mechanisms_that_say_not_now(struct contract *c)
{
    static const struct trial trials[] = {
        {SYS_io_uring_enter, EINTR, 0, 0}, {SYS_io_uring_enter, EAGAIN, 0, 0},
        {SYS_io_uring_enter, EBUSY, 0, 0}, {SYS_epoll_pwait, EINTR, 0, 0},
        {SYS_epoll_pwait2, EINTR, 0, 0},   {SYS_ppoll, EINTR, 0, 0},
        {SYS_pselect6, EINTR, 0, 0},       {SYS_rt_sigtimedwait, EINTR, 0, 0},
        {SYS_io_submit, EAGAIN, 0, 0},     {SYS_io_getevents, EINTR, 0, 0},
    };
    try_all(c, trials, sizeof trials / sizeof trials[0]);
}

/* No memory for one more that is watched: an op may end with that, and the next one is served. */
static void watching_fails_for_a_while(struct contract *c)
{
    static const struct trial trials[] = {
        {SYS_epoll_ctl, ENOMEM, WEIR_ENOMEM, 0},
        {SYS_epoll_ctl, ENOSPC, WEIR_ENOSPC, 0},
    };
    try_all(c, trials, sizeof trials / sizeof trials[0]);
}

/* The calls that move bytes: interrupted, or asked to wait although they need not. (That a socket
 * with bytes says EAGAIN is not among them: no system does, and who is told of changes only would
 * wait for the next.) */
static void transfers_that_say_not_now(struct contract *c)
{
    static const struct trial trials[] = {
        {SYS_recvfrom, EINTR, 0, 0}, {SYS_sendto, EINTR, 0, 0},
        {SYS_accept4, EINTR, 0, 0},  {SYS_accept4, ECONNABORTED, 0, 0},
        {SYS_preadv2, EAGAIN, 0, 0}, {SYS_pwritev2, EAGAIN, 0, 0},
        {SYS_pread64, EINTR, 0, 0},  {SYS_pwrite64, EINTR, 0, 0},
    };
    try_all(c, trials, sizeof trials / sizeof trials[0]);
}

/* No memory for the bytes: an op may end with that, and the next one is served. */
static void transfers_without_memory_for_a_while(struct contract *c)
{
    static const struct trial trials[] = {
        {SYS_recvfrom, ENOMEM, WEIR_ENOMEM, 0},
        {SYS_sendto, ENOBUFS, WEIR_ENOBUFS, 0},
        {SYS_accept4, ENOMEM, WEIR_ENOMEM, SHORT_SPELL},
    };
    try_all(c, trials, sizeof trials / sizeof trials[0]);
}

/* Each forked process opens a loop of its own. */
const struct contract_case contract_cases[] = {
    {"mechanisms_that_say_not_now", mechanisms_that_say_not_now,
     CONTRACT_OWN_LOOP | CONTRACT_NO_VALGRIND},
    {"watching_fails_for_a_while", watching_fails_for_a_while,
     CONTRACT_OWN_LOOP | CONTRACT_NO_VALGRIND},
    {"transfers_that_say_not_now", transfers_that_say_not_now,
     CONTRACT_OWN_LOOP | CONTRACT_NO_VALGRIND},
    {"transfers_without_memory_for_a_while", transfers_without_memory_for_a_while,
     CONTRACT_OWN_LOOP | CONTRACT_NO_VALGRIND},
    {0},
};
