/* SPDX-License-Identifier: MIT */
/* sim_group.c - a group in a simulated world: loops of one host, and no threads. */
#include "sim_loops.h"

#define LOOPS 3
#define CLIENTS 12

struct crowd {
    struct weir_group *group;
    unsigned           started, accepted[LOOPS], closed;
};

struct guest {
    struct weir_handle handle;
    struct weir_op     recv, send;
    struct crowd      *crowd;
    char               data[16];
};

static int on_start(struct weir_loop *loop, unsigned index, void *user)
{
    struct crowd *crowd = user;
    CHECK(weir_group_loop(crowd->group, index) == loop);
    crowd->started++;
    return index == 2 && crowd->accepted[0] ? WEIR_EACCES : 0;
}

static void on_closed(struct weir_handle *handle)
{
    weir_of(handle, struct guest, handle)->crowd->closed++;
}

static void on_received(struct weir_op *op)
{
    struct guest *guest = weir_of(op, struct guest, recv);
    if (op->result > 0)
        weir_send(&guest->send, &guest->handle, guest->data, (size_t)op->result, WEIR_ALL, NULL);
    else
        weir_close(&guest->handle, on_closed);
}

static void on_accept(struct weir_handle *handle, void *user)
{
    struct guest *guest = weir_of(handle, struct guest, handle);
    guest->crowd = user;
    for (unsigned i = 0; i < LOOPS; i++)
        guest->crowd->accepted[i] += handle->loop == weir_group_loop(guest->crowd->group, i);
    weir_recv(&guest->recv, handle, guest->data, sizeof guest->data, 0, on_received);
}

static void crowd_open(struct crowd *crowd, struct weir_sim_host *host)
{
    struct weir_group_options options = {.loop = {.engine = "sim", .sim_host = host},
                                         .loops = LOOPS,
                                         .start = on_start,
                                         .user = crowd};
    CHECK_EQ(weir_group_open(&crowd->group, &options), 0);
    CHECK_EQ(weir_group_size(crowd->group), LOOPS);
    CHECK_EQ(crowd->started, LOOPS);
}

static void crowd_listen(struct crowd *crowd, enum weir_spread spread)
{
    struct weir_address address;
    CHECK_EQ(weir_address_parse(&address, "10.0.0.2:80"), 0);
    struct weir_group_listener listener = {.address = &address.data,
                                           .address_length = address.length,
                                           .spread = spread,
                                           .connection_size = sizeof(struct guest),
                                           .on_accept = on_accept,
                                           .user = crowd};
    CHECK_EQ(weir_group_listen(crowd->group, &listener), 0);
    CHECK_EQ(listener.bound.length, address.length);
}

static void clients_come(struct two *two, struct side clients[CLIENTS])
{
    struct weir_address address;
    CHECK_EQ(weir_address_parse(&address, "10.0.0.2:80"), 0);
    for (int i = 0; i < CLIENTS; i++) {
        CHECK_EQ(weir_socket(&clients[i].sock, two->loops[0], AF_INET, SOCK_STREAM, 0), 0);
        weir_connect(&clients[i].op, &clients[i].sock, &address.data, address.length, 0, NULL);
        while (!weir_ended(&clients[i].op))
            CHECK(weir_run(two->loops[0], WEIR_ONCE) >= 0);
        CHECK_EQ(clients[i].op.result, 0);
        weir_send(&clients[i].op, &clients[i].sock, "hello", 5, WEIR_ALL, NULL);
        CHECK_EQ(weir_run(two->loops[0], WEIR_UNTIL_DONE), 0);
        weir_recv(&clients[i].op, &clients[i].sock, clients[i].data, 5, WEIR_ALL, NULL);
        CHECK_EQ(weir_run(two->loops[0], WEIR_UNTIL_DONE), 0);
        CHECK_EQ(clients[i].op.result, 5);
        CHECK(!memcmp(clients[i].data, "hello", 5));
    }
}

static void loops_of_a_group_share_a_world(void)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct weir_sim_options options = {.seed = seed};
        struct side             clients[CLIENTS] = {{.data = ""}};
        struct crowd            crowd = {.started = 0};
        struct two              two;
        bool                    in_turn = seed % 2;
        two_open(&two, &options);
        crowd_open(&crowd, two.hosts[1]);
        crowd_listen(&crowd, in_turn ? WEIR_SPREAD_HAND_OVER : WEIR_SPREAD_KERNEL);
        clients_come(&two, clients);
        for (int i = 0; i < LOOPS && in_turn; i++)
            CHECK_EQ(crowd.accepted[i], CLIENTS / LOOPS);
        CHECK_EQ(crowd.accepted[0] + crowd.accepted[1] + crowd.accepted[2], CLIENTS);
        CHECK_EQ(weir_group_close(crowd.group, WEIR_FOREVER), 0);
        two_close(&two);
    }
}

static void failed_start_leaves_nothing(void)
{
    struct crowd              crowd = {.accepted = {1}};
    struct weir_group_options options = {.loops = LOOPS, .start = on_start, .user = &crowd};
    struct two                two;
    two_open(&two, NULL);
    options.loop = (struct weir_options){.engine = "sim", .sim_host = two.hosts[0]};
    CHECK_EQ(weir_group_open(&crowd.group, &options), WEIR_EACCES);
    CHECK(!crowd.group);
    two_close(&two);
}

/* Without a host the group has a world of its own, and all its loops are in that one. */
static void world_of_its_own(void)
{
    struct crowd crowd = {.started = 0};
    crowd_open(&crowd, NULL);
    CHECK_EQ(weir_group_close(crowd.group, WEIR_FOREVER), 0);
}

/* The loops are gone with their host; the rest of the group is freed by its close. */
static void crash_takes_the_loops(void)
{
    struct side  clients[CLIENTS] = {{.data = ""}};
    struct crowd crowd = {.started = 0};
    struct two   two;
    two_open(&two, NULL);
    crowd_open(&crowd, two.hosts[1]);
    crowd_listen(&crowd, WEIR_SPREAD_HAND_OVER);
    clients_come(&two, clients);
    weir_sim_crash(two.sim, two.hosts[1]);
    two.loops[1] = NULL;
    CHECK(!weir_group_loop(crowd.group, 0));
    CHECK_EQ(weir_group_close(crowd.group, WEIR_FOREVER), 0);
    CHECK_EQ(crowd.closed, 0);
    two_close(&two);
}

int main(void)
{
    loops_of_a_group_share_a_world();
    failed_start_leaves_nothing();
    world_of_its_own();
    crash_takes_the_loops();
    return 0;
}
