/* SPDX-License-Identifier: MIT */
/* group.c - the example `group`, whose loops are of one host and have no threads: every byte comes
 * back to its client, until SIGTERM. */
#include <signal.h>

#include "peer.h"

#define CLIENTS 5u
#define LENGTH 40000u

int example_main(int argc, char **argv);

static struct client clients[CLIENTS];
static unsigned      ended;

static void on_ended(struct client *client)
{
    if (++ended == CLIENTS)
        driver_signal(client->driver, SIGTERM);
}

static int run(struct driver *driver)
{
    for (unsigned i = 0; i < CLIENTS; i++)
        client_start(&clients[i], driver, 7000, LENGTH * i + 1, on_ended);
    return driver_call(example_main, "group 7000");
}

static void check(const struct driver *driver)
{
    if (driver->faults)
        return; /* what came back was right; and it ended */
    CHECK(driver->status == 0);
    CHECK(driver_printed(driver, "listening on 127.0.0.1:7000 (sim)"));
    for (unsigned i = 0; i < CLIENTS; i++) {
        CHECK(clients[i].ended && !clients[i].error);
        CHECK(clients[i].received == clients[i].length);
    }
}

const struct driver_example example = {.run = run, .check = check};
