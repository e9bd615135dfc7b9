/* SPDX-License-Identifier: MIT */
/* fuzz.h - what the fuzz targets share: the input as a row of decisions, and checks that end the
 * run in every build. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* A target: what it promises of these bytes holds, or it aborts. 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_FAIL(sentence)                                                                        \
    do {                                                                                           \
        fprintf(stderr, "FAIL %s:%d: %s\n", __FILE__, __LINE__, sentence);                         \
        abort();                                                                                   \
    } while (0)

#define FUZZ_CHECK(expression)                                                                     \
    do {                                                                                           \
        if (!(expression)) {                                                                       \
            fprintf(stderr, "FAIL %s:%d: %s\n", __FILE__, __LINE__, #expression);                  \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#define FUZZ_CHECK_EQ(a, b)                                                                        \
    do {                                                                                           \
        long long left_ = (long long)(a), right_ = (long long)(b);                                 \
        if (left_ != right_) {                                                                     \
            fprintf(stderr, "FAIL %s:%d: %s is %lld, %s is %lld\n", __FILE__, __LINE__, #a, left_, \
                    #b, right_);                                                                   \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* What is left of the input: steps are taken from its front, answers of the world from its back, so
 * that a change of one moves the other as little as possible. An input that is used up goes on in
 * zeros. */
struct input {
    const uint8_t *front, *back; /* borrowed; [front, back) is left */
};

static inline struct input input_of(const uint8_t *data, size_t size)
{
    return (struct input){data, data + size};
}

static inline bool input_is_empty(const struct input *input)
{
    return input->front == input->back;
}

static inline uint8_t input_take(struct input *input)
{
    return input_is_empty(input) ? 0 : *input->front++;
}

static inline uint8_t input_answer(struct input *input)
{
    return input_is_empty(input) ? 0 : *--input->back;
}

/* Little-endian, of at most eight bytes. */
static inline uint64_t input_number(struct input *input, unsigned bytes)
{
    uint64_t number = 0;
    for (unsigned i = 0; i < bytes; i++)
        number |= (uint64_t)input_take(input) << (8 * i);
    return number;
}

#endif
