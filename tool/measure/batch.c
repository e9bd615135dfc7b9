/* SPDX-License-Identifier: MIT */
/* batch.c - starts readers, waits for their report, and counts their system calls. */
#include "batch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "clock.h"
#include "cpus.h"
#include "load.h"
#include "stop.h"

enum { ARGV_ROOM = 20 };

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

/* The plan's argv and the reader's arguments behind it; see reader_open(). */
static int start_with(struct batch *batch, const struct server_plan *plan,
                      const struct batch_shape *shape, const struct timing *timing, uint64_t reads,
                      const int fds[2], struct failure *why)
{
    char               text[8][32];
    const char        *argv[ARGV_ROOM];
    struct server_plan whole = *plan;
    int                count = 0;
    while (plan->argv[count] && count < ARGV_ROOM - 11) {
        argv[count] = plan->argv[count];
        count++;
    }
    snprintf(text[0], sizeof text[0], "%llu", (unsigned long long)shape->blocks);
    snprintf(text[1], sizeof text[1], "%zu", shape->size);
    snprintf(text[2], sizeof text[2], "%u", shape->depth);
    snprintf(text[3], sizeof text[3], "%llu", (unsigned long long)timing->warmup_ns);
    snprintf(text[4], sizeof text[4], "%llu", (unsigned long long)timing->window_ns);
    snprintf(text[5], sizeof text[5], "%llu", (unsigned long long)reads);
    snprintf(text[6], sizeof text[6], "%d", fds[0]);
    snprintf(text[7], sizeof text[7], "%d", fds[1]);
    argv[count++] = shape->path;
    for (int i = 0; i < 3; i++)
        argv[count++] = text[i];
    argv[count++] = shape->direct ? "direct" : "cached";
    for (int i = 3; i < 8; i++)
        argv[count++] = text[i];
    argv[count] = NULL;
    whole.argv = argv;
    return server_spawn(&batch->server, &whole, cpus_from_last(0), why);
}

/* The two descriptors are inherited, and closed here once the process has them. */
static int batch_start(struct batch *batch, const struct server_plan *plan,
                       const struct batch_shape *shape, const struct timing *timing, uint64_t reads,
                       struct failure *why)
{
    int ends[2] = {-1, -1}, memory = memfd_create("reader-report", 0), result = -1;
    *batch = (struct batch){.server = {.out = -1, .err = -1}, .control = -1};
    if (memory < 0 || ftruncate(memory, sizeof *batch->report) < 0 || pipe(ends) < 0) {
        fail(why, "the reader %s could not be started: %s", plan->name, strerror(errno));
    } else {
        void *mapping = mmap(NULL, sizeof *batch->report, PROT_READ | PROT_WRITE, MAP_SHARED,
                             memory, 0);
        batch->report = mapping == MAP_FAILED ? NULL : mapping;
        batch->control = ends[1];
        result = batch->report ? start_with(batch, plan, shape, timing, reads,
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

/* What the reader said of itself, before the plain fact that it ended badly. */
static int batch_end(struct batch *batch, const char *name, struct served *served,
                     struct failure *why)
{
    int result = server_await(&batch->server, served, patience_ns, why);
    if (batch->report->failure.sentence[0]) {
        why->sentence[0] = '\0';
        return fail(why, "the reader %s: %s", name, batch->report->failure.sentence);
    }
    if (result == 0 && batch->report->phase != LOAD_DONE)
        return fail(why, "the reader %s ended too early", name);
    return result;
}

int batch_run(const struct server_plan *plan, const struct batch_shape *shape,
              const struct timing *timing, double figures[FIGURES], struct hist *latency,
              struct served *served, struct failure *why)
{
    struct batch  batch;
    struct served now = {0};
    if (batch_start(&batch, plan, shape, timing, 0, why) < 0)
        return -1;
    int result = batch_end(&batch, plan->name, &now, why);
    if (result == 0) {
        double reads = (double)batch.report->requests;
        figures[FIGURE_RATE] = reads * 1e9 / (double)batch.report->window_ns;
        figures[FIGURE_SERVER_US] = (double)batch.report->server_cpu_ns / 1e3 / reads;
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

int batch_count(struct syscall_counts *counts, const struct server_plan *plan,
                const struct batch_shape *shape, uint64_t reads, struct failure *why)
{
    struct batch  batch;
    struct timing timing = {0};
    *counts = (struct syscall_counts){0};
    if (batch_start(&batch, plan, shape, &timing, reads, why) < 0)
        return -1;
    int result = syscalls_count_batch(counts, &batch.server, batch.report, batch.control, why);
    if (batch.report->failure.sentence[0])
        result = fail(why, "the reader %s: %s", plan->name, batch.report->failure.sentence);
    batch_close(&batch);
    return result;
}
