/* SPDX-License-Identifier: MIT */
/* echo.c - `scripts/bench echo`: weir's example on every engine against servers written by hand and
 * servers on other libraries, shape after shape. */
#include <stdio.h>
#include <string.h>

#include "../tool/measure/clock.h"
#include "kit/servers.h"

enum { SHAPE_ROOM = 32, COUNTED_REQUESTS = 4000 };

static struct shape shapes[SHAPE_ROOM] = {
    {.connections = 50, .size = 64, .depth = 1},
    {.connections = 50, .size = 4096, .depth = 1},
    {.connections = 50, .size = 16384, .depth = 1},
    {.connections = 50, .size = 65536, .depth = 1},
    {.connections = 1, .size = 64, .depth = 1},
    {.connections = 1000, .size = 64, .depth = 1},
    {.connections = 1000, .size = 4096, .depth = 1},
    {.connections = 1000, .size = 16384, .depth = 1},
    {.connections = 50, .size = 64, .depth = 16},
    {.connections = 10000, .size = 64, .depth = 1},
};
static size_t shape_count = 10;

static const char help[] =
    "Measures weir's example echo server on each engine, and where nobody names one, against\n"
    "servers written by hand for each mechanism and servers on other libraries.\n"
    "\n"
    "  --shapes LIST       CONNECTIONSxBYTES or CONNECTIONSxBYTESxDEPTH, separated by commas\n"
    "                      (default: 50x64,50x4096,50x16384,50x65536,1x64,1000x64,1000x4096,\n"
    "                      1000x16384,50x64x16,10000x64)\n"
    "  --add NAME=PROGRAM  one more server; it is called with the argument 0, a port, and says\n"
    "                      the port it listens on in its first line\n"
    "  --cross             server and load on two CPUs (default: both on one)\n";

static const struct option options[] = {{"shapes", required_argument, NULL, 's'},
                                        {"add", required_argument, NULL, 'a'},
                                        {"cross", no_argument, NULL, 'x'},
                                        {0}};

static const enum figure shown[] = {FIGURE_SERVER_US, FIGURE_PEAK_KIB};

static int read_shapes(struct bench *b, const char *list)
{
    shape_count = 0;
    for (const char *at = list; shape_count < SHAPE_ROOM;) {
        struct shape shape = {.depth = 1};
        int          length = 0;
        int          read = sscanf(at, "%dx%zu%n", &shape.connections, &shape.size, &length);
        if (read == 2 && at[length] == 'x') {
            int more = 0;
            read += sscanf(at + length, "x%d%n", &shape.depth, &more) - 1;
            length += more;
        }
        if (read != 2 || shape.connections < 1 || shape.connections > 20000 || shape.size < 1 ||
            shape.size > (64u << 20) || shape.depth < 1 || shape.depth > 4096 ||
            (at[length] != '\0' && at[length] != ','))
            return bench_usage(b, "--shapes takes 50x64,1000x64 and the like, not", list);
        shapes[shape_count++] = shape;
        if (at[length] == '\0')
            return BENCH_DONE;
        at += length + 1;
    }
    return bench_usage(b, "--shapes has too many shapes:", list);
}

static int take(struct bench *b, int option, char *value)
{
    if (option == 's')
        return read_shapes(b, value);
    if (option == 'a')
        return servers_add(b, value);
    b->timing.cross_core = true; /* 'x' */
    return BENCH_DONE;
}

static int run_shape(struct bench *b, const struct shape *shape)
{
    static struct cell cell;
    char               title[96], pipelined[32] = "";
    if (shape->depth > 1)
        snprintf(pipelined, sizeof pipelined, " pipelined %d", shape->depth);
    snprintf(title, sizeof title, "%dx%zu%s, %s", shape->connections, shape->size, pipelined,
             b->timing.cross_core ? "two cores" : "one core");
    cell = (struct cell){
        .title = title, .operation = "request", .shape = *shape, .counted = COUNTED_REQUESTS};
    servers_enter(&cell, b, shape->connections);
    servers_ask(&cell);
    return cell_run(b, &cell);
}

int main(int argc, char **argv)
{
    static struct bench bench = {
        .kind = {.name = "echo",
                 .help = help,
                 .options = options,
                 .take = take,
                 .shown = shown,
                 .shown_count = sizeof shown / sizeof shown[0]},
        .timing = {.warmup_ns = 100 * NS_PER_MS, .window_ns = 400 * NS_PER_MS},
        .rounds = 15,
        .rounds_max = 30};
    bench.kind.candidates = servers_all(&bench.kind.candidate_count);
    int status = bench_open(&bench, argc, argv);
    if (status != BENCH_DONE)
        return status < 0 ? BENCH_DONE : status;
    cell_try_servers(&bench);
    for (size_t i = 0; i < shape_count; i++)
        if (run_shape(&bench, &shapes[i]) < 0)
            break;
    return bench_close(&bench);
}
