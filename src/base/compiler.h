/* SPDX-License-Identifier: MIT */
/* compiler.h - what a compiler may offer beyond C11. */
#ifndef WEIR_BASE_COMPILER_H
#define WEIR_BASE_COMPILER_H

#if defined(__GNUC__)
#ifdef _WIN32 /* weir's own formats are those of C11 there too */
#define PRINTF_LIKE(text, first) __attribute__((format(gnu_printf, text, first)))
#define THREAD_LOCAL _Thread_local
#else
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))
/* Found by an offset from the thread's own register, also in a shared library. */
#define THREAD_LOCAL _Thread_local __attribute__((tls_model("initial-exec")))
#endif
/* What an op passes through from its call to its done() is laid out for the usual case. */
#define LIKELY(condition) __builtin_expect((condition) ? 1 : 0, 1)
#define ALWAYS_INLINE inline __attribute__((always_inline))
/* Kept out of its caller, whose usual case it would burden with registers to save. */
#define APART __attribute__((noinline))
#else
#define PRINTF_LIKE(text, first)
#define THREAD_LOCAL _Thread_local
#define LIKELY(condition) (condition)
#define ALWAYS_INLINE inline
#define APART
#endif

#endif
