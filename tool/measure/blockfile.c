/* SPDX-License-Identifier: MIT */
/* blockfile.c - makes and removes the file of random readers. */
#include "blockfile.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reader.h"
#include "stop.h"
#include "system.h"

enum { PIECE = 1 << 20 };

static int fill(const struct blockfile *file, int fd, long long mebibytes, struct failure *why)
{
    static char piece[PIECE];
    for (long long at = 0; at < mebibytes; at++) {
        reader_fill(piece, sizeof piece, (uint64_t)at * PIECE);
        if (stop_requested())
            return -1;
        for (size_t done = 0; done < sizeof piece;) {
            ssize_t n = write(fd, piece + done, sizeof piece - done);
            if (n < 0 && errno != EINTR)
                return fail(why,
                            "%lld MiB could not be written to %.300s: %s; use a smaller "
                            "--file-size or another --directory",
                            mebibytes, file->path, strerror(errno));
            done += n > 0 ? (size_t)n : 0;
        }
    }
    if (fsync(fd) < 0)
        return fail(why, "%.300s could not be brought to the disk: %s", file->path,
                    strerror(errno));
    return 0;
}

int blockfile_make(struct blockfile *file, const char *directory, const char *purpose,
                   long long mebibytes, struct failure *why)
{
    *file = (struct blockfile){0};
    snprintf(file->path, sizeof file->path, "%.3900s/%s.XXXXXX", directory, purpose);
    int fd = mkostemp(file->path, O_CLOEXEC);
    if (fd < 0) {
        file->path[0] = '\0';
        return fail(why, "no file can be made in %.300s: %s; name another place by --directory",
                    directory, strerror(errno));
    }
    int result = fill(file, fd, mebibytes, why);
    close(fd);
    return result;
}

void blockfile_try_direct(struct blockfile *file, size_t size)
{
    char  directory[sizeof file->path];
    void *block = NULL;
    int   fd = system_open_direct(file->path);
    memcpy(directory, file->path, sizeof directory);
    if (fd < 0 || posix_memalign(&block, size, size) != 0 ||
        pread(fd, block, size, 0) != (ssize_t)size)
        snprintf(file->no_direct, sizeof file->no_direct,
                 "%.100s cannot be read past the cache in blocks of %zu bytes: %.40s",
                 dirname(directory), size, strerror(errno));
    free(block);
    if (fd >= 0)
        close(fd);
}

void blockfile_warm(const struct blockfile *file, bool cached)
{
    static char piece[PIECE];
    int         fd = open(file->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (!cached)
        system_forget_cached(fd);
    while (cached && read(fd, piece, sizeof piece) > 0)
        ;
    close(fd);
}

void blockfile_remove(struct blockfile *file)
{
    if (file->path[0])
        unlink(file->path);
    file->path[0] = '\0';
}
