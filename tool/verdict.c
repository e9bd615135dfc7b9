/* SPDX-License-Identifier: MIT */
/* verdict.c - orders servers by a figure, and calls what is inside the noise a tie. */
#include "verdict.h"

#include <stdlib.h>
#include <string.h>

#include "measure/report.h"

static const enum figure judged_figures[] = {FIGURE_SERVER_US, FIGURE_RATE};
enum { JUDGED_COUNT = sizeof judged_figures / sizeof judged_figures[0] };

/* How much worse a is than b, so that above 1 always means worse. */
static struct range worse(const struct entrant *a, const struct entrant *b, enum figure figure)
{
    return figure == FIGURE_RATE ? series_ratio(b, a, figure) : series_ratio(a, b, figure);
}

static void sort_by_median(struct verdict *v)
{
    for (int i = 1; i < v->count; i++)
        for (int k = i; k > 0; k--) {
            double a = series_range(v->order[k - 1], v->figure).middle;
            double b = series_range(v->order[k], v->figure).middle;
            if (v->figure == FIGURE_RATE ? a >= b : a <= b)
                break;
            const struct entrant *swapped = v->order[k];
            v->order[k] = v->order[k - 1];
            v->order[k - 1] = swapped;
        }
}

struct verdict verdict_of(const struct series *series, enum figure figure)
{
    struct verdict v = {.figure = figure};
    size_t         rounds = SIZE_MAX;
    for (size_t i = 0; i < series->count && v.count < VERDICT_ROOM; i++)
        if (series->entrants[i].count > 0) {
            v.order[v.count++] = &series->entrants[i];
            rounds = series->entrants[i].count < rounds ? series->entrants[i].count : rounds;
        }
    sort_by_median(&v);
    v.judged = v.count > 1 && rounds >= VERDICT_ROUNDS_MIN;
    for (int i = 0; i < v.count; i++) {
        v.behind[i] = worse(v.order[i], v.order[0], figure);
        /* Only those in front without a gap: behind the first loser nobody shares the place. */
        if (v.best == i && (i == 0 || stats_is_tie(v.behind[i])))
            v.best = i + 1;
    }
    return v;
}

static void print_names(const struct verdict *v, FILE *file)
{
    for (int i = 0; i < v->best; i++)
        fprintf(file, "%s%s",
                i == 0             ? ""
                : i == v->best - 1 ? " and "
                                   : ", ",
                v->order[i]->plan.name);
}

/* "It takes 30% more than epoll (22% to 39%)", one line for each that is behind. */
static void print_behind(const struct verdict *v, FILE *file)
{
    for (int i = v->best; i < v->count; i++) {
        struct range b = v->behind[i];
        bool         rate = v->figure == FIGURE_RATE;
        /* A rate is told as the share that is missing. */
        double middle = rate ? 1 - 1 / b.middle : b.middle - 1;
        double low = rate ? 1 - 1 / b.low : b.low - 1;
        double high = rate ? 1 - 1 / b.high : b.high - 1;
        if (stats_is_tie(b))
            fprintf(file, "    %s: %.0f%% %s, inside the noise (%.0f%% to %.0f%%)\n",
                    v->order[i]->plan.name, 100 * middle, rate ? "less" : "more", 100 * low,
                    100 * high);
        else
            fprintf(file, "    %s: %.0f%% %s (%.0f%% to %.0f%%)\n", v->order[i]->plan.name,
                    100 * middle, rate ? "less" : "more", 100 * low, 100 * high);
    }
}

static void print_figure(const struct verdict *v, FILE *file)
{
    const char *what = v->figure == FIGURE_RATE ? "operations a second" : "CPU an operation";
    fprintf(file, "  %s: ", what);
    if (v->best == v->count) {
        fputs("a tie. ", file);
        print_names(v, file);
        fputs(" differ by less than the noise.\n", file);
        return;
    }
    print_names(v, file);
    if (v->best == 1)
        fprintf(file, " is best. Compared with it:\n");
    else
        fprintf(file, " are best, a tie inside the noise. Compared with %s:\n",
                v->order[0]->plan.name);
    print_behind(v, file);
}

void verdict_print(const struct series *series, const char *workload, FILE *file)
{
    fprintf(file, "verdict for %s on this machine:\n", workload);
    for (int i = 0; i < JUDGED_COUNT; i++) {
        struct verdict v = verdict_of(series, judged_figures[i]);
        if (v.count < 2) {
            fputs("  none: there is only one to look at.\n", file);
            return;
        }
        if (!v.judged) {
            fprintf(file, "  none: it takes at least %d rounds to tell a difference from noise.\n",
                    VERDICT_ROUNDS_MIN);
            return;
        }
        print_figure(&v, file);
    }
}

static json_t *figure_json(const struct verdict *v)
{
    json_t *best = json_array(), *order = json_array();
    for (int i = 0; i < v->count; i++) {
        const char *name = v->order[i]->plan.name;
        if (i < v->best)
            json_array_append_new(best, json_string(name));
        json_t *entry = report_json_range(v->behind[i], "ratio", "low", "high");
        json_object_set_new(entry, "name", json_string(name));
        json_object_set_new(entry, "tie", json_boolean(stats_is_tie(v->behind[i])));
        json_array_append_new(order, entry);
    }
    return json_pack("{s:o, s:o}", "best", best, "times_worse_than_first", order);
}

json_t *verdict_json(const struct series *series)
{
    json_t *object = json_object();
    for (int i = 0; i < JUDGED_COUNT; i++) {
        struct verdict v = verdict_of(series, judged_figures[i]);
        json_object_set_new(object, figure_names[judged_figures[i]],
                            v.judged ? figure_json(&v) : json_null());
    }
    return object;
}
