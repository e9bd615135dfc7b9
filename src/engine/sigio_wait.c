/* SPDX-License-Identifier: MIT */
/* sigio_wait.c - the wait of the sigio engine: signals name descriptors, and each that was named is
 * asked by poll(2) what holds. */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../os/linux_compat.h"
#include "../os/poll_events.h"
#include "sigio.h"

#define ASKED 64 /* descriptors asked by one poll(2) */

/* ---- What was named -------------------------------------------------------------------------- */

bool sigio_name(struct sigio *s, int number)
{
    if (number < 0 || number >= s->room)
        return false;
    struct signalled *entry = &s->by_number[number];
    if (!entry->handle && number != s->loop->notifier[0])
        return false;
    if (!entry->named)
        s->names[s->name_count++] = number;
    entry->named = true;
    return true;
}

/* Whether another thread woke the loop. */
static bool clear_notifier(struct weir_loop *loop)
{
    char    bytes[256];
    ssize_t taken;
    bool    woken = false;
    do {
        taken = read(loop->notifier[0], bytes, sizeof bytes);
        woken |= taken > 0;
    } while (taken == (ssize_t)sizeof bytes || (taken < 0 && errno == EINTR));
    return woken;
}

/* What nobody waits for is remembered, and ends no wait. */
static void tell(struct weir_loop *loop, struct weir_handle *handle, unsigned events)
{
    if (events & (handle->in.want | WEIR_HUP | WEIR_ERR | WEIR_RDHUP | READY_URGENT))
        ready_told(loop, handle, events);
    else
        handle->in.hint |= (uint8_t)(events & (MAY_IN | MAY_OUT));
}

static unsigned events_of(int told)
{
    return poll_events_of(told) | (told & POLLPRI ? READY_URGENT : 0);
}

/* Asks up to ASKED of the named, from the first on. How many, or WEIR_E*. */
static int ask_some(struct weir_loop *loop, struct sigio *s, const int *names, int count,
                    bool *woken)
{
    struct pollfd fds[ASKED];
    int           asked, told;
    for (asked = 0; asked < count && asked < ASKED; asked++)
        fds[asked] = (struct pollfd){names[asked], poll_mask_of(SIGIO_EVERYTHING) | POLLPRI, 0};
    do
        told = poll(fds, (nfds_t)asked, 0);
    while (told < 0 && errno == EINTR);
    if (told < 0)
        return -errno;
    for (int i = 0; i < asked; i++) {
        s->by_number[names[i]].named = false;
        if (!fds[i].revents)
            continue;
        if (names[i] == loop->notifier[0])
            *woken |= clear_notifier(loop);
        else
            tell(loop, s->by_number[names[i]].handle, events_of(fds[i].revents));
    }
    return asked;
}

int sigio_ask(struct weir_loop *loop, struct sigio *s, bool *woken)
{
    int at = 0, asked = 0;
    while (at < s->name_count &&
           (asked = ask_some(loop, s, s->names + at, s->name_count - at, woken)) > 0)
        at += asked;
    memmove(s->names, s->names + at, (size_t)(s->name_count - at) * sizeof *s->names);
    s->name_count -= at;
    return asked < 0 ? asked : 0;
}

/* ---- Waiting --------------------------------------------------------------------------------- */

static struct timespec time_of(int64_t timeout_ns)
{
    return (struct timespec){.tv_sec = (time_t)(timeout_ns / 1000000000),
                             .tv_nsec = (long)(timeout_ns % 1000000000)};
}

/* The way of the mechanism: asleep until a signal is queued. */
static int wait_for_signals(struct sigio *s, int64_t timeout_ns)
{
    struct timespec time = time_of(timeout_ns);
    siginfo_t       info;
    int             heard = sigio_hear_queued(s);
    if (heard || !timeout_ns)
        return heard < 0 ? heard : 0;
    int signal = sigtimedwait(&s->heard, &info, timeout_ns < 0 ? NULL : &time);
    if (signal < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    sigio_hear(s, signal, info.si_fd);
    return 0;
}

/* While something is watched that has no signals. */
static int wait_by_poll(struct weir_loop *loop, struct sigio *s, int64_t timeout_ns)
{
    int count = kernel_ppoll(s->fds, (nfds_t)s->polled_count, timeout_ns);
    if (count < 0)
        return errno == EINTR ? 0 : -errno;
    for (int i = 1; count && i < s->polled_count; i++) {
        struct weir_handle *handle = s->polled[i];
        if (!s->fds[i].revents)
            continue;
        /* An answer to a part of the question must not outdo what a signal will bring. */
        if (sigio_signalled(s, handle))
            sigio_name(s, handle->in.descriptor);
        else
            ready_told(loop, handle, poll_events_of(s->fds[i].revents));
    }
    if (!count || !s->fds[0].revents)
        return 0;
    int heard = sigio_hear_queued(s);
    return heard < 0 ? heard : 0;
}

int sigio_wait(struct weir_loop *loop, int64_t timeout_ns)
{
    struct sigio *s = loop->mechanism;
    bool          woken = false;
    int           error = s->bound ? 0 : sigio_bind(s);
    if (!error)
        error = sigio_ask(loop, s, &woken);
    if (error)
        return error;
    if (woken || loop->ready.first)
        timeout_ns = 0;
    sigio_trim_polled(loop, s);
    error = s->polled_count > 1 ? wait_by_poll(loop, s, timeout_ns)
                                : wait_for_signals(s, timeout_ns);
    return error ? error : sigio_ask(loop, s, &woken);
}
