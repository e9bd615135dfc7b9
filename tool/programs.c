/* SPDX-License-Identifier: MIT */
/* programs.c - the programs that are measured, by name. */
#include "programs.h"

#include <stddef.h>
#include <string.h>

#include "command.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} programs[] = {
    {PROGRAM_EXAMPLE_ECHO, example_echo_main},
    {PROGRAM_HAND_EPOLL, hand_epoll_main},
    {PROGRAM_HAND_THREADS, hand_threads_main},
    {PROGRAM_READ_WEIR, read_weir_main},
    {PROGRAM_READ_BLOCKING, read_blocking_main},
    {PROGRAM_READ_URING, READ_URING_MAIN}, /* NULL in a build without liburing */
};

bool programs_has(const char *name)
{
    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++)
        if (strcmp(name, programs[i].name) == 0)
            return programs[i].run != NULL;
    return false;
}

int programs_run(int argc, char **argv)
{
    if (argc < 3 || strcmp(argv[1], PROGRAM_ARGUMENT) != 0)
        return -1;
    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++)
        if (strcmp(argv[2], programs[i].name) == 0 && programs[i].run)
            return programs[i].run(argc - 2, argv + 2);
    return say_usage("there is no program '%s' in the tool", argv[2]);
}
