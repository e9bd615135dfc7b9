/* SPDX-License-Identifier: MIT */
/* timers.c - `scripts/bench timers`: setting a timer anew among many, in weir, in libraries, and in
 * the bare structure. */
#include <stdio.h>

#include "../tool/measure/clock.h"
#include "kit/cell.h"

enum { COUNT_ROOM = 4, COUNTED = 2560 };

static long counts[COUNT_ROOM] = {100000, 1000000};
static int  count_of_counts = 2;
static char count_text[32] = "1000"; /* while it is tried */

/* The first two are told the time that they set, the other two take it from the clock. */
#define PROGRAM(PATH) .program = PATH, .argv = {NULL, count_text}
static struct candidate candidates[] = {
    {.name = "hand-heap", PROGRAM("bench/handwritten/timers_heap")},
    {.name = "weir-deadline_at", PROGRAM("bench/weir/timers_at")},
    {.name = "hand-heap-clock", PROGRAM("bench/handwritten/timers_heap_clock")},
    {.name = "weir-deadline", PROGRAM("bench/weir/timers")},
    {.name = "libev", PROGRAM("bench/peers/timers_libev")},
    {.name = "libev-again", PROGRAM("bench/peers/timers_libev_again")},
    {.name = "libuv", PROGRAM("bench/peers/timers_libuv")},
    {.name = "libevent", PROGRAM("bench/peers/timers_libevent")},
};
enum { CANDIDATES = sizeof candidates / sizeof candidates[0] };

/* How many times faster than libev at so many timers. */
static const struct {
    long   least_timers;
    double times;
} faster_than_libev[] = {{1000000, 2.5}, {100000, 3}};

static const char help[] =
    "Sets one of many live timers anew, at random, again and again. None falls due meanwhile.\n"
    "\n"
    "  --timers LIST       numbers of live timers, at most 4 (default: 100000,1000000)\n";

static const struct option options[] = {{"timers", required_argument, NULL, 'n'}, {0}};

static const enum figure shown[] = {FIGURE_SERVER_US};

static int take(struct bench *b, int option, char *value)
{
    count_of_counts = bench_numbers(b, "--timers", value, 1, 10000000, counts, COUNT_ROOM);
    return count_of_counts < 0 ? BENCH_USAGE : BENCH_DONE;
}

static void ask(struct cell *cell, long timers)
{
    cell_ask(cell,
             (struct goal){"weir-deadline_at", "hand-heap", FIGURE_SERVER_US, GOAL_AT_MOST, 1.3});
    cell_ask(cell, (struct goal){"weir-deadline", "hand-heap-clock", FIGURE_SERVER_US, GOAL_AT_MOST,
                                 1.3});
    for (size_t i = 0; i < sizeof faster_than_libev / sizeof faster_than_libev[0]; i++)
        if (timers >= faster_than_libev[i].least_timers) {
            cell_ask(cell, (struct goal){"libev", "weir-deadline_at", FIGURE_SERVER_US,
                                         GOAL_AT_LEAST, faster_than_libev[i].times});
            break;
        }
    cell_ask(cell, (struct goal){"libev", "weir-deadline", FIGURE_SERVER_US, GOAL_TOLD, 0});
    cell_ask(cell,
             (struct goal){"libev-again", "weir-deadline_at", FIGURE_SERVER_US, GOAL_TOLD, 0});
    cell_ask(cell, (struct goal){"libuv", "weir-deadline", FIGURE_SERVER_US, GOAL_TOLD, 0});
    cell_ask(cell, (struct goal){"libevent", "weir-deadline", FIGURE_SERVER_US, GOAL_TOLD, 0});
}

static int run(struct bench *b, long timers)
{
    static struct cell cell;
    char               title[64];
    snprintf(count_text, sizeof count_text, "%ld", timers);
    snprintf(title, sizeof title, "%ld live timers, one set anew", timers);
    cell = (struct cell){
        .title = title, .operation = "re-arm", .works = true, .in_ns = true, .counted = COUNTED};
    for (size_t i = 0; i < CANDIDATES; i++)
        cell_add(&cell, &candidates[i]);
    ask(&cell, timers);
    return cell_run(b, &cell);
}

int main(int argc, char **argv)
{
    static struct bench bench = {
        .kind = {.name = "timers",
                 .help = help,
                 .options = options,
                 .take = take,
                 .shown = shown,
                 .shown_count = sizeof shown / sizeof shown[0],
                 .candidates = candidates,
                 .candidate_count = CANDIDATES},
        .timing = {.warmup_ns = 50 * NS_PER_MS, .window_ns = 200 * NS_PER_MS},
        .rounds = 15,
        .rounds_max = 30};
    int status = bench_open(&bench, argc, argv);
    if (status != BENCH_DONE)
        return status < 0 ? BENCH_DONE : status;
    cell_try_works(&bench);
    for (int i = 0; i < count_of_counts; i++)
        if (run(&bench, counts[i]) < 0)
            break;
    return bench_close(&bench);
}
