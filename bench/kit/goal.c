/* SPDX-License-Identifier: MIT */
/* goal.c - judges goals on a series. */
#include "goal.h"

#include <stdio.h>
#include <string.h>

static bool matches(const char *pattern, const char *name)
{
    size_t length = strlen(pattern);
    if (length > 0 && pattern[length - 1] == '*')
        return strncmp(pattern, name, length - 1) == 0;
    return strcmp(pattern, name) == 0;
}

static bool is_better(const struct entrant *a, const struct entrant *b, enum figure figure)
{
    double x = series_range(a, figure).middle, y = series_range(b, figure).middle;
    return figure == FIGURE_RATE ? x > y : x < y;
}

static const struct entrant *find(const struct series *series, const char *pattern,
                                  enum figure figure)
{
    const struct entrant *best = NULL;
    for (size_t i = 0; i < series->count; i++) {
        const struct entrant *e = &series->entrants[i];
        if (e->count > 0 && matches(pattern, e->plan.name) && (!best || is_better(e, best, figure)))
            best = e;
    }
    return best;
}

static enum decision decide(enum goal_kind kind, const struct judgement *j, size_t rounds)
{
    switch (kind) {
    case GOAL_AT_LEAST:
        return stats_decide_least(j->ratio, rounds, j->bound);
    case GOAL_AHEAD:
        return stats_decide_ahead(j->ratio, rounds);
    case GOAL_TOLD:
    case GOAL_AT_MOST:
    case GOAL_WITHIN:
    case GOAL_VALUE:
        break;
    }
    return stats_decide(j->ratio, rounds, j->bound);
}

/* Figures of which more is better are turned over where it is asked who is ahead. */
static struct range ratio_of(const struct goal *goal, const struct judgement *j)
{
    if (goal->kind == GOAL_VALUE)
        return series_ratio_to(j->first, goal->figure, goal->bound);
    if (goal->kind == GOAL_AHEAD && goal->figure == FIGURE_RATE)
        return series_ratio(j->second, j->first, goal->figure);
    return series_ratio(j->first, j->second, goal->figure);
}

bool goal_judge(const struct goal *goal, const struct series *series, struct judgement *j)
{
    *j = (struct judgement){.first = find(series, goal->first, goal->figure), .bound = goal->bound};
    if (goal->second)
        j->second = find(series, goal->second, goal->figure);
    if (!j->first || (goal->second && !j->second) || j->first == j->second)
        return false;
    size_t rounds = j->first->count;
    if (j->second && j->second->count < rounds)
        rounds = j->second->count;
    if (goal->kind == GOAL_WITHIN)
        j->bound = 1 + goal->bound / series_range(j->second, goal->figure).middle;
    if (goal->kind == GOAL_VALUE || goal->kind == GOAL_AHEAD)
        j->bound = 1;
    j->ratio = ratio_of(goal, j);
    j->decision = decide(goal->kind, j, rounds);
    return true;
}

void goal_describe(const struct goal *goal, const struct judgement *j, char *what,
                   size_t what_length, char *bound, size_t bound_length)
{
    const char *figure = figure_names[goal->figure];
    if (goal->kind == GOAL_VALUE)
        snprintf(what, what_length, "%s / %g, %s", j->first->plan.name, goal->bound, figure);
    else
        snprintf(what, what_length, "%s / %s%s%s", j->first->plan.name, j->second->plan.name,
                 goal->figure == FIGURE_SERVER_US ? "" : ", ",
                 goal->figure == FIGURE_SERVER_US ? "" : figure);
    switch (goal->kind) {
    case GOAL_TOLD:
        bound[0] = '\0';
        break;
    case GOAL_AT_LEAST:
        snprintf(bound, bound_length, ">= %.2f", j->bound);
        break;
    case GOAL_AHEAD:
        snprintf(bound, bound_length, "not behind");
        break;
    case GOAL_AT_MOST:
    case GOAL_WITHIN:
    case GOAL_VALUE:
        snprintf(bound, bound_length, "<= %.2f", j->bound);
        break;
    }
}

const char *goal_word(const struct goal *goal, const struct judgement *j)
{
    return goal->kind == GOAL_TOLD ? "" : decision_names[j->decision];
}

json_t *goal_json(const struct goal *goal, const struct judgement *j)
{
    char what[160], bound[32], asked[160];
    snprintf(asked, sizeof asked, "%s%s%s%s%s", goal->first, goal->second ? " / " : "",
             goal->second ? goal->second : "", goal->figure == FIGURE_SERVER_US ? "" : ", ",
             goal->figure == FIGURE_SERVER_US ? "" : figure_names[goal->figure]);
    goal_describe(goal, j, what, sizeof what, bound, sizeof bound);
    json_t *object = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:f, s:f, s:f}", "asked", asked, "what", what, "bound",
        bound, "decision", goal_word(goal, j), "figure", figure_names[goal->figure], "first",
        j->first->plan.name, "ratio", j->ratio.middle, "low", j->ratio.low, "high", j->ratio.high);
    json_object_set_new(object, "second",
                        j->second ? json_string(j->second->plan.name) : json_null());
    return object;
}
