/* SPDX-License-Identifier: MIT */
/* post.c - `scripts/bench post`: the small round trips through a loop: a post to one that is awake,
 * to one that sleeps, and a nop. */
#include <string.h>

#include "../tool/measure/clock.h"
#include "kit/cell.h"

enum { COUNTED = 1024 };

#define WEIR(NAME, MODE) .program = "bench/weir/post", .engine = NAME, .argv = {NULL, MODE}
#define HAND(NAME) .program = "bench/handwritten/" NAME

/* The word before the colon is the cell. */
static struct candidate candidates[] = {
    {.name = "awake:weir", WEIR(NULL, "awake")},
    {.name = "awake:weir-epoll", WEIR("epoll", "awake")},
    {.name = "awake:weir-io_uring", WEIR("io_uring", "awake")},
    {.name = "awake:weir-poll", WEIR("poll", "awake")},
    {.name = "awake:hand-list", HAND("post_list")},
    {.name = "asleep:weir", WEIR(NULL, "asleep")},
    {.name = "asleep:weir-epoll", WEIR("epoll", "asleep")},
    {.name = "asleep:weir-io_uring", WEIR("io_uring", "asleep")},
    {.name = "asleep:weir-poll", WEIR("poll", "asleep")},
    {.name = "asleep:hand-eventfd", HAND("post_eventfd")},
    {.name = "nop:weir-epoll", WEIR("epoll", "nop")},
    {.name = "nop:weir-io_uring", WEIR("io_uring", "nop")},
    {.name = "nop:hand-io_uring", HAND("nop_uring")},
};
enum { CANDIDATES = sizeof candidates / sizeof candidates[0] };

#define US(NS) ((NS) / 1000.0)

static const struct {
    const char *word, *title, *operation;
    struct goal goals[4];
} cells[] = {
    {"awake:",
     "posts to a loop that is awake, 64 at a time, with the call of their done()",
     "post",
     {{"weir", NULL, FIGURE_SERVER_US, GOAL_VALUE, US(60)},
      {"weir", "hand-list", FIGURE_SERVER_US, GOAL_TOLD, 0}}},
    {"asleep:",
     "a post to a loop that sleeps, there and back between two threads",
     "wake",
     {{"weir", "hand-eventfd", FIGURE_SERVER_US, GOAL_AT_MOST, 1.1},
      {"weir-epoll", "hand-eventfd", FIGURE_SERVER_US, GOAL_AT_MOST, 1.1},
      {"weir-io_uring", "hand-eventfd", FIGURE_SERVER_US, GOAL_TOLD, 0},
      {"weir-poll", "hand-eventfd", FIGURE_SERVER_US, GOAL_TOLD, 0}}},
    {"nop:",
     "nops, 32 at a time",
     "nop",
     {{"weir-io_uring", "hand-io_uring", FIGURE_SERVER_US, GOAL_WITHIN, US(30)}}},
};

static const char help[] =
    "Posts to a loop that is awake, posts to one that sleeps, and nops, in weir and written by\n"
    "hand.\n"
    "\n";

static const enum figure shown[] = {FIGURE_SERVER_US};

static int run(struct bench *b, size_t which)
{
    static struct cell cell;
    size_t             length = strlen(cells[which].word);
    cell = (struct cell){.title = cells[which].title,
                         .operation = cells[which].operation,
                         .works = true,
                         .in_ns = true,
                         .counted = COUNTED};
    for (size_t i = 0; i < CANDIDATES; i++)
        if (strncmp(candidates[i].name, cells[which].word, length) == 0) {
            cell_add(&cell, &candidates[i]);
            cell.contenders[cell.contender_count - 1].name = candidates[i].name + length;
        }
    for (size_t i = 0; i < 4 && cells[which].goals[i].first; i++)
        cell_ask(&cell, cells[which].goals[i]);
    return cell_run(b, &cell);
}

int main(int argc, char **argv)
{
    static struct bench bench = {
        .kind = {.name = "post",
                 .help = help,
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
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++)
        if (run(&bench, i) < 0)
            break;
    return bench_close(&bench);
}
