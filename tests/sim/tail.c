/* SPDX-License-Identifier: MIT */
/* tail.c - the example `tail`: what is appended to a file of a simulated disk is printed, in order,
 * until SIGINT. */
#include <signal.h>
#include <string.h>

#include "driver.h"

#define LINES 20

int example_main(int argc, char **argv);

static struct weir_handle file;
static struct weir_op     op;
static char               line[32];
static int                written;

static void prepare(struct driver *driver)
{
    driver_write_file(driver, "log", "an old line\n", 12);
    weir_open(&op, driver->loop, &file, "log", WEIR_OPEN_WRITE | WEIR_OPEN_APPEND, 0, NULL);
    CHECK(driver_await(driver, &op) == 0);
}

static void on_wait(struct weir_op *wait);

static void on_written(struct weir_op *write)
{
    struct driver *driver = write->user;
    uint64_t       pause = written < LINES ? 30 : 200; /* until the last was seen, too */
    weir_timer(write, driver->loop, pause * WEIR_MILLISECOND, 0, on_wait);
}

/* A line that was written in part, or not at all, is left so: only its order counts then. */
static void on_wait(struct weir_op *wait)
{
    struct driver *driver = wait->user;
    if (wait->result == WEIR_ECANCELED)
        return;
    if (written == LINES) {
        driver_signal(driver, SIGINT);
        return;
    }
    int length = snprintf(line, sizeof line, "line %c\n", 'a' + written++);
    weir_write(wait, &file, line, (size_t)length, WEIR_STREAM, 0, on_written);
}

static int run(struct driver *driver)
{
    op.user = driver;
    weir_timer(&op, driver->loop, 500 * WEIR_MILLISECOND, 0, on_wait);
    return driver_call(example_main, "tail log");
}

static void check(const struct driver *driver)
{
    const char *at = driver->output;
    char        last = 'a' - 1;
    for (const char *next = at; (next = strstr(next, "line ")); last = *next)
        CHECK(*(next += 5) > last); /* also where some were written in part */
    CHECK(!strstr(at, "old"));
    if (driver->faults)
        return;
    CHECK(driver->status == 0);
    for (int i = 0; i < LINES; i++, at += 7)
        CHECK(memcmp(at, "line ", 5) == 0 && at[5] == 'a' + i && at[6] == '\n');
    CHECK(!*at);
}

const struct driver_example example = {.prepare = prepare, .run = run, .check = check};
