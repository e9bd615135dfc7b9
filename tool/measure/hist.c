/* SPDX-License-Identifier: MIT */
/* hist.c - the log-linear histogram. */
#include "hist.h"

static unsigned bucket_of(uint64_t ns)
{
    const uint64_t limit = (UINT64_C(1) << HIST_VALUE_BITS) - 1;
    if (ns > limit)
        ns = limit;
    if (ns < (1u << HIST_PART_BITS))
        return (unsigned)ns;
    unsigned top = 63u - (unsigned)__builtin_clzll(ns);
    unsigned shift = top - HIST_PART_BITS;
    return ((shift + 1) << HIST_PART_BITS) +
           (unsigned)((ns >> shift) & ((1u << HIST_PART_BITS) - 1));
}

/* The middle of the values that fall into the bucket. */
static uint64_t value_of(unsigned bucket)
{
    if (bucket < (1u << HIST_PART_BITS))
        return bucket;
    unsigned shift = (bucket >> HIST_PART_BITS) - 1;
    uint64_t part = (bucket & ((1u << HIST_PART_BITS) - 1)) + (1u << HIST_PART_BITS);
    return (part << shift) + ((UINT64_C(1) << shift) >> 1);
}

void hist_add(struct hist *h, uint64_t ns)
{
    h->count++;
    if (ns > h->max_ns)
        h->max_ns = ns;
    h->buckets[bucket_of(ns)]++;
}

void hist_merge(struct hist *into, const struct hist *from)
{
    into->count += from->count;
    if (from->max_ns > into->max_ns)
        into->max_ns = from->max_ns;
    for (unsigned i = 0; i < HIST_BUCKETS; i++)
        into->buckets[i] += from->buckets[i];
}

uint64_t hist_quantile_ns(const struct hist *h, double share)
{
    if (h->count == 0)
        return 0;
    uint64_t wanted = (uint64_t)(share * (double)h->count + 0.5);
    if (wanted < 1)
        wanted = 1;
    uint64_t seen = 0;
    for (unsigned i = 0; i < HIST_BUCKETS; i++) {
        seen += h->buckets[i];
        if (seen >= wanted)
            return value_of(i) < h->max_ns ? value_of(i) : h->max_ns;
    }
    return h->max_ns;
}
