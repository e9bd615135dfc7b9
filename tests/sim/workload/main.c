/* SPDX-License-Identifier: MIT */
/* main.c - sim-workload: many seeds, each in a world of its own, and small worlds, all of them. */
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "workload.h"

#define KEPT_MAX 256

struct settings {
    uint64_t    first, last;
    const char *kept; /* a file of seeds that failed once, or NULL */
    const char *leave_out;
    unsigned    seconds;
    unsigned    small; /* ops at most, or 0 */
    bool        story, plain, finds;
    const char *program;
};

static void help(FILE *file)
{
    fputs(
        "usage: sim-workload [--seeds FIRST-LAST] [OPTION...]\n"
        "\n"
        "Random operations in simulated worlds, one for each seed, and what has to hold of them.\n"
        "A run that fails is made short and shown, with the command that runs it again. Ends 0 if\n"
        "none fails.\n"
        "\n"
        "  --seeds FIRST-LAST  which seeds; one number is one seed\n"
        "  --kept FILE         runs the seeds in FILE first\n"
        "  --small NUMBER      every small world: two handles, up to NUMBER (4) ops, a cancel or\n"
        "                      a close at every point\n"
        "  --seconds NUMBER    no further seed after so long\n"
        "  --leave-out LIST    steps that are not done, as 3-7,9\n"
        "  --story             tells what is done and what comes of it\n"
        "  --finds             ends 0 if one of the seeds fails, and 1 if none does\n"
        "  --no-shrink         shows a failing run as it is\n"
        "  --help              prints this\n",
        file);
}

static bool read_range(const char *text, uint64_t *first, uint64_t *last)
{
    char *end;
    *first = *last = strtoull(text, &end, 10);
    if (*end == '-')
        *last = strtoull(end + 1, &end, 10);
    return *text >= '0' && *text <= '9' && !*end && *first <= *last;
}

static int read_settings(struct settings *settings, int argc, char **argv)
{
    static const struct option options[] = {
        {"seeds", 1, NULL, 's'},   {"kept", 1, NULL, 'k'},      {"small", 1, NULL, 'm'},
        {"seconds", 1, NULL, 't'}, {"leave-out", 1, NULL, 'l'}, {"story", 0, NULL, 'y'},
        {"finds", 0, NULL, 'f'},   {"no-shrink", 0, NULL, 'p'}, {"help", 0, NULL, 'h'},
        {NULL, 0, NULL, 0}};
    *settings = (struct settings){.first = 1, .last = 0, .program = argv[0]};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) >= 0;) {
        bool fine = true;
        if (option == 's')
            fine = read_range(optarg, &settings->first, &settings->last);
        else if (option == 'k')
            settings->kept = optarg;
        else if (option == 'm')
            fine = (settings->small = (unsigned)strtoul(optarg, NULL, 10)) != 0;
        else if (option == 't')
            fine = (settings->seconds = (unsigned)strtoul(optarg, NULL, 10)) != 0;
        else if (option == 'l')
            settings->leave_out = optarg;
        else if (option == 'y')
            settings->story = true;
        else if (option == 'f')
            settings->finds = true;
        else if (option == 'p')
            settings->plain = true;
        else {
            help(option == 'h' ? stdout : stderr);
            return option == 'h' ? 0 : 2;
        }
        if (!fine) {
            fprintf(stderr, "sim-workload: that makes no sense: %s\n", optarg);
            return 2;
        }
    }
    return optind == argc ? -1 : 2;
}

static void leave_out(struct plan *plan, const char *list)
{
    while (list && *list) {
        char         *end;
        unsigned long first = strtoul(list, &end, 10), last = first;
        if (*end == '-')
            last = strtoul(end + 1, &end, 10);
        for (unsigned long i = first; i <= last && i < plan->step_count; i++)
            plan->steps[i].left_out = true;
        list = *end ? end + 1 : end;
    }
}

/* ---- Showing what failed --------------------------------------------------------------------- */

static void print_left_out(const struct plan *plan)
{
    const char *comma = "";
    for (unsigned i = 0; i < plan->step_count; i++) {
        unsigned last = i;
        if (!plan->steps[i].left_out)
            continue;
        while (last + 1 < plan->step_count && plan->steps[last + 1].left_out)
            last++;
        printf(last > i ? "%s%u-%u" : "%s%u", comma, i, last);
        comma = ",";
        i = last;
    }
}

static void show(const struct settings *settings, struct plan *plan, struct outcome *outcome)
{
    char faults[256] = "";
    printf("seed %" PRIu64 ": %s\n", plan->seed, outcome->failure);
    if (!settings->plain) {
        shrink(plan, faults, sizeof faults);
        plan_print(plan, stdout);
        run_apart(plan, outcome);
        printf("still: %s\n", outcome->failure);
    }
    printf("run it again:");
    const char *canary = getenv("WEIR_CANARY");
    if (canary)
        printf(" WEIR_CANARY=%s", canary);
    if (faults[0])
        printf(" WEIR_SIM_FAULTS=%s", faults);
    printf(" %s --story --seeds %" PRIu64, settings->program, plan->seed);
    if (!settings->plain) {
        printf(" --leave-out ");
        print_left_out(plan);
    }
    printf("\n");
    unsetenv("WEIR_SIM_FAULTS");
}

/* ---- Running --------------------------------------------------------------------------------- */

/* One of sixteen runs is run a second time: it has to be the same. */
static void check_same(const struct plan *plan, struct outcome *outcome)
{
    struct outcome second;
    if (outcome->failure[0] || plan->seed % 16)
        return;
    run_plan(plan, NULL, &second);
    if (second.hash != outcome->hash)
        snprintf(outcome->failure, sizeof outcome->failure,
                 "two runs of this seed have different traces");
}

/* In a process of its own; tells the parent which seed it is at, and what failed. */
static void run_batch(const struct batch *batch, struct shared *shared)
{
    static struct plan plan;
    for (uint64_t seed = batch->first; seed <= batch->last; seed++) {
        if (batch->until && (uint64_t)time(NULL) >= batch->until)
            break;
        shared->seed = seed;
        apart_bound();
        plan_draw(&plan, seed);
        run_plan(&plan, NULL, &shared->outcome);
        check_same(&plan, &shared->outcome);
        shared->runs++;
        shared->ops += shared->outcome.ops;
        if (shared->outcome.failure[0])
            break;
    }
}

struct sum {
    uint64_t runs, ops, failed;
};

static void run_range(const struct settings *settings, uint64_t first, uint64_t last,
                      struct sum *sum)
{
    static struct plan plan;
    uint64_t           until = settings->seconds ? (uint64_t)time(NULL) + settings->seconds : 0;
    struct batch       batch = {.first = first, .last = last, .until = until};
    while (batch.first <= batch.last && !(until && (uint64_t)time(NULL) >= until)) {
        struct shared shared;
        apart_run(run_batch, &batch, &shared);
        sum->runs += shared.runs;
        sum->ops += shared.ops;
        if (!shared.outcome.failure[0])
            break;
        sum->failed++;
        batch.first = shared.seed + 1;
        if (settings->finds) {
            printf("seed %" PRIu64 ": %s\n", shared.seed, shared.outcome.failure);
            break;
        }
        plan_draw(&plan, shared.seed);
        show(settings, &plan, &shared.outcome);
        if (sum->failed >= 5)
            break;
    }
}

/* Lines of a number and what it found once; '#' begins a comment. All are read before one is run: a
 * child that ends moves the place in a file that it shares. */
static int run_kept(const struct settings *settings, struct sum *sum)
{
    char     line[256];
    uint64_t seeds[KEPT_MAX];
    unsigned count = 0;
    FILE    *file = fopen(settings->kept, "re");
    if (!file) {
        fprintf(stderr, "sim-workload: %s cannot be read\n", settings->kept);
        return 2;
    }
    while (fgets(line, sizeof line, file) && count < KEPT_MAX) {
        char *end;
        seeds[count] = strtoull(line, &end, 10);
        count += end != line;
    }
    fclose(file);
    for (unsigned i = 0; i < count; i++)
        run_range(settings, seeds[i], seeds[i], sum);
    return 0;
}

static int run_small(unsigned ops_most)
{
    static const char *const models[] = {"completion", "level", "edge", "oneshot"};
    int                      code = 0;
    for (unsigned i = 0; i < sizeof models / sizeof *models; i++) {
        struct outcome outcome = {.failure = ""};
        unsigned long  count = small_worlds(models[i], ops_most, &outcome);
        printf("%lu small worlds, %s\n", count, models[i]);
        if (outcome.failure[0]) {
            printf("%s\n", outcome.failure);
            code = 1;
        }
    }
    return code;
}

/* One seed, as it is, in this process: for a debugger. */
static int tell_story(const struct settings *settings)
{
    static struct plan plan;
    struct outcome     outcome;
    plan_draw(&plan, settings->first);
    leave_out(&plan, settings->leave_out);
    run_plan(&plan, settings->story ? stdout : NULL, &outcome);
    printf("%s\n", outcome.failure[0] ? outcome.failure : "nothing failed");
    return outcome.failure[0] ? 1 : 0;
}

int main(int argc, char **argv)
{
    struct settings settings;
    struct sum      sum = {0};
    int             code = read_settings(&settings, argc, argv);
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (code >= 0)
        return code;
    if (settings.story || settings.leave_out)
        return tell_story(&settings);
    if (settings.small && run_small(settings.small))
        return 1;
    if (settings.kept && (code = run_kept(&settings, &sum)) > 0)
        return code;
    run_range(&settings, settings.first, settings.last, &sum);
    if (sum.runs)
        printf("%" PRIu64 " runs, %" PRIu64 " ops, %" PRIu64 " failed\n", sum.runs, sum.ops,
               sum.failed);
    return settings.finds ? !sum.failed : sum.failed != 0;
}
