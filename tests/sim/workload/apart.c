/* SPDX-License-Identifier: MIT */
/* apart.c - runs in a process of their own, so that one that crashes, or never ends, tells its seed
 * like any other. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "workload.h"

#define SECONDS_MAX 60

/* The run that begins now has so long. */
void apart_bound(void)
{
    alarm(SECONDS_MAX);
}

static void tell_death(struct outcome *outcome, int status)
{
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        snprintf(outcome->failure, sizeof outcome->failure,
                 "the process was still running after %d s", SECONDS_MAX);
    else if (WIFSIGNALED(status))
        snprintf(outcome->failure, sizeof outcome->failure, "the process crashed: %s",
                 strsignal(WTERMSIG(status)));
    else
        snprintf(outcome->failure, sizeof outcome->failure, "the process ended with %d",
                 WEXITSTATUS(status));
}

void apart_run(void (*run)(const struct batch *batch, struct shared *shared),
               const struct batch *batch, struct shared *result)
{
    int            status;
    struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    fflush(NULL);
    pid_t pid = shared == MAP_FAILED ? -1 : fork();
    if (pid < 0) {
        perror("sim-workload: fork");
        exit(2);
    }
    if (!pid) {
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        run(batch, shared);
        exit(0); /* by exit(3): whatever looks for leaks does it then */
    }
    while (waitpid(pid, &status, 0) < 0)
        ;
    *result = *shared;
    munmap(shared, sizeof *shared);
    if (status && !result->outcome.failure[0])
        tell_death(&result->outcome, status);
}

static void run_one(const struct batch *batch, struct shared *shared)
{
    apart_bound();
    run_plan(batch->plan, NULL, &shared->outcome);
}

bool run_apart(const struct plan *plan, struct outcome *outcome)
{
    struct shared shared;
    apart_run(run_one, &(struct batch){.plan = plan}, &shared);
    *outcome = shared.outcome;
    return outcome->failure[0];
}
