/* SPDX-License-Identifier: MIT */
/* linux_gather.c - descriptors that stand for several things: an epoll for descriptors, a signalfd
 * for signals. */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "os.h"
#include "posix_signal.h"

int os_gather_open(void)
{
    int gather = epoll_create1(EPOLL_CLOEXEC);
    return gather < 0 ? -errno : gather;
}

int os_gather_add(int gather, int descriptor)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = descriptor};
    return epoll_ctl(gather, EPOLL_CTL_ADD, descriptor, &event) < 0 ? -errno : 0;
}

bool os_gathers_are_inherited(void)
{
    return true;
}

/* ---- Signals --------------------------------------------------------------------------------- */

int os_signals_watch(int descriptor, uint64_t mask, uint64_t *blocked)
{
    sigset_t awaited;
    int      error = posix_signal_set(&awaited, mask);
    if (error)
        return error;
    if (mask || descriptor >= 0) {
        descriptor = signalfd(descriptor, &awaited, SFD_CLOEXEC | SFD_NONBLOCK);
        if (descriptor < 0)
            return -errno;
    }
    error = posix_signal_block(mask, blocked);
    return error ? error : descriptor < 0 ? 0 : descriptor;
}

int os_signals_take(int descriptor)
{
    struct signalfd_siginfo info;
    ssize_t                 taken = read(descriptor, &info, sizeof info);
    return taken == (ssize_t)sizeof info ? (int)info.ssi_signo : WEIR_EAGAIN;
}
