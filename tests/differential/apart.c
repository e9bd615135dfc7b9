/* SPDX-License-Identifier: MIT */
/* apart.c - one script on one engine in a child process: nothing that it leaves behind, and no way
 * in which it fails, reaches the next. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "apart.h"
#include "far.h"

#define LIMIT_SECONDS 20

static const char *far_command; /* borrowed */

void apart_reach(const char *command)
{
    far_command = command;
}

static struct trace *trace_of(int slot)
{
    static struct trace *traces[2];
    if (!traces[slot]) {
        void *memory = mmap(NULL, sizeof(struct trace), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) {
            perror("mmap");
            exit(3);
        }
        traces[slot] = memory;
    }
    traces[slot]->length = traces[slot]->wrong = 0;
    traces[slot]->text[0] = '\0';
    return traces[slot];
}

/* The files of a run are few, and in one folder. */
static void remove_files(const char *path)
{
    DIR *folder = opendir(path);
    if (!folder)
        return;
    for (const struct dirent *entry; (entry = readdir(folder));) {
        bool itself = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
        if (!itself && unlinkat(dirfd(folder), entry->d_name, 0) < 0)
            unlinkat(dirfd(folder), entry->d_name, AT_REMOVEDIR);
    }
    closedir(folder);
    rmdir(path);
}

static _Noreturn void be_child(const struct script *script, const char *engine, enum plant plant,
                               struct trace *trace, const char *path)
{
    static struct run run;
    signal(SIGALRM, SIG_DFL);
    alarm(LIMIT_SECONDS);
    if (chdir(path) < 0)
        _exit(3);
    if (strcmp(engine, FAR_ENGINE) == 0)
        far_be(script, plant, far_command);
    run = (struct run){.script = script, .trace = trace, .plant = plant};
    run_script(&run, engine);
    _exit(0);
}

const struct trace *apart_run(const struct script *script, const char *engine, enum plant plant,
                              int slot)
{
    char          path[] = "/tmp/weir-differential-XXXXXX";
    struct trace *trace = trace_of(slot);
    int           status;
    if (!mkdtemp(path)) {
        perror(path);
        exit(3);
    }
    fflush(NULL);
    pid_t child = fork();
    if (child < 0) {
        perror("fork");
        exit(3);
    }
    if (!child)
        be_child(script, engine, plant, trace, path);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (strcmp(engine, FAR_ENGINE) == 0)
        far_read(trace, path);
    if (WIFSIGNALED(status))
        trace_wrong(trace, "the process was ended by signal %d (%s)", WTERMSIG(status),
                    strsignal(WTERMSIG(status)));
    else if (WEXITSTATUS(status))
        trace_wrong(trace, "the process ended with status %d", WEXITSTATUS(status));
    remove_files(path);
    return trace;
}

bool apart_differ(const struct script *script, const char *const engines[2], enum plant plant)
{
    const struct trace *first = apart_run(script, engines[0], PLANT_NOTHING, 0);
    return !trace_same(first, apart_run(script, engines[1], plant, 1));
}
