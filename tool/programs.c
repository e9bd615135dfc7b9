/* SPDX-License-Identifier: MIT */
/* programs.c - the programs that are measured, by name. */
#include "programs.h"

#include <stddef.h>
#include <string.h>

#include "command.h"
#include "measure/process.h"
#include "measure/system.h"

/* NULL for what this build does not have. */
static struct program {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *port;    /* of a server */
    const char *argv[5]; /* filled when it is asked for */
} programs[] = {
    {PROGRAM_EXAMPLE_ECHO, example_echo_main, "0", {0}},
    {PROGRAM_HAND_EPOLL, HAND_EPOLL_MAIN, "0", {0}},
    {PROGRAM_HAND_KQUEUE, HAND_KQUEUE_MAIN, "0", {0}},
    {PROGRAM_HAND_THREADS, hand_threads_main, "0", {0}},
    {PROGRAM_READ_WEIR, READ_WEIR_MAIN, NULL, {0}},
    {PROGRAM_READ_BLOCKING, READ_BLOCKING_MAIN, NULL, {0}},
    {PROGRAM_READ_URING, READ_URING_MAIN, NULL, {0}},
};

static const char *self;

/* NULL when there is none in this build. */
static struct program *find(const char *name)
{
    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++)
        if (strcmp(name, programs[i].name) == 0 && programs[i].run)
            return &programs[i];
    return NULL;
}

bool programs_has(const char *name)
{
    return find(name) != NULL;
}

const char *const *programs_command(const char *name)
{
    struct program *program = find(name);
    program->argv[0] = self;
    program->argv[1] = PROGRAM_ARGUMENT;
    program->argv[2] = program->name;
    program->argv[3] = program->port;
    return program->argv;
}

int programs_run(int argc, char **argv)
{
    int hidden = process_hidden(argc, argv);
    if (hidden >= 0)
        return hidden;
    self = system_self(argv[0]);
    if (argc < 3 || strcmp(argv[1], PROGRAM_ARGUMENT) != 0)
        return -1;
    struct program *program = find(argv[2]);
    if (program)
        return program->run(argc - 2, argv + 2);
    return say_usage("there is no program '%s' in the tool", argv[2]);
}
