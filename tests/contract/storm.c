/* SPDX-License-Identifier: MIT */
/* storm.c - everything at once, drawn at random: ops, cancels, deadlines and closes at any moment,
 * over every kind of stream, while each stream must deliver exactly what was told to be sent. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contract.h"

#define LINKS 12
#define BUFFER 8192
#define QUEUE 3
#define POOLED 3

/* One way between two handles: what was told to be sent is what comes out, in order. */
struct lane {
    struct storm       *storm;
    struct weir_handle *from, *to;
    struct weir_op      send, recvs[QUEUE];
    char               *out, *in[QUEUE]; /* guarded; sealed while the kernel may only read */
    uint64_t            sent, received;  /* bytes told so */
    unsigned            seed;
    bool                send_live, recv_live[QUEUE], out_sealed;
};

struct link {
    struct weir_handle a, b;
    struct lane        lanes[2];
    struct weir_op     polls[2];
    int                lane_count; /* 1 for a pipe */
    bool               open;
};

struct storm {
    struct contract *c;
    uint64_t         random;
    struct link      links[LINKS];
    struct weir_op   timers[4], nops[4], posts[4];
    uint64_t         moved;
    /* Of few buffers, one of which is often out for a while, with what was told to lie in it. */
    struct weir_pool *pool;
    struct weir_buf   kept;
    uint64_t          kept_at;
    unsigned          kept_seed;
};

static uint64_t draw(struct storm *s, uint64_t bound)
{
    s->random ^= s->random >> 12;
    s->random ^= s->random << 25;
    s->random ^= s->random >> 27;
    return s->random * UINT64_C(2685821657736338717) % bound;
}

/* What cancels, deadlines and closes may bring about; EBADF is an op on a side that was closed. */
static void check_end(const struct weir_op *op)
{
    switch (op->result) {
    case WEIR_ECANCELED:
    case WEIR_EDEADLINE:
    case WEIR_EPIPE:
    case WEIR_ECONNRESET:
    case WEIR_EBADF:
        return;
    default:
        contract_fail(__FILE__, __LINE__, "a %s ended %s", weir_op_name(op->kind),
                      weir_error_name(op->result));
    }
}

static void on_sent(struct weir_op *op)
{
    struct lane *lane = op->user;
    contract_unseal(lane->storm->c, lane->out);
    lane->send_live = false;
    if (op->result < 0)
        check_end(op);
    else
        lane->sent += (uint64_t)op->result;
}

static void give_kept(struct storm *s)
{
    if (!s->kept.data)
        return;
    CHECK(contract_filled(s->kept.data, s->kept.length, s->kept_at, s->kept_seed));
    CHECK_EQ(weir_pool_give(s->pool, s->kept.data), 0);
    CHECK_EQ(weir_pool_give(s->pool, s->kept.data), WEIR_EINVAL);
    s->kept.data = NULL;
}

static void on_pooled(struct weir_op *op)
{
    struct lane    *lane = op->user;
    struct storm   *s = lane->storm;
    struct weir_buf piece;
    lane->recv_live[op - lane->recvs] = op->more;
    CHECK_EQ(weir_pooled(op, &piece, 1), op->result > 0);
    if (op->result <= 0) {
        if (op->result < 0)
            check_end(op);
        return;
    }
    CHECK_EQ(piece.length, op->result);
    CHECK(contract_filled(piece.data, piece.length, lane->received, lane->seed));
    give_kept(s);
    s->kept = piece;
    s->kept_at = lane->received;
    s->kept_seed = lane->seed;
    lane->received += (uint64_t)op->result;
    s->moved += (uint64_t)op->result;
}

static void on_received(struct weir_op *op)
{
    struct lane *lane = op->user;
    int          slot = (int)(op - lane->recvs);
    lane->recv_live[slot] = false;
    if (op->result < 0) {
        check_end(op);
        return;
    }
    CHECK(contract_filled(lane->in[slot], (size_t)op->result, lane->received, lane->seed));
    lane->received += (uint64_t)op->result;
    lane->storm->moved += (uint64_t)op->result;
}

static void open_link(struct storm *s, struct link *link)
{
    struct contract *c = s->c;
    uint64_t         kind = draw(s, 3);
    memset(&link->a, 0, sizeof link->a);
    memset(&link->b, 0, sizeof link->b);
    if (kind == 0)
        contract_tcp_pair(c, &link->a, &link->b);
    else if (kind == 1)
        contract_unix_pair(c, &link->a, &link->b);
    else
        contract_pipe_pair(c, &link->b, &link->a);
    link->lane_count = kind == 2 ? 1 : 2;
    for (int i = 0; i < 2; i++) {
        struct lane *lane = &link->lanes[i];
        lane->storm = s;
        lane->from = i ? &link->b : &link->a;
        lane->to = i ? &link->a : &link->b;
        lane->sent = lane->received = 0;
        lane->seed = (unsigned)draw(s, 1000);
    }
    link->open = true;
}

static bool link_is_idle(const struct link *link)
{
    for (int i = 0; i < 2; i++) {
        const struct lane *lane = &link->lanes[i];
        if (lane->send_live || !weir_ended(&link->polls[i]))
            return false;
        for (int k = 0; k < QUEUE; k++)
            if (lane->recv_live[k])
                return false;
    }
    return weir_handle_kind(&link->a) == WEIR_HANDLE_NONE &&
           weir_handle_kind(&link->b) == WEIR_HANDLE_NONE;
}

static void start_send(struct storm *s, struct lane *lane)
{
    size_t length = 1 + (size_t)draw(s, BUFFER);
    if (lane->send_live)
        return;
    contract_fill(lane->out, length, lane->sent, lane->seed);
    contract_seal(s->c, lane->out);
    lane->send_live = true;
    lane->send.user = lane;
    weir_send(&lane->send, lane->from, lane->out, length, draw(s, 2) ? WEIR_ALL : 0, on_sent);
}

static void start_recv(struct storm *s, struct lane *lane)
{
    int slot = (int)draw(s, QUEUE);
    if (lane->recv_live[slot])
        return;
    lane->recv_live[slot] = true;
    lane->recvs[slot].user = lane;
    if (draw(s, 3) == 0) {
        if (draw(s, 8) == 0)
            weir_handle_quota(lane->to, (unsigned)draw(s, 3));
        weir_recv_pooled(&lane->recvs[slot], lane->to, s->pool, draw(s, 2) ? WEIR_MULTISHOT : 0,
                         on_pooled);
        return;
    }
    weir_recv(&lane->recvs[slot], lane->to, lane->in[slot], 1 + (size_t)draw(s, BUFFER),
              draw(s, 4) ? 0 : WEIR_ALL, on_received);
}

static void start_poll(struct storm *s, struct link *link)
{
    static const unsigned modes[] = {WEIR_LEVEL, WEIR_EDGE, WEIR_ONESHOT};
    int                   side = (int)draw(s, 2);
    if (weir_ended(&link->polls[side]))
        weir_poll(&link->polls[side], side ? &link->b : &link->a, 1 + (unsigned)draw(s, 3),
                  modes[draw(s, 3)], contract_done);
}

static struct weir_op *any_op(struct storm *s, struct link *link)
{
    struct lane *lane = &link->lanes[draw(s, 2)];
    switch (draw(s, 4)) {
    case 0:
        return &lane->send;
    case 1:
        return &link->polls[draw(s, 2)];
    case 2:
        return &s->timers[draw(s, 4)];
    default:
        return &lane->recvs[draw(s, QUEUE)];
    }
}

static void end_side(struct storm *s, struct link *link)
{
    struct weir_handle *side = draw(s, 2) ? &link->a : &link->b;
    int                 result = draw(s, 2) ? weir_close(side, NULL) : weir_close_now(side);
    CHECK(result == 0 || result == WEIR_EBADF || result == WEIR_EBUSY);
}

static void start_elsewhere(struct storm *s)
{
    struct weir_loop *loop = s->c->loop;
    unsigned          i = (unsigned)draw(s, 4);
    if (weir_ended(&s->timers[i]))
        weir_timer(&s->timers[i], loop, draw(s, 2 * WEIR_MILLISECOND), WEIR_BACKGROUND,
                   contract_done);
    if (weir_ended(&s->nops[i]))
        weir_nop(&s->nops[i], loop, 0, contract_done);
    if (weir_ended(&s->posts[i]))
        weir_post(&s->posts[i], loop, contract_done);
}

static void take_a_step(struct storm *s)
{
    struct link *link = &s->links[draw(s, LINKS)];
    struct lane *lane = &link->lanes[draw(s, (uint64_t)link->lane_count)];
    uint64_t     what = draw(s, 100);
    if (what < 30)
        start_send(s, lane);
    else if (what < 60)
        start_recv(s, lane);
    else if (what < 66)
        start_poll(s, link);
    else if (what < 76)
        weir_cancel(any_op(s, link));
    else if (what < 82)
        weir_deadline(any_op(s, link), draw(s, WEIR_MILLISECOND));
    else if (what < 84)
        weir_cancel_all(draw(s, 2) ? &link->a : &link->b);
    else if (what < 86)
        end_side(s, link);
    else if (what < 90)
        start_elsewhere(s);
    else if (what < 91)
        give_kept(s);
    else
        CHECK(weir_run(s->c->loop, WEIR_NOWAIT) >= 0);
    if (link_is_idle(link))
        open_link(s, link);
}

static void begin(struct storm *s)
{
    struct weir_pool_options options = {.buffer_size = BUFFER / 8, .count = POOLED};
    CHECK_EQ(weir_pool_open(&s->pool, s->c->loop, &options), 0);
    for (int i = 0; i < LINKS; i++) {
        struct link *link = &s->links[i];
        for (int k = 0; k < 2; k++) {
            link->lanes[k].out = contract_buffer(s->c, BUFFER);
            for (int q = 0; q < QUEUE; q++)
                link->lanes[k].in[q] = contract_buffer(s->c, BUFFER);
        }
        open_link(s, link);
    }
}

static void end(struct storm *s)
{
    for (int i = 0; i < LINKS; i++) {
        weir_close(&s->links[i].a, NULL);
        weir_close(&s->links[i].b, NULL);
    }
    for (int i = 0; i < 4; i++)
        weir_cancel(&s->timers[i]);
    contract_run(s->c);
    while (weir_run(s->c->loop, WEIR_NOWAIT) > 0)
        continue;
    for (int i = 0; i < LINKS; i++)
        CHECK(link_is_idle(&s->links[i]));
    give_kept(s);
    CHECK_EQ(weir_pool_close(s->pool), 0); /* every buffer is back */
}

static void storm(struct contract *c, uint64_t seed)
{
    struct storm *s = calloc(1, sizeof *s);
    unsigned      steps = contract_count(40000);
    CHECK(s != NULL);
    s->c = c;
    s->random = seed;
    begin(s);
    for (unsigned i = 0; i < steps; i++)
        take_a_step(s);
    end(s);
    CHECK(s->moved > 0);
    free(s);
}

static void storm_of_seed_1(struct contract *c)
{
    storm(c, 1);
}

static void storm_of_seed_2(struct contract *c)
{
    storm(c, 2);
}

/* One more seed for each run of a longer kind: CONTRACT_SEED in the environment, 3 without it. */
static void storm_of_the_environments_seed(struct contract *c)
{
    const char *text = getenv("CONTRACT_SEED");
    uint64_t    seed = text ? strtoull(text, NULL, 10) : 3;
    storm(c, seed ? seed : 3);
}

const struct contract_case contract_cases[] = {
    {"storm_of_seed_1", storm_of_seed_1, 0},
    {"storm_of_seed_2", storm_of_seed_2, 0},
    {"storm_of_the_environments_seed", storm_of_the_environments_seed, 0},
    {0},
};
