/* SPDX-License-Identifier: MIT */
/* stats.c - order statistics and a bootstrap, on the small samples that interleaved rounds give. */
#include "stats.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { RESAMPLES = 4000, COUNT_MAX = STATS_COUNT_MAX };

const char *const decision_names[] = {"met", "missed", "not resolved"};

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts the values. */
static double median_of(double *values, size_t count)
{
    qsort(values, count, sizeof *values, by_value);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

struct range stats_range(const double *values, size_t count)
{
    double sorted[COUNT_MAX];
    if (count == 0)
        return (struct range){0};
    if (count > COUNT_MAX)
        count = COUNT_MAX;
    memcpy(sorted, values, count * sizeof *values);
    double middle = median_of(sorted, count);
    return (struct range){middle, sorted[0], sorted[count - 1]};
}

/* xorshift64*: small, and the same everywhere. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(0x2545F4914F6CDD1D);
}

struct range stats_ratio(const double *a, const double *b, size_t count)
{
    double   ratios[COUNT_MAX], resample[COUNT_MAX], medians[RESAMPLES];
    uint64_t state = UINT64_C(0x77656972);
    size_t   pairs = count < COUNT_MAX ? count : COUNT_MAX;
    if (count == 0)
        return (struct range){0};
    count = 0;
    for (size_t i = 0; i < pairs; i++)
        if (b[i] > 0)
            ratios[count++] = a[i] / b[i];
    if (count == 0)
        return (struct range){.middle = 1, .low = 0, .high = 2};
    for (size_t r = 0; r < RESAMPLES; r++) {
        for (size_t i = 0; i < count; i++)
            resample[i] = ratios[(next_random(&state) >> 32) * count >> 32];
        medians[r] = median_of(resample, count);
    }
    qsort(medians, RESAMPLES, sizeof medians[0], by_value);
    return (struct range){median_of(ratios, count), medians[RESAMPLES * 25 / 1000],
                          medians[RESAMPLES * 975 / 1000 - 1]};
}

enum decision stats_decide(struct range ratio, size_t rounds, double goal)
{
    if (rounds < STATS_ROUNDS_MIN)
        return DECISION_UNRESOLVED;
    if (ratio.low > goal)
        return DECISION_MISSED;
    return ratio.high - ratio.low <= 0.10 ? DECISION_MET : DECISION_UNRESOLVED;
}

enum decision stats_decide_least(struct range ratio, size_t rounds, double goal)
{
    if (rounds < STATS_ROUNDS_MIN)
        return DECISION_UNRESOLVED;
    if (ratio.high < goal)
        return DECISION_MISSED;
    return ratio.high - ratio.low <= 0.10 ? DECISION_MET : DECISION_UNRESOLVED;
}

enum decision stats_decide_ahead(struct range ratio, size_t rounds)
{
    if (rounds < STATS_ROUNDS_MIN)
        return DECISION_UNRESOLVED;
    return ratio.middle > 1 && !stats_is_tie(ratio) ? DECISION_MISSED : DECISION_MET;
}

int stats_is_tie(struct range ratio)
{
    return (ratio.low <= 1 && ratio.high >= 1) ||
           (ratio.middle > 1 - STATS_RESOLUTION && ratio.middle < 1 + STATS_RESOLUTION);
}
