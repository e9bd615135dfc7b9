/* SPDX-License-Identifier: MIT */
/* echo.c - a TCP echo server: `echo PORT` on 127.0.0.1, 0 for any port; Ctrl-C ends it. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir.h>

struct conn { /* accepted into its own memory, by the op that receives from then on */
    struct weir_handle sock;
    struct weir_op     recv, send;
    char               buf[16384]; /* what was received, until all of it is sent */
};

static void on_closed(struct weir_handle *sock)
{
    free(weir_of(sock, struct conn, sock));
}

static void on_moved(struct weir_op *op)
{
    struct conn *c = weir_of(op->handle, struct conn, sock);
    if (op->result <= 0 || op->error)
        weir_close(&c->sock, on_closed);
    else if (op == &c->recv)
        weir_send(&c->send, &c->sock, c->buf, (size_t)op->result, WEIR_ALL, on_moved);
    else
        weir_recv(&c->recv, &c->sock, c->buf, sizeof c->buf, 0, on_moved);
}

static struct conn *conn_new(void)
{
    struct conn *c = malloc(sizeof *c);
    return c ? memset(c, 0, offsetof(struct conn, buf)) : NULL;
}

static void on_accept(struct weir_op *op)
{
    struct conn *c = weir_of(op, struct conn, recv), *next;
    if (op->result == 0 && (next = conn_new()))
        weir_accept(&next->recv, op->handle, &next->sock, 0, on_accept);
    if (op->result == 0)
        weir_recv(&c->recv, &c->sock, c->buf, sizeof c->buf, 0, on_moved);
    else
        free(c);
}

static void on_signal(struct weir_op *op)
{
    weir_stop(weir_op_loop(op));
}

int main(int argc, char **argv)
{
    struct weir_op      interrupt = {0}, terminate = {0};
    struct weir_handle  listener = {0};
    struct weir_loop   *loop = NULL;
    struct weir_address at;
    char                text[160];
    snprintf(text, sizeof text, "127.0.0.1:%s", argc == 2 ? argv[1] : "");
    if (weir_address_parse(&at, text) != 0)
        return fputs("usage: echo PORT\n", stderr), 2;
    int error = weir_loop_open(&loop, NULL);
    if (error || (error = weir_listen(&listener, loop, &at.data, at.length, 0, WEIR_NODELAY))) {
        fprintf(stderr, "echo: %s: %s\n", loop ? text : "WEIR_ENGINE", weir_error_text(error));
        weir_loop_close(loop, 0);
        return 1;
    }
    weir_local_address(&listener, &at);
    weir_address_format(&at, text, sizeof text);
    printf("listening on %s (%s)\n", text, weir_loop_engine(loop));
    fflush(stdout);
    struct conn *first = conn_new();
    if (first)
        weir_accept(&first->recv, &listener, &first->sock, 0, on_accept);
    weir_signal(&interrupt, loop, SIGINT, 0, on_signal);
    weir_signal(&terminate, loop, SIGTERM, 0, on_signal);
    weir_run(loop, WEIR_UNTIL_DONE);
    return weir_loop_close(loop, WEIR_SECOND) == 0 ? 0 : 1;
}
