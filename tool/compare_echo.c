/* SPDX-License-Identifier: MIT */
/* compare_echo.c - `weir compare echo`: examples/echo on several engines, measured in turn.
 *
 * The server is the example itself, compiled into the tool; the tool starts itself with a
 * hidden argument, and WEIR_ENGINE says which engine to take. Server and load are processes of
 * their own. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <weir.h>

#include "command.h"
#include "example.h"
#include "measure/clock.h"
#include "measure/cpus.h"
#include "measure/progress.h"
#include "measure/report.h"
#include "measure/stop.h"
#include "verdict.h"

enum {
    ENGINE_ROOM = 32,
    COUNTED_REQUESTS = 4000, /* for the system calls of one engine */
    SPARE_DESCRIPTORS = 32   /* of server and load, beside their connections */
};

static const char default_engines[] = "poll,epoll,epoll-et,epoll-oneshot,io_uring";

static const char *const server_command[] = {"/proc/self/exe", EXAMPLE_ECHO_ARGUMENT, "0", NULL};

struct echo_options {
    const char   *engines; /* comma-separated, or NULL for those of the default that are allowed */
    const char   *json;    /* path, or NULL */
    struct shape  shape;
    struct timing timing;
    size_t        rounds;
};

/* What one run holds. */
struct comparison {
    const struct echo_options     *options;
    struct weir_engine_info        known[ENGINE_ROOM];
    int                            known_count;
    const struct weir_engine_info *chosen[ENGINE_ROOM];
    size_t                         chosen_count;
    const struct weir_engine_info *refused[ENGINE_ROOM]; /* of the default list */
    size_t                         refused_count;
    struct series                  series;
    struct progress                progress;
    bool                           complete;
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
           "  --seconds S       seconds measured of each engine in a round (default: 0.8)\n"
           "  --rounds R        rounds, each with every engine (default: 5)\n"
           "  --json FILE       write everything measured to FILE as JSON (- is standard output)\n"
           "  --same-core       server and load share one CPU: the least noise (default)\n"
           "  --cross-core      server and load on two CPUs\n"
           "  -h, --help        print this\n",
           default_engines);
}

/* Reads one option; false when its value is wrong, which was said. */
static bool take_option(struct echo_options *o, int option, char *value)
{
    long   count = 0;
    double seconds = 0;
    switch (option) {
    case 'e':
        o->engines = value;
        return true;
    case 'j':
        o->json = value;
        return true;
    case 'c':
        if (!read_count("--connections", value, 1, 20000, &count))
            return false;
        o->shape.connections = (int)count;
        return true;
    case 's':
        if (!read_count("--size", value, 1, 16 * 1024 * 1024, &count))
            return false;
        o->shape.size = (size_t)count;
        return true;
    case 'r':
        if (!read_count("--rounds", value, 1, 1000, &count))
            return false;
        o->rounds = (size_t)count;
        return true;
    case 't':
        if (!read_seconds("--seconds", value, 0.01, 3600, &seconds))
            return false;
        o->timing.window_ns = (uint64_t)(seconds * 1e9);
        return true;
    default: /* 'S' and 'X' */
        o->timing.cross_core = option == 'X';
        return true;
    }
}

/* Returns EXIT_DONE, or the status to end with; -1 when help was printed. */
static int read_options(struct echo_options *o, int argc, char **argv)
{
    static const struct option options[] = {
        {"engines", required_argument, NULL, 'e'}, {"connections", required_argument, NULL, 'c'},
        {"size", required_argument, NULL, 's'},    {"seconds", required_argument, NULL, 't'},
        {"rounds", required_argument, NULL, 'r'},  {"json", required_argument, NULL, 'j'},
        {"same-core", no_argument, NULL, 'S'},     {"cross-core", no_argument, NULL, 'X'},
        {"help", no_argument, NULL, 'h'},          {0}};
    int answer;
    optind = 0;
    while ((answer = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        if (answer == 'h')
            return help(), -1;
        if (answer == '?' || answer == ':')
            return say_bad_option("weir compare echo", argv, answer);
        if (!take_option(o, answer, optarg))
            return EXIT_USAGE;
    }
    if (optind < argc)
        return say_usage("`weir compare echo` takes options only, but got '%s'", argv[optind]);
    if (o->timing.cross_core && cpus_count() < 2)
        return say_failed("--cross-core needs two CPUs, but this process may use only one; measure "
                          "with --same-core");
    return EXIT_DONE;
}

/* Each connection is a descriptor on both sides. The limit is raised as far as it may be. */
static int ensure_descriptors(int connections)
{
    rlim_t        needed = (rlim_t)connections + SPARE_DESCRIPTORS;
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= needed)
        return EXIT_DONE;
    rlim_t allowed = limit.rlim_max;
    limit.rlim_cur = needed < allowed ? needed : allowed;
    if (allowed >= needed && setrlimit(RLIMIT_NOFILE, &limit) == 0)
        return EXIT_DONE;
    return say_failed("%d connections need %llu file descriptors a process, but the hard limit is "
                      "%llu: raise it (ulimit -Hn %llu) or use fewer --connections",
                      connections, (unsigned long long)needed, (unsigned long long)allowed,
                      (unsigned long long)needed);
}

/* Tells before the measuring, not after it, that its result could not be written. */
static int check_writable(const char *path)
{
    if (!path || strcmp(path, "-") == 0)
        return EXIT_DONE;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd >= 0)
        unlink(path);
    else if (errno == EEXIST)
        fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return say_failed("the file %s cannot be written: %s", path, strerror(errno));
    close(fd);
    return EXIT_DONE;
}

static const struct weir_engine_info *find_engine(const struct comparison *c, const char *name,
                                                  size_t length)
{
    for (int i = 0; i < c->known_count; i++)
        if (strlen(c->known[i].name) == length && memcmp(c->known[i].name, name, length) == 0)
            return &c->known[i];
    return NULL;
}

static int say_unknown(const struct comparison *c, const char *name, size_t length)
{
    char   list[512];
    size_t at = 0;
    for (int i = 0; i < c->known_count && at < sizeof list; i++)
        at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", i ? ", " : "",
                               c->known[i].name);
    return say_usage("--engines: there is no engine '%.*s'; weir knows %s", (int)length, name,
                     list);
}

/* Takes one engine into the comparison. An engine that was asked for by name must be allowed;
 * one of the default list is left out and told at the end. */
static int choose_engine(struct comparison *c, const char *name, size_t length)
{
    const struct weir_engine_info *engine = find_engine(c, name, length);
    bool                           asked = c->options->engines != NULL;
    if (!engine && !asked)
        return EXIT_DONE;
    if (!engine)
        return say_unknown(c, name, length);
    if (strcmp(engine->model, "simulation") == 0)
        return say_usage("--engines: %s simulates; there is nothing of it to measure",
                         engine->name);
    for (size_t i = 0; i < c->chosen_count; i++)
        if (c->chosen[i] == engine)
            return say_usage("--engines names %s twice", engine->name);
    if (engine->refused && asked)
        return say_failed("the engine %s is refused here: %s", engine->name, engine->reason);
    if (engine->refused)
        c->refused[c->refused_count++] = engine;
    else
        c->chosen[c->chosen_count++] = engine;
    return EXIT_DONE;
}

static int choose_engines(struct comparison *c)
{
    const char *list = c->options->engines ? c->options->engines : default_engines;
    c->known_count = weir_engine_list(c->known, ENGINE_ROOM);
    if (c->known_count > ENGINE_ROOM)
        c->known_count = ENGINE_ROOM;
    for (;;) {
        size_t length = strcspn(list, ",");
        int    status = choose_engine(c, list, length);
        if (status != EXIT_DONE)
            return status;
        if (list[length] == '\0')
            break;
        list += length + 1;
    }
    if (c->chosen_count == 0)
        return say_failed("no engine of the default list is allowed here; `weir engines` says why");
    return EXIT_DONE;
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
        snprintf(stage, sizeof stage, "round %zu of %zu", round + 1, c->options->rounds);
    progress_step(&c->progress, stage, next->plan.name);
}

/* A trial is its window, its warm-up and the start and end of its processes. */
static double expected_s(const struct comparison *c)
{
    double trial_s = (double)(c->options->timing.window_ns + c->options->timing.warmup_ns) / 1e9;
    return (double)c->chosen_count * ((double)c->options->rounds * (trial_s + 0.05) + 0.6);
}

/* Measures; EXIT_DONE, EXIT_FAILED after a sentence, or 128 and the signal that stopped it. */
static int measure(struct comparison *c)
{
    struct failure why = {0};
    c->series.shape = c->options->shape;
    c->series.timing = c->options->timing;
    if (series_open(&c->series, c->chosen_count, c->options->rounds, &why) < 0)
        return say_failed("%s", why.sentence);
    for (size_t i = 0; i < c->chosen_count; i++)
        c->series.entrants[i].plan = (struct server_plan){
            .name = c->chosen[i]->name, .argv = server_command, .engine = c->chosen[i]->name};
    stop_watch();
    progress_begin(&c->progress, expected_s(c));
    int result = series_run(&c->series, c->options->rounds, tell_progress, c, &why);
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

/* Across cores the slower side sets the rate; when that is the load, the rates say little. */
static void print_bottleneck(const struct series *series)
{
    for (size_t i = 0; i < series->count && series->timing.cross_core; i++) {
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
    for (size_t i = 0; i < c->refused_count; i++)
        printf("not measured: %s is refused here: %s\n", c->refused[i]->name,
               c->refused[i]->reason);
    print_bottleneck(series);
    verdict_print(series, stdout);
}

static json_t *results_json(const struct comparison *c)
{
    json_t *engines = json_array(), *refused = json_array();
    for (size_t i = 0; i < c->series.count; i++)
        json_array_append_new(engines, report_json_entrant(&c->series.entrants[i]));
    for (size_t i = 0; i < c->refused_count; i++)
        json_array_append_new(refused, json_pack("{s:s, s:s}", "name", c->refused[i]->name,
                                                 "reason", c->refused[i]->reason));
    return json_pack("{s:s, s:s, s:b, s:o, s:o, s:o, s:o, s:o}", "schema", "weir-compare-1", "weir",
                     weir_version_text(), "complete", c->complete, "machine", report_json_machine(),
                     "workload", report_json_workload(&c->series), "engines", engines, "refused",
                     refused, "verdict", verdict_json(&c->series));
}

static int run(struct comparison *c)
{
    struct failure why = {0};
    int            status = measure(c);
    if (status != EXIT_FAILED && series_rounds(&c->series) > 0) {
        bool to_stdout = c->options->json && strcmp(c->options->json, "-") == 0;
        if (!to_stdout)
            print_results(c);
        if (c->options->json && report_json_write(results_json(c), c->options->json, &why) < 0)
            status = say_failed("%s", why.sentence);
    } else if (status > EXIT_USAGE) {
        say_failed("stopped before anything was measured");
    }
    series_close(&c->series);
    return status;
}

int compare_echo_command(int argc, char **argv)
{
    static struct echo_options options = {
        .shape = {.connections = 50, .size = 64, .depth = 1},
        .timing = {.warmup_ns = 150 * NS_PER_MS, .window_ns = 800 * NS_PER_MS},
        .rounds = 5};
    static struct comparison comparison;
    comparison.options = &options;
    int status = read_options(&options, argc, argv);
    if (status == -1)
        return EXIT_DONE;
    if (status == EXIT_DONE)
        status = choose_engines(&comparison);
    if (status == EXIT_DONE)
        status = ensure_descriptors(options.shape.connections);
    if (status == EXIT_DONE)
        status = check_writable(options.json);
    return status == EXIT_DONE ? run(&comparison) : status;
}
