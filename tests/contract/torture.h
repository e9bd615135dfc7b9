/* SPDX-License-Identifier: MIT */
/* torture.h - a case run while what weir asks of the system fails: the nth allocation, thread or
 * descriptor, alone or with all that follow.
 *
 * A promise of the case may then be broken with reason: an op may end WEIR_ENOMEM. So a check that
 * fails after the failure was dealt is not weir's fault. The case is given up: its callbacks run no
 * more, what it opened is closed, its loops are closed, and the books must balance all the same.
 * What no lack of memory excuses (contract_broken()) fails as ever: an op that ends twice or never,
 * a block or descriptor of weir's that is lost, a loop that sleeps over what is ready, a crash. */
#ifndef CONTRACT_TORTURE_H
#define CONTRACT_TORTURE_H

#include <setjmp.h>

#include "contract.h"

/* What is made to fail; torture_name() has their words. */
enum torture_kind {
    TORTURE_NONE,
    TORTURE_MEMORY,  /* calls of the loop's allocator */
    TORTURE_THREADS, /* pthread_create(), called by weir */
    TORTURE_SYSTEM,  /* calls of weir that the system may answer ENOMEM: opened.c has them */
    TORTURE_KINDS
};

struct torture_point {
    enum torture_kind kind;
    unsigned          nth;  /* 1: the first; 0: none, they are only counted */
    bool              stay; /* all that follow fail, too */
};

const char *torture_name(enum torture_kind kind);

/* ---- Before and after the process of a case -------------------------------------------------- */

/* What the next case's process suffers, or kind TORTURE_NONE. */
void torture_plan(const struct torture_point *point);

/* How many of that kind it asked for, processes that it forked included; whether one failed. */
unsigned torture_counted(void);
bool     torture_fired(void);

/* Runs one case once for each point of a kind, or of all when it is TORTURE_NONE, or for the one
 * point that has an nth. Prints a line a kind. Whether all was well. */
bool torture_case(struct contract *c, const struct contract_case *wanted, unsigned limit_s,
                  const struct torture_point *wanted_point);

/* "memory", "threads:3", "system:7+", "all". */
bool torture_read(const char *text, struct torture_point *point);

/* ---- In the process of a case ---------------------------------------------------------------- */

/* The books are open; `close_books` checks them in the end of a case that was given up, and
 * returns only if they balance. `main` is the thread that calls. */
void torture_begin(void (*close_books)(unsigned threads_left), unsigned limit_s);
bool torture_on(void);

/* From now on calls are counted, and fail. */
void torture_arm(void);

/* Whether this call is to fail. Any thread. */
bool torture_fails(enum torture_kind kind);

/* Whether the calling thread is inside weir, and not in a callback of the case. */
bool torture_inside(void);

/* A check failed. Returns when that is the verdict, else it does not. */
void torture_check_failed(const char *text);

/* Whether the case was given up, by any of its threads. */
bool torture_given_up(void);

/* From the waits of the harness: fails where the case was given up. */
void torture_check(void);

/* Something happened, so that the case is not stuck. Any thread. */
void torture_progress(void);

/* SIGALRM came; whether there is still time. */
bool torture_tick(void);

/* A way out of a callback of the case, whose check failed. */
struct torture_escape {
    jmp_buf                out;
    struct torture_escape *before;
    int                    inside;
};
void torture_callback_begins(struct torture_escape *escape);
void torture_callback_ends(struct torture_escape *escape);

/* From a callback: weir_run() is to return. */
void torture_stop(struct weir_loop *loop);

/* A thread of the case is to begin; it runs; it ends. */
void torture_thread_begins(void);
void torture_thread_runs(void);
void torture_thread_ends(void);

/* opened.c: the descriptors that the case opened itself are closed. */
void opened_close(void);

#endif
