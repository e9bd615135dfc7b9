/* SPDX-License-Identifier: MIT */
/* pool.c - buffers that are bound late: a pool of equal ones, known by their numbers, the last one
 * given back taken first, since it is the one that the cache still holds. */
#include <string.h>

#include "engine.h"

#define SIZE_USUAL ((size_t)16 * 1024)
#define COUNT_USUAL 256u
#define COUNT_MOST (1u << 23)
#define GROWTH_USUAL 16u
#define ALIGNMENT_USUAL 64u

/* ---- Numbers --------------------------------------------------------------------------------- */

static const struct pool_block *block_of(const struct weir_pool *pool, uint32_t number)
{
    const struct pool_block *block = pool->blocks;
    while (number - block->first >= block->count)
        block++;
    return block;
}

static struct pool_buffer *buffer_of(const struct weir_pool *pool, uint32_t number)
{
    const struct pool_block *block = block_of(pool, number);
    return &block->buffers[number - block->first];
}

void *pool_data(const struct weir_pool *pool, uint32_t number)
{
    const struct pool_block *block = block_of(pool, number);
    return block->data + (number - block->first) * pool->stride;
}

uint32_t pool_number(const struct weir_pool *pool, const void *data)
{
    for (uint32_t i = 0; i < pool->block_count; i++) {
        const struct pool_block *block = &pool->blocks[i];
        uintptr_t                at = (uintptr_t)data - (uintptr_t)block->data;
        if (at < block->count * pool->stride && at % pool->stride < pool->buffer_size)
            return block->first + (uint32_t)(at / pool->stride);
    }
    return 0;
}

/* ---- Growing --------------------------------------------------------------------------------- */

/* 0 or WEIR_ENOMEM. */
static int add_block(struct weir_pool *pool, uint32_t count)
{
    struct weir_loop  *loop = pool->loop;
    struct pool_block *block = &pool->blocks[pool->block_count];
    size_t             around = (size_t)pool->alignment + pool->head;
    if (pool->stride > (SIZE_MAX - around) / count)
        return WEIR_ENOMEM;
    block->memory = loop_resize(loop, NULL, pool->stride * count + around);
    block->buffers = block->memory ? loop_resize(loop, NULL, count * sizeof *block->buffers) : NULL;
    if (!block->buffers) {
        loop_resize(loop, block->memory, 0);
        return WEIR_ENOMEM;
    }
    char  *first = (char *)block->memory + pool->head;
    size_t past = (uintptr_t)first % pool->alignment;
    block->data = first + (past ? pool->alignment - past : 0);
    block->first = pool->counts.count + 1;
    block->count = count;
    pool->block_count++;
    pool->counts.count += count;
    memset(block->buffers, 0, count * sizeof *block->buffers);
    for (uint32_t i = count; i-- > 0;) {
        block->buffers[i].state = BUFFER_BOUND;
        pool_return(pool, block->first + i);
    }
    return 0;
}

/* Whether there are more buffers now. */
static bool grow(struct weir_pool *pool)
{
    uint32_t count = pool->counts.count;
    if (pool->policy != WEIR_POOL_GROW || count >= pool->count_max ||
        pool->block_count == POOL_BLOCKS)
        return false;
    if (add_block(pool, count < pool->count_max - count ? count : pool->count_max - count))
        return false;
    pool->counts.grown++;
    return true;
}

/* ---- Whose a buffer is ----------------------------------------------------------------------- */

void pool_return(struct weir_pool *pool, uint32_t number)
{
    struct pool_buffer *buffer = buffer_of(pool, number);
    buffer->state = BUFFER_FREE;
    buffer->next = pool->free_first;
    pool->free_first = number;
    pool->free_count++;
}

/* Whether a buffer is free that is promised to nobody. */
static bool has_spare(const struct weir_pool *pool)
{
    return pool->free_count > pool->promised;
}

static uint32_t take_first(struct weir_pool *pool)
{
    uint32_t            number = pool->free_first;
    struct pool_buffer *buffer = buffer_of(pool, number);
    pool->free_first = buffer->next;
    pool->free_count--;
    buffer->state = BUFFER_BOUND;
    return number;
}

uint32_t pool_lend(struct weir_pool *pool)
{
    return has_spare(pool) ? take_first(pool) : 0;
}

uint32_t pool_take(struct weir_pool *pool, bool may_grow)
{
    const struct engine *engine = pool->loop->engine;
    if (!has_spare(pool) && pool->lent)
        engine->pool_reclaim(pool->loop, pool);
    if (!has_spare(pool) && may_grow)
        grow(pool);
    return pool_lend(pool);
}

void pool_taken(struct weir_pool *pool, uint32_t number, struct weir_handle *handle)
{
    struct pool_buffer *buffer = buffer_of(pool, number);
    buffer->state = BUFFER_OUT;
    buffer->handle = handle && handle->in.quota ? handle : NULL;
    if (buffer->handle)
        handle->in.busy = (uint8_t)(handle->in.busy + BUSY_ONE_BUFFER);
    pool->counts.taken++;
    if (++pool->counts.out > pool->counts.out_most)
        pool->counts.out_most = pool->counts.out;
}

/* Those that waited longest are asked again, each with a buffer that is kept for it. */
void pool_wake(struct weir_pool *pool)
{
    while (pool->waiting.first && has_spare(pool)) {
        struct weir_op *op = fifo_take(&pool->waiting);
        op->in.step |= POOLED_PROMISED;
        pool->promised++;
        loop_ask(pool->loop, op);
    }
}

/* The handle may have a buffer more: a receive that waited for that goes on. */
static void release_quota(struct weir_loop *loop, struct weir_handle *handle)
{
    struct weir_op *op = handle->in.ops_in;
    for (; op; op = ring_after(handle->in.ops_in, op)) {
        if (op->state != OP_STARVED || !(op->in.step & POOLED_QUOTA))
            continue;
        op->in.step &= (uint8_t)~POOLED_QUOTA;
        loop_ask(loop, op);
        return;
    }
}

/* The handle goes, for good or to another loop: what its buffers counted against is no more. */
void pool_forget(struct weir_loop *loop, struct weir_handle *handle)
{
    if (!handle_buffers(handle))
        return;
    for (struct weir_pool *pool = loop->pools; pool; pool = pool->next)
        for (uint32_t number = 1; number <= pool->counts.count; number++)
            if (buffer_of(pool, number)->handle == handle)
                buffer_of(pool, number)->handle = NULL;
    handle->in.busy &= (uint8_t)(BUSY_ONE_BUFFER - 1);
}

/* ---- The calls ------------------------------------------------------------------------------- */

/* What the options ask for; 0 or WEIR_EINVAL. */
static int read_options(struct weir_pool *pool, const struct weir_pool_options *options,
                        uint32_t *count)
{
    *count = options->count ? options->count : COUNT_USUAL;
    pool->buffer_size = options->buffer_size ? options->buffer_size : SIZE_USUAL;
    pool->alignment = options->alignment ? options->alignment : ALIGNMENT_USUAL;
    pool->policy = options->policy;
    pool->count_max = options->count_max ? options->count_max : *count * GROWTH_USUAL;
    if (*count > COUNT_MOST || pool->buffer_size > INT32_MAX ||
        (pool->alignment & (pool->alignment - 1)) || pool->alignment > INT32_MAX ||
        (unsigned)options->policy > WEIR_POOL_GROW || pool->count_max < *count)
        return WEIR_EINVAL;
    /* An odd number of lines of the cache, or buffers of a power of two would all begin in the same
     * few sets of it. Those for direct I/O are large, and few, and hold no messages. */
    size_t rest = pool->buffer_size % pool->alignment;
    pool->stride = pool->buffer_size + (rest ? pool->alignment - rest : 0);
    pool->head = pool->alignment <= ALIGNMENT_USUAL ? POOL_HEAD : 0;
    pool->stride += pool->head;
    if (pool->head && pool->stride / CACHE_LINE % 2 == 0)
        pool->stride += CACHE_LINE;
    return 0;
}

int weir_pool_open(struct weir_pool **out, struct weir_loop *loop,
                   const struct weir_pool_options *options)
{
    static const struct weir_pool_options usual;
    struct weir_pool                      settings = {.loop = loop};
    uint32_t                              count;
    *out = NULL;
    int error = loop_admit(loop, "weir_pool_open");
    if (!error)
        error = read_options(&settings, options ? options : &usual, &count);
    if (error)
        return error;
    struct weir_pool *pool = loop_resize(loop, NULL, sizeof *pool);
    if (!pool)
        return WEIR_ENOMEM;
    *pool = settings;
    error = add_block(pool, count);
    if (error) {
        loop_resize(loop, pool, 0);
        return error;
    }
    pool->next = loop->pools;
    loop->pools = pool;
    if (loop->engine->pool_open)
        loop->engine->pool_open(loop, pool);
    *out = pool;
    return 0;
}

static void free_pool(struct weir_loop *loop, struct weir_pool *pool)
{
    if (pool->lent)
        loop->engine->pool_close(loop, pool);
    for (uint32_t i = 0; i < pool->block_count; i++) {
        loop_resize(loop, pool->blocks[i].buffers, 0);
        loop_resize(loop, pool->blocks[i].memory, 0);
    }
    loop_resize(loop, pool, 0);
}

void pool_finish(struct weir_loop *loop)
{
    for (struct weir_pool *pool = loop->pools, *next; pool; pool = next) {
        next = pool->next;
        free_pool(loop, pool);
    }
    loop->pools = NULL;
}

int weir_pool_close(struct weir_pool *pool)
{
    if (!pool)
        return 0;
    struct weir_loop  *loop = pool->loop;
    struct weir_pool **at = &loop->pools;
    int                error = loop_admit(loop, "weir_pool_close");
    if (error)
        return error;
    if (pool->counts.out || pool->pending)
        return WEIR_EBUSY;
    while (*at != pool)
        at = &(*at)->next;
    *at = pool->next;
    free_pool(loop, pool);
    return 0;
}

int weir_pool_take(struct weir_pool *pool, struct weir_buf *buffer)
{
    int error = loop_admit(pool->loop, "weir_pool_take");
    if (error)
        return error;
    uint32_t number = pool_take(pool, true);
    if (!number)
        return WEIR_ENOBUFS;
    pool_taken(pool, number, NULL);
    *buffer = (struct weir_buf){pool_data(pool, number), pool->buffer_size};
    return 0;
}

int weir_pool_give(struct weir_pool *pool, void *data)
{
    int error = loop_admit(pool->loop, "weir_pool_give");
    if (error)
        return error;
    uint32_t            number = pool_number(pool, data);
    struct pool_buffer *buffer = number ? buffer_of(pool, number) : NULL;
    if (!buffer || buffer->state != BUFFER_OUT)
        return WEIR_EINVAL;
    struct weir_handle *handle = buffer->handle;
    buffer->handle = NULL;
    pool->counts.given++;
    pool->counts.out--;
    pool_return(pool, number);
    if (handle) {
        handle->in.busy = (uint8_t)(handle->in.busy - BUSY_ONE_BUFFER);
        release_quota(pool->loop, handle);
    }
    pool_wake(pool);
    return 0;
}

void weir_pool_stats(const struct weir_pool *pool, struct weir_pool_counts *counts)
{
    *counts = pool->counts;
}

int weir_handle_quota(struct weir_handle *handle, unsigned buffers_max)
{
    if (handle->in.kind == WEIR_HANDLE_NONE || (handle->in.flags & HANDLE_CLOSING))
        return WEIR_EBADF;
    int error = loop_admit(handle->loop, "weir_handle_quota");
    if (error)
        return error;
    if (buffers_max > QUOTA_MOST)
        return WEIR_EINVAL;
    if (buffers_max && !handle->in.quota && handle->loop->engine->pool_quota)
        handle->loop->engine->pool_quota(handle->loop, handle);
    handle->in.quota = (uint8_t)buffers_max;
    if (!buffers_max || handle_buffers(handle) < buffers_max)
        release_quota(handle->loop, handle);
    return 0;
}
