/* SPDX-License-Identifier: MIT */
/* udp-echo.c - the example `udp-echo`: each datagram comes back as it was, once where nothing
 * fails. */
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "driver.h"

#define LETTERS 60u
#define LENGTH_MAX 1400u

int example_main(int argc, char **argv);

static struct weir_handle  sock;
static struct weir_op      sending, receiving;
static struct weir_address address;
static unsigned char       out[LENGTH_MAX], in[LENGTH_MAX + 1];
static unsigned            sent, returned[LETTERS];
static unsigned            latest; /* that came back */
static bool                ordered = true;

static size_t length_of(unsigned letter)
{
    return 4 + letter * 7919u % (LENGTH_MAX - 4);
}

static void on_wait(struct weir_op *op);

static void on_sent(struct weir_op *op)
{
    struct driver *driver = op->user;
    uint64_t       pause = sent < LETTERS ? 1 : 5000; /* until the last came back, too */
    weir_timer(op, driver->loop, pause * WEIR_MILLISECOND, 0, on_wait);
}

static void on_wait(struct weir_op *op)
{
    struct driver *driver = op->user;
    if (op->result == WEIR_ECANCELED)
        return;
    if (sent == LETTERS) {
        driver_signal(driver, SIGTERM);
        return;
    }
    uint32_t number = sent++;
    driver_fill(out, length_of(number), number * 2000u);
    memcpy(out, &number, sizeof number);
    weir_send(op, &sock, out, length_of(number), 0, on_sent);
}

static void receive(void);

static void on_received(struct weir_op *op)
{
    uint32_t number;
    if (op->result >= 4) {
        memcpy(&number, in, sizeof number);
        CHECK(number < sent && (size_t)op->result == length_of(number));
        CHECK(driver_filled(in + 4, length_of(number) - 4, number * 2000u + 4));
        returned[number]++;
        ordered &= number >= latest;
        latest = number;
    } else {
        CHECK(op->result < 0); /* no empty one was sent */
    }
    if (op->result != WEIR_ECANCELED)
        receive();
}

static void receive(void)
{
    weir_recv(&receiving, &sock, in, sizeof in, WEIR_BACKGROUND, on_received);
}

static void prepare(struct driver *driver)
{
    CHECK(weir_socket(&sock, driver->loop, AF_INET, SOCK_DGRAM, 0) == 0);
    CHECK(weir_address_parse(&address, "127.0.0.1:7003") == 0);
    weir_connect(&sending, &sock, &address.data, address.length, 0, NULL);
    CHECK(driver_await(driver, &sending) == 0);
}

static int run(struct driver *driver)
{
    sending.user = driver;
    receive();
    weir_timer(&sending, driver->loop, 100 * WEIR_MILLISECOND, 0, on_wait);
    return driver_call(example_main, "udp-echo 7003");
}

static void check(const struct driver *driver)
{
    if (driver->faults)
        return; /* some are lost, doubled or late; what came was right */
    CHECK(driver->status == 0);
    CHECK(driver_printed(driver, "listening on 127.0.0.1:7003 (sim)"));
    for (unsigned i = 0; i < LETTERS; i++)
        CHECK(returned[i] == 1);
    CHECK(ordered);
}

const struct driver_example example = {.prepare = prepare, .run = run, .check = check};
