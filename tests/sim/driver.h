/* SPDX-License-Identifier: MIT */
/* driver.h - an example runs in a simulated world, beside a loop of the test's on the same host.
 *
 * The example's main() is compiled as example_main(). While its loop waits, the world goes on, and
 * with it the test's loop. Each run is a process of its own, since an example runs once a process:
 * several seeds without faults, then as many with faults drawn from the seed. */
#ifndef SIM_DRIVER_H
#define SIM_DRIVER_H

#include <stdio.h>
#include <unistd.h>
#include <weir.h>
#include <weir/sim.h>

struct driver {
    struct weir_sim      *world;
    struct weir_sim_host *host, *far; /* the example's, which is the test's too; and another */
    struct weir_loop     *loop;       /* the test's */
    struct weir_loop *other_loop; /* the test's on the other host, where it needs one, or NULL */
    bool              faults;     /* things may fail: then the example has to say so */
    int               status;     /* what its main() returned */
    char             *output;     /* what it printed, its errors included */
};

/* One test: what is special about its example. */
struct driver_example {
    void (*prepare)(struct driver *driver); /* or NULL; nothing fails yet */
    int (*run)(struct driver *driver); /* starts what the test does, and calls example_main() */
    void (*check)(const struct driver *driver);
    unsigned seeds;       /* 0: the usual number */
    bool     leaves_loop; /* main() returns without closing it: the process ends with it */
};
extern const struct driver_example example;

/* The first CHECK that fails ends the run, and says where. */
#define CHECK(expression)                                                                          \
    do {                                                                                           \
        if (!(expression))                                                                         \
            driver_fail(__FILE__, __LINE__, #expression);                                          \
    } while (0)
_Noreturn void driver_fail(const char *file, int line, const char *what);

/* main() with the words of a line. */
int driver_call(int (*main_of_example)(int argc, char **argv), const char *line);

/* Runs the test's loop until the op has ended; in prepare() only. Its result. */
int64_t driver_await(struct driver *driver, struct weir_op *op);

/* A file of the simulated host, before faults begin and after they ended. */
void   driver_write_file(struct driver *driver, const char *path, const void *data, size_t length);
size_t driver_read_file(struct driver *driver, const char *path, void *data, size_t room);

/* Sends the signal to the host, again and again until the example has ended: it may not wait for
 * it yet. */
void driver_signal(struct driver *driver, int signo);

/* Bytes whose place can be told from them. */
void driver_fill(unsigned char *data, size_t length, uint64_t place);
bool driver_filled(const unsigned char *data, size_t length, uint64_t place);

/* Whether the example printed the line. */
bool driver_printed(const struct driver *driver, const char *line);

#endif
