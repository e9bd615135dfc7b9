/* SPDX-License-Identifier: MIT */
/* main.c - differential: scripts of ops drawn from seeds, each run on every engine, with traces
 * that have to be the same. */
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "apart.h"
#include "far.h"

#define ENGINES_MAX 32
#define SHRINK_RUNS 250
#define PLANT_SEEDS 200 /* a fault that so many scripts do not show was not planted */

struct settings {
    const char *engines[ENGINES_MAX];
    int         engine_count;
    uint64_t    first, last;
    enum plant  plant;
    bool        selftest, verbose, shrinks, names;
    const char *program;
    const char *far; /* the command of an engine of another system */
};

static void help(FILE *file)
{
    fputs(
        "usage: differential [--seeds FIRST-LAST] [--engines NAME,NAME...] [OPTION...]\n"
        "\n"
        "Runs scripts of operations, one for each seed, on every engine that this machine allows\n"
        "and compares what happened with what happened on the first. A difference is shown with\n"
        "its script, both traces, and the script made as short as it gets. Ends 0 if none\n"
        "differs.\n"
        "\n"
        "  --seeds FIRST-LAST  which scripts, 1-200 without it; one number is one script\n"
        "  --engines LIST      the engines, the reference first; all that are allowed without it\n"
        "  --far COMMAND       one more engine, 'far': a program of Windows that runs a script;\n"
        "                      all scripts are fitted to what there is there\n"
        "  --plant NAME        plants a fault in what the last engine does\n"
        "  --selftest          plants each fault, and ends 0 if each is found and made short\n"
        "  --list              prints the engines that would be compared\n"
        "  --no-shrink         shows differences as they are\n"
        "  --verbose           prints each script and its trace\n"
        "  --help              prints this\n",
        file);
}

/* ---- Engines --------------------------------------------------------------------------------- */

/* Of those that run in this world; a simulation has a world of its own. */
static void find_engines(struct settings *settings)
{
    static struct weir_engine_info infos[ENGINES_MAX];
    int                            count = weir_engine_list(infos, ENGINES_MAX);
    for (int i = 0; i < count && i < ENGINES_MAX; i++)
        if (!infos[i].refused && strcmp(infos[i].model, "simulation") != 0)
            settings->engines[settings->engine_count++] = infos[i].name;
}

static void take_engines(struct settings *settings, char *list)
{
    settings->engine_count = 0;
    for (char *name = strtok(list, ","); name; name = strtok(NULL, ","))
        if (settings->engine_count < ENGINES_MAX)
            settings->engines[settings->engine_count++] = name;
}

/* Behind the others, so that faults are planted there. */
static void reach(struct settings *settings)
{
    apart_reach(settings->far);
    if (settings->engine_count < ENGINES_MAX)
        settings->engines[settings->engine_count++] = FAR_ENGINE;
}

/* ---- Comparing ------------------------------------------------------------------------------- */

/* The traces of the script as it was, kept: what happened once need not happen again. */
static void keep(struct trace kept[2], const struct trace *first, const struct trace *second)
{
    kept[0] = *first;
    kept[1] = *second;
}

/* Makes the script short and keeps the traces of one more run that shows it. */
static void make_short(const struct settings *settings, const struct script *script,
                       const char *const engines[2], struct trace kept[2])
{
    struct script shorter = *script;
    shrink(&shorter, engines, settings->plant, SHRINK_RUNS);
    for (unsigned tries = 0; tries < 20; tries++) {
        const struct trace *first = apart_run(&shorter, engines[0], PLANT_NOTHING, 0);
        const struct trace *second = apart_run(&shorter, engines[1], settings->plant, 1);
        if (trace_same(first, second))
            continue;
        keep(kept, first, second);
        printf("\nmade short:\n");
        script_print(&shorter, stdout);
        return;
    }
}

static void show(const struct settings *settings, const struct script *script,
                 const char *const engines[2], const struct trace *first,
                 const struct trace *second)
{
    static struct trace kept[2];
    unsigned            again = 0;
    keep(kept, first, second);
    printf("\nDIFFERENCE between %s and %s\n", engines[0], engines[1]);
    script_print(script, stdout);
    for (unsigned i = 0; i < 5; i++)
        again += apart_differ(script, engines, settings->plant);
    printf("it differs in %u of 5 further runs\n", again);
    if (settings->shrinks && again)
        make_short(settings, script, engines, kept);
    trace_print_pair(&kept[0], engines[0], &kept[1], engines[1], stdout);
    bool far = strcmp(engines[1], FAR_ENGINE) == 0;
    printf("run it again: %s --seeds %" PRIu64 " --engines %s%s%s%s%s%s\n", settings->program,
           script->seed, engines[0], far ? " --far '" : ",", far ? settings->far : engines[1],
           far ? "'" : "", settings->plant ? " --plant " : "",
           settings->plant ? plant_name(settings->plant) : "");
}

/* True when an engine did something else than the first. */
static bool compare_one(const struct settings *settings, uint64_t seed)
{
    struct script script;
    bool          differs = false;
    script_generate(&script, seed);
    if (settings->far)
        far_fit(&script);
    const struct trace *reference = apart_run(&script, settings->engines[0], PLANT_NOTHING, 0);
    if (settings->verbose) {
        script_print(&script, stdout);
        fputs(reference->text, stdout);
    }
    for (int i = 1; i < settings->engine_count; i++) {
        bool                last = i == settings->engine_count - 1;
        const struct trace *trace = apart_run(&script, settings->engines[i],
                                              last ? settings->plant : PLANT_NOTHING, 1);
        if (trace_same(reference, trace))
            continue;
        differs = true;
        show(settings, &script, (const char *const[]){settings->engines[0], settings->engines[i]},
             reference, trace);
        reference = apart_run(&script, settings->engines[0], PLANT_NOTHING, 0);
    }
    return differs;
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int compare_all(const struct settings *settings)
{
    double   start = seconds_now();
    unsigned different = 0;
    for (uint64_t seed = settings->first; seed <= settings->last; seed++)
        different += compare_one(settings, seed);
    printf("%" PRIu64 " scripts (seeds %" PRIu64 "-%" PRIu64 ") on %d engines, %.1f s: ",
           settings->last - settings->first + 1, settings->first, settings->last,
           settings->engine_count, seconds_now() - start);
    printf(different ? "%u differ\n" : "none differs\n", different);
    return different ? 1 : 0;
}

/* ---- The test of itself ---------------------------------------------------------------------- */

const char *plant_name(enum plant plant)
{
    static const char *const names[PLANTS] = {
        "nothing",  "drop-byte", "swap",  "result",      "error",         "lose-close",
        "lose-end", "end-twice", "crash", "lose-buffer", "change-buffer",
    };
    return names[plant];
}

/* The first seed whose script shows the fault, made short. */
static bool find_planted(const struct settings *settings, enum plant plant)
{
    const char *const engines[] = {settings->engines[0], settings->engines[0]};
    struct script     script, shorter;
    for (uint64_t seed = 1; seed <= PLANT_SEEDS; seed++) {
        script_generate(&script, seed);
        if (!apart_differ(&script, engines, plant))
            continue;
        shorter = script;
        shrink(&shorter, engines, plant, SHRINK_RUNS);
        bool good = apart_differ(&shorter, engines, plant) &&
                    !apart_differ(&shorter, engines, PLANT_NOTHING) &&
                    shorter.step_count < script.step_count && shorter.step_count <= 8;
        printf("%-13s found by seed %" PRIu64 ", %u steps made %u%s\n", plant_name(plant), seed,
               script.step_count, shorter.step_count, good ? "" : ": NOT SHORT");
        return good;
    }
    printf("%-13s NOT FOUND by %d scripts\n", plant_name(plant), PLANT_SEEDS);
    return false;
}

static int test_itself(const struct settings *settings)
{
    bool good = true;
    for (int plant = PLANT_NOTHING + 1; plant < PLANTS; plant++)
        good &= find_planted(settings, (enum plant)plant);
    return good ? 0 : 1;
}

/* ---- Arguments ------------------------------------------------------------------------------- */

static bool take_plant(struct settings *settings, const char *name)
{
    for (int plant = 0; plant < PLANTS; plant++) {
        if (strcmp(name, plant_name((enum plant)plant)) != 0)
            continue;
        settings->plant = (enum plant)plant;
        return true;
    }
    fprintf(stderr, "differential: there is no fault '%s'\n", name);
    return false;
}

static bool take_seeds(struct settings *settings, const char *text)
{
    char *end;
    settings->first = settings->last = strtoull(text, &end, 10);
    if (*end == '-')
        settings->last = strtoull(end + 1, &end, 10);
    if (!*end && settings->first <= settings->last)
        return true;
    fprintf(stderr, "differential: '%s' is not a range of seeds\n", text);
    return false;
}

static bool take_arguments(struct settings *settings, int argc, char **argv)
{
    static const struct option options[] = {
        {"seeds", required_argument, NULL, 's'}, {"engines", required_argument, NULL, 'e'},
        {"far", required_argument, NULL, 'f'},   {"plant", required_argument, NULL, 'p'},
        {"selftest", no_argument, NULL, 't'},    {"list", no_argument, NULL, 'l'},
        {"no-shrink", no_argument, NULL, 'n'},   {"verbose", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},        {0}};
    bool good = true;
    for (int answer; good && (answer = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (answer == 'e')
            take_engines(settings, optarg);
        else if (answer == 'f')
            settings->far = optarg;
        else if (answer == 'h')
            help(stdout), exit(0);
        good = answer != '?' && (answer != 's' || take_seeds(settings, optarg)) &&
               (answer != 'p' || take_plant(settings, optarg));
        settings->selftest |= answer == 't';
        settings->names |= answer == 'l';
        settings->verbose |= answer == 'v';
        settings->shrinks &= answer != 'n';
    }
    if (good && optind == argc)
        return true;
    help(stderr);
    return false;
}

int main(int argc, char **argv)
{
    struct settings settings = {.first = 1, .last = 200, .shrinks = true, .program = argv[0]};
    find_engines(&settings);
    if (!take_arguments(&settings, argc, argv))
        return 2;
    if (settings.far)
        reach(&settings);
    if (settings.names) {
        for (int i = 0; i < settings.engine_count; i++)
            puts(settings.engines[i]);
        return 0;
    }
    if (!settings.engine_count) {
        fputs("differential: no engine is allowed here\n", stderr);
        return 2;
    }
    return settings.selftest ? test_itself(&settings) : compare_all(&settings);
}
