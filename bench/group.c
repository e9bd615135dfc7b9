/* SPDX-License-Identifier: MIT */
/* group.c - `scripts/bench group`: what a request costs where two loops serve, against one loop of
 * the same program. Server and load share a processor, so that only the second loop differs. */
#include <stdio.h>

#include "../tool/measure/clock.h"
#include "kit/cell.h"

#define TWO_MOST 1.10

/* So many that each loop finds several in every turn, as the one does. */
static long connections = 400;

static const char help[] = "The example `group` with one loop and with two, on each engine.\n"
                           "\n"
                           "  --connections N     so many (default: 400)\n";

static const struct option options[] = {{"connections", required_argument, NULL, 'c'}, {0}};

static const enum figure shown[] = {FIGURE_SERVER_US};

#define LOOPS(ENGINE, NUMBER)                                                                      \
    {                                                                                              \
        .name = "weir-" ENGINE "-" NUMBER, .program = "examples/group", .engine = ENGINE,          \
        .argv = {NULL, "0", NUMBER},                                                               \
    }
#define BOTH(ENGINE) LOOPS(ENGINE, "1"), LOOPS(ENGINE, "2")

static struct candidate candidates[] = {BOTH("io_uring"), BOTH("epoll"),  BOTH("epoll-et"),
                                        BOTH("poll"),     BOTH("select"), BOTH("linux-aio")};
enum { CANDIDATES = sizeof candidates / sizeof candidates[0] };

static int take(struct bench *b, int option, char *value)
{
    double number = 0;
    (void)option; /* 'c' */
    int status = bench_number(b, "--connections", value, 1, 900, &number);
    connections = (long)number;
    return status;
}

static int run(struct bench *b)
{
    static struct cell cell;
    static char        title[64];
    snprintf(title, sizeof title, "%ld connections of 64 bytes", connections);
    cell = (struct cell){.title = title,
                         .operation = "request",
                         .shape = {.connections = (int)connections, .size = 64, .depth = 1},
                         .counted = 4000};
    for (size_t i = 0; i < CANDIDATES; i++)
        cell_add(&cell, &candidates[i]);
    for (size_t i = 0; i < CANDIDATES; i += 2)
        cell_ask(&cell, (struct goal){candidates[i + 1].name, candidates[i].name, FIGURE_SERVER_US,
                                      GOAL_AT_MOST, TWO_MOST});
    return cell_run(b, &cell);
}

int main(int argc, char **argv)
{
    static struct bench bench = {
        .kind = {.name = "group",
                 .help = help,
                 .options = options,
                 .take = take,
                 .candidates = candidates,
                 .candidate_count = CANDIDATES,
                 .shown = shown,
                 .shown_count = sizeof shown / sizeof shown[0]},
        .timing = {.warmup_ns = 100 * NS_PER_MS, .window_ns = 400 * NS_PER_MS},
        .rounds = 15,
        .rounds_max = 30};
    int status = bench_open(&bench, argc, argv);
    if (status != BENCH_DONE)
        return status < 0 ? BENCH_DONE : status;
    cell_try_servers(&bench);
    run(&bench);
    return bench_close(&bench);
}
