/* SPDX-License-Identifier: MIT */
/* sigio_poll.c - what no signal tells is polled beside the signals, and only while an op waits for
 * it. */
#include <errno.h>
#include <sys/epoll.h>

#include "../os/poll_events.h"
#include "sigio.h"

/* Several handles may have the number: the epoll waits for what all of them do. */
int sigio_embed(struct sigio *s, int number)
{
    bool               any = false;
    struct epoll_event event = {.data.fd = number};
    if (s->epoll < 0)
        return 0;
    for (int i = 1; i < s->polled_count; i++) {
        if (s->fds[i].fd != number)
            continue;
        any = true;
        event.events = event.events | (unsigned short)s->fds[i].events; /* the same bits */
    }
    if (!any)
        return epoll_ctl(s->epoll, EPOLL_CTL_DEL, number, &event), 0;
    if (epoll_ctl(s->epoll, EPOLL_CTL_MOD, number, &event) == 0)
        return 0;
    return epoll_ctl(s->epoll, EPOLL_CTL_ADD, number, &event) < 0 ? -errno : 0;
}

/* The last one takes its place. */
void sigio_unpoll(struct sigio *s, struct weir_handle *handle)
{
    int slot = handle->in.slot;
    if (slot < 1)
        return;
    s->fds[slot] = s->fds[--s->polled_count];
    s->polled[slot] = s->polled[s->polled_count];
    s->polled[slot]->in.slot = slot;
    handle->in.slot = 0;
    sigio_embed(s, handle->in.descriptor);
}

int sigio_poll_for(struct weir_loop *loop, struct weir_handle *handle, unsigned interest)
{
    struct sigio *s = loop->mechanism;
    if (handle->in.slot < 1) {
        if (s->polled_count == s->polled_room && sigio_grow_polled(loop, s))
            return WEIR_ENOMEM;
        handle->in.slot = s->polled_count++;
        s->polled[handle->in.slot] = handle;
    }
    s->fds[handle->in.slot] = (struct pollfd){.fd = handle->in.descriptor,
                                              .events = poll_mask_of(interest)};
    return sigio_embed(s, handle->in.descriptor);
}

unsigned sigio_untold(const struct signalled *entry, unsigned interest)
{
    if (!entry)
        return interest;
    return entry->partly && (interest & ~(unsigned)WEIR_IN) ? interest : 0;
}

/* Level-triggered, as they are, the polled would end every wait: each is watched for what its ops
 * wait for now, and no longer than one does. */
void sigio_trim_polled(struct weir_loop *loop, struct sigio *s)
{
    for (int i = s->polled_count - 1; i > 0; i--) {
        struct weir_handle     *handle = s->polled[i];
        const struct signalled *entry = sigio_signalled(s, handle);
        unsigned                interest = sigio_untold(entry, ready_interest(handle));
        unsigned                armed = interest | (entry ? WEIR_IN : 0);
        if (!interest)
            sigio_unpoll(s, handle);
        else if (s->fds[i].events != poll_mask_of(interest) &&
                 sigio_poll_for(loop, handle, interest))
            continue; /* the outer loop's epoll waits for more, until the next time */
        if (!armed)
            handle->in.slot = -1;
        handle->in.want = handle->in.armed = (uint8_t)armed;
    }
}
