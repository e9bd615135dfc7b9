/* SPDX-License-Identifier: MIT */
/* trace.c - writing traces, comparing them, and showing where two part. */
#include <stdarg.h>
#include <string.h>

#include "trace.h"

#if defined(__GNUC__)
__attribute__((format(printf, 3, 0)))
#endif
static void
add_line(struct trace *trace, const char *before, const char *format, va_list arguments)
{
    char line[1024];
    vsnprintf(line, sizeof line, format, arguments);
    size_t room = TRACE_ROOM - trace->length;
    int    length = snprintf(trace->text + trace->length, room, "%s%s\n", before, line);
    if ((size_t)length < room) { /* the room is far more than any script needs */
        trace->length += (size_t)length;
        return;
    }
    trace->text[trace->length] = '\0';
    trace->wrong++;
}

void trace_line(struct trace *trace, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add_line(trace, "", format, arguments);
    va_end(arguments);
}

void trace_wrong(struct trace *trace, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add_line(trace, TRACE_WRONG, format, arguments);
    va_end(arguments);
    trace->wrong++;
}

bool trace_same(const struct trace *a, const struct trace *b)
{
    return !a->wrong && !b->wrong && a->length == b->length &&
           memcmp(a->text, b->text, a->length) == 0;
}

/* The line at `at`, without its end; moves `at` behind it. Its length, or -1 behind the last. */
static int take_line(const struct trace *trace, size_t *at, const char **line)
{
    if (*at >= trace->length)
        return -1;
    *line = trace->text + *at;
    const char *end = memchr(*line, '\n', trace->length - *at);
    int         length = (int)(end ? end - *line : (long)(trace->length - *at));
    *at += (size_t)length + 1;
    return length;
}

static int first_different(const struct trace *a, const struct trace *b)
{
    size_t      at_a = 0, at_b = 0;
    const char *line_a = "", *line_b = "";
    for (int number = 0;; number++) {
        int length_a = take_line(a, &at_a, &line_a), length_b = take_line(b, &at_b, &line_b);
        if (length_a != length_b || (length_a >= 0 && memcmp(line_a, line_b, (size_t)length_a)))
            return number;
        if (length_a < 0)
            return -1;
    }
}

static void print_one(const struct trace *trace, const char *name, int marked, FILE *file)
{
    size_t      at = 0;
    const char *line;
    int         length, number = 0;
    fprintf(file, "trace on %s:\n", name);
    for (; (length = take_line(trace, &at, &line)) >= 0; number++)
        fprintf(file, "%s %.*s\n", number == marked ? "=>" : "  ", length, line);
    if (marked >= number)
        fprintf(file, "=> (it ends here)\n");
}

void trace_print_pair(const struct trace *a, const char *name_a, const struct trace *b,
                      const char *name_b, FILE *file)
{
    int marked = first_different(a, b);
    print_one(a, name_a, marked, file);
    print_one(b, name_b, marked, file);
}
