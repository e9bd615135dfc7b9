/* SPDX-License-Identifier: MIT */
/* proxy.c - a TCP proxy: `proxy PORT ADDRESS:PORT` carries bytes and ends of streams both ways. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <weir.h>

struct pair {
    struct weir_handle sock[2]; /* the client's and the target's */
    struct weir_op     op[2];   /* op[i] receives from sock[i], sends to the other, and so on */
    char               buf[2][16384];
    int                ended; /* of the two directions */
};
static struct weir_address target;
static struct weir_loop   *loop;

static void on_closed(struct weir_handle *sock)
{
    struct pair *p = sock->user;
    if (weir_handle_kind(&p->sock[0]) + weir_handle_kind(&p->sock[1]) == WEIR_HANDLE_NONE)
        free(p);
}

static void on_moved(struct weir_op *op)
{
    struct pair *p = op->user;
    int          from = op == &p->op[1];
    if (op->kind == WEIR_OP_CONNECT && op->result < 0)
        fprintf(stderr, "proxy: target: %s\n", weir_error_text(op->result));
    if (op->result < 0 || op->error || (op->kind == WEIR_OP_RECV && !op->result && p->ended++)) {
        weir_close(&p->sock[0], on_closed);
        weir_close(&p->sock[1], on_closed);
    } else if (op->kind != WEIR_OP_RECV) {
        weir_recv(op, &p->sock[from], p->buf[from], sizeof p->buf[from], 0, on_moved);
    } else if (op->result > 0) {
        weir_send(op, &p->sock[!from], p->buf[from], (size_t)op->result, WEIR_ALL, on_moved);
    } else {
        weir_shutdown(op, &p->sock[!from], 0, NULL);
    }
}

static void on_accept(struct weir_op *op)
{
    struct pair *p = weir_of(op, struct pair, op[0]), *next;
    int          family = ((struct sockaddr *)&target.data)->sa_family;
    if (op->result < 0) {
        free(p);
        return;
    }
    if ((next = calloc(1, sizeof *next)))
        weir_accept(&next->op[0], op->handle, &next->sock[0], 0, on_accept);
    p->op[0].user = p->op[1].user = p->sock[0].user = p->sock[1].user = p;
    weir_recv(&p->op[0], &p->sock[0], p->buf[0], sizeof p->buf[0], 0, on_moved);
    if (weir_socket(&p->sock[1], loop, family, SOCK_STREAM, WEIR_NODELAY) == 0)
        weir_connect(&p->op[1], &p->sock[1], &target.data, target.length, 0, on_moved);
    else
        weir_close(&p->sock[0], on_closed);
}

int main(int argc, char **argv)
{
    struct weir_handle  listener = {0};
    struct weir_address at;
    char                text[160];
    snprintf(text, sizeof text, "127.0.0.1:%s", argc == 3 ? argv[1] : "");
    if (weir_address_parse(&at, text) != 0 || weir_address_parse(&target, argv[2]) != 0)
        return fputs("usage: proxy PORT ADDRESS:PORT\n", stderr), 2;
    int error = weir_loop_open(&loop, NULL);
    if (error || (error = weir_listen(&listener, loop, &at.data, at.length, 0, WEIR_NODELAY)))
        return fprintf(stderr, "proxy: %s: %s\n", text, weir_error_text(error)), 1;
    weir_local_address(&listener, &at);
    weir_address_format(&at, text, sizeof text);
    printf("listening on %s (%s)\n", text, weir_loop_engine(loop));
    fflush(stdout);
    struct pair *first = calloc(1, sizeof *first);
    if (first)
        weir_accept(&first->op[0], &listener, &first->sock[0], 0, on_accept);
    return weir_run(loop, WEIR_UNTIL_DONE) == 0 ? 0 : 1;
}
