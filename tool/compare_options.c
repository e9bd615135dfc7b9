/* SPDX-License-Identifier: MIT */
/* compare_options.c - reads the command line of a `weir compare`. */
#include "compare_options.h"

#include <string.h>

#include "command.h"
#include "measure/cpus.h"

/* Reads one of the options of every workload; false when its value is wrong, which was said. */
static bool take_common(struct compare_options *o, int option, char *value)
{
    long long count = 0;
    double    seconds = 0;
    switch (option) {
    case 'e':
        o->engines = value;
        return true;
    case 'j':
        o->json = value;
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
        o->cores = option == 'X' ? "--cross-core" : "--same-core";
        return true;
    }
}

int compare_read_options(const struct compare_reader *reader, int argc, char **argv)
{
    int answer;
    optind = 0;
    while ((answer = getopt_long(argc, argv, ":h", reader->options, NULL)) != -1) {
        if (answer == 'h')
            return reader->help(), -1;
        if (answer == '?' || answer == ':')
            return say_bad_option(reader->command, argv, answer);
        bool common = strchr("ejrtSX", answer) != NULL;
        if (common ? !take_common(reader->common, answer, optarg)
                   : !reader->take(reader->user, answer, optarg))
            return EXIT_USAGE;
    }
    if (optind < argc)
        return say_usage("`%s` takes options only, but got '%s'", reader->command, argv[optind]);
    if (reader->common->cores && cpus_from_last(0) < 0)
        return say_failed("%s cannot be had: this system binds no process to a CPU; measure "
                          "without it",
                          reader->common->cores);
    if (reader->common->timing.cross_core && cpus_count() < 2)
        return say_failed("--cross-core needs two CPUs, but this process may use only one; measure "
                          "with --same-core");
    return EXIT_DONE;
}
