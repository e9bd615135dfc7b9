/* SPDX-License-Identifier: MIT */
/* linux_copy.c - the calls that move bytes between descriptors: copy_file_range(2), sendfile(2),
 * splice(2). */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/sendfile.h>
#include <time.h>
#include <unistd.h>

#include "os.h"

/* Neither sendfile() nor splice() can be told to raise no SIGPIPE. */
struct quiet {
    sigset_t signal, before;
    bool     was_pending;
};

static void quiet_begin(struct quiet *quiet)
{
    sigset_t pending;
    sigemptyset(&quiet->signal);
    sigaddset(&quiet->signal, SIGPIPE);
    sigpending(&pending);
    quiet->was_pending = sigismember(&pending, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &quiet->signal, &quiet->before);
}

static void quiet_end(const struct quiet *quiet, int64_t result)
{
    if (result == WEIR_EPIPE && !quiet->was_pending) {
        const struct timespec none = {0};
        sigtimedwait(&quiet->signal, NULL, &none);
    }
    pthread_sigmask(SIG_SETMASK, &quiet->before, NULL);
}

/* A pipe cannot be peeked at, but tee(2) copies it without taking: into another one, to be read. */
int64_t os_peek_pipe(int descriptor, void *data, size_t length)
{
    int scratch[2];
    if (pipe2(scratch, O_CLOEXEC) < 0)
        return WEIR_EOPNOTSUPP;
    ssize_t seen = tee(descriptor, scratch[1], length, SPLICE_F_NONBLOCK);
    if (seen > 0)
        seen = read(scratch[0], data, (size_t)seen);
    int error = seen < 0 ? errno : 0;
    close(scratch[0]);
    close(scratch[1]);
    if (error == ENOSYS || error == EPERM || error == EINVAL)
        return WEIR_EOPNOTSUPP;
    return error ? -error : seen;
}

int64_t os_copy_range(int from, uint64_t from_offset, int to, uint64_t to_offset, size_t length)
{
    off_t   in = (off_t)from_offset, out = (off_t)to_offset;
    ssize_t result = copy_file_range(from, from_offset == WEIR_STREAM ? NULL : &in, to,
                                     to_offset == WEIR_STREAM ? NULL : &out, length, 0);
    return result < 0 ? -errno : result;
}

int64_t os_send_file(int from, uint64_t from_offset, int to, size_t length)
{
    struct quiet quiet;
    off_t        in = (off_t)from_offset;
    quiet_begin(&quiet);
    ssize_t sent = sendfile(to, from, from_offset == WEIR_STREAM ? NULL : &in, length);
    int64_t result = sent < 0 ? -errno : sent;
    quiet_end(&quiet, result);
    return result;
}

int64_t os_splice(int from, uint64_t from_offset, int to, uint64_t to_offset, size_t length)
{
    struct quiet quiet;
    off_t        in = (off_t)from_offset, out = (off_t)to_offset;
    quiet_begin(&quiet);
    ssize_t moved = splice(from, from_offset == WEIR_STREAM ? NULL : &in, to,
                           to_offset == WEIR_STREAM ? NULL : &out, length, SPLICE_F_NONBLOCK);
    int64_t result = moved < 0 ? -errno : moved;
    quiet_end(&quiet, result);
    return result == WEIR_ENOSYS || result == WEIR_EPERM ? WEIR_EOPNOTSUPP : result;
}
