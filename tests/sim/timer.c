/* SPDX-License-Identifier: MIT */
/* timer.c - the example `timer`: in virtual time, each tells its own to the millisecond. */
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
        return; /* a clock that leaps, a timer without memory: it only has to end */
    CHECK(driver->status == 0);
    CHECK(driver_printed(driver, "once after 10 ms"));
    CHECK(driver_printed(driver, "tick after 20 ms"));
    CHECK(driver_printed(driver, "tick after 40 ms"));
    CHECK(driver_printed(driver, "tick after 60 ms"));
    CHECK(driver_printed(driver, "moved after 90 ms"));
    CHECK(driver_printed(driver, "idle: ECANCELED"));
}

const struct driver_example example = {.run = run, .check = check};
