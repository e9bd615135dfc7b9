/* SPDX-License-Identifier: MIT */
/* cp.c - the example `cp`: a copy is whole, or it says why not. */
#include <string.h>

#include "driver.h"

#define LENGTH 400001u

int example_main(int argc, char **argv);

static unsigned char original[LENGTH], copy[LENGTH + 1];

static void prepare(struct driver *driver)
{
    driver_fill(original, LENGTH, 0);
    driver_write_file(driver, "simulated-from", original, LENGTH);
    driver_write_file(driver, "simulated-to", "an old file", 11);
}

static int run(struct driver *driver)
{
    (void)driver;
    return driver_call(example_main, "cp simulated-from simulated-to");
}

static void check(const struct driver *driver)
{
    struct driver *after = (struct driver *)(uintptr_t)driver;
    if (driver->status) {
        CHECK(driver->faults);
        CHECK(strncmp(driver->output, "cp: ", 4) == 0);
        return;
    }
    CHECK(driver_read_file(after, "simulated-to", copy, sizeof copy) == LENGTH);
    CHECK(memcmp(copy, original, LENGTH) == 0);
}

const struct driver_example example = {.prepare = prepare, .run = run, .check = check};
