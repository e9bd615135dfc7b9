/* SPDX-License-Identifier: MIT */
/* stats.h - medians, paired ratios with their uncertainty, and the words that decide. */
#ifndef MEASURE_STATS_H
#define MEASURE_STATS_H

#include <stddef.h>

/* A middle with its smallest and largest value, or with the ends of an interval. */
struct range {
    double middle, low, high;
};

/* Median, minimum and maximum; all 0 without values. */
struct range stats_range(const double *values, size_t count);

/* The median of a[i] / b[i], pairs of the same round, and its 95% bootstrap interval
 * (percentiles of 4,000 resamples from a fixed seed: the same values give the same interval).
 * All 0 without pairs. A pair whose b is 0, such as a time that the clock did not see, says nothing
 * and is left out; where no other is left, 1 from 0 to 2, which decides nothing. */
struct range stats_ratio(const double *a, const double *b, size_t count);

enum decision { DECISION_MET, DECISION_MISSED, DECISION_UNRESOLVED };

/* The rule for a goal "ratio at most so much": missed when the whole interval is above the
 * goal; met when its lower end is not and it is no wider than 0.10; not resolved otherwise, and
 * before 15 rounds whatever the figures say. */
enum decision stats_decide(struct range ratio, size_t rounds, double goal);

/* The same for a goal "ratio at least so much": missed when the whole interval is below it; met
 * when its upper end is not. */
enum decision stats_decide_least(struct range ratio, size_t rounds, double goal);

/* The rule for "never behind", where a ratio above 1 is worse: missed when the interval is above 1
 * and the ratio beyond the resolution, else met; not resolved before 15 rounds. */
enum decision stats_decide_ahead(struct range ratio, size_t rounds);

extern const char *const decision_names[];

/* Of more values than STATS_COUNT_MAX the first are taken. */
enum { STATS_ROUNDS_MIN = 15, STATS_COUNT_MAX = 1024 };

/* Differences below this share are not told apart from noise, however many rounds agree on them. */
#define STATS_RESOLUTION 0.08

/* Whether a ratio says nothing: its interval holds 1, or it is nearer to 1 than the resolution. */
int stats_is_tie(struct range ratio);

#endif
