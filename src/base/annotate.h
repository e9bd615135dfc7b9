/* SPDX-License-Identifier: MIT */
/* annotate.h - tells the thread sanitizer what it cannot see: an order that the kernel keeps. */
#ifndef WEIR_BASE_ANNOTATE_H
#define WEIR_BASE_ANNOTATE_H

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#endif

/* What was done before annotate_before(x) is over when annotate_after(x) returns. */
#if defined(UNDER_TSAN)
void __tsan_release(void *address);
void __tsan_acquire(void *address);
#define annotate_before(address) __tsan_release(address)
#define annotate_after(address) __tsan_acquire(address)
#else
#define annotate_before(address) ((void)(address))
#define annotate_after(address) ((void)(address))
#endif

#endif
