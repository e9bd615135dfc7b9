/* SPDX-License-Identifier: MIT */
/* stop.h - Ctrl-C and its relatives, asked for politely instead of ending the process: stop_unix.c,
 * stop_win.c. */
#ifndef MEASURE_STOP_H
#define MEASURE_STOP_H

#include <sys/types.h>

/* From now on SIGINT, SIGTERM and SIGHUP, or what Windows has for them, are remembered; waits end
 * early. A second one ends the process at once (its children die with it). */
void stop_watch(void);

/* The signal that asked to stop, or 0. */
int stop_requested(void);

/* In a child, between fork and what it is to run: default signals, a process group of its own, so
 * that Ctrl-C reaches only the parent, and death with the parent, whatever ends that, where the
 * system offers it. Where nothing forks there is no such child. */
void stop_child_setup(pid_t parent);

#endif
