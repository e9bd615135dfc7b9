/* SPDX-License-Identifier: MIT */
/* stop_win.c - remembers a request to stop: Ctrl-C, Ctrl-Break, a window that is closed. */
#include "stop.h"

#include <windows.h>

#include <signal.h>
#include <stdlib.h>

static volatile LONG requested;

/* On a thread of the system's. Once it has returned from the closing of a window, the process ends:
 * its job takes what it started with it. */
static BOOL WINAPI remember(DWORD event)
{
    int signo = event == CTRL_C_EVENT ? SIGINT : event == CTRL_BREAK_EVENT ? SIGBREAK : SIGTERM;
    if (InterlockedCompareExchange(&requested, signo, 0) != 0)
        _Exit(128 + signo);
    return TRUE;
}

void stop_watch(void)
{
    SetConsoleCtrlHandler(remember, TRUE);
}

int stop_requested(void)
{
    return (int)requested;
}
