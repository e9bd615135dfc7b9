/* SPDX-License-Identifier: MIT */
/* bench.c - options and document of a benchmark. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "../../tool/measure/document.h"
#include "../../tool/measure/report.h"
#include "../../tool/measure/stop.h"

enum { OPTION_ROOM = 16 };

static const struct option common[] = {{"only", required_argument, NULL, 'o'},
                                       {"rounds", required_argument, NULL, 'r'},
                                       {"rounds-max", required_argument, NULL, 'm'},
                                       {"seconds", required_argument, NULL, 't'},
                                       {"json", required_argument, NULL, 'j'},
                                       {"list", no_argument, NULL, 'l'},
                                       {"help", no_argument, NULL, 'h'}};
enum { COMMON_COUNT = sizeof common / sizeof common[0] };

static void help(const struct bench *b)
{
    printf("usage: scripts/bench %s [OPTION...]\n\n%s", b->kind.name, b->kind.help);
    printf(
        "  --only LIST         only these programs, separated by commas; 'weir*' stands for all\n"
        "                      that begin so (default: all; --list tells them)\n"
        "  --rounds R          interleaved rounds (default: %zu)\n"
        "  --rounds-max R      so many at most, while a goal is not resolved (default: %zu)\n"
        "  --seconds S         seconds measured of each program in a round (default: %g)\n"
        "  --json FILE         write everything measured to FILE\n"
        "  --list              print the names of the programs\n"
        "  -h, --help          print this\n",
        b->rounds, b->rounds_max, (double)b->timing.window_ns / 1e9);
}

int bench_usage(const struct bench *b, const char *what, const char *value)
{
    fprintf(stderr, "bench %s: %s '%s'; see --help\n", b->kind.name, what, value);
    return BENCH_USAGE;
}

int bench_number(const struct bench *b, const char *option, const char *text, double min,
                 double max, double *number)
{
    char *end;
    *number = strtod(text, &end);
    if (end != text && *end == '\0' && *number >= min && *number <= max)
        return BENCH_DONE;
    char what[80];
    snprintf(what, sizeof what, "%s takes a number from %g to %g, not", option, min, max);
    return bench_usage(b, what, text);
}

int bench_numbers(const struct bench *b, const char *option, const char *text, long min, long max,
                  long *numbers, int room)
{
    char what[80];
    int  count = 0;
    snprintf(what, sizeof what, "%s takes at most %d numbers from %ld to %ld, not", option, room,
             min, max);
    for (const char *at = text;; at++) {
        char *end;
        long  number = strtol(at, &end, 10);
        if (end == at || number < min || number > max || count == room ||
            (*end != '\0' && *end != ','))
            return bench_usage(b, what, text), -1;
        numbers[count++] = number;
        at = end;
        if (*at == '\0')
            return count;
    }
}

static bool is_named(const char *list, const char *name)
{
    for (size_t length; *list; list += length + (list[length] == ',')) {
        length = strcspn(list, ",");
        bool prefix = length > 0 && list[length - 1] == '*';
        if (prefix ? strncmp(list, name, length - 1) == 0
                   : strlen(name) == length && memcmp(list, name, length) == 0)
            return true;
    }
    return false;
}

/* Leaves out what --only does not name. Each word of it has to name something. */
static int choose(struct bench *b)
{
    bool any = false;
    for (size_t i = 0; b->only && i < b->kind.candidate_count; i++) {
        b->kind.candidates[i].left_out = !is_named(b->only, b->kind.candidates[i].name);
        any = any || !b->kind.candidates[i].left_out;
    }
    if (b->only && !any)
        return bench_usage(b, "--only names nothing of --list:", b->only);
    return BENCH_DONE;
}

static int take_common(struct bench *b, int option, char *value)
{
    double number = 0;
    int    status = BENCH_DONE;
    switch (option) {
    case 'o':
        b->only = value;
        return status;
    case 'r':
        status = bench_number(b, "--rounds", value, 1, 1000, &number);
        b->rounds = (size_t)number;
        return status;
    case 'm':
        status = bench_number(b, "--rounds-max", value, 1, 1000, &number);
        b->rounds_max = (size_t)number;
        return status;
    case 't':
        status = bench_number(b, "--seconds", value, 0.001, 600, &number);
        b->timing.window_ns = (uint64_t)(number * 1e9);
        return status;
    case 'j':
        b->json = value;
        return status;
    case 'l':
        for (size_t i = 0; i < b->kind.candidate_count; i++)
            puts(b->kind.candidates[i].name);
        return BENCH_NOTHING_MORE;
    case 'h':
        return help(b), BENCH_NOTHING_MORE;
    default:
        return b->kind.take(b, option, value);
    }
}

static int read_options(struct bench *b, int argc, char **argv)
{
    struct option all[OPTION_ROOM] = {0};
    int           count = COMMON_COUNT, answer;
    memcpy(all, common, sizeof common);
    for (const struct option *o = b->kind.options; o && o->name && count < OPTION_ROOM - 1; o++)
        all[count++] = *o;
    opterr = 0;
    while ((answer = getopt_long(argc, argv, ":h", all, NULL)) != -1) {
        if (answer == '?' || answer == ':')
            return bench_usage(b, "cannot do anything with", argv[optind - 1]);
        int status = take_common(b, answer, optarg);
        if (status != BENCH_DONE)
            return status;
    }
    if (optind < argc)
        return bench_usage(b, "there is no use for", argv[optind]);
    if (b->rounds_max < b->rounds)
        b->rounds_max = b->rounds;
    return choose(b);
}

static void keep_command(struct bench *b, int argc, char **argv)
{
    size_t at = (size_t)snprintf(b->command, sizeof b->command, "scripts/bench %s", b->kind.name);
    for (int i = 1; i < argc && at < sizeof b->command; i++) {
        /* Where the document goes is no part of what was measured. */
        if (strcmp(argv[i], "--json") == 0)
            i++;
        else if (strncmp(argv[i], "--json=", 7) != 0)
            at += (size_t)snprintf(b->command + at, sizeof b->command - at, " %s", argv[i]);
    }
}

/* Both sides of a connection hold a descriptor. */
static void raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int bench_open(struct bench *b, int argc, char **argv)
{
    struct failure why = {0};
    keep_command(b, argc, argv);
    int status = read_options(b, argc, argv);
    if (status != BENCH_DONE)
        return status;
    if (candidate_build(b->build, sizeof b->build, &why) < 0) {
        bench_failed(b, &why);
        return BENCH_FAILED;
    }
    for (size_t i = 0; i < b->kind.candidate_count; i++)
        candidate_find(&b->kind.candidates[i], b->build);
    raise_descriptors();
    stop_watch();
    b->cells = json_array();
    return BENCH_DONE;
}

void bench_failed(struct bench *b, const struct failure *why)
{
    b->failed = true;
    if (why->sentence[0])
        fprintf(stderr, "bench %s: %s\n", b->kind.name, why->sentence);
}

int bench_close(struct bench *b)
{
    struct failure why = {0};
    json_t        *shown = json_array();
    for (size_t i = 0; i < b->kind.shown_count; i++)
        json_array_append_new(shown, json_string(figure_names[b->kind.shown[i]]));
    json_t *document = json_pack("{s:s, s:s, s:s, s:s, s:b, s:o, s:o, s:o}", "schema",
                                 "weir-bench-1", "benchmark", b->kind.name, "command", b->command,
                                 "compiler", BENCH_COMPILER, "complete",
                                 !b->failed && !stop_requested(), "machine", report_json_machine(),
                                 "shown", shown, "cells", b->cells);
    if (!b->json)
        json_decref(document);
    else if (document_write(document, b->json, &why) < 0)
        bench_failed(b, &why);
    return stop_requested() ? 128 + stop_requested() : b->failed ? BENCH_FAILED : BENCH_DONE;
}
