/* SPDX-License-Identifier: MIT */
/* compare.c - `weir compare`: chooses the workload. */
#include <getopt.h>
#include <stdio.h>

#include "command.h"

static const struct command workloads[] = {
    {"echo", "a TCP echo server, many connections with a request each", compare_echo_command},
    {"idle", "one active connection among many idle ones", compare_idle_command},
    {"files", "random reads of a file, cached and past the cache", compare_files_command},
    {0}};

static void help(void)
{
    fputs("usage: weir compare WORKLOAD [OPTION...]\n"
          "\n"
          "Runs one idiomatic program on several mechanisms in turn and compares what they cost.\n"
          "\n"
          "workloads:\n",
          stdout);
    command_list(workloads);
    fputs("\n`weir compare WORKLOAD --help` explains a workload.\n", stdout);
}

int compare_command(int argc, char **argv)
{
    static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {0}};
    optind = 0; /* begin anew: the tool's own options are read */
    int answer = getopt_long(argc, argv, "+:h", options, NULL);
    if (answer == 'h') {
        help();
        return EXIT_DONE;
    }
    if (answer != -1)
        return say_bad_option("weir compare", argv, answer);
    if (optind == argc)
        return say_usage("a workload is missing, such as `weir compare echo`; see `weir compare "
                         "--help`");
    return command_run(workloads, "weir compare", argc - optind + 1, argv + optind - 1);
}
