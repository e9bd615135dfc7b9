/* SPDX-License-Identifier: MIT */
/* idle.c - `scripts/bench idle`: one active connection among few and among many silent ones. Whose
 * cost grows with what does nothing? */
#include <stdio.h>
#include <string.h>

#include "../tool/measure/clock.h"
#include "kit/servers.h"

enum { COUNT_ROOM = 4, NAME_LENGTH = 64, COUNTED_REQUESTS = 200, SERVERS_MAX = 40 };

/* A cost that grows by no more than this from the fewest to the most idle ones is called flat. */
#define FLAT 1.15

static long counts[COUNT_ROOM] = {10, 1000, 10000};
static int  count_of_counts = 3;
static char names[SERVERS_MAX][COUNT_ROOM][NAME_LENGTH];

static const char help[] =
    "One connection that sends 64 bytes and waits for the answer, beside silent ones.\n"
    "\n"
    "  --idle LIST         numbers of silent connections, ascending, at most 4\n"
    "                      (default: 10,1000,10000)\n"
    "  --cross             server and load on two CPUs (default: both on one)\n";

static const struct option options[] = {
    {"idle", required_argument, NULL, 'i'}, {"cross", no_argument, NULL, 'x'}, {0}};

static const enum figure shown[] = {FIGURE_SERVER_US, FIGURE_P50_US};

static int take(struct bench *b, int option, char *value)
{
    if (option == 'x') {
        b->timing.cross_core = true;
        return BENCH_DONE;
    }
    count_of_counts = bench_numbers(b, "--idle", value, 0, 20000, counts, COUNT_ROOM);
    for (int i = 1; i < count_of_counts; i++)
        if (counts[i] <= counts[i - 1])
            return bench_usage(b, "--idle takes ascending numbers, not", value);
    return count_of_counts < 0 ? BENCH_USAGE : BENCH_DONE;
}

/* A row for each number of idle connections; the last is judged against the first. */
static void enter(struct cell *cell, struct candidate *c, int number)
{
    for (int i = 0; i < count_of_counts; i++) {
        snprintf(names[number][i], NAME_LENGTH, "%s, %ld idle", c->name, counts[i]);
        cell_add(cell, c);
        struct contender *added = &cell->contenders[cell->contender_count - 1];
        added->name = names[number][i];
        added->idle = (int)counts[i];
        if (c->most > 0 && counts[i] + 1 > c->most)
            added->refusal = c->why_most;
    }
    bool flat = strcmp(c->name, "weir") == 0 || strcmp(c->name, "weir-epoll") == 0 ||
                strcmp(c->name, "weir-io_uring") == 0;
    cell_ask(cell, (struct goal){names[number][count_of_counts - 1], names[number][0],
                                 FIGURE_SERVER_US, flat ? GOAL_AT_MOST : GOAL_TOLD, FLAT});
}

int main(int argc, char **argv)
{
    static struct bench bench = {
        .kind = {.name = "idle",
                 .help = help,
                 .options = options,
                 .take = take,
                 .shown = shown,
                 .shown_count = sizeof shown / sizeof shown[0]},
        .timing = {.warmup_ns = 20 * NS_PER_MS, .window_ns = 100 * NS_PER_MS},
        .rounds = 15,
        .rounds_max = 30};
    static struct cell cell = {.title = "one active connection, 64 bytes",
                               .operation = "request",
                               .shape = {.connections = 1, .size = 64, .depth = 1},
                               .counted = COUNTED_REQUESTS};
    bench.kind.candidates = servers_all(&bench.kind.candidate_count);
    int status = bench_open(&bench, argc, argv);
    if (status != BENCH_DONE)
        return status < 0 ? BENCH_DONE : status;
    cell_try_servers(&bench);
    for (size_t i = 0; i < bench.kind.candidate_count && i < SERVERS_MAX; i++)
        if (!bench.kind.candidates[i].left_out)
            enter(&cell, &bench.kind.candidates[i], (int)i);
    cell_run(&bench, &cell);
    return bench_close(&bench);
}
