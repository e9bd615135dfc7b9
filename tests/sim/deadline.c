/* SPDX-License-Identifier: MIT */
/* deadline.c - the example `deadline`: a server that never speaks, in virtual time. */
#include <string.h>

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
        return; /* it ends, since both ops are bounded in time */
    CHECK(driver->status == 0);
    CHECK(driver_printed(driver, "connect: OK (no error) after 0 ms"));
    CHECK(
        driver_printed(driver, "recv: EDEADLINE (the deadline given to weir passed) after 50 ms"));
}

const struct driver_example example = {.run = run, .check = check};
