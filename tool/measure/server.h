/* SPDX-License-Identifier: MIT */
/* server.h - a server program in a process of its own: started, watched from outside, ended.
 *
 * The contract with the program: it takes port 0, and its first line on standard output names
 * the port it listens on behind a colon, and the engine in parentheses if it has one, as in
 * "listening on 127.0.0.1:4711 (epoll)". SIGINT, or Ctrl-C in its console, ends it. */
#ifndef MEASURE_SERVER_H
#define MEASURE_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "failure.h"

struct server_plan {
    const char        *name;   /* for sentences */
    const char *const *argv;   /* borrowed, ends with NULL; argv[0] is the program */
    const char        *engine; /* its WEIR_ENGINE, or NULL for a program that has none */
};

struct server {
    const char *name;
    pid_t       pid; /* 0 when there is no process */
    uint16_t    port;
    int         out; /* its standard output: a pipe */
    int         err; /* its standard error: a file without a name */
};

/* The ways in which weir serves an operation, as its server prints them at its end:
 * "served: at-once N, ready N, kernel N, worker N, simulated N". */
enum { SERVED_AT_ONCE, SERVED_READY, SERVED_KERNEL, SERVED_WORKER, SERVED_SIMULATED, SERVED_COUNT };

struct served {
    bool     told;
    uint64_t operations[SERVED_COUNT];
};

extern const char *const served_names[SERVED_COUNT];

/* Starts the program on the CPU (-1: any) and waits, some seconds at most, until it listens. */
int server_start(struct server *server, const struct server_plan *plan, int cpu,
                 struct failure *why);

/* Starts the program without waiting for anything: one that is no server. */
int server_spawn(struct server *server, const struct server_plan *plan, int cpu,
                 struct failure *why);

/* Waits until the program has ended by itself, and reads how it served its operations. -1 with a
 * sentence when it ended badly or not in time, or a stop was requested. */
int server_await(struct server *server, struct served *served, uint64_t timeout_ns,
                 struct failure *why);

/* Asks it to end (SIGINT, then SIGTERM, then SIGKILL, with a bounded wait each), reaps it, and
 * reads how it served its operations. -1 with a sentence when it had to be killed or ended
 * badly. */
int server_stop(struct server *server, struct served *served, struct failure *why);

/* Kills it if it still runs, reaps it, gives everything back. May be called again. */
void server_close(struct server *server);

#endif
