/* SPDX-License-Identifier: MIT */
/* far.c - scripts for an engine of Windows: fitted to what is there, handed to a program, and its
 * trace read. The script goes as it lies in memory: both are programs of the same sizes. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "far.h"

/* ---- Fitting --------------------------------------------------------------------------------- */

/* Pairs of TCP sockets stand for those that Wine has not. */
static void fit_links(struct script *script)
{
    for (unsigned i = 0; i < script->link_count; i++)
        if (script->links[i] == LINK_UNIX)
            script->links[i] = LINK_TCP;
}

static bool is_of_pipe(const struct script *script, const struct step *step)
{
    return place_is_link(step->place) && script->links[step->place / 2] == LINK_PIPE;
}

/* A way is never full there (Wine finds room again), a signal comes from a console, which a program
 * in a test has not, and space is not set aside. A pipe does not tell whether it has room. */
static bool is_lacking(const struct script *script, const struct step *step)
{
    if (step->what == STEP_STUFF || step->what == STEP_RAISE || step->what == WEIR_OP_PREALLOCATE)
        return true;
    if (!is_of_pipe(script, step))
        return false;
    return step->what == STEP_TRY_SEND ||
           (step->what == WEIR_OP_POLL && (step->number != WEIR_IN || step->place % 2 == 0));
}

#define THROUGH_A_RING 3 /* of links; Windows lets few users make one */
#define THROUGH_NOTHING 2

/* A pipe takes one piece of a vector at a time, and a write to one that ends early does not tell
 * what was read of it. */
static void fit_to_pipe(struct step *step)
{
    if (step->what == WEIR_OP_SENDV || step->what == WEIR_OP_WRITEV)
        step->flags |= WEIR_ALL;
    if (step->what == STEP_PUMP)
        step->variant = 0;
}

/* Wine tells an end when what came before it was read. */
static struct step fit_step(const struct script *script, const struct step *step)
{
    struct step fitted = *step;
    if (is_of_pipe(script, step))
        fit_to_pipe(&fitted);
    if (step->what == WEIR_OP_OPEN && step->variant == THROUGH_A_RING)
        fitted.variant = THROUGH_NOTHING;
    if (step->what == WEIR_OP_POLL)
        fitted.number &= ~(uint32_t)WEIR_RDHUP;
    return fitted;
}

/* Steps that follow one that is left out are left out, too. */
void far_fit(struct script *script)
{
    bool     gone[STEPS_MAX + 1] = {false};
    unsigned count = 0;
    script->fitted = true;
    fit_links(script);
    for (unsigned i = 0; i < script->step_count; i++) {
        struct step step = fit_step(script, &script->steps[i]);
        gone[step.id] = is_lacking(script, &step) || gone[step.after] || gone[step.target];
        if (!gone[step.id])
            script->steps[count++] = step;
    }
    script->step_count = count;
}

/* ---- Running --------------------------------------------------------------------------------- */

static void put_in_place(const char *path, int flags, int descriptor)
{
    int fd = open(path, flags, 0600);
    if (fd < 0 || dup2(fd, descriptor) < 0)
        _exit(3);
    close(fd);
}

_Noreturn void far_be(const struct script *script, enum plant plant, const char *command)
{
    char  line[1024];
    FILE *file = fopen("script", "wb");
    if (!file || fwrite(script, sizeof *script, 1, file) != 1 ||
        fwrite(&plant, sizeof plant, 1, file) != 1 || fclose(file) != 0)
        _exit(3);
    put_in_place("script", O_RDONLY, STDIN_FILENO);
    put_in_place("trace", O_WRONLY | O_CREAT | O_TRUNC, STDOUT_FILENO);
    snprintf(line, sizeof line, "exec %s", command);
    execl("/bin/sh", "sh", "-c", line, (char *)NULL);
    _exit(3);
}

void far_read(struct trace *trace, const char *folder)
{
    char  path[256];
    FILE *file;
    snprintf(path, sizeof path, "%s/trace", folder);
    file = fopen(path, "rb");
    if (!file) {
        trace_wrong(trace, "the program left no trace");
        return;
    }
    trace->length = fread(trace->text, 1, TRACE_ROOM - 1, file);
    trace->text[trace->length] = '\0';
    fclose(file);
    for (const char *at = trace->text; (at = strstr(at, TRACE_WRONG)); at++)
        trace->wrong++;
}
