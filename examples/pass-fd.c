/* SPDX-License-Identifier: MIT */
/* pass-fd.c - `pass-fd PORT` listens, and passes the socket to a worker process, which serves. */
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include <weir.h>

static struct weir_handle  other, listener, client; /* other: the way to the other process */
static struct weir_op      passing, accepting, sending;
static uint64_t            control[4]; /* room for one descriptor, aligned as it has to be */
static char                byte = '!'; /* a stream passes descriptors with a byte */
static struct weir_buf     buf = {&byte, 1};
static struct weir_msg     message = {NULL, 0, 0, &buf, 1, control, sizeof control, .told = 0};
static struct weir_address at;
static char                name[160];

static void on_end(struct weir_op *op)
{
    weir_stop(weir_op_loop(op)); /* the other process is gone */
}

static void on_passed(struct weir_op *op)
{
    weir_close(&listener, NULL); /* the worker's copy is open */
    weir_recv(op, &other, &byte, 1, 0, on_end);
}

static void pass_listener(struct weir_loop *loop)
{
    weir_local_address(&listener, &at);
    weir_address_format(&at, name, sizeof name);
    printf("listening on %s (%s)\n", name, weir_loop_engine(loop));
    fflush(stdout);
    weir_msg_put_handles(&message, &(weir_os_handle){weir_handle_os(&listener)}, 1);
    weir_send_msg(&passing, &other, &message, 0, on_passed);
}

static void on_served(struct weir_op *op)
{
    if (op == &sending)
        weir_close_now(&client);
    if (op == &accepting && op->result == 0)
        weir_send(&sending, &client, "hello from the worker\n", 22, WEIR_ALL, on_served);
    else if (op->result != WEIR_ECANCELED)
        weir_accept(&accepting, &listener, &client, 0, on_served);
}

static void on_message(struct weir_op *op)
{
    weir_os_handle os;
    if (op->result == 1 && weir_msg_take_handles(&message, &os, 1) == 1 &&
        weir_adopt(&listener, weir_op_loop(op), os, 0) == 0)
        weir_accept(&accepting, &listener, &client, 0, on_served);
    weir_recv(op, &other, &byte, 1, 0, on_end);
}

int main(int argc, char **argv)
{
    struct weir_loop *loop = NULL;
    int               ends[2], error;
    snprintf(name, sizeof name, "127.0.0.1:%s", argc == 2 ? argv[1] : "");
    if (weir_address_parse(&at, name) != 0)
        return fputs("usage: pass-fd PORT\n", stderr), 2;
    pid_t worker = socketpair(AF_UNIX, SOCK_STREAM, 0, ends) ? -1 : fork(); /* then the loop */
    if (worker < 0)
        return perror("pass-fd"), 1;
    close(ends[worker == 0]);
    if ((error = weir_loop_open(&loop, NULL)) == 0)
        error = weir_adopt(&other, loop, ends[worker != 0], 0);
    if (!error && !worker)
        weir_recv_msg(&passing, &other, &message, 0, on_message);
    else if (!error && !(error = weir_listen(&listener, loop, &at.data, at.length, 0, 0)))
        pass_listener(loop);
    if (!error)
        weir_run(loop, WEIR_UNTIL_DONE);
    else if (worker)
        fprintf(stderr, "pass-fd: %s: %s\n", loop ? name : "WEIR_ENGINE", weir_error_text(error));
    weir_loop_close(loop, WEIR_SECOND);
    return error ? 1 : 0;
}
