/* SPDX-License-Identifier: MIT */
/* pass-fd.c - the example `pass-fd`: its two processes are two calls of its main(), each with
 * variables of its own, on one simulated host. A simulation has one process: fork(2) says which of
 * the two it is, the pair of sockets is made beforehand, and nothing is closed by its number. */
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "driver.h"

#define CLIENTS 3
#define TRIES 100

int   parent_main(int argc, char **argv);
int   worker_main(int argc, char **argv);
pid_t parent_fork(void);
pid_t worker_fork(void);
int   pass_fd_socketpair(int family, int type, int protocol, int ends[2]);
int   pass_fd_close(int descriptor);

static int pair[2]; /* the worker's end, the parent's */

pid_t parent_fork(void)
{
    return 4711;
}

pid_t worker_fork(void)
{
    return 0;
}

int pass_fd_socketpair(int family, int type, int protocol, int ends[2])
{
    (void)family, (void)type, (void)protocol;
    ends[0] = pair[0];
    ends[1] = pair[1];
    return 0;
}

int pass_fd_close(int descriptor)
{
    (void)descriptor; /* the other call of main() has it, too */
    return 0;
}

/* ---- A pair of sockets, by their numbers ----------------------------------------------------- */

static struct weir_handle listener, parent_end, worker_end;

static void await(struct driver *driver, const struct weir_op *op)
{
    while (!weir_ended(op))
        CHECK(weir_run(driver->other_loop, WEIR_ONCE) >= 0);
    CHECK(op->result >= 0);
}

/* A second number for what `handle` is, which belongs to nobody: it is sent to the other end. */
static int number_of(struct driver *driver, struct weir_handle *handle, struct weir_handle *to)
{
    uint64_t        room[2][4];
    char            byte = '!';
    struct weir_buf buf = {&byte, 1};
    struct weir_msg out = {.buffers = &buf, .count = 1, .control = room[0]}, in = out;
    struct weir_op  sending = {0}, receiving = {0};
    weir_os_handle  number = weir_handle_os(handle);
    in.control = room[1];
    in.control_room = out.control_room = sizeof room[0];
    CHECK(weir_msg_put_handles(&out, &number, 1) == 1);
    weir_send_msg(&sending, handle, &out, 0, NULL);
    weir_recv_msg(&receiving, to, &in, 0, NULL);
    await(driver, &sending);
    await(driver, &receiving);
    CHECK(weir_msg_take_handles(&in, &number, 1) == 1);
    return (int)number;
}

static void prepare(struct driver *driver)
{
    struct weir_options here = {.engine = "sim", .sim_host = driver->host};
    struct weir_op      connecting = {0}, accepting = {0};
    struct weir_address address;
    CHECK(weir_loop_open(&driver->other_loop, &here) == 0);
    CHECK(weir_address_parse(&address, "unix:/tmp/pair") == 0);
    CHECK(weir_listen(&listener, driver->other_loop, &address.data, address.length, 0, 0) == 0);
    CHECK(weir_socket(&parent_end, driver->other_loop, AF_UNIX, SOCK_STREAM, 0) == 0);
    weir_connect(&connecting, &parent_end, &address.data, address.length, 0, NULL);
    weir_accept(&accepting, &listener, &worker_end, 0, NULL);
    await(driver, &connecting);
    await(driver, &accepting);
    pair[0] = number_of(driver, &worker_end, &parent_end);
    pair[1] = number_of(driver, &parent_end, &worker_end);
    CHECK(weir_close_now(&worker_end) == 0); /* the parent's is kept, to end the worker by it */
}

/* ---- Clients --------------------------------------------------------------------------------- */

static struct weir_handle  client;
static struct weir_op      moving, ending;
static struct weir_address server;
static char                greeting[32], byte = '.';
static int                 greeted, tries;

/* Until the worker has ended, which may have taken the first for another message. */
static void end_worker(struct weir_op *op)
{
    if (op->kind != WEIR_OP_SEND && op->result != WEIR_ECANCELED)
        weir_send(op, &parent_end, &byte, 1, 0, end_worker);
    else if (op->result > 0)
        weir_timer(op, weir_op_loop(op), WEIR_SECOND, WEIR_BACKGROUND, end_worker);
}

static void begin(struct weir_op *op);

static void on_greeted(struct weir_op *op)
{
    struct weir_loop *loop = weir_op_loop(op);
    bool              goes_on = op->result != WEIR_ECANCELED;
    if (op->kind == WEIR_OP_RECV && op->result > 0) {
        CHECK(memcmp(greeting, "hello from the worker\n", (size_t)op->result) == 0);
        greeted += op->result == 22;
    }
    weir_close_now(&client);
    memset(&client, 0, sizeof client);
    if (goes_on)
        weir_timer(op, loop, 20 * WEIR_MILLISECOND, 0, begin);
}

static void on_connected(struct weir_op *op)
{
    if (op->result < 0) {
        on_greeted(op);
        return;
    }
    weir_recv(op, &client, greeting, 22, WEIR_ALL, on_greeted);
    weir_deadline(op, 10 * WEIR_SECOND);
}

static void begin(struct weir_op *op)
{
    struct weir_loop *loop = weir_op_loop(op);
    if (op->result == WEIR_ECANCELED)
        return;
    if (greeted == CLIENTS || ++tries == TRIES) {
        weir_timer(&ending, loop, 0, 0, end_worker);
        return;
    }
    if (weir_socket(&client, loop, AF_INET, SOCK_STREAM, 0)) {
        on_greeted(op);
        return;
    }
    weir_connect(op, &client, &server.data, server.length, 0, on_connected);
    weir_deadline(op, 10 * WEIR_SECOND);
}

/* ---- The two processes ----------------------------------------------------------------------- */

static struct weir_op forking;
static int            worker_status = -1;

/* While the parent waits for it. */
static void run_worker(struct weir_op *op)
{
    if (op->result != WEIR_ECANCELED)
        worker_status = driver_call(worker_main, "pass-fd 7004");
}

static int run(struct driver *driver)
{
    CHECK(weir_address_parse(&server, "127.0.0.1:7004") == 0);
    weir_timer(&forking, driver->loop, 100 * WEIR_MILLISECOND, 0, run_worker);
    weir_timer(&moving, driver->other_loop, 150 * WEIR_MILLISECOND, 0, begin);
    return driver_call(parent_main, "pass-fd 7004");
}

static void check(const struct driver *driver)
{
    if (driver->faults)
        return; /* who was greeted was greeted by the worker; and both ended */
    CHECK(driver->status == 0 && worker_status == 0);
    CHECK(driver_printed(driver, "listening on 127.0.0.1:7004 (sim)"));
    CHECK(greeted == CLIENTS && tries == CLIENTS);
}

const struct driver_example example = {.prepare = prepare, .run = run, .check = check};
