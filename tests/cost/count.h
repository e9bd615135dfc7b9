/* SPDX-License-Identifier: MIT */
/* count.h - counts from outside, by ptrace(2), what a program does between two of its own marks. */
#ifndef COST_COUNT_H
#define COST_COUNT_H

#include <stdint.h>

enum count_what { COUNT_INSTRUCTIONS, COUNT_CALLS };

/* Of laps that a child process runs: at each count_mark() it stops, and what lies between the first
 * and the second is told apart from what lies between the second and the third. */
struct count {
    uint64_t between[2]; /* of the child's first thread, in user space */
};

/* In the child: lets the parent trace it; then says that it is where counting begins or ends. */
void count_traced(void);
void count_mark(void);

/* In the parent: runs the child `pid` to its end. 0; a positive exit status of the child; or -1
 * with errno, when it cannot be traced. */
int count_run(int pid, enum count_what what, struct count *count);

#endif
