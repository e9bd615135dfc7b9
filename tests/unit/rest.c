/* SPDX-License-Identifier: MIT */
/* rest.c - what is left of a transfer: moving any number of bytes a call covers each byte once. */
#include <string.h>

#include "base/rest.h"
#include "unit.h"

#define PIECES 12
#define BYTES 4096

static char memory[BYTES];

/* How often each byte of memory was named. */
static unsigned char named[BYTES];

static size_t name_bytes(const void *data, size_t length, size_t most)
{
    size_t start = (size_t)((const char *)data - memory), count = length < most ? length : most;
    for (size_t i = 0; i < count; i++)
        named[start + i]++;
    return count;
}

/* Moves up to `most` bytes of the rest, as a system call would. */
static size_t move(const struct rest *rest, size_t most)
{
    size_t moved = 0;
    if (!rest->count)
        return name_bytes(rest->data, rest->length, most);
    for (size_t i = 0; i < rest->count && moved < most; i++)
        moved += name_bytes(rest->buffers[i].data, rest->buffers[i].length, most - moved);
    return moved;
}

static void vectors(uint64_t seed)
{
    struct weir_buf pieces[PIECES];
    size_t          total = 0, count = unit_below(&seed, PIECES);
    for (size_t i = 0; i < count; i++) {
        pieces[i].data = memory + total;
        pieces[i].length = unit_below(&seed, 4) ? unit_below(&seed, 200) : 0;
        total += pieces[i].length;
    }
    struct weir_op op = {.kind = WEIR_OP_SENDV};
    op.in.arg.vector.buffers = pieces;
    op.in.arg.vector.count = count;
    op.in.arg.vector.offset = unit_below(&seed, 2) ? WEIR_STREAM : 1000;
    memset(named, 0, sizeof named);
    for (int calls = 0; op.in.progress < total; calls++) {
        struct rest rest = rest_of(&op);
        CHECK(calls < 10000);
        CHECK(rest.length > 0 && rest.length <= total - op.in.progress);
        CHECK_EQ(rest.last, rest.length == total - op.in.progress);
        CHECK_EQ(rest.offset,
                 op.in.arg.vector.offset == WEIR_STREAM ? WEIR_STREAM : 1000 + op.in.progress);
        op.in.progress += move(&rest, 1 + unit_below(&seed, 150));
    }
    for (size_t i = 0; i < BYTES; i++)
        CHECK_EQ(named[i], i < total);
    struct rest nothing = rest_of(&op);
    CHECK_EQ(nothing.length, 0);
    CHECK(nothing.last);
}

static void pieces_of_one(void)
{
    struct weir_op op = {.kind = WEIR_OP_READ};
    op.in.arg.transfer.data = memory;
    op.in.arg.transfer.length = 100;
    op.in.arg.transfer.offset = 7;
    struct rest rest = rest_of(&op);
    CHECK(rest.data == memory && rest.length == 100 && rest.count == 0 && rest.offset == 7);
    CHECK(rest.last);
    op.in.progress = 40;
    rest = rest_of(&op);
    CHECK(rest.data == memory + 40 && rest.length == 60 && rest.offset == 47 && rest.last);
    op.in.progress = 100;
    rest = rest_of(&op);
    CHECK(rest.length == 0 && rest.last);
}

/* Linux moves no more a call; what is beyond it is left for the next one. */
static void over_the_limit(void)
{
    if (SIZE_MAX <= UINT32_MAX)
        return;                      /* no buffer is that long */
    char *volatile unknown = memory; /* the compiler would miss the rest of such a buffer */
    struct weir_op op = {.kind = WEIR_OP_SEND};
    op.in.arg.transfer.data = unknown;
    op.in.arg.transfer.length = TRANSFER_MAX + 10;
    op.in.arg.transfer.offset = WEIR_STREAM;
    struct rest rest = rest_of(&op);
    CHECK(rest.length == TRANSFER_MAX && !rest.last && rest.offset == WEIR_STREAM);
    op.in.progress = TRANSFER_MAX;
    rest = rest_of(&op);
    CHECK(rest.length == 10 && rest.last);
    struct weir_buf buffers[3] = {{memory, 5}, {memory + 5, TRANSFER_MAX + 1}, {memory, 5}};
    op = (struct weir_op){.kind = WEIR_OP_SENDV};
    op.in.arg.vector.buffers = buffers;
    op.in.arg.vector.count = 3;
    for (uint64_t total = TRANSFER_MAX + 11; op.in.progress < total;
         op.in.progress += rest.length) {
        rest = rest_of(&op);
        CHECK(rest.length > 0 && rest.length <= TRANSFER_MAX);
        CHECK_EQ(rest.last, op.in.progress + rest.length == total);
    }
}

/* More pieces than a system call takes. */
static void over_iov_max(void)
{
    static struct weir_buf buffers[3 * 1024 + 5];
    const size_t           count = sizeof buffers / sizeof *buffers;
    struct weir_op         op = {.kind = WEIR_OP_RECVV};
    for (size_t i = 0; i < count; i++)
        buffers[i] = (struct weir_buf){memory + i % BYTES, 1};
    op.in.arg.vector.buffers = buffers;
    op.in.arg.vector.count = count;
    op.in.arg.vector.offset = WEIR_STREAM;
    while (op.in.progress < count) {
        struct rest rest = rest_of(&op);
        CHECK(rest.length > 0 && rest.count <= PIECES_MAX);
        CHECK_EQ(rest.last, op.in.progress + rest.length == count);
        op.in.progress += rest.length;
    }
}

int main(void)
{
    for (uint64_t seed = 1; seed <= 2000; seed++)
        vectors(seed);
    pieces_of_one();
    over_the_limit();
    over_iov_max();
    puts("ok");
    return 0;
}
