/* SPDX-License-Identifier: MIT */
/* fio.c - runs fio and reads its JSON. */
#include "fio.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../tool/measure/cpus.h"

extern char **environ;

enum { WORDS = 18, WORD_LENGTH = 4200 };

/* Starts it with its output in a pipe; the pipe's end to read, or -1. */
static int start(const struct reader_plan *plan, uint64_t window_ns, pid_t *pid)
{
    static char                text[4][WORD_LENGTH];
    posix_spawn_file_actions_t actions;
    int                        ends[2], failed;
    snprintf(text[0], WORD_LENGTH, "--filename=%s", plan->path);
    snprintf(text[1], WORD_LENGTH, "--iodepth=%u", plan->depth);
    snprintf(text[2], WORD_LENGTH, "--runtime=%gs",
             window_ns > NS_PER_S ? (double)window_ns / 1e9 : 1);
    snprintf(text[3], WORD_LENGTH, "--cpus_allowed=%d", cpus_from_last(0));
    const char *argv[WORDS] = {"fio",
                               "--name=weir-bench",
                               "--readonly",
                               "--rw=randread",
                               "--bs=4096",
                               "--ioengine=io_uring",
                               "--norandommap",
                               "--invalidate=0",
                               "--time_based",
                               "--output-format=json",
                               plan->direct ? "--direct=1" : "--direct=0",
                               text[0],
                               text[1],
                               text[2],
                               text[3],
                               NULL};
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -1;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    failed = posix_spawnp(pid, "fio", &actions, NULL, (char *const *)(uintptr_t)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (!failed)
        return ends[0];
    close(ends[0]);
    return -1;
}

/* CPU time is told in percent of one CPU. */
static void read_job(struct beside *beside, json_t *document)
{
    json_t *job = json_array_get(json_object_get(document, "jobs"), 0);
    double  user = json_number_value(json_object_get(job, "usr_cpu"));
    double  system = json_number_value(json_object_get(job, "sys_cpu"));
    beside->rate = json_number_value(json_object_get(json_object_get(job, "read"), "iops"));
    if (beside->rate > 0)
        beside->cpu_us = (user + system) / 100 * 1e6 / beside->rate;
}

void fio_read(struct beside *beside, const struct reader_plan *plan, uint64_t window_ns)
{
    pid_t pid = -1;
    int   fd = start(plan, window_ns, &pid);
    *beside = (struct beside){.name = "fio, io_uring"};
    if (fd < 0) {
        beside->why = "fio is not installed";
        return;
    }
    FILE   *file = fdopen(fd, "r");
    json_t *document = file ? json_loadf(file, JSON_DISABLE_EOF_CHECK, NULL) : NULL;
    if (file)
        fclose(file);
    waitpid(pid, NULL, 0);
    read_job(beside, document);
    json_decref(document);
    if (beside->rate <= 0)
        beside->why = "fio told nothing";
}
