/* SPDX-License-Identifier: MIT */
/* unit.h - checks for tests of weir's inner parts: the first that fails says where, and ends. */
#ifndef UNIT_H
#define UNIT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK(expression)                                                                          \
    do {                                                                                           \
        if (!(expression)) {                                                                       \
            printf("FAIL %s:%d: %s\n", __FILE__, __LINE__, #expression);                           \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

#define CHECK_EQ(a, b)                                                                             \
    do {                                                                                           \
        long long left_ = (long long)(a), right_ = (long long)(b);                                 \
        if (left_ != right_) {                                                                     \
            printf("FAIL %s:%d: %s is %lld, %s is %lld\n", __FILE__, __LINE__, #a, left_, #b,      \
                   right_);                                                                        \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

/* The same numbers in every run (xorshift64*). */
static inline uint64_t unit_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

/* A size below `bound`. */
static inline size_t unit_below(uint64_t *state, size_t bound)
{
    return (size_t)(unit_random(state) % bound);
}

#endif
