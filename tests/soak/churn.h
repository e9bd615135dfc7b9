/* SPDX-License-Identifier: MIT */
/* churn.h - thousands of connections that are held while some are closed and opened all the time:
 * what the two processes share. */
#ifndef CHURN_H
#define CHURN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdnoreturn.h>

#include "weir.h"

#define LISTENERS 8        /* 127.0.0.1 to 127.0.0.8, since one has only so many ports */
#define MESSAGE_MAX 16384u /* bytes */
#define BUFFER 4096u       /* of each connection, on each side */
#define LAST_WORDS 30      /* seconds that may pass when everything is to end */

struct churn {
    const char *engine;
    unsigned    connections, seconds;
    unsigned    rate; /* messages a second, of all connections */
    uint64_t    seed;
    uint16_t    ports[LISTENERS];
    int         control; /* this side's end of what joins the two processes */
};

/* What a process is made of, as its system sees it. */
struct holding {
    uint64_t memory; /* bytes, resident */
    uint64_t descriptors;
};

/* What one side tells at the end. Its holding was looked at before anything was opened, after the
 * beginning (a minute, or a quarter of the time where that is less), since then (the most), at the
 * end, and when all was closed. */
struct account {
    uint64_t       received, sent; /* bytes */
    uint64_t       opened, closed; /* connections */
    uint64_t       held_least;     /* connections at a time, after the beginning */
    struct holding before, early, most, late, after;
};

/* Of this process now. */
struct holding holding_now(void);

/* One more look: `elapsed` of `whole` nanoseconds are over, `held` connections are open. */
void account_sample(struct account *account, uint64_t elapsed, uint64_t whole, uint64_t held);

/* Says the sentence and ends the process. */
noreturn void churn_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Each runs a process's part and returns when nothing is open any more. */
void churn_serve(struct churn *churn, struct account *account);
void churn_ask(const struct churn *churn, struct account *account);

#endif
