/* SPDX-License-Identifier: MIT */
/* linux_compat.h - what Debian 12's headers and liburing 2.3 do not name yet, told once. */
#ifndef WEIR_LINUX_COMPAT_H
#define WEIR_LINUX_COMPAT_H

#include <stdint.h>
#include <sys/syscall.h>

/* The kernel's own timespec, the same on 32-bit machines: a 32-bit one makes epoll_pwait2 sleep for
 * minutes. */
struct kernel_timespec {
    int64_t tv_sec;
    int64_t tv_nsec;
};

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

/* Linux 6.18: a write that raises no SIGPIPE. */
#ifndef RWF_NOSIGNAL
#define RWF_NOSIGNAL 0x00000100
#endif

/* Linux 6.9: IORING_OP_FTRUNCATE, which is an enumerator where liburing names it. */
#define URING_OP_FTRUNCATE 55

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
