/* SPDX-License-Identifier: MIT */
/* memory.c - more ends at a time than there is memory to tell of: none is lost. Opening and running
 * without memory: inside.c; every case without some of it: torture.h. */
#include "contract.h"

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

const struct contract_case contract_cases[] = {
    {"more_polls_than_memory", more_polls_than_memory, 0},
    {"more_file_ops_than_memory", more_file_ops_than_memory, 0},
    {0},
};
