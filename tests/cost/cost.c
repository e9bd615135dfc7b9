/* SPDX-License-Identifier: MIT */
/* cost.c - what a lap of each kind costs on one engine, in instructions and system calls, held
 * against a table: cost ENGINE TABLE, or, where another compiler makes other instructions, `cost
 * ENGINE TABLE calls`. Nothing here is a time, so a busy machine changes nothing.
 *
 * A count above its row by more than the margin has become dearer, and fails. One below it by more
 * has become cheaper, and fails too, until its row says so: else what was won could be lost again
 * unseen. `cost ENGINE` alone prints the rows. */
#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cost.h"
#include "count.h"

#define WARM 16u
#define SKIPPED 77

/* Of instructions, whose number another compiler or C library changes; of system calls there is
 * none, but counts that are not whole, such as a wait shared by some laps, may move a little. */
#define MARGIN_INSTRUCTIONS 0.12
#define MARGIN_CALLS 0.05

struct costs {
    double instructions, calls; /* a lap */
};

static int run_laps(const struct lap *lap, const char *engine)
{
    struct weir_options options = {.engine = engine};
    struct weir_loop   *loop = NULL;
    count_traced();
    if (weir_loop_open(&loop, &options) != 0)
        return SKIPPED;
    lap->prepare(loop);
    lap->laps(loop, WARM);
    count_mark();
    lap->laps(loop, lap->count);
    count_mark();
    lap->laps(loop, 2 * lap->count);
    count_mark();
    return 0;
}

/* What `count` laps more cost, so that what every run costs is not counted. 0, SKIPPED or 1. */
static int count_laps(const struct lap *lap, const char *engine, enum count_what what, double *each)
{
    struct count count;
    fflush(stdout);
    pid_t pid = fork();
    NEED(pid >= 0);
    if (pid == 0) {
        int status = run_laps(lap, engine);
        fflush(stdout);
        _exit(status);
    }
    int status = count_run(pid, what, &count);
    if (status == SKIPPED || (status < 0 && (errno == EPERM || errno == ENOSYS)))
        return SKIPPED;
    if (status) {
        printf("FAIL %s %s: it ended with %d while it was counted\n", engine, lap->name, status);
        return 1;
    }
    *each = ((double)count.between[1] - (double)count.between[0]) / lap->count / lap->things;
    return 0;
}

/* The row of the table; false when it has none. */
static bool find_row(FILE *table, const char *engine, const char *lap, struct costs *row)
{
    char line[160], row_engine[32], row_lap[32];
    rewind(table);
    while (fgets(line, sizeof line, table))
        if (sscanf(line, "%31s %31s %lf %lf", row_engine, row_lap, &row->instructions,
                   &row->calls) == 4 &&
            !strcmp(row_engine, engine) && !strcmp(row_lap, lap))
            return true;
    return false;
}

static int held_against(double counted, double row, double margin, const char *engine,
                        const char *lap, const char *what)
{
    if (fabs(counted - row) <= row * margin + 0.005)
        return 0;
    printf("FAIL %s %s: %.2f %s a lap, %s than %.2f, its row in the table\n", engine, lap, counted,
           what, counted > row ? "more" : "fewer", row);
    return 1;
}

/* What is asked for. */
struct check {
    const char *engine;
    FILE       *table;      /* NULL: its rows are printed */
    bool        calls_only; /* another compiler makes other instructions */
};

/* 0, SKIPPED or the number of failures. */
static int check_lap(const struct check *check, const struct lap *lap)
{
    struct costs costs = {0, 0}, row;
    int          status = count_laps(lap, check->engine, COUNT_CALLS, &costs.calls);
    if (!status && !check->calls_only)
        status = count_laps(lap, check->engine, COUNT_INSTRUCTIONS, &costs.instructions);
    if (status)
        return status;
    printf("%-13s %-12s %6.0f %6.2f\n", check->engine, lap->name, costs.instructions, costs.calls);
    if (!check->table)
        return 0;
    if (!find_row(check->table, check->engine, lap->name, &row)) {
        printf("FAIL %s %s: the table has no row for it\n", check->engine, lap->name);
        return 1;
    }
    int failures = held_against(costs.calls, row.calls, MARGIN_CALLS, check->engine, lap->name,
                                "system calls");
    if (!check->calls_only)
        failures += held_against(costs.instructions, row.instructions, MARGIN_INSTRUCTIONS,
                                 check->engine, lap->name, "instructions");
    return failures;
}

static int check_laps(const struct check *check)
{
    int failures = 0;
    for (const struct lap *lap = all_laps; lap->name; lap++) {
        int status = check_lap(check, lap);
        if (status == SKIPPED) {
            printf("skipped: %s cannot be had here, or ptrace(2) is refused\n", check->engine);
            return SKIPPED;
        }
        failures += status;
    }
    return failures ? 1 : 0;
}

int main(int argc, char **argv)
{
    struct check check = {.engine = argc > 1 ? argv[1] : NULL,
                          .calls_only = argc == 4 && !strcmp(argv[3], "calls")};
    if (argc > 2)
        check.table = fopen(argv[2], "r");
    if (argc < 2 || argc > 4 || (argc > 2 && !check.table) || (argc == 4 && !check.calls_only)) {
        fputs("usage: cost ENGINE [TABLE [calls]]\n", stderr);
        return 2;
    }
    int status = check_laps(&check);
    if (check.table)
        fclose(check.table);
    return status;
}
