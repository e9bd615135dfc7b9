/* SPDX-License-Identifier: MIT */
/* work.c - the example `work`: simulated workers count the same primes. */
#include "driver.h"

int example_main(void);

static int run(struct driver *driver)
{
    (void)driver;
    return example_main();
}

static void check(const struct driver *driver)
{
    if (driver->faults)
        return; /* no worker may be had: it only has to end */
    CHECK(driver->status == 0);
    CHECK(driver_printed(driver, "78498 primes below 1000000"));
}

const struct driver_example example = {.run = run, .check = check, .seeds = 1};
