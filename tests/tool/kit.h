/* SPDX-License-Identifier: MIT */
/* kit.h - what the tests of the measuring kit share: an expectation with a sentence. */
#ifndef TESTS_TOOL_KIT_H
#define TESTS_TOOL_KIT_H

#include <stdio.h>

static int kit_failures;

/* Says what was expected when it is not so, and goes on. */
#define expect(ok, ...)                                                                            \
    do {                                                                                           \
        if (!(ok)) {                                                                               \
            kit_failures++;                                                                        \
            printf("%s:%d: expected %s: ", __FILE__, __LINE__, #ok);                               \
            printf(__VA_ARGS__);                                                                   \
            putchar('\n');                                                                         \
        }                                                                                          \
    } while (0)

#endif
