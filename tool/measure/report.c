/* SPDX-License-Identifier: MIT */
/* report.c - figures as text and as JSON. */
#include "report.h"

#include "cpus.h"
#include "system.h"

void report_number(char *text, size_t length, double value)
{
    const char *unit = "";
    if (value >= 9999.5) {
        value /= 1000;
        unit = "k";
    }
    if (value >= 9999.5) {
        value /= 1000;
        unit = "M";
    }
    int digits = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
    snprintf(text, length, "%.*f%s", digits, value, unit);
}

void report_range_cell(struct table *table, struct range range, size_t rounds)
{
    char middle[32], low[32], high[32];
    report_number(middle, sizeof middle, range.middle);
    report_number(low, sizeof low, range.low);
    report_number(high, sizeof high, range.high);
    if (rounds == 0)
        table_cell(table, "-");
    else
        table_cell(table, "%s %s..%s", middle, low, high);
}

void report_calls_cell(struct table *table, const struct syscall_counts *calls)
{
    if (calls->counted)
        table_cell(table, "%.2f", (double)calls->calls / (double)calls->requests);
    else
        table_cell(table, "n/a");
}

const char *report_cores(const struct timing *timing)
{
    return cpus_from_last(0) < 0 ? "any cores" : timing->cross_core ? "two cores" : "one core";
}

void report_shape(char *text, size_t length, const struct series *series)
{
    const struct shape *shape = &series->shape;
    char                pipelined[48] = "";
    if (shape->depth > 1)
        snprintf(pipelined, sizeof pipelined, " (%d outstanding on each)", shape->depth);
    snprintf(text, length, "echo, %d connection%s%s x %zu byte%s, server and load on %s",
             shape->connections, shape->connections == 1 ? "" : "s", pipelined, shape->size,
             shape->size == 1 ? "" : "s", report_cores(&series->timing));
}

void report_cpu_step(const struct timing *timing, FILE *file)
{
    double step_ns = (double)system_cpu_step_ns(), window_ns = (double)timing->window_ns;
    if (step_ns * 100 > window_ns)
        fprintf(file,
                "note: this system counts CPU time in steps of %.3g ms, %.2g%% of a window; more "
                "--seconds make it finer\n",
                step_ns / 1e6, 100 * step_ns / window_ns);
}

json_t *report_json_machine(void)
{
    struct system_names names;
    char                cpu[128];
    system_names(&names);
    system_cpu_name(cpu, sizeof cpu);
    return json_pack("{s:s, s:s, s:s, s:s, s:i}", "system", names.system, "kernel", names.version,
                     "machine", names.machine, "cpu", cpu, "cpus", cpus_count());
}

json_t *report_json_workload(const struct series *series)
{
    const char *cores = cpus_from_last(0) < 0 ? "any" : series->timing.cross_core ? "two" : "one";
    return json_pack("{s:s, s:i, s:I, s:i, s:s, s:f, s:f}", "name", "echo", "connections",
                     series->shape.connections, "size_bytes", (json_int_t)series->shape.size,
                     "depth", series->shape.depth, "cores", cores, "window_s",
                     (double)series->timing.window_ns / 1e9, "warmup_s",
                     (double)series->timing.warmup_ns / 1e9);
}

json_t *report_json_range(struct range range, const char *middle, const char *low, const char *high)
{
    return json_pack("{s:f, s:f, s:f}", middle, range.middle, low, range.low, high, range.high);
}

/* Readers have no load beside them, and some figures therefore not. */
static bool is_measured(const struct entrant *entrant, int figure)
{
    return series_range(entrant, (enum figure)figure).high > 0;
}

static json_t *json_rounds(const struct entrant *entrant)
{
    json_t *rounds = json_array();
    for (size_t r = 0; r < entrant->count; r++) {
        json_t *round = json_object();
        for (int f = 0; f < FIGURES; f++)
            if (is_measured(entrant, f))
                json_object_set_new(round, figure_names[f], json_real(entrant->rounds[f][r]));
        json_array_append_new(rounds, round);
    }
    return rounds;
}

static json_t *json_latency(const struct hist *latency)
{
    static const struct {
        const char *name;
        double      share;
    } points[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}};
    json_t *object = json_object();
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++)
        json_object_set_new(object, points[i].name,
                            json_real((double)hist_quantile_ns(latency, points[i].share) / 1e3));
    json_object_set_new(object, "max", json_real((double)latency->max_ns / 1e3));
    json_object_set_new(object, "operations", json_integer((json_int_t)latency->count));
    return object;
}

static json_t *json_calls(const struct syscall_counts *calls)
{
    if (!calls->counted) {
        const char *reason = calls->reason.sentence;
        return json_pack("{s:s}", "not_counted", reason[0] ? reason : "not reached");
    }
    json_t *by_name = json_object();
    for (int i = 0; i < SYSCALL_NUMBERS; i++)
        if (calls->by_number[i] > 0)
            json_object_set_new(by_name, syscalls_name(i),
                                json_integer((json_int_t)calls->by_number[i]));
    return json_pack("{s:f, s:I, s:I, s:o}", "per_operation",
                     (double)calls->calls / (double)calls->requests, "operations",
                     (json_int_t)calls->requests, "calls", (json_int_t)calls->calls, "by_name",
                     by_name);
}

static json_t *json_served(const struct served *served)
{
    if (!served->told)
        return json_null();
    json_t *object = json_object();
    for (int i = 0; i < SERVED_COUNT; i++)
        json_object_set_new(object, served_names[i],
                            json_integer((json_int_t)served->operations[i]));
    return object;
}

json_t *report_json_entrant(const struct entrant *entrant)
{
    json_t *object = json_object(), *summary = json_object();
    json_object_set_new(object, "name", json_string(entrant->plan.name));
    for (int f = 0; f < FIGURES; f++) {
        if (!is_measured(entrant, f))
            continue;
        json_object_set_new(
            summary, figure_names[f],
            report_json_range(series_range(entrant, (enum figure)f), "median", "min", "max"));
    }
    json_object_set_new(object, "summary", entrant->count > 0 ? summary : json_null());
    if (entrant->count == 0)
        json_decref(summary);
    json_object_set_new(object, "rounds", json_rounds(entrant));
    json_object_set_new(object, "latency_us", json_latency(&entrant->latency));
    json_object_set_new(object, "system_calls", json_calls(&entrant->calls));
    json_object_set_new(object, "served", json_served(&entrant->served));
    return object;
}
