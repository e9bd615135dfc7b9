/* SPDX-License-Identifier: MIT */
/* sim_run.c - starts a program with a seed in its environment, and sees how it ends. */
#include "sim_run.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "measure/clock.h"
#include "measure/stop.h"

#define CANNOT_EXECUTE 127

static int open_output(void)
{
    char path[] = "/tmp/weir-sim-XXXXXX";
    int  file = mkostemp(path, O_CLOEXEC);
    if (file >= 0)
        unlink(path);
    return file;
}

static void set_or_unset(const char *name, const char *value)
{
    if (value)
        setenv(name, value, 1);
    else
        unsetenv(name);
}

static _Noreturn void be_the_program(const struct sim_plan *plan, const struct sim_run *run,
                                     pid_t parent)
{
    char seed[24];
    int  nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    stop_child_setup(parent);
    snprintf(seed, sizeof seed, "%" PRIu64, run->seed);
    setenv("WEIR_ENGINE", "sim", 1);
    setenv("WEIR_SIM_SEED", seed, 1);
    set_or_unset("WEIR_SIM_SWARM", plan->calm ? NULL : "1");
    set_or_unset("WEIR_SIM_MODEL", plan->model);
    set_or_unset("WEIR_SIM_FAULTS", run->faults);
    set_or_unset("WEIR_SIM_TRACE", run->trace);
    if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 || dup2(run->output, STDOUT_FILENO) < 0 ||
        dup2(run->output, STDERR_FILENO) < 0)
        _exit(CANNOT_EXECUTE);
    execvp(plan->program[0], plan->program);
    dprintf(STDERR_FILENO, "%s: %s\n", plan->program[0], strerror(errno));
    _exit(CANNOT_EXECUTE);
}

int sim_run_start(const struct sim_plan *plan, struct sim_run *run, struct failure *why)
{
    pid_t self = getpid();
    run->pid = -1;
    run->late = false;
    run->output = open_output();
    if (run->output < 0)
        return fail(why, "cannot make a file in /tmp: %s", strerror(errno));
    run->pid = fork();
    if (run->pid == 0)
        be_the_program(plan, run, self);
    if (run->pid < 0)
        return fail(why, "cannot start a process: %s", strerror(errno));
    run->until_ns = clock_ns() + (uint64_t)(plan->timeout_s * 1e9);
    return 0;
}

void sim_run_finish(struct sim_run *run)
{
    if (run->pid > 0) {
        kill(run->pid, SIGKILL);
        waitpid(run->pid, &run->status, 0);
    }
    if (run->output >= 0)
        close(run->output);
    run->pid = run->output = -1;
}

bool sim_run_failed(const struct sim_run *run)
{
    return run->late || run->status != 0;
}

void sim_run_describe(const struct sim_run *run, char *text, size_t room)
{
    if (run->late)
        snprintf(text, room, "no end in time");
    else if (WIFSIGNALED(run->status))
        snprintf(text, room, "signal %d (%s)", WTERMSIG(run->status),
                 strsignal(WTERMSIG(run->status)));
    else
        snprintf(text, room, "exit status %d", WEXITSTATUS(run->status));
}

/* One that has ended, or is out of time and was ended; or -1. */
static int find_ended(struct sim_run *runs, int count)
{
    for (int i = 0; i < count; i++) {
        if (runs[i].pid <= 0)
            continue;
        if (waitpid(runs[i].pid, &runs[i].status, WNOHANG) == runs[i].pid) {
            runs[i].pid = -1;
            return i;
        }
        if (clock_ns() < runs[i].until_ns)
            continue;
        kill(runs[i].pid, SIGKILL);
        waitpid(runs[i].pid, &runs[i].status, 0);
        runs[i].pid = -1;
        runs[i].late = true;
        return i;
    }
    return -1;
}

static void child_ended(int signo)
{
    (void)signo;
}

/* SIGCHLD gets through inside of the wait only, so that one that ends before it is not missed. */
int sim_run_await(struct sim_run *runs, int count)
{
    const struct timespec  a_while = {.tv_nsec = 100000000};
    const struct sigaction heard = {.sa_handler = child_ended};
    struct sigaction       action;
    sigset_t               children, before;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    sigaction(SIGCHLD, &heard, &action);
    sigprocmask(SIG_BLOCK, &children, &before);
    int ended = find_ended(runs, count);
    if (ended < 0) {
        sigset_t during = before;
        sigdelset(&during, SIGCHLD);
        pselect(0, NULL, NULL, NULL, &a_while, &during);
        ended = find_ended(runs, count);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    sigaction(SIGCHLD, &action, NULL);
    return ended;
}

int sim_run_whole(const struct sim_plan *plan, struct sim_run *run, struct failure *why)
{
    if (sim_run_start(plan, run, why)) {
        sim_run_finish(run);
        return -1;
    }
    while (sim_run_await(run, 1) < 0) {
        if (!stop_requested())
            continue;
        sim_run_finish(run);
        return -1;
    }
    if (!run->late && WIFEXITED(run->status) && WEXITSTATUS(run->status) == CANNOT_EXECUTE) {
        char    said[256];
        ssize_t length = pread(run->output, said, sizeof said - 1, 0);
        said[length > 0 ? length : 0] = '\0';
        said[strcspn(said, "\n")] = '\0';
        sim_run_finish(run);
        return fail(why, "cannot run the program: %s", said);
    }
    return 0;
}
