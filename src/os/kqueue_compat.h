/* SPDX-License-Identifier: MIT */
/* kqueue_compat.h - kqueue(2) as one system has it and another has not, told once. */
#ifndef WEIR_KQUEUE_COMPAT_H
#define WEIR_KQUEUE_COMPAT_H

#include <stdint.h>
#include <sys/types.h>
/* The order matters on the BSDs. */
#include <sys/event.h>
#include <sys/time.h>
#ifdef __NetBSD__
#include <sys/param.h>
#endif

/* A change that is answered, so that a call can make changes and take no event. NetBSD has it since
 * 10, OpenBSD since 6.2. */
#ifdef EV_RECEIPT
#define KQUEUE_HAS_RECEIPTS 1
#else
#define KQUEUE_HAS_RECEIPTS 0
#define EV_RECEIPT 0
#endif

/* An event of the program's own. Where the header knows none, no kernel takes this one, and it is
 * found out at run time as where the header knows more than the kernel. */
#ifndef EVFILT_USER
#define EVFILT_USER 0x7fff
#define NOTE_TRIGGER 0
#endif

/* NetBSD's was a number before 10. */
#if defined(__NetBSD__) && __NetBSD_Version__ < 1000000000
#define KQUEUE_UDATA(pointer) ((intptr_t)(pointer))
#else
#define KQUEUE_UDATA(pointer) ((void *)(pointer))
#endif

#endif
