/* SPDX-License-Identifier: MIT */
/* ledger.c - the books of a case: which ops are live, what memory is out, which buffers are
 * sealed.
 *
 * The table of ops is read and written with relaxed atomics on purpose: any thread may post, and
 * the ledger must not order threads that weir itself forgot to order, or the thread sanitizer
 * would be blind where it is wanted. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "ledger.h"
#include "torture.h"

#define FAIL(...) contract_broken("ledger", __LINE__, __VA_ARGS__)

/* ------------------------------------------------------------------------------------------------
 * Ops
 * ---------------------------------------------------------------------------------------------- */

enum watched {
    WATCHED_ENDED,  /* it ended, or the slot is free; the op's memory may be gone */
    WATCHED_LIVE,   /* started: its done() must come */
    WATCHED_SILENT, /* started without a done(): only weir_ended() can tell */
    WATCHED_OUTSIDE /* registered by contract_op(): contract_ended() must come */
};

#define RECORDS (1u << 18)

struct record {
    _Atomic uintptr_t         op;
    _Atomic(weir_done *)      done;
    _Atomic(const char *)     call;
    _Atomic unsigned          state, told;
    _Atomic(weir_work_call *) work;
    _Atomic unsigned          awaits; /* of a poll that ends when it is told: WEIR_IN, WEIR_OUT */
};

static struct record records[RECORDS];

static _Thread_local int calls_deep;

#define LOAD(field) atomic_load_explicit(&(field), memory_order_relaxed)
#define STORE(field, value) atomic_store_explicit(&(field), (value), memory_order_relaxed)

/* The record of an op, by its address; made when there is none and `make`. */
static struct record *record_of(const struct weir_op *op, bool make)
{
    uintptr_t key = (uintptr_t)op;
    unsigned  at = (unsigned)((key >> 4) * 2654435761u) % RECORDS;
    for (unsigned tries = 0; tries < RECORDS; tries++, at = (at + 1) % RECORDS) {
        uintptr_t found = LOAD(records[at].op);
        if (found == 0 && !make)
            return NULL;
        if (found == 0 &&
            atomic_compare_exchange_strong_explicit(&records[at].op, &found, key,
                                                    memory_order_relaxed, memory_order_relaxed))
            return &records[at];
        if (found == key)
            return &records[at];
    }
    FAIL("the case uses more than %u ops", RECORDS);
}

/* A callback of the case. One whose check fails under torture ends there, and the loop returns. */
static void run_done(struct weir_op *op, weir_done *done)
{
    struct torture_escape escape;
    struct weir_loop     *loop = op->handle->loop;
    if (!torture_on()) {
        done(op);
        return;
    }
    torture_progress();
    if (torture_given_up())
        return;
    torture_callback_begins(&escape);
    if (setjmp(escape.out) == 0)
        done(op);
    torture_callback_ends(&escape);
    if (torture_given_up())
        torture_stop(loop);
}

static int64_t run_work(struct weir_op *op)
{
    struct torture_escape escape;
    weir_work_call       *work = LOAD(record_of(op, false)->work);
    volatile int64_t      result = WEIR_ECANCELED;
    torture_callback_begins(&escape);
    if (!torture_given_up() && setjmp(escape.out) == 0)
        result = work(op);
    torture_callback_ends(&escape);
    return result;
}

weir_work_call *contract_watch_work(struct weir_op *op, weir_work_call *work)
{
    if (!torture_on() || !work)
        return work;
    STORE(record_of(op, true)->work, work);
    return run_work;
}

void contract_watch_poll(struct weir_op *op, unsigned events, unsigned flags)
{
    bool ends = !(flags & (WEIR_LEVEL | WEIR_EDGE));
    STORE(record_of(op, true)->awaits, ends ? events & (WEIR_IN | WEIR_OUT) : 0);
}

/* Every done() of weir comes through here. */
static void tell(struct weir_op *op)
{
    struct record *record = record_of(op, false);
    if (!record || LOAD(record->state) != WATCHED_LIVE)
        FAIL("done() came from an op (%s) that had ended or was never started",
             record ? LOAD(record->call) : weir_op_name(op->kind));
    if (calls_deep)
        FAIL("done() of a %s ran inside a call that starts, cancels or closes", LOAD(record->call));
    if (weir_ended(op) != !op->more)
        FAIL("in done() of a %s, more is %d and weir_ended() %d", LOAD(record->call), op->more,
             weir_ended(op));
    weir_done *done = LOAD(record->done);
    STORE(record->told, LOAD(record->told) + 1);
    if (!op->more)
        STORE(record->state, WATCHED_ENDED);
    run_done(op, done);
}

weir_done *contract_watch(struct weir_op *op, weir_done *done, const char *call)
{
    struct record *record = record_of(op, true);
    torture_progress();
    /* A live op that is started again is left as it is: weir aborts, and says so better. */
    if (LOAD(record->state) == WATCHED_LIVE)
        return tell;
    STORE(record->call, call);
    STORE(record->done, done);
    STORE(record->told, 0);
    STORE(record->state, done ? WATCHED_LIVE : WATCHED_SILENT);
    return done ? tell : NULL;
}

void contract_call_begins(void)
{
    calls_deep++;
    contract_inside_begins();
}

void contract_call_ends(void)
{
    calls_deep--;
    contract_inside_ends();
}

void contract_done(struct weir_op *op)
{
    (void)op;
}

unsigned contract_told(const struct weir_op *op)
{
    struct record *record = record_of(op, false);
    return record ? LOAD(record->told) : 0;
}

bool contract_live(const struct weir_op *op)
{
    struct record *record = record_of(op, false);
    return record && LOAD(record->state) != WATCHED_ENDED;
}

void contract_op(struct contract *c, struct weir_op *op)
{
    struct record *record = record_of(op, true);
    (void)c;
    if (LOAD(record->state) != WATCHED_ENDED)
        return;
    STORE(record->call, "op of the case's own");
    STORE(record->done, contract_done);
    STORE(record->told, 0);
    STORE(record->state, WATCHED_OUTSIDE);
}

void contract_ended(struct weir_op *op)
{
    struct record *record = record_of(op, false);
    if (!record)
        FAIL("an op ended that the ledger does not know");
    unsigned state = LOAD(record->state);
    if (state == WATCHED_OUTSIDE) {
        STORE(record->told, 1);
        STORE(record->state, WATCHED_ENDED);
    } else if (LOAD(record->done) == contract_done && LOAD(record->told) != 0 &&
               !strcmp(LOAD(record->call), "op of the case's own")) {
        FAIL("an op of the case's own ended twice");
    }
}

static void check_ops(void)
{
    for (unsigned i = 0; i < RECORDS; i++) {
        unsigned state = LOAD(records[i].state);
        /* What a case that was given up registered itself, it had no time to take back. */
        if (state == WATCHED_LIVE || (state == WATCHED_OUTSIDE && !torture_given_up()))
            FAIL("a %s was started and never ended", LOAD(records[i].call));
    }
}

static bool is_of_a_file(const struct weir_op *op)
{
    enum weir_handle_kind kind = weir_handle_kind(op->handle);
    return kind == WEIR_HANDLE_FILE || kind == WEIR_HANDLE_DIRECTORY;
}

/* Whether nothing keeps the op from ending but a turn of its loop. */
static bool is_overdue(const struct weir_op *op)
{
    const struct weir_handle *handle = op->handle;
    enum weir_handle_kind     kind = weir_handle_kind(handle);
    bool                      file = is_of_a_file(op);
    switch ((enum weir_op_kind)op->kind) {
    case WEIR_OP_NOP:
    case WEIR_OP_FSTAT:
    case WEIR_OP_FSYNC:
    case WEIR_OP_TRUNCATE:
    case WEIR_OP_PREALLOCATE:
    case WEIR_OP_ADVISE:
    case WEIR_OP_SHUTDOWN:
        return true;
    case WEIR_OP_ACCEPT:
    case WEIR_OP_RECV:
    case WEIR_OP_RECVV:
    case WEIR_OP_READ:
    case WEIR_OP_READV:
    case WEIR_OP_RECV_MSG:
    case WEIR_OP_RECV_BATCH:
        return file || (kind && host_ready((int)weir_handle_os(handle), false));
    case WEIR_OP_SEND:
    case WEIR_OP_SENDV:
    case WEIR_OP_WRITE:
    case WEIR_OP_WRITEV:
        return file || (kind && host_ready((int)weir_handle_os(handle), true));
    case WEIR_OP_POLL: {
        unsigned awaits = LOAD(record_of(op, false)->awaits);
        int      fd = (int)weir_handle_os(handle);
        return kind && (((awaits & WEIR_IN) && host_ready(fd, false)) ||
                        ((awaits & WEIR_OUT) && host_ready(fd, true)));
    }
    default:
        return false;
    }
}

static const struct weir_op *live_op(unsigned i)
{
    bool live = LOAD(records[i].state) == WATCHED_LIVE;
    return live ? (const struct weir_op *)LOAD(records[i].op) : NULL;
}

const char *ledger_overdue(bool files)
{
    const struct weir_op *op;
    for (unsigned i = 0; i < RECORDS; i++)
        if ((op = live_op(i)) && op->kind == WEIR_OP_COPY)
            return NULL; /* others may stand behind it, at either end */
    for (unsigned i = 0; i < RECORDS; i++)
        if ((op = live_op(i)) && (files || !is_of_a_file(op)) && is_overdue(op))
            return LOAD(records[i].call);
    return NULL;
}

bool ledger_waits_for_workers(void)
{
    const struct weir_op *op;
    for (unsigned i = 0; i < RECORDS; i++)
        if ((op = live_op(i)) && op->served != WEIR_SERVED_WORKER)
            return false;
    return true;
}

/* ------------------------------------------------------------------------------------------------
 * Closed handles
 * ---------------------------------------------------------------------------------------------- */

#define CLOSED_ROOM 4096u

static struct closed {
    const struct weir_handle *handle;
    unsigned                  count;
} closed[CLOSED_ROOM];

static struct closed *closed_of(const struct weir_handle *handle)
{
    for (unsigned i = 0; i < CLOSED_ROOM; i++)
        if (!closed[i].handle || closed[i].handle == handle)
            return &closed[i];
    FAIL("the case closes more than %u handles", CLOSED_ROOM);
}

void contract_closed(struct weir_handle *handle)
{
    struct closed *entry = closed_of(handle);
    if (calls_deep)
        FAIL("on_closed() ran inside a call that starts, cancels or closes");
    if (weir_handle_kind(handle) != WEIR_HANDLE_NONE)
        FAIL("on_closed() ran, but the handle is still a %s",
             weir_handle_kind_name(weir_handle_kind(handle)));
    entry->handle = handle;
    entry->count++;
}

unsigned contract_closed_count(const struct weir_handle *handle)
{
    return closed_of(handle)->count;
}

/* ------------------------------------------------------------------------------------------------
 * Memory of loops
 * ---------------------------------------------------------------------------------------------- */

/* In front of each block; its size keeps the block aligned for everything. */
struct block {
    uint64_t  magic;
    size_t    size;
    uintptr_t spare;
};

#define BLOCK_HEAD ((sizeof(struct block) + 15) / 16 * 16)
#define BLOCK_LIVE UINT64_C(0x77656972206c6976)
#define BLOCK_GIVEN_BACK UINT64_C(0x7765697220676f6e)

static _Atomic uint64_t heap_calls, heap_blocks, heap_bytes;
static _Atomic unsigned heap_fails_at, heap_fails_on;

static bool heap_must_fail(void)
{
    unsigned left = LOAD(heap_fails_at);
    if (!left)
        return LOAD(heap_fails_on) == 2;
    STORE(heap_fails_at, left - 1);
    if (left == 1 && LOAD(heap_fails_on))
        STORE(heap_fails_on, 2);
    return left == 1;
}

static struct block *block_of(void *memory)
{
    struct block *block = (struct block *)(void *)((char *)memory - BLOCK_HEAD);
    if (block->magic != BLOCK_LIVE)
        FAIL(block->magic == BLOCK_GIVEN_BACK ? "memory of a loop was given back twice"
                                              : "memory was given back that no loop was given");
    return block;
}

static void block_free(void *memory)
{
    struct block *block = block_of(memory);
    atomic_fetch_sub_explicit(&heap_blocks, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&heap_bytes, block->size, memory_order_relaxed);
    memset(memory, 0xdd, block->size);
    block->magic = BLOCK_GIVEN_BACK;
    free(block);
}

/* A resize always moves, so that a pointer that was kept shows. */
static void *heap_resize(void *user, void *memory, size_t size)
{
    (void)user;
    atomic_fetch_add_explicit(&heap_calls, 1, memory_order_relaxed);
    if (size == 0) {
        if (memory)
            block_free(memory);
        return NULL;
    }
    if (torture_fails(TORTURE_MEMORY) || heap_must_fail() || size > SIZE_MAX - BLOCK_HEAD)
        return NULL;
    struct block *block = malloc(BLOCK_HEAD + size);
    if (!block)
        return NULL;
    *block = (struct block){.magic = BLOCK_LIVE, .size = size};
    void  *given = (char *)block + BLOCK_HEAD;
    size_t kept = 0;
    if (memory) {
        kept = block_of(memory)->size < size ? block_of(memory)->size : size;
        memcpy(given, memory, kept);
        block_free(memory);
    }
    memset((char *)given + kept, 0xa5, size - kept);
    atomic_fetch_add_explicit(&heap_blocks, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&heap_bytes, size, memory_order_relaxed);
    return given;
}

const struct weir_allocator *ledger_allocator(void)
{
    static const struct weir_allocator allocator = {.resize = heap_resize};
    return &allocator;
}

struct contract_heap contract_heap(void)
{
    return (struct contract_heap){
        .calls = LOAD(heap_calls), .blocks = LOAD(heap_blocks), .bytes = LOAD(heap_bytes)};
}

void contract_heap_fail(unsigned nth, bool stay)
{
    STORE(heap_fails_on, nth && stay);
    STORE(heap_fails_at, nth);
}

/* ------------------------------------------------------------------------------------------------
 * Buffers
 * ---------------------------------------------------------------------------------------------- */

struct buffer {
    struct buffer *next;
    void          *data, *base;
    size_t         length, mapped;
    uint64_t       hash; /* of all the pages, when sealed */
    bool           sealed;
};

static struct buffer *buffers; /* owned */

void *contract_buffer(struct contract *c, size_t length)
{
    struct buffer *buffer = calloc(1, sizeof *buffer);
    (void)c;
    CHECK(buffer != NULL);
    buffer->length = length;
    buffer->data = host_pages(length, &buffer->base, &buffer->mapped);
    CHECK(buffer->data != NULL);
    memset(buffer->base, 0xa5, buffer->mapped);
    buffer->next = buffers;
    buffers = buffer;
    return buffer->data;
}

static struct buffer *buffer_of(const void *data)
{
    for (struct buffer *at = buffers; at; at = at->next)
        if (at->data == data)
            return at;
    FAIL("not a buffer of contract_buffer()");
}

static void check_seal(const struct buffer *buffer)
{
    if (contract_hash(0, buffer->base, buffer->mapped) != buffer->hash)
        FAIL("a sealed buffer of %zu bytes was written to", buffer->length);
}

void contract_seal(struct contract *c, void *data)
{
    struct buffer *buffer = buffer_of(data);
    (void)c;
    CHECK(!buffer->sealed);
    host_pages_writable(buffer->base, buffer->mapped, false);
    buffer->hash = contract_hash(0, buffer->base, buffer->mapped);
    buffer->sealed = true;
}

void contract_unseal(struct contract *c, void *data)
{
    struct buffer *buffer = buffer_of(data);
    (void)c;
    CHECK(buffer->sealed);
    check_seal(buffer);
    host_pages_writable(buffer->base, buffer->mapped, true);
    buffer->sealed = false;
}

uint64_t contract_hash(uint64_t hash, const void *data, size_t length)
{
    const unsigned char *bytes = data;
    if (hash == 0)
        hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(1099511628211);
    return hash;
}

/* The byte at a position: it changes with every bit of the position that matters. */
static unsigned char byte_at(uint64_t at, unsigned seed)
{
    uint64_t mixed = (at + 1) * UINT64_C(0x9e3779b97f4a7c15) + seed * UINT64_C(0xbf58476d1ce4e5b9);
    return (unsigned char)(mixed >> 56 ^ mixed >> 24);
}

void contract_fill(void *data, size_t length, uint64_t at, unsigned seed)
{
    unsigned char *bytes = data;
    for (size_t i = 0; i < length; i++)
        bytes[i] = byte_at(at + i, seed);
}

bool contract_filled(const void *data, size_t length, uint64_t at, unsigned seed)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < length; i++)
        if (bytes[i] != byte_at(at + i, seed))
            return false;
    return true;
}

/* ------------------------------------------------------------------------------------------------
 * Begin, check, end
 * ---------------------------------------------------------------------------------------------- */

void ledger_begin(void)
{
    for (unsigned i = 0; i < RECORDS; i++)
        if (LOAD(records[i].op))
            STORE(records[i].state, WATCHED_ENDED);
    memset(closed, 0, sizeof closed);
    STORE(heap_calls, 0);
    STORE(heap_blocks, 0);
    STORE(heap_bytes, 0);
    contract_heap_fail(0, false);
    buffers = NULL;
    calls_deep = 0;
}

void ledger_check(bool heap)
{
    check_ops();
    for (const struct buffer *at = buffers; at; at = at->next)
        if (at->sealed)
            check_seal(at);
    struct contract_heap left = contract_heap();
    if (heap && left.blocks)
        FAIL("%llu blocks (%llu bytes) of the loop's memory were not given back",
             (unsigned long long)left.blocks, (unsigned long long)left.bytes);
}

void ledger_end(void)
{
    while (buffers) {
        struct buffer *buffer = buffers;
        buffers = buffer->next;
        host_pages_free(buffer->base, buffer->mapped);
        free(buffer);
    }
}
