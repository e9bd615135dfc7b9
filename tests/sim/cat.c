/* SPDX-License-Identifier: MIT */
/* cat.c - the example `cat`: simulated files come out byte for byte, or it says why not. */
#include <string.h>

#include "driver.h"

#define LENGTH 150000u

int example_main(int argc, char **argv);

static unsigned char text[LENGTH];

/* Letters, so that the errors among them can be told. */
static void prepare(struct driver *driver)
{
    driver_fill(text, LENGTH, 0);
    for (unsigned i = 0; i < LENGTH; i++)
        text[i] = (unsigned char)('a' + text[i] % 26);
    driver_write_file(driver, "letters", text, LENGTH);
    driver_write_file(driver, "/tmp/more", text, 1);
}

static int run(struct driver *driver)
{
    (void)driver;
    return driver_call(example_main, "cat letters missing - /tmp/more");
}

/* Where nothing is told of the first file or of the output, all of it is there. */
static void check(const struct driver *driver)
{
    const char *told = strstr(driver->output, "cat: ");
    size_t      length = told ? (size_t)(told - driver->output) : strlen(driver->output);
    CHECK(driver->status == 1); /* one is missing */
    CHECK(told);
    CHECK(length <= LENGTH && memcmp(driver->output, text, length) == 0);
    if (strncmp(told, "cat: missing: ", 14) == 0)
        CHECK(length == LENGTH);
    if (!driver->faults)
        CHECK(strcmp(driver->output + LENGTH, "cat: missing: no such file or directory\na") == 0);
}

const struct driver_example example = {.prepare = prepare, .run = run, .check = check};
