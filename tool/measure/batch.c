/* SPDX-License-Identifier: MIT */
/* batch.c - starts programs that measure their own work, waits for their report, and counts their
 * system calls. */
#include "batch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "clock.h"
#include "cpus.h"
#include "load.h"
#include "stop.h"
#include "system.h"

enum { ARGV_ROOM = 20, ADDED = 5 };

static const uint64_t patience_ns = 30 * NS_PER_S;

struct batch {
    struct server       server; /* the process */
    struct load_report *report; /* owned mapping, shared with it */
    int                 control;
};

static void batch_close(struct batch *batch)
{
    server_close(&batch->server);
    if (batch->control >= 0)
        close(batch->control);
    if (batch->report)
        munmap(batch->report, sizeof *batch->report);
    *batch = (struct batch){.server = {.out = -1, .err = -1}, .control = -1};
}

/* The plan's argv and the arguments of work_open() behind it. */
static int start_with(struct batch *batch, const struct server_plan *plan,
                      const struct timing *timing, uint64_t operations, const int fds[2],
                      struct failure *why)
{
    const unsigned long long values[ADDED] = {timing->warmup_ns, timing->window_ns, operations,
                                              (unsigned)fds[0], (unsigned)fds[1]};
    char                     text[ADDED][32];
    const char              *argv[ARGV_ROOM];
    struct server_plan       whole = *plan;
    int                      count = 0;
    while (plan->argv[count] && count < ARGV_ROOM - ADDED - 1) {
        argv[count] = plan->argv[count];
        count++;
    }
    for (int i = 0; i < ADDED; i++) {
        snprintf(text[i], sizeof text[i], "%llu", values[i]);
        argv[count++] = text[i];
    }
    argv[count] = NULL;
    whole.argv = argv;
    return server_spawn(&batch->server, &whole, cpus_from_last(0), why);
}

/* The two descriptors are inherited, and closed here once the process has them. */
static int batch_start(struct batch *batch, const struct server_plan *plan,
                       const struct timing *timing, uint64_t operations, struct failure *why)
{
    int ends[2] = {-1, -1}, memory = system_unnamed_file(), result = -1;
    *batch = (struct batch){.server = {.out = -1, .err = -1}, .control = -1};
    if (memory < 0 || fcntl(memory, F_SETFD, 0) < 0 ||
        ftruncate(memory, sizeof *batch->report) < 0 || pipe(ends) < 0) {
        fail(why, "%s could not be started: %s", plan->name, strerror(errno));
    } else {
        void *mapping = mmap(NULL, sizeof *batch->report, PROT_READ | PROT_WRITE, MAP_SHARED,
                             memory, 0);
        batch->report = mapping == MAP_FAILED ? NULL : mapping;
        batch->control = ends[1];
        result = batch->report ? start_with(batch, plan, timing, operations,
                                            (const int[]){memory, ends[0]}, why)
                               : fail(why, "no memory for the report of %s", plan->name);
    }
    if (memory >= 0)
        close(memory);
    if (ends[0] >= 0)
        close(ends[0]);
    if (result < 0)
        batch_close(batch);
    return result;
}

/* What the program said of itself, before the plain fact that it ended badly. */
static int batch_end(struct batch *batch, const char *name, struct served *served,
                     struct failure *why)
{
    int result = server_await(&batch->server, served, patience_ns, why);
    if (batch->report->failure.sentence[0]) {
        why->sentence[0] = '\0';
        return fail(why, "%s: %s", name, batch->report->failure.sentence);
    }
    if (result == 0 && batch->report->phase != LOAD_DONE)
        return fail(why, "%s ended too early", name);
    return result;
}

int batch_run(const struct server_plan *plan, const struct timing *timing, double figures[FIGURES],
              struct hist *latency, struct served *served, struct failure *why)
{
    struct batch  batch;
    struct served now = {0};
    if (batch_start(&batch, plan, timing, 0, why) < 0)
        return -1;
    int result = batch_end(&batch, plan->name, &now, why);
    if (result == 0) {
        double operations = (double)batch.report->requests;
        figures[FIGURE_RATE] = operations * 1e9 / (double)batch.report->window_ns;
        figures[FIGURE_SERVER_US] = (double)batch.report->server_cpu_ns / 1e3 / operations;
        figures[FIGURE_P50_US] = (double)hist_quantile_ns(&batch.report->latency, 0.50) / 1e3;
        figures[FIGURE_P99_US] = (double)hist_quantile_ns(&batch.report->latency, 0.99) / 1e3;
        hist_merge(latency, &batch.report->latency);
        served->told = served->told || now.told;
        for (int i = 0; i < SERVED_COUNT; i++)
            served->operations[i] += now.operations[i];
    }
    batch_close(&batch);
    return stop_requested() ? -1 : result;
}

int batch_count(struct syscall_counts *counts, const struct server_plan *plan, uint64_t operations,
                struct failure *why)
{
    struct batch  batch;
    struct timing timing = {0};
    *counts = (struct syscall_counts){0};
    if (batch_start(&batch, plan, &timing, operations, why) < 0)
        return -1;
    int result = syscalls_count_batch(counts, &batch.server, batch.report, batch.control, why);
    if (batch.report->failure.sentence[0]) {
        why->sentence[0] = '\0'; /* its own sentence says more */
        result = fail(why, "%s: %s", plan->name, batch.report->failure.sentence);
    }
    batch_close(&batch);
    return result;
}
