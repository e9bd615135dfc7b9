/* SPDX-License-Identifier: MIT */
/* pick.c - every mechanism by name, in the order of preference, and the choice among them. */
#include <stdlib.h>
#include <string.h>

#include "engine.h"

extern const struct engine engine_sim;
#ifdef _WIN32
extern const struct engine engine_iocp;
#else
extern const struct engine engine_poll, engine_posix_aio, engine_select, engine_spin;
extern const struct engine engine_threads;
#endif
#ifdef __linux__
extern const struct engine engine_uring, engine_epoll, engine_epoll_et, engine_epoll_oneshot;
extern const struct engine engine_linux_aio, engine_sigio;
#endif
#ifdef WEIR_HAVE_KQUEUE
extern const struct engine engine_kqueue, engine_kqueue_et, engine_kqueue_oneshot;
#endif

/* Best first. A mechanism that is not in this build says why. */
struct known {
    const char          *name, *model;
    const struct engine *engine;
    const char          *absent;
};

#ifdef __linux__
#define ON_LINUX(engine) &(engine), NULL
#else
#define ON_LINUX(engine) NULL, "it is a mechanism of Linux"
#endif

#ifdef WEIR_HAVE_KQUEUE
#define WITH_KQUEUE(engine) &(engine), NULL
#else
#define WITH_KQUEUE(engine) NULL, "it is a mechanism of macOS and the BSDs"
#endif

#ifdef _WIN32
#define ON_WINDOWS(engine) &(engine), NULL
#define ON_POSIX(engine) NULL, "it is a mechanism of POSIX systems"
#else
#define ON_WINDOWS(engine) NULL, "it is a mechanism of Windows"
#define ON_POSIX(engine) &(engine), NULL
#endif

static const struct known known[] = {
    {"io_uring", "completion", ON_LINUX(engine_uring)},
    {"epoll", "readiness", ON_LINUX(engine_epoll)},
    {"epoll-et", "readiness", ON_LINUX(engine_epoll_et)},
    {"epoll-oneshot", "readiness", ON_LINUX(engine_epoll_oneshot)},
    {"kqueue", "readiness", WITH_KQUEUE(engine_kqueue)},
    {"kqueue-et", "readiness", WITH_KQUEUE(engine_kqueue_et)},
    {"kqueue-oneshot", "readiness", WITH_KQUEUE(engine_kqueue_oneshot)},
    {"iocp", "completion", ON_WINDOWS(engine_iocp)},
    {"poll", "readiness", ON_POSIX(engine_poll)},
    {"select", "readiness", ON_POSIX(engine_select)},
    {"linux-aio", "completion", ON_LINUX(engine_linux_aio)},
    {"threads", "threads", ON_POSIX(engine_threads)},
    {"posix-aio", "completion", ON_POSIX(engine_posix_aio)},
    {"sigio", "readiness", ON_LINUX(engine_sigio)},
    {"spin", "readiness", ON_POSIX(engine_spin)},
    {"sim", "simulation", &engine_sim, NULL},
};
#define KNOWN (int)(sizeof known / sizeof known[0])

int loop_refuse(char *reason, int error, const char *sentence)
{
    snprintf(reason, sizeof((struct weir_engine_info *)0)->reason, "%s: %s (%s).", sentence,
             weir_error_text(error), weir_error_name(error));
    return error;
}

/* 0 and the loop has the engine; else it has none, and `info` says why. */
static int open_engine(struct weir_loop *loop, const struct known *entry,
                       const struct weir_options *options, struct weir_engine_info *info)
{
    *info = (struct weir_engine_info){.name = entry->name, .model = entry->model};
    if (!entry->engine) {
        snprintf(info->reason, sizeof info->reason, "Not here: %s.", entry->absent);
        return info->refused = WEIR_ENOTSUP;
    }
    loop->engine = entry->engine;
    loop->sys = entry->engine->sys;
    info->refused = entry->engine->open(loop, options, info->reason);
    if (info->refused)
        loop->engine = NULL;
    return info->refused;
}

static bool may_be_default(const struct known *entry)
{
    return entry->engine && !(entry->engine->traits & ENGINE_BY_NAME);
}

int loop_open_below(struct weir_loop *loop, const struct weir_options *options, char *reason)
{
    int error = WEIR_ENOTSUP;
    for (int i = 0; i < KNOWN; i++) {
        const struct engine *engine = known[i].engine;
        if (!engine || engine->traits != ENGINE_READINESS || engine->start != ready_start)
            continue;
        error = engine->open(loop, options, reason);
        if (error)
            continue;
        loop->below = engine;
        reason[0] = '\0'; /* of a better one that was refused */
        return 0;
    }
    return error;
}

static void remember(struct weir_loop *loop, const struct weir_engine_info *info)
{
    if (loop->refusal_count < REFUSALS_MAX)
        loop->refusals[loop->refusal_count++] = *info;
    loop_log(loop, WEIR_LOG_NOTICE, "Engine %s is refused. %s", info->name, info->reason);
}

/* NULL: the best. */
static const char *asked_for(const struct weir_options *options)
{
    const char *asked = options->engine ? options->engine : getenv("WEIR_ENGINE");
    return asked && *asked ? asked : NULL;
}

bool pick_is_simulated(const struct weir_options *options)
{
    const char *asked = asked_for(options);
    return asked && strcmp(asked, engine_sim.name) == 0;
}

int pick_engine(struct weir_loop *loop, const struct weir_options *options)
{
    const char             *asked = asked_for(options);
    struct weir_engine_info info;
    int                     error = WEIR_ENOENGINE;
    for (int i = 0; i < KNOWN; i++) {
        if (asked ? strcmp(asked, known[i].name) != 0 : !may_be_default(&known[i]))
            continue;
        if (!open_engine(loop, &known[i], options, &info))
            return 0;
        remember(loop, &info);
        bool no_room = info.refused == WEIR_ENOMEM || info.refused == WEIR_EMFILE ||
                       info.refused == WEIR_ENFILE;
        error = no_room ? info.refused : WEIR_ENOENGINE;
    }
    return error;
}

/* A loop that is only opened to be asked; NULL without memory. */
static int probe(const struct known *entry, struct weir_engine_info *info)
{
    struct weir_loop   *loop = NULL;
    struct weir_options options = {.engine = entry->name};
    *info = (struct weir_engine_info){.name = entry->name, .model = entry->model};
    if (!entry->engine) {
        snprintf(info->reason, sizeof info->reason, "Not here: %s.", entry->absent);
        return info->refused = WEIR_ENOTSUP;
    }
    int error = loop_open_with_reason(&loop, &options, info);
    if (error && !info->refused)
        info->refused = error;
    if (loop)
        weir_loop_close(loop, WEIR_FOREVER);
    return info->refused;
}

int weir_engine_list(struct weir_engine_info *engines, size_t room)
{
    bool found = false;
    for (size_t i = 0; i < (size_t)KNOWN && i < room; i++) {
        if (probe(&known[i], &engines[i]) || found || !may_be_default(&known[i]))
            continue;
        found = engines[i].is_default = true;
        snprintf(engines[i].reason, sizeof engines[i].reason,
                 "The first in weir's order of preference that this machine allows.");
    }
    return KNOWN;
}

int weir_query(const char *engine, enum weir_op_kind op, enum weir_handle_kind handle)
{
    for (int i = 0; i < KNOWN; i++) {
        if (strcmp(known[i].name, engine) != 0)
            continue;
        if (!known[i].engine || (unsigned)op >= WEIR_OP_KINDS ||
            (unsigned)handle >= WEIR_HANDLE_KINDS)
            return WEIR_SUPPORT_NO;
        return known[i].engine->query(op, handle);
    }
    return WEIR_ENOENGINE;
}
