/* SPDX-License-Identifier: MIT */
/* lookup.c - the example `lookup`: the names of simulated hosts. */
#include <string.h>

#include "driver.h"

int example_main(int argc, char **argv);

static int run(struct driver *driver)
{
    (void)driver;
    return driver_call(example_main, "lookup far:80 near 10.9.8.7:53 nobody:80");
}

static void check(const struct driver *driver)
{
    CHECK(driver->status == 1); /* one is nobody */
    if (driver->faults)
        return;
    CHECK(driver_printed(driver, "far 10.0.0.2:80"));
    CHECK(driver_printed(driver, "near 10.0.0.1"));
    CHECK(driver_printed(driver, "10.9.8.7 10.9.8.7:53"));
    CHECK(driver_printed(driver, "lookup: nobody: host or service name not known"));
}

const struct driver_example example = {.run = run, .check = check};
