/* SPDX-License-Identifier: MIT */
/* cell.c - measures a cell and tells it. */
#include "cell.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../tool/measure/batch.h"
#include "../../tool/measure/clock.h"
#include "../../tool/measure/report.h"
#include "../../tool/measure/stop.h"

enum { MORE_ROUNDS = 5 };

struct run {
    struct bench      *bench;
    const struct cell *cell;
    struct series      series;
};

void cell_add(struct cell *cell, struct candidate *candidate)
{
    if (cell->contender_count < CELL_ENTRANTS)
        cell->contenders[cell->contender_count++] = (struct contender){.candidate = candidate};
}

void cell_ask(struct cell *cell, struct goal goal)
{
    if (cell->goal_count < CELL_GOALS)
        cell->goals[cell->goal_count++] = goal;
}

void cell_try_servers(struct bench *b)
{
    for (size_t i = 0; i < b->kind.candidate_count; i++) {
        struct candidate  *c = &b->kind.candidates[i];
        struct failure     why = {0};
        struct server      server;
        struct server_plan plan = {.name = c->name, .argv = c->argv, .engine = c->engine};
        if (c->left_out || c->refusal[0])
            continue;
        if (server_start(&server, &plan, -1, &why) < 0)
            snprintf(c->refusal, sizeof c->refusal, "%.199s", why.sentence);
        server_close(&server);
    }
}

void cell_try_works(struct bench *b)
{
    static struct hist  latency;
    const struct timing moment = {.window_ns = NS_PER_MS};
    for (size_t i = 0; i < b->kind.candidate_count; i++) {
        struct candidate  *c = &b->kind.candidates[i];
        struct failure     why = {0};
        struct served      served = {0};
        double             figures[FIGURES];
        struct server_plan plan = {.name = c->name, .argv = c->argv, .engine = c->engine};
        if (!c->left_out && !c->refusal[0] && !stop_requested() &&
            batch_run(&plan, &moment, figures, &latency, &served, &why) < 0)
            snprintf(c->refusal, sizeof c->refusal, "%.199s", why.sentence);
    }
}

static const char *name_of(const struct contender *c)
{
    return c->name ? c->name : c->candidate->name;
}

/* Why a contender does not take part, or NULL. */
static const char *refusal_of(const struct contender *c)
{
    return c->candidate->refusal[0] ? c->candidate->refusal : c->refusal;
}

static bool takes_part(const struct contender *c)
{
    return !c->candidate->left_out && !refusal_of(c);
}

static int open_series(struct run *run, struct failure *why)
{
    const struct cell *cell = run->cell;
    size_t             count = 0;
    for (size_t i = 0; i < cell->contender_count; i++)
        count += takes_part(&cell->contenders[i]);
    run->series = (struct series){
        .shape = cell->shape, .timing = run->bench->timing, .works = cell->works};
    if (count == 0)
        return 0;
    if (series_open(&run->series, count, run->bench->rounds_max, why) < 0)
        return -1;
    struct entrant *e = run->series.entrants;
    for (size_t i = 0; i < cell->contender_count; i++) {
        const struct contender *c = &cell->contenders[i];
        if (!takes_part(c))
            continue;
        e->plan = (struct server_plan){
            .name = name_of(c), .argv = c->candidate->argv, .engine = c->candidate->engine};
        (e++)->idle = c->idle;
    }
    return 0;
}

static void tell_progress(void *user, const struct series *series, size_t round,
                          const struct entrant *next, bool counting)
{
    struct run *run = user;
    char        stage[96];
    snprintf(stage, sizeof stage, "%.60s%s %zu", run->cell->title,
             counting ? ", counting after round" : ", round", round + !counting);
    progress_step(&run->bench->progress, stage, next->plan.name);
}

static bool all_resolved(const struct run *run)
{
    struct judgement judgement;
    for (size_t i = 0; i < run->cell->goal_count; i++) {
        const struct goal *goal = &run->cell->goals[i];
        if (goal->kind != GOAL_TOLD && goal_judge(goal, &run->series, &judgement) &&
            judgement.decision == DECISION_UNRESOLVED)
            return false;
    }
    return true;
}

/* ---- Telling --------------------------------------------------------------------------------- */

static struct range scaled(struct range r, double factor)
{
    return (struct range){r.middle * factor, r.low * factor, r.high * factor};
}

static void print_heads(const struct cell *cell, struct table *table, bool connections)
{
    table_row(table);
    table_cell(table, "program");
    table_cell(table, "CPU %s/%s", cell->in_ns ? "ns" : "us", cell->operation);
    table_cell(table, "%ss/s", cell->operation);
    if (cell->in_ns)
        return;
    table_cell(table, "p50 us");
    table_cell(table, "p99 us");
    if (!cell->works)
        table_cell(table, "peak KiB");
    if (connections)
        table_cell(table, "bytes/connection");
    if (cell->counted)
        table_cell(table, "system calls/%s", cell->operation);
}

static void print_calls(struct table *table, const struct syscall_counts *counts)
{
    char calls[TABLE_CELL];
    if (counts->counted) {
        syscalls_describe(counts, calls, sizeof calls);
        table_cell(table, "%.3f (%.150s)", (double)counts->calls / (double)counts->requests, calls);
    } else {
        table_cell(table, "n/a %.150s", counts->reason.sentence);
    }
}

static void print_entrant(const struct cell *cell, struct table *table, const struct entrant *e,
                          bool connections)
{
    table_row(table);
    table_cell(table, "%s", e->plan.name);
    report_range_cell(table, scaled(series_range(e, FIGURE_SERVER_US), cell->in_ns ? 1000 : 1),
                      e->count);
    report_range_cell(table, series_range(e, FIGURE_RATE), e->count);
    if (cell->in_ns)
        return;
    report_range_cell(table, series_range(e, FIGURE_P50_US), e->count);
    report_range_cell(table, series_range(e, FIGURE_P99_US), e->count);
    if (!cell->works)
        table_cell(table, "%.0f", series_range(e, FIGURE_PEAK_KIB).high);
    if (connections)
        table_cell(table, "%.0f", series_range(e, FIGURE_CONNECTION_BYTES).middle);
    if (cell->counted)
        print_calls(table, &e->calls);
}

static void print_entrants(const struct run *run)
{
    static struct table table;
    bool                connections = false;
    memset(&table, 0, sizeof table);
    for (size_t i = 0; i < run->series.count; i++)
        connections = connections ||
                      series_range(&run->series.entrants[i], FIGURE_CONNECTION_BYTES).high > 0;
    print_heads(run->cell, &table, connections);
    for (size_t i = 0; i < run->series.count; i++)
        print_entrant(run->cell, &table, &run->series.entrants[i], connections);
    table_print(&table, stdout);
}

static void print_refused(const struct cell *cell)
{
    for (size_t i = 0; i < cell->contender_count; i++) {
        const struct contender *c = &cell->contenders[i];
        if (!c->candidate->left_out && refusal_of(c))
            printf("refused: %s: %s\n", name_of(c), refusal_of(c));
    }
}

static void print_beside(const struct cell *cell)
{
    char                 rate[32], cpu[32];
    const struct beside *beside = &cell->beside;
    if (!beside->name)
        return;
    report_number(rate, sizeof rate, beside->rate);
    report_number(cpu, sizeof cpu, beside->cpu_us);
    if (beside->why)
        printf("beside: %s: %s\n", beside->name, beside->why);
    else
        printf("beside: %s: %s %ss/s, %s us CPU\n", beside->name, rate, cell->operation, cpu);
}

static void print_goals(const struct run *run)
{
    static struct table table;
    struct judgement    judgement;
    char                what[160], bound[32];
    memset(&table, 0, sizeof table);
    for (size_t i = 0; i < run->cell->goal_count; i++) {
        const struct goal *goal = &run->cell->goals[i];
        if (!goal_judge(goal, &run->series, &judgement))
            continue;
        goal_describe(goal, &judgement, what, sizeof what, bound, sizeof bound);
        table_row(&table);
        table_cell(&table, "%s", what);
        table_cell(&table, "%.3f", judgement.ratio.middle);
        table_cell(&table, "%.3f..%.3f", judgement.ratio.low, judgement.ratio.high);
        if (goal->kind != GOAL_TOLD) {
            table_cell(&table, "goal %s", bound);
            table_cell(&table, "%s", goal_word(goal, &judgement));
        }
    }
    if (table.rows > 0)
        puts("\npaired by round, with the 95% bootstrap interval; CPU time where nothing is said:");
    table_print(&table, stdout);
}

static json_t *json_goals(const struct run *run)
{
    json_t          *array = json_array();
    struct judgement judgement;
    for (size_t i = 0; i < run->cell->goal_count; i++)
        if (goal_judge(&run->cell->goals[i], &run->series, &judgement))
            json_array_append_new(array, goal_json(&run->cell->goals[i], &judgement));
    return array;
}

static json_t *json_refused(const struct cell *cell)
{
    json_t *array = json_array();
    for (size_t i = 0; i < cell->contender_count; i++) {
        const struct contender *c = &cell->contenders[i];
        if (!c->candidate->left_out && refusal_of(c))
            json_array_append_new(
                array, json_pack("{s:s, s:s}", "name", name_of(c), "why", refusal_of(c)));
    }
    return array;
}

static json_t *json_beside(const struct beside *beside)
{
    if (!beside->name || beside->why)
        return json_null();
    return json_pack("{s:s, s:f, s:f}", "name", beside->name, figure_names[FIGURE_RATE],
                     beside->rate, figure_names[FIGURE_SERVER_US], beside->cpu_us);
}

static json_t *json_cell(const struct run *run)
{
    json_t *entrants = json_array();
    for (size_t i = 0; i < run->series.count; i++)
        json_array_append_new(entrants, report_json_entrant(&run->series.entrants[i]));
    return json_pack("{s:s, s:s, s:b, s:I, s:o, s:o, s:o, s:o, s:o}", "title", run->cell->title,
                     "operation", run->cell->operation, "in_ns", run->cell->in_ns, "rounds",
                     (json_int_t)series_rounds(&run->series), "workload",
                     report_json_workload(&run->series), "entrants", entrants, "goals",
                     json_goals(run), "refused", json_refused(run->cell), "beside",
                     json_beside(&run->cell->beside));
}

static void tell(const struct run *run)
{
    size_t rounds = series_rounds(&run->series);
    printf("%s\n%zu round%s of %g s; median min..max; every answer was checked\n\n",
           run->cell->title, rounds, rounds == 1 ? "" : "s",
           (double)run->series.timing.window_ns / 1e9);
    if (rounds > 0)
        print_entrants(run);
    print_refused(run->cell);
    print_beside(run->cell);
    print_goals(run);
    putchar('\n');
    fflush(stdout);
    json_array_append_new(run->bench->cells, json_cell(run));
}

/* ---- Measuring ------------------------------------------------------------------------------- */

static int measure(struct run *run, struct failure *why)
{
    struct bench *b = run->bench;
    int           result = 0;
    if (run->cell->counted)
        result = series_count_syscalls(&run->series, run->cell->counted, tell_progress, run, why);
    if (result == 0)
        result = series_run(&run->series, b->rounds, tell_progress, run, why);
    while (result == 0 && !all_resolved(run) && series_rounds(&run->series) < b->rounds_max)
        result = series_run(&run->series, MORE_ROUNDS, tell_progress, run, why);
    return result;
}

int cell_run(struct bench *b, struct cell *cell)
{
    struct failure why = {0};
    struct run     run = {.bench = b, .cell = cell};
    if (open_series(&run, &why) < 0) {
        bench_failed(b, &why);
        return -1;
    }
    progress_begin(&b->progress, 0);
    int result = run.series.count > 0 ? measure(&run, &why) : 0;
    progress_end(&b->progress);
    if (!why.sentence[0])
        tell(&run);
    if (result < 0)
        bench_failed(b, &why);
    series_close(&run.series);
    return result;
}
