/* SPDX-License-Identifier: MIT */
/* sim_loops.h - a simulated world with loops in it, as a test of weir/sim.h has it. */
#ifndef SIM_LOOPS_H
#define SIM_LOOPS_H

#include <string.h>
#include <sys/socket.h>
#include <weir.h>
#include <weir/sim.h>

#include "unit.h"

/* 10.0.0.1 and 10.0.0.2, each with one loop. */
struct two {
    struct weir_sim      *sim;
    struct weir_sim_host *hosts[2];
    struct weir_loop     *loops[2];
};

static inline struct weir_loop *loop_on(struct weir_sim_host *host)
{
    struct weir_options options = {.engine = "sim", .sim_host = host};
    struct weir_loop   *loop;
    CHECK_EQ(weir_loop_open(&loop, &options), 0);
    return loop;
}

static inline void two_open(struct two *two, const struct weir_sim_options *options)
{
    CHECK_EQ(weir_sim_open(&two->sim, options), 0);
    CHECK_EQ(weir_sim_host_add(two->sim, &two->hosts[0], "one", "10.0.0.1"), 0);
    CHECK_EQ(weir_sim_host_add(two->sim, &two->hosts[1], "other", "10.0.0.2"), 0);
    for (int i = 0; i < 2; i++)
        two->loops[i] = loop_on(two->hosts[i]);
}

/* The test has closed its handles, or leaves them to the loops. */
static inline void two_close(struct two *two)
{
    for (int i = 0; i < 2; i++)
        if (two->loops[i])
            CHECK_EQ(weir_loop_close(two->loops[i], WEIR_FOREVER), 0);
    CHECK(!weir_sim_broken(two->sim));
    CHECK_EQ(weir_sim_close(two->sim), 0);
}

/* One side of a connection, and what it is doing. */
struct side {
    struct weir_handle sock;
    struct weir_op     op;
    char               data[64];
};

/* links[0] on the first host is connected to links[1], accepted on the second. */
static inline void two_connect(struct two *two, struct side sides[2])
{
    struct weir_address address;
    struct weir_handle  listener = {0};
    CHECK_EQ(weir_address_parse(&address, "10.0.0.2:80"), 0);
    CHECK_EQ(weir_listen(&listener, two->loops[1], &address.data, address.length, 0, 0), 0);
    CHECK_EQ(weir_socket(&sides[0].sock, two->loops[0], AF_INET, SOCK_STREAM, 0), 0);
    weir_accept(&sides[1].op, &listener, &sides[1].sock, 0, NULL);
    weir_connect(&sides[0].op, &sides[0].sock, &address.data, address.length, 0, NULL);
    CHECK_EQ(weir_sim_run(two->sim, WEIR_FOREVER), 0);
    CHECK_EQ(sides[0].op.result, 0);
    CHECK_EQ(sides[1].op.result, 0);
    CHECK_EQ(weir_close(&listener, NULL), 0);
    CHECK_EQ(weir_sim_run(two->sim, WEIR_FOREVER), 0);
}

/* A word from the first to the second, who waits for it; not yet arrived. */
static inline void two_say(struct side sides[2], const char *word)
{
    weir_send(&sides[0].op, &sides[0].sock, word, strlen(word), WEIR_ALL, NULL);
    weir_recv(&sides[1].op, &sides[1].sock, sides[1].data, sizeof sides[1].data, 0, NULL);
}

#endif
