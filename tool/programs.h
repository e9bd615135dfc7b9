/* SPDX-License-Identifier: MIT */
/* programs.h - the programs that are measured, compiled into the tool under other names for their
 * main(): the tool starts itself with a hidden argument. */
#ifndef TOOL_PROGRAMS_H
#define TOOL_PROGRAMS_H

#include <stdbool.h>

/* Followed by the name of a program. */
#define PROGRAM_ARGUMENT "--serve"

/* The example itself: what is measured is what a user would write. */
#define PROGRAM_EXAMPLE_ECHO "example-echo"
/* Servers written by hand, of bench/handwritten. */
#define PROGRAM_HAND_EPOLL "hand-epoll"
#define PROGRAM_HAND_KQUEUE "hand-kqueue"
#define PROGRAM_HAND_THREADS "hand-threads"

/* Random readers (measure/reader.h): weir's, and two written by hand. */
#define PROGRAM_READ_WEIR "read-weir"
#define PROGRAM_READ_BLOCKING "read-blocking"
#define PROGRAM_READ_URING "read-io_uring"

int example_echo_main(int argc, char **argv);
int hand_epoll_main(int argc, char **argv);
int hand_kqueue_main(int argc, char **argv);
int hand_threads_main(int argc, char **argv);
int read_weir_main(int argc, char **argv);
int read_blocking_main(int argc, char **argv);
int read_uring_main(int argc, char **argv);

/* Whether this build has the program. */
bool programs_has(const char *name);

/* How to start it: the tool, the hidden argument, its name and, of a server, port 0; ends with
 * NULL. */
const char *const *programs_command(const char *name);

/* Runs the program that the hidden argument asks for; its exit status, or -1 when there is no such
 * argument. main() calls it first, and with it says how the tool was started. */
int programs_run(int argc, char **argv);

#endif
