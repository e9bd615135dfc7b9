/* SPDX-License-Identifier: MIT */
/* pool_policies.c - the pool itself: what comes of a receive that finds no buffer, quotas, buffers
 * for the program's own use, and what is refused. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "contract.h"

#define SIZE 100u

static struct weir_pool *open_pool(struct contract *c, uint32_t count, uint32_t count_max,
                                   enum weir_pool_policy policy)
{
    struct weir_pool_options options = {
        .buffer_size = SIZE, .count = count, .count_max = count_max, .policy = policy};
    struct weir_pool *pool = NULL;
    CHECK_EQ(weir_pool_open(&pool, c->loop, &options), 0);
    return pool;
}

static struct weir_pool_counts counts_of(const struct weir_pool *pool)
{
    struct weir_pool_counts counts;
    weir_pool_stats(pool, &counts);
    return counts;
}

static void turns(struct contract *c)
{
    for (int i = 0; i < 5; i++)
        weir_run(c->loop, WEIR_NOWAIT);
}

/* Turns until so many receives had to wait for a buffer. */
static void until_waited(struct contract *c, const struct weir_pool *pool, uint64_t count)
{
    while (counts_of(pool).waited < count) {
        weir_run(c->loop, WEIR_NOWAIT);
        contract_breathe();
    }
}

/* Connections with plain peers, and a receive of each. */
#define MOST 8
#define CROWD 40
struct peers {
    int                count;
    struct weir_buf    pieces[MOST]; /* what was told last */
    struct weir_handle handles[MOST];
    struct weir_op     ops[MOST];
    int                fds[MOST];
};

static void peers_open(struct contract *c, struct peers *p, int count)
{
    p->count = count;
    for (int i = 0; i < count; i++)
        p->fds[i] = contract_unix_peer(c, &p->handles[i]);
}

static void peers_close(struct contract *c, struct peers *p)
{
    for (int i = 0; i < p->count; i++) {
        contract_raw_close(p->fds[i]);
        contract_close(c, &p->handles[i]);
    }
}

static void told(struct weir_op *op)
{
    struct weir_buf *piece = op->user;
    *piece = (struct weir_buf){0};
    CHECK_EQ(weir_pooled(op, piece, 1), op->result > 0);
}

static void receive_with(struct peers *p, int i, struct weir_pool *pool, unsigned flags)
{
    p->ops[i].user = &p->pieces[i];
    weir_recv_pooled(&p->ops[i], &p->handles[i], pool, flags, told);
}

static void receive(struct peers *p, int i, struct weir_pool *pool)
{
    receive_with(p, i, pool, 0);
}

static void give_back(struct peers *p, int i, struct weir_pool *pool)
{
    CHECK_EQ(weir_pool_give(pool, p->pieces[i].data), 0);
}

/* ------------------------------------------------------------------------------------------------
 * No buffer
 * ---------------------------------------------------------------------------------------------- */

/* Each that waits is served in its turn, with what is given back, and no data is lost. */
static void pool_exhausted_resumes(struct contract *c)
{
    struct peers      p = {0};
    struct weir_buf   own;
    struct weir_pool *pool = open_pool(c, 1, 0, WEIR_POOL_WAIT);
    peers_open(c, &p, MOST);
    CHECK_EQ(weir_pool_take(pool, &own), 0);
    for (int i = 0; i < MOST; i++) {
        receive(&p, i, pool);
        contract_raw_send(p.fds[i], &i, sizeof i);
        until_waited(c, pool, (uint64_t)i + 1); /* its turn is after those before it */
    }
    turns(c);
    CHECK_EQ(counts_of(pool).waited, MOST);
    for (int i = 0; i < MOST; i++)
        CHECK(contract_live(&p.ops[i]));
    CHECK_EQ(weir_pool_give(pool, own.data), 0);
    for (int i = 0; i < MOST; i++) {
        CHECK_EQ(contract_await(c, &p.ops[i]), sizeof i);
        for (int later = i + 1; later < MOST; later++)
            CHECK(contract_live(&p.ops[later]));
        CHECK(memcmp(p.pieces[i].data, &i, sizeof i) == 0);
        give_back(&p, i, pool);
    }
    CHECK_EQ(weir_pool_close(pool), 0);
    peers_close(c, &p);
}

static void waiting_for_a_buffer_ends_when_asked(struct contract *c)
{
    struct peers      p = {0};
    struct weir_buf   own;
    struct weir_pool *pool = open_pool(c, 1, 0, WEIR_POOL_WAIT);
    peers_open(c, &p, 4);
    CHECK_EQ(weir_pool_take(pool, &own), 0);
    for (int i = 0; i < 4; i++) {
        contract_raw_send(p.fds[i], "data", 4);
        receive(&p, i, pool);
    }
    until_waited(c, pool, 4);
    CHECK_EQ(weir_cancel(&p.ops[0]), 0);
    weir_deadline(&p.ops[1], WEIR_MILLISECOND);
    CHECK_EQ(contract_await(c, &p.ops[0]), WEIR_ECANCELED);
    CHECK_EQ(contract_await(c, &p.ops[1]), WEIR_EDEADLINE);
    contract_close(c, &p.handles[2]);
    CHECK_RESULT(&p.ops[2], WEIR_ECANCELED);
    /* What was promised to one that is cancelled then goes to the next. */
    receive(&p, 1, pool);
    until_waited(c, pool, 5);
    CHECK_EQ(weir_pool_give(pool, own.data), 0);
    CHECK_EQ(weir_cancel(&p.ops[3]), 0);
    CHECK_EQ(contract_await(c, &p.ops[1]), 4);
    CHECK_EQ(contract_await(c, &p.ops[3]), WEIR_ECANCELED);
    give_back(&p, 1, pool);
    CHECK_EQ(counts_of(pool).out, 0);
    CHECK_EQ(weir_pool_close(pool), 0);
    p.fds[2] = (contract_raw_close(p.fds[2]), contract_unix_peer(c, &p.handles[2]));
    peers_close(c, &p);
}

/* Not before there is something to receive; and that stays to be received. */
static void fail_is_told(struct contract *c)
{
    struct peers      p = {0};
    struct weir_buf   own;
    struct weir_pool *pool = open_pool(c, 1, 0, WEIR_POOL_FAIL);
    peers_open(c, &p, 1);
    CHECK_EQ(weir_pool_take(pool, &own), 0);
    receive(&p, 0, pool);
    turns(c);
    CHECK(contract_live(&p.ops[0]));
    contract_raw_send(p.fds[0], "data", 4);
    CHECK_EQ(contract_await(c, &p.ops[0]), WEIR_ENOBUFS);
    CHECK_EQ(weir_pooled(&p.ops[0], NULL, 0), 0);
    receive_with(&p, 0, pool, WEIR_MULTISHOT);
    CHECK_EQ(contract_await(c, &p.ops[0]), WEIR_ENOBUFS);
    CHECK_EQ(weir_pool_give(pool, own.data), 0);
    receive(&p, 0, pool);
    CHECK_EQ(contract_await(c, &p.ops[0]), 4);
    give_back(&p, 0, pool);
    CHECK_EQ(counts_of(pool).waited, 0);
    CHECK_EQ(weir_pool_close(pool), 0);
    peers_close(c, &p);
}

/* It doubles, to count_max, and waits then. */
/* As many receives at once as there are buffers have one each, also of large ones, of which a
 * mechanism may hold back some at first; the same again, now that it knows. */
static void all_buffers_are_to_be_had_at_once(struct contract *c)
{
    struct weir_pool_options options = {
        .buffer_size = 128 * 1024, .count = CROWD, .policy = WEIR_POOL_FAIL};
    struct weir_pool         *pool = NULL;
    static struct weir_handle handles[CROWD];
    static struct weir_op     ops[CROWD];
    int                       fds[CROWD];
    CHECK_EQ(weir_pool_open(&pool, c->loop, &options), 0);
    for (int i = 0; i < CROWD; i++)
        fds[i] = contract_unix_peer(c, &handles[i]);
    for (int lap = 0; lap < 2; lap++) {
        struct weir_buf pieces[CROWD];
        for (int i = 0; i < CROWD; i++) {
            contract_raw_send(fds[i], &i, sizeof i);
            weir_recv_pooled(&ops[i], &handles[i], pool, 0, contract_done);
        }
        for (int i = 0; i < CROWD; i++) {
            CHECK_EQ(contract_await(c, &ops[i]), sizeof i);
            CHECK_EQ(weir_pooled(&ops[i], &pieces[i], 1), 1);
            CHECK(memcmp(pieces[i].data, &i, sizeof i) == 0);
        }
        CHECK_EQ(counts_of(pool).out, CROWD);
        for (int i = 0; i < CROWD; i++)
            CHECK_EQ(weir_pool_give(pool, pieces[i].data), 0);
    }
    CHECK_EQ(weir_pool_close(pool), 0);
    for (int i = 0; i < CROWD; i++) {
        contract_raw_close(fds[i]);
        contract_close(c, &handles[i]);
    }
}

static void grow_has_its_bound(struct contract *c)
{
    struct peers      p = {0};
    struct weir_pool *pool = open_pool(c, 2, 7, WEIR_POOL_GROW);
    struct weir_buf   own;
    peers_open(c, &p, MOST);
    for (int i = 0; i < MOST; i++) {
        receive(&p, i, pool);
        contract_raw_send(p.fds[i], "data", 4);
        if (i < 7)
            CHECK_EQ(contract_await(c, &p.ops[i]), 4);
    }
    until_waited(c, pool, 1);
    struct weir_pool_counts counts = counts_of(pool);
    CHECK_EQ(counts.count, 7);
    CHECK_EQ(counts.grown, 2);
    CHECK_EQ(counts.out, 7);
    CHECK_EQ(weir_pool_take(pool, &own), WEIR_ENOBUFS);
    for (int i = 0; i < MOST; i++) {
        if (i == MOST - 1)
            CHECK_EQ(contract_await(c, &p.ops[i]), 4);
        give_back(&p, i, pool);
    }
    CHECK_EQ(counts_of(pool).out, 0);
    for (int i = 0; i < 7; i++) /* of every part that it grew by */
        CHECK_EQ(weir_pool_take(pool, &own), 0);
    CHECK_EQ(weir_pool_close(pool), WEIR_EBUSY); /* freed with the loop */
    peers_close(c, &p);
}

/* Where no memory is left to grow, it waits. */
static void grow_without_memory_waits(struct contract *c)
{
    struct peers      p = {0};
    struct weir_pool *pool = open_pool(c, 1, 0, WEIR_POOL_GROW);
    struct weir_buf   own, more;
    peers_open(c, &p, 1);
    CHECK_EQ(weir_pool_take(pool, &own), 0);
    receive(&p, 0, pool);
    turns(c);
    contract_heap_fail(1, true);
    CHECK_EQ(weir_pool_take(pool, &more), WEIR_ENOBUFS);
    contract_raw_send(p.fds[0], "data", 4);
    until_waited(c, pool, 1);
    contract_heap_fail(0, false);
    CHECK_EQ(counts_of(pool).grown, 0);
    CHECK_EQ(weir_pool_give(pool, own.data), 0);
    CHECK_EQ(contract_await(c, &p.ops[0]), 4);
    give_back(&p, 0, pool);
    CHECK_EQ(weir_pool_close(pool), 0);
    peers_close(c, &p);
}

/* ------------------------------------------------------------------------------------------------
 * Quotas
 * ---------------------------------------------------------------------------------------------- */

/* The one with the quota waits for its own, and for nobody else's; others go on beside it. */
static void quota_bounds_one_handle(struct contract *c)
{
    struct peers      p = {0};
    struct weir_op    more[2] = {{0}};
    struct weir_buf   piece;
    struct weir_pool *pool = open_pool(c, 16, 0, WEIR_POOL_WAIT);
    peers_open(c, &p, 2);
    CHECK_EQ(weir_handle_quota(&p.handles[0], 2), 0);
    for (int i = 0; i < 2; i++)
        contract_raw_send(p.fds[i], "abc", 3);
    for (int i = 0; i < 2; i++) {
        receive(&p, i, pool);
        CHECK_EQ(contract_await(c, &p.ops[i]), 3);
    }
    contract_raw_send(p.fds[0], "d", 1);
    weir_recv_pooled(&more[0], &p.handles[0], pool, 0, contract_done);
    CHECK_EQ(contract_await(c, &more[0]), 1); /* the second */
    contract_raw_send(p.fds[0], "e", 1);
    weir_recv_pooled(&more[1], &p.handles[0], pool, 0, contract_done);
    until_waited(c, pool, 1);
    give_back(&p, 1, pool); /* another's */
    turns(c);
    CHECK(contract_live(&more[1]));
    contract_raw_send(p.fds[1], "xyz", 3);
    receive(&p, 1, pool);
    CHECK_EQ(contract_await(c, &p.ops[1]), 3);
    CHECK_EQ(weir_pooled(&more[0], &piece, 1), 1);
    CHECK_EQ(weir_pool_give(pool, piece.data), 0);
    CHECK_EQ(contract_await(c, &more[1]), 1);
    CHECK_EQ(weir_pooled(&more[1], &piece, 1), 1);
    CHECK_EQ(*(char *)piece.data, 'e');
    CHECK_EQ(weir_pool_give(pool, piece.data), 0);
    give_back(&p, 0, pool);
    give_back(&p, 1, pool);
    CHECK_EQ(weir_pool_close(pool), 0);
    peers_close(c, &p);
}

/* One that waits under it need not wait for a buffer when there may be more. */
static void quota_is_moved_while_one_waits(struct contract *c)
{
    const unsigned    moved[] = {2, 0};
    struct weir_pool *pool = open_pool(c, 4, 0, WEIR_POOL_WAIT);
    for (int i = 0; i < 2; i++) {
        struct peers    p = {0};
        struct weir_buf kept;
        peers_open(c, &p, 1);
        CHECK_EQ(weir_handle_quota(&p.handles[0], 1), 0);
        contract_raw_send(p.fds[0], "a", 1);
        receive(&p, 0, pool);
        CHECK_EQ(contract_await(c, &p.ops[0]), 1);
        kept = p.pieces[0];
        contract_raw_send(p.fds[0], "b", 1);
        receive(&p, 0, pool);
        until_waited(c, pool, (uint64_t)i + 1);
        CHECK_EQ(weir_handle_quota(&p.handles[0], 1), 0); /* as it was */
        turns(c);
        CHECK(contract_live(&p.ops[0]));
        CHECK_EQ(weir_handle_quota(&p.handles[0], moved[i]), 0);
        CHECK_EQ(contract_await(c, &p.ops[0]), 1);
        CHECK_EQ(*(char *)p.pieces[0].data, 'b');
        CHECK_EQ(weir_pool_give(pool, kept.data), 0);
        give_back(&p, 0, pool);
        peers_close(c, &p);
    }
    CHECK_EQ(weir_pool_close(pool), 0);
}

/* Its buffers outlive the handle; with FAIL the quota is told; out of range it is refused. */
static void quota_ends_with_its_handle(struct contract *c)
{
    struct peers       p = {0};
    struct weir_op     more = {0};
    struct weir_handle none = {0};
    struct weir_pool  *pool = open_pool(c, 4, 0, WEIR_POOL_FAIL);
    peers_open(c, &p, 1);
    CHECK_EQ(weir_handle_quota(&none, 1), WEIR_EBADF);
    CHECK_EQ(weir_handle_quota(&p.handles[0], 64), WEIR_EINVAL);
    CHECK_EQ(weir_handle_quota(&p.handles[0], 63), 0);
    CHECK_EQ(weir_handle_quota(&p.handles[0], 1), 0);
    contract_raw_send(p.fds[0], "abc", 3);
    receive(&p, 0, pool);
    CHECK_EQ(contract_await(c, &p.ops[0]), 3);
    contract_raw_send(p.fds[0], "d", 1);
    weir_recv_pooled(&more, &p.handles[0], pool, 0, contract_done);
    CHECK_EQ(contract_await(c, &more), WEIR_ENOBUFS);
    CHECK_EQ(weir_handle_quota(&p.handles[0], 0), 0); /* no bound any more */
    weir_recv_pooled(&more, &p.handles[0], pool, 0, contract_done);
    CHECK_EQ(contract_await(c, &more), 1);
    peers_close(c, &p);
    memset(&p.handles, 0xa5, sizeof p.handles); /* whoever looks there now finds nothing */
    give_back(&p, 0, pool);
    struct weir_buf piece;
    CHECK_EQ(weir_pooled(&more, &piece, 1), 1);
    CHECK_EQ(weir_pool_give(pool, piece.data), 0);
    CHECK_EQ(weir_pool_close(pool), 0);
}

/* `late`: the quota comes when the receive waits already, and a kernel may have it. */
static void pace_a_multishot(struct contract *c, bool late)
{
    struct peers      p = {0};
    struct weir_pool *pool = open_pool(c, 16, 0, WEIR_POOL_WAIT);
    char              data[10 * SIZE];
    peers_open(c, &p, 1);
    contract_fill(data, sizeof data, 0, 9);
    if (late) {
        receive_with(&p, 0, pool, WEIR_MULTISHOT);
        turns(c);
    }
    CHECK_EQ(weir_handle_quota(&p.handles[0], 1), 0);
    contract_raw_send(p.fds[0], data, sizeof data);
    if (!late)
        receive_with(&p, 0, pool, WEIR_MULTISHOT);
    for (unsigned tellings = 1; tellings <= 10; tellings++) {
        while (contract_told(&p.ops[0]) < tellings)
            weir_run(c->loop, WEIR_ONCE);
        turns(c);
        CHECK_EQ(contract_told(&p.ops[0]), tellings);
        CHECK_EQ(counts_of(pool).out, 1);
        CHECK_EQ(p.pieces[0].length, SIZE);
        CHECK(contract_filled(p.pieces[0].data, SIZE, (tellings - 1) * SIZE, 9));
        give_back(&p, 0, pool);
    }
    CHECK_EQ(weir_cancel(&p.ops[0]), 0);
    CHECK_EQ(contract_await(c, &p.ops[0]), WEIR_ECANCELED);
    CHECK_EQ(weir_pool_close(pool), 0);
    peers_close(c, &p);
}

/* A multishot receive under a quota is told as many as it may have, and goes on. */
static void quota_paces_a_multishot(struct contract *c)
{
    pace_a_multishot(c, false);
    pace_a_multishot(c, true);
}

/* ------------------------------------------------------------------------------------------------
 * The program's own, and what is refused
 * ---------------------------------------------------------------------------------------------- */

static void second_give_is_refused(struct contract *c)
{
    struct weir_pool *pool = open_pool(c, 3, 0, WEIR_POOL_WAIT);
    struct weir_pool *other = open_pool(c, 3, 0, WEIR_POOL_WAIT);
    struct weir_buf   own[3], foreign;
    char              mine[SIZE];
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(weir_pool_take(pool, &own[i]), 0);
        CHECK_EQ(own[i].length, SIZE);
        CHECK_EQ((uintptr_t)own[i].data % 64, 0);
        memset(own[i].data, i, SIZE);
    }
    for (int i = 0; i < 3; i++) /* each its own memory */
        CHECK(((char *)own[i].data)[0] == i && ((char *)own[i].data)[SIZE - 1] == i);
    CHECK_EQ(weir_pool_take(pool, &foreign), WEIR_ENOBUFS);
    CHECK_EQ(weir_pool_take(other, &foreign), 0);
    CHECK_EQ(weir_pool_give(pool, foreign.data), WEIR_EINVAL);
    CHECK_EQ(weir_pool_give(pool, mine), WEIR_EINVAL);
    CHECK_EQ(weir_pool_give(pool, NULL), WEIR_EINVAL);
    CHECK_EQ(weir_pool_give(pool, (char *)own[0].data + SIZE), WEIR_EINVAL); /* behind its end */
    CHECK_EQ(weir_pool_give(pool, (char *)own[0].data + SIZE - 1), 0);       /* in it */
    CHECK_EQ(weir_pool_give(pool, own[0].data), WEIR_EINVAL);
    CHECK_EQ(weir_pool_close(pool), WEIR_EBUSY);
    CHECK_EQ(weir_pool_give(pool, own[1].data), 0);
    CHECK_EQ(weir_pool_give(pool, own[2].data), 0);
    CHECK_EQ(weir_pool_give(pool, own[2].data), WEIR_EINVAL);
    CHECK_EQ(weir_pool_give(other, foreign.data), 0);
    CHECK_EQ(counts_of(pool).given, 3);
    CHECK_EQ(weir_pool_close(pool), 0);
    CHECK_EQ(weir_pool_close(other), 0);
    CHECK_EQ(weir_pool_close(NULL), 0);
}

/* Also while receives wait for data, and the mechanism could pick from it. */
static void buffers_are_taken_beside_receives(struct contract *c)
{
    struct peers      p = {0};
    struct weir_buf   own[4];
    struct weir_pool *pool = open_pool(c, 4, 0, WEIR_POOL_WAIT);
    peers_open(c, &p, 2);
    receive_with(&p, 0, pool, WEIR_MULTISHOT);
    receive(&p, 1, pool);
    turns(c);
    for (int lap = 0; lap < 3; lap++) {
        for (int i = 0; i < 4; i++)
            CHECK_EQ(weir_pool_take(pool, &own[i]), 0);
        turns(c);
        CHECK_EQ(counts_of(pool).out, 4);
        for (int i = 0; i < 4; i++)
            CHECK_EQ(weir_pool_give(pool, own[i].data), 0);
        unsigned before = contract_told(&p.ops[0]);
        contract_raw_send(p.fds[0], "data", 4);
        while (contract_told(&p.ops[0]) == before)
            weir_run(c->loop, WEIR_ONCE);
        give_back(&p, 0, pool);
    }
    contract_raw_send(p.fds[1], "data", 4);
    CHECK_EQ(contract_await(c, &p.ops[1]), 4);
    give_back(&p, 1, pool);
    CHECK_EQ(weir_pool_close(pool), WEIR_EBUSY); /* one receive is pending */
    CHECK_EQ(weir_cancel(&p.ops[0]), 0);
    CHECK_EQ(contract_await(c, &p.ops[0]), WEIR_ECANCELED);
    CHECK_EQ(weir_pool_close(pool), 0);
    peers_close(c, &p);
}

static void options_are_checked(struct contract *c)
{
    const struct weir_pool_options wrong[] = {
        {.alignment = 3},          {.count = 2, .count_max = 1},
        {.buffer_size = SIZE_MAX}, {.policy = (enum weir_pool_policy)9},
        {.count = UINT32_MAX},
    };
    struct weir_pool *pool = NULL;
    struct weir_buf   own;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        CHECK_EQ(weir_pool_open(&pool, c->loop, &wrong[i]), WEIR_EINVAL);
        CHECK(pool == NULL);
    }
    CHECK_EQ(weir_pool_open(&pool, c->loop, NULL), 0);
    CHECK_EQ(counts_of(pool).count, 256);
    CHECK_EQ(weir_pool_take(pool, &own), 0);
    CHECK_EQ(own.length, 16384);
    CHECK_EQ(weir_pool_give(pool, own.data), 0);
    CHECK_EQ(weir_pool_close(pool), 0);
    struct weir_pool_options direct = {.buffer_size = 5000, .count = 3, .alignment = 4096};
    CHECK_EQ(weir_pool_open(&pool, c->loop, &direct), 0);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(weir_pool_take(pool, &own), 0);
        CHECK_EQ((uintptr_t)own.data % 4096, 0);
    } /* not given back: freed with the loop */
}

static void open_without_memory_is_told(struct contract *c)
{
    struct weir_pool *pool = NULL;
    for (unsigned nth = 1; nth <= 3; nth++) {
        contract_heap_fail(nth, true);
        CHECK_EQ(weir_pool_open(&pool, c->loop, NULL), WEIR_ENOMEM);
        CHECK(pool == NULL);
    }
    contract_heap_fail(0, false);
    CHECK_EQ(weir_pool_open(&pool, c->loop, NULL), 0);
    CHECK_EQ(weir_pool_close(pool), 0);
}

struct giver {
    struct weir_pool *pool;
    size_t            received;
};

static void told_and_given(struct weir_op *op)
{
    struct giver   *s = op->user;
    struct weir_buf piece;
    if (!weir_pooled(op, &piece, 1))
        return;
    CHECK(contract_filled(piece.data, piece.length, s->received, 4));
    s->received += piece.length;
    CHECK_EQ(weir_pool_give(s->pool, piece.data), 0);
}

/* A loop of its own: nothing of what the kernel offers may be needed. */
static void receive_without(struct contract *c, unsigned features_off)
{
    struct weir_options      options = {.features_off = features_off};
    struct weir_pool_options shape = {.buffer_size = SIZE, .count = 2};
    struct weir_loop        *loop = NULL;
    struct weir_pool        *pool = NULL;
    struct weir_handle       handle = {0};
    struct giver             s = {0};
    struct weir_op           op = {.user = &s};
    char                     data[5 * SIZE];
    int                      ends[2];
    CHECK_EQ(contract_open(c, &loop, &options), 0);
    CHECK_EQ(weir_pool_open(&pool, loop, &shape), 0);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    CHECK_EQ(weir_adopt(&handle, loop, ends[0], 0), 0);
    contract_fill(data, sizeof data, 0, 4);
    contract_raw_send(ends[1], data, sizeof data);
    contract_raw_close(ends[1]);
    s.pool = pool;
    weir_recv_pooled(&op, &handle, pool, WEIR_MULTISHOT, told_and_given);
    while (contract_live(&op))
        weir_run(loop, WEIR_ONCE);
    CHECK_RESULT(&op, 0);
    CHECK_EQ(s.received, sizeof data);
    CHECK_EQ(weir_pool_close(pool), 0);
    contract_loop_close(c, loop);
}

static void no_feature_is_needed(struct contract *c)
{
    const unsigned all[] = {WEIR_WITHOUT_BUFFER_RING, WEIR_WITHOUT_MULTISHOT,
                            WEIR_WITHOUT_BUFFER_RING | WEIR_WITHOUT_MULTISHOT,
                            WEIR_WITHOUT_DEFER_TASKRUN};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        receive_without(c, all[i]);
}

/* Asked to end before the engine saw it, or after; a quota keeps it from what the kernel picks. */
static void end_pending(struct contract *c, struct weir_handle *handle, struct weir_pool *pool)
{
    bool            socket = weir_handle_kind(handle) == WEIR_HANDLE_STREAM;
    struct weir_msg message = {0};
    for (unsigned way = 0; way < 16; way++) {
        struct weir_op op = {0};
        unsigned       flags = way & 1 ? WEIR_MULTISHOT : 0;
        CHECK_EQ(weir_handle_quota(handle, way & 4 ? 1 : 0), 0);
        if ((way & 8) && socket)
            weir_recv_msg_pooled(&op, handle, pool, &message, flags, contract_done);
        else
            weir_recv_pooled(&op, handle, pool, flags, contract_done);
        if (way & 2)
            CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
        CHECK_EQ(weir_cancel(&op), 0);
        CHECK_EQ(contract_await(c, &op), WEIR_ECANCELED);
        CHECK_EQ(op.more, 0);
        CHECK_EQ(contract_told(&op), 1);
        CHECK_EQ(weir_cancel(&op), WEIR_ENOENT);
    }
}

static void pending_of_each_kind_is_cancelled(struct contract *c)
{
    struct weir_handle handles[6] = {{0}};
    struct weir_pool  *pool = open_pool(c, 2, 0, WEIR_POOL_WAIT);
    contract_tcp_pair(c, &handles[0], &handles[1]);
    contract_unix_pair(c, &handles[2], &handles[3]);
    contract_pipe_pair(c, &handles[4], &handles[5]);
    for (int i = 0; i < 6; i += 2) {
        struct weir_op  recv = {0}, send = {0};
        struct weir_buf piece;
        end_pending(c, &handles[i], pool);
        weir_recv_pooled(&recv, &handles[i], pool, 0, contract_done);
        weir_write(&send, &handles[i + 1], "data", 4, WEIR_STREAM, 0, contract_done);
        CHECK_EQ(contract_await(c, &recv), 4); /* none of them took anything */
        CHECK_EQ(contract_await(c, &send), 4);
        CHECK_EQ(weir_pooled(&recv, &piece, 1), 1);
        CHECK(!memcmp(piece.data, "data", 4));
        CHECK_EQ(weir_pool_give(pool, piece.data), 0);
    }
    CHECK_EQ(counts_of(pool).taken, 3);
    CHECK_EQ(weir_pool_close(pool), 0);
    for (int i = 0; i < 6; i++)
        contract_close(c, &handles[i]);
}

static struct weir_pool *inherited;
static struct weir_buf   inherited_buffer;

static void use_in_child(struct contract *c)
{
    struct weir_buf buffer;
    CHECK_EQ(weir_pool_take(inherited, &buffer), WEIR_EPERM);
    CHECK_EQ(weir_pool_give(inherited, inherited_buffer.data), WEIR_EPERM);
    CHECK_EQ(weir_pool_close(inherited), WEIR_EPERM);
    CHECK_EQ(weir_pool_open(&inherited, c->loop, NULL), WEIR_EPERM);
    CHECK_EQ(weir_loop_forget(c->loop), 0); /* and the pool with it */
    c->loop = NULL;
}

static void forked_child_is_refused(struct contract *c)
{
    struct peers p = {0};
    peers_open(c, &p, 1);
    inherited = open_pool(c, 2, 0, WEIR_POOL_WAIT);
    receive_with(&p, 0, inherited, WEIR_MULTISHOT);
    CHECK_EQ(weir_pool_take(inherited, &inherited_buffer), 0);
    turns(c);
    contract_in_fork(c, use_in_child);
    CHECK_EQ(weir_pool_give(inherited, inherited_buffer.data), 0);
    contract_raw_send(p.fds[0], "data", 4); /* the parent's goes on */
    while (!contract_told(&p.ops[0]))
        weir_run(c->loop, WEIR_ONCE);
    give_back(&p, 0, inherited);
    CHECK_EQ(weir_cancel(&p.ops[0]), 0);
    CHECK_EQ(contract_await(c, &p.ops[0]), WEIR_ECANCELED);
    CHECK_EQ(weir_pool_close(inherited), 0);
    peers_close(c, &p);
}

const struct contract_case contract_cases[] = {
    {"pool_exhausted_resumes", pool_exhausted_resumes, 0},
    {"waiting_for_a_buffer_ends_when_asked", waiting_for_a_buffer_ends_when_asked, 0},
    {"fail_is_told", fail_is_told, 0},
    {"all_buffers_are_to_be_had_at_once", all_buffers_are_to_be_had_at_once, 0},
    {"grow_has_its_bound", grow_has_its_bound, 0},
    {"grow_without_memory_waits", grow_without_memory_waits, 0},
    {"quota_bounds_one_handle", quota_bounds_one_handle, 0},
    {"quota_is_moved_while_one_waits", quota_is_moved_while_one_waits, 0},
    {"quota_ends_with_its_handle", quota_ends_with_its_handle, 0},
    {"quota_paces_a_multishot", quota_paces_a_multishot, 0},
    {"second_give_is_refused", second_give_is_refused, 0},
    {"buffers_are_taken_beside_receives", buffers_are_taken_beside_receives, 0},
    {"options_are_checked", options_are_checked, 0},
    {"open_without_memory_is_told", open_without_memory_is_told, 0},
    {"no_feature_is_needed", no_feature_is_needed, 0},
    {"pending_of_each_kind_is_cancelled", pending_of_each_kind_is_cancelled, 0},
    {"forked_child_is_refused", forked_child_is_refused, 0},
    {0},
};
