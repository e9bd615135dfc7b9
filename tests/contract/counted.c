/* SPDX-License-Identifier: MIT */
/* counted.c - counts the calls of malloc and its kin: the linker sends them here (--wrap). */
#include <stdatomic.h>
#include <stddef.h>

#include "contract.h"

static _Atomic uint64_t calls;

static void count(void)
{
    atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed);
}

uint64_t contract_malloc_calls(void)
{
    return atomic_load_explicit(&calls, memory_order_relaxed);
}

/* The names are the linker's: __wrap_f is called for f, and __real_f is f. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
int   __real_posix_memalign(void **memory, size_t alignment, size_t size);
void  __real_free(void *memory);
char *__real_strdup(const char *text);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
int   __wrap_posix_memalign(void **memory, size_t alignment, size_t size);
void  __wrap_free(void *memory);
char *__wrap_strdup(const char *text);

void *__wrap_malloc(size_t size)
{
    count();
    return __real_malloc(size);
}

void *__wrap_calloc(size_t number, size_t size)
{
    count();
    return __real_calloc(number, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    count();
    return __real_realloc(memory, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    count();
    return __real_aligned_alloc(alignment, size);
}

int __wrap_posix_memalign(void **memory, size_t alignment, size_t size)
{
    count();
    return __real_posix_memalign(memory, alignment, size);
}

void __wrap_free(void *memory)
{
    count();
    __real_free(memory);
}

char *__wrap_strdup(const char *text)
{
    count();
    return __real_strdup(text);
}
