/* SPDX-License-Identifier: MIT */
/* kit_verify.c - `kit_verify faults PLANTED_SERVER`: every planted fault is told in its sentence;
 * `kit_verify good SERVER...`: a server that does nothing wrong passes at every size, which no
 * verifier that cries wolf would let it; `kit_verify datagrams SERVER...`: the same over UDP. */
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../tool/measure/clock.h"
#include "../../tool/measure/system.h"
#include "../../tool/measure/trial.h"
#include "kit.h"

static int run_trial(const char *const *argv, int connections, size_t size, int depth,
                     uint64_t window_ms, struct failure *why)
{
    static struct hist latency;
    struct served      served = {0};
    double             figures[FIGURES] = {0};
    struct server_plan plan = {.name = "planted", .argv = argv};
    struct shape       shape = {.connections = connections, .size = size, .depth = depth};
    struct timing      timing = {.warmup_ns = 10 * NS_PER_MS, .window_ns = window_ms * NS_PER_MS};
    int                result = trial_run(&plan, &shape, &timing, figures, &latency, &served, why);
    bool               tells_memory = system_peak_kib(getpid()) > 0;
    if (result == 0)
        expect(figures[FIGURE_RATE] > 0 && figures[FIGURE_P50_US] > 0 &&
                   figures[FIGURE_P99_US] >= figures[FIGURE_P50_US] &&
                   (figures[FIGURE_PEAK_KIB] > 0) == tells_memory,
               "a figure is missing");
    return result;
}

/* Nothing of a trial may be left: no child, running or not reaped. */
static void expect_no_child(const char *after)
{
    expect(waitpid(-1, NULL, WNOHANG) < 0, "a process is left behind after %s", after);
}

/* A fault in an answer ends the run when it comes, however slow the machine is; those that come
 * with the end of the run need only a short one. */
static void check_faults(const char *program)
{
    static const struct {
        const char *fault, *sentence;
        uint64_t    window_ms;
        const char *first; /* the answer that is wrong, or NULL */
    } cases[] = {{"corrupt", "wrong byte", 20000, NULL},
                 {"stale", "wrong byte", 20000, NULL},
                 {"swap", "wrong byte", 20000, NULL},
                 {"short", "no answer came", 20000, "1"},
                 {"double", "the server answered", 20000, NULL},
                 {"close", " answers", 20000, NULL}, /* a reset, when a request was on its way */
                 {"reset", "failed", 20000, NULL},
                 {"exit", "connection", 20000, NULL},
                 {"mute", "no answer came", 20000, NULL},
                 {"extra", "sent more than it was sent", 50, NULL},
                 {"silent", "did not say in time that it listens", 50, NULL},
                 {"stubborn", "did not end when asked to", 50, NULL},
                 {"failing", "ended with a failure", 50, NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char    *argv[] = {program, "0", cases[i].fault, cases[i].first, NULL};
        struct failure why = {0};
        int            result = run_trial(argv, 5, 64, 1, cases[i].window_ms, &why);
        printf("%s: %s\n", cases[i].fault, why.sentence);
        expect(result < 0, "the fault '%s' was not seen", cases[i].fault);
        expect(strstr(why.sentence, cases[i].sentence), "'%s' is told as: %s", cases[i].fault,
               why.sentence);
        expect_no_child(cases[i].fault);
    }
}

/* One wrong bit is found wherever it is, in the first answer as in the thousandth. */
static void check_places(const char *program)
{
    static const char *const firsts[] = {"1", "2", "999"};
    for (size_t i = 0; i < sizeof firsts / sizeof firsts[0]; i++) {
        const char    *argv[] = {program, "0", "corrupt", firsts[i], NULL};
        struct failure why = {0};
        expect(run_trial(argv, 3, 1, 1, 20000, &why) < 0 && strstr(why.sentence, "wrong byte"),
               "a wrong byte in answer %s: %s", firsts[i], why.sentence);
    }
}

/* A fault while system calls are counted is told as well, and leaves nothing behind. */
static void check_counting(const char *program)
{
    static const struct {
        const char *fault, *sentence;
    } cases[] = {{"corrupt", "wrong byte"}, {"close", "connection"}, {"exit", ""}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static struct syscall_counts counts;
        const char                  *argv[] = {program, "0", cases[i].fault, "100", NULL};
        struct server_plan           plan = {.name = "planted", .argv = argv};
        struct shape                 shape = {.connections = 5, .size = 64, .depth = 1};
        struct failure               why = {0};
        int                          result = syscalls_count(&counts, &plan, &shape, 1000, &why);
        printf("%s while counting: %s%s\n", cases[i].fault, why.sentence, counts.reason.sentence);
        expect((result < 0 && strstr(why.sentence, cases[i].sentence)) || counts.reason.sentence[0],
               "'%s' while counting is told as: %s", cases[i].fault, why.sentence);
        expect_no_child(cases[i].fault);
    }
}

static void check_good(const char *program, const char *argument)
{
    static const struct {
        size_t size;
        int    depth;
    } shapes[] = {{1, 1},      {64, 1},  {4096, 1}, {16384, 1}, {65536, 1},
                  {300001, 1}, {64, 16}, {7, 50},   {65536, 3}};
    const char *argv[] = {program, "0", argument, NULL};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        struct failure why = {0};
        int            result = run_trial(argv, 5, shapes[i].size, shapes[i].depth, 60, &why);
        expect(result == 0, "%s, %zu bytes, depth %d: %s", program, shapes[i].size, shapes[i].depth,
               why.sentence);
        expect_no_child(program);
    }
}

/* Of few datagrams at a time, so that no receive buffer drops one. */
static void check_datagrams(const char *program)
{
    static const struct shape shapes[] = {
        {.connections = 1, .size = 1, .depth = 1, .datagrams = true},
        {.connections = 5, .size = 64, .depth = 4, .datagrams = true},
        {.connections = 3, .size = 1200, .depth = 8, .datagrams = true},
        {.connections = 2, .size = 65000, .depth = 1, .datagrams = true}};
    static struct hist latency;
    const char        *argv[] = {program, "0", NULL};
    struct server_plan plan = {.name = "datagrams", .argv = argv};
    struct timing      timing = {.warmup_ns = 10 * NS_PER_MS, .window_ns = 60 * NS_PER_MS};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        struct failure why = {0};
        struct served  served = {0};
        double         figures[FIGURES] = {0};
        int result = trial_run(&plan, &shapes[i], &timing, figures, &latency, &served, &why);
        expect(result == 0, "%s, datagrams of %zu bytes: %s", program, shapes[i].size,
               why.sentence);
        expect(result < 0 || figures[FIGURE_RATE] > 0, "%s answers nothing", program);
        expect_no_child(program);
    }
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    bool faults = argc > 2 && strcmp(argv[1], "faults") == 0;
    bool datagrams = argc > 2 && strcmp(argv[1], "datagrams") == 0;
    for (int i = 2; i < argc; i++) {
        if (faults) {
            check_good(argv[i], "none");
            check_faults(argv[i]);
            check_places(argv[i]);
            check_counting(argv[i]);
        } else if (datagrams) {
            check_datagrams(argv[i]);
        } else {
            check_good(argv[i], NULL);
        }
    }
    return argc < 3 || kit_failures > 0;
}
