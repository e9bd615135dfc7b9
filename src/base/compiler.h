/* SPDX-License-Identifier: MIT */
/* compiler.h - what a compiler may offer beyond C11. */
#ifndef WEIR_BASE_COMPILER_H
#define WEIR_BASE_COMPILER_H

#if defined(__GNUC__)
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))
/* Found by an offset from the thread's own register, also in a shared library. */
#define THREAD_LOCAL _Thread_local __attribute__((tls_model("initial-exec")))
#else
#define PRINTF_LIKE(text, first)
#define THREAD_LOCAL _Thread_local
#endif

#endif
