/* SPDX-License-Identifier: MIT */
/* compare_options.h - the options of every `weir compare`, and how a command line is read. */
#ifndef TOOL_COMPARE_OPTIONS_H
#define TOOL_COMPARE_OPTIONS_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>

#include "measure/trial.h"

struct compare_options {
    const char   *engines; /* comma-separated, or NULL for those of the default that are allowed */
    const char   *json;    /* path, "-" for standard output, or NULL */
    size_t        rounds;
    struct timing timing;
    const char   *cores; /* the option that asked for some, or NULL */
};

/* Rows of a getopt_long() table: of every workload, and of those with a server. */
/* clang-format off */
#define COMPARE_OPTIONS                            \
    {"engines", required_argument, NULL, 'e'},     \
    {"seconds", required_argument, NULL, 't'},     \
    {"rounds", required_argument, NULL, 'r'},      \
    {"json", required_argument, NULL, 'j'},        \
    {"help", no_argument, NULL, 'h'}
#define COMPARE_CORES                              \
    {"same-core", no_argument, NULL, 'S'},         \
    {"cross-core", no_argument, NULL, 'X'}
#define COMPARE_CORES_HELP                                                                      \
    "  --same-core       server and load share one CPU: the least noise (default, where the\n"  \
    "                    system binds processes to CPUs)\n"                                     \
    "  --cross-core      server and load on two CPUs\n"
/* clang-format on */

/* How one workload reads its command line. */
struct compare_reader {
    const char             *command; /* as its user writes it: "weir compare echo" */
    const struct option    *options; /* ended by a row of zeros */
    struct compare_options *common;  /* filled */
    /* Reads one option of its own; false when its value is wrong, which was said. */
    bool (*take)(void *user, int option, char *value);
    void *user;
    void (*help)(void);
};

/* EXIT_DONE, or the status to end with; -1 when help was printed. */
int compare_read_options(const struct compare_reader *reader, int argc, char **argv);

#endif
