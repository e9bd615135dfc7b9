/* SPDX-License-Identifier: MIT */
/* generate.c - a script drawn from a seed. What the same world could answer in more than one way,
 * such as two writes to one place of a file at a time, is not drawn. */
#include <string.h>

#include "script.h"

#define SENT_MOST 12000 /* bytes one way: always less than the system holds */

/* What an act did to a file so far: what runs beside each other must not depend on the order. */
enum file_use { FILE_UNUSED, FILE_LOOKED_AT, FILE_READ_ON, FILE_TAKEN };

struct generator {
    struct script *script;
    uint64_t       random;
    uint8_t        act;
    uint32_t       sent[2 * LINKS_MAX];
    enum file_use  files[FILES_MAX]; /* in this act */
    uint8_t        file_tail[FILES_MAX];
    bool           file_opened[FILES_MAX];
};

static uint64_t draw(struct generator *g, uint64_t bound)
{
    g->random += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = g->random;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % bound;
}

static bool one_in(struct generator *g, unsigned n)
{
    return draw(g, n) == 0;
}

static struct step *add(struct generator *g, unsigned what, int place)
{
    struct script *script = g->script;
    struct step   *step = &script->steps[script->step_count++];
    *step = (struct step){.id = (uint8_t)script->step_count,
                          .act = g->act,
                          .what = (uint8_t)what,
                          .place = (int8_t)place};
    return step;
}

static bool is_op(const struct step *step)
{
    return step->what < WEIR_OP_KINDS;
}

/* Steps of a link follow others of that link, or ops of the loop, so that what one chain does has
 * one order on each engine. */
static void maybe_chain(struct generator *g, struct step *step, unsigned rarity)
{
    if (!one_in(g, rarity) || step->place == PLACE_NONE)
        return;
    for (unsigned tries = 0; tries < 4 && step->id > 1; tries++) {
        const struct step *root = &g->script->steps[draw(g, step->id - 1u)];
        if (is_op(root) && root->what != WEIR_OP_OPEN && !place_is_file(root->place) &&
            (link_of(root->place) == link_of(step->place) ||
             (root->place == PLACE_NONE && root->act == g->act))) {
            step->after = root->id;
            return;
        }
    }
}

static void cut(struct generator *g, struct step *step, uint32_t length)
{
    step->piece_count = (uint8_t)(1 + draw(g, PIECES_MOST));
    for (int i = 0; i + 1 < step->piece_count; i++) {
        uint32_t piece = one_in(g, 6) ? 0 : (uint32_t)draw(g, length + 1);
        step->pieces[i] = piece;
        length -= piece;
    }
    step->pieces[step->piece_count - 1] = length;
}

static uint32_t draw_length(struct generator *g)
{
    static const uint32_t most[] = {4, 40, 400, 1000};
    return one_in(g, 15) ? 0 : 1 + (uint32_t)draw(g, most[draw(g, 4)]);
}

/* ---- Links ----------------------------------------------------------------------------------- */

static int any_side(struct generator *g)
{
    return (int)draw(g, 2 * g->script->link_count);
}

static enum link_kind kind_of(const struct generator *g, int place)
{
    return g->script->links[place / 2];
}

/* Which of a pipe's ends makes sense; the other one is drawn too, now and then. */
static int side_for(struct generator *g, bool sends)
{
    int place = any_side(g);
    if (kind_of(g, place) == LINK_PIPE && !one_in(g, 12))
        return (place & ~1) | (sends ? 0 : 1);
    return place;
}

static struct step *add_pooled(struct generator *g, int place)
{
    bool         message = kind_of(g, place) == LINK_UDP ? one_in(g, 2) : one_in(g, 8);
    struct step *step = add(g, message ? WEIR_OP_RECV_MSG_POOLED : WEIR_OP_RECV_POOLED, place);
    step->variant = (one_in(g, 2) ? POOLED_KEPT : 0) | (one_in(g, 3) ? POOLED_SHARED : 0);
    step->flags = one_in(g, 2) ? WEIR_MULTISHOT : 0;
    step->piece_count = 1;
    step->pieces[0] =
        g->script->pools[step->variant & POOLED_SHARED ? LINKS_MAX : place / 2].buffer_size;
    return step;
}

/* One that was added before, or NULL. */
static const struct step *find_pooled(struct generator *g)
{
    const struct script *script = g->script;
    for (unsigned tries = 0; tries < 16 && script->step_count; tries++) {
        const struct step *step = &script->steps[draw(g, script->step_count)];
        if (step_is_pooled(step))
            return step;
    }
    return NULL;
}

/* Give-backs come at any time, or follow what is kept; the rest has its place at the beginning of
 * an act, before anything wants a buffer. */
static void add_pool_step(struct generator *g)
{
    static const uint8_t whats[] = {STEP_TAKE, STEP_QUOTA, STEP_QUOTA, STEP_POOL_CLOSE};
    const struct step   *root = find_pooled(g);
    if (!root)
        return;
    if (one_in(g, 2)) {
        struct step *step = add(g, STEP_GIVE, root->place);
        step->variant = root->variant & POOLED_SHARED;
        step->after = root->variant == POOLED_KEPT && one_in(g, 3) ? root->id : 0;
        return;
    }
    g->act++;
    memset(g->files, 0, sizeof g->files);
    struct step *step = add(g, whats[draw(g, sizeof whats)], root->place);
    if (step->what == STEP_QUOTA)
        step->number = (uint32_t)draw(g, 4);
    else
        step->variant = root->variant & POOLED_SHARED;
}

static void add_recv(struct generator *g)
{
    static const uint8_t whats[] = {WEIR_OP_RECV, WEIR_OP_RECV,  WEIR_OP_RECVV,
                                    WEIR_OP_READ, WEIR_OP_READV, WEIR_OP_RECV_MSG};
    int                  place = side_for(g, false);
    if (one_in(g, 3)) {
        maybe_chain(g, add_pooled(g, place), 4);
        return;
    }
    struct step *step = add(g, whats[draw(g, sizeof whats)], place);
    uint32_t     length = draw_length(g);
    bool         socket = kind_of(g, place) != LINK_PIPE;
    step->at = WEIR_STREAM;
    if (step->what == WEIR_OP_RECV || step->what == WEIR_OP_READ) {
        step->piece_count = 1;
        step->pieces[0] = length;
    } else {
        cut(g, step, length);
    }
    if (step->what != WEIR_OP_RECV_MSG && kind_of(g, place) != LINK_UDP && one_in(g, 3))
        step->flags |= WEIR_ALL;
    else if (step->what <= WEIR_OP_RECVV && (socket || one_in(g, 5)) && one_in(g, 5))
        step->flags |= WEIR_PEEK;
    if (one_in(g, 12))
        step->flags |= WEIR_BACKGROUND;
    maybe_chain(g, step, 4);
}

static void add_send(struct generator *g)
{
    static const uint8_t whats[] = {WEIR_OP_SEND,  WEIR_OP_SEND,   WEIR_OP_SENDV,
                                    WEIR_OP_WRITE, WEIR_OP_WRITEV, WEIR_OP_SEND_MSG};
    int                  place = side_for(g, true);
    uint32_t             length = draw_length(g);
    if (g->sent[place] + length > SENT_MOST)
        return;
    g->sent[place] += length;
    struct step *step = add(g, whats[draw(g, sizeof whats)], place);
    step->at = WEIR_STREAM;
    if (step->what == WEIR_OP_SEND || step->what == WEIR_OP_WRITE) {
        step->piece_count = 1;
        step->pieces[0] = length;
    } else {
        cut(g, step, length);
    }
    if (step->what != WEIR_OP_SEND_MSG && kind_of(g, place) != LINK_UDP && one_in(g, 2))
        step->flags |= WEIR_ALL;
    maybe_chain(g, step, 4);
}

static void add_poll(struct generator *g)
{
    static const uint32_t modes[] = {0, WEIR_ONESHOT, WEIR_LEVEL, WEIR_EDGE};
    static const uint32_t events[] = {
        WEIR_IN, WEIR_OUT, WEIR_IN | WEIR_OUT, WEIR_IN | WEIR_RDHUP, WEIR_RDHUP, 0};
    struct step *step = add(g, WEIR_OP_POLL, any_side(g));
    step->flags = modes[draw(g, 4)];
    step->number = events[draw(g, 6)];
    step->variant = (uint8_t)(1 + draw(g, 3));
    maybe_chain(g, step, 6);
}

static void add_connection(struct generator *g)
{
    int place = any_side(g);
    if (kind_of(g, place) != LINK_DIALLED) {
        maybe_chain(g, add(g, WEIR_OP_SHUTDOWN, place), 4);
        return;
    }
    if (one_in(g, 20))
        add(g, STEP_CLOSE, PLACE_LISTENERS + place / 2);
    else
        maybe_chain(g, add(g, place % 2 ? WEIR_OP_ACCEPT : WEIR_OP_CONNECT, place), 8);
}

/* In an act of its own: nothing else moves meanwhile. */
static void add_alone(struct generator *g)
{
    int place = side_for(g, true);
    if (kind_of(g, place) == LINK_UDP)
        return;
    g->act++;
    if (one_in(g, 2) && (kind_of(g, place) == LINK_PIPE || kind_of(g, place) == LINK_UNIX)) {
        add(g, STEP_STUFF, place);
    } else {
        struct step *step = add(g, STEP_PUMP, place);
        step->piece_count = 2;
        step->pieces[0] = 50000 + (uint32_t)draw(g, 200000);
        step->pieces[1] = 1 + (uint32_t)draw(g, 70000);
        step->flags = one_in(g, 2) ? WEIR_ALL : 0;
        step->variant = (uint8_t)draw(g, 4);
    }
    g->act++;
    memset(g->files, 0, sizeof g->files);
}

static void add_end(struct generator *g)
{
    int place = any_side(g);
    if (g->script->step_count < 20 && !one_in(g, 8))
        return; /* most links live for a while */
    struct step *step = add(g, one_in(g, 3) ? STEP_CLOSE_NOW : STEP_CLOSE, place);
    maybe_chain(g, step, 4);
}

static void add_wrong(struct generator *g)
{
    bool         loop = one_in(g, 3);
    struct step *step = add(g, STEP_WRONG, loop ? PLACE_NONE : any_side(g));
    step->variant = (uint8_t)draw(g, WRONG_CALLS);
    maybe_chain(g, step, 3);
}

static void add_try(struct generator *g)
{
    bool     sends = one_in(g, 2);
    int      place = side_for(g, sends);
    uint32_t length = draw_length(g);
    if (sends && g->sent[place] + length > SENT_MOST)
        return;
    struct step *step = add(g, sends ? STEP_TRY_SEND : STEP_TRY_RECV, place);
    step->piece_count = 1;
    step->pieces[0] = length;
    if (sends)
        g->sent[place] += length;
    else if (one_in(g, 3))
        step->flags = WEIR_PEEK;
}

/* ---- Cancelling ------------------------------------------------------------------------------ */

/* Whether the outcome is one of a few that the trace takes for one. A write to a file that may have
 * been made or not is none of those. */
static bool can_be_ended(const struct step *step)
{
    switch (step->what) {
    case WEIR_OP_NOP:
    case WEIR_OP_POST:
    case WEIR_OP_OPEN:
        return false;
    default:
        return is_op(step) && (!place_is_file(step->place) ||
                               (step->what == WEIR_OP_READ && step->at != WEIR_STREAM) ||
                               step->what == WEIR_OP_FSTAT);
    }
}

static bool sends(const struct step *step)
{
    return step->what == WEIR_OP_SEND || step->what == WEIR_OP_SENDV ||
           step->what == WEIR_OP_WRITE || step->what == WEIR_OP_WRITEV ||
           step->what == WEIR_OP_SEND_MSG || step->what == WEIR_OP_SHUTDOWN;
}

static void add_cancel(struct generator *g)
{
    unsigned count = g->script->step_count;
    if (!count)
        return;
    if (one_in(g, 6)) {
        add(g, STEP_CANCEL_ALL, any_side(g));
        return;
    }
    const struct step *target = &g->script->steps[count - 1 - draw(g, count < 8 ? count : 8)];
    if (!can_be_ended(target))
        return;
    struct step *step = add(g, one_in(g, 3) ? STEP_DEADLINE : STEP_CANCEL, target->place);
    step->target = target->id;
    step->at = one_in(g, 4) ? 0 : draw(g, 2 * WEIR_MILLISECOND);
    if (place_is_link(target->place) && !sends(target) && target->what != WEIR_OP_CONNECT &&
        target->what != WEIR_OP_ACCEPT)
        maybe_chain(g, step, 3);
}

/* ---- The loop -------------------------------------------------------------------------------- */

static void add_loop_op(struct generator *g)
{
    static const uint8_t whats[] = {WEIR_OP_NOP,  WEIR_OP_TIMER,  WEIR_OP_TIMER, WEIR_OP_POST,
                                    WEIR_OP_WORK, WEIR_OP_SIGNAL, STEP_RAISE,    STEP_STOP,
                                    STEP_WAKE,    WEIR_OP_RESOLVE};
    struct step         *step = add(g, whats[draw(g, sizeof whats)], PLACE_NONE);
    if (step->what == WEIR_OP_TIMER) {
        step->at = one_in(g, 4) ? 100 * WEIR_SECOND : step->id * 20 * WEIR_MICROSECOND;
        step->flags = one_in(g, 5) ? WEIR_BACKGROUND : 0;
    } else if (step->what == WEIR_OP_SIGNAL || step->what == STEP_RAISE) {
        step->number = 1 + (uint32_t)draw(g, 2);
        step->flags = step->what == WEIR_OP_SIGNAL && one_in(g, 3) ? WEIR_MULTISHOT : 0;
    } else if (step->what == STEP_STOP && step->id > 1 && is_op(&g->script->steps[step->id - 2])) {
        step->after = (uint8_t)(step->id - 1);
    }
}

/* ---- Files ----------------------------------------------------------------------------------- */

/* Whether a use of a file may stand beside what the act does to it already, or follows it. */
static bool use_file(struct generator *g, int file, enum file_use use, uint8_t *after)
{
    *after = 0;
    if (g->files[file] == FILE_UNUSED || (use == g->files[file] && use != FILE_TAKEN)) {
        g->files[file] = use;
        return true;
    }
    if (g->files[file] != FILE_TAKEN || !g->file_tail[file] || one_in(g, 2))
        return false;
    *after = g->file_tail[file];
    return true;
}

static void add_open(struct generator *g, int file)
{
    uint8_t after;
    if (!use_file(g, file, FILE_TAKEN, &after) || after)
        return;
    struct step *step = add(g, WEIR_OP_OPEN, PLACE_FILES + file);
    step->number = WEIR_OPEN_READ | WEIR_OPEN_WRITE | WEIR_OPEN_CREATE | 0600;
    if (one_in(g, 5))
        step->number |= WEIR_OPEN_EXCLUSIVE;
    if (one_in(g, 5))
        step->number |= WEIR_OPEN_APPEND;
    if (one_in(g, 5))
        step->number |= WEIR_OPEN_TRUNCATE;
    if (one_in(g, 8))
        step->number &= ~WEIR_OPEN_READ;
    else if (one_in(g, 8))
        step->number &= ~(WEIR_OPEN_WRITE | WEIR_OPEN_TRUNCATE | WEIR_OPEN_APPEND);
    step->variant = (uint8_t)(one_in(g, 6) ? 1 + draw(g, 4) : 0); /* another path */
    g->file_opened[file] = true;
    g->file_tail[file] = step->id;
}

static void add_file(struct generator *g)
{
    static const uint8_t whats[] = {
        WEIR_OP_READ,   WEIR_OP_READ,        WEIR_OP_READV, WEIR_OP_WRITE,    WEIR_OP_WRITE,
        WEIR_OP_WRITEV, WEIR_OP_FSTAT,       WEIR_OP_FSYNC, WEIR_OP_TRUNCATE, WEIR_OP_POLL,
        STEP_CLOSE,     WEIR_OP_PREALLOCATE, WEIR_OP_ADVISE};
    int file = (int)draw(g, FILES_MAX);
    if (!g->file_opened[file]) {
        add_open(g, file);
        return;
    }
    uint8_t  what = one_in(g, 12) ? WEIR_OP_OPEN : whats[draw(g, sizeof whats)], after;
    bool     reads = what == WEIR_OP_READ || what == WEIR_OP_READV;
    bool     writes = what == WEIR_OP_WRITE || what == WEIR_OP_WRITEV;
    uint64_t at = one_in(g, 3) ? WEIR_STREAM : draw(g, 3000);
    bool     looks = (reads && at != WEIR_STREAM) || what == WEIR_OP_FSTAT || what == WEIR_OP_POLL;
    if (what == WEIR_OP_OPEN) {
        add_open(g, file);
        return;
    }
    if (!use_file(g, file, looks ? FILE_LOOKED_AT : reads ? FILE_READ_ON : FILE_TAKEN, &after))
        return;
    struct step *step = add(g, what, PLACE_FILES + file);
    step->after = after;
    step->at = at;
    if (what == WEIR_OP_READ || what == WEIR_OP_WRITE) {
        step->piece_count = 1;
        step->pieces[0] = draw_length(g);
    } else if (reads || writes) {
        cut(g, step, draw_length(g));
    } else if (what == WEIR_OP_POLL) {
        step->number = WEIR_IN | WEIR_OUT;
        step->variant = 1;
    }
    if ((reads || writes) && one_in(g, 3))
        step->flags = WEIR_ALL;
    if (what == WEIR_OP_FSYNC && one_in(g, 2))
        step->flags = WEIR_DATA_ONLY;
    g->file_tail[file] = step->id;
}

/* ---- The whole ------------------------------------------------------------------------------- */

static void add_something(struct generator *g)
{
    uint64_t what = draw(g, 100);
    if (what < 24)
        add_recv(g);
    else if (what < 45)
        add_send(g);
    else if (what < 51)
        add_poll(g);
    else if (what < 58)
        add_connection(g);
    else if (what < 61)
        add_end(g);
    else if (what < 64)
        add_wrong(g);
    else if (what < 67)
        add_try(g);
    else if (what < 74)
        add_cancel(g);
    else if (what < 81)
        add_loop_op(g);
    else if (what < 91)
        add_file(g);
    else if (what < 97)
        add_pool_step(g);
    else
        add_alone(g);
}

static struct pool_plan draw_pool(struct generator *g)
{
    static const uint32_t sizes[] = {100, 300, 1000, 4096};
    struct pool_plan      pool = {.policy = (uint8_t)draw(g, 3),
                                  .count = (uint8_t)(1 + draw(g, 4)),
                                  .buffer_size = sizes[draw(g, 4)]};
    pool.count_max = (uint8_t)(pool.count * (pool.policy == WEIR_POOL_GROW ? 1 + draw(g, 3) : 1));
    return pool;
}

void script_generate(struct script *script, uint64_t seed)
{
    struct generator g = {.script = script, .random = seed * 7919};
    *script = (struct script){.seed = seed};
    script->link_count = 1 + (unsigned)draw(&g, LINKS_MAX);
    for (unsigned i = 0; i < script->link_count; i++)
        script->links[i] = (enum link_kind)draw(&g, LINK_KINDS);
    for (unsigned i = 0; i <= LINKS_MAX; i++)
        script->pools[i] = draw_pool(&g);
    script->foreign = one_in(&g, 2);
    script->waits = one_in(&g, 2);
    script->closes_loop = one_in(&g, 3);
    script->ring_entries = one_in(&g, 3) ? 2 : 0;
    unsigned wanted = 5 + (unsigned)draw(&g, STEPS_MAX - 8);
    for (unsigned tries = 0; script->step_count < wanted && tries < 200; tries++) {
        if (one_in(&g, 2)) {
            g.act++;
            memset(g.files, 0, sizeof g.files);
        }
        add_something(&g);
    }
}
