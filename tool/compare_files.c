/* SPDX-License-Identifier: MIT */
/* compare_files.c - `weir compare files`: random reads of a file, from the page cache and past it,
 * with few and many at a time, on one mechanism after the other. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <weir.h>

#include "choice.h"
#include "command.h"
#include "compare_options.h"
#include "measure/batch.h"
#include "measure/blockfile.h"
#include "measure/clock.h"
#include "measure/document.h"
#include "measure/progress.h"
#include "measure/reader.h"
#include "measure/report.h"
#include "measure/stop.h"
#include "measure/system.h"
#include "programs.h"
#include "verdict.h"

enum { DEPTHS_MAX = 4, BLOCKS_MAX = 2 * DEPTHS_MAX, COUNTED_READS = 1000, PIECE = 1 << 20 };

struct files_options {
    struct compare_options common;
    const char            *directory;
    unsigned               depths[DEPTHS_MAX];
    int                    depth_count;
    size_t                 size; /* bytes a read */
    long long              mebibytes;
    bool                   cached, direct;
};

struct files {
    struct files_options options;
    struct choice        choice;
    struct blockfile     file;
    struct block { /* one mode and depth, each reader measured */
        struct reader_plan    plan;
        struct reader_command weir, blocking, uring;
        struct series         series;
    } blocks[BLOCKS_MAX];
    int             block_count;
    struct progress progress;
    bool            complete;
};

static void help(void)
{
    printf(
        "usage: weir compare files [OPTION...]\n"
        "\n"
        "Makes a file, reads blocks of it at random places on one engine after the other, checks\n"
        "what was read, and prints what each cost; beside a blocking program (a thread for each\n"
        "read at a time) and an io_uring loop written by hand. The file is removed at the end.\n"
        "\n"
        "  --engines LIST    engines, separated by commas (default: those allowed here of\n"
        "                    %s; readiness engines serve\n"
        "                    files alike)\n"
        "  --depths LIST     numbers of reads at a time, at most %d (default: 1,32)\n"
        "  --size BYTES      bytes a read, a power of two from 512 (default: 4096)\n"
        "  --file-size MIB   the file (default: 256)\n"
        "  --directory DIR   where the file is made (default: the current directory)\n"
        "  --cached          only from the page cache\n"
        "  --direct          only past it (%s)\n"
        "  --seconds S       seconds measured of each in a round (default: 0.1)\n"
        "  --rounds R        rounds, each with every reader (default: 5)\n"
        "  --json FILE       write everything measured to FILE as JSON (- is standard output)\n"
        "  -h, --help        print this\n",
        choice_file_engines, DEPTHS_MAX, system_direct);
}

static bool read_depths(struct files_options *o, char *list)
{
    o->depth_count = 0;
    for (char *next = list, *word; (word = cut_word(&next));) {
        long long depth = 0;
        if (!read_count("--depths", word, 1, 256, &depth))
            return false;
        if (o->depth_count == DEPTHS_MAX)
            return say_usage("--depths takes at most %d numbers", DEPTHS_MAX), false;
        o->depths[o->depth_count++] = (unsigned)depth;
    }
    return true;
}

static bool read_size(struct files_options *o, const char *value)
{
    long long size = 0;
    if (!read_count("--size", value, 512, 1 << 20, &size))
        return false;
    if (size & (size - 1))
        return say_usage("--size takes a power of two, not '%s'", value), false;
    o->size = (size_t)size;
    return true;
}

/* Reads one option; false when its value is wrong, which was said. */
static bool take_option(void *user, int option, char *value)
{
    struct files_options *o = user;
    switch (option) {
    case 'd':
        return read_depths(o, value);
    case 's':
        return read_size(o, value);
    case 'f':
        return read_count("--file-size", value, 1, 1 << 20, &o->mebibytes);
    case 'D':
        o->directory = value;
        return true;
    default: /* 'C' and 'O' */
        *(option == 'C' ? &o->cached : &o->direct) = true;
        return true;
    }
}

static int read_options(struct files_options *o, int argc, char **argv)
{
    static const struct option  options[] = {COMPARE_OPTIONS,
                                             {"depths", required_argument, NULL, 'd'},
                                             {"size", required_argument, NULL, 's'},
                                             {"file-size", required_argument, NULL, 'f'},
                                             {"directory", required_argument, NULL, 'D'},
                                             {"cached", no_argument, NULL, 'C'},
                                             {"direct", no_argument, NULL, 'O'},
                                             {0}};
    const struct compare_reader reader = {.command = "weir compare files",
                                          .options = options,
                                          .common = &o->common,
                                          .take = take_option,
                                          .user = o,
                                          .help = help};
    int                         status = compare_read_options(&reader, argc, argv);
    if (!o->cached && !o->direct)
        o->cached = o->direct = true;
    return status;
}

/* ---- The file -------------------------------------------------------------------------------- */

static int make_file(struct files *f)
{
    struct failure why = {0};
    progress_step(&f->progress, "writing the file", f->options.directory);
    int result = blockfile_make(&f->file, f->options.directory, "weir-compare-files",
                                f->options.mebibytes, &why);
    if (why.sentence[0])
        return say_failed("%s", why.sentence);
    if (result < 0)
        return 128 + stop_requested();
    if (f->options.direct)
        blockfile_try_direct(&f->file, f->options.size);
    return EXIT_DONE;
}

/* ---- Measuring ------------------------------------------------------------------------------- */

static void tell_progress(void *user, const struct series *series, size_t round,
                          const struct entrant *next, bool counting)
{
    struct files             *f = user;
    const struct reader_plan *plan = &f->blocks[f->block_count - 1].plan;
    char                      stage[96];
    snprintf(stage, sizeof stage, "%s, depth %u: ", plan->direct ? system_direct : "cached",
             plan->depth);
    size_t length = strlen(stage);
    if (counting)
        snprintf(stage + length, sizeof stage - length, "counting system calls");
    else
        snprintf(stage + length, sizeof stage - length, "round %zu of %zu", round + 1,
                 f->options.common.rounds);
    progress_step(&f->progress, stage, next->plan.name);
}

/* The loop written by hand needs what weir's engine needs. */
static bool uring_is_allowed(const struct choice *choice)
{
    for (int i = 0; i < choice->known_count; i++)
        if (strcmp(choice->known[i].name, "io_uring") == 0)
            return !choice->known[i].refused;
    return false;
}

static int open_block(struct files *f, struct block *block, struct failure *why)
{
    size_t engines = f->choice.chosen_count, count = engines;
    bool   has_uring = programs_has(PROGRAM_READ_URING) && uring_is_allowed(&f->choice);
    if (series_open(&block->series, count + 1 + has_uring, f->options.common.rounds, why) < 0)
        return -1;
    block->series.works = true;
    reader_command(&block->weir, programs_command(PROGRAM_READ_WEIR), &block->plan);
    reader_command(&block->blocking, programs_command(PROGRAM_READ_BLOCKING), &block->plan);
    if (has_uring)
        reader_command(&block->uring, programs_command(PROGRAM_READ_URING), &block->plan);
    block->series.timing.window_ns = f->options.common.timing.window_ns;
    block->series.timing.warmup_ns = f->options.common.timing.window_ns / 5;
    for (size_t i = 0; i < engines; i++)
        block->series.entrants[i].plan = (struct server_plan){.name = f->choice.chosen[i]->name,
                                                              .argv = block->weir.argv,
                                                              .engine = f->choice.chosen[i]->name};
    block->series.entrants[count++].plan = (struct server_plan){.name = "blocking",
                                                                .argv = block->blocking.argv};
    if (has_uring)
        block->series.entrants[count].plan = (struct server_plan){.name = "hand-io_uring",
                                                                  .argv = block->uring.argv};
    return 0;
}

static int measure_block(struct files *f, bool direct, unsigned depth, struct failure *why)
{
    struct block *block = &f->blocks[f->block_count];
    block->plan = (struct reader_plan){.path = f->file.path,
                                       .blocks = (uint64_t)f->options.mebibytes * PIECE /
                                                 f->options.size,
                                       .size = f->options.size,
                                       .depth = depth,
                                       .direct = direct};
    if (open_block(f, block, why) < 0)
        return -1;
    f->block_count++;
    blockfile_warm(&f->file, !direct);
    int result = series_run(&block->series, f->options.common.rounds, tell_progress, f, why);
    if (result == 0)
        result = series_count_syscalls(&block->series, COUNTED_READS, tell_progress, f, why);
    return result;
}

/* EXIT_DONE, EXIT_FAILED after a sentence, or 128 and the signal that stopped it. */
static int measure(struct files *f)
{
    struct failure why = {0};
    int            result = 0;
    for (int direct = 0; direct < 2; direct++) {
        if (!(direct ? f->options.direct && !f->file.no_direct[0] : f->options.cached))
            continue;
        for (int d = 0; d < f->options.depth_count && result == 0; d++)
            result = measure_block(f, direct, f->options.depths[d], &why);
    }
    if (stop_requested())
        return 128 + stop_requested();
    if (result < 0)
        return say_failed("%s", why.sentence);
    f->complete = true;
    return EXIT_DONE;
}

/* ---- Telling --------------------------------------------------------------------------------- */

static void print_served(struct table *table, const struct served *served)
{
    double sum = 0;
    for (int k = 0; k < SERVED_COUNT; k++)
        sum += (double)served->operations[k];
    for (int k = 0; k < SERVED_SIMULATED; k++)
        if (k != SERVED_READY) /* nothing of a file is ever awaited so */
            table_cell(table, served->told && sum > 0 ? "%.0f%%" : "-",
                       100 * (double)served->operations[k] / sum);
}

static void print_block(const struct block *block)
{
    static struct table      table;
    static const char *const heads[] = {"reader",  "reads/s",       "CPU us/read",
                                        "p50 us",  "p99 us",        "system calls/read",
                                        "at once", "by the kernel", "by a worker"};
    static const enum figure figures[] = {FIGURE_RATE, FIGURE_SERVER_US, FIGURE_P50_US,
                                          FIGURE_P99_US};
    char                     workload[64];
    memset(&table, 0, sizeof table);
    table_row(&table);
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
        table_cell(&table, "%s", heads[i]);
    for (size_t i = 0; i < block->series.count; i++) {
        const struct entrant *e = &block->series.entrants[i];
        table_row(&table);
        table_cell(&table, "%s", e->plan.name);
        for (size_t k = 0; k < sizeof figures / sizeof figures[0]; k++)
            report_range_cell(&table, series_range(e, figures[k]), e->count);
        report_calls_cell(&table, &e->calls);
        print_served(&table, &e->served);
    }
    snprintf(workload, sizeof workload, "%s reads, %u at a time",
             block->plan.direct ? system_direct : "cached", block->plan.depth);
    printf("\n%s\n", workload);
    table_print(&table, stdout);
    verdict_print(&block->series, workload, stdout);
}

static void print_results(const struct files *f)
{
    size_t rounds = f->block_count ? series_rounds(&f->blocks[0].series) : 0;
    printf("random reads of %zu bytes from a file of %lld MiB in %s\n", f->options.size,
           f->options.mebibytes, f->options.directory);
    printf("%zu round%s of %g s%s; median min..max; what was read was checked\n", rounds,
           rounds == 1 ? "" : "s", (double)f->options.common.timing.window_ns / 1e9,
           f->complete ? "" : " (stopped early)");
    for (int i = 0; i < f->block_count; i++)
        if (series_rounds(&f->blocks[i].series) > 0)
            print_block(&f->blocks[i]);
    putchar('\n');
    if (f->file.no_direct[0])
        printf("not measured: %s: %s; name another place by --directory\n", system_direct,
               f->file.no_direct);
    choice_print_refused(&f->choice);
}

static json_t *results_json(const struct files *f)
{
    json_t *blocks = json_array();
    for (int i = 0; i < f->block_count; i++) {
        const struct block *block = &f->blocks[i];
        json_t             *readers = json_array();
        for (size_t e = 0; e < block->series.count; e++)
            json_array_append_new(readers, report_json_entrant(&block->series.entrants[e]));
        json_array_append_new(blocks, json_pack("{s:s, s:i, s:o, s:o}", "mode",
                                                block->plan.direct ? "O_DIRECT" : "cached", "depth",
                                                (int)block->plan.depth, "readers", readers,
                                                "verdict", verdict_json(&block->series)));
    }
    return json_pack("{s:s, s:s, s:b, s:o, s:I, s:I, s:f, s:o, s:o, s:s}", "schema",
                     "weir-compare-files-1", "weir", weir_version_text(), "complete", f->complete,
                     "machine", report_json_machine(), "size_bytes", (json_int_t)f->options.size,
                     "file_bytes", (json_int_t)f->options.mebibytes * PIECE, "window_s",
                     (double)f->options.common.timing.window_ns / 1e9, "blocks", blocks, "refused",
                     choice_json_refused(&f->choice), "no_direct", f->file.no_direct);
}

static int tell(struct files *f, int status)
{
    struct failure why = {0};
    const char    *json = f->options.common.json;
    bool           any = f->block_count && series_rounds(&f->blocks[0].series) > 0;
    if (status == EXIT_FAILED)
        return status;
    if (!any && status > EXIT_USAGE)
        return say_failed("stopped before anything was measured"), status;
    if (!any && f->file.no_direct[0])
        return say_failed("%s; name another place by --directory", f->file.no_direct);
    if (!json || strcmp(json, "-") != 0)
        print_results(f);
    if (json && document_write(results_json(f), json, &why) < 0)
        status = say_failed("%s", why.sentence);
    return status;
}

static int run(struct files *f)
{
    stop_watch();
    progress_begin(&f->progress, 0);
    int status = make_file(f);
    if (status == EXIT_DONE)
        status = measure(f);
    blockfile_remove(&f->file);
    progress_end(&f->progress);
    status = tell(f, status);
    for (int i = 0; i < f->block_count; i++)
        series_close(&f->blocks[i].series);
    return status;
}

int compare_files_command(int argc, char **argv)
{
    static struct files files;
    files = (struct files){
        .options = {.directory = ".",
                    .depths = {1, 32},
                    .depth_count = 2,
                    .size = 4096,
                    .mebibytes = 256,
                    .common = {.rounds = 5, .timing = {.window_ns = 100 * NS_PER_MS}}}};
    int status = read_options(&files.options, argc, argv);
    if (status == -1)
        return EXIT_DONE;
    if (status == EXIT_DONE)
        status = choice_make(&files.choice, files.options.common.engines, choice_file_engines);
    if (status == EXIT_DONE)
        status = choice_check_writable(files.options.common.json);
    return status == EXIT_DONE ? run(&files) : status;
}
