/* SPDX-License-Identifier: MIT */
/* cancel.c - ops that wait are cancelled: each still ends once, and says that it was cancelled. */
#include <signal.h>
#include <stdio.h>
#include <weir.h>

static struct weir_op     timer, signalled, accepting, polling, reads[2], late;
static struct weir_handle listener, connection, reader, writer;
static char               bytes[2][64];

static void on_done(struct weir_op *op)
{
    printf("%s ended: %s, %s\n", weir_op_name((enum weir_op_kind)op->kind),
           weir_error_name(op->result), weir_error_text(op->result));
}

/* weir_cancel() asks. It never runs a callback: every op ends later, by its own done(). */
static void on_late(struct weir_op *op)
{
    (void)op;
    weir_cancel(&timer);
    weir_cancel(&signalled);
    weir_cancel(&accepting);
    printf("cancel all of the pipe: %d ops asked\n", weir_cancel_all(&reader));
}

int main(void)
{
    struct weir_loop   *loop = NULL;
    struct weir_address address;
    int                 error = weir_loop_open(&loop, NULL);
    if (error == 0)
        error = weir_pipe(&reader, &writer, loop);
    if (error == 0)
        error = weir_address_parse(&address, "127.0.0.1:0");
    if (error == 0)
        error = weir_listen(&listener, loop, &address.data, address.length, 0, 0);
    if (error != 0) {
        fprintf(stderr, "cancel: %s\n", weir_error_text(error));
        if (loop)
            weir_loop_close(loop, 0);
        return 1;
    }
    weir_timer(&timer, loop, 3600 * WEIR_SECOND, 0, on_done);
    weir_signal(&signalled, loop, SIGTERM, 0, on_done);
    weir_accept(&accepting, &listener, &connection, 0, on_done);
    weir_poll(&polling, &reader, WEIR_IN, WEIR_LEVEL, on_done);
    for (int i = 0; i < 2; i++)
        weir_read(&reads[i], &reader, bytes[i], sizeof bytes[i], WEIR_STREAM, 0, on_done);
    weir_timer(&late, loop, 10 * WEIR_MILLISECOND, 0, on_late);

    weir_run(loop, WEIR_UNTIL_DONE);
    printf("cancel of an op that ended: %s\n", weir_error_name(weir_cancel(&timer)));
    return weir_loop_close(loop, WEIR_SECOND) == 0 ? 0 : 1;
}
