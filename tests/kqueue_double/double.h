/* SPDX-License-Identifier: MIT */
/* double.h - a test double of kqueue for Linux: the engine's logic runs on it where there is no
 * kqueue. It is not the oracle: what it knows of kqueue are the facts that facts.c holds it to. */
#ifndef KQUEUE_DOUBLE_H
#define KQUEUE_DOUBLE_H

#include <stdbool.h>
#include <sys/event.h>

/* One interest of a queue. */
struct knote {
    struct knote *next;
    struct kevent kevent;   /* as it was added; fflags: what is asked for */
    uint32_t      happened; /* EVFILT_USER: fflags to tell */
    int           source;   /* what the epoll watches: the ident itself, or a descriptor of ours */
    int           behind;   /* what the source stands for, closed with it, or -1 */
    bool          owned;    /* source is closed with it */
    bool          watched;  /* it is in the epoll */
    bool          enabled;
};

/* What one filter does. */
struct filter {
    int      number;
    unsigned implied; /* flags that each knote of it has */
    uint32_t mask;    /* of epoll */
    /* 0 and knote->source is set, or an errno. */
    int (*attach)(struct knote *knote);
    /* Added again: what was asked for changes. Optional. */
    int (*touch)(struct knote *knote, const struct kevent *change);
    /* Whether there is something to tell; fills flags, fflags and data, and takes it where the
     * knote has EV_CLEAR. */
    bool (*fill)(struct knote *knote, struct kevent *event);
};

/* NULL for one that the double has not. */
const struct filter *filter_of(int number);

#endif
