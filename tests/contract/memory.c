/* SPDX-License-Identifier: MIT */
/* memory.c - how little of it a connection takes, and more ends at a time than there is memory to
 * tell of: none is lost. Opening and running without memory: inside.c; every case without some of
 * it: torture.h. */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "contract.h"

/* A few short of 16,384: what grows by doubling is nearly full then, so that what it holds is
 * counted, and hardly its slack. */
#define IDLE 16300u

/* What has no room to be told of now is told when there is memory again. */
static void more_polls_than_memory(struct contract *c)
{
    static struct weir_op polls[300];
    struct weir_handle    a = {0};
    int                   peer = contract_unix_peer(c, &a);
    for (int i = 0; i < 300; i++)
        weir_poll(&polls[i], &a, WEIR_IN, 0, contract_done);
    for (int turn = 0; turn < 3; turn++)
        CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    contract_heap_fail(1, true);
    contract_raw_send(peer, "x", 1);
    contract_await(c, &polls[0]);
    contract_heap_fail(0, false);
    contract_run(c);
    for (int i = 0; i < 300; i++)
        CHECK_RESULT(&polls[i], WEIR_IN);
    contract_close(c, &a);
    contract_raw_close(peer);
}

/* An op for whose request there is no memory says so; the others end, however many at a time. */
static void more_file_ops_than_memory(struct contract *c)
{
    static struct weir_op ops[400];
    static char           bytes[400];
    struct weir_handle    file = {0};
    unsigned              mode = WEIR_OPEN_READ | WEIR_OPEN_WRITE | WEIR_OPEN_CREATE;
    weir_open(&ops[0], c->loop, &file, contract_temp_file(c), mode, 0, contract_done);
    CHECK_EQ(contract_await(c, &ops[0]), 0);
    weir_write(&ops[0], &file, bytes, sizeof bytes, 0, 0, contract_done);
    CHECK_EQ(contract_await(c, &ops[0]), sizeof bytes);
    for (int lap = 0; lap < 10; lap++) {
        for (int i = 0; i < 400; i++)
            if (i % 8)
                weir_read(&ops[i], &file, &bytes[i], 1, (uint64_t)i, 0, contract_done);
            else
                weir_fsync(&ops[i], &file, 0, contract_done);
        contract_heap_fail(lap % 2 ? 1 : 20, true);
        contract_run(c);
        contract_heap_fail(0, false);
        for (int i = 0; i < 400; i++)
            CHECK(ops[i].result == (i % 8 ? 1 : 0) || ops[i].result == WEIR_ENOMEM);
    }
    contract_close(c, &file);
}

struct idle {
    struct weir_handle handle;
    struct weir_op     recv;
    char               byte;
};

/* The most bytes that one takes of the loop's memory, beside its op and its handle: 32 for its
 * place among the timers, and what its mechanism keeps. */
static uint64_t idle_most(const char *engine)
{
    if (!strcmp(engine, "linux-aio"))
        return 176; /* a control block for each that waits */
    if (!strcmp(engine, "sigio"))
        return 64; /* what is known of its descriptor */
    if (!strcmp(engine, "spin"))
        return 40;                            /* where it is among those that are asked in turn */
    return !strcmp(engine, "poll") ? 48 : 32; /* its place in the array of poll(2) */
}

/* A receive that waits, under a deadline: op, handle, and what the loop keeps of them. */
static void idle_connections_are_small(struct contract *c)
{
    struct rlimit limit;
    if (!strcmp(c->engine, "select"))
        SKIP("select(2) takes no descriptor from FD_SETSIZE on");
    if (!strcmp(c->engine, "threads"))
        SKIP("each receive that waits has a thread");
    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_max < IDLE + 100)
        SKIP("this process may not have so many descriptors");
    limit.rlim_cur = IDLE + 100;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    struct idle *idle = calloc(IDLE, sizeof *idle);
    CHECK(idle != NULL);
    struct contract_heap before = contract_heap();
    for (unsigned i = 0; i < IDLE; i++) {
        CHECK_EQ(weir_socket(&idle[i].handle, c->loop, AF_UNIX, SOCK_DGRAM, 0), 0);
        weir_recv(&idle[i].recv, &idle[i].handle, &idle[i].byte, 1, 0, contract_done);
        weir_deadline(&idle[i].recv, 3600 * WEIR_SECOND);
    }
    for (int turn = 0; turn < 3; turn++)
        CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    uint64_t each = (contract_heap().bytes - before.bytes) / IDLE;
    if (each > idle_most(c->engine))
        contract_fail(__FILE__, __LINE__, "each takes %u bytes", (unsigned)each);
    for (unsigned i = 0; i < IDLE; i++)
        weir_close(&idle[i].handle, NULL);
    contract_run(c);
    for (unsigned i = 0; i < IDLE; i++)
        CHECK_RESULT(&idle[i].recv, WEIR_ECANCELED);
    free(idle);
}

const struct contract_case contract_cases[] = {
    {"idle_connections_are_small", idle_connections_are_small, 0},
    {"more_polls_than_memory", more_polls_than_memory, 0},
    {"more_file_ops_than_memory", more_file_ops_than_memory, 0},
    {0},
};
