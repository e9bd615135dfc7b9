/* SPDX-License-Identifier: MIT */
/* echo.c - `scripts/bench echo`: weir's example against servers written by hand, mechanism by
 * mechanism, in interleaved rounds. */
#include <getopt.h>
#include <jansson.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <unistd.h>

#include "../tool/measure/clock.h"
#include "../tool/measure/progress.h"
#include "../tool/measure/report.h"
#include "../tool/measure/stop.h"

enum { SHAPE_ROOM = 32, SERVER_ROOM = 32, COUNTED_REQUESTS = 4000, MORE_ROUNDS = 5 };

/* A server that can be measured. Names begin with who wrote it. */
struct candidate {
    const char *name;
    const char *program; /* beneath the build's directory, or as given */
    const char *engine;  /* its WEIR_ENGINE, or NULL */
    int         most;    /* connections that it can hold; 0: as many as there are descriptors */
    const char *argv[3];
    char        path[PATH_MAX];
    bool        given; /* by --add */
    bool        wanted;
    char        refusal[200]; /* why it does not run here; empty when it does */
};

/* A set of select() holds descriptors below FD_SETSIZE, some of which are not connections. */
#define SELECT_MOST (FD_SETSIZE - 24)

/* A thread for each connection and for the accept: weir starts at most 1,024 when nothing is asked;
 * the other is held to a load that a machine with little memory bears too. */
#define THREADS_MOST 1000
#define HAND_THREADS_MOST 4000

static struct candidate candidates[SERVER_ROOM] = {
    {.name = "hand-poll", .program = "bench/handwritten/echo_poll"},
    {.name = "weir-poll", .program = "examples/echo", .engine = "poll"},
    {.name = "hand-epoll", .program = "bench/handwritten/echo_epoll"},
    {.name = "weir-epoll", .program = "examples/echo", .engine = "epoll"},
    {.name = "hand-epoll-et", .program = "bench/handwritten/echo_epoll_et"},
    {.name = "weir-epoll-et", .program = "examples/echo", .engine = "epoll-et"},
    {.name = "hand-epoll-oneshot", .program = "bench/handwritten/echo_epoll_oneshot"},
    {.name = "weir-epoll-oneshot", .program = "examples/echo", .engine = "epoll-oneshot"},
    {.name = "hand-linux-aio", .program = "bench/handwritten/echo_linux_aio"},
    {.name = "weir-linux-aio", .program = "examples/echo", .engine = "linux-aio"},
    {.name = "hand-sigio", .program = "bench/handwritten/echo_sigio"},
    {.name = "weir-sigio", .program = "examples/echo", .engine = "sigio"},
    {.name = "hand-select", .program = "bench/handwritten/echo_select", .most = SELECT_MOST},
    {.name = "weir-select", .program = "examples/echo", .engine = "select", .most = SELECT_MOST},
    {.name = "hand-spin", .program = "bench/handwritten/echo_spin"},
    {.name = "weir-spin", .program = "examples/echo", .engine = "spin"},
    {.name = "hand-threads",
     .program = "bench/handwritten/echo_threads",
     .most = HAND_THREADS_MOST},
    {.name = "weir-threads", .program = "examples/echo", .engine = "threads", .most = THREADS_MOST},
    {.name = "hand-io_uring", .program = "bench/handwritten/echo_uring"},
    {.name = "weir-io_uring", .program = "examples/echo", .engine = "io_uring"},
    {.name = "hand-io_uring-best", .program = "bench/handwritten/echo_uring_best"},
};
static size_t candidate_count = 21;

/* What is asked of two servers: the first's CPU time a request over the second's. */
static const struct {
    const char *first, *second;
    double      goal; /* at most; 0: the ratio is only told */
} pairs[] = {
    {"weir-poll", "hand-poll", 1.08},           {"weir-epoll", "hand-epoll", 1.08},
    {"weir-epoll-et", "hand-epoll-et", 0},      {"weir-epoll-oneshot", "hand-epoll-oneshot", 0},
    {"weir-select", "hand-select", 0},          {"weir-spin", "hand-spin", 0},
    {"weir-linux-aio", "hand-linux-aio", 0},    {"weir-sigio", "hand-sigio", 0},
    {"weir-threads", "hand-threads", 0},        {"weir-io_uring", "hand-io_uring", 1.10},
    {"weir-io_uring", "hand-io_uring-best", 0},
};
enum { PAIR_COUNT = sizeof pairs / sizeof pairs[0] };

struct bench {
    struct shape    shapes[SHAPE_ROOM];
    size_t          shape_count;
    struct timing   timing;
    size_t          rounds, rounds_max;
    const char     *json;
    bool            only; /* --servers was given */
    struct progress progress;
    struct series  *series; /* the one that is measured now */
    json_t         *document_shapes;
};

static void help(void)
{
    fputs(
        "usage: scripts/bench echo [OPTION...]\n"
        "\n"
        "Measures weir's example echo server on each engine against hand-written servers.\n"
        "\n"
        "  --shapes LIST       CONNECTIONSxBYTES or CONNECTIONSxBYTESxDEPTH, separated by commas\n"
        "                      (default: 50x64,1000x64)\n"
        "  --servers LIST      only these, separated by commas (default: all; --list tells them)\n"
        "  --add NAME=PROGRAM  one more server; it is called with the argument 0, a port, and "
        "says\n"
        "                      the port it listens on in its first line\n"
        "  --rounds R          interleaved rounds (default: 15)\n"
        "  --rounds-max R      so many at most, while a goal is not resolved (default: 30)\n"
        "  --seconds S         seconds measured of each server in a round (default: 0.4)\n"
        "  --cross             server and load on two CPUs (default: both on one)\n"
        "  --json FILE         write everything measured to FILE\n"
        "  --list              print the names of the servers\n"
        "  -h, --help          print this\n",
        stdout);
}

static int usage(const char *what, const char *value)
{
    fprintf(stderr, "bench echo: %s '%s'; see --help\n", what, value);
    return 2;
}

static int failed(const char *sentence)
{
    fprintf(stderr, "bench echo: %s\n", sentence);
    return 1;
}

static struct candidate *find(const char *name, size_t length)
{
    for (size_t i = 0; i < candidate_count; i++)
        if (strlen(candidates[i].name) == length && memcmp(candidates[i].name, name, length) == 0)
            return &candidates[i];
    return NULL;
}

static int read_shapes(struct bench *b, const char *list)
{
    b->shape_count = 0;
    for (const char *at = list; b->shape_count < SHAPE_ROOM;) {
        struct shape shape = {.depth = 1};
        int          length = 0;
        int          read = sscanf(at, "%dx%zu%n", &shape.connections, &shape.size, &length);
        if (read == 2 && at[length] == 'x') {
            int more = 0;
            read += sscanf(at + length, "x%d%n", &shape.depth, &more) - 1;
            length += more;
        }
        if (read != 2 || shape.connections < 1 || shape.connections > 20000 || shape.size < 1 ||
            shape.size > (64u << 20) || shape.depth < 1 || shape.depth > 4096)
            return usage("--shapes takes 50x64,1000x64 and the like, not", list);
        b->shapes[b->shape_count++] = shape;
        if (at[length] == '\0')
            return 0;
        if (at[length] != ',')
            return usage("--shapes takes 50x64,1000x64 and the like, not", list);
        at += length + 1;
    }
    return usage("--shapes has too many shapes:", list);
}

static int read_servers(struct bench *b, const char *list)
{
    b->only = true;
    for (;;) {
        size_t            length = strcspn(list, ",");
        struct candidate *c = find(list, length);
        if (!c)
            return usage("--servers: there is no server", list);
        c->wanted = true;
        if (list[length] == '\0')
            return 0;
        list += length + 1;
    }
}

static int add_server(char *text)
{
    char *equals = strchr(text, '=');
    if (!equals || equals == text || equals[1] == '\0' || candidate_count == SERVER_ROOM)
        return usage("--add takes NAME=PROGRAM, not", text);
    *equals = '\0';
    candidates[candidate_count++] = (struct candidate){
        .name = text, .program = equals + 1, .given = true, .wanted = true};
    return 0;
}

static int read_number(const char *option, const char *text, double min, double max, double *number)
{
    char *end;
    *number = strtod(text, &end);
    if (end != text && *end == '\0' && *number >= min && *number <= max)
        return 0;
    char what[80];
    snprintf(what, sizeof what, "%s takes a number from %g to %g, not", option, min, max);
    return usage(what, text);
}

static int list_servers(void)
{
    for (size_t i = 0; i < candidate_count; i++)
        puts(candidates[i].name);
    return -1;
}

/* 0, the status to end with, or -1 when there is nothing more to do. */
static int take_option(struct bench *b, int option, char *value)
{
    double number = 0;
    int    status;
    switch (option) {
    case 's':
        return read_shapes(b, value);
    case 'v':
        return read_servers(b, value);
    case 'a':
        return add_server(value);
    case 'r':
        status = read_number("--rounds", value, 1, 1000, &number);
        b->rounds = (size_t)number;
        return status;
    case 'm':
        status = read_number("--rounds-max", value, 1, 1000, &number);
        b->rounds_max = (size_t)number;
        return status;
    case 't':
        status = read_number("--seconds", value, 0.01, 600, &number);
        b->timing.window_ns = (uint64_t)(number * 1e9);
        return status;
    case 'x':
        b->timing.cross_core = true;
        return 0;
    case 'j':
        b->json = value;
        return 0;
    case 'l':
        return list_servers();
    default:
        return help(), -1;
    }
}

static int read_options(struct bench *b, int argc, char **argv)
{
    static const struct option options[] = {{"shapes", required_argument, NULL, 's'},
                                            {"servers", required_argument, NULL, 'v'},
                                            {"add", required_argument, NULL, 'a'},
                                            {"rounds", required_argument, NULL, 'r'},
                                            {"rounds-max", required_argument, NULL, 'm'},
                                            {"seconds", required_argument, NULL, 't'},
                                            {"cross", no_argument, NULL, 'x'},
                                            {"json", required_argument, NULL, 'j'},
                                            {"list", no_argument, NULL, 'l'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    int                        answer;
    opterr = 0;
    while ((answer = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        if (answer == '?' || answer == ':')
            return usage("cannot do anything with", argv[optind - 1]);
        int status = take_option(b, answer, optarg);
        if (status != 0)
            return status;
    }
    if (optind < argc)
        return usage("there is no use for", argv[optind]);
    if (b->rounds_max < b->rounds)
        b->rounds_max = b->rounds;
    return 0;
}

/* Finds the programs beside this one, and starts each for a moment to see whether it runs here. */
static int prepare(struct bench *b)
{
    char    self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length < 0)
        return failed("/proc/self/exe cannot be read");
    self[length] = '\0';
    const char *build = dirname(dirname(self));
    for (size_t i = 0; i < candidate_count; i++) {
        struct candidate *c = &candidates[i];
        if (b->only && !c->wanted)
            continue;
        c->wanted = true;
        if (snprintf(c->path, sizeof c->path, "%s%s%s", c->given ? "" : build, c->given ? "" : "/",
                     c->program) >= (int)sizeof c->path)
            return failed("a path is too long");
        c->argv[0] = c->path;
        c->argv[1] = "0";
        struct failure     why = {0};
        struct server      server;
        struct server_plan plan = {.name = c->name, .argv = c->argv, .engine = c->engine};
        if (server_start(&server, &plan, -1, &why) < 0)
            snprintf(c->refusal, sizeof c->refusal, "%.199s", why.sentence);
        server_close(&server);
        if (c->refusal[0])
            fprintf(stderr, "bench echo: left out: %s\n", c->refusal);
    }
    return 0;
}

static void tell_progress(void *user, const struct series *series, size_t round,
                          const struct entrant *next, bool counting)
{
    struct bench *b = user;
    char          stage[64];
    snprintf(stage, sizeof stage, "%dx%zu%s %zu", series->shape.connections, series->shape.size,
             counting ? " counting system calls after round" : " round", round + !counting);
    progress_step(&b->progress, stage, next->plan.name);
}

static const struct entrant *entrant_of(const struct series *series, const char *name)
{
    for (size_t i = 0; i < series->count; i++)
        if (strcmp(series->entrants[i].plan.name, name) == 0)
            return &series->entrants[i];
    return NULL;
}

/* Looks at the pair, if both were measured. */
static bool judge(const struct series *series, size_t pair, struct range *ratio,
                  enum decision *decision)
{
    const struct entrant *first = entrant_of(series, pairs[pair].first);
    const struct entrant *second = entrant_of(series, pairs[pair].second);
    if (!first || !second || first->count == 0 || second->count == 0)
        return false;
    size_t rounds = first->count < second->count ? first->count : second->count;
    *ratio = series_ratio(first, second, FIGURE_SERVER_US);
    *decision = stats_decide(*ratio, rounds, pairs[pair].goal);
    return true;
}

static bool all_resolved(const struct series *series)
{
    struct range  ratio;
    enum decision decision;
    for (size_t p = 0; p < PAIR_COUNT; p++)
        if (pairs[p].goal > 0 && judge(series, p, &ratio, &decision) &&
            decision == DECISION_UNRESOLVED)
            return false;
    return true;
}

static void print_servers(const struct series *series)
{
    static const char *const heads[] = {
        "server",   "server CPU us/request", "requests/s", "p50 us", "p99 us",
        "peak KiB", "system calls/request"};
    static struct table table;
    char                calls[TABLE_CELL];
    memset(&table, 0, sizeof table);
    table_row(&table);
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
        table_cell(&table, "%s", heads[i]);
    for (size_t i = 0; i < series->count; i++) {
        const struct entrant *e = &series->entrants[i];
        table_row(&table);
        table_cell(&table, "%s", e->plan.name);
        report_range_cell(&table, series_range(e, FIGURE_SERVER_US), e->count);
        report_range_cell(&table, series_range(e, FIGURE_RATE), e->count);
        report_range_cell(&table, series_range(e, FIGURE_P50_US), e->count);
        report_range_cell(&table, series_range(e, FIGURE_P99_US), e->count);
        table_cell(&table, "%.0f", series_range(e, FIGURE_PEAK_KIB).high);
        if (e->calls.counted) {
            syscalls_describe(&e->calls, calls, sizeof calls);
            table_cell(&table, "%.3f (%.150s)", (double)e->calls.calls / (double)e->calls.requests,
                       calls);
        } else {
            table_cell(&table, "n/a %.150s", e->calls.reason.sentence);
        }
    }
    table_print(&table, stdout);
}

static void print_pairs(const struct series *series)
{
    static struct table table;
    memset(&table, 0, sizeof table);
    for (size_t p = 0; p < PAIR_COUNT; p++) {
        struct range  ratio;
        enum decision decision;
        if (!judge(series, p, &ratio, &decision))
            continue;
        table_row(&table);
        table_cell(&table, "%s / %s", pairs[p].first, pairs[p].second);
        table_cell(&table, "%.3f", ratio.middle);
        table_cell(&table, "%.3f..%.3f", ratio.low, ratio.high);
        if (pairs[p].goal > 0) {
            table_cell(&table, "goal <= %.2f", pairs[p].goal);
            table_cell(&table, "%s", decision_names[decision]);
        }
    }
    if (table.rows > 0)
        puts("\nserver CPU, paired by round, with its 95% bootstrap interval:");
    table_print(&table, stdout);
}

static json_t *json_pairs(const struct series *series)
{
    json_t *array = json_array();
    for (size_t p = 0; p < PAIR_COUNT; p++) {
        struct range  ratio;
        enum decision decision;
        if (!judge(series, p, &ratio, &decision))
            continue;
        json_t *object = report_json_range(ratio, "ratio", "low", "high");
        json_object_set_new(object, "first", json_string(pairs[p].first));
        json_object_set_new(object, "second", json_string(pairs[p].second));
        json_object_set_new(object, "goal",
                            pairs[p].goal > 0 ? json_real(pairs[p].goal) : json_null());
        json_object_set_new(object, "decision",
                            pairs[p].goal > 0 ? json_string(decision_names[decision])
                                              : json_null());
        json_array_append_new(array, object);
    }
    return array;
}

static void report(struct bench *b, const struct series *series)
{
    char   shape[160];
    size_t rounds = series_rounds(series);
    report_shape(shape, sizeof shape, series);
    printf("%s\n%zu round%s of %g s; median min..max; every byte was checked\n\n", shape, rounds,
           rounds == 1 ? "" : "s", (double)series->timing.window_ns / 1e9);
    print_servers(series);
    print_pairs(series);
    putchar('\n');
    fflush(stdout);
    json_t *servers = json_array();
    for (size_t i = 0; i < series->count; i++)
        json_array_append_new(servers, report_json_entrant(&series->entrants[i]));
    json_array_append_new(b->document_shapes,
                          json_pack("{s:o, s:o, s:o}", "workload", report_json_workload(series),
                                    "servers", servers, "pairs", json_pairs(series)));
}

static bool takes_part(const struct candidate *c, const struct shape *shape)
{
    return c->wanted && !c->refusal[0] && (c->most == 0 || shape->connections <= c->most);
}

/* One entrant for each server that runs here and can hold so many connections. */
static int open_series(struct bench *b, struct series *series, struct failure *why)
{
    size_t count = 0;
    for (size_t i = 0; i < candidate_count; i++) {
        const struct candidate *c = &candidates[i];
        count += takes_part(c, &series->shape);
        if (c->wanted && !c->refusal[0] && !takes_part(c, &series->shape))
            fprintf(stderr, "bench echo: left out: %s holds at most %d connections, not %d\n",
                    c->name, c->most, series->shape.connections);
    }
    if (count == 0)
        return fail(why, "no server holds %d connections", series->shape.connections);
    if (series_open(series, count, b->rounds_max, why) < 0)
        return -1;
    struct entrant *e = series->entrants;
    for (size_t i = 0; i < candidate_count; i++) {
        struct candidate *c = &candidates[i];
        if (takes_part(c, &series->shape))
            (e++)->plan = (struct server_plan){
                .name = c->name, .argv = c->argv, .engine = c->engine};
    }
    return 0;
}

/* Measures one shape, with more rounds while a goal is not resolved. */
static int run_shape(struct bench *b, const struct shape *shape, struct failure *why)
{
    struct series series = {.shape = *shape, .timing = b->timing};
    if (open_series(b, &series, why) < 0)
        return -1;
    progress_begin(&b->progress, 0);
    int result = series_count_syscalls(&series, COUNTED_REQUESTS, tell_progress, b, why);
    if (result == 0)
        result = series_run(&series, b->rounds, tell_progress, b, why);
    while (result == 0 && !all_resolved(&series) && series_rounds(&series) < b->rounds_max)
        result = series_run(&series, MORE_ROUNDS, tell_progress, b, why);
    progress_end(&b->progress);
    if (!why->sentence[0] && series_rounds(&series) > 0)
        report(b, &series);
    series_close(&series);
    return result;
}

/* Both sides hold a descriptor for each connection. */
static void raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int main(int argc, char **argv)
{
    static struct bench bench = {
        .shapes = {{50, 64, 1}, {1000, 64, 1}},
        .shape_count = 2,
        .timing = {.warmup_ns = 100 * NS_PER_MS, .window_ns = 400 * NS_PER_MS},
        .rounds = 15,
        .rounds_max = 30};
    struct failure why = {0};
    int            status = read_options(&bench, argc, argv);
    if (status != 0)
        return status < 0 ? 0 : status;
    raise_descriptors();
    stop_watch();
    status = prepare(&bench);
    if (status != 0)
        return status;
    bench.document_shapes = json_array();
    int result = 0;
    for (size_t i = 0; i < bench.shape_count && result == 0; i++)
        result = run_shape(&bench, &bench.shapes[i], &why);
    if (why.sentence[0])
        failed(why.sentence);
    json_t *document = json_pack("{s:s, s:o, s:o}", "schema", "weir-bench-echo-1", "machine",
                                 report_json_machine(), "shapes", bench.document_shapes);
    if (!bench.json)
        json_decref(document);
    else if (report_json_write(document, bench.json, &why) < 0)
        return failed(why.sentence);
    return stop_requested() ? 128 + stop_requested() : result < 0;
}
