/* SPDX-License-Identifier: MIT */
/* calls.c - calls of Linux that cases make, made of what macOS has. */
#undef socket
#undef socketpair
#include <stdio.h>
#include <stdlib.h>

#include "../contract.h"

int darwin_lacks(const char *what)
{
    char reason[200];
    snprintf(reason, sizeof reason, "macOS has no %s", what);
    SKIP(reason);
}

static int with_flags(int fd, bool close_on_exec, bool nonblocking)
{
    if (fd >= 0 && close_on_exec)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (fd >= 0 && nonblocking)
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return fd;
}

int darwin_socket(int family, int type, int protocol)
{
    int fd = socket(family, type & ~(SOCK_CLOEXEC | SOCK_NONBLOCK), protocol);
    return with_flags(fd, type & SOCK_CLOEXEC, type & SOCK_NONBLOCK);
}

int darwin_socketpair(int family, int type, int protocol, int ends[2])
{
    if (socketpair(family, type & ~(SOCK_CLOEXEC | SOCK_NONBLOCK), protocol, ends) < 0)
        return -1;
    for (int i = 0; i < 2; i++)
        with_flags(ends[i], type & SOCK_CLOEXEC, type & SOCK_NONBLOCK);
    return 0;
}

int darwin_accept4(int listener, struct sockaddr *address, socklen_t *length, int flags)
{
    return with_flags(accept(listener, address, length), flags & SOCK_CLOEXEC,
                      flags & SOCK_NONBLOCK);
}

int darwin_pipe2(int ends[2], int flags)
{
    if (pipe(ends) < 0)
        return -1;
    for (int i = 0; i < 2; i++)
        with_flags(ends[i], flags & O_CLOEXEC, flags & O_NONBLOCK);
    return 0;
}

/* A file without a name. */
int darwin_memfd_create(void)
{
    char path[] = "/tmp/weir-contract-XXXXXX";
    int  fd = mkstemp(path);
    if (fd >= 0)
        unlink(path);
    return with_flags(fd, true, false);
}
