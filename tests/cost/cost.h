/* SPDX-License-Identifier: MIT */
/* cost.h - what is counted: things that a program does again and again. */
#ifndef COST_COST_H
#define COST_COST_H

#include <stdio.h>
#include <stdlib.h>
#include <weir.h>

#define NEED(expression)                                                                           \
    do {                                                                                           \
        if (!(expression)) {                                                                       \
            printf("FAIL %s:%d: %s\n", __FILE__, __LINE__, #expression);                           \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

/* A lap does it once, or `things` of it at a time, on a loop that it has for itself. It is
 * prepared once; laps() then runs so many. What it costs includes its own callbacks, and the calls
 * with which it plays the peer: an echo's peer sends and receives. */
struct lap {
    const char *name;
    unsigned    count; /* laps that are counted */
    unsigned    things;
    void (*prepare)(struct weir_loop *loop);
    void (*laps)(struct weir_loop *loop, unsigned count);
};

/* Ended by {0}. */
extern const struct lap all_laps[];

#endif
