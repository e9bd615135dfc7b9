/* SPDX-License-Identifier: MIT */
/* hist.h - a log-linear histogram of nanoseconds: within 1% of the truth, at a fixed size. */
#ifndef MEASURE_HIST_H
#define MEASURE_HIST_H

#include <stdint.h>

/* Each power of two is cut into 128 equal buckets, so a bucket is at most 1/128 of its value wide
 * and its middle at most 0.4% off. Below 128 ns every value has its own bucket. */
enum {
    HIST_PART_BITS = 7,
    HIST_VALUE_BITS = 42, /* 73 minutes; anything longer counts as that */
    HIST_BUCKETS = (HIST_VALUE_BITS - HIST_PART_BITS + 1) << HIST_PART_BITS
};

/* All zero is an empty histogram. */
struct hist {
    uint64_t count;
    uint64_t max_ns;
    uint64_t buckets[HIST_BUCKETS];
};

void hist_add(struct hist *h, uint64_t ns);
void hist_merge(struct hist *into, const struct hist *from);

/* The value that a share (0..1) of all entries does not exceed; 0 when there are none. */
uint64_t hist_quantile_ns(const struct hist *h, double share);

#endif
