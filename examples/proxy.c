/* SPDX-License-Identifier: MIT */
/* proxy.c - a TCP proxy: `proxy PORT HOST:PORT` carries bytes and ends of streams both ways. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <weir.h>

struct pair {
    struct weir_handle     sock[2]; /* the client's and the target's */
    struct weir_op         op[2];   /* op[i] copies all that comes from sock[i] to the other */
    struct weir_copy_range all[2];
    int                    ended; /* of the two directions */
};
static struct weir_address target, at;
static struct weir_loop   *loop;

static void on_closed(struct weir_handle *sock)
{
    struct pair *p = sock->user;
    if (weir_handle_kind(&p->sock[0]) + weir_handle_kind(&p->sock[1]) == WEIR_HANDLE_NONE)
        free(p);
}

static void on_ended(struct weir_op *op)
{
    struct pair *p = op->user;
    if (op->kind == WEIR_OP_CONNECT && op->result < 0)
        fprintf(stderr, "proxy: target: %s\n", weir_error_text(op->result));
    if (op->result < 0 || op->error || (op->kind == WEIR_OP_COPY && p->ended++)) {
        weir_close(&p->sock[0], on_closed);
        weir_close(&p->sock[1], on_closed);
    } else if (op->kind == WEIR_OP_COPY) {
        weir_shutdown(op, op->handle, 0, NULL);
    } else {
        weir_copy(op, &p->sock[0], &p->all[1], 0, on_ended);
    }
}

static void on_accept(struct weir_op *op)
{
    struct pair *p = weir_of(op, struct pair, op[0]), *next = calloc(1, sizeof *next);
    if (next)
        weir_accept(&next->op[0], op->handle, &next->sock[0], 0, on_accept);
    for (int i = 0; i < 2; i++) {
        p->op[i].user = p->sock[i].user = p;
        p->all[i] = (struct weir_copy_range){&p->sock[i], WEIR_STREAM, WEIR_STREAM, UINT64_MAX};
    }
    if (!op->result && !weir_socket(&p->sock[1], loop, AF_INET, SOCK_STREAM, WEIR_NODELAY)) {
        weir_connect(&p->op[1], &p->sock[1], &target.data, target.length, 0, on_ended);
        weir_copy(&p->op[0], &p->sock[1], &p->all[0], 0, on_ended); /* waits behind it */
    } else if (weir_close(&p->sock[0], on_closed) < 0) {
        free(p); /* nothing was accepted, either */
    }
}

int main(int argc, char **argv)
{
    struct weir_handle listener = {0};
    struct weir_op     op = {0};
    char *host = argc == 3 ? strtok(argv[2], ":") : NULL, *port = host ? strtok(NULL, "") : NULL;
    struct weir_lookup name = {host, port, AF_INET, SOCK_STREAM, &target, 1, false};
    struct pair       *first;
    char               text[160];
    snprintf(text, sizeof text, "127.0.0.1:%s", argc == 3 ? argv[1] : "");
    if (!port || weir_address_parse(&at, text) != 0)
        return fputs("usage: proxy PORT HOST:PORT\n", stderr), 2;
    if ((op.result = weir_loop_open(&loop, NULL)) == 0) /* the name is looked up once */
        weir_resolve(&op, loop, &name, 0, NULL), weir_run(loop, WEIR_UNTIL_DONE);
    if (op.result > 0)
        op.result = weir_listen(&listener, loop, &at.data, at.length, 0, WEIR_NODELAY);
    if (op.result < 0 || !(first = calloc(1, sizeof *first)))
        return fprintf(stderr, "proxy: %s %s: %s\n", text, host, weir_error_text(op.result)), 1;
    weir_accept(&first->op[0], &listener, &first->sock[0], 0, on_accept);
    weir_local_address(&listener, &at);
    weir_address_format(&at, text, sizeof text);
    printf("listening on %s (%s)\n", text, weir_loop_engine(loop));
    fflush(stdout);
    return weir_run(loop, WEIR_UNTIL_DONE) == 0 ? 0 : 1;
}
