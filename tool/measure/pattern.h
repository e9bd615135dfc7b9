/* SPDX-License-Identifier: MIT */
/* pattern.h - the bytes of a request, computed from who sends it and which one it is.
 *
 * Nothing is stored: byte k of request r on connection c is a function of the three, so an answer
 * that is stale, swapped with another connection's, shifted or doubled differs in its bytes. */
#ifndef MEASURE_PATTERN_H
#define MEASURE_PATTERN_H

#include <stddef.h>
#include <stdint.h>

/* What all bytes of one request are derived from. */
uint64_t pattern_base(uint32_t connection, uint64_t request);

/* Writes bytes offset .. offset + length - 1 of the request. */
void pattern_fill(unsigned char *to, uint64_t base, size_t offset, size_t length);

/* Returns the place (0 .. length - 1) of the first byte that is not the request's, or length. */
size_t pattern_check(const unsigned char *data, uint64_t base, size_t offset, size_t length);

#endif
