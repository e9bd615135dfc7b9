/* SPDX-License-Identifier: MIT */
/* poll_events.h - weir's readiness bits and those of poll(2), both ways. io_uring's polls speak the
 * same. */
#ifndef WEIR_POLL_EVENTS_H
#define WEIR_POLL_EVENTS_H

#include <poll.h>

#include "weir.h"

#ifndef POLLRDHUP
#define POLLRDHUP 0 /* Linux only; elsewhere the end of the stream is told by reading it */
#endif
#define POLL_TELLS_RDHUP (POLLRDHUP != 0)

static inline short poll_mask_of(unsigned events)
{
    return (short)((events & WEIR_IN ? POLLIN : 0) | (events & WEIR_OUT ? POLLOUT : 0) |
                   (events & WEIR_RDHUP ? POLLRDHUP : 0));
}

static inline unsigned poll_events_of(int told)
{
    return (told & POLLIN ? WEIR_IN : 0) | (told & POLLOUT ? WEIR_OUT : 0) |
           (told & POLLHUP ? WEIR_HUP : 0) | (told & (POLLERR | POLLNVAL) ? WEIR_ERR : 0) |
           (told & POLLRDHUP ? WEIR_RDHUP : 0);
}

/* What poll(2) says of a descriptor now, hang-ups and errors included. */
static inline unsigned poll_now(int descriptor, unsigned interest)
{
    struct pollfd entry = {.fd = descriptor, .events = poll_mask_of(interest)};
    return poll(&entry, 1, 0) > 0 ? poll_events_of(entry.revents) : 0;
}

#endif
