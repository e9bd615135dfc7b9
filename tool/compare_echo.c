/* SPDX-License-Identifier: MIT */
/* compare_echo.c - `weir compare echo`: examples/echo on several engines, measured in turn.
 *
 * The server is the example itself, compiled into the tool; the tool starts itself with a
 * hidden argument, and WEIR_ENGINE says which engine to take. Server and load are processes of
 * their own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir.h>

#include "choice.h"
#include "command.h"
#include "compare_options.h"
#include "measure/clock.h"
#include "measure/cpus.h"
#include "measure/document.h"
#include "measure/progress.h"
#include "measure/report.h"
#include "measure/stop.h"
#include "programs.h"
#include "verdict.h"

enum { COUNTED_REQUESTS = 4000 }; /* for the system calls of one engine */

/* Of each engine in a round, unless the user says otherwise; with many engines less, so that a
 * comparison stays one of half a minute. */
#define WINDOW_NS (800 * NS_PER_MS)
#define ENGINES_USUAL 5

struct echo_options {
    struct compare_options common;
    struct shape           shape;
};

/* What one run holds. */
struct comparison {
    const struct echo_options *options;
    struct choice              choice;
    struct series              series;
    struct progress            progress;
    bool                       complete;
};

static void help(void)
{
    printf("usage: weir compare echo [OPTION...]\n"
           "\n"
           "Runs the TCP echo server of the examples on one engine after the other, loads it from\n"
           "another process over the loopback, checks every byte, and prints what each cost.\n"
           "\n"
           "  --engines LIST    engines, separated by commas (default: those allowed here of\n"
           "                    %s)\n"
           "  --connections N   connections, one request outstanding on each (default: 50)\n"
           "  --size BYTES      bytes a request (default: 64)\n"
           "  --seconds S       seconds measured of each engine in a round (default: 0.8, less\n"
           "                    with more than 5 engines)\n"
           "  --rounds R        rounds, each with every engine (default: 5)\n"
           "  --json FILE       write everything measured to FILE as JSON (- is standard "
           "output)\n" COMPARE_CORES_HELP "  -h, --help        print this\n",
           choice_stream_engines);
}

/* Reads one option; false when its value is wrong, which was said. */
static bool take_option(void *user, int option, char *value)
{
    struct echo_options *o = user;
    long long            count = 0;
    if (option == 'c') {
        if (!read_count("--connections", value, 1, 20000, &count))
            return false;
        o->shape.connections = (int)count;
    } else {
        if (!read_count("--size", value, 1, 16 * 1024 * 1024, &count))
            return false;
        o->shape.size = (size_t)count;
    }
    return true;
}

static int read_options(struct echo_options *o, int argc, char **argv)
{
    static const struct option  options[] = {COMPARE_OPTIONS,
                                             COMPARE_CORES,
                                             {"connections", required_argument, NULL, 'c'},
                                             {"size", required_argument, NULL, 's'},
                                             {0}};
    const struct compare_reader reader = {.command = "weir compare echo",
                                          .options = options,
                                          .common = &o->common,
                                          .take = take_option,
                                          .user = o,
                                          .help = help};
    return compare_read_options(&reader, argc, argv);
}

static void tell_progress(void *user, const struct series *series, size_t round,
                          const struct entrant *next, bool counting)
{
    struct comparison *c = user;
    char               stage[64];
    (void)series;
    if (counting)
        snprintf(stage, sizeof stage, "counting system calls");
    else
        snprintf(stage, sizeof stage, "round %zu of %zu", round + 1, c->options->common.rounds);
    progress_step(&c->progress, stage, next->plan.name);
}

/* A trial is its window, its warm-up and the start and end of its processes. */
static double expected_s(const struct comparison *c)
{
    double trial_s =
        (double)(c->options->common.timing.window_ns + c->options->common.timing.warmup_ns) / 1e9;
    return (double)c->choice.chosen_count *
           ((double)c->options->common.rounds * (trial_s + 0.05) + 0.6);
}

/* Measures; EXIT_DONE, EXIT_FAILED after a sentence, or 128 and the signal that stopped it. */
static int measure(struct comparison *c)
{
    struct failure     why = {0};
    const char *const *command = programs_command(PROGRAM_EXAMPLE_ECHO);
    c->series.shape = c->options->shape;
    c->series.timing = c->options->common.timing;
    if (series_open(&c->series, c->choice.chosen_count, c->options->common.rounds, &why) < 0)
        return say_failed("%s", why.sentence);
    for (size_t i = 0; i < c->choice.chosen_count; i++)
        c->series.entrants[i].plan = (struct server_plan){.name = c->choice.chosen[i]->name,
                                                          .argv = command,
                                                          .engine = c->choice.chosen[i]->name};
    stop_watch();
    progress_begin(&c->progress, expected_s(c));
    int result = series_run(&c->series, c->options->common.rounds, tell_progress, c, &why);
    if (result == 0)
        result = series_count_syscalls(&c->series, COUNTED_REQUESTS, tell_progress, c, &why);
    progress_end(&c->progress);
    if (stop_requested())
        return 128 + stop_requested();
    if (result < 0)
        return say_failed("%s", why.sentence);
    c->complete = true;
    return EXIT_DONE;
}

static void print_figures(const struct series *series)
{
    static struct table      table;
    static const char *const heads[] = {"engine", "operations/s", "server CPU us/op",
                                        "p50 us", "p99 us",       "system calls/op"};
    static const enum figure figures[] = {FIGURE_RATE, FIGURE_SERVER_US, FIGURE_P50_US,
                                          FIGURE_P99_US};
    table_row(&table);
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
        table_cell(&table, "%s", heads[i]);
    for (size_t i = 0; i < series->count; i++) {
        const struct entrant *e = &series->entrants[i];
        table_row(&table);
        table_cell(&table, "%s", e->plan.name);
        for (size_t f = 0; f < sizeof figures / sizeof figures[0]; f++)
            report_range_cell(&table, series_range(e, figures[f]), e->count);
        report_calls_cell(&table, &e->calls);
    }
    table_print(&table, stdout);
}

static void print_served(const struct series *series)
{
    static struct table      table;
    char                     calls[TABLE_CELL];
    static const char *const heads[] = {"engine", "at once", "after readiness", "by the kernel",
                                        "by a worker"};
    table_row(&table);
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
        table_cell(&table, "%s", heads[i]);
    table_cell(&table, "system calls an operation, seen from outside");
    for (size_t i = 0; i < series->count; i++) {
        const struct entrant *e = &series->entrants[i];
        double                sum = 0;
        for (int k = 0; k < SERVED_COUNT; k++)
            sum += (double)e->served.operations[k];
        table_row(&table);
        table_cell(&table, "%s", e->plan.name);
        for (int k = 0; k < SERVED_SIMULATED; k++)
            table_cell(&table, e->served.told && sum > 0 ? "%.0f%%" : "-",
                       100 * (double)e->served.operations[k] / sum);
        if (e->calls.counted)
            syscalls_describe(&e->calls, calls, sizeof calls);
        else
            snprintf(calls, sizeof calls, "n/a: %.150s",
                     e->calls.reason.sentence[0] ? e->calls.reason.sentence : "not reached");
        table_cell(&table, "%s", calls);
    }
    puts("how operations were served:");
    table_print(&table, stdout);
}

/* Not on one core, the slower side sets the rate; when that is the load, the rates say little. */
static void print_bottleneck(const struct series *series)
{
    bool apart = series->timing.cross_core || cpus_from_last(0) < 0;
    for (size_t i = 0; i < series->count && apart; i++) {
        const struct entrant *e = &series->entrants[i];
        double                rate = series_range(e, FIGURE_RATE).middle / 1e6;
        double                load = series_range(e, FIGURE_CLIENT_US).middle * rate;
        double                server = series_range(e, FIGURE_SERVER_US).middle * rate;
        if (load > 0.9 && load > server)
            printf("note: with %s the load kept its CPU %.0f%% busy, the server %.0f%%: the rate "
                   "is the "
                   "load's limit.\n",
                   e->plan.name, 100 * load, 100 * server);
    }
}

static void print_results(const struct comparison *c)
{
    char                 shape[160];
    const struct series *series = &c->series;
    size_t               rounds = series_rounds(series);
    report_shape(shape, sizeof shape, series);
    printf("%s\n%zu round%s of %g s%s; median min..max; every byte was checked\n\n", shape, rounds,
           rounds == 1 ? "" : "s", (double)series->timing.window_ns / 1e9,
           c->complete ? "" : " (stopped early)");
    print_figures(series);
    putchar('\n');
    print_served(series);
    putchar('\n');
    choice_print_refused(&c->choice);
    print_bottleneck(series);
    report_cpu_step(&series->timing, stdout);
    snprintf(shape, sizeof shape, "%d connection%s x %zu byte%s", series->shape.connections,
             series->shape.connections == 1 ? "" : "s", series->shape.size,
             series->shape.size == 1 ? "" : "s");
    verdict_print(series, shape, stdout);
}

static json_t *results_json(const struct comparison *c)
{
    json_t *engines = json_array();
    for (size_t i = 0; i < c->series.count; i++)
        json_array_append_new(engines, report_json_entrant(&c->series.entrants[i]));
    return json_pack("{s:s, s:s, s:b, s:o, s:o, s:o, s:o, s:o}", "schema", "weir-compare-1", "weir",
                     weir_version_text(), "complete", c->complete, "machine", report_json_machine(),
                     "workload", report_json_workload(&c->series), "engines", engines, "refused",
                     choice_json_refused(&c->choice), "verdict", verdict_json(&c->series));
}

static int run(struct comparison *c)
{
    struct failure why = {0};
    int            status = measure(c);
    if (status != EXIT_FAILED && series_rounds(&c->series) > 0) {
        bool to_stdout = c->options->common.json && strcmp(c->options->common.json, "-") == 0;
        if (!to_stdout)
            print_results(c);
        if (c->options->common.json &&
            document_write(results_json(c), c->options->common.json, &why) < 0)
            status = say_failed("%s", why.sentence);
    } else if (status > EXIT_USAGE) {
        say_failed("stopped before anything was measured");
    }
    series_close(&c->series);
    return status;
}

static uint64_t default_window_ns(size_t engines)
{
    const uint64_t step_ns = 10 * NS_PER_MS; /* a round number, since it is printed */
    if (engines <= ENGINES_USUAL)
        return WINDOW_NS;
    return WINDOW_NS * ENGINES_USUAL / engines / step_ns * step_ns;
}

int compare_echo_command(int argc, char **argv)
{
    static struct echo_options options;
    static struct comparison   comparison;
    options = (struct echo_options){
        .shape = {.connections = 50, .size = 64, .depth = 1},
        .common = {.timing = {.warmup_ns = 150 * NS_PER_MS}, .rounds = 5}};
    comparison = (struct comparison){.options = &options};
    int status = read_options(&options, argc, argv);
    if (status == -1)
        return EXIT_DONE;
    if (status == EXIT_DONE)
        status = choice_make(&comparison.choice, options.common.engines, choice_stream_engines);
    if (status == EXIT_DONE)
        status = choice_cap(&comparison.choice, options.common.engines, options.shape.connections);
    if (!options.common.timing.window_ns)
        options.common.timing.window_ns = default_window_ns(comparison.choice.chosen_count);
    if (status == EXIT_DONE)
        status = choice_ensure_descriptors(options.shape.connections, "--connections");
    if (status == EXIT_DONE)
        status = choice_check_writable(options.common.json);
    return status == EXIT_DONE ? run(&comparison) : status;
}
