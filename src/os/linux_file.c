/* SPDX-License-Identifier: MIT */
/* linux_file.c - what Linux does with files beside reading and writing them. posix_fallocate(3) and
 * posix_fadvise(2) return their error. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "os.h"

int os_sync(int descriptor)
{
    return fsync(descriptor);
}

int os_sync_data(int descriptor)
{
    return fdatasync(descriptor);
}

/* One byte of a file becomes what it is, or zero where none was. */
static int touch(int descriptor, off_t at)
{
    char    byte = 0;
    ssize_t moved = pread(descriptor, &byte, 1, at);
    if (moved >= 0 && !byte)
        moved = pwrite(descriptor, &byte, 1, at);
    return moved < 0 ? -errno : 0;
}

/* Space that the file system cannot reserve is written, block by block, as not every C library does
 * it. */
static int reserve(int descriptor, off_t offset, off_t length)
{
    const off_t block = 512; /* of the smallest file systems */
    const off_t last = offset + (length - 1);
    int         error = -posix_fallocate(descriptor, offset, length);
    if (error != WEIR_EOPNOTSUPP)
        return error;
    if (fcntl(descriptor, F_GETFL) & O_APPEND)
        return WEIR_EBADF; /* each byte would land at the end. posix_fallocate(3) */
    error = touch(descriptor, last);
    for (off_t at = offset; !error && at < last; at += block - at % block)
        error = touch(descriptor, at);
    return error;
}

int os_preallocate(int descriptor, uint64_t offset, uint64_t length)
{
    return reserve(descriptor, (off_t)offset, (off_t)length);
}

int os_advise(int descriptor, uint64_t offset, uint64_t length, int advice)
{
    return -posix_fadvise(descriptor, (off_t)offset, (off_t)length, posix_advice_of(advice));
}

int posix_advice_of(int advice)
{
    static const int names[] = {
        [WEIR_ADVICE_NORMAL] = POSIX_FADV_NORMAL,
        [WEIR_ADVICE_SEQUENTIAL] = POSIX_FADV_SEQUENTIAL,
        [WEIR_ADVICE_RANDOM] = POSIX_FADV_RANDOM,
        [WEIR_ADVICE_WILL_NEED] = POSIX_FADV_WILLNEED,
        [WEIR_ADVICE_DONT_NEED] = POSIX_FADV_DONTNEED,
    };
    return names[advice];
}

/* O_DIRECT has done it, when the file was opened. */
int os_make_direct(int descriptor)
{
    (void)descriptor;
    return 0;
}
