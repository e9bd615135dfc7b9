/* SPDX-License-Identifier: MIT */
/* differential.h - what scripts of tests/differential ask of POSIX beside plain.h; included before
 * each of its files. */
#ifndef WINDOWS_DIFFERENTIAL_H
#define WINDOWS_DIFFERENTIAL_H

#include "posix/plain.h"

#include <signal.h>

#undef IN /* words of old headers */
#undef OUT

/* Two that an op can wait for. None is raised: see far_fit(). */
#undef SIGUSR1
#undef SIGUSR2
#define SIGUSR1 SIGINT
#define SIGUSR2 SIGBREAK

#undef POLLRDHUP /* of differential_poll() */
#define POLLRDHUP 0x2000
#undef poll
#define poll(entries, count, timeout_ms) differential_poll(entries)

#define F_SETFL 4
#undef fcntl
#define fcntl(...) differential_fcntl(__VA_ARGS__)
#undef recv /* of what is there */
#define recv(fd, data, length, flags) plain_recv(fd, data, length, (flags) & ~MSG_DONTWAIT)
#undef ioctl
#undef FIONREAD
#define FIONREAD 1
#define ioctl(fd, request, there) differential_unread(fd, there)
#define pipe(ends) plain_pipe(ends, 0)

/* F_SETFL says that it does not wait; nobody can ask. */
int differential_fcntl(int fd, int command, ...);

/* Bytes that were not received yet. */
int differential_unread(int fd, int *there);

/* Of one entry, without waiting. */
int differential_poll(struct plain_pollfd *entry);

#endif
