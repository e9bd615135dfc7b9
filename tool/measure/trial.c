/* SPDX-License-Identifier: MIT */
/* trial.c - runs trials one by one and in interleaved rounds. */
#include "trial.h"

#include <stdlib.h>

#include "batch.h"
#include "clock.h"
#include "cpus.h"
#include "load.h"
#include "stop.h"
#include "system.h"

const char *const figure_names[FIGURES] = {"operations_per_s", "server_cpu_us",  "client_cpu_us",
                                           "latency_p50_us",   "latency_p99_us", "peak_kib",
                                           "connection_bytes"};

static void read_figures(const struct load_report *report, double figures[FIGURES])
{
    double requests = (double)report->requests;
    figures[FIGURE_RATE] = requests * 1e9 / (double)report->window_ns;
    figures[FIGURE_SERVER_US] = (double)report->server_cpu_ns / 1e3 / requests;
    figures[FIGURE_CLIENT_US] = (double)report->client_cpu_ns / 1e3 / requests;
    figures[FIGURE_P50_US] = (double)hist_quantile_ns(&report->latency, 0.50) / 1e3;
    figures[FIGURE_P99_US] = (double)hist_quantile_ns(&report->latency, 0.99) / 1e3;
    if (report->added_connections > 0 && report->added_bytes > 0)
        figures[FIGURE_CONNECTION_BYTES] = (double)report->added_bytes / report->added_connections;
}

static void add_served(struct served *sum, const struct served *more)
{
    sum->told = sum->told || more->told;
    for (int i = 0; i < SERVED_COUNT; i++)
        sum->operations[i] += more->operations[i];
}

/* Loads a server that listens, and reads what the load reports. */
static int load_server(struct server *server, int cpu, const struct shape *shape,
                       const struct timing *timing, double figures[FIGURES], struct hist *latency,
                       struct failure *why)
{
    struct load      load;
    struct load_plan plan = {.port = server->port,
                             .shape = *shape,
                             .cpu = cpu,
                             .server = server->pid,
                             .warmup_ns = timing->warmup_ns,
                             .window_ns = timing->window_ns};
    uint64_t         patience_ns = timing->warmup_ns + timing->window_ns + 60 * NS_PER_S;
    int              result = load_start(&load, &plan, why);
    if (result == 0)
        result = load_end(&load, patience_ns, why);
    if (result == 0) {
        read_figures(load.report, figures);
        hist_merge(latency, &load.report->latency);
    }
    load_close(&load);
    return result;
}

int trial_run(const struct server_plan *plan, const struct shape *shape,
              const struct timing *timing, double figures[FIGURES], struct hist *latency,
              struct served *served, struct failure *why)
{
    struct server server;
    struct served now = {0};
    int           server_cpu = cpus_from_last(0);
    int           load_cpu = timing->cross_core ? cpus_from_last(1) : server_cpu;
    int           result = server_start(&server, plan, server_cpu, why);
    if (result == 0)
        result = load_server(&server, load_cpu, shape, timing, figures, latency, why);
    if (result == 0) {
        figures[FIGURE_PEAK_KIB] = (double)system_peak_kib(server.pid);
        result = server_stop(&server, &now, why);
        add_served(served, &now);
    }
    server_close(&server);
    return stop_requested() ? -1 : result;
}

int series_open(struct series *series, size_t count, size_t rounds_max, struct failure *why)
{
    series->entrants = calloc(count, sizeof *series->entrants);
    series->count = series->entrants ? count : 0;
    series->room = rounds_max;
    bool complete = series->entrants != NULL;
    for (size_t i = 0; i < series->count; i++)
        for (int f = 0; f < FIGURES; f++) {
            series->entrants[i].rounds[f] = calloc(rounds_max, sizeof(double));
            complete = complete && series->entrants[i].rounds[f];
        }
    if (complete)
        return 0;
    series_close(series);
    return fail(why, "no memory for %zu rounds", rounds_max);
}

/* Who comes as the ith in a round: every round begins with another server, and every other one goes
 * backwards, so that of two neighbours neither is always the first. */
static size_t place(const struct series *series, size_t round, size_t i)
{
    size_t count = series->count, forwards = (round / 2 + i) % count;
    return round % 2 ? count - 1 - forwards : forwards;
}

static struct shape shape_of(const struct series *series, const struct entrant *e)
{
    struct shape shape = series->shape;
    shape.idle = e->idle;
    return shape;
}

static int run_entrant(struct series *series, struct entrant *e, double figures[FIGURES],
                       struct failure *why)
{
    struct shape shape = shape_of(series, e);
    if (series->works)
        return batch_run(&e->plan, &series->timing, figures, &e->latency, &e->served, why);
    return trial_run(&e->plan, &shape, &series->timing, figures, &e->latency, &e->served, why);
}

int series_run(struct series *series, size_t rounds, series_progress *progress, void *user,
               struct failure *why)
{
    size_t first = series->count > 0 ? series->entrants[0].count : 0;
    for (size_t round = first; round < first + rounds && round < series->room; round++)
        for (size_t i = 0; i < series->count; i++) {
            struct entrant *e = &series->entrants[place(series, round, i)];
            double          figures[FIGURES] = {0};
            if (stop_requested())
                return -1;
            progress(user, series, round, e, false);
            if (run_entrant(series, e, figures, why) < 0)
                return -1;
            for (int f = 0; f < FIGURES; f++)
                e->rounds[f][round] = figures[f];
            e->count = round + 1;
        }
    return 0;
}

static int count_entrant(struct series *series, struct entrant *e, uint64_t requests,
                         struct failure *why)
{
    struct shape shape = shape_of(series, e);
    if (series->works)
        return batch_count(&e->calls, &e->plan, requests, why);
    return syscalls_count(&e->calls, &e->plan, &shape, requests, why);
}

int series_count_syscalls(struct series *series, uint64_t requests, series_progress *progress,
                          void *user, struct failure *why)
{
    const char *refused = syscalls_refused();
    for (size_t i = 0; i < series->count; i++) {
        struct entrant *e = &series->entrants[i];
        if (refused) {
            fail(&e->calls.reason, "%s", refused);
            continue;
        }
        if (stop_requested())
            return -1;
        progress(user, series, e->count, e, true);
        if (count_entrant(series, e, requests, why) < 0)
            return -1;
    }
    return 0;
}

size_t series_rounds(const struct series *series)
{
    size_t most = 0;
    for (size_t i = 0; i < series->count; i++)
        if (series->entrants[i].count > most)
            most = series->entrants[i].count;
    return most;
}

struct range series_range(const struct entrant *entrant, enum figure figure)
{
    return stats_range(entrant->rounds[figure], entrant->count);
}

struct range series_ratio(const struct entrant *a, const struct entrant *b, enum figure figure)
{
    size_t count = a->count < b->count ? a->count : b->count;
    return stats_ratio(a->rounds[figure], b->rounds[figure], count);
}

struct range series_ratio_to(const struct entrant *a, enum figure figure, double constant)
{
    double constants[STATS_COUNT_MAX];
    size_t count = a->count < STATS_COUNT_MAX ? a->count : STATS_COUNT_MAX;
    for (size_t i = 0; i < count; i++)
        constants[i] = constant;
    return stats_ratio(a->rounds[figure], constants, count);
}

void series_close(struct series *series)
{
    for (size_t i = 0; i < series->count; i++)
        for (int f = 0; f < FIGURES; f++)
            free(series->entrants[i].rounds[f]);
    free(series->entrants);
    series->entrants = NULL;
    series->count = 0;
}
