/* SPDX-License-Identifier: MIT */
/* memory.c - buffers with guards on both sides, patterns that say which op wrote them, and bytes
 * that grow. */
#include <stdlib.h>
#include <string.h>

#include "workload.h"

#define GUARD 16u
#define GUARD_BYTE 0xa7u
#define EMPTY_BYTE 0x3cu

void *need(void *memory)
{
    if (!memory) {
        fputs("sim-workload: no memory is left.\n", stderr);
        abort();
    }
    return memory;
}

void bytes_push(struct bytes *bytes, const void *data, size_t length)
{
    if (bytes->length + length > bytes->room) {
        bytes->room = (bytes->length + length) * 2;
        bytes->data = need(realloc(bytes->data, bytes->room));
    }
    if (length)
        memcpy(bytes->data + bytes->length, data, length);
    bytes->length += length;
}

void bytes_free(struct bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct bytes){0};
}

unsigned char pattern(uint32_t number, size_t at)
{
    uint32_t x = number * 0x9e3779b1u + (uint32_t)at;
    x = (x ^ (x >> 15)) * 0x85ebca6bu;
    return (unsigned char)(x ^ (x >> 13));
}

void guarded_take(struct guarded *buffer, size_t length)
{
    unsigned char *block = need(malloc(length + (size_t)2 * GUARD));
    memset(block, GUARD_BYTE, length + (size_t)2 * GUARD);
    buffer->memory = block + GUARD;
    buffer->length = length;
    memset(buffer->memory, EMPTY_BYTE, length);
}

void guarded_fill(struct guarded *buffer, uint32_t number)
{
    for (size_t i = 0; i < buffer->length; i++)
        buffer->memory[i] = pattern(number, i);
}

void guarded_free(struct guarded *buffer)
{
    if (buffer->memory)
        free(buffer->memory - GUARD);
    *buffer = (struct guarded){0};
}

static bool is_all(const unsigned char *data, size_t length, unsigned char byte)
{
    for (size_t i = 0; i < length; i++)
        if (data[i] != byte)
            return false;
    return true;
}

bool guarded_untouched(const unsigned char *data, size_t length)
{
    return is_all(data, length, EMPTY_BYTE);
}

const char *guarded_check(const struct guarded *buffer, size_t moved, bool received)
{
    if (!buffer->memory)
        return NULL;
    if (!is_all(buffer->memory - GUARD, GUARD, GUARD_BYTE))
        return "memory in front of its buffer was written";
    if (!is_all(buffer->memory + buffer->length, GUARD, GUARD_BYTE))
        return "memory behind its buffer was written";
    if (received && moved <= buffer->length &&
        !is_all(buffer->memory + moved, buffer->length - moved, EMPTY_BYTE))
        return "its buffer was written beyond the result";
    return NULL;
}
