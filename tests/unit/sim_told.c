/* SPDX-License-Identifier: MIT */
/* sim_told.c - what a program is told of faults that a real system makes too seldom to be waited
 * for, on each model of a mechanism. */
#include "sim_loops.h"

#define ALWAYS 1000000u /* per million */
#define CLIENTS 20

static const char *const models[] = {"completion", "level", "edge", "oneshot"};

/* ---- Connections that are gone before they are accepted -------------------------------------- */

static void connect_clients(struct two *two, struct side *clients)
{
    struct weir_address address;
    CHECK_EQ(weir_address_parse(&address, "10.0.0.2:80"), 0);
    for (int i = 0; i < CLIENTS; i++) {
        CHECK_EQ(weir_socket(&clients[i].sock, two->loops[0], AF_INET, SOCK_STREAM, 0), 0);
        weir_connect(&clients[i].op, &clients[i].sock, &address.data, address.length, 0, NULL);
    }
    weir_sim_run(two->sim, WEIR_SECOND);
}

/* The accept that finds an aborted connection goes on to the next one. */
static void accepts_skip_what_was_aborted(const char *model)
{
    const struct weir_sim_options options = {.model = model, .seed = 3};
    struct two                    two;
    struct weir_address           address;
    struct weir_handle            listener = {0}, accepted[CLIENTS] = {{0}};
    struct weir_op                op = {0};
    static struct side            clients[CLIENTS];
    unsigned                      count = 0;
    memset(clients, 0, sizeof clients);
    two_open(&two, &options);
    CHECK_EQ(weir_address_parse(&address, "10.0.0.2:80"), 0);
    CHECK_EQ(weir_listen(&listener, two.loops[1], &address.data, address.length, 64, 0), 0);
    connect_clients(&two, clients);
    weir_sim_fault_set(two.sim, WEIR_SIM_RESET, ALWAYS / 2);
    for (;;) {
        weir_accept(&op, &listener, &accepted[count], 0, NULL);
        if (weir_sim_run(two.sim, WEIR_SECOND))
            break;
        CHECK_EQ(op.result, 0);
        CHECK_EQ(weir_handle_kind(&accepted[count]), WEIR_HANDLE_STREAM);
        CHECK(++count < CLIENTS);
    }
    CHECK(count > 0); /* and some were aborted: fewer than there were */
    CHECK(!weir_ended(&op));
    weir_sim_heal(two.sim);
    struct side last = {0};
    CHECK_EQ(weir_socket(&last.sock, two.loops[0], AF_INET, SOCK_STREAM, 0), 0);
    weir_connect(&last.op, &last.sock, &address.data, address.length, 0, NULL);
    CHECK_EQ(weir_sim_run(two.sim, WEIR_SECOND), 0);
    CHECK_EQ(op.result, 0); /* the listener has not failed */
    two_close(&two);
}

/* ---- Syncs that fail ------------------------------------------------------------------------- */

static int64_t sync_again(struct two *two, struct weir_handle *file)
{
    struct weir_op op = {0};
    weir_fsync(&op, file, 0, NULL);
    CHECK_EQ(weir_sim_run(two->sim, WEIR_FOREVER), 0);
    return op.result;
}

/* Told, not tried again by weir, and told once: what was lost is lost, as the next sync, which has
 * nothing to write, says nothing of. */
static void failed_sync_is_told_once(const char *model)
{
    const struct weir_sim_options options = {.model = model};
    struct two                    two;
    struct weir_handle            file = {0};
    struct weir_op                op = {0};
    two_open(&two, &options);
    weir_open(&op, two.loops[0], &file, "log", WEIR_OPEN_WRITE | WEIR_OPEN_CREATE, 0, NULL);
    CHECK_EQ(weir_sim_run(two.sim, WEIR_FOREVER), 0);
    weir_write(&op, &file, "hello", 5, 0, WEIR_ALL, NULL);
    CHECK_EQ(weir_sim_run(two.sim, WEIR_FOREVER), 0);
    CHECK_EQ(op.result, 5);
    weir_sim_fault_set(two.sim, WEIR_SIM_DISK_ERROR, ALWAYS);
    CHECK_EQ(sync_again(&two, &file), WEIR_EIO);
    weir_sim_heal(two.sim);
    CHECK_EQ(sync_again(&two, &file), 0);
    CHECK_EQ(sync_again(&two, &file), 0);
    two_close(&two);
}

int main(void)
{
    for (int i = 0; i < 4; i++) {
        accepts_skip_what_was_aborted(models[i]);
        failed_sync_is_told_once(models[i]);
    }
    return 0;
}
