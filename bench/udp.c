/* SPDX-License-Identifier: MIT */
/* udp.c - `scripts/bench udp`: UDP echo servers, one datagram at a time and in batches. */
#include <stdio.h>

#include "../tool/measure/clock.h"
#include "kit/cell.h"

enum { SOCKETS = 16, DEPTH = 4, COUNTED_REQUESTS = 2048, SIZE_ROOM = 4 };

/* So much of what the hand-written server moves for its CPU time. */
#define SHARE_OF_HAND 0.95

static long sizes[SIZE_ROOM] = {64, 1200};
static int  size_count = 2;

#define SERVER(PATH, NAME) .program = PATH, .engine = NAME, .argv = {NULL, "0"}
static struct candidate candidates[] = {
    {.name = "hand-single", SERVER("bench/handwritten/udp_single", NULL)},
    {.name = "weir-single", SERVER("bench/weir/udp_single", NULL)},
    {.name = "weir-single-epoll", SERVER("bench/weir/udp_single", "epoll")},
    {.name = "weir-single-io_uring", SERVER("bench/weir/udp_single", "io_uring")},
    {.name = "libuv", SERVER("bench/peers/udp_libuv", NULL)},
    {.name = "hand-batch", SERVER("bench/handwritten/udp_batch", NULL)},
    {.name = "weir-batch", SERVER("examples/udp-echo", NULL)},
    {.name = "weir-batch-epoll", SERVER("examples/udp-echo", "epoll")},
    {.name = "weir-batch-poll", SERVER("examples/udp-echo", "poll")},
    {.name = "weir-batch-io_uring", SERVER("examples/udp-echo", "io_uring")},
    {.name = "libuv-batch", SERVER("bench/peers/udp_libuv_batch", NULL)},
};
enum { CANDIDATES = sizeof candidates / sizeof candidates[0] };

/* The share of a hand-written server that weir moves for the same CPU time is the ratio of what a
 * datagram costs them, turned over. */
static const struct goal goals[] = {
    {"hand-single", "weir-single", FIGURE_SERVER_US, GOAL_AT_LEAST, SHARE_OF_HAND},
    {"hand-single", "weir-single-epoll", FIGURE_SERVER_US, GOAL_AT_LEAST, SHARE_OF_HAND},
    {"weir-single", "libuv", FIGURE_SERVER_US, GOAL_AHEAD, 0},
    {"hand-batch", "weir-batch", FIGURE_SERVER_US, GOAL_AT_LEAST, SHARE_OF_HAND},
    {"hand-batch", "weir-batch-epoll", FIGURE_SERVER_US, GOAL_AT_LEAST, SHARE_OF_HAND},
    {"weir-batch", "libuv-batch", FIGURE_SERVER_US, GOAL_AHEAD, 0},
};

static const char help[] =
    "UDP echo servers under 16 sockets with 4 datagrams outstanding on each.\n"
    "\n"
    "  --sizes LIST        bytes of a datagram, at most 4 (default: 64,1200)\n"
    "  --cross             server and load on two CPUs (default: both on one)\n";

static const struct option options[] = {
    {"sizes", required_argument, NULL, 's'}, {"cross", no_argument, NULL, 'x'}, {0}};

static const enum figure shown[] = {FIGURE_SERVER_US, FIGURE_RATE};

static int take(struct bench *b, int option, char *value)
{
    if (option == 's') {
        /* 64 of them stay within the receive buffer that a system gives when nobody asks. */
        size_count = bench_numbers(b, "--sizes", value, 1, 1400, sizes, SIZE_ROOM);
        return size_count < 0 ? BENCH_USAGE : BENCH_DONE;
    }
    b->timing.cross_core = true; /* 'x' */
    return BENCH_DONE;
}

static int run(struct bench *b, long size)
{
    static struct cell cell;
    char               title[64];
    snprintf(title, sizeof title, "datagrams of %ld bytes, %s", size,
             b->timing.cross_core ? "two cores" : "one core");
    cell = (struct cell){
        .title = title,
        .operation = "datagram",
        .shape = {.connections = SOCKETS, .size = (size_t)size, .depth = DEPTH, .datagrams = true},
        .counted = COUNTED_REQUESTS};
    for (size_t i = 0; i < CANDIDATES; i++)
        cell_add(&cell, &candidates[i]);
    for (size_t i = 0; i < sizeof goals / sizeof goals[0]; i++)
        cell_ask(&cell, goals[i]);
    return cell_run(b, &cell);
}

int main(int argc, char **argv)
{
    static struct bench bench = {
        .kind = {.name = "udp",
                 .help = help,
                 .options = options,
                 .take = take,
                 .shown = shown,
                 .shown_count = sizeof shown / sizeof shown[0],
                 .candidates = candidates,
                 .candidate_count = CANDIDATES},
        .timing = {.warmup_ns = 50 * NS_PER_MS, .window_ns = 300 * NS_PER_MS},
        .rounds = 15,
        .rounds_max = 30};
    int status = bench_open(&bench, argc, argv);
    if (status != BENCH_DONE)
        return status < 0 ? BENCH_DONE : status;
    cell_try_servers(&bench);
    for (int i = 0; i < size_count; i++)
        if (run(&bench, sizes[i]) < 0)
            break;
    return bench_close(&bench);
}
