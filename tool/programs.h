/* SPDX-License-Identifier: MIT */
/* programs.h - the programs that are measured, compiled into the tool under other names for their
 * main(): the tool starts itself with a hidden argument. */
#ifndef TOOL_PROGRAMS_H
#define TOOL_PROGRAMS_H

/* Followed by the name of a program. */
#define PROGRAM_ARGUMENT "--serve"

/* The example itself: what is measured is what a user would write. */
#define PROGRAM_EXAMPLE_ECHO "example-echo"
/* Servers written by hand, of bench/handwritten. */
#define PROGRAM_HAND_EPOLL "hand-epoll"
#define PROGRAM_HAND_THREADS "hand-threads"

/* Runs the program that the hidden argument asks for; its exit status, or -1 when there is no such
 * argument. */
int programs_run(int argc, char **argv);

#endif
