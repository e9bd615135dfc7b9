/* SPDX-License-Identifier: MIT */
/* system_posix.c - what macOS and the BSDs answer alike, by POSIX alone. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "system.h"

/* The parent ends its children when it is asked to stop; when it is killed, they stay. */
void system_end_with_parent(void)
{
}

/* Nobody else runs a program in the moment between: the tool has one thread. */
int system_pipe(int ends[2])
{
    if (pipe(ends) < 0)
        return -1;
    for (int i = 0; i < 2; i++)
        if (fcntl(ends[i], F_SETFD, FD_CLOEXEC) < 0) {
            int error = errno;
            close(ends[0]);
            close(ends[1]);
            errno = error;
            return -1;
        }
    return 0;
}

/* Its name is taken away at once. shm_open(3) makes none that every system reads and writes as a
 * file. */
int system_unnamed_file(void)
{
    char        path[4096];
    const char *folder = getenv("TMPDIR");
    int         length = snprintf(path, sizeof path, "%s/weir-measure.XXXXXX",
                          folder && *folder ? folder : "/tmp");
    if (length < 0 || (size_t)length >= sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = mkstemp(path);
    if (fd < 0)
        return -1;
    unlink(path);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
}
