/* SPDX-License-Identifier: MIT */
/* process.h - programs in processes of their own: started, watched, ended; process_unix.c,
 * process_win.c. */
#ifndef MEASURE_PROCESS_H
#define MEASURE_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct process_plan {
    const char *const *argv;     /* borrowed, ends with NULL; argv[0] is the program */
    const char        *engine;   /* its WEIR_ENGINE, or NULL for none */
    int                cpu;      /* to run on, or -1 */
    int                out, err; /* its standard output and error; it reads nothing */
};

enum process_fate {
    PROCESS_RUNS,
    PROCESS_DONE,    /* it has ended well, ... */
    PROCESS_STOPPED, /* as it was asked to, by what ends programs, ... */
    PROCESS_FAILED,  /* by itself, with a failure, ... */
    PROCESS_DIED     /* or of something else */
};

struct process_end {
    enum process_fate fate;
    char              cause[80]; /* of what it died: "signal 11 (Segmentation fault)" */
};

/* A main() calls it first: the exit status of what this process was started for beside its program,
 * by a word that only this kit knows; or -1, and the program goes on. */
int process_hidden(int argc, char **argv);

/* Starts the program so that Ctrl-C does not reach it and, where the system can do that, that it
 * ends with this process. Its number, or -1: system_error() says why. */
pid_t process_start(const struct process_plan *plan);

/* Looks without waiting. One that has ended is gone then. */
enum process_fate process_look(pid_t pid, struct process_end *end);

/* Asks it to end as a person does, and the second time less politely; false when there is no such
 * further way. */
bool process_ask(pid_t pid, int times_before);

/* Waits until it has ended by itself; or ends it. It is gone then. */
void process_reap(pid_t pid);
void process_kill(pid_t pid);

/* What comes next out of a pipe, which is waited for: how much of it; 0 at its end; -1 when nothing
 * came in time, or something interrupted the wait. */
int process_read(int fd, void *data, size_t room, uint64_t timeout_ns);

#endif
