/* SPDX-License-Identifier: MIT */
/* deadline.c - a connect and a receive, bounded in time, with a server that never speaks. */
#include <stdio.h>
#include <sys/socket.h>
#include <weir.h>

static struct weir_handle listener, client;
static struct weir_op     connecting, receiving;
static uint64_t           start_ns;
static char               greeting[128];

static void tell(struct weir_op *op)
{
    uint64_t gone_ns = weir_now(weir_op_loop(op)) - start_ns;
    printf("%s: %s (%s) after %u ms\n", weir_op_name((enum weir_op_kind)op->kind),
           weir_error_name(op->result), weir_error_text(op->result),
           (unsigned)(gone_ns / WEIR_MILLISECOND));
}

static void on_received(struct weir_op *op)
{
    tell(op);
    weir_close(&client, NULL);
}

/* The connect took its place in the listener's queue, in time: its deadline is gone with it. */
static void on_connected(struct weir_op *op)
{
    tell(op);
    if (op->result < 0)
        return;
    start_ns = weir_now(weir_op_loop(op));
    weir_recv(&receiving, &client, greeting, sizeof greeting, 0, on_received);
    weir_deadline(&receiving, 50 * WEIR_MILLISECOND);
}

int main(void)
{
    struct weir_loop   *loop = NULL;
    struct weir_address address;
    int                 error = weir_loop_open(&loop, NULL);
    if (error == 0)
        error = weir_address_parse(&address, "127.0.0.1:0");
    if (error == 0)
        error = weir_listen(&listener, loop, &address.data, address.length, 0, 0);
    if (error == 0)
        error = weir_local_address(&listener, &address);
    if (error == 0)
        error = weir_socket(&client, loop, AF_INET, SOCK_STREAM, 0);
    if (error != 0) {
        fprintf(stderr, "deadline: %s\n", weir_error_text(error));
        if (loop)
            weir_loop_close(loop, 0);
        return 1;
    }
    start_ns = weir_now(loop);
    weir_connect(&connecting, &client, &address.data, address.length, 0, on_connected);
    weir_deadline(&connecting, 5 * WEIR_SECOND);
    weir_run(loop, WEIR_UNTIL_DONE);
    return weir_loop_close(loop, WEIR_SECOND) == 0 ? 0 : 1;
}
