/* SPDX-License-Identifier: MIT */
/* kv_test.h - the key-value example in a simulated world: three servers that lose power, links that
 * are cut, and clients who remember what they were told.
 *
 *   history.c   what a register may answer, after what it has said before
 *   client.c    one who sets a key of its own and gets those of all
 *   main.c      the servers, what happens to them, and the end */
#ifndef KV_TEST_H
#define KV_TEST_H

#include <weir/sim.h>

#include "../../../examples/kv/kv.h"

enum { CLIENTS = 3, KEYS_MAX = 256 };

/* ---- history.c ------------------------------------------------------------------------------- */

/* A key has one writer, who writes 1, 2, 3 and so on, each when the one before is done. If one ends
 * with "unavailable" or not at all, it may take effect at any later time, and the key is left to
 * readers. So the values that reads see never go back. */
struct key {
    char     name[16];
    unsigned started; /* the last value that a write was begun with */
    unsigned done;    /* the last one that was acknowledged */
    unsigned seen;    /* the last one that a read returned */
};

struct history {
    struct key keys[KEYS_MAX];
    unsigned   count;
    char       wrong[160]; /* the first thing that should not have been, or empty */
    unsigned   gets, sets, unknown;
};

unsigned history_floor(const struct key *key); /* no read that begins now may return less */
void     history_read(struct history *history, struct key *key, unsigned floor, unsigned value);

/* ---- client.c -------------------------------------------------------------------------------- */

struct client {
    struct line       line;
    struct weir_op    connect, timer;
    struct weir_loop *loop;
    struct weir_sim  *sim;
    struct history   *history;
    struct key       *own;   /* the key that it writes */
    struct key       *asked; /* of the request on its way, or NULL */
    unsigned          number, value, floor, next_final;
    bool              sets, connected, final, over;
};

void client_begin(struct client *client);
/* From now on it reads every key that ever was, once, and then is over. */
void client_finish(struct client *client);

/* The addresses of the three servers: main.c. */
extern struct weir_address kv_addresses[KV_HOSTS];

#endif
