/* SPDX-License-Identifier: MIT */
/* pool.c - fuzz target: buffers of a pool that are taken, received into and given back, rightly and
 * wrongly, against a plain list of those that are out.
 *
 * Oracles: an address is taken back exactly when it lies in a buffer that is out; no buffer is out
 * twice, and what lies in it stays; a take fails exactly when the list says that none is left; what
 * is received is what was sent; the pool's own lists and counts fit. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine.h"
#include "fuzz.h"

enum { PAIRS = 3, OUT_MOST = 64, STEPS_MAX = 300, SIZE = 48 };

struct held {
    unsigned char *data;
    size_t         length;
    unsigned char  mark; /* each byte of it */
};

struct pair {
    struct weir_handle handle;
    struct weir_op     op;
    int                peer;
    unsigned char      sent, received; /* bytes count up, so that a lost one shows */
};

static struct input      input;
static struct weir_loop *loop;
static struct weir_pool *pool;
static struct pair       pairs[PAIRS];
static struct held       out[OUT_MOST];
static unsigned          out_count;
static unsigned char     next_mark;
static void             *given[8]; /* the last ones that were given back */
static unsigned          given_count;

/* ---- The list -------------------------------------------------------------------------------- */

static struct held *find(const void *address)
{
    for (unsigned i = 0; i < out_count; i++)
        if ((uintptr_t)address - (uintptr_t)out[i].data < SIZE)
            return &out[i];
    return NULL;
}

static void hold(void *data, size_t length)
{
    FUZZ_CHECK(!find(data) && !find((char *)data + SIZE - 1));
    FUZZ_CHECK(out_count < OUT_MOST);
    memset(data, ++next_mark, length);
    out[out_count++] = (struct held){data, length, next_mark};
}

static void give(void *address)
{
    struct held *held = find(address);
    for (size_t i = 0; held && i < held->length; i++)
        FUZZ_CHECK_EQ(held->data[i], held->mark);
    FUZZ_CHECK_EQ(weir_pool_give(pool, address), held ? 0 : WEIR_EINVAL);
    if (!held)
        return;
    given[given_count++ % 8] = held->data;
    *held = out[--out_count];
}

/* ---- Steps ----------------------------------------------------------------------------------- */

static void take(void)
{
    struct weir_buf buffer;
    bool            has_left = pool->counts.count - pool->promised > out_count ||
                    (pool->policy == WEIR_POOL_GROW && pool->counts.count < pool->count_max);
    int error = weir_pool_take(pool, &buffer);
    FUZZ_CHECK_EQ(error, has_left ? 0 : WEIR_ENOBUFS);
    if (error)
        return;
    FUZZ_CHECK_EQ(buffer.length, SIZE);
    hold(buffer.data, buffer.length);
}

static void give_some(void)
{
    unsigned how = input_take(&input), which = input_take(&input);
    char     mine[SIZE];
    switch (how % 8) {
    case 0:
        give(mine);
        break;
    case 1:
        give(given[which % 8]);
        break;
    case 2: /* anywhere near */
        if (out_count)
            give(out[which % out_count].data + (int)(input_number(&input, 2) - 32768));
        break;
    case 3:
        give((void *)(uintptr_t)input_number(&input, 8));
        break;
    default:
        if (out_count)
            give(out[which % out_count].data + how % SIZE);
        break;
    }
}

static void told(struct weir_op *op)
{
    struct pair    *pair = op->user;
    struct weir_buf piece = {0};
    int             count = weir_pooled(op, &piece, 1);
    FUZZ_CHECK_EQ(count, op->result > 0);
    if (op->result < 0)
        FUZZ_CHECK(op->result == WEIR_ECANCELED || op->result == WEIR_ENOBUFS);
    for (size_t i = 0; i < piece.length; i++)
        FUZZ_CHECK_EQ(((unsigned char *)piece.data)[i], pair->received++);
    if (count)
        hold(piece.data, piece.length);
    if (count && input_take(&input) % 2)
        give(piece.data);
}

static void receive(struct pair *pair, unsigned how)
{
    if (op_is_live(&pair->op)) {
        weir_cancel(&pair->op);
        return;
    }
    weir_handle_quota(&pair->handle, how & 2 ? how / 4 % 4 : 0);
    pair->op.user = pair;
    weir_recv_pooled(&pair->op, &pair->handle, pool, how & 1 ? WEIR_MULTISHOT : 0, told);
}

static void send_some(struct pair *pair, unsigned how)
{
    unsigned char data[100];
    size_t        length = 1 + how % sizeof data;
    for (size_t i = 0; i < length; i++)
        data[i] = (unsigned char)(pair->sent + i);
    ssize_t sent = send(pair->peer, data, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0)
        pair->sent = (unsigned char)(pair->sent + sent);
}

static void check_pool(void)
{
    struct weir_pool_counts counts;
    uint32_t                free_count = 0;
    weir_pool_stats(pool, &counts);
    FUZZ_CHECK_EQ(counts.out, out_count);
    FUZZ_CHECK_EQ(counts.taken - counts.given, out_count);
    for (uint32_t number = pool->free_first; number; free_count++) {
        const struct pool_block *block = pool->blocks;
        while (number - block->first >= block->count)
            block++;
        FUZZ_CHECK_EQ(block->buffers[number - block->first].state, BUFFER_FREE);
        number = block->buffers[number - block->first].next;
    }
    FUZZ_CHECK_EQ(free_count, pool->free_count);
    FUZZ_CHECK_EQ(free_count + out_count, counts.count);
    FUZZ_CHECK(pool->promised <= free_count);
    FUZZ_CHECK(!pool->waiting.first || pool->free_count == pool->promised);
}

static void step(void)
{
    unsigned what = input_take(&input), how = what / 8;
    switch (what % 8) {
    case 0:
    case 1:
        take();
        break;
    case 2:
    case 3:
        give_some();
        break;
    case 4:
        receive(&pairs[how % PAIRS], input_take(&input));
        break;
    case 5:
        send_some(&pairs[how % PAIRS], input_take(&input));
        break;
    default:
        FUZZ_CHECK(weir_run(loop, WEIR_NOWAIT) >= 0);
        break;
    }
    check_pool();
}

/* ---- A run ----------------------------------------------------------------------------------- */

static void begin(void)
{
    static const struct pair       zero;
    const struct weir_options      options = {.engine = "poll"};
    const struct weir_pool_options shape = {
        .buffer_size = SIZE,
        .count = 1 + input_take(&input) % 5u,
        .count_max = 5 + input_take(&input) % 20u,
        .policy = (enum weir_pool_policy)(input_take(&input) % 3),
    };
    out_count = given_count = 0;
    memset(given, 0, sizeof given);
    FUZZ_CHECK_EQ(weir_loop_open(&loop, &options), 0);
    FUZZ_CHECK_EQ(weir_pool_open(&pool, loop, &shape), 0);
    for (int i = 0; i < PAIRS; i++) {
        int ends[2];
        pairs[i] = zero;
        FUZZ_CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        FUZZ_CHECK_EQ(weir_adopt(&pairs[i].handle, loop, ends[0], 0), 0);
        pairs[i].peer = ends[1];
    }
}

static void end(void)
{
    for (int i = 0; i < PAIRS; i++)
        weir_close(&pairs[i].handle, NULL);
    FUZZ_CHECK_EQ(weir_run(loop, WEIR_UNTIL_DONE), 0);
    check_pool();
    while (out_count)
        give(out[0].data);
    check_pool();
    FUZZ_CHECK_EQ(weir_pool_close(pool), 0);
    FUZZ_CHECK_EQ(weir_loop_close(loop, WEIR_FOREVER), 0);
    for (int i = 0; i < PAIRS; i++)
        close(pairs[i].peer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input = input_of(data, size);
    begin();
    for (int steps = 0; steps < STEPS_MAX && !input_is_empty(&input); steps++)
        step();
    end();
    return 0;
}
