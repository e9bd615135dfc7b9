/* SPDX-License-Identifier: MIT */
/* kqueue_system.c - what macOS and the BSDs share beside their kqueue: a pipe to wake, poll(2) in
 * milliseconds; and what none of them has. */
#include <aio.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include "os.h"

/* ---- Waking ---------------------------------------------------------------------------------- */

int os_notifier_open(int ends[2])
{
    int error = os_pipe(ends);
    if (error)
        return error;
    if (fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0 && fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0)
        return 0;
    error = -errno;
    close(ends[0]);
    close(ends[1]);
    return error;
}

/* A pipe that is full has told already. */
void os_notifier_tell(int end)
{
    ssize_t written;
    do
        written = write(end, "", 1);
    while (written < 0 && errno == EINTR);
}

void os_notifier_clear(int end)
{
    char    bytes[256];
    ssize_t taken;
    do
        taken = read(end, bytes, sizeof bytes);
    while (taken == (ssize_t)sizeof bytes || (taken < 0 && errno == EINTR));
}

/* ---- Waiting without nanoseconds ------------------------------------------------------------- */

int os_poll(struct pollfd *entries, unsigned count, int64_t timeout_ns)
{
    int64_t ms = timeout_ns <= 0 ? timeout_ns : (timeout_ns - 1) / 1000000 + 1;
    return poll(entries, count, ms > INT_MAX ? INT_MAX : (int)ms);
}

/* ---- What there is not ----------------------------------------------------------------------- */

int64_t os_read_now(int descriptor, const struct weir_buf *buffers, int count, uint64_t offset)
{
    (void)descriptor, (void)buffers, (void)count, (void)offset;
    return WEIR_EOPNOTSUPP;
}

int64_t os_write_now(int descriptor, const struct weir_buf *buffers, int count, uint64_t offset)
{
    (void)descriptor, (void)buffers, (void)count, (void)offset;
    return WEIR_EOPNOTSUPP;
}

bool os_has_nosignal(void)
{
    return false;
}

int64_t os_copy_range(int from, uint64_t from_offset, int to, uint64_t to_offset, size_t length)
{
    (void)from, (void)from_offset, (void)to, (void)to_offset, (void)length;
    return WEIR_EOPNOTSUPP;
}

int64_t os_splice(int from, uint64_t from_offset, int to, uint64_t to_offset, size_t length)
{
    (void)from, (void)from_offset, (void)to, (void)to_offset, (void)length;
    return WEIR_EOPNOTSUPP;
}

int64_t os_peek_pipe(int descriptor, void *data, size_t length)
{
    (void)descriptor, (void)data, (void)length;
    return WEIR_EOPNOTSUPP;
}

void os_prepare_aio(void)
{
}

void os_cancel_aio(int descriptor)
{
    aio_cancel(descriptor, NULL);
}

/* ---- Processors ------------------------------------------------------------------------------ */

unsigned os_cpu_count(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 ? (unsigned)count : 1;
}

/* macOS has no such call, and each of the BSDs another one. */
int os_thread_pin(unsigned number)
{
    (void)number;
    return WEIR_EOPNOTSUPP;
}
