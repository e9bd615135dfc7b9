/* SPDX-License-Identifier: MIT */
/* compare_idle.c - `weir compare idle`: one active connection among N idle ones, on one mechanism
 * after the other: whose cost grows with what does nothing? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir.h>

#include "choice.h"
#include "command.h"
#include "compare_options.h"
#include "measure/clock.h"
#include "measure/document.h"
#include "measure/progress.h"
#include "measure/report.h"
#include "measure/stop.h"
#include "programs.h"
#include "verdict.h"

enum { COUNTS_MAX = 4, ROWS_MAX = CHOICE_ROOM + 3, COUNTED_REQUESTS = 200 };

/* A cost that grows by no more than this from the fewest to the most idle ones is called flat. */
#define FLAT 1.15

struct idle_options {
    struct compare_options common;
    int                    counts[COUNTS_MAX]; /* of idle connections, ascending */
    int                    count_of_counts;
};

struct idle {
    struct idle_options options;
    struct choice       choice;
    struct row {
        struct server_plan plan;
        struct entrant    *cells[COUNTS_MAX]; /* NULL: more than it holds */
        const char        *capped;            /* why */
    } rows[ROWS_MAX];
    int             row_count;
    struct series   series;
    struct progress progress;
    bool            complete;
};

static void help(void)
{
    printf(
        "usage: weir compare idle [OPTION...]\n"
        "\n"
        "Runs the TCP echo server of the examples on one engine after the other with one active\n"
        "connection among idle ones, beside two servers written by hand: blocking (a thread a\n"
        "connection) and hand-epoll, or hand-kqueue where there is no epoll. What a mechanism\n"
        "cannot hold is left out, and said.\n"
        "\n"
        "  --engines LIST    engines, separated by commas (default: those allowed here of\n"
        "                    %s)\n"
        "  --idle LIST       numbers of idle connections, at most %d (default: 10,1000)\n"
        "  --seconds S       seconds measured of each in a round (default: 0.1)\n"
        "  --rounds R        rounds, each with every server and number (default: 5)\n"
        "  --json FILE       write everything measured to FILE as JSON (- is standard "
        "output)\n" COMPARE_CORES_HELP "  -h, --help        print this\n",
        choice_stream_engines, COUNTS_MAX);
}

/* Reads the list of --idle; false when it is wrong, which was said. */
static bool read_counts(void *user, int option, char *list)
{
    struct idle_options *o = user;
    (void)option;
    o->count_of_counts = 0;
    for (char *next = list, *word; (word = cut_word(&next));) {
        long long count = 0;
        if (!read_count("--idle", word, 0, 20000, &count))
            return false;
        if (o->count_of_counts == COUNTS_MAX ||
            (o->count_of_counts && count <= o->counts[o->count_of_counts - 1]))
            return say_usage("--idle takes at most %d numbers, each greater than the one before",
                             COUNTS_MAX),
                   false;
        o->counts[o->count_of_counts++] = (int)count;
    }
    return true;
}

static int read_options(struct idle_options *o, int argc, char **argv)
{
    static const struct option options[] = {
        COMPARE_OPTIONS, COMPARE_CORES, {"idle", required_argument, NULL, 'i'}, {0}};
    const struct compare_reader reader = {.command = "weir compare idle",
                                          .options = options,
                                          .common = &o->common,
                                          .take = read_counts,
                                          .user = o,
                                          .help = help};
    return compare_read_options(&reader, argc, argv);
}

/* ---- Measuring ------------------------------------------------------------------------------- */

/* A row for a program, unless this build is without it. */
static void add_row(struct idle *idle, const char *name, const char *program, const char *engine)
{
    if (!programs_has(program))
        return;
    struct row *row = &idle->rows[idle->row_count++];
    row->plan = (struct server_plan){
        .name = name, .argv = programs_command(program), .engine = engine};
}

/* The most idle connections that the row's server is asked to hold. */
static int most_of(struct row *row)
{
    return choice_most(row->plan.name, &row->capped);
}

/* One entrant for each cell that can be held; their rounds are interleaved. */
static int open_series(struct idle *idle, struct failure *why)
{
    const struct idle_options *o = &idle->options;
    size_t                     cells = 0;
    for (size_t i = 0; i < idle->choice.chosen_count; i++)
        add_row(idle, idle->choice.chosen[i]->name, PROGRAM_EXAMPLE_ECHO,
                idle->choice.chosen[i]->name);
    add_row(idle, "blocking", PROGRAM_HAND_THREADS, NULL);
    add_row(idle, "hand-epoll", PROGRAM_HAND_EPOLL, NULL);
    add_row(idle, "hand-kqueue", PROGRAM_HAND_KQUEUE, NULL);
    for (int r = 0; r < idle->row_count; r++)
        for (int i = 0; i < o->count_of_counts; i++)
            cells += o->counts[i] <= most_of(&idle->rows[r]);
    idle->series.shape = (struct shape){.connections = 1, .size = 64, .depth = 1};
    idle->series.timing = o->common.timing;
    if (series_open(&idle->series, cells, o->common.rounds, why) < 0)
        return -1;
    struct entrant *next = idle->series.entrants;
    for (int r = 0; r < idle->row_count; r++)
        for (int i = 0; i < o->count_of_counts; i++) {
            if (o->counts[i] > most_of(&idle->rows[r]))
                continue;
            next->plan = idle->rows[r].plan;
            next->idle = o->counts[i];
            idle->rows[r].cells[i] = next++;
        }
    return 0;
}

static void tell_progress(void *user, const struct series *series, size_t round,
                          const struct entrant *next, bool counting)
{
    struct idle *idle = user;
    char         stage[64], what[64];
    (void)series;
    if (counting)
        snprintf(stage, sizeof stage, "counting system calls");
    else
        snprintf(stage, sizeof stage, "round %zu of %zu", round + 1, idle->options.common.rounds);
    snprintf(what, sizeof what, "%s, %d idle", next->plan.name, next->idle);
    progress_step(&idle->progress, stage, what);
}

/* EXIT_DONE, EXIT_FAILED after a sentence, or 128 and the signal that stopped it. */
static int measure(struct idle *idle)
{
    struct failure why = {0};
    if (open_series(idle, &why) < 0)
        return say_failed("%s", why.sentence);
    stop_watch();
    progress_begin(&idle->progress, 0);
    int result = series_run(&idle->series, idle->options.common.rounds, tell_progress, idle, &why);
    if (result == 0)
        result = series_count_syscalls(&idle->series, COUNTED_REQUESTS, tell_progress, idle, &why);
    progress_end(&idle->progress);
    if (stop_requested())
        return 128 + stop_requested();
    if (result < 0)
        return say_failed("%s", why.sentence);
    idle->complete = true;
    return EXIT_DONE;
}

/* ---- Telling --------------------------------------------------------------------------------- */

/* The cells with the fewest and the most idle connections; NULL when there are not two. */
static bool ends_of(const struct idle *idle, const struct row *row, struct entrant **few,
                    struct entrant **many)
{
    *few = row->cells[0];
    *many = row->cells[idle->options.count_of_counts - 1];
    return *few && *many && *few != *many && (*many)->count > 0;
}

static void print_row(const struct idle *idle, const struct row *row, struct table *table)
{
    struct entrant *few, *many;
    int             counts = idle->options.count_of_counts;
    table_row(table);
    table_cell(table, "%s", row->plan.name);
    for (int i = 0; i < counts; i++) {
        if (row->cells[i])
            report_range_cell(table, series_range(row->cells[i], FIGURE_SERVER_US),
                              row->cells[i]->count);
        else
            table_cell(table, "not asked");
    }
    if (ends_of(idle, row, &few, &many)) {
        struct range grows = series_ratio(many, few, FIGURE_SERVER_US);
        table_cell(table, "%.2f x (%.2f..%.2f)", grows.middle, grows.low, grows.high);
    } else {
        table_cell(table, "-");
    }
    const struct entrant *last = row->cells[counts - 1] ? row->cells[counts - 1] : row->cells[0];
    if (!last) {
        table_cell(table, "-");
        return;
    }
    report_range_cell(table, series_range(last, FIGURE_P50_US), last->count);
    report_calls_cell(table, &last->calls);
}

static void print_table(const struct idle *idle)
{
    static struct table table;
    table_row(&table);
    table_cell(&table, "server");
    for (int i = 0; i < idle->options.count_of_counts; i++)
        table_cell(&table, "CPU us/op, %d idle", idle->options.counts[i]);
    table_cell(&table, "grows");
    table_cell(&table, "p50 us, most idle");
    table_cell(&table, "system calls/op, most idle");
    for (int r = 0; r < idle->row_count; r++)
        print_row(idle, &idle->rows[r], &table);
    table_print(&table, stdout);
}

static void print_flat(const struct idle *idle, bool flat)
{
    struct entrant *few, *many;
    const char     *between = flat ? "  flat (at most " : "  grows: ";
    bool            any = false;
    if (flat)
        printf("%s%.2f x): ", between, FLAT);
    else
        fputs(between, stdout);
    for (int r = 0; r < idle->row_count; r++) {
        if (!ends_of(idle, &idle->rows[r], &few, &many))
            continue;
        double grows = series_ratio(many, few, FIGURE_SERVER_US).middle;
        if ((grows <= FLAT) != flat)
            continue;
        printf("%s%s", any ? ", " : "", idle->rows[r].plan.name);
        if (!flat)
            printf(" %.1f x", grows);
        any = true;
    }
    puts(any ? "" : "none");
}

/* The servers with the most idle connections, as a series of their own, to be judged. */
static struct series judged(const struct idle *idle)
{
    struct series series = idle->series;
    int           last = idle->options.count_of_counts - 1;
    series.entrants = calloc((size_t)idle->row_count, sizeof *series.entrants);
    series.count = 0;
    series.shape.idle = idle->options.counts[last];
    for (int r = 0; series.entrants && r < idle->row_count; r++)
        if (idle->rows[r].cells[last])
            series.entrants[series.count++] = *idle->rows[r].cells[last];
    return series;
}

static void print_results(const struct idle *idle)
{
    const struct idle_options *o = &idle->options;
    size_t                     rounds = series_rounds(&idle->series);
    struct series              series = judged(idle);
    char                       workload[64];
    printf("one active connection among idle ones, 64 bytes a request, server and load on %s\n",
           report_cores(&o->common.timing));
    printf("%zu round%s of %g s%s; median min..max; every byte was checked\n\n", rounds,
           rounds == 1 ? "" : "s", (double)o->common.timing.window_ns / 1e9,
           idle->complete ? "" : " (stopped early)");
    print_table(idle);
    putchar('\n');
    for (int r = 0; r < idle->row_count; r++)
        if (!idle->rows[r].cells[o->count_of_counts - 1])
            printf("not asked: %s with %d idle: %s\n", idle->rows[r].plan.name,
                   o->counts[o->count_of_counts - 1], idle->rows[r].capped);
    choice_print_refused(&idle->choice);
    report_cpu_step(&o->common.timing, stdout);
    if (o->count_of_counts > 1) {
        printf("server CPU an operation, from %d to %d idle connections:\n", o->counts[0],
               o->counts[o->count_of_counts - 1]);
        print_flat(idle, true);
        print_flat(idle, false);
    }
    snprintf(workload, sizeof workload, "one connection beside %d idle ones", series.shape.idle);
    verdict_print(&series, workload, stdout);
    free(series.entrants);
}

static json_t *not_asked_json(const struct row *row)
{
    return json_pack("{s:s, s:s}", "name", row->plan.name, "not_asked", row->capped);
}

static json_t *results_json(const struct idle *idle)
{
    struct series series = judged(idle);
    json_t       *servers = json_array(), *counts = json_array(), *verdict = verdict_json(&series);
    free(series.entrants);
    for (int i = 0; i < idle->options.count_of_counts; i++)
        json_array_append_new(counts, json_integer(idle->options.counts[i]));
    for (int r = 0; r < idle->row_count; r++)
        for (int i = 0; i < idle->options.count_of_counts; i++) {
            const struct entrant *cell = idle->rows[r].cells[i];
            json_t *object = cell ? report_json_entrant(cell) : not_asked_json(&idle->rows[r]);
            json_object_set_new(object, "idle", json_integer(idle->options.counts[i]));
            json_array_append_new(servers, object);
        }
    return json_pack("{s:s, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o}", "schema",
                     "weir-compare-idle-1", "weir", weir_version_text(), "complete", idle->complete,
                     "machine", report_json_machine(), "workload",
                     report_json_workload(&idle->series), "idle", counts, "servers", servers,
                     "refused", choice_json_refused(&idle->choice), "verdict", verdict);
}

static int run(struct idle *idle)
{
    struct failure why = {0};
    int            status = measure(idle);
    const char    *json = idle->options.common.json;
    if (status != EXIT_FAILED && series_rounds(&idle->series) > 0) {
        if (!json || strcmp(json, "-") != 0)
            print_results(idle);
        if (json && document_write(results_json(idle), json, &why) < 0)
            status = say_failed("%s", why.sentence);
    } else if (status > EXIT_USAGE) {
        say_failed("stopped before anything was measured");
    }
    series_close(&idle->series);
    return status;
}

int compare_idle_command(int argc, char **argv)
{
    static struct idle idle;
    idle = (struct idle){.options = {.counts = {10, 1000},
                                     .count_of_counts = 2,
                                     .common = {.rounds = 5,
                                                .timing = {.warmup_ns = 20 * NS_PER_MS,
                                                           .window_ns = 100 * NS_PER_MS}}}};
    struct idle_options *o = &idle.options;
    int                  status = read_options(o, argc, argv);
    if (status == -1)
        return EXIT_DONE;
    if (status == EXIT_DONE)
        status = choice_make(&idle.choice, o->common.engines, choice_stream_engines);
    if (status == EXIT_DONE)
        status = choice_ensure_descriptors(o->counts[o->count_of_counts - 1] + 1, "--idle");
    if (status == EXIT_DONE)
        status = choice_check_writable(o->common.json);
    return status == EXIT_DONE ? run(&idle) : status;
}
