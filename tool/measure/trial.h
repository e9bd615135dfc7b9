/* SPDX-License-Identifier: MIT */
/* trial.h - one trial: a fresh server, a load on it, and the figures of both. A series: several
 * servers in turn, round after round. */
#ifndef MEASURE_TRIAL_H
#define MEASURE_TRIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "failure.h"
#include "hist.h"
#include "load.h"
#include "server.h"
#include "stats.h"
#include "syscalls.h"

struct timing {
    uint64_t warmup_ns, window_ns;
    bool     cross_core; /* server and load on CPUs of their own; else both on one (cpus.h) */
};

/* The figures of one trial. */
enum figure {
    FIGURE_RATE,      /* operations a second */
    FIGURE_SERVER_US, /* server CPU time an operation */
    FIGURE_CLIENT_US, /* load generator CPU time an operation */
    FIGURE_P50_US,
    FIGURE_P99_US,
    FIGURE_PEAK_KIB,         /* most memory the server had resident */
    FIGURE_CONNECTION_BYTES, /* private memory that each further connection took */
    FIGURES
};

extern const char *const figure_names[FIGURES];

/* Runs one trial. 0, or -1 with a sentence or, without one, because a stop was requested. `latency`
 * and `served` are added to. */
int trial_run(const struct server_plan *plan, const struct shape *shape,
              const struct timing *timing, double figures[FIGURES], struct hist *latency,
              struct served *served, struct failure *why);

/* One server of a series and everything measured of it. */
struct entrant {
    struct server_plan    plan;
    int                   idle;            /* in place of the shape's */
    double               *rounds[FIGURES]; /* owned; rounds[f][r] is figure f of round r */
    size_t                count;           /* rounds measured */
    struct hist           latency;         /* of all rounds */
    struct served         served;          /* of all rounds */
    struct syscall_counts calls;
};

struct series {
    struct shape    shape;
    struct timing   timing;
    struct entrant *entrants; /* owned */
    size_t          count;
    size_t          room;  /* rounds that fit */
    bool            works; /* programs that measure their own work (batch.h), instead of servers */
};

/* Called before each trial (counting: before the system calls of a server are counted). */
typedef void series_progress(void *user, const struct series *series, size_t round,
                             const struct entrant *next, bool counting);

/* Makes room for count servers and so many rounds each; the caller then fills the entrants' plans.
 * 0, or -1 with a sentence. */
int series_open(struct series *series, size_t count, size_t rounds_max, struct failure *why);

/* Measures so many more rounds. 0, or -1 as trial_run; what was measured so far stays. */
int series_run(struct series *series, size_t rounds, series_progress *progress, void *user,
               struct failure *why);

/* Counts the system calls of every server, about so many requests each. */
int series_count_syscalls(struct series *series, uint64_t requests, series_progress *progress,
                          void *user, struct failure *why);

/* Rounds in which at least one server was measured. */
size_t series_rounds(const struct series *series);

/* Median and extremes of a figure over the rounds. */
struct range series_range(const struct entrant *entrant, enum figure figure);

/* a's figure over b's, paired by round, as far as both were measured. */
struct range series_ratio(const struct entrant *a, const struct entrant *b, enum figure figure);

/* a's figure over a constant, as a ratio with its interval. */
struct range series_ratio_to(const struct entrant *a, enum figure figure, double constant);

void series_close(struct series *series);

#endif
