/* SPDX-License-Identifier: MIT */
/* failure.h - why something could not be measured, as one sentence for a person. */
#ifndef MEASURE_FAILURE_H
#define MEASURE_FAILURE_H

#include <stdarg.h>
#include <stdio.h>

struct failure {
    char sentence[512];
};

/* Keeps the first sentence, since what follows a failure is mostly its echo. Returns -1, so that
 * a function can end with `return fail(why, ...)`. */
__attribute__((format(printf, 2, 3))) static inline int fail(struct failure *why,
                                                             const char     *format, ...)
{
    if (why->sentence[0] == '\0') {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(why->sentence, sizeof why->sentence, format, arguments);
        va_end(arguments);
    }
    return -1;
}

#endif
