/* SPDX-License-Identifier: MIT */
/* load_win.c - the load's process: this program again, by a hidden word, since nothing forks here.
 * Its plan comes in the memory that it shares with who started it. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "cpus.h"
#include "system.h"
#include "win.h"

struct shared {
    struct load_plan   plan;
    struct load_report report;
};

static int start_with(struct load *load, HANDLE memory, const int control[2], const int status[2])
{
    char             numbers[3][32];
    const HANDLE     handles[3] = {memory, win_handle(control[0]), win_handle(status[1])};
    const char      *argv[] = {system_self(NULL), WIN_LOAD_ARGUMENT, numbers[0],
                               numbers[1],        numbers[2],        NULL};
    struct win_start start = {.argv = argv,
                              .flags = DETACHED_PROCESS,
                              .inherited = {handles[0], handles[1], handles[2]},
                              .cpu = -1};
    for (int i = 0; i < 3; i++)
        snprintf(numbers[i], sizeof numbers[i], "%lld", (long long)(intptr_t)handles[i]);
    load->pid = win_process_start(&start);
    if (load->pid > 0)
        return 0;
    load->pid = 0;
    return -1;
}

/* Both pipes are there, or one of them has -1 for its ends. */
static int start(struct load *load, HANDLE memory, const int control[2], const int status[2],
                 struct failure *why)
{
    if (control[0] < 0 || status[0] < 0)
        return fail(why, "no pipe for the load: %s", system_error());
    if (start_with(load, memory, control, status) < 0)
        return fail(why, "no process for the load: %s", system_error());
    return 0;
}

int load_start(struct load *load, const struct load_plan *plan, struct failure *why)
{
    int control[2] = {-1, -1}, status[2] = {-1, -1};
    *load = (struct load){.control = -1, .status = -1};
    HANDLE         memory = CreateFileMappingW(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0,
                                               sizeof(struct shared), NULL);
    struct shared *shared = memory ? MapViewOfFile(memory, FILE_MAP_WRITE, 0, 0, 0) : NULL;
    if (!shared) {
        fail(why, "no memory for the load: %s", system_error());
        if (memory)
            CloseHandle(memory);
        return -1;
    }
    shared->plan = *plan;
    load->report = &shared->report;
    if (system_pipe(control) == 0)
        load->control = control[1];
    if (system_pipe(status) == 0)
        load->status = status[0];
    int result = start(load, memory, control, status, why);
    CloseHandle(memory);
    if (control[0] >= 0)
        close(control[0]);
    if (status[1] >= 0)
        close(status[1]);
    return result;
}

void load_give_report(struct load_report *report)
{
    UnmapViewOfFile((char *)report - offsetof(struct shared, report));
}

static HANDLE handle_in(const char *word)
{
    return (HANDLE)(intptr_t)strtoll(word, NULL, 10);
}

int win_load_run(char **words)
{
    struct shared *shared = MapViewOfFile(handle_in(words[0]), FILE_MAP_WRITE, 0, 0, 0);
    int            control = _open_osfhandle((intptr_t)handle_in(words[1]), O_RDONLY | O_BINARY);
    int            status = _open_osfhandle((intptr_t)handle_in(words[2]), O_BINARY);
    if (!shared || control < 0 || status < 0)
        return 1;
    if (shared->plan.cpu >= 0 && cpus_pin(shared->plan.cpu) < 0)
        fail(&shared->report.failure, "the load could not be bound to CPU %d: %s", shared->plan.cpu,
             system_error());
    else
        client_run(&shared->plan, &shared->report, control, status);
    return shared->report.failure.sentence[0] ? 1 : 0;
}
