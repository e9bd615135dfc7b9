/* SPDX-License-Identifier: MIT */
/* threads.h - what the two halves of the threads engine share: the loop's and the worker's. */
#ifndef WEIR_THREADS_H
#define WEIR_THREADS_H

#include <pthread.h>

#include "../engine.h"
#include "../os/gate.h"

/* What a worker is to do. */
enum order { ORDER_WORK, ORDER_END };

struct threads {
    struct worker *workers; /* owned; all there are, through next */
    struct worker *idle;    /* those without an op, through next_idle; the last used comes first */
    unsigned       count, most;
    bool           refusing; /* the last op that needed a worker got none; it was logged */

    /* The op that tells signals, while it waits: on the loop's own thread. */
    struct weir_op *signals;
    int             gather; /* for an outer loop: the notifier and what tells signals; or -1 */
    bool            gathers_signals; /* what tells signals is in it */

    /* Copies of ops that came back; those taken from there that the event array had no room for. */
    _Atomic(struct weir_op *) back;
    struct weir_op           *taken;

    /* Whether the loop sleeps on its notifier, or may soon: the worker that finds it true makes it
     * false and tells the notifier. */
    atomic_bool asleep;
    int         notifier;
};

/* A thread, and the op that it is bound to from the op's start until its end. The thread works on a
 * copy: the op and its handle belong to the loop's thread. */
struct worker {
    struct weir_op     copy;   /* copy.handle is &handle; copy.in.lane links it in threads->back */
    struct weir_handle handle; /* a copy too */
    struct threads    *threads;
    struct weir_op    *op; /* borrowed, or NULL; the loop's thread's, as all up to thread */
    struct worker     *next, *next_idle;
    bool               told;   /* its notifier was told since it began to work */
    bool               blocks; /* there is no call for the op that never waits: it is offloaded */
    pthread_t          thread;

    struct gate ordered;
    enum order  order; /* written before the gate opens, read behind it */
    atomic_bool cancelled;
    int         cancel[2]; /* owned; the notifier that ends its waiting */
};

/* The life of a worker's thread; the argument is its struct worker. */
void *threads_work(void *argument);

/* Loop's thread: gives an order to a worker that has none. */
void threads_order(struct worker *worker, enum order order);

#endif
