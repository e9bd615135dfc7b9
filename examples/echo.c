/* SPDX-License-Identifier: MIT */
/* echo.c - a TCP echo server: `echo PORT` on 127.0.0.1, 0 for any port; Ctrl-C ends it. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <weir.h>

static struct weir_pool *pool; /* a connection that idles holds no buffer */

struct conn { /* accepted into its own memory, by the op that receives from then on */
    struct weir_handle sock;
    struct weir_op     recv, send;
    struct weir_buf    piece; /* what was received, until all of it is sent */
};

static void on_received(struct weir_op *op);

static void on_closed(struct weir_handle *sock)
{
    free(weir_of(sock, struct conn, sock));
}

static void on_sent(struct weir_op *op)
{
    struct conn *c = weir_of(op, struct conn, send);
    weir_pool_give(pool, c->piece.data);
    if (op->result < 0 || op->error)
        weir_close(&c->sock, on_closed);
    else
        weir_recv_pooled(&c->recv, &c->sock, pool, 0, on_received);
}

static void on_received(struct weir_op *op)
{
    struct conn *c = weir_of(op, struct conn, recv);
    if (weir_pooled(op, &c->piece, 1))
        weir_send(&c->send, &c->sock, c->piece.data, c->piece.length, WEIR_ALL, on_sent);
    else
        weir_close(&c->sock, on_closed);
}

static void on_accept(struct weir_op *op)
{
    struct conn *c = weir_of(op, struct conn, recv), *next;
    if (op->result == 0 && (next = calloc(1, sizeof *next)))
        weir_accept(&next->recv, op->handle, &next->sock, 0, on_accept);
    if (op->result == 0)
        weir_recv_pooled(&c->recv, &c->sock, pool, 0, on_received);
    else
        free(c);
}

static void on_signal(struct weir_op *op)
{
    weir_stop(weir_op_loop(op));
}

int main(int argc, char **argv)
{
    struct weir_op           interrupt = {0}, terminate = {0};
    struct weir_pool_options options = {.policy = WEIR_POOL_GROW, .buffer_size = 64 * 1024};
    struct weir_handle       listener = {0};
    struct weir_loop        *loop = NULL;
    struct weir_address      at;
    char                     text[160];
    snprintf(text, sizeof text, "127.0.0.1:%s", argc == 2 ? argv[1] : "");
    if (weir_address_parse(&at, text) != 0)
        return fputs("usage: echo PORT\n", stderr), 2;
    int error = weir_loop_open(&loop, NULL);
    if (error || (error = weir_pool_open(&pool, loop, &options)) ||
        (error = weir_listen(&listener, loop, &at.data, at.length, 0, WEIR_NODELAY))) {
        fprintf(stderr, "echo: %s: %s\n", loop ? text : "WEIR_ENGINE", weir_error_text(error));
        weir_loop_close(loop, 0);
        return 1;
    }
    weir_local_address(&listener, &at);
    weir_address_format(&at, text, sizeof text);
    printf("listening on %s (%s)\n", text, weir_loop_engine(loop));
    fflush(stdout);
    struct conn *first = calloc(1, sizeof *first);
    if (first)
        weir_accept(&first->recv, &listener, &first->sock, 0, on_accept);
    weir_signal(&interrupt, loop, SIGINT, 0, on_signal);
    weir_signal(&terminate, loop, SIGTERM, 0, on_signal);
    weir_run(loop, WEIR_UNTIL_DONE);
    return weir_loop_close(loop, WEIR_SECOND) == 0 ? 0 : 1;
}
