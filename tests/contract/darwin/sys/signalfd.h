/* SPDX-License-Identifier: MIT */
/* signalfd.h - cases that ask for signals as a descriptor are skipped. */
#ifndef CONTRACT_DARWIN_SIGNALFD_H
#define CONTRACT_DARWIN_SIGNALFD_H

#include <stdint.h>

#define SFD_CLOEXEC 1
#define SFD_NONBLOCK 2

struct signalfd_siginfo {
    uint32_t ssi_signo;
};

#define signalfd(fd, mask, flags) ((void)(mask), darwin_lacks("signals as descriptors"))

#endif
