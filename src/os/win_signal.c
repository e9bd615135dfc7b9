/* SPDX-License-Identifier: MIT */
/* win_signal.c - the console's signals: SIGINT for Ctrl-C, SIGBREAK for Ctrl-Break, SIGTERM for a
 * window that is closed, a user that logs off, a system that shuts down. An event stands for the
 * descriptor that is readable: one for each loop that awaits any. SetConsoleCtrlHandler() */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "win.h"

struct watcher {
    struct watcher *next;
    HANDLE          event;
    uint64_t        mask, pending; /* bit n is signal n + 1 */
};

/* All of it under mutex: the system calls the handler on a thread of its own. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct watcher *watchers;

static uint64_t bit(int number)
{
    return UINT64_C(1) << (number - 1);
}

static int signal_of(DWORD event)
{
    switch (event) {
    case CTRL_C_EVENT:
        return SIGINT;
    case CTRL_BREAK_EVENT:
        return SIGBREAK;
    default:
        return SIGTERM;
    }
}

/* Once it has returned from the closing of a window, the system ends the process. */
static BOOL WINAPI on_event(DWORD event)
{
    uint64_t told = bit(signal_of(event));
    BOOL     awaited = FALSE;
    pthread_mutex_lock(&mutex);
    for (struct watcher *watcher = watchers; watcher; watcher = watcher->next) {
        if (!(watcher->mask & told))
            continue;
        watcher->pending |= told;
        SetEvent(watcher->event);
        awaited = TRUE;
    }
    pthread_mutex_unlock(&mutex);
    if (awaited && event != CTRL_C_EVENT && event != CTRL_BREAK_EVENT)
        Sleep(INFINITE);
    return awaited;
}

static struct watcher *find(HANDLE event)
{
    struct watcher *watcher = watchers;
    while (watcher && watcher->event != event)
        watcher = watcher->next;
    return watcher;
}

/* Of the loop's event, which is made where there is none yet: its number, or WEIR_E*. */
static int add(HANDLE event, uint64_t mask)
{
    struct watcher *watcher = calloc(1, sizeof *watcher);
    HANDLE          own = event || !watcher ? event : CreateEventW(NULL, TRUE, FALSE, NULL);
    int             error = watcher && own ? 0 : WEIR_ENOMEM;
    if (!error && !watchers && !SetConsoleCtrlHandler(on_event, TRUE))
        error = win_error();
    if (error) {
        if (own && !event)
            CloseHandle(own);
        free(watcher);
        return error;
    }
    *watcher = (struct watcher){.next = watchers, .event = own, .mask = mask};
    watchers = watcher;
    return (int)(INT_PTR)own;
}

static void drop(const struct watcher *watcher)
{
    for (struct watcher **at = &watchers; *at; at = &(*at)->next)
        if (*at == watcher) {
            *at = watcher->next;
            free((void *)(uintptr_t)watcher);
            break;
        }
    if (!watchers)
        SetConsoleCtrlHandler(on_event, FALSE);
}

int win_signals_watch(struct weir_loop *loop, int descriptor, uint64_t mask, uint64_t *blocked)
{
    (void)loop, (void)blocked; /* nothing is blocked here */
    if (mask & ~(bit(SIGINT) | bit(SIGBREAK) | bit(SIGTERM)))
        return WEIR_EINVAL;
    pthread_mutex_lock(&mutex);
    struct watcher *watcher = descriptor < 0 ? NULL : find(win_handle_of(descriptor));
    int             result = descriptor < 0 ? 0 : descriptor;
    if (watcher && mask)
        watcher->mask = mask;
    else if (watcher)
        drop(watcher);
    else if (mask)
        result = add(descriptor < 0 ? NULL : win_handle_of(descriptor), mask);
    pthread_mutex_unlock(&mutex);
    return result;
}

void win_signals_forget(int descriptor)
{
    pthread_mutex_lock(&mutex);
    struct watcher *watcher = find(win_handle_of(descriptor));
    if (watcher)
        drop(watcher);
    pthread_mutex_unlock(&mutex);
}

int win_signals_take(struct weir_loop *loop, int descriptor)
{
    int number = WEIR_EAGAIN;
    (void)loop;
    pthread_mutex_lock(&mutex);
    struct watcher *watcher = find(win_handle_of(descriptor));
    for (int one = 1; watcher && one <= 64 && number < 0; one++)
        if (watcher->pending & bit(one))
            number = one;
    if (number > 0)
        watcher->pending &= ~bit(number);
    else
        ResetEvent(win_handle_of(descriptor));
    pthread_mutex_unlock(&mutex);
    return number;
}
