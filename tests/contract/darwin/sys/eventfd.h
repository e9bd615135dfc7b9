/* SPDX-License-Identifier: MIT */
/* eventfd.h - cases that ask for a counter as a descriptor are skipped. */
#ifndef CONTRACT_DARWIN_EVENTFD_H
#define CONTRACT_DARWIN_EVENTFD_H

#include <stdint.h>

#define EFD_CLOEXEC 1
#define EFD_NONBLOCK 2

typedef uint64_t eventfd_t;

#define eventfd(value, flags) darwin_lacks("counters as descriptors")
#define eventfd_read(fd, value) (*(value) = 0, darwin_lacks("counters as descriptors"))
#define eventfd_write(fd, value) ((void)(fd), darwin_lacks("counters as descriptors"))

#endif
