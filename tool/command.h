/* SPDX-License-Identifier: MIT */
/* command.h - what the files of the tool share: its subcommands, how they speak, how they read
 * options. */
#ifndef TOOL_COMMAND_H
#define TOOL_COMMAND_H

#include <stdbool.h>

/* The tool's exit statuses; after a signal it is 128 and the signal's number. */
enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* One subcommand; a table of them ends with a zeroed one. */
struct command {
    const char *name;
    const char *summary;
    int (*run)(int    argc,
               char **argv); /* argv[0] is the subcommand's name; returns the exit status */
};

/* Runs the subcommand that argv[1] names. `called` is what stands before it on the command line. */
int command_run(const struct command *commands, const char *called, int argc, char **argv);

/* Prints "name  summary" a line. */
void command_list(const struct command *commands);

int engines_command(int argc, char **argv);
int compare_command(int argc, char **argv);
int compare_echo_command(int argc, char **argv);
int compare_idle_command(int argc, char **argv);
int compare_files_command(int argc, char **argv);
int sim_command(int argc, char **argv);

/* Prints "weir: " and the sentence on standard error; returns EXIT_FAILED or EXIT_USAGE. */
__attribute__((format(printf, 1, 2))) int say_failed(const char *format, ...);
__attribute__((format(printf, 1, 2))) int say_usage(const char *format, ...);

/* What getopt_long() answered '?' or ':' to, as a sentence that names the way to the help. */
int say_bad_option(const char *called, char **argv, int answer);

/* The next word of a list with commas, which is cut there; NULL behind the last one. */
char *cut_word(char **list);

/* Reads an option's value; on a wrong one the sentence is said and false returned. */
bool read_count(const char *option, const char *text, long long min, long long max,
                long long *count);
bool read_seconds(const char *option, const char *text, double min, double max, double *seconds);

#endif
