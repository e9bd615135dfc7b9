/* SPDX-License-Identifier: MIT */
/* faults.c - fuzz target: the faults of a simulated run as text: what $WEIR_SIM_FAULTS says of
 * them, and what the tool reads in a trace.
 *
 * The first byte chooses: a list, a trace, or faults of a world. Oracles: a second, simple reader
 * of each grammar; of a list that makes sense just those faults happen; what the tool read in a
 * trace the world takes, and a run with the list of its own trace is the same run. */
#include <string.h>
#include <unistd.h>

#include "../../tool/sim_faults.h"
#include "fuzz.h"
#include "sim/world.h"

enum { NUMBERS = 64, ALWAYS = 1000000 };

/* ---- A second reader ------------------------------------------------------------------------- */

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* The digits at *text, which is moved behind them; what no fault has is `most`. */
static uint64_t digits(const char **text, uint64_t most)
{
    uint64_t number = 0;
    for (; is_digit(**text); ++*text)
        number = number * 10 > most ? most : number * 10 + (uint64_t)(**text - '0');
    return number < most ? number : most;
}

static bool is_list(const char *text)
{
    bool range = false;
    for (; is_digit(*text); text++) {
        digits(&text, UINT32_MAX);
        if (!*text)
            return true;
        if (*text != ',' && (*text != '-' || range))
            return false;
        range = *text == '-';
    }
    return false;
}

/* Whether a list that makes sense has the number. */
static bool has(const char *text, uint64_t number)
{
    for (;; text++) {
        uint64_t first = digits(&text, UINT32_MAX), last = first;
        if (*text == '-') {
            text++;
            last = digits(&text, UINT32_MAX);
        }
        if (number >= first && number <= last)
            return true;
        if (!*text)
            return false;
    }
}

/* The number of the fault that a line of a trace tells of, or 0. */
static uint32_t line_fault(const char *line, const char *end)
{
    static const char word[] = "fault ";
    const char       *at = memchr(line, ' ', (size_t)(end - line));
    uint64_t          number = 0;
    if (!at || end - ++at < (int)sizeof word - 1 || memcmp(at, word, sizeof word - 1) != 0)
        return 0;
    for (at += sizeof word - 1; at < end && is_digit(*at) && (number || *at != '0'); at++)
        if ((number = number * 10 + (uint64_t)(*at - '0')) > UINT32_MAX)
            return 0;
    return at < end && *at == ' ' ? (uint32_t)number : 0;
}

/* ---- Lists ----------------------------------------------------------------------------------- */

static struct weir_sim *world_with(const char *list, FILE *trace, int error)
{
    struct weir_sim_options options = {.seed = 1, .trace = trace};
    struct weir_sim        *world;
    for (int i = 0; i < WEIR_SIM_FAULTS; i++)
        options.per_million[i] = ALWAYS;
    setenv("WEIR_SIM_FAULTS", list, 1);
    FUZZ_CHECK_EQ(weir_sim_open(&world, &options), error);
    FUZZ_CHECK(!world == !!error);
    return world;
}

/* An empty one is none, and all faults happen. */
static void check_list(const char *list)
{
    bool             makes_sense = !*list || is_list(list);
    struct weir_sim *world = world_with(list, NULL, makes_sense ? 0 : WEIR_EINVAL);
    if (!world)
        return;
    for (uint32_t number = 1; number <= NUMBERS; number++)
        FUZZ_CHECK_EQ(sim_fault(world, WEIR_SIM_RESET, "here"), !*list || has(list, number));
    FUZZ_CHECK_EQ(weir_sim_close(world), 0);
}

/* ---- Traces ---------------------------------------------------------------------------------- */

static char path[] = "/tmp/weir-fuzz-XXXXXX";

static struct fault_list read_trace(void)
{
    struct fault_list list;
    struct failure    why = {""};
    FUZZ_CHECK_EQ(fault_list_read(&list, path, &why), 0);
    return list;
}

/* Whatever was in it, the world takes the list. */
static void check_text(const struct fault_list *list)
{
    char *text = fault_list_text(list);
    FUZZ_CHECK(text);
    check_list(text);
    for (size_t i = 0; i < list->count; i++)
        FUZZ_CHECK(has(text, list->numbers[i]));
    free(text);
}

static void check_trace(const char *bytes, size_t size)
{
    FILE *file = fopen(path, "w");
    FUZZ_CHECK(file && fwrite(bytes, 1, size, file) == size && fclose(file) == 0);
    struct fault_list list = read_trace();
    size_t            found = 0;
    for (const char *line = bytes, *end = bytes + size, *next; line < end; line = next) {
        const char *feed = memchr(line, '\n', (size_t)(end - line));
        const char *zero = memchr(line, '\0', (size_t)((feed ? feed : end) - line));
        uint32_t    number = line_fault(line, zero ? zero : feed ? feed : end);
        next = feed ? feed + 1 : end;
        if (!number)
            continue;
        FUZZ_CHECK(found < list.count);
        FUZZ_CHECK_EQ(list.numbers[found++], number);
    }
    FUZZ_CHECK_EQ(found, list.count);
    check_text(&list);
    fault_list_finish(&list);
}

/* ---- Runs ------------------------------------------------------------------------------------ */

/* One fault a byte, some of which are left out, in places of the input's choice: how many came. */
static size_t run_faults(const char *list, const uint8_t *data, size_t size, bool came[NUMBERS])
{
    FILE            *trace = fopen(path, "w");
    struct weir_sim *world = world_with(list, trace, 0);
    size_t           count = 0;
    char             where[24] = "x";
    FUZZ_CHECK(trace);
    for (size_t i = 0; i < size && i < NUMBERS; i++) {
        size_t length = size - i < sizeof where - 1 ? size - i : sizeof where - 1;
        memcpy(where, data + i, length);
        came[i] = sim_fault(world, (enum weir_sim_fault)(data[i] % WEIR_SIM_FAULTS), where);
        count += came[i];
    }
    FUZZ_CHECK_EQ(weir_sim_close(world), 0);
    fclose(trace);
    return count;
}

static void check_run(const uint8_t *data, size_t size)
{
    bool   first[NUMBERS] = {false}, again[NUMBERS] = {false};
    char   kept[32];
    size_t from = size ? data[0] % NUMBERS : 0;
    snprintf(kept, sizeof kept, "%zu-%zu,%zu", from, from + 9, from + 12);
    size_t            count = run_faults(kept, data, size, first);
    struct fault_list list = read_trace();
    FUZZ_CHECK_EQ(list.count, count);
    char *text = fault_list_text(&list);
    FUZZ_CHECK(text);
    FUZZ_CHECK_EQ(run_faults(text, data, size, again), count);
    FUZZ_CHECK(memcmp(first, again, sizeof first) == 0);
    free(text);
    fault_list_finish(&list);
}

/* ---- The target ------------------------------------------------------------------------------ */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    char *text = malloc(size); /* of the length that it has, with its end */
    int   file = mkstemp(path);
    FUZZ_CHECK(text && file >= 0);
    close(file);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    if (data[0] % 3 == 0)
        check_list(text);
    else if (data[0] % 3 == 1)
        check_trace(text, size - 1);
    else
        check_run(data + 1, size - 1);
    unlink(path);
    memcpy(path + sizeof path - 7, "XXXXXX", 6);
    unsetenv("WEIR_SIM_FAULTS");
    free(text);
    return 0;
}
