/* SPDX-License-Identifier: MIT */
/* group_close.c - how a group ends: with everything pending, busy, from the wrong thread, and with
 * loops that still talk to each other. */
#include <stdatomic.h>
#include <string.h>

#include "contract.h"

#define LOOPS 3

static struct weir_group *open_group(struct contract *c)
{
    struct weir_group_options options = {.loop = c->options, .loops = LOOPS};
    struct weir_group        *group;
    contract_needs("threads of its own");
    CHECK_EQ(weir_group_open(&group, &options), 0);
    return group;
}

/* ------------------------------------------------------------------------------------------------
 * Everything pending
 * ---------------------------------------------------------------------------------------------- */

struct visitor {
    struct weir_handle handle;
    struct weir_op     recv, timer, work;
    char               byte;
};

static atomic_uint visitors, cancelled, closed;

static void on_cancelled(struct weir_op *op)
{
    CHECK_EQ(op->result, WEIR_ECANCELED);
    atomic_fetch_add(&cancelled, 1);
}

static void on_closed(struct weir_handle *handle)
{
    CHECK_EQ(weir_handle_kind(handle), WEIR_HANDLE_NONE);
    atomic_fetch_add(&closed, 1);
}

/* One in three closes its connection itself, when it is told; the others are closed by the loop. */
static void on_recv_cancelled(struct weir_op *op)
{
    struct visitor *visitor = weir_of(op, struct visitor, recv);
    on_cancelled(op);
    if (atomic_load(&cancelled) % 3 == 0)
        CHECK_EQ(weir_close(&visitor->handle, on_closed), 0);
}

static void on_visitor(struct weir_handle *handle, void *user)
{
    struct visitor *visitor = weir_of(handle, struct visitor, handle);
    (void)user;
    weir_recv(&visitor->recv, handle, &visitor->byte, 1, 0, on_recv_cancelled);
    weir_timer(&visitor->timer, handle->loop, WEIR_FOREVER, 0, on_cancelled);
    atomic_fetch_add(&visitors, 1);
}

static uint16_t listen_for_visitors(struct weir_group *group, enum weir_spread spread)
{
    struct weir_address        address = contract_loopback(0);
    struct weir_group_listener listener = {.address = address.data.bytes,
                                           .address_length = address.length,
                                           .spread = spread,
                                           .connection_size = sizeof(struct visitor),
                                           .on_accept = on_visitor};
    CHECK_EQ(weir_group_listen(group, &listener), 0);
    return (uint16_t)(listener.bound.data.bytes[2] << 8 | listener.bound.data.bytes[3]);
}

static void everything_ends(struct contract *c)
{
    struct weir_group *group = open_group(c);
    uint16_t           ports[2] = {listen_for_visitors(group, WEIR_SPREAD_KERNEL),
                                   listen_for_visitors(group, WEIR_SPREAD_HAND_OVER)};
    int                clients[8 * LOOPS];
    char               byte;
    contract_needs("threads of its own");
    for (int i = 0; i < 8 * LOOPS; i++)
        clients[i] = contract_raw_connect(ports[i % 2]);
    while (atomic_load(&visitors) < 8 * LOOPS)
        contract_breathe();
    CHECK_EQ(weir_group_close(group, WEIR_FOREVER), 0);
    CHECK_EQ(atomic_load(&cancelled), 2 * 8 * LOOPS);
    CHECK(atomic_load(&closed) > 0);
    for (int i = 0; i < 8 * LOOPS; i++) {
        CHECK_EQ(contract_raw_recv_some(clients[i], &byte, 1), 0);
        contract_raw_close(clients[i]);
    }
}

/* Some are still queued, some are on their way from one loop to another. */
static void closes_in_the_middle_of_a_hand_over(struct contract *c)
{
    for (unsigned round = contract_count(10); round; round--) {
        struct weir_group *group = open_group(c);
        uint16_t           ports[2] = {listen_for_visitors(group, WEIR_SPREAD_KERNEL),
                                       listen_for_visitors(group, WEIR_SPREAD_HAND_OVER)};
        int                clients[40];
        for (int i = 0; i < 40; i++)
            clients[i] = contract_raw_connect(ports[i % 2]);
        CHECK_EQ(weir_group_close(group, WEIR_FOREVER), 0);
        for (int i = 0; i < 40; i++)
            contract_raw_close(clients[i]);
    }
}

/* ------------------------------------------------------------------------------------------------
 * Busy
 * ---------------------------------------------------------------------------------------------- */

struct hold {
    struct weir_op       op, post;
    struct weir_group   *group;
    struct contract_gate begun, may_end;
    int                  told[3];
};

static int64_t hold_worker(struct weir_op *op)
{
    struct hold *hold = weir_of(op, struct hold, op);
    contract_gate_open(&hold->begun);
    contract_gate_wait(&hold->may_end);
    return 7;
}

static void begin_to_hold(struct weir_op *op)
{
    struct hold *hold = weir_of(op, struct hold, post);
    weir_work(&hold->op, weir_op_loop(op), hold_worker, 0, contract_done);
}

static void busy_worker_is_awaited(struct contract *c)
{
    struct hold hold = {.group = open_group(c)};
    weir_post(&hold.post, weir_group_loop(hold.group, 1), begin_to_hold);
    contract_gate_wait(&hold.begun);
    CHECK_EQ(weir_group_close(hold.group, WEIR_MILLISECOND), WEIR_EBUSY);
    CHECK_EQ(weir_group_close(hold.group, 0), WEIR_EBUSY);
    CHECK_EQ(weir_group_size(hold.group), LOOPS); /* it stays valid */
    contract_gate_open(&hold.may_end);
    CHECK_EQ(weir_group_close(hold.group, WEIR_FOREVER), 0);
    CHECK_RESULT(&hold.op, 7);
}

static void hold_in_callback(struct weir_op *op)
{
    struct hold *hold = weir_of(op, struct hold, post);
    contract_gate_open(&hold->begun);
    contract_gate_wait(&hold->may_end);
}

static void busy_callback_is_awaited(struct contract *c)
{
    struct hold hold = {.group = open_group(c)};
    weir_post(&hold.post, weir_group_loop(hold.group, 2), hold_in_callback);
    contract_needs("threads of its own");
    contract_gate_wait(&hold.begun);
    CHECK_EQ(weir_group_close(hold.group, WEIR_MILLISECOND), WEIR_EBUSY);
    contract_gate_open(&hold.may_end);
    CHECK_EQ(weir_group_close(hold.group, WEIR_FOREVER), 0);
    CHECK_RESULT(&hold.post, 0);
}

/* ------------------------------------------------------------------------------------------------
 * Who may not
 * ---------------------------------------------------------------------------------------------- */

static void close_from_inside(struct weir_op *op)
{
    struct hold               *hold = weir_of(op, struct hold, post);
    struct weir_group_listener listener = {.address = NULL};
    hold->told[0] = weir_group_close(hold->group, WEIR_FOREVER);
    hold->told[1] = weir_group_listen(hold->group, &listener);
    contract_gate_open(&hold->begun);
}

static void own_threads_are_refused(struct contract *c)
{
    struct hold hold = {.group = open_group(c)};
    weir_post(&hold.post, weir_group_loop(hold.group, 0), close_from_inside);
    contract_gate_wait(&hold.begun);
    CHECK_EQ(hold.told[0], WEIR_EDEADLK);
    CHECK_EQ(hold.told[1], WEIR_EDEADLK);
    CHECK_EQ(weir_group_close(hold.group, WEIR_FOREVER), 0);
}

static void child_is_refused(struct contract *c)
{
    struct weir_group         *group = c->user;
    struct weir_group_listener listener = {.address = NULL};
    CHECK_EQ(weir_group_close(group, 0), WEIR_EPERM);
    CHECK_EQ(weir_group_listen(group, &listener), WEIR_EPERM);
    CHECK_EQ(weir_loop_forget(c->loop), 0);
    c->loop = NULL;
}

static void forked_child_is_refused(struct contract *c)
{
    struct weir_group *group = open_group(c);
    c->user = group;
    contract_in_fork(c, child_is_refused);
    CHECK_EQ(weir_group_close(group, WEIR_FOREVER), 0);
}

/* ------------------------------------------------------------------------------------------------
 * Loops that talk to each other
 * ---------------------------------------------------------------------------------------------- */

#define TALKERS 64

struct talker {
    struct weir_op     timer, post, post_back, move;
    struct weir_handle handle;
    struct weir_group *group;
    unsigned           number;
    int                peer;
};

static struct weir_loop *neighbour_of(const struct talker *talker, unsigned steps)
{
    return weir_group_loop(talker->group, (talker->number + steps) % LOOPS);
}

static void on_last_post(struct weir_op *op)
{
    struct talker *talker = weir_of(op, struct talker, post);
    CHECK(op->result == 0 || op->result == WEIR_ECANCELED);
    weir_post(&talker->post_back, neighbour_of(talker, 0), contract_done);
}

static void on_timer_cancelled(struct weir_op *op)
{
    struct talker *talker = weir_of(op, struct talker, timer);
    CHECK_EQ(op->result, WEIR_ECANCELED);
    weir_post(&talker->post, neighbour_of(talker, 1), on_last_post);
    weir_move(&talker->move, &talker->handle, neighbour_of(talker, 2), 0, contract_done);
}

static void on_arrived(struct weir_op *op)
{
    struct talker *talker = weir_of(op, struct talker, move);
    CHECK_EQ(op->result, 0);
    weir_timer(&talker->timer, weir_op_loop(op), WEIR_FOREVER, 0, on_timer_cancelled);
}

/* What a callback posts to another loop while all of them close finds it there, and is told. */
static void last_words_are_told(struct contract *c)
{
    for (unsigned round = contract_count(20); round; round--) {
        static struct talker talkers[TALKERS];
        struct weir_group   *group = open_group(c);
        char                 byte;
        for (unsigned i = 0; i < TALKERS; i++) {
            talkers[i] = (struct talker){.group = group, .number = i};
            talkers[i].peer = contract_unix_peer(c, &talkers[i].handle);
            weir_move(&talkers[i].move, &talkers[i].handle, neighbour_of(&talkers[i], 0), 0,
                      on_arrived);
        }
        for (unsigned i = 0; i < TALKERS; i++)
            while (!contract_live(&talkers[i].timer))
                contract_breathe();
        CHECK_EQ(weir_group_close(group, WEIR_FOREVER), 0);
        for (unsigned i = 0; i < TALKERS; i++) {
            CHECK_RESULT(&talkers[i].move, WEIR_ECANCELED);
            CHECK(weir_ended(&talkers[i].post) && weir_ended(&talkers[i].post_back));
            CHECK_EQ(contract_told(&talkers[i].post_back), 1);
            CHECK_EQ(weir_handle_kind(&talkers[i].handle), WEIR_HANDLE_NONE);
            CHECK_EQ(contract_raw_recv_some(talkers[i].peer, &byte, 1), 0);
            contract_raw_close(talkers[i].peer);
        }
    }
}

const struct contract_case contract_cases[] = {
    {"everything_ends", everything_ends, 0},
    {"closes_in_the_middle_of_a_hand_over", closes_in_the_middle_of_a_hand_over, 0},
    {"busy_worker_is_awaited", busy_worker_is_awaited, 0},
    {"busy_callback_is_awaited", busy_callback_is_awaited, 0},
    {"own_threads_are_refused", own_threads_are_refused, 0},
    {"forked_child_is_refused", forked_child_is_refused, 0},
    {"last_words_are_told", last_words_are_told, 0},
    {0},
};
