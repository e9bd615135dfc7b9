/* SPDX-License-Identifier: MIT */
/* proxy.c - the example `proxy`: bytes go to a server on another host, found by its name, and come
 * back. It has no end of its own: the world tells its loop that nothing is left that could
 * happen. */
#include "peer.h"

#define CLIENTS 4u
#define LENGTH 30000u

int example_main(int argc, char **argv);

static struct client clients[CLIENTS];

static void prepare(struct driver *driver)
{
    server_start(driver, 7002);
}

static void on_ended(struct client *client)
{
    if (client + 1 < clients + CLIENTS)
        client_start(client + 1, client->driver, 7001, LENGTH, on_ended);
}

static int run(struct driver *driver)
{
    client_start(&clients[0], driver, 7001, LENGTH, on_ended);
    return driver_call(example_main, "proxy 7001 far:7002");
}

static void check(const struct driver *driver)
{
    if (driver->faults)
        return; /* what came back was right; and it ended */
    CHECK(driver->status == 1);
    CHECK(driver_printed(driver, "listening on 127.0.0.1:7001 (sim)"));
    for (unsigned i = 0; i < CLIENTS; i++) {
        CHECK(clients[i].ended && !clients[i].error);
        CHECK(clients[i].received == LENGTH);
    }
}

const struct driver_example example = {
    .prepare = prepare, .run = run, .check = check, .leaves_loop = true};
