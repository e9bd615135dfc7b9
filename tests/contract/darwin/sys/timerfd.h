/* SPDX-License-Identifier: MIT */
/* timerfd.h - cases that ask for a timer as a descriptor are skipped. */
#ifndef CONTRACT_DARWIN_TIMERFD_H
#define CONTRACT_DARWIN_TIMERFD_H

#define TFD_CLOEXEC 1
#define TFD_NONBLOCK 2

#define timerfd_create(clock, flags) darwin_lacks("timers as descriptors")
#define timerfd_settime(fd, flags, value, before) ((void)(fd), (void)(value), 0)

#endif
