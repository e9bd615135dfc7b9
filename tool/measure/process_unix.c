/* SPDX-License-Identifier: MIT */
/* process_unix.c - processes by fork(2) and exec(3), ended by signals. */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "cpus.h"
#include "stop.h"

/* Whatever is no program of its own is a fork. */
int process_hidden(int argc, char **argv)
{
    (void)argc, (void)argv;
    return -1;
}

static void run_child(const struct process_plan *plan, pid_t parent)
{
    stop_child_setup(parent);
    int in = open("/dev/null", O_RDONLY);
    dup2(in, STDIN_FILENO);
    dup2(plan->out, STDOUT_FILENO);
    dup2(plan->err, STDERR_FILENO);
    close(in);
    if (plan->engine)
        setenv("WEIR_ENGINE", plan->engine, 1);
    else
        unsetenv("WEIR_ENGINE");
    setenv("WEIR_STATS", "1", 1);
    if (plan->cpu >= 0 && cpus_pin(plan->cpu) < 0) {
        fprintf(stderr, "it could not be bound to CPU %d: %s\n", plan->cpu, strerror(errno));
        _exit(1);
    }
    execvp(plan->argv[0], (char *const *)(uintptr_t)plan->argv);
    fprintf(stderr, "%s: %s\n", plan->argv[0], strerror(errno));
    _exit(127);
}

pid_t process_start(const struct process_plan *plan)
{
    pid_t parent = getpid(), pid = fork();
    if (pid == 0)
        run_child(plan, parent);
    return pid;
}

enum process_fate process_look(pid_t pid, struct process_end *end)
{
    int   status = 0;
    pid_t ended = waitpid(pid, &status, WNOHANG);
    *end = (struct process_end){.fate = PROCESS_DONE};
    if (ended != pid && !(ended < 0 && errno == ECHILD)) {
        end->fate = PROCESS_RUNS;
    } else if (WIFSIGNALED(status)) {
        int signo = WTERMSIG(status);
        end->fate = signo == SIGINT || signo == SIGTERM ? PROCESS_STOPPED : PROCESS_DIED;
        snprintf(end->cause, sizeof end->cause, "signal %d (%s)", signo, strsignal(signo));
    } else if (WEXITSTATUS(status) != 0) {
        end->fate = PROCESS_FAILED;
    }
    return end->fate;
}

bool process_ask(pid_t pid, int times_before)
{
    static const int politely[] = {SIGINT, SIGTERM};
    return times_before < 2 && (kill(pid, politely[times_before]), true);
}

void process_reap(pid_t pid)
{
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

void process_kill(pid_t pid)
{
    kill(pid, SIGKILL);
    process_reap(pid);
}

int process_read(int fd, void *data, size_t room, uint64_t timeout_ns)
{
    struct pollfd asked = {.fd = fd, .events = POLLIN};
    if (poll(&asked, 1, (int)(timeout_ns / NS_PER_MS) + 1) <= 0)
        return -1;
    ssize_t got = read(fd, data, room);
    return got > 0 ? (int)got : 0;
}
