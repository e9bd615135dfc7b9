/* SPDX-License-Identifier: MIT */
/* memory.c - `scripts/bench memory`: what connections take, silent ones and active ones, counted
 * the same way for everyone: memory that the process wrote to, in user space. */
#include <stdio.h>

#include "../tool/measure/clock.h"
#include "kit/servers.h"

#define PEAK_MOST_KIB (8 * 1024)

static long connections = 10000;

static const char help[] =
    "The private memory that each further connection takes while it is silent, and the most\n"
    "memory resident while all are active. What the kernel holds for them is not counted.\n"
    "\n"
    "  --connections N     so many (default: 10000)\n";

static const struct option options[] = {{"connections", required_argument, NULL, 'c'}, {0}};

static const enum figure shown[] = {FIGURE_CONNECTION_BYTES, FIGURE_PEAK_KIB};

static int take(struct bench *b, int option, char *value)
{
    double number = 0;
    (void)option; /* 'c' */
    int status = bench_number(b, "--connections", value, 100, 20000, &number);
    connections = (long)number;
    return status;
}

static int run(struct bench *b, bool active)
{
    static struct cell cell;
    char               title[96];
    snprintf(title, sizeof title, "%ld connections, %s", connections,
             active ? "all active" : "one active");
    cell = (struct cell){
        .title = title,
        .operation = "request",
        .shape = {.connections = active ? (int)connections : 1, .size = 64, .depth = 1}};
    servers_enter(&cell, b, (int)connections);
    for (size_t i = 0; i < cell.contender_count && !active; i++)
        cell.contenders[i].idle = (int)connections - 1;
    if (active)
        cell_ask(&cell, (struct goal){"weir", NULL, FIGURE_PEAK_KIB, GOAL_VALUE, PEAK_MOST_KIB});
    return cell_run(b, &cell);
}

int main(int argc, char **argv)
{
    static struct bench bench = {
        .kind = {.name = "memory",
                 .help = help,
                 .options = options,
                 .take = take,
                 .shown = shown,
                 .shown_count = sizeof shown / sizeof shown[0]},
        .timing = {.warmup_ns = 20 * NS_PER_MS, .window_ns = 100 * NS_PER_MS},
        .rounds = 15,
        .rounds_max = 15};
    bench.kind.candidates = servers_all(&bench.kind.candidate_count);
    int status = bench_open(&bench, argc, argv);
    if (status != BENCH_DONE)
        return status < 0 ? BENCH_DONE : status;
    cell_try_servers(&bench);
    if (run(&bench, false) == 0)
        run(&bench, true);
    return bench_close(&bench);
}
