/* SPDX-License-Identifier: MIT */
/* choice.c - which engines a comparison takes, and where its results go. */
#include "choice.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "measure/system.h"

enum { SPARE_DESCRIPTORS = 32 }; /* of server and load, beside their connections */

/* What a mechanism can hold at all, or can be asked to without wasting everybody's time. */
static const struct {
    const char *name;
    int         most;
    const char *why;
} caps[] = {
    {"threads", 1000, "a thread for each; weir starts at most 1,024 (options.threads_max)"},
    {"blocking", 4000, "a thread for each"},
    {"select", 1000, "it knows no descriptor from 1,024 on (FD_SETSIZE)"},
    {"spin", 2000, "it makes a system call for each, again and again"},
};

static const struct weir_engine_info *find_engine(const struct choice *c, const char *name,
                                                  size_t length)
{
    for (int i = 0; i < c->known_count; i++)
        if (strlen(c->known[i].name) == length && memcmp(c->known[i].name, name, length) == 0)
            return &c->known[i];
    return NULL;
}

static int say_unknown(const struct choice *c, const char *name, size_t length)
{
    char   list[512];
    size_t at = 0;
    for (int i = 0; i < c->known_count && at < sizeof list; i++)
        at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", i ? ", " : "",
                               c->known[i].name);
    return say_usage("--engines: there is no engine '%.*s'; weir knows %s", (int)length, name,
                     list);
}

/* Takes one engine into the comparison. An engine that was asked for by name must be allowed;
 * one of the default list is left out and told at the end. */
static int choose_engine(struct choice *c, bool asked, const char *name, size_t length)
{
    const struct weir_engine_info *engine = find_engine(c, name, length);
    if (!engine && !asked)
        return EXIT_DONE;
    if (!engine)
        return say_unknown(c, name, length);
    if (strcmp(engine->model, "simulation") == 0)
        return say_usage("--engines: %s simulates; there is nothing of it to measure",
                         engine->name);
    for (size_t i = 0; i < c->chosen_count; i++)
        if (c->chosen[i] == engine)
            return say_usage("--engines names %s twice", engine->name);
    if (engine->refused && asked)
        return say_failed("the engine %s is refused here: %s", engine->name, engine->reason);
    if (engine->refused)
        c->refused[c->refused_count++] = engine;
    else
        c->chosen[c->chosen_count++] = engine;
    return EXIT_DONE;
}

int choice_make(struct choice *c, const char *asked, const char *default_list)
{
    const char *list = asked ? asked : default_list;
    c->known_count = weir_engine_list(c->known, CHOICE_ROOM);
    if (c->known_count > CHOICE_ROOM)
        c->known_count = CHOICE_ROOM;
    for (;;) {
        size_t length = strcspn(list, ",");
        int    status = choose_engine(c, asked != NULL, list, length);
        if (status != EXIT_DONE)
            return status;
        if (list[length] == '\0')
            break;
        list += length + 1;
    }
    if (c->chosen_count == 0)
        return say_failed("no engine of the default list is allowed here; `weir engines` says why");
    return EXIT_DONE;
}

int choice_most(const char *name, const char **why)
{
    for (size_t i = 0; i < sizeof caps / sizeof caps[0]; i++)
        if (strcmp(caps[i].name, name) == 0) {
            *why = caps[i].why;
            return caps[i].most;
        }
    return INT32_MAX;
}

int choice_cap(struct choice *c, bool asked, int connections)
{
    size_t kept = 0;
    for (size_t i = 0; i < c->chosen_count; i++) {
        const struct weir_engine_info *engine = c->chosen[i];
        const char                    *why = NULL;
        int                            most = choice_most(engine->name, &why);
        if (connections <= most) {
            c->chosen[kept++] = engine;
            continue;
        }
        if (asked)
            return say_failed("%s is asked to hold at most %d connections, not %d: %s",
                              engine->name, most, connections, why);
        struct weir_engine_info *capped = &c->known[engine - c->known];
        snprintf(capped->reason, sizeof capped->reason, "It holds at most %d connections: %s.",
                 most, why);
        c->refused[c->refused_count++] = capped;
    }
    c->chosen_count = kept;
    return EXIT_DONE;
}

void choice_print_refused(const struct choice *c)
{
    for (size_t i = 0; i < c->refused_count; i++)
        printf("not measured: %s is refused here: %s\n", c->refused[i]->name,
               c->refused[i]->reason);
}

json_t *choice_json_refused(const struct choice *c)
{
    json_t *refused = json_array();
    for (size_t i = 0; i < c->refused_count; i++)
        json_array_append_new(refused, json_pack("{s:s, s:s}", "name", c->refused[i]->name,
                                                 "reason", c->refused[i]->reason));
    return refused;
}

int choice_ensure_descriptors(int connections, const char *option)
{
    uint64_t needed = (uint64_t)connections + SPARE_DESCRIPTORS, most = 0;
    if (system_allow_descriptors(needed, &most) == 0)
        return EXIT_DONE;
    return say_failed("%d connections need %llu file descriptors a process, but the hard limit is "
                      "%llu: raise it (ulimit -Hn %llu) or use fewer %s",
                      connections, (unsigned long long)needed, (unsigned long long)most,
                      (unsigned long long)needed, option);
}

int choice_check_writable(const char *path)
{
    if (!path || strcmp(path, "-") == 0)
        return EXIT_DONE;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd >= 0)
        unlink(path);
    else if (errno == EEXIST)
        fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return say_failed("the file %s cannot be written: %s", path, strerror(errno));
    close(fd);
    return EXIT_DONE;
}
