/* SPDX-License-Identifier: MIT */
/* files.c - `scripts/bench files`: random reads of a file, from the page cache and past it, with
 * few and many at a time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../tool/measure/blockfile.h"
#include "../tool/measure/clock.h"
#include "../tool/measure/reader.h"
#include "../tool/measure/stop.h"
#include "../tool/programs.h"
#include "kit/cell.h"
#include "kit/fio.h"

enum { DEPTH_ROOM = 4, BLOCK = 4096, COUNTED_READS = 1000, PER_MEBIBYTE = (1 << 20) / BLOCK };

static long             depths[DEPTH_ROOM] = {1, 32, 128};
static int              depth_count = 3;
static long             mebibytes = 1024;
static const char      *directory = ".";
static struct blockfile file;

/* The readers of the tool: one on weir, two written by hand. The rest of their words is added for
 * each cell. */
#define TOOL(NAME) .program = "weir", .argv = {NULL, PROGRAM_ARGUMENT, NAME}

/* epoll stands for all readiness engines: a file is never awaited by readiness, so they serve it
 * alike. */
static struct candidate candidates[] = {
    {.name = "hand-io_uring", TOOL(PROGRAM_READ_URING)},
    {.name = "hand-pread", TOOL(PROGRAM_READ_BLOCKING)},
    {.name = "weir", TOOL(PROGRAM_READ_WEIR)},
    {.name = "weir-io_uring", TOOL(PROGRAM_READ_WEIR), .engine = "io_uring"},
    {.name = "weir-epoll", TOOL(PROGRAM_READ_WEIR), .engine = "epoll"},
    {.name = "weir-linux-aio", TOOL(PROGRAM_READ_WEIR), .engine = "linux-aio"},
    {.name = "weir-posix-aio", TOOL(PROGRAM_READ_WEIR), .engine = "posix-aio"},
    {.name = "weir-threads", TOOL(PROGRAM_READ_WEIR), .engine = "threads"},
    {.name = "libuv", .program = "bench/peers/read_libuv"},
};
enum { CANDIDATES = sizeof candidates / sizeof candidates[0] };

static const struct goal direct_goals[] = {
    {"weir-io_uring", "hand-io_uring", FIGURE_RATE, GOAL_AT_LEAST, 0.98},
    {"weir-io_uring", "hand-io_uring", FIGURE_SERVER_US, GOAL_AT_MOST, 1.1},
    {"weir", "libuv", FIGURE_SERVER_US, GOAL_AHEAD, 0},
};

/* From the cache, one at a time. Nobody waits there: the share of the plain call that a reader
 * reaches is the ratio of what a read costs them, turned over. */
static const struct goal cached_goals[] = {
    {"hand-pread", "weir", FIGURE_SERVER_US, GOAL_AT_LEAST, 0.8},
    {"hand-pread", "weir-io_uring", FIGURE_SERVER_US, GOAL_AT_LEAST, 0.8},
    {"hand-pread", "weir-epoll", FIGURE_SERVER_US, GOAL_AT_LEAST, 0.8},
    {"hand-pread", "weir-linux-aio", FIGURE_SERVER_US, GOAL_AT_LEAST, 0.8},
    {"hand-pread", "weir-posix-aio", FIGURE_SERVER_US, GOAL_AT_LEAST, 0.8},
    {"weir", "libuv", FIGURE_RATE, GOAL_AT_LEAST, 10},
};

/* From the cache, many at a time. */
static const struct goal cached_many_goals[] = {
    {"weir-io_uring", "hand-io_uring", FIGURE_SERVER_US, GOAL_TOLD, 0},
    {"weir", "libuv", FIGURE_SERVER_US, GOAL_AHEAD, 0},
};

static const char help[] =
    "Reads blocks of 4 KiB of a file at random places, on weir's engines, by hand and on libuv,\n"
    "with fio's figures beside. The file is removed at the end.\n"
    "\n"
    "  --depths LIST       numbers of reads at a time, at most 4 (default: 1,32,128)\n"
    "  --file-size MIB     the file (default: 1024)\n"
    "  --directory DIR     where it is made (default: the current directory)\n";

static const struct option options[] = {{"depths", required_argument, NULL, 'd'},
                                        {"file-size", required_argument, NULL, 'f'},
                                        {"directory", required_argument, NULL, 'D'},
                                        {0}};

static const enum figure shown[] = {FIGURE_RATE, FIGURE_SERVER_US};

static int take(struct bench *b, int option, char *value)
{
    double number = 0;
    int    status = BENCH_DONE;
    switch (option) {
    case 'd':
        depth_count = bench_numbers(b, "--depths", value, 1, 256, depths, DEPTH_ROOM);
        return depth_count < 0 ? BENCH_USAGE : BENCH_DONE;
    case 'f':
        status = bench_number(b, "--file-size", value, 1, 1 << 20, &number);
        mebibytes = (long)number;
        return status;
    default: /* 'D' */
        directory = value;
        return status;
    }
}

/* The words that the reader's program has, without those of an earlier cell. */
static void command(int i, const struct reader_plan *plan)
{
    static struct reader_command commands[CANDIDATES];
    struct candidate            *c = &candidates[i];
    const char                  *words[READER_PROGRAM_WORDS] = {c->argv[0]};
    if (c->argv[1] && strcmp(c->argv[1], PROGRAM_ARGUMENT) == 0) {
        words[1] = c->argv[1];
        words[2] = c->argv[2];
    }
    reader_command(&commands[i], words, plan);
    memcpy(c->argv, commands[i].argv, sizeof c->argv);
}

static void ask(struct cell *cell, const struct goal *goals, size_t count)
{
    for (size_t i = 0; i < count; i++)
        cell_ask(cell, goals[i]);
}

static int run(struct bench *b, bool direct, long depth)
{
    static struct cell cell;
    char               title[64];
    struct reader_plan plan = {.path = file.path,
                               .blocks = (uint64_t)mebibytes * PER_MEBIBYTE,
                               .size = BLOCK,
                               .depth = (unsigned)depth,
                               .direct = direct};
    snprintf(title, sizeof title, "%s, %ld at a time", direct ? "O_DIRECT" : "cached", depth);
    cell = (struct cell){
        .title = title, .operation = "read", .works = true, .counted = COUNTED_READS};
    for (int i = 0; i < CANDIDATES; i++) {
        command(i, &plan);
        cell_add(&cell, &candidates[i]);
        if (direct && file.no_direct[0])
            cell.contenders[i].refusal = file.no_direct;
    }
    if (direct)
        ask(&cell, direct_goals, sizeof direct_goals / sizeof direct_goals[0]);
    else if (depth == 1)
        ask(&cell, cached_goals, sizeof cached_goals / sizeof cached_goals[0]);
    else
        ask(&cell, cached_many_goals, sizeof cached_many_goals / sizeof cached_many_goals[0]);
    blockfile_warm(&file, !direct);
    cell_try_works(b);
    if (!direct || !file.no_direct[0])
        fio_read(&cell.beside, &plan, b->timing.window_ns);
    return cell_run(b, &cell);
}

static void run_all(struct bench *b)
{
    for (int direct = 1; direct >= 0; direct--)
        for (int i = 0; i < depth_count; i++)
            if (run(b, direct, depths[i]) < 0)
                return;
}

int main(int argc, char **argv)
{
    static struct bench bench = {
        .kind = {.name = "files",
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
    struct failure why = {0};
    int            status = bench_open(&bench, argc, argv);
    if (status != BENCH_DONE)
        return status < 0 ? BENCH_DONE : status;
    if (blockfile_make(&file, directory, "weir-bench-files", mebibytes, &why) == 0) {
        blockfile_try_direct(&file, BLOCK);
        run_all(&bench);
    } else {
        bench_failed(&bench, &why);
    }
    blockfile_remove(&file);
    return bench_close(&bench);
}
