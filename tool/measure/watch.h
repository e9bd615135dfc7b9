/* SPDX-License-Identifier: MIT */
/* watch.h - how the load generator waits for its connections, by what the system has for many of
 * them: watch_epoll.c, watch_kqueue.c, watch_win.c. Level-triggered. Nothing of weir is in it, so
 * that the load is no judge in its own cause. */
#ifndef MEASURE_WATCH_H
#define MEASURE_WATCH_H

#include <stdbool.h>

enum { WATCH_ROOM = 1024 };

struct watch_event {
    void *user;
    bool  in;  /* something came, an end or an error among it */
    bool  out; /* there is room to send */
};

/* A number to ask it by, which ends with the process; -1 with errno. */
int watch_open(void);

/* From now on `user` is told when something comes; 0, or -1 with errno. */
int watch_add(int watch, int fd, void *user);

/* Whether it is told of room, too: on where it was off, or off where it was on. 0, or -1 with
 * errno. */
int watch_want_out(int watch, int fd, void *user, bool on);

/* Waits so long at most. How many events there are, WATCH_ROOM at most; of one descriptor there may
 * be two. -1 with errno. */
int watch_wait(int watch, struct watch_event *events, int timeout_ms);

#endif
