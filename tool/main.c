/* SPDX-License-Identifier: MIT */
/* main.c - weir, the tool: says which mechanisms this machine has, and which is better for a
 * workload. */
#include <getopt.h>
#include <stdio.h>
#include <weir.h>

#include "command.h"
#include "programs.h"

static const struct command commands[] = {
    {"engines", "list every mechanism: usable here or why not, and the default", engines_command},
    {"compare", "measure a workload on several mechanisms, side by side", compare_command},
    {"sim", "run a program in simulated worlds until one makes it fail", sim_command},
    {0}};

static void help(void)
{
    fputs("usage: weir [--help] [--version] COMMAND [OPTION...]\n"
          "\n"
          "weir is an asynchronous I/O library; this tool shows what it can use on this machine.\n"
          "\n"
          "commands:\n",
          stdout);
    command_list(commands);
    fputs("\n`weir COMMAND --help` explains a command; weir(1) explains everything.\n", stdout);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'V'}, {0}};
    int measured = programs_run(argc, argv);
    if (measured >= 0)
        return measured;
    opterr = 0;
    int answer = getopt_long(argc, argv, "+:hV", options, NULL);
    if (answer == 'h') {
        help();
        return EXIT_DONE;
    }
    if (answer == 'V') {
        printf("weir %s\n", weir_version_text());
        return EXIT_DONE;
    }
    if (answer != -1)
        return say_bad_option("weir", argv, answer);
    if (optind == argc)
        return say_usage("a command is missing, such as `weir engines`; see `weir --help`");
    return command_run(commands, "weir", argc - optind + 1, argv + optind - 1);
}
