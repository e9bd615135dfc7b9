/* SPDX-License-Identifier: MIT */
/* bench.h - what every benchmark has: its options, its cells one after the other, and the document
 * that it writes. A benchmark is a main() that calls bench_open(), runs its cells (cell.h), and
 * ends with bench_close(). */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <getopt.h>
#include <jansson.h>

#include "../../tool/measure/progress.h"
#include "../../tool/measure/trial.h"
#include "candidate.h"

enum { BENCH_DONE = 0, BENCH_FAILED = 1, BENCH_USAGE = 2, BENCH_NOTHING_MORE = -1 };

struct bench;

/* The benchmark's own part. */
struct bench_kind {
    const char          *name;        /* "echo" */
    const char          *help;        /* what it measures, and its own options, line by line */
    const struct option *options;     /* its own, ending with a zero; NULL: none */
    const enum figure   *shown;       /* figures of the tables that are made of the document ... */
    size_t               shown_count; /* ... as many */
    /* Takes one of its own options; BENCH_DONE, or BENCH_USAGE after a sentence. */
    int (*take)(struct bench *bench, int option, char *value);
    struct candidate *candidates; /* and how many; may grow in take() */
    size_t            candidate_count;
};

struct bench {
    struct bench_kind kind;
    struct timing     timing;
    size_t            rounds, rounds_max;
    const char       *json, *only;
    char              command[1024];
    char              build[PATH_MAX];
    struct progress   progress;
    json_t           *cells;
    bool              failed;
};

/* Reads the command line over the values that `bench` already has, and finds the candidates.
 * BENCH_DONE, or what to end with: BENCH_NOTHING_MORE when help or a list was printed. */
int bench_open(struct bench *bench, int argc, char **argv);

/* A sentence for a wrong use; returns BENCH_USAGE. */
int bench_usage(const struct bench *bench, const char *what, const char *value);

/* A number of an option's value, within bounds; BENCH_DONE or BENCH_USAGE. */
int bench_number(const struct bench *bench, const char *option, const char *text, double min,
                 double max, double *number);

/* Whole numbers separated by commas, at most `room`, each within bounds; their number, or -1 after
 * a sentence. */
int bench_numbers(const struct bench *bench, const char *option, const char *text, long min,
                  long max, long *numbers, int room);

/* Says why the benchmark cannot go on. */
void bench_failed(struct bench *bench, const struct failure *why);

/* Writes the document where it was asked for; the exit status of the program. */
int bench_close(struct bench *bench);

#endif
