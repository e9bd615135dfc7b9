/* SPDX-License-Identifier: MIT */
/* host.h - what the harness needs of the system under it: processes, pages, descriptors, threads.
 * posix_host.c has it for POSIX systems, linux_host.c and darwin/host.c what each tells in a way of
 * its own. */
#ifndef CONTRACT_HOST_H
#define CONTRACT_HOST_H

#include "contract.h"

/* Seconds that a case may take. */
#define HOST_LIMIT_S 30u

/* What became of a case. */
struct host_outcome {
    char verdict[1024]; /* what host_report() was given first, or how the process died */
};

/* Once, before any case: what the environment may have set that a case must not inherit. */
void host_prepare(void);

/* Runs call(argument) in a process of its own, in an empty directory (argument of `call`), for at
 * most limit_s seconds: after that host_time_up() runs in it, and a moment later it is killed. */
void host_run(struct host_outcome *outcome, void (*call)(void *argument, const char *directory),
              void *argument, unsigned limit_s);

/* Whether cases that tests/skips.txt names for this very engine are not begun: where they would
 * hang, or end otherwise for a reason that the case cannot see. */
bool host_skips_by_table(void);

/* In that process, or one that it forked: tells the verdict, and ends with host_leave(). Any
 * thread. */
void           host_report(const char *verdict);
_Noreturn void host_leave(int status);

/* Runs call(argument) in a forked process, which ends then. Its exit status, or 128 plus the signal
 * that ended it; what it wrote on its error output goes to `text` when that is not NULL. */
int host_fork(void (*call)(void *argument), void *argument, char *text, size_t room);

/* Pages: `length` bytes in front of a page that nobody may touch. `base` and `mapped` are for
 * host_pages_free(). NULL when there is no memory. */
void *host_pages(size_t length, void **base, size_t *mapped);
void  host_pages_writable(void *base, size_t mapped, bool writable);
void  host_pages_free(void *base, size_t mapped);

/* contract.c has these. The case's time is up: told in its process. Opens c->loop for a case with
 * these flags. Runs a case in a process, inside the ledger. */
void harness_time_up(unsigned limit_s);
void harness_open(struct contract *c, unsigned flags);
void harness_run(struct host_outcome *outcome, const struct contract *c,
                 const struct contract_case *wanted, unsigned limit_s);

/* ---- Of one system: linux_host.c, darwin/host.c ---------------------------------------------- */

struct host_descriptor {
    int  number;
    char target[64]; /* what it is */
};

/* How many descriptors are open; the first `room` of them. */
int host_descriptors(struct host_descriptor *found, int room);

/* Waits until threads that a sanitizer starts by itself are there. */
void host_settle_threads(void);

/* Joins a thread (pthread_t) within a second: an errno, ETIMEDOUT when it has not ended. */
int host_join(const void *thread, void **result);

/* The calling process is killed with the one that forked it, where the system can. */
void host_dies_with_parent(void);

/* Whether a leak checker, if there is one, finds memory that nobody holds. */
bool host_leaks(void);

/* Whether a skip for this reason needs no row in tests/skips.txt. */
bool host_excuses(const char *reason);

/* ---- Of all ---------------------------------------------------------------------------------- */

/* What the process holds: descriptors with what they are, threads, children, the signal mask. */
struct host_holdings;
struct host_holdings *host_holdings(void);

/* Whether the descriptor can be read from, or written to, now. */
bool host_ready(int fd, bool writing);

/* NULL when the process holds now what it held then, after a bounded wait for threads on their way
 * out; else a sentence. Frees `before`. `own_threads`: the case was given up. It left so many, and
 * may have changed the signal mask, left processes and replaced descriptors 0 to 2. */
const char *host_compare(struct host_holdings *before, const unsigned *own_threads);

#endif
