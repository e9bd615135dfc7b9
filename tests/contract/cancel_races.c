/* SPDX-License-Identifier: MIT */
/* cancel_races.c - cancels that meet the very thing they cancel. */
#include <sys/socket.h>

#include "contract.h"

/* A small generator, so that each run takes the same turns. */
static unsigned draw(unsigned *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 16;
}

/* Whatever cancelling does to a receive, the stream goes on exactly where it told to be. */
static void racing_data(struct contract *c)
{
    struct weir_handle handle = {0};
    struct weir_op     op = {0};
    unsigned           random = 1, rounds = contract_count(3000);
    uint64_t           sent = 0, received = 0;
    char               out[64], in[64];
    int                peer = contract_tcp_peer(c, &handle);
    for (unsigned i = 0; i < rounds; i++) {
        unsigned how = draw(&random), length = 1 + draw(&random) % (sizeof out - 1);
        contract_fill(out, length, sent, 7);
        if (how & 1)
            contract_raw_send(peer, out, length), sent += length;
        weir_recv(&op, &handle, in, sizeof in, 0, contract_done);
        if (how & 2)
            weir_run(c->loop, WEIR_NOWAIT);
        if (!(how & 1) && (how & 4))
            contract_raw_send(peer, out, length), sent += length;
        int answer = weir_cancel(&op);
        CHECK(answer == 0 || answer == WEIR_ENOENT);
        if (!(how & 5))
            contract_raw_send(peer, out, length), sent += length;
        int64_t result = contract_await(c, &op);
        if (result != WEIR_ECANCELED) {
            CHECK(result > 0);
            CHECK(contract_filled(in, (size_t)result, received, 7));
            received += (uint64_t)result;
        }
    }
    while (received < sent) {
        weir_recv(&op, &handle, in, sizeof in, 0, contract_done);
        int64_t result = contract_await(c, &op);
        CHECK(result > 0);
        CHECK(contract_filled(in, (size_t)result, received, 7));
        received += (uint64_t)result;
    }
    contract_close(c, &handle);
    contract_raw_close(peer);
}

/* A connection that met a cancelled accept is delivered, or the next accept finds it. */
static void racing_accept(struct contract *c)
{
    struct weir_handle listener = {0};
    unsigned           random = 2, rounds = contract_count(300);
    uint16_t           port = contract_listen_any(c, &listener);
    for (unsigned i = 0; i < rounds; i++) {
        struct weir_handle accepted = {0};
        struct weir_op     op = {0};
        unsigned           how = draw(&random), mark = 0;
        int                peer = -1;
        if (how & 1)
            peer = contract_raw_connect(port);
        weir_accept(&op, &listener, &accepted, 0, contract_done);
        if (how & 2)
            weir_run(c->loop, WEIR_NOWAIT);
        if (peer < 0 && (how & 4))
            peer = contract_raw_connect(port);
        int answer = weir_cancel(&op);
        CHECK(answer == 0 || answer == WEIR_ENOENT);
        if (peer < 0)
            peer = contract_raw_connect(port);
        contract_raw_send(peer, &i, sizeof i);
        int64_t result = contract_await(c, &op);
        if (result != 0) {
            CHECK_EQ(result, WEIR_ECANCELED);
            CHECK_EQ(weir_handle_kind(&accepted), WEIR_HANDLE_NONE);
            weir_accept(&op, &listener, &accepted, 0, contract_done);
            CHECK_EQ(contract_await(c, &op), 0);
        }
        weir_recv(&op, &accepted, &mark, sizeof mark, WEIR_ALL, contract_done);
        CHECK_EQ(contract_await(c, &op), (int64_t)sizeof mark);
        CHECK_EQ(mark, i);
        contract_close(c, &accepted);
        contract_raw_close(peer);
    }
    contract_close(c, &listener);
}

static void racing_connect(struct contract *c)
{
    unsigned            random = 3, rounds = contract_count(300);
    uint16_t            port;
    int                 listener = contract_raw_listen(&port, 128);
    struct weir_address address = contract_loopback(port);
    for (unsigned i = 0; i < rounds; i++) {
        struct weir_handle handle = {0};
        struct weir_op     op = {0}, send = {0};
        unsigned           how = draw(&random);
        CHECK_EQ(weir_socket(&handle, c->loop, AF_INET, SOCK_STREAM, 0), 0);
        weir_connect(&op, &handle, address.data.bytes, address.length, 0, contract_done);
        if (how & 1)
            weir_run(c->loop, WEIR_NOWAIT);
        int     answer = weir_cancel(&op);
        int64_t result = contract_await(c, &op);
        CHECK(answer == 0 || answer == WEIR_ENOENT);
        CHECK(result == 0 || result == WEIR_ECANCELED);
        if (result == 0) { /* it is connected indeed */
            weir_send(&send, &handle, "x", 1, 0, contract_done);
            CHECK_EQ(contract_await(c, &send), 1);
        }
        contract_close(c, &handle);
        while (contract_raw_readable(listener, 0))
            contract_raw_close(contract_raw_accept(listener));
    }
    contract_raw_close(listener);
}

struct telling {
    int told, last;
};

static void count_tellings(struct weir_op *op)
{
    struct telling *t = op->user;
    CHECK_EQ(t->last, 0);
    t->told++;
    t->last = !op->more;
}

static void multishot_one_last(struct contract *c)
{
    static const unsigned modes[] = {WEIR_LEVEL, WEIR_EDGE};
    for (int i = 0; i < 2; i++) {
        struct weir_handle handle = {0};
        struct telling     telling = {0, 0};
        struct weir_op     op = {.user = &telling};
        int                peer = contract_unix_peer(c, &handle);
        weir_poll(&op, &handle, WEIR_IN, modes[i], count_tellings);
        contract_raw_send(peer, "x", 1);
        while (telling.told == 0)
            CHECK_EQ(weir_run(c->loop, WEIR_ONCE), 1);
        CHECK_EQ(telling.last, 0);
        CHECK_EQ(op.more, 1);
        CHECK(op.result & WEIR_IN);
        contract_raw_send(peer, "y", 1); /* it may tell that, or not any more */
        CHECK_EQ(weir_cancel(&op), 0);
        contract_run(c);
        CHECK_EQ(telling.last, 1);
        CHECK_RESULT(&op, WEIR_ECANCELED);
        int told = telling.told;
        contract_raw_send(peer, "z", 1);
        CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 0);
        CHECK_EQ(telling.told, told);
        contract_close(c, &handle);
        contract_raw_close(peer);
    }
}

const struct contract_case contract_cases[] = {
    {"racing_data", racing_data, 0},
    {"racing_accept", racing_accept, 0},
    {"racing_connect", racing_connect, 0},
    {"multishot_one_last", multishot_one_last, 0},
    {0},
};
