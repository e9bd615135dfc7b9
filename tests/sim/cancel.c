/* SPDX-License-Identifier: MIT */
/* cancel.c - the example `cancel`: each op says that it was cancelled. */
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
        return; /* whatever fails: every op ends, and with them the program */
    CHECK(driver->status == 0);
    CHECK(driver_printed(driver, "timer ended: ECANCELED, cancelled by the caller"));
    CHECK(driver_printed(driver, "signal ended: ECANCELED, cancelled by the caller"));
    CHECK(driver_printed(driver, "accept ended: ECANCELED, cancelled by the caller"));
    CHECK(driver_printed(driver, "poll ended: ECANCELED, cancelled by the caller"));
    CHECK(driver_printed(driver, "read ended: ECANCELED, cancelled by the caller"));
    CHECK(driver_printed(driver, "cancel all of the pipe: 3 ops asked"));
    CHECK(driver_printed(driver, "cancel of an op that ended: ENOENT"));
}

const struct driver_example example = {.run = run, .check = check};
