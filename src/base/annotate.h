/* SPDX-License-Identifier: MIT */
/* annotate.h - tells sanitizers and Valgrind what they cannot see: an order that the kernel keeps,
 * and what it does to memory. In other builds nothing of it is left. */
#ifndef WEIR_BASE_ANNOTATE_H
#define WEIR_BASE_ANNOTATE_H

#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#endif
#if __has_feature(memory_sanitizer)
#define UNDER_MSAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#endif
#if defined(WEIR_VALGRIND)
#include <valgrind/memcheck.h>
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

/* Rings are mapped where no sanitizer sees it, by the kernel or by liburing. One may get the place
 * of another, of any kind, that was unmapped before by whatever thread: only the kernel ordered the
 * two. */
extern char annotated_mappings;
#define annotate_unmapping() annotate_before(&annotated_mappings)
#define annotate_mapped() annotate_after(&annotated_mappings)

/* annotate_filled(): the kernel, or a part of the C library that nobody watches, wrote these bytes.
 * annotate_needed(): it is to read them, and whoever never wrote them is told so here, with the
 * call that asked for it on the stack. ANNOTATES_MEMORY: whether there is anybody to tell. */
#if defined(UNDER_MSAN)
void __msan_unpoison(const volatile void *address, size_t length);
void __msan_check_mem_is_initialized(const volatile void *address, size_t length);
#define ANNOTATES_MEMORY 1
#define annotate_filled(address, length) __msan_unpoison(address, length)
#define annotate_needed(address, length) __msan_check_mem_is_initialized(address, length)
#elif defined(WEIR_VALGRIND)
#define ANNOTATES_MEMORY 1
#define annotate_filled(address, length) ((void)VALGRIND_MAKE_MEM_DEFINED(address, length))
#define annotate_needed(address, length) ((void)VALGRIND_CHECK_MEM_IS_DEFINED(address, length))
#else
#define ANNOTATES_MEMORY 0
#define annotate_filled(address, length) ((void)(address), (void)(length))
#define annotate_needed(address, length) ((void)(address), (void)(length))
#endif

#endif
