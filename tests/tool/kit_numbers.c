/* SPDX-License-Identifier: MIT */
/* kit_numbers.c - histogram, pattern, statistics and decisions of the measuring kit, against values
 * known otherwise. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../tool/measure/hist.h"
#include "../../tool/measure/pattern.h"
#include "../../tool/measure/report.h"
#include "../../tool/measure/stats.h"
#include "kit.h"

enum { VALUES = 20000 };

static uint64_t random_state = 88172645463325252u;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static size_t next_below(size_t bound)
{
    return (size_t)(next_random() % bound);
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Quantiles are within 1% of those of the sorted values, over nine powers of ten. */
static void quantiles_are_within_one_percent(void)
{
    static struct hist  half, whole;
    static uint64_t     values[VALUES];
    static const double shares[] = {0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1};
    for (int i = 0; i < VALUES; i++) {
        values[i] = next_random() >> (24 + next_random() % 40);
        hist_add(i % 2 ? &half : &whole, values[i]);
    }
    hist_merge(&whole, &half);
    qsort(values, VALUES, sizeof values[0], by_value);
    expect(whole.count == VALUES, "%llu", (unsigned long long)whole.count);
    expect(whole.max_ns == values[VALUES - 1], "%llu", (unsigned long long)whole.max_ns);
    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
        size_t rank = (size_t)(shares[i] * (double)VALUES + 0.5);
        double right = (double)values[rank > 0 ? rank - 1 : 0];
        double told = (double)hist_quantile_ns(&whole, shares[i]);
        expect(told >= right * 0.99 && told <= right * 1.01, "share %g: %g, not %g", shares[i],
               told, right);
    }
    static const struct hist empty;
    expect(hist_quantile_ns(&empty, 0.5) == 0, "an empty histogram tells a time");
    static struct hist beyond;
    hist_add(&beyond, UINT64_MAX);
    expect(hist_quantile_ns(&beyond, 0.5) > 0, "a value beyond the range is lost");
}

/* Any piece of a request is the same bytes, and any changed byte of it is found at its place. */
static void patterns_are_position_dependent(void)
{
    unsigned char whole[200], piece[200];
    for (int i = 0; i < 2000; i++) {
        uint64_t base = pattern_base((uint32_t)next_random() % 1000, next_random() % 100000);
        size_t   offset = next_below(200), length = next_below(201 - offset);
        pattern_fill(whole, base, 0, sizeof whole);
        pattern_fill(piece, base, offset, length);
        expect(memcmp(piece, whole + offset, length) == 0, "offset %zu length %zu", offset, length);
        expect(pattern_check(piece, base, offset, length) == length, "a right piece is refused");
        if (length == 0)
            continue;
        size_t bad = next_below(length);
        piece[bad] ^= (unsigned char)(1u << next_random() % 8);
        expect(pattern_check(piece, base, offset, length) == bad, "a wrong byte at %zu", bad);
    }
}

/* Even of one byte: the next request's, and a neighbour's, are others. */
static void patterns_change(void)
{
    for (uint32_t c = 0; c < 300; c++)
        for (uint64_t r = 0; r < 300; r++) {
            unsigned char here, next, neighbour;
            pattern_fill(&here, pattern_base(c, r), 0, 1);
            pattern_fill(&next, pattern_base(c, r + 1), 0, 1);
            pattern_fill(&neighbour, pattern_base(c + 1, r), 0, 1);
            expect(here != next && here != neighbour, "connection %u request %llu", c,
                   (unsigned long long)r);
        }
}

static void statistics_are_right(void)
{
    const double odd[] = {5, 1, 9}, even[] = {4, 1, 3, 2};
    struct range r = stats_range(odd, 3);
    expect(r.middle == 5 && r.low == 1 && r.high == 9, "%g %g %g", r.middle, r.low, r.high);
    r = stats_range(even, 4);
    expect(r.middle == 2.5 && r.low == 1 && r.high == 4, "%g %g %g", r.middle, r.low, r.high);

    /* Pairs that move together: the ratio is exact though both values scatter. */
    double a[20], b[20];
    for (int i = 0; i < 20; i++) {
        b[i] = 5 + (double)(next_random() % 1000) / 100;
        a[i] = b[i] * 1.25;
    }
    r = stats_ratio(a, b, 20);
    expect(r.middle > 1.2499 && r.high - r.low < 0.0001, "%g %g..%g", r.middle, r.low, r.high);
    for (int i = 0; i < 20; i++)
        a[i] = b[i] * (0.9 + (double)(next_random() % 1000) / 5000);
    r = stats_ratio(a, b, 20);
    struct range again = stats_ratio(a, b, 20);
    expect(memcmp(&r, &again, sizeof r) == 0, "the same pairs give another interval");
    expect(r.low <= r.middle && r.middle <= r.high && r.low < r.high, "%g %g..%g", r.middle, r.low,
           r.high);
    a[3] = b[3] = b[7] = 0; /* the clock did not see these */
    r = stats_ratio(a, b, 20);
    expect(r.low > 0.8 && r.low <= r.middle && r.high < 1.2, "%g %g..%g", r.middle, r.low, r.high);
    memset(b, 0, sizeof b);
    r = stats_ratio(a, b, 20);
    expect(stats_decide(r, 20, 1.05) == DECISION_UNRESOLVED, "%g %g..%g", r.middle, r.low, r.high);
}

static void decisions_follow_the_rule(void)
{
    const struct range narrow = {1.10, 1.06, 1.14}, wide = {1.10, 1.00, 1.20};
    expect(stats_decide(narrow, 15, 1.08) == DECISION_MET, "the lower end reaches the goal");
    expect(stats_decide(narrow, 15, 1.05) == DECISION_MISSED, "all of it is above the goal");
    expect(stats_decide(narrow, 14, 1.08) == DECISION_UNRESOLVED, "too few rounds");
    expect(stats_decide(narrow, 14, 1.05) == DECISION_UNRESOLVED, "too few rounds");
    expect(stats_decide(wide, 15, 1.08) == DECISION_UNRESOLVED, "too wide");
    expect(stats_decide(wide, 15, 0.99) == DECISION_MISSED,
           "wide, and above the goal all the same");

    /* At least so much: the same, turned over. */
    expect(stats_decide_least(narrow, 15, 1.12) == DECISION_MET, "the upper end reaches the goal");
    expect(stats_decide_least(narrow, 15, 1.15) == DECISION_MISSED, "all of it is below the goal");
    expect(stats_decide_least(narrow, 14, 1.15) == DECISION_UNRESOLVED, "too few rounds");
    expect(stats_decide_least(wide, 15, 1.08) == DECISION_UNRESOLVED, "too wide");
    expect(stats_decide_least(wide, 15, 1.21) == DECISION_MISSED, "wide, and below all the same");

    /* Never behind: what is inside the noise is not. */
    const struct range slightly = {1.06, 1.04, 1.07}, unsure = {1.20, 0.99, 1.50};
    expect(stats_decide_ahead(narrow, 15) == DECISION_MISSED, "behind by a tenth");
    expect(stats_decide_ahead(narrow, 14) == DECISION_UNRESOLVED, "too few rounds");
    expect(stats_decide_ahead(slightly, 15) == DECISION_MET, "behind by less than is resolved");
    expect(stats_decide_ahead(unsure, 15) == DECISION_MET, "not resolved to be behind");
    expect(stats_decide_ahead((struct range){0.5, 0.4, 0.6}, 15) == DECISION_MET, "well ahead");
    expect(stats_is_tie((struct range){1.2, 0.99, 1.4}), "the interval holds 1");
    expect(stats_is_tie((struct range){1.07, 1.05, 1.09}), "nearer than the resolution");
    expect(!stats_is_tie((struct range){1.09, 1.05, 1.12}), "clearly worse");
    expect(!stats_is_tie((struct range){0.8, 0.7, 0.9}), "clearly better");
}

static void numbers_have_three_digits(void)
{
    static const struct {
        double      value;
        const char *text;
    } cases[] = {{0, "0.00"},       {6.824, "6.82"},  {68.24, "68.2"},    {682.4, "682"},
                 {6824, "6824"},    {68240, "68.2k"}, {9.996, "10.0"},    {99.96, "100"},
                 {9999.6, "10.0k"}, {682400, "682k"}, {68240000, "68.2M"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[32];
        report_number(text, sizeof text, cases[i].value);
        expect(strcmp(text, cases[i].text) == 0, "%g is told as %s, not %s", cases[i].value, text,
               cases[i].text);
    }
}

int main(void)
{
    quantiles_are_within_one_percent();
    patterns_are_position_dependent();
    patterns_change();
    statistics_are_right();
    decisions_follow_the_rule();
    numbers_have_three_digits();
    return kit_failures > 0;
}
