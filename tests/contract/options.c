/* SPDX-License-Identifier: MIT */
/* options.c - socket options that a socket does not have, and values that an option does not. */
#include <sys/socket.h>

#include "contract.h"

/* Both ways, the same error. */
static void refuse(struct weir_handle *handle, enum weir_option option, int error)
{
    int64_t value = 0;
    CHECK_EQ(weir_option_set(handle, option, 1), error);
    CHECK_EQ(weir_option_get(handle, option, &value), error);
}

static bool is_of_another_kind(int error)
{
    return error == WEIR_ENOPROTOOPT ||
           error == WEIR_EOPNOTSUPP; /* the system's two words for it */
}

static void refuse_kind(struct weir_handle *handle, enum weir_option option)
{
    int64_t value = 0;
    CHECK(is_of_another_kind(weir_option_set(handle, option, 1)));
    CHECK(is_of_another_kind(weir_option_get(handle, option, &value)));
}

static void wrong_values_are_refused(struct weir_handle *stream, struct weir_handle *datagram)
{
    static const struct {
        enum weir_option option;
        int64_t          value;
    } wrong[] = {
        {WEIR_OPTION_NODELAY, 2},         {WEIR_OPTION_NODELAY, -1},
        {WEIR_OPTION_KEEPALIVE, -1},      {WEIR_OPTION_KEEPALIVE, INT64_MAX},
        {WEIR_OPTION_RECEIVE_BUFFER, -1}, {WEIR_OPTION_SEND_BUFFER, INT64_C(1) << 32},
        {WEIR_OPTION_LINGER, -2},         {WEIR_OPTION_LINGER, INT64_MAX},
        {WEIR_OPTION_DONT_FRAGMENT, 2},   {(enum weir_option)(WEIR_OPTION_ERROR + 1), 0},
        {(enum weir_option) - 1, 0},
    };
    static const struct {
        enum weir_option option;
        int64_t          value;
    } wrong_there[] = {
        {WEIR_OPTION_BROADCAST, 2},
        {WEIR_OPTION_MULTICAST_TTL, 256},
        {WEIR_OPTION_MULTICAST_TTL, -1},
        {WEIR_OPTION_MULTICAST_LOOP, 7},
    };
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CHECK_EQ(weir_option_set(stream, wrong[i].option, wrong[i].value), WEIR_EINVAL);
    for (unsigned i = 0; i < sizeof wrong_there / sizeof *wrong_there; i++)
        CHECK_EQ(weir_option_set(datagram, wrong_there[i].option, wrong_there[i].value),
                 WEIR_EINVAL);
}

static void options_are_refused(struct contract *c)
{
    struct weir_handle tcp = {0}, tcp_peer = {0}, udp = {0}, local = {0}, local_peer = {0};
    struct weir_handle reader = {0}, writer = {0};
    int64_t            value = 0;
    contract_tcp_pair(c, &tcp, &tcp_peer);
    contract_unix_pair(c, &local, &local_peer);
    contract_pipe_pair(c, &reader, &writer);
    CHECK_EQ(weir_socket(&udp, c->loop, AF_INET, SOCK_DGRAM, 0), 0);
    wrong_values_are_refused(&tcp, &udp);
    CHECK_EQ(weir_option_get(&tcp, WEIR_OPTION_NODELAY, NULL), WEIR_EINVAL);
    CHECK_EQ(weir_option_get(&tcp, (enum weir_option)99, &value), WEIR_EINVAL);
    CHECK_EQ(weir_option_set(&tcp, WEIR_OPTION_ERROR, 0), WEIR_ENOPROTOOPT);
    refuse_kind(&udp, WEIR_OPTION_NODELAY);
    refuse_kind(&udp, WEIR_OPTION_KEEPALIVE);
    CHECK(is_of_another_kind(weir_option_set(&udp, WEIR_OPTION_KEEPALIVE, 0)));
    CHECK_EQ(weir_option_set(&tcp, WEIR_OPTION_MULTICAST_TTL, 1), WEIR_EINVAL);
    refuse_kind(&tcp, WEIR_OPTION_RECEIVE_OFFLOAD);
    refuse_kind(&tcp, WEIR_OPTION_SEND_SEGMENT);
    refuse_kind(&local, WEIR_OPTION_NODELAY);
    refuse_kind(&local, WEIR_OPTION_KEEPALIVE);
    refuse_kind(&local, WEIR_OPTION_MULTICAST_TTL);
    refuse_kind(&local, WEIR_OPTION_DONT_FRAGMENT);
    refuse_kind(&local, WEIR_OPTION_RECEIVE_OFFLOAD);
    for (int option = WEIR_OPTION_NODELAY; option < WEIR_OPTION_ERROR; option++)
        refuse(&reader, (enum weir_option)option, WEIR_ENOTSOCK);
    CHECK_EQ(weir_option_get(&reader, WEIR_OPTION_ERROR, &value), WEIR_ENOTSOCK);
    CHECK_EQ(weir_close(&udp, contract_closed), 0);
    refuse(&udp, WEIR_OPTION_BROADCAST, WEIR_EBADF);
    contract_run(c);
    refuse(&udp, WEIR_OPTION_BROADCAST, WEIR_EBADF);
    struct weir_handle *all[] = {&tcp, &tcp_peer, &local, &local_peer, &reader, &writer};
    for (unsigned i = 0; i < sizeof all / sizeof *all; i++)
        contract_close(c, all[i]);
    struct weir_handle never = {0};
    refuse(&never, WEIR_OPTION_BROADCAST, WEIR_EBADF);
}

const struct contract_case contract_cases[] = {
    {"options_are_refused", options_are_refused, 0},
    {0},
};
