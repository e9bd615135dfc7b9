/* SPDX-License-Identifier: MIT */
/* poll_changes.c - readiness that comes about without a call of weir's on the other side: changes
 * that a mechanism may not be told of. */
#include <poll.h>
#include <sys/socket.h>

#include "contract.h"

/* A few turns that never wait, for what is to stay as it is. */
static void some_turns(struct contract *c)
{
    for (int i = 0; i < 4; i++)
        CHECK(weir_run(c->loop, WEIR_NOWAIT) >= 0);
}

/* A hang-up is complete when both sides have ended their sending, whoever is the last. */
static void own_shutdown_completes_a_hang_up(struct contract *c)
{
    static struct weir_handle handles[2];
    for (int i = 0; i < 2; i++) {
        struct weir_handle *a = &handles[i];
        struct weir_op      hup = {0}, end = {0};
        char                byte;
        int                 peer = i ? contract_unix_peer(c, a) : contract_tcp_peer(c, a);
        contract_raw_shutdown(peer);
        weir_recv(&end, a, &byte, 1, 0, contract_done);
        CHECK_EQ(contract_await(c, &end), 0);
        weir_poll(&hup, a, 0, 0, contract_done);
        some_turns(c);
        CHECK(contract_live(&hup));
        weir_shutdown(&end, a, 0, contract_done);
        CHECK_EQ(contract_await(c, &end), 0);
        CHECK_EQ(contract_await(c, &hup), WEIR_HUP);
        contract_raw_close(peer);
    }
}

/* The peer of a unix socket ends its sending first, and its receiving then. */
static void hang_up_in_two_steps(struct contract *c)
{
    static struct weir_handle a;
    struct weir_op            hup = {0}, end = {0};
    char                      byte;
    int                       peer = contract_unix_peer(c, &a);
    weir_poll(&hup, &a, 0, 0, contract_done);
    contract_raw_shutdown(peer);
    weir_recv(&end, &a, &byte, 1, 0, contract_done);
    CHECK_EQ(contract_await(c, &end), 0);
    some_turns(c);
    CHECK(contract_live(&hup));
    CHECK_EQ(shutdown(peer, SHUT_RD), 0);
    CHECK_EQ(contract_await(c, &hup), WEIR_HUP);
    contract_raw_close(peer);
}

/* Room is waited for also where no send of weir's met the lack of it: others filled the socket. */
static void out_waits_for_room_that_others_took(struct contract *c)
{
    static struct weir_handle handles[4];
    static char               data[1 << 14];
    for (int i = 0; i < 4; i++) {
        struct weir_handle *a = &handles[i];
        struct weir_op      first = {0}, out = {0};
        int                 peer = i % 2 ? contract_unix_peer(c, a) : contract_tcp_peer(c, a);
        struct pollfd       ready = {.fd = (int)weir_handle_os(a), .events = POLLOUT};
        if (i / 2) { /* watched before, and not for the first time then */
            weir_poll(&first, a, WEIR_IN, 0, contract_done);
            some_turns(c);
        }
        while (poll(&ready, 1, 0) > 0)
            CHECK(send(ready.fd, data, sizeof data, MSG_DONTWAIT) > 0);
        weir_poll(&out, a, WEIR_OUT, 0, contract_done);
        some_turns(c);
        CHECK(contract_live(&out));
        while (contract_raw_readable(peer, 100))
            contract_raw_recv_some(peer, data, sizeof data);
        CHECK_EQ(contract_await(c, &out), WEIR_OUT);
        if (i / 2) {
            CHECK_EQ(weir_cancel(&first), 0);
            CHECK_EQ(contract_await(c, &first), WEIR_ECANCELED);
        }
        contract_raw_close(peer);
    }
}

const struct contract_case contract_cases[] = {
    {"own_shutdown_completes_a_hang_up", own_shutdown_completes_a_hang_up, 0},
    {"hang_up_in_two_steps", hang_up_in_two_steps, 0},
    {"out_waits_for_room_that_others_took", out_waits_for_room_that_others_took, 0},
    {0},
};
