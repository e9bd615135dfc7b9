/* SPDX-License-Identifier: MIT */
/* udp-echo.c - a UDP echo server: `udp-echo PORT` on 127.0.0.1, each datagram to its sender. */
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <weir.h>

#define BATCH 32

/* Received and sent back by the same messages: the address, too, stands where it was told. */
static struct letter {
    struct weir_address from;
    struct weir_buf     buf;
    char                data[65536]; /* no datagram is longer */
} letters[BATCH];
static struct weir_msg    messages[BATCH];
static struct weir_handle sock;
static struct weir_op     moving;
static size_t             received, returned; /* of this batch */

static void on_returned(struct weir_op *op);
static void on_received(struct weir_op *op)
{
    for (returned = received = 0; (int64_t)received < op->result; received++)
        letters[received].buf.length = (size_t)messages[received].result; /* 0: an empty one */
    if (received)
        weir_send_batch(op, &sock, messages, received, 0, on_returned);
    else if (op->result != WEIR_ECANCELED)
        fprintf(stderr, "udp-echo: %s\n", weir_error_text(op->result));
}

static void receive(void)
{
    for (int i = 0; i < BATCH; i++) {
        letters[i].buf = (struct weir_buf){letters[i].data, sizeof letters[i].data};
        messages[i] = (struct weir_msg){.buffers = &letters[i].buf, .count = 1};
        messages[i].address = &letters[i].from.data;
        messages[i].address_room = sizeof letters[i].from.data;
    }
    weir_recv_batch(&moving, &sock, messages, BATCH, 0, on_received);
}

static void on_returned(struct weir_op *op)
{
    /* Some went; or the first cannot be sent, and is dropped, as UDP may do with any. */
    returned += op->result > 0 ? (size_t)op->result : 1;
    if (returned < received)
        weir_send_batch(op, &sock, messages + returned, received - returned, 0, on_returned);
    else
        receive();
}

static void on_signal(struct weir_op *op)
{
    weir_stop(weir_op_loop(op));
}

int main(int argc, char **argv)
{
    struct weir_op      interrupt = {0}, terminate = {0};
    struct weir_loop   *loop = NULL;
    struct weir_address at;
    char                text[160];
    snprintf(text, sizeof text, "127.0.0.1:%s", argc == 2 ? argv[1] : "");
    if (weir_address_parse(&at, text) != 0)
        return fputs("usage: udp-echo PORT\n", stderr), 2;
    int error = weir_loop_open(&loop, NULL);
    if (error || (error = weir_socket(&sock, loop, AF_INET, SOCK_DGRAM, 0)) ||
        (error = weir_bind(&sock, &at.data, at.length, 0)))
        return fprintf(stderr, "udp-echo: %s: %s\n", text, weir_error_text(error)), 1;
    receive();
    weir_signal(&interrupt, loop, SIGINT, WEIR_BACKGROUND, on_signal);
    weir_signal(&terminate, loop, SIGTERM, WEIR_BACKGROUND, on_signal);
    weir_local_address(&sock, &at);
    weir_address_format(&at, text, sizeof text);
    printf("listening on %s (%s)\n", text, weir_loop_engine(loop));
    fflush(stdout);
    weir_run(loop, WEIR_UNTIL_DONE);
    return weir_loop_close(loop, WEIR_SECOND);
}
