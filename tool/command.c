/* SPDX-License-Identifier: MIT */
/* command.c - dispatch to subcommands, sentences to the user, values of options. */
#include "command.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__((format(printf, 1, 0))) static void say(const char *format, va_list arguments)
{
    fputs("weir: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

int say_failed(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
    return EXIT_FAILED;
}

int say_usage(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
    return EXIT_USAGE;
}

int say_bad_option(const char *called, char **argv, int answer)
{
    const char *word = argv[optind - 1];
    if (answer == ':')
        return say_usage("the option %s needs a value; see `%s --help`", word, called);
    /* A short option may stand inside a word; a long one is the word. */
    if (optopt != 0 && strncmp(word, "--", 2) != 0)
        return say_usage("there is no option -%c; see `%s --help`", optopt, called);
    if (optopt != 0)
        return say_usage("the option %.*s takes no value; see `%s --help`", (int)strcspn(word, "="),
                         word, called);
    return say_usage("there is no option %s; see `%s --help`", word, called);
}

void command_list(const struct command *commands)
{
    for (const struct command *c = commands; c->name; c++)
        printf("  %-10s %s\n", c->name, c->summary);
}

int command_run(const struct command *commands, const char *called, int argc, char **argv)
{
    for (const struct command *c = commands; c->name; c++)
        if (strcmp(argv[1], c->name) == 0)
            return c->run(argc - 1, argv + 1);
    return say_usage("there is no `%s %s`; see `%s --help`", called, argv[1], called);
}

char *cut_word(char **list)
{
    char *word = *list, *comma = word ? strchr(word, ',') : NULL;
    *list = comma ? comma + 1 : NULL;
    if (comma)
        *comma = '\0';
    return word;
}

bool read_count(const char *option, const char *text, long long min, long long max,
                long long *count)
{
    char *end;
    errno = 0;
    *count = strtoll(text, &end, 10);
    if (errno == 0 && end != text && *end == '\0' && *count >= min && *count <= max)
        return true;
    say_usage("%s takes a whole number from %lld to %lld, not '%s'", option, min, max, text);
    return false;
}

bool read_seconds(const char *option, const char *text, double min, double max, double *seconds)
{
    char *end;
    *seconds = strtod(text, &end);
    if (end != text && *end == '\0' && *seconds >= min && *seconds <= max)
        return true;
    say_usage("%s takes seconds from %g to %g, not '%s'", option, min, max, text);
    return false;
}
