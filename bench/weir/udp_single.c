/* SPDX-License-Identifier: MIT */
/* udp_single.c - a UDP echo server on weir that moves one datagram at a time: one message is
 * received, sent back to its sender, and received into again. */
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <weir.h>

static struct weir_handle  sock;
static struct weir_op      moving;
static struct weir_address from;
static char                data[65536]; /* no datagram is longer */
static struct weir_buf     buf;
static struct weir_msg     message;

static void on_sent(struct weir_op *op);

static void on_received(struct weir_op *op)
{
    if (op->result == WEIR_ECANCELED)
        return;
    buf.length = op->result > 0 ? (size_t)op->result : 0;
    weir_send_msg(op, &sock, &message, 0, on_sent);
}

static void receive(void)
{
    buf = (struct weir_buf){data, sizeof data};
    message = (struct weir_msg){
        .address = &from.data, .address_room = sizeof from.data, .buffers = &buf, .count = 1};
    weir_recv_msg(&moving, &sock, &message, 0, on_received);
}

static void on_sent(struct weir_op *op)
{
    receive(); /* what could not be sent is dropped, as UDP may do */
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
        return fputs("usage: udp_single PORT\n", stderr), 2;
    int error = weir_loop_open(&loop, NULL);
    if (error || (error = weir_socket(&sock, loop, AF_INET, SOCK_DGRAM, 0)) ||
        (error = weir_bind(&sock, &at.data, at.length, 0)))
        return fprintf(stderr, "udp_single: %s: %s\n", text, weir_error_text(error)), 1;
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
