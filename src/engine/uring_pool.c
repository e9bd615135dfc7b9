/* SPDX-License-Identifier: MIT */
/* uring_pool.c - rings of the free buffers of a pool, out of which the kernel picks what it
 * receives into. io_uring_register(2), "IORING_REGISTER_PBUF_RING". Bytes and messages have a ring
 * each, since a message begins with a header, in front of its buffer.
 *
 * The kernel takes from the head of the ring, and only while this thread is inside a call of it;
 * each buffer that it took is told by a completion. So what was not told, once all completions were
 * looked at, lies between head and tail, and can be taken back from the tail. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../base/annotate.h"
#include "../os/os.h"
#include "uring.h"

#define ENTRIES_MOST 32768u           /* of the kernel */
#define RECLAIMED_MOST 16u            /* at a time */
#define BYTES_FIRST ((size_t)1 << 20) /* of a ring that has not run dry yet */
#define COUNT_FIRST 16u               /* at least */

/* ---- Opening and closing --------------------------------------------------------------------- */

static uint16_t free_group(const struct uring *u)
{
    uint16_t group = 0;
    for (const struct uring_lent *lent = u->lent; lent;) {
        bool taken = lent->group == group;
        group = (uint16_t)(group + taken);
        lent = taken ? u->lent : lent->next;
    }
    return group;
}

static bool lent_register(struct weir_loop *loop, struct uring *u, struct uring_lent *lent)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE),
           length = lent->entries * sizeof(struct io_uring_buf);
    lent->memory = loop_resize(loop, NULL, length + page);
    if (!lent->memory)
        return false;
    uintptr_t               at = ((uintptr_t)lent->memory + page - 1) / page * page;
    struct io_uring_buf_reg registration = {
        .ring_addr = at, .ring_entries = lent->entries, .bgid = lent->group};
    lent->ring = (void *)((char *)lent->memory + (at - (uintptr_t)lent->memory));
    memset(lent->ring, 0, length);
    return io_uring_register((unsigned)u->ring.ring_fd, IORING_REGISTER_PBUF_RING, &registration,
                             1) == 0;
}

static void lent_free(struct weir_loop *loop, struct uring_lent *lent)
{
    loop_resize(loop, lent->memory, 0);
    loop_resize(loop, lent, 0);
}

/* NULL without memory, without the kernel's consent or with more buffers than it can hold. */
static struct uring_lent *lent_open(struct weir_loop *loop, struct weir_pool *pool, uint32_t head)
{
    struct uring *u = loop->mechanism;
    uint32_t      most = pool->policy == WEIR_POOL_GROW ? pool->count_max : pool->counts.count;
    if (!u->picks_buffers || most > ENTRIES_MOST)
        return NULL;
    struct uring_lent *lent = loop_resize(loop, NULL, sizeof *lent);
    if (!lent)
        return NULL;
    *lent = (struct uring_lent){.pool = pool, .entries = 1, .head = head, .group = free_group(u)};
    while (lent->entries < most)
        lent->entries *= 2;
    lent->most = (uint32_t)(BYTES_FIRST / pool->buffer_size);
    if (lent->most < COUNT_FIRST)
        lent->most = COUNT_FIRST;
    if (!lent_register(loop, u, lent)) {
        lent_free(loop, lent);
        return NULL;
    }
    lent->next = u->lent;
    u->lent = lent;
    return lent;
}

/* In a forked child the ring is the parent's. */
static void lent_close(struct weir_loop *loop, struct uring_lent *lent)
{
    struct uring           *u = loop->mechanism;
    struct uring_lent     **at = &u->lent;
    struct io_uring_buf_reg registration = {.bgid = lent->group};
    while (*at != lent)
        at = &(*at)->next;
    *at = lent->next;
    if (loop->generation == os_fork_generation())
        io_uring_register((unsigned)u->ring.ring_fd, IORING_UNREGISTER_PBUF_RING, &registration, 1);
    lent_free(loop, lent);
}

void uring_pool_open(struct weir_loop *loop, struct weir_pool *pool)
{
    pool->lent = lent_open(loop, pool, 0);
}

struct uring_lent *uring_lent_of_messages(struct weir_loop *loop, struct weir_pool *pool)
{
    struct uring_lent *bytes = pool->lent;
    if (!bytes || !pool->head || bytes->alone)
        return NULL;
    if (!bytes->other) {
        bytes->other = lent_open(loop, pool, pool->head);
        bytes->alone = !bytes->other;
        if (bytes->other)
            bytes->other->other = bytes;
    }
    return bytes->other;
}

void uring_pool_close(struct weir_loop *loop, struct weir_pool *pool)
{
    struct uring_lent *bytes = pool->lent;
    if (bytes->other)
        lent_close(loop, bytes->other);
    lent_close(loop, bytes);
    pool->lent = NULL;
}

/* ---- Lending --------------------------------------------------------------------------------- */

/* How many it may hold: of what both want, half each. */
static uint32_t share_of(const struct uring_lent *lent)
{
    if (!lent->other || !lent->other->receives)
        return UINT32_MAX;
    return lent->receives ? lent->pool->counts.count / 2 : 0;
}

static void lend_free(struct uring_lent *lent)
{
    struct weir_pool *pool = lent->pool;
    uint32_t          kept = pool->promised + (lent->count ? lent->kept : 0), number;
    uint32_t          share = share_of(lent), most = lent->most < share ? lent->most : share;
    int               added = 0, mask = io_uring_buf_ring_mask(lent->entries);
    while (pool->free_count > kept && lent->count < most && (number = pool_lend(pool))) {
        io_uring_buf_ring_add(lent->ring, (char *)pool_data(pool, number) - lent->head,
                              (unsigned)pool->buffer_size + lent->head, (unsigned short)number,
                              mask, added++);
        lent->count++;
    }
    if (added)
        io_uring_buf_ring_advance(lent->ring, added);
}

bool uring_lent_is_dry(struct uring_lent *lent)
{
    const struct weir_pool *pool = lent->pool;
    if (lent->most >= lent->entries || lent->most >= share_of(lent) ||
        pool->free_count <= pool->promised + lent->kept)
        return false;
    lent->dry = true;
    return true;
}

/* At most so many go back to the pool. Their number. */
static uint32_t take_back(struct weir_loop *loop, struct uring_lent *lent, uint32_t most)
{
    struct uring *u = loop->mechanism;
    uint32_t      mask = lent->entries - 1, back = 0;
    uring_harvest_all(loop, u);
    if (io_uring_cq_ready(&u->ring) || io_uring_cq_has_overflow(&u->ring))
        return 0; /* one of these may have taken what is at the tail */
    for (; lent->count && back < most; back++) {
        uint16_t at = (uint16_t)(lent->ring->tail - 1);
        uint16_t number = lent->ring->bufs[at & mask].bid;
        io_uring_buf_ring_advance(lent->ring, -1);
        lent->count--;
        pool_return(lent->pool, number);
    }
    return back;
}

void uring_pool_reclaim(struct weir_loop *loop, struct weir_pool *pool)
{
    for (struct uring_lent *lent = pool->lent; lent; lent = lent->head ? NULL : lent->other) {
        lent->kept += take_back(loop, lent, RECLAIMED_MOST);
        if (lent->kept > pool->counts.count / 2)
            lent->kept = pool->counts.count / 2;
    }
}

bool uring_lend(struct weir_loop *loop, struct uring *u)
{
    for (struct uring_lent *lent = u->lent; lent; lent = lent->next) {
        struct weir_pool *pool = lent->pool;
        if (!pool->pending)
            continue;
        if (pool->waiting.first && lent->count) {
            uring_pool_reclaim(loop, pool);
            pool_wake(pool);
        }
        if (lent->dry)
            lent->most *= 2;
        lent->dry = false;
        if (!lent->receives)
            continue;
        if (lent->other && lent->other->count > share_of(lent->other))
            take_back(loop, lent->other, lent->other->count - share_of(lent->other));
        lend_free(lent);
    }
    return loop->asked.first;
}
