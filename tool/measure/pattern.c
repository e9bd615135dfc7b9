/* SPDX-License-Identifier: MIT */
/* pattern.c - fills and checks the bytes of a request, eight at a time where they are aligned. */
#include "pattern.h"

#include <string.h>

/* Odd constants, so that the lowest byte alone, all that a one-byte request has, already changes
 * with every request and differs between neighbouring connections. */
static const uint64_t step_request = UINT64_C(0x9E3779B97F4A7C15);
static const uint64_t step_connection = UINT64_C(0xD6E8FEB86659FD93);
static const uint64_t step_word = UINT64_C(0xA24BAED4963EE407);

uint64_t pattern_base(uint32_t connection, uint64_t request)
{
    return (request + 1) * step_request + (connection + UINT64_C(1)) * step_connection;
}

/* The word in memory order is the same on both sides, whatever the machine's byte order. */
static unsigned char byte_at(uint64_t base, size_t offset)
{
    unsigned char bytes[8];
    uint64_t      word = base + (uint64_t)(offset / 8) * step_word;
    memcpy(bytes, &word, sizeof bytes);
    return bytes[offset % 8];
}

void pattern_fill(unsigned char *to, uint64_t base, size_t offset, size_t length)
{
    size_t i = 0;
    for (; i < length && (offset + i) % 8 != 0; i++)
        to[i] = byte_at(base, offset + i);
    uint64_t word = base + (uint64_t)((offset + i) / 8) * step_word;
    for (; i + 8 <= length; i += 8, word += step_word)
        memcpy(to + i, &word, 8);
    for (; i < length; i++)
        to[i] = byte_at(base, offset + i);
}

size_t pattern_check(const unsigned char *data, uint64_t base, size_t offset, size_t length)
{
    size_t i = 0;
    for (; i < length && (offset + i) % 8 != 0; i++)
        if (data[i] != byte_at(base, offset + i))
            return i;
    uint64_t word = base + (uint64_t)((offset + i) / 8) * step_word;
    for (; i + 8 <= length; i += 8, word += step_word)
        if (memcmp(data + i, &word, 8) != 0)
            break; /* the loop below finds which of the eight */
    for (; i < length; i++)
        if (data[i] != byte_at(base, offset + i))
            return i;
    return length;
}
