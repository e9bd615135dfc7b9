/* SPDX-License-Identifier: MIT */
/* kqueue_gather.c - descriptors that stand for several things: a kqueue for descriptors, another
 * for signals. kqueue(2). */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "kqueue_compat.h"
#include "os.h"
#include "posix_signal.h"

/* ---- Several in one -------------------------------------------------------------------------- */

static int open_queue(void)
{
    int queue = kqueue();
    if (queue >= 0)
        fcntl(queue, F_SETFD, FD_CLOEXEC);
    return queue < 0 ? -errno : queue;
}

static int change(int queue, uintptr_t ident, int filter, int flags, unsigned notes, int data)
{
    struct kevent event = {.ident = ident,
                           .filter = (short)filter,
                           .flags = (unsigned short)flags,
                           .fflags = notes,
                           .data = data};
    return kevent(queue, &event, 1, NULL, 0, NULL) < 0 ? -errno : 0;
}

int os_gather_open(void)
{
    return open_queue();
}

int os_gather_add(int gather, int descriptor)
{
    return change(gather, (uintptr_t)descriptor, EVFILT_READ, EV_ADD, 0, 0);
}

/* The kernel closes them in the child, where their numbers are other files'. */
bool os_gathers_are_inherited(void)
{
    return false;
}

/* ---- Signals --------------------------------------------------------------------------------- */

static bool is_pending(int number)
{
    sigset_t pending;
    sigpending(&pending);
    return sigismember(&pending, number) == 1;
}

/* What is ignored is told, and never pending, not even while it is blocked. */
static bool is_ignored(int number)
{
    struct sigaction action;
    if (sigaction(number, NULL, &action) < 0)
        return false;
#ifdef SIGINFO
    if (number == SIGINFO && action.sa_handler == SIG_DFL)
        return true;
#endif
    return action.sa_handler == SIG_IGN ||
           (action.sa_handler == SIG_DFL &&
            (number == SIGCHLD || number == SIGCONT || number == SIGURG || number == SIGWINCH));
}

/* The filter tells what is sent from now on, once for several. What is pending already is told by
 * an event of weir's own, which has the same number; where there is none, by a timer that is as
 * short as every kernel takes it. */
static void tell_pending(int queue, int number)
{
    uintptr_t ident = (uintptr_t)number;
    if (!is_pending(number))
        return;
    if (change(queue, ident, EVFILT_USER, EV_ADD | EV_ONESHOT, 0, 0) ||
        change(queue, ident, EVFILT_USER, 0, NOTE_TRIGGER, 0))
        change(queue, ident, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0, 1);
}

/* 0 or WEIR_E*, and which are watched anew. What is not watched need not be there. */
static int watch_each(int queue, uint64_t mask, uint64_t *added)
{
    int error = 0;
    *added = 0;
    for (int number = 1; number <= 64 && !error; number++) {
        uintptr_t ident = (uintptr_t)number;
        uint64_t  bit = UINT64_C(1) << (number - 1);
        if (!(mask & bit)) {
            change(queue, ident, EVFILT_SIGNAL, EV_DELETE, 0, 0);
        } else if (change(queue, ident, EVFILT_SIGNAL, EV_ENABLE, 0, 0) != 0) {
            error = change(queue, ident, EVFILT_SIGNAL, EV_ADD, 0, 0);
            *added |= bit;
        }
    }
    return error;
}

int os_signals_watch(int descriptor, uint64_t mask, uint64_t *blocked)
{
    sigset_t awaited;
    uint64_t added = 0;
    int      queue = descriptor, error = posix_signal_set(&awaited, mask);
    if (error)
        return error;
    if (mask && descriptor < 0)
        queue = open_queue();
    if (mask && queue < 0)
        return queue;
    if (queue >= 0)
        error = watch_each(queue, mask, &added);
    if (!error)
        error = posix_signal_block(mask, blocked);
    for (int number = 1; number <= 64 && !error; number++)
        if (added & (UINT64_C(1) << (number - 1)))
            tell_pending(queue, number);
    if (error && queue >= 0 && descriptor < 0)
        close(queue);
    return error ? error : queue < 0 ? 0 : queue;
}

/* The filter only tells: the signal itself, which is blocked, is still to be taken, and queued ones
 * are told one by one. What is pending no more was taken when the other event told of it. */
int os_signals_take(int descriptor)
{
    const struct timespec now = {0};
    struct kevent         event;
    while (kevent(descriptor, NULL, 0, &event, 1, &now) == 1) {
        int      number = (int)event.ident;
        sigset_t one;
        if (is_pending(number)) {
            sigemptyset(&one);
            sigaddset(&one, number);
            sigwait(&one, &number);
            tell_pending(descriptor, number);
            return number;
        }
        if (event.filter == EVFILT_SIGNAL && is_ignored(number))
            return number;
    }
    return WEIR_EAGAIN;
}
