/* SPDX-License-Identifier: MIT */
/* kit_syscalls.c - system calls a request, counted. `kit_syscalls known LEAST MOST SERVER
 * [ARGUMENT]`: those of a server whose calls are known are counted right, and the same again.
 * `kit_syscalls equal SERVER ENGINE OTHER`: the server makes no more on the engine than the
 * other. Ends 77 where nothing is counted, and says why. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "../../tool/measure/syscalls.h"
#include "kit.h"

enum { CONNECTIONS = 20 };

static double count_once(const struct server_plan *plan)
{
    static struct syscall_counts counts;
    struct shape                 shape = {.connections = CONNECTIONS, .size = 64, .depth = 1};
    struct failure               why = {0};
    char                         text[200];
    int                          result = syscalls_count(&counts, plan, &shape, 2000, &why);
    expect(result == 0, "%s", why.sentence);
    if (result < 0)
        return 0;
    if (!counts.counted) {
        printf("skipped: %s\n", counts.reason.sentence);
        exit(77);
    }
    uint64_t sum = 0;
    for (int i = 0; i < SYSCALL_NUMBERS; i++)
        sum += counts.by_number[i];
    expect(sum == counts.calls, "the calls by number are %llu of %llu", (unsigned long long)sum,
           (unsigned long long)counts.calls);
    expect(counts.requests == 2000, "%llu requests", (unsigned long long)counts.requests);
    syscalls_describe(&counts, text, sizeof text);
    double each = (double)counts.calls / (double)counts.requests;
    printf("%.3f a request: %s\n", each, text);
    expect(waitpid(-1, NULL, WNOHANG) < 0, "a process is left behind");
    return each;
}

/* One call more for a wait in which all connections are served: how many of them a wait finds ready
 * is the scheduler's to say. */
#define ALLOWANCE (1.0 / (double)CONNECTIONS)

static void check_known(double least, double most, const char *program, const char *argument)
{
    const char *const  argv[] = {program, "0", argument, NULL};
    struct server_plan plan = {.name = "counted", .argv = argv};
    double             first = count_once(&plan), second = count_once(&plan);
    expect(first >= least && first <= most, "%.3f is not in %g..%g", first, least, most);
    double apart = first > second ? first - second : second - first;
    expect(apart <= 0.05 * most + ALLOWANCE, "counted %.3f first and %.3f then", first, second);
}

static void check_equal(const char *program, const char *engine, const char *other)
{
    const char *const argv[] = {program, "0", NULL}, *const other_argv[] = {other, "0", NULL};
    struct server_plan plan = {.name = engine, .argv = argv, .engine = engine};
    struct server_plan other_plan = {.name = "other", .argv = other_argv};
    double             ours = count_once(&plan), theirs = count_once(&other_plan);
    expect(ours <= theirs + ALLOWANCE, "%s makes %.3f, the other %.3f", engine, ours, theirs);
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    if (argc >= 5 && strcmp(argv[1], "known") == 0)
        check_known(atof(argv[2]), atof(argv[3]), argv[4], argc > 5 ? argv[5] : NULL);
    else if (argc == 5 && strcmp(argv[1], "equal") == 0)
        check_equal(argv[2], argv[3], argv[4]);
    else
        return 2;
    return kit_failures > 0;
}
