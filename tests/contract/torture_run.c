/* SPDX-License-Identifier: MIT */
/* torture_run.c - torture outside the process of a case: one run for each point. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "torture.h"

/* A case that asks more often than this is tortured at each of the first points, and at as many of
 * the others, evenly spread. */
#define POINTS_FIRST 50u

const char *torture_name(enum torture_kind kind)
{
    static const char *const names[] = {"all", "memory", "threads", "system"};
    return names[kind];
}

bool torture_read(const char *text, struct torture_point *point)
{
    size_t length = strcspn(text, ":");
    *point = (struct torture_point){.kind = TORTURE_NONE};
    while (point->kind < TORTURE_KINDS && (strlen(torture_name(point->kind)) != length ||
                                           strncmp(torture_name(point->kind), text, length) != 0))
        point->kind++;
    if (point->kind == TORTURE_KINDS)
        return false;
    if (!text[length])
        return true;
    char *end;
    point->nth = (unsigned)strtoul(text + length + 1, &end, 10);
    point->stay = *end == '+';
    return point->kind && point->nth && !end[point->stay];
}

/* How the runs of one case and kind ended. */
struct tally {
    unsigned points, kept, given_up, loose, skipped, failed;
};

/* A case sends signals to itself that an op was to take. Where that op could not be had the signal
 * is let through, and its default action ends the process. These weir never sends. */
static bool is_the_cases_own_signal(const char *verdict)
{
    int number = 0;
    if (sscanf(verdict, "FAIL ended by signal %d", &number) != 1)
        return false;
    return number == SIGINT || number == SIGTERM || number == SIGUSR1 || number == SIGUSR2 ||
           (number >= SIGRTMIN && number < SIGRTMIN + 4);
}

static void run_point(struct contract *c, const struct contract_case *wanted, unsigned limit_s,
                      const struct torture_point *point, struct tally *tally, bool tell)
{
    struct host_outcome outcome;
    const char         *verdict = outcome.verdict;
    unsigned            failed = tally->failed;
    torture_plan(point);
    harness_run(&outcome, c, wanted, limit_s);
    tally->points += torture_fired();
    if (!strcmp(verdict, "ok"))
        tally->kept += torture_fired();
    else if (!strncmp(verdict, "gave up ", 8))
        tally->given_up++;
    else if (!strncmp(verdict, "loose ", 6) ||
             (torture_fired() && is_the_cases_own_signal(verdict)))
        tally->loose++;
    else if (!strncmp(verdict, "skip ", 5))
        tally->skipped++;
    else
        tally->failed++;
    if (tell)
        printf("     %s\n", verdict);
    else if (tally->failed > failed)
        printf("FAIL %s: %s\n     run it again: contract-%s --engine %s --case %s --torture %s"
               ":%u%s\n",
               wanted->name, verdict + 5, c->topic, c->engine, wanted->name,
               torture_name(point->kind), point->nth, point->stay ? "+" : "");
}

/* Each point until a run asks no more often. How often it asks without a failure. */
static unsigned run_points(struct contract *c, const struct contract_case *wanted, unsigned limit_s,
                           struct torture_point point, struct tally *tally)
{
    struct tally none = {0};
    bool         stay = point.stay;
    point.nth = 0;
    point.stay = false;
    run_point(c, wanted, limit_s, &point, &none, false);
    unsigned asked = torture_counted();
    unsigned step = asked > 2 * POINTS_FIRST ? asked / POINTS_FIRST : 1;
    tally->failed += none.failed;
    point.stay = stay;
    if (none.failed || none.skipped || asked == 0)
        return asked;
    unsigned most = asked * 2 + 50; /* who tries again for ever asks for ever */
    for (point.nth = 1; point.nth <= asked || (torture_fired() && point.nth <= most);
         point.nth += point.nth < POINTS_FIRST ? 1 : step)
        run_point(c, wanted, limit_s, &point, tally, false);
    return asked;
}

static bool torture_kind(struct contract *c, const struct contract_case *wanted, unsigned limit_s,
                         enum torture_kind kind)
{
    struct torture_point point = {.kind = kind};
    struct tally         tally = {0};
    unsigned             asked = run_points(c, wanted, limit_s, point, &tally);
    point.stay = true;
    if (asked && !tally.failed)
        run_points(c, wanted, limit_s, point, &tally);
    printf("%s %s: %s asked for %u times, %u runs with a failure: %u kept the promise, %u gave it "
           "up, %u loose, %u failed\n",
           tally.failed ? "FAIL" : "ok  ", wanted->name, torture_name(kind), asked, tally.points,
           tally.kept, tally.given_up, tally.loose, tally.failed);
    fflush(stdout);
    return !tally.failed;
}

bool torture_case(struct contract *c, const struct contract_case *wanted, unsigned limit_s,
                  const struct torture_point *wanted_point)
{
    struct tally tally = {0};
    bool         well = true;
    if (wanted_point->nth) {
        run_point(c, wanted, limit_s, wanted_point, &tally, true);
        return !tally.failed;
    }
    for (enum torture_kind kind = TORTURE_MEMORY; kind < TORTURE_KINDS; kind++)
        if (wanted_point->kind == TORTURE_NONE || wanted_point->kind == kind)
            well &= torture_kind(c, wanted, limit_s, kind);
    return well;
}
