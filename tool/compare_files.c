/* SPDX-License-Identifier: MIT */
/* compare_files.c - `weir compare files`: random reads of a file, from the page cache and past it,
 * with few and many at a time, on one mechanism after the other. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <weir.h>

#include "choice.h"
#include "command.h"
#include "measure/batch.h"
#include "measure/clock.h"
#include "measure/progress.h"
#include "measure/reader.h"
#include "measure/report.h"
#include "measure/stop.h"
#include "programs.h"
#include "verdict.h"

enum { DEPTHS_MAX = 4, BLOCKS_MAX = 2 * DEPTHS_MAX, COUNTED_READS = 1000, PIECE = 1 << 20 };

/* epoll stands for all readiness engines: a file is never awaited by readiness, so they serve it
 * alike. */
static const char default_engines[] = "threads,epoll,linux-aio,posix-aio,io_uring";

static const char *const read_weir[] = {"/proc/self/exe", PROGRAM_ARGUMENT, PROGRAM_READ_WEIR,
                                        NULL};
static const char *const read_blocking[] = {"/proc/self/exe", PROGRAM_ARGUMENT,
                                            PROGRAM_READ_BLOCKING, NULL};
static const char *const read_uring[] = {"/proc/self/exe", PROGRAM_ARGUMENT, PROGRAM_READ_URING,
                                         NULL};

struct files_options {
    const char *engines, *json, *directory;
    unsigned    depths[DEPTHS_MAX];
    int         depth_count;
    size_t      size; /* bytes a read */
    long        mebibytes;
    bool        cached, direct;
    size_t      rounds;
    uint64_t    window_ns;
};

struct files {
    struct files_options options;
    struct choice        choice;
    char                 path[4096];
    char no_direct[200]; /* why O_DIRECT is impossible there; empty when it is not */
    struct block {       /* one mode and depth, each reader measured */
        struct batch_shape shape;
        struct series      series;
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
        "                    %s; the other readiness\n"
        "                    engines serve files as epoll does)\n"
        "  --depths LIST     numbers of reads at a time, at most %d (default: 1,32)\n"
        "  --size BYTES      bytes a read, a power of two from 512 (default: 4096)\n"
        "  --file-size MIB   the file (default: 256)\n"
        "  --directory DIR   where the file is made (default: the current directory)\n"
        "  --cached          only from the page cache\n"
        "  --direct          only past it (O_DIRECT)\n"
        "  --seconds S       seconds measured of each in a round (default: 0.1)\n"
        "  --rounds R        rounds, each with every reader (default: 5)\n"
        "  --json FILE       write everything measured to FILE as JSON (- is standard output)\n"
        "  -h, --help        print this\n",
        default_engines, DEPTHS_MAX);
}

static bool read_depths(struct files_options *o, char *list)
{
    o->depth_count = 0;
    for (char *next = list, *word; (word = strsep(&next, ","));) {
        long depth = 0;
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
    long size = 0;
    if (!read_count("--size", value, 512, 1 << 20, &size))
        return false;
    if (size & (size - 1))
        return say_usage("--size takes a power of two, not '%s'", value), false;
    o->size = (size_t)size;
    return true;
}

/* Reads one option; false when its value is wrong, which was said. */
static bool take_option(struct files_options *o, int option, char *value)
{
    long   count = 0;
    double seconds = 0;
    switch (option) {
    case 'e':
        o->engines = value;
        return true;
    case 'j':
        o->json = value;
        return true;
    case 'd':
        return read_depths(o, value);
    case 's':
        return read_size(o, value);
    case 'f':
        return read_count("--file-size", value, 1, 1 << 20, &o->mebibytes);
    case 'D':
        o->directory = value;
        return true;
    case 'r':
        if (!read_count("--rounds", value, 1, 1000, &count))
            return false;
        o->rounds = (size_t)count;
        return true;
    case 't':
        if (!read_seconds("--seconds", value, 0.01, 3600, &seconds))
            return false;
        o->window_ns = (uint64_t)(seconds * 1e9);
        return true;
    default: /* 'C' and 'O' */
        *(option == 'C' ? &o->cached : &o->direct) = true;
        return true;
    }
}

/* EXIT_DONE, or the status to end with; -1 when help was printed. */
static int read_options(struct files_options *o, int argc, char **argv)
{
    static const struct option options[] = {{"engines", required_argument, NULL, 'e'},
                                            {"depths", required_argument, NULL, 'd'},
                                            {"size", required_argument, NULL, 's'},
                                            {"file-size", required_argument, NULL, 'f'},
                                            {"directory", required_argument, NULL, 'D'},
                                            {"cached", no_argument, NULL, 'C'},
                                            {"direct", no_argument, NULL, 'O'},
                                            {"seconds", required_argument, NULL, 't'},
                                            {"rounds", required_argument, NULL, 'r'},
                                            {"json", required_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    int                        answer;
    optind = 0;
    while ((answer = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        if (answer == 'h')
            return help(), -1;
        if (answer == '?' || answer == ':')
            return say_bad_option("weir compare files", argv, answer);
        if (!take_option(o, answer, optarg))
            return EXIT_USAGE;
    }
    if (optind < argc)
        return say_usage("`weir compare files` takes options only, but got '%s'", argv[optind]);
    if (!o->cached && !o->direct)
        o->cached = o->direct = true;
    return EXIT_DONE;
}

/* ---- The file -------------------------------------------------------------------------------- */

static int write_file(struct files *f, int fd)
{
    static char piece[PIECE];
    for (long at = 0; at < f->options.mebibytes; at++) {
        reader_fill(piece, sizeof piece, (uint64_t)at * PIECE);
        if (stop_requested())
            return 128 + stop_requested();
        for (size_t done = 0; done < sizeof piece;) {
            ssize_t n = write(fd, piece + done, sizeof piece - done);
            if (n < 0 && errno != EINTR)
                return say_failed("%ld MiB could not be written to %s: %s; use a smaller "
                                  "--file-size or another --directory",
                                  f->options.mebibytes, f->path, strerror(errno));
            done += n > 0 ? (size_t)n : 0;
        }
    }
    if (fsync(fd) < 0)
        return say_failed("%s could not be brought to the disk: %s", f->path, strerror(errno));
    return EXIT_DONE;
}

/* Whether a block can be read past the cache here; the reason when not. */
static void probe_direct(struct files *f)
{
    void *block = NULL;
    int   fd = open(f->path, O_RDONLY | O_DIRECT | O_CLOEXEC);
    if (fd < 0 || posix_memalign(&block, f->options.size, f->options.size) != 0 ||
        pread(fd, block, f->options.size, 0) != (ssize_t)f->options.size)
        snprintf(f->no_direct, sizeof f->no_direct,
                 "%.100s cannot be read past the cache in blocks of %zu bytes: %.40s",
                 f->options.directory, f->options.size, strerror(errno));
    free(block);
    if (fd >= 0)
        close(fd);
}

static int make_file(struct files *f)
{
    snprintf(f->path, sizeof f->path, "%.3900s/weir-compare-files.XXXXXX", f->options.directory);
    int fd = mkostemp(f->path, O_CLOEXEC);
    if (fd < 0) {
        f->path[0] = '\0';
        return say_failed("no file can be made in %s: %s; name another place by --directory",
                          f->options.directory, strerror(errno));
    }
    progress_step(&f->progress, "writing the file", f->path);
    int status = write_file(f, fd);
    if (status == EXIT_DONE && f->options.direct)
        probe_direct(f);
    close(fd);
    return status;
}

/* The page cache holds all of the file, or nothing of it. */
static void warm(const struct files *f, bool cached)
{
    static char piece[PIECE];
    int         fd = open(f->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (!cached)
        posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    while (cached && read(fd, piece, sizeof piece) > 0)
        ;
    close(fd);
}

/* ---- Measuring ------------------------------------------------------------------------------- */

static void tell_progress(void *user, const struct series *series, size_t round,
                          const struct entrant *next, bool counting)
{
    struct files *f = user;
    char          stage[96];
    snprintf(stage, sizeof stage, "%s, depth %u: ", series->batch->direct ? "O_DIRECT" : "cached",
             series->batch->depth);
    size_t length = strlen(stage);
    if (counting)
        snprintf(stage + length, sizeof stage - length, "counting system calls");
    else
        snprintf(stage + length, sizeof stage - length, "round %zu of %zu", round + 1,
                 f->options.rounds);
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
    if (series_open(&block->series, count + 1 + has_uring, f->options.rounds, why) < 0)
        return -1;
    block->series.batch = &block->shape;
    block->series.timing.window_ns = f->options.window_ns;
    block->series.timing.warmup_ns = f->options.window_ns / 5;
    for (size_t i = 0; i < engines; i++)
        block->series.entrants[i].plan = (struct server_plan){.name = f->choice.chosen[i]->name,
                                                              .argv = read_weir,
                                                              .engine = f->choice.chosen[i]->name};
    block->series.entrants[count++].plan = (struct server_plan){.name = "blocking",
                                                                .argv = read_blocking};
    if (has_uring)
        block->series.entrants[count].plan = (struct server_plan){.name = "hand-io_uring",
                                                                  .argv = read_uring};
    return 0;
}

static int measure_block(struct files *f, bool direct, unsigned depth, struct failure *why)
{
    struct block *block = &f->blocks[f->block_count];
    block->shape = (struct batch_shape){.path = f->path,
                                        .blocks = (uint64_t)f->options.mebibytes * PIECE /
                                                  f->options.size,
                                        .size = f->options.size,
                                        .depth = depth,
                                        .direct = direct};
    if (open_block(f, block, why) < 0)
        return -1;
    f->block_count++;
    warm(f, !direct);
    int result = series_run(&block->series, f->options.rounds, tell_progress, f, why);
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
        if (!(direct ? f->options.direct && !f->no_direct[0] : f->options.cached))
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
             block->shape.direct ? "O_DIRECT" : "cached", block->shape.depth);
    printf("\n%s\n", workload);
    table_print(&table, stdout);
    verdict_print(&block->series, workload, stdout);
}

static void print_results(const struct files *f)
{
    size_t rounds = f->block_count ? series_rounds(&f->blocks[0].series) : 0;
    printf("random reads of %zu bytes from a file of %ld MiB in %s\n", f->options.size,
           f->options.mebibytes, f->options.directory);
    printf("%zu round%s of %g s%s; median min..max; what was read was checked\n", rounds,
           rounds == 1 ? "" : "s", (double)f->options.window_ns / 1e9,
           f->complete ? "" : " (stopped early)");
    for (int i = 0; i < f->block_count; i++)
        if (series_rounds(&f->blocks[i].series) > 0)
            print_block(&f->blocks[i]);
    putchar('\n');
    if (f->no_direct[0])
        printf("not measured: O_DIRECT: %s; name another place by --directory\n", f->no_direct);
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
                                                block->shape.direct ? "O_DIRECT" : "cached",
                                                "depth", (int)block->shape.depth, "readers",
                                                readers, "verdict", verdict_json(&block->series)));
    }
    return json_pack("{s:s, s:s, s:b, s:o, s:I, s:I, s:f, s:o, s:o, s:s}", "schema",
                     "weir-compare-files-1", "weir", weir_version_text(), "complete", f->complete,
                     "machine", report_json_machine(), "size_bytes", (json_int_t)f->options.size,
                     "file_bytes", (json_int_t)f->options.mebibytes * PIECE, "window_s",
                     (double)f->options.window_ns / 1e9, "blocks", blocks, "refused",
                     choice_json_refused(&f->choice), "no_direct", f->no_direct);
}

static int tell(struct files *f, int status)
{
    struct failure why = {0};
    const char    *json = f->options.json;
    bool           any = f->block_count && series_rounds(&f->blocks[0].series) > 0;
    if (status == EXIT_FAILED)
        return status;
    if (!any && status > EXIT_USAGE)
        return say_failed("stopped before anything was measured"), status;
    if (!any && f->no_direct[0])
        return say_failed("%s; name another place by --directory", f->no_direct);
    if (!json || strcmp(json, "-") != 0)
        print_results(f);
    if (json && report_json_write(results_json(f), json, &why) < 0)
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
    if (f->path[0])
        unlink(f->path);
    progress_end(&f->progress);
    status = tell(f, status);
    for (int i = 0; i < f->block_count; i++)
        series_close(&f->blocks[i].series);
    return status;
}

int compare_files_command(int argc, char **argv)
{
    static struct files files;
    files = (struct files){.options = {.directory = ".",
                                       .depths = {1, 32},
                                       .depth_count = 2,
                                       .size = 4096,
                                       .mebibytes = 256,
                                       .rounds = 5,
                                       .window_ns = 100 * NS_PER_MS}};
    int status = read_options(&files.options, argc, argv);
    if (status == -1)
        return EXIT_DONE;
    if (status == EXIT_DONE)
        status = choice_make(&files.choice, files.options.engines, default_engines);
    if (status == EXIT_DONE)
        status = choice_check_writable(files.options.json);
    return status == EXIT_DONE ? run(&files) : status;
}
