/* SPDX-License-Identifier: MIT */
/* load.h - a load on an echo server, made by a process of its own, every byte verified.
 *
 * The process keeps `depth` requests of `size` bytes outstanding on each of `connections`
 * connections to 127.0.0.1. It counts requests and reads the server's CPU time itself, at the two
 * ends of the same window, so that no hand-over between processes blurs them. */
#ifndef MEASURE_LOAD_H
#define MEASURE_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "failure.h"
#include "hist.h"

/* The workload. */
struct shape {
    int    connections;
    int    idle;      /* further ones that send one request each at first, then nothing */
    size_t size;      /* bytes a request */
    int    depth;     /* requests outstanding on a connection */
    bool   datagrams; /* UDP: a connection is a socket of the load, a request a datagram */
};

struct load_plan {
    uint16_t     port;
    struct shape shape;
    int          cpu;       /* to run on, or -1 */
    pid_t        server;    /* whose CPU time is read */
    uint64_t     warmup_ns; /* a timed load: so long before the window ... */
    uint64_t     window_ns; /* ... and so long the window itself, in which at least
                               one answer comes */
    uint64_t     requests;  /* not 0: a counted load instead, of so many requests, rounded up to
                               whole bursts of every connection; it waits before and after them */
};

enum load_phase { LOAD_CONNECTING, LOAD_READY, LOAD_DONE };

/* Lies in memory that both processes see. */
struct load_report {
    _Atomic int    phase;         /* an enum load_phase */
    uint64_t       requests;      /* answered within the window, or in all of the counted part */
    uint64_t       window_ns;     /* the true width of the window */
    uint64_t       server_cpu_ns; /* within the window */
    uint64_t       client_cpu_ns; /* this process, within the window */
    int            added_connections; /* made after the first batch of connections, ... */
    int64_t        added_bytes;       /* ... and how the server's private memory grew with them */
    struct hist    latency;           /* of the requests answered within the window */
    struct failure failure;           /* empty when all went well */
};

struct load {
    pid_t               pid;     /* 0 when there is no process */
    int                 control; /* a byte written lets a waiting counted load go on */
    int                 status;  /* a byte comes with each phase, the end with the process's */
    struct load_report *report;  /* owned mapping */
};

/* Starts the process. A counted load connects, warms up, says LOAD_READY and waits. */
int load_start(struct load *load, const struct load_plan *plan, struct failure *why);

/* Waits until the load has reached the phase; -1 with a sentence when it failed, ended early or
 * took longer than the timeout, or when a stop was requested. */
int load_wait(struct load *load, enum load_phase phase, uint64_t timeout_ns, struct failure *why);

/* Lets a counted load, which waits, go on. */
void load_go(struct load *load);

/* Waits for the end of the process; whatever still runs after the timeout is killed. 0, or -1 with
 * the sentence of what went wrong. The report stays readable until load_close. */
int load_end(struct load *load, uint64_t timeout_ns, struct failure *why);

/* Kills the process if it still runs, and gives everything back. May be called again. */
void load_close(struct load *load);

/* What systems do in their own ways: load_unix.c, load_win.c, which also start the process. */
void load_give_report(struct load_report *report);

/* What the process runs. */
void client_run(const struct load_plan *plan, struct load_report *report, int control, int status);

#endif
