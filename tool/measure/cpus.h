/* SPDX-License-Identifier: MIT */
/* cpus.h - which CPUs a server and its load run on: cpus_linux.c, cpus_win.c, and cpus_posix.c
 * where the system binds no process to a CPU. */
#ifndef MEASURE_CPUS_H
#define MEASURE_CPUS_H

/* Returns how many CPUs this process may use. */
int cpus_count(void);

/* Returns the nth (from 0) CPU that this process may use, counted from the last one: interrupts
 * mostly go to the first. -1, which stands for any, where a process cannot be bound to one. */
int cpus_from_last(int n);

/* Binds the calling process to one CPU; 0, or -1 with errno. */
int cpus_pin(int cpu);

#endif
