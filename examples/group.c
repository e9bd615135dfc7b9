/* SPDX-License-Identifier: MIT */
/* group.c - an echo server on all processors: `group PORT [LOOPS]` on 127.0.0.1, 0 for any port;
 * Ctrl-C ends it. Each loop has a thread, and each connection stays with one of them. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <weir.h>

static struct weir_group *group;
static struct weir_pool  *pools[1024]; /* of each loop: who idles holds no buffer */

struct conn { /* the group's memory, zeroed, until the connection is closed */
    struct weir_handle sock;
    struct weir_op     recv, send;
    struct weir_pool  *pool;
    struct weir_buf    piece; /* what was received, until all of it is sent */
};

static void on_moved(struct weir_op *op)
{
    struct conn *c = weir_of(op->handle, struct conn, sock);
    if (op == &c->send)
        weir_pool_give(c->pool, c->piece.data);
    if (op->result <= 0 || op->error)
        weir_close(&c->sock, NULL);
    else if (op == &c->recv && weir_pooled(op, &c->piece, 1))
        weir_send(&c->send, &c->sock, c->piece.data, c->piece.length, WEIR_ALL, on_moved);
    else
        weir_recv_pooled(&c->recv, &c->sock, c->pool, 0, on_moved);
}

static void on_accept(struct weir_handle *sock, void *user)
{
    struct conn *c = weir_of(sock, struct conn, sock);
    unsigned     i = 0;
    (void)user;
    while (weir_group_loop(group, i) != sock->loop)
        i++;
    c->pool = pools[i];
    weir_recv_pooled(&c->recv, sock, c->pool, 0, on_moved);
}

/* On the thread of each loop, before any of them runs. */
static int on_start(struct weir_loop *loop, unsigned index, void *user)
{
    const struct weir_pool_options options = {.policy = WEIR_POOL_GROW};
    (void)user;
    return index < sizeof pools / sizeof pools[0] ? weir_pool_open(&pools[index], loop, &options)
                                                  : WEIR_EINVAL;
}

static void on_signal(struct weir_op *op)
{
    weir_stop(weir_op_loop(op));
}

int main(int argc, char **argv)
{
    struct weir_group_listener server = {
        .flags = WEIR_NODELAY, .connection_size = sizeof(struct conn), .on_accept = on_accept};
    struct weir_group_options options = {.loops = argc == 3 ? (unsigned)atoi(argv[2]) : 0,
                                         .start = on_start};
    struct weir_op            interrupt = {0}, terminate = {0};
    struct weir_loop         *loop = NULL; /* of this thread: it awaits the end */
    struct weir_address       at;
    char                      text[160];
    snprintf(text, sizeof text, "127.0.0.1:%s", argc == 2 || argc == 3 ? argv[1] : "");
    if (weir_address_parse(&at, text) != 0)
        return fputs("usage: group PORT [LOOPS]\n", stderr), 2;
    server.address = &at.data, server.address_length = at.length;
    int error = weir_loop_open(&loop, NULL);
    if (!error)
        error = weir_group_open(&group, &options);
    if (!error)
        error = weir_group_listen(group, &server);
    if (!error) {
        weir_address_format(&server.bound, text, sizeof text);
        printf("listening on %s (%s)\n", text, weir_loop_engine(loop));
        fflush(stdout);
        weir_signal(&interrupt, loop, SIGINT, 0, on_signal);
        weir_signal(&terminate, loop, SIGTERM, 0, on_signal);
        weir_run(loop, WEIR_UNTIL_DONE);
    } else {
        fprintf(stderr, "group: %s: %s\n", group ? text : "WEIR_ENGINE", weir_error_text(error));
    }
    int closed = weir_group_close(group, WEIR_SECOND);
    if (!closed)
        closed = weir_loop_close(loop, WEIR_SECOND);
    return error || closed ? 1 : 0;
}
