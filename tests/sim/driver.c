/* SPDX-License-Identifier: MIT */
/* driver.c - runs the example of a test over several seeds: `PROGRAM [SEED [none|swarm]]`. */
#include "driver.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define SEEDS_USUAL 20u
#define OUTPUT_ROOM ((size_t)1 << 20)

static int           told; /* the real standard error */
static struct driver the_driver;

_Noreturn void driver_fail(const char *file, int line, const char *what)
{
    dprintf(told, "FAIL %s:%d: %s\n", file, line, what);
    if (the_driver.output)
        dprintf(told, "It ended %d, and printed: %.2000s\n", the_driver.status, the_driver.output);
    _exit(1);
}

/* ---- What the tests have in common ----------------------------------------------------------- */

int driver_call(int (*main_of_example)(int argc, char **argv), const char *line)
{
    char  words[256];
    char *argv[16] = {NULL};
    int   argc = 0;
    CHECK(strlen(line) < sizeof words);
    for (char *word = strtok(strcpy(words, line), " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    return main_of_example(argc, argv);
}

int64_t driver_await(struct driver *driver, struct weir_op *op)
{
    while (!weir_ended(op))
        CHECK(weir_run(driver->loop, WEIR_ONCE) >= 0);
    return op->result;
}

void driver_write_file(struct driver *driver, const char *path, const void *data, size_t length)
{
    struct weir_handle file = {0};
    struct weir_op     op = {0};
    unsigned           mode = WEIR_OPEN_WRITE | WEIR_OPEN_CREATE | WEIR_OPEN_TRUNCATE;
    weir_open(&op, driver->loop, &file, path, mode, 0, NULL);
    CHECK(driver_await(driver, &op) == 0);
    weir_write(&op, &file, data, length, 0, WEIR_ALL, NULL);
    CHECK(driver_await(driver, &op) == (int64_t)length);
    CHECK(weir_close_now(&file) == 0);
}

size_t driver_read_file(struct driver *driver, const char *path, void *data, size_t room)
{
    struct weir_handle file = {0};
    struct weir_op     op = {0};
    weir_open(&op, driver->loop, &file, path, WEIR_OPEN_READ, 0, NULL);
    if (driver_await(driver, &op) == WEIR_ENOENT)
        return SIZE_MAX;
    CHECK(op.result == 0);
    weir_read(&op, &file, data, room, 0, WEIR_ALL, NULL);
    int64_t length = driver_await(driver, &op);
    CHECK(length >= 0);
    CHECK(weir_close_now(&file) == 0);
    return (size_t)length;
}

static struct weir_op signalling;
static int            signal_number;

static void on_signal_time(struct weir_op *op)
{
    struct driver *driver = op->user;
    if (op->result == WEIR_ECANCELED)
        return;
    weir_sim_signal(driver->host, signal_number);
    weir_timer(op, driver->loop, 100 * WEIR_MILLISECOND, WEIR_BACKGROUND, on_signal_time);
}

void driver_signal(struct driver *driver, int signo)
{
    if (signal_number)
        return;
    signal_number = signo;
    signalling.user = driver;
    on_signal_time(&signalling);
}

static unsigned char byte_at(uint64_t place)
{
    return (unsigned char)((place * UINT64_C(0x9e3779b97f4a7c15)) >> 56);
}

void driver_fill(unsigned char *data, size_t length, uint64_t place)
{
    for (size_t i = 0; i < length; i++)
        data[i] = byte_at(place + i);
}

bool driver_filled(const unsigned char *data, size_t length, uint64_t place)
{
    for (size_t i = 0; i < length; i++)
        if (data[i] != byte_at(place + i))
            return false;
    return true;
}

bool driver_printed(const struct driver *driver, const char *line)
{
    size_t length = strlen(line);
    for (const char *at = driver->output; (at = strstr(at, line)); at += length)
        if ((at == driver->output || at[-1] == '\n') && at[length] == '\n')
            return true;
    return false;
}

/* ---- One run --------------------------------------------------------------------------------- */

static void open_world(struct driver *driver, uint64_t seed)
{
    struct weir_sim_options options = {.seed = seed};
    struct weir_options     here = {.engine = "sim"};
    CHECK(weir_sim_open(&driver->world, &options) == 0);
    CHECK(weir_sim_host_add(driver->world, &driver->host, "near", "10.0.0.1") == 0);
    CHECK(weir_sim_host_add(driver->world, &driver->far, "far", "10.0.0.2") == 0);
    here.sim_host = driver->host;
    CHECK(weir_loop_open(&driver->loop, &here) == 0);
    weir_sim_use(driver->host);
    CHECK(setenv("WEIR_ENGINE", "sim", 1) == 0);
}

/* Each fault in one run of two, seldom or often. */
static void draw_faults(struct driver *driver)
{
    static const uint32_t chances[] = {1000, 20000, 200000};
    for (int fault = 0; fault < WEIR_SIM_FAULTS; fault++)
        if (weir_sim_random(driver->world, 2))
            weir_sim_fault_set(driver->world, (enum weir_sim_fault)fault,
                               chances[weir_sim_random(driver->world, 3)]);
}

/* From here on, all that is printed goes to a file. */
static FILE *capture(void)
{
    FILE *file = tmpfile();
    CHECK(file);
    CHECK(dup2(fileno(file), 1) == 1 && dup2(fileno(file), 2) == 2);
    return file;
}

static void read_output(struct driver *driver, FILE *file)
{
    fflush(stdout);
    fflush(stderr);
    rewind(file);
    driver->output = calloc(1, OUTPUT_ROOM);
    CHECK(driver->output);
    size_t length = fread(driver->output, 1, OUTPUT_ROOM - 1, file);
    CHECK(length < OUTPUT_ROOM - 1);
}

/* A loop that the example left has ops and handles that are gone with the stack of its main(): such
 * a world only ends with its process. */
static void close_world(struct driver *driver)
{
    if (driver->faults || example.leaves_loop)
        return;
    CHECK(weir_loop_close(driver->loop, WEIR_SECOND) == 0);
    CHECK(weir_loop_close(driver->other_loop, WEIR_SECOND) == 0);
    CHECK(weir_sim_close(driver->world) == 0);
}

/* A hash over all that happened, for the parent. */
static void run(uint64_t seed, bool faults, int answer)
{
    struct driver *driver = &the_driver;
    FILE          *output = capture();
    driver->faults = faults;
    open_world(driver, seed);
    if (example.prepare)
        example.prepare(driver);
    if (faults)
        draw_faults(driver);
    driver->status = example.run(driver);
    read_output(driver, output);
    const char *broken = weir_sim_broken(driver->world);
    if (broken)
        dprintf(told, "%s\n", broken);
    CHECK(!broken);
    weir_sim_heal(driver->world);
    example.check(driver);
    uint64_t hash = weir_sim_trace_hash(driver->world);
    CHECK(write(answer, &hash, sizeof hash) == sizeof hash);
    close_world(driver);
    _exit(0);
}

/* ---- All runs -------------------------------------------------------------------------------- */

/* The hash of a run; ends the program where it failed. */
static uint64_t run_apart(const char *program, uint64_t seed, bool faults)
{
    uint64_t hash = 0;
    int      ends[2], status = 0;
    CHECK(pipe(ends) == 0);
    fflush(stdout);
    pid_t child = fork();
    CHECK(child >= 0);
    if (!child)
        run(seed, faults, ends[1]);
    close(ends[1]);
    bool answered = read(ends[0], &hash, sizeof hash) == sizeof hash;
    close(ends[0]);
    CHECK(waitpid(child, &status, 0) == child);
    if (answered && status == 0)
        return hash;
    fprintf(stderr, "failed: %s %" PRIu64 " %s\n", program, seed, faults ? "swarm" : "none");
    exit(1);
}

int main(int argc, char **argv)
{
    uint64_t seeds = example.seeds ? example.seeds : SEEDS_USUAL;
    told = dup(2);
    if (argc > 1) {
        uint64_t seed = strtoull(argv[1], NULL, 10);
        run_apart(argv[0], seed, argc > 2 && strcmp(argv[2], "swarm") == 0);
        return 0;
    }
    for (int faults = 0; faults < 2; faults++)
        for (uint64_t seed = 1; seed <= seeds; seed++) {
            uint64_t hash = run_apart(argv[0], seed, faults);
            if (seed <= 2 && run_apart(argv[0], seed, faults) != hash) {
                fprintf(stderr, "seed %" PRIu64 " is not the same run twice\n", seed);
                return 1;
            }
        }
    return 0;
}
