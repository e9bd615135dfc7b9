/* SPDX-License-Identifier: MIT */
/* script.c - a script as text, one line a step. */
#include <inttypes.h>

#include "script.h"

static const char *const link_names[LINK_KINDS] = {"tcp", "unix", "pipe", "udp", "dialled"};

const char *script_place_name(const struct script *script, int place, char *text, size_t room)
{
    if (place_is_link(place))
        snprintf(text, room, "%s%d.%c", link_names[script->links[place / 2]], place / 2,
                 place % 2 ? 'b' : 'a');
    else if (place_is_file(place))
        snprintf(text, room, "file%d", place - PLACE_FILES);
    else if (place >= PLACE_LISTENERS)
        snprintf(text, room, "listener%d", place - PLACE_LISTENERS);
    else
        snprintf(text, room, "loop");
    return text;
}

static const char *what_name(unsigned what)
{
    static const char *const own[] = {
        [STEP_CANCEL - WEIR_OP_KINDS] = "cancel",
        [STEP_CANCEL_ALL - WEIR_OP_KINDS] = "cancel-all",
        [STEP_DEADLINE - WEIR_OP_KINDS] = "deadline",
        [STEP_CLOSE - WEIR_OP_KINDS] = "close",
        [STEP_CLOSE_NOW - WEIR_OP_KINDS] = "close-now",
        [STEP_STOP - WEIR_OP_KINDS] = "stop",
        [STEP_WAKE - WEIR_OP_KINDS] = "wake",
        [STEP_RAISE - WEIR_OP_KINDS] = "raise",
        [STEP_TRY_RECV - WEIR_OP_KINDS] = "try-recv",
        [STEP_TRY_SEND - WEIR_OP_KINDS] = "try-send",
        [STEP_PUMP - WEIR_OP_KINDS] = "pump",
        [STEP_STUFF - WEIR_OP_KINDS] = "stuff",
        [STEP_WRONG - WEIR_OP_KINDS] = "wrong",
        [STEP_TAKE - WEIR_OP_KINDS] = "take",
        [STEP_GIVE - WEIR_OP_KINDS] = "give",
        [STEP_QUOTA - WEIR_OP_KINDS] = "quota",
        [STEP_POOL_CLOSE - WEIR_OP_KINDS] = "pool-close",
    };
    return what < WEIR_OP_KINDS ? weir_op_name((enum weir_op_kind)what) : own[what - WEIR_OP_KINDS];
}

static void print_flags(uint32_t flags, FILE *file)
{
    static const struct {
        uint32_t    flag;
        const char *name;
    } names[] = {
        {WEIR_BACKGROUND, "background"},
        {WEIR_ALL, "all"},
        {WEIR_MULTISHOT, "multishot"},
        {WEIR_LEVEL, "level"},
        {WEIR_EDGE, "edge"},
        {WEIR_ONESHOT, "oneshot"},
        {WEIR_PEEK, "peek"},
        {WEIR_DATA_ONLY, "data-only"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (flags & names[i].flag)
            fprintf(file, " %s", names[i].name);
}

static bool is_about_pool(const struct step *step)
{
    return step_is_pooled(step) || step->what == STEP_TAKE || step->what == STEP_GIVE ||
           step->what == STEP_POOL_CLOSE;
}

void script_print_step(const struct script *script, const struct step *step, FILE *file)
{
    char name[24];
    fprintf(file, "#%-2d ", step->id);
    if (step->after)
        fprintf(file, "after #%d: ", step->after);
    else
        fprintf(file, "act %d: ", step->act);
    fprintf(file, "%s %s", what_name(step->what),
            script_place_name(script, step->place, name, sizeof name));
    if (step->target)
        fprintf(file, " of #%d", step->target);
    for (int i = 0; i < step->piece_count; i++)
        fprintf(file, "%s%" PRIu32, i ? "+" : " ", step->pieces[i]);
    if (step->piece_count)
        fprintf(file, " bytes");
    if (place_is_file(step->place) && step->at == WEIR_STREAM)
        fprintf(file, " at its position");
    else if (place_is_file(step->place) && step->piece_count)
        fprintf(file, " at %" PRIu64, step->at);
    if (step->what == WEIR_OP_TIMER || step->what == STEP_DEADLINE)
        fprintf(file, " %" PRIu64 " us", step->at / WEIR_MICROSECOND);
    print_flags(step->flags, file);
    if (step->number)
        fprintf(file, " 0x%" PRIx32, step->number);
    if (is_about_pool(step))
        fprintf(file, "%s%s", step->variant & POOLED_SHARED ? " shared" : "",
                step->variant & POOLED_KEPT ? " kept" : "");
    else if (step->variant)
        fprintf(file, " variant %d", step->variant);
    fputc('\n', file);
}

static void print_pool(const struct pool_plan *pool, FILE *file)
{
    static const char *const policies[] = {"wait", "fail", "grow"};
    fprintf(file, "%d..%d of %" PRIu32 " %s", pool->count, pool->count_max, pool->buffer_size,
            policies[pool->policy]);
}

void script_print(const struct script *script, FILE *file)
{
    fprintf(file, "script of seed %" PRIu64 ": %u steps;", script->seed, script->step_count);
    for (unsigned i = 0; i < script->link_count; i++)
        fprintf(file, " %s%u", link_names[script->links[i]], i);
    fprintf(file, ", descriptors %s, %s, ends by closing %s",
            script->foreign ? "block" : "do not block", script->waits ? "waits" : "looks",
            script->closes_loop ? "the loop" : "each handle");
    if (script->ring_entries)
        fprintf(file, ", %u entries", script->ring_entries);
    fprintf(file, "\npools: ");
    for (unsigned i = 0; i < script->link_count; i++) {
        print_pool(&script->pools[i], file);
        fprintf(file, ", ");
    }
    print_pool(&script->pools[LINKS_MAX], file);
    fprintf(file, " shared\n");
    for (unsigned i = 0; i < script->step_count; i++)
        script_print_step(script, &script->steps[i], file);
}
