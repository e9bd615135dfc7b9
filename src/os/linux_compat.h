/* SPDX-License-Identifier: MIT */
/* linux_compat.h - what Debian 12's headers and liburing 2.3 do not name yet, told once. */
#ifndef WEIR_LINUX_COMPAT_H
#define WEIR_LINUX_COMPAT_H

#include <poll.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

/* The kernel's own timespec, the same on 32-bit machines: a 32-bit one makes epoll_pwait2 sleep for
 * minutes. */
struct kernel_timespec {
    int64_t tv_sec;
    int64_t tv_nsec;
};

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

/* ppoll(2) without a mask; -1: for ever. On 32-bit machines not by the C library: with
 * _FORTIFY_SOURCE that of glibc 2.36 takes a long time_t for a short one, and never sleeps. */
static inline int kernel_ppoll(struct pollfd *entries, nfds_t count, int64_t timeout_ns)
{
    int64_t seconds = timeout_ns / 1000000000, rest = timeout_ns % 1000000000;
#ifdef SYS_ppoll_time64
    struct kernel_timespec time = {seconds, rest};
    return (int)syscall(SYS_ppoll_time64, entries, count, timeout_ns < 0 ? NULL : &time, NULL,
                        (size_t)0);
#else
    struct timespec time = {.tv_sec = (time_t)seconds, .tv_nsec = (long)rest};
    return ppoll(entries, count, timeout_ns < 0 ? NULL : &time, NULL);
#endif
}

/* musl 1.2.3 has no preadv2() and pwritev2(). The kernel takes the offset in two halves, the upper
 * of which it shifts out where a long holds both. */
static inline ssize_t kernel_preadv2(int descriptor, const struct iovec *pieces, int count,
                                     int64_t offset, int flags)
{
    return syscall(SYS_preadv2, descriptor, pieces, (long)count, (long)offset, (long)(offset >> 32),
                   flags);
}

static inline ssize_t kernel_pwritev2(int descriptor, const struct iovec *pieces, int count,
                                      int64_t offset, int flags)
{
    return syscall(SYS_pwritev2, descriptor, pieces, (long)count, (long)offset,
                   (long)(offset >> 32), flags);
}

/* Linux 6.18: a write that raises no SIGPIPE. */
#ifndef RWF_NOSIGNAL
#define RWF_NOSIGNAL 0x00000100
#endif

/* Linux 6.9: IORING_REGISTER_NAPI and its structure. */
#define URING_REGISTER_NAPI 27
struct kernel_napi {
    uint32_t busy_poll_us;
    uint8_t  prefer, operation, padding[2];
    uint32_t parameter, reserved;
};

/* Linux 6.9: IORING_OP_FTRUNCATE, which is an enumerator where liburing names it. */
#define URING_OP_FTRUNCATE 55

/* Linux 5.19: IORING_OP_SOCKET; 6.1: IORING_OP_SENDMSG_ZC, likewise; 6.2: what the completion of a
 * send without a copy tells of it. */
#define URING_OP_SOCKET 45
#define URING_OP_SENDMSG_ZC 48
#define URING_SEND_ZC_REPORT_USAGE (1u << 3)
#define URING_NOTIF_COPIED (1u << 31)

/* Linux 6.1: STATX_DIOALIGN. The kernel's own structure, of which weir reads this much. */
#define KERNEL_STATX_DIOALIGN 0x2000u
struct kernel_statx {
    uint32_t mask, block_size;
    uint64_t attributes;
    uint32_t before[34];
    uint32_t direct_memory, direct_offset;
    uint64_t after[12];
};

#endif
