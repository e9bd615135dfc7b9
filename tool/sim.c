/* SPDX-License-Identifier: MIT */
/* sim.c - `weir sim`: runs a program in simulated worlds, a seed each, until one fails; then finds
 * what it takes to fail, and says how to see it. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "measure/clock.h"
#include "measure/progress.h"
#include "measure/stop.h"
#include "sim_run.h"
#include "sim_shrink.h"

enum { JOBS_MAX = 256, TRACE_LINES = 30, OUTPUT_ROOM = 4000 };

struct asked {
    struct sim_plan plan;
    long long       runs, seed, jobs;
    const char     *trace; /* the file that a failing run's trace is left in, or NULL */
};

static void help(void)
{
    fputs("usage: weir sim [OPTION...] [--] PROGRAM [ARGUMENT...]\n"
          "\n"
          "Runs a program that is written for weir in a simulated world: network, disk, clock and\n"
          "workers are drawn from a seed, and so is what fails. A run has failed when the program\n"
          "ends with a status other than 0, by a signal, or not in time. The first one that fails\n"
          "is run again with fewer and fewer faults; its trace is kept, and the command printed\n"
          "that shows it in a debugger.\n"
          "\n"
          "  --runs N         how many seeds (1000)\n"
          "  --seed S         the first one (1)\n"
          "  --jobs N         how many run side by side (one a processor)\n"
          "  --calm           no faults: only the order and the times are drawn\n"
          "  --model NAME     how the simulated mechanism is: completion, level, edge, oneshot\n"
          "                   (drawn for each loop)\n"
          "  --timeout S      seconds until a run has failed (60)\n"
          "  --trace FILE     where the trace of a failing run is left (weir-sim-SEED.trace)\n"
          "  -h, --help       print this\n"
          "\n"
          "The program opens its loops as ever, naming no engine; see weir/sim.h.\n",
          stdout);
}

/* ---- Many runs ------------------------------------------------------------------------------- */

struct series {
    const struct asked *asked;
    struct sim_run     *runs; /* owned array, one a job */
    long                started, ended;
    bool                found; /* a failed run; its seed is the lowest that failed */
    struct sim_run      failed;
};

static void keep_failed(struct series *series, struct sim_run *run)
{
    if (series->found && series->failed.seed < run->seed) {
        sim_run_finish(run);
        return;
    }
    if (series->found)
        sim_run_finish(&series->failed);
    series->found = true;
    series->failed = *run;
    run->output = -1;
}

/* Those with a lower seed that still run may fail, too; after that nothing more is started. */
static int run_series(struct series *series, struct failure *why)
{
    const struct asked *asked = series->asked;
    struct progress     progress;
    progress_begin(&progress, 0);
    while (!stop_requested()) {
        int running = 0;
        for (long long i = 0; i < asked->jobs; i++) {
            struct sim_run *run = &series->runs[i];
            if (run->pid <= 0 && !series->found && series->started < asked->runs) {
                *run = (struct sim_run){.seed = (uint64_t)(asked->seed + series->started++)};
                if (sim_run_start(&asked->plan, run, why))
                    return -1;
            }
            running += run->pid > 0;
        }
        if (!running)
            break;
        int ended = sim_run_await(series->runs, (int)asked->jobs);
        if (ended < 0)
            continue;
        char what[64];
        snprintf(what, sizeof what, "%ld of %lld runs", ++series->ended, asked->runs);
        if (series->ended % 32 == 0)
            progress_step(&progress, "sim", what);
        if (sim_run_failed(&series->runs[ended]))
            keep_failed(series, &series->runs[ended]);
        else
            sim_run_finish(&series->runs[ended]);
    }
    progress_end(&progress);
    return 0;
}

/* ---- Whether it is simulated, and repeats ---------------------------------------------------- */

/* The number of its first line in which a trace differs from another one; 0: they are alike. */
static long first_difference(const char *one, const char *other)
{
    FILE *files[2] = {fopen(one, "re"), fopen(other, "re")};
    long  number = files[0] && files[1] ? 0 : 1;
    char  lines[2][512];
    for (long line = 1; !number; line++) {
        char *read[2] = {fgets(lines[0], sizeof lines[0], files[0]),
                         fgets(lines[1], sizeof lines[1], files[1])};
        if (!read[0] && !read[1])
            break;
        if (!read[0] || !read[1] || strcmp(lines[0], lines[1]) != 0)
            number = line;
    }
    for (int i = 0; i < 2; i++)
        if (files[i])
            fclose(files[i]);
    return number;
}

static bool has_content(const char *path)
{
    FILE *file = fopen(path, "re");
    bool  some = file && fgetc(file) != EOF;
    if (file)
        fclose(file);
    return some;
}

/* Two runs of the first seed, before a thousand of them prove nothing. */
static int check_program(const struct asked *asked, struct failure *why)
{
    char traces[2][32] = {"/tmp/weir-sim-XXXXXX", "/tmp/weir-sim-XXXXXX"};
    int  error = 0;
    for (int i = 0; i < 2; i++) {
        int file = mkostemp(traces[i], O_CLOEXEC);
        if (file < 0)
            return fail(why, "cannot make a file in /tmp: %s", strerror(errno));
        close(file);
        struct sim_run run = {.seed = (uint64_t)asked->seed, .trace = traces[i]};
        if (!error)
            error = sim_run_whole(&asked->plan, &run, why);
        if (!error)
            sim_run_finish(&run);
    }
    if (!error && !has_content(traces[0]))
        error = fail(why,
                     "%s opened no simulated world: it has to be linked with weir, and to "
                     "open a loop without naming an engine",
                     asked->plan.program[0]);
    long line = error ? 0 : first_difference(traces[0], traces[1]);
    if (line)
        error = fail(why,
                     "%s is not the same from run to run: the traces of seed %lld differ in line "
                     "%ld; what it takes from elsewhere, such as the time, has to come from weir",
                     asked->plan.program[0], asked->seed, line);
    unlink(traces[0]);
    unlink(traces[1]);
    return error;
}

/* ---- Telling --------------------------------------------------------------------------------- */

static void print_output(const struct sim_run *run)
{
    char    text[OUTPUT_ROOM + 1];
    off_t   size = lseek(run->output, 0, SEEK_END);
    off_t   from = size > OUTPUT_ROOM ? size - OUTPUT_ROOM : 0;
    ssize_t length = pread(run->output, text, OUTPUT_ROOM, from);
    if (length <= 0)
        return;
    text[length] = '\0';
    printf("\nIt printed%s:\n%s%s", from ? ", at last" : "", text,
           text[length - 1] == '\n' ? "" : "\n");
}

/* The last lines of the trace, and how many there are. */
static void print_trace(const char *path)
{
    static char lines[TRACE_LINES][320];
    long        count = 0;
    FILE       *file = fopen(path, "re");
    if (!file)
        return;
    while (fgets(lines[count % TRACE_LINES], sizeof lines[0], file))
        count++;
    fclose(file);
    printf("\nThe trace has %ld lines%s:\n", count,
           count > TRACE_LINES ? ", of which the last" : "");
    for (long i = count > TRACE_LINES ? count - TRACE_LINES : 0; i < count; i++)
        printf("  %s", lines[i % TRACE_LINES]);
}

static void print_word(const char *word)
{
    const char *plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./=:,+@%";
    if (*word && !word[strspn(word, plain)]) {
        printf(" %s", word);
        return;
    }
    fputs(" '", stdout);
    for (; *word; word++)
        fputs(*word == '\'' ? "'\\''" : (char[]){*word, 0}, stdout);
    fputc('\'', stdout);
}

static void print_command(const struct asked *asked, uint64_t seed, const char *faults)
{
    printf("\nTo see it in a debugger:\n  WEIR_ENGINE=sim WEIR_SIM_SEED=%" PRIu64, seed);
    if (!asked->plan.calm)
        printf(" WEIR_SIM_SWARM=1 WEIR_SIM_FAULTS=%s", faults);
    if (asked->plan.model)
        printf(" WEIR_SIM_MODEL=%s", asked->plan.model);
    fputs(" gdb --args", stdout);
    for (char **word = asked->plan.program; *word; word++)
        print_word(*word);
    putchar('\n');
}

/* Runs it once more with what was kept, and tells all of it. */
static int tell_failure(const struct asked *asked, uint64_t seed, const char *trace,
                        const struct fault_list *kept, size_t before, struct failure *why)
{
    char *faults = fault_list_text(kept);
    char  how[64];
    if (!faults)
        return fail(why, "no memory is left");
    struct sim_run run = {.seed = seed, .faults = faults, .trace = trace};
    int            error = sim_run_whole(&asked->plan, &run, why);
    if (!error) {
        sim_run_describe(&run, how, sizeof how);
        printf("Seed %" PRIu64 " fails: %s, with %zu of %zu faults.\n", seed, how, kept->count,
               before);
        print_output(&run);
        print_trace(trace);
        printf("\nAll of it is in %s.\n", trace);
        print_command(asked, seed, faults);
        sim_run_finish(&run);
    }
    free(faults);
    return error;
}

static int study(const struct asked *asked, uint64_t seed, struct failure *why)
{
    struct fault_list faults = {0};
    char              usual[48];
    long              runs = 0;
    snprintf(usual, sizeof usual, "weir-sim-%" PRIu64 ".trace", seed);
    const char    *trace = asked->trace ? asked->trace : usual;
    struct sim_run run = {.seed = seed, .trace = trace};
    int            error = sim_run_whole(&asked->plan, &run, why);
    if (error)
        return error;
    bool fails = sim_run_failed(&run);
    sim_run_finish(&run);
    if (!fails)
        return fail(why, "seed %" PRIu64 " failed, but not when it was run again", seed);
    if (!has_content(trace))
        return fail(why, "the trace cannot be written to %s", trace);
    error = fault_list_read(&faults, trace, why);
    size_t before = faults.count;
    if (!error)
        error = sim_shrink(&asked->plan, seed, &faults, &runs, why);
    if (!error)
        error = tell_failure(asked, seed, trace, &faults, before, why);
    fault_list_finish(&faults);
    return error;
}

/* ---- The command ----------------------------------------------------------------------------- */

static bool read_option(struct asked *asked, int answer)
{
    switch (answer) {
    case 'r':
        return read_count("--runs", optarg, 1, 1000000000, &asked->runs);
    case 's':
        return read_count("--seed", optarg, 1, 1000000000000000, &asked->seed);
    case 'j':
        return read_count("--jobs", optarg, 1, JOBS_MAX, &asked->jobs);
    case 't':
        return read_seconds("--timeout", optarg, 0.1, 86400, &asked->plan.timeout_s);
    case 'c':
        asked->plan.calm = true;
        return true;
    case 'm':
        asked->plan.model = optarg;
        if (strcmp(optarg, "completion") == 0 || strcmp(optarg, "level") == 0 ||
            strcmp(optarg, "edge") == 0 || strcmp(optarg, "oneshot") == 0)
            return true;
        say_usage("--model takes completion, level, edge or oneshot, not '%s'", optarg);
        return false;
    default:
        asked->trace = optarg;
        return true;
    }
}

/* EXIT_DONE when the command goes on. */
static int read_options(int argc, char **argv, struct asked *asked, bool *helped)
{
    static const struct option options[] = {{"runs", required_argument, NULL, 'r'},
                                            {"seed", required_argument, NULL, 's'},
                                            {"jobs", required_argument, NULL, 'j'},
                                            {"calm", no_argument, NULL, 'c'},
                                            {"model", required_argument, NULL, 'm'},
                                            {"trace", required_argument, NULL, 'f'},
                                            {"timeout", required_argument, NULL, 't'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    int                        answer;
    optind = 0;
    while ((answer = getopt_long(argc, argv, "+:h", options, NULL)) != -1) {
        if (answer == 'h') {
            help();
            *helped = true;
            return EXIT_DONE;
        }
        if (answer == '?' || answer == ':')
            return say_bad_option("weir sim", argv, answer);
        if (!read_option(asked, answer))
            return EXIT_USAGE;
    }
    if (optind == argc)
        return say_usage("a program is missing, such as `weir sim -- ./server-test`; see `weir sim "
                         "--help`");
    asked->plan.program = argv + optind;
    return EXIT_DONE;
}

static int report(struct series *series, double seconds, struct failure *why)
{
    if (!series->found) {
        printf("%ld runs, seeds %lld to %lld: none failed, in %.1f s.\n", series->ended,
               series->asked->seed, series->asked->seed + series->ended - 1, seconds);
        return EXIT_DONE;
    }
    uint64_t seed = series->failed.seed;
    sim_run_finish(&series->failed);
    if (study(series->asked, seed, why) && why->sentence[0])
        return say_failed("%s", why->sentence);
    return EXIT_FAILED;
}

int sim_command(int argc, char **argv)
{
    struct asked   asked = {.plan = {.timeout_s = 60}, .runs = 1000, .seed = 1};
    struct series  series = {.asked = &asked};
    struct failure why = {0};
    bool           helped = false;
    long           processors = sysconf(_SC_NPROCESSORS_ONLN);
    asked.jobs = processors < 1 ? 1 : processors < JOBS_MAX ? processors : JOBS_MAX;
    int status = read_options(argc, argv, &asked, &helped);
    if (status != EXIT_DONE || helped)
        return status;
    stop_watch();
    series.runs = calloc((size_t)asked.jobs, sizeof *series.runs);
    if (!series.runs)
        return say_failed("no memory is left");
    uint64_t began_ns = clock_ns();
    int      error = check_program(&asked, &why);
    if (!error)
        error = run_series(&series, &why);
    for (long long i = 0; i < asked.jobs; i++)
        if (series.runs[i].pid > 0)
            sim_run_finish(&series.runs[i]);
    free(series.runs);
    if (stop_requested())
        return 128 + stop_requested();
    if (error)
        return say_failed("%s", why.sentence);
    status = report(&series, (double)(clock_ns() - began_ns) / 1e9, &why);
    return stop_requested() ? 128 + stop_requested() : status;
}
