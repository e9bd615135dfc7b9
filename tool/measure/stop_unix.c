/* SPDX-License-Identifier: MIT */
/* stop_unix.c - remembers a request to stop, and ties children to their parent. */
#include "stop.h"

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#include "system.h"

static volatile sig_atomic_t requested;

static void remember(int signo)
{
    if (requested)
        _exit(128 + signo);
    requested = signo;
}

void stop_watch(void)
{
    /* Without SA_RESTART, so that a wait ends with EINTR and sees the request. */
    struct sigaction action = {.sa_handler = remember};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    struct sigaction hangup;
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN)
        sigaction(SIGHUP, &action, NULL); /* under nohup it stays ignored */
    signal(SIGPIPE, SIG_IGN);
}

int stop_requested(void)
{
    return requested;
}

void stop_child_setup(pid_t parent)
{
    static const int changed[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGALRM};
    for (size_t i = 0; i < sizeof changed / sizeof changed[0]; i++)
        signal(changed[i], SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setpgid(0, 0);
    system_end_with_parent();
    if (getppid() != parent)
        _exit(1); /* the parent ended before it could take the child with it */
}
