/* SPDX-License-Identifier: MIT */
/* peer.h - what talks to an example: clients that want their bytes back, and a server that gives
 * them back. */
#ifndef SIM_PEER_H
#define SIM_PEER_H

#include "driver.h"

struct client {
    struct driver      *driver;
    struct weir_handle  sock;
    struct weir_op      sending, receiving;
    struct weir_op      waiting; /* for the server to be there */
    struct weir_address server;
    unsigned            tries;
    uint64_t            place; /* its bytes are those from here on */
    size_t              length, sent, received;
    int64_t             error; /* that ended it before all came back, or 0 */
    bool                ended;
    void (*on_ended)(struct client *client);
    unsigned char out[7000], in[9000];
};

/* Sends `length` bytes to a port of the example's host, and checks each that comes back. It asks
 * again while nobody listens; on_ended() comes in any case. */
void client_start(struct client *client, struct driver *driver, unsigned port, size_t length,
                  void (*on_ended)(struct client *client));

/* Gives back what it receives, one connection at a time, at a port of driver->far. */
void server_start(struct driver *driver, unsigned port);

#endif
