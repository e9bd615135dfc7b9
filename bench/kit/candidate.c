/* SPDX-License-Identifier: MIT */
/* candidate.c - finds the programs that are measured. */
#include "candidate.h"

#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int candidate_build(char *path, size_t length, struct failure *why)
{
    char    self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n < 0)
        return fail(why, "/proc/self/exe cannot be read");
    self[n] = '\0';
    if (snprintf(path, length, "%s", dirname(dirname(self))) >= (int)length)
        return fail(why, "the path of the build is too long");
    return 0;
}

void candidate_find(struct candidate *c, const char *build)
{
    int n = c->given ? snprintf(c->path, sizeof c->path, "%s", c->program)
                     : snprintf(c->path, sizeof c->path, "%s/%s", build, c->program);
    c->argv[0] = c->path;
    if (n >= (int)sizeof c->path)
        snprintf(c->refusal, sizeof c->refusal, "its path is too long");
    else if (!c->given && access(c->path, X_OK) < 0)
        snprintf(c->refusal, sizeof c->refusal,
                 "it was not built: its library was not found (docs/dependencies.md)");
}
