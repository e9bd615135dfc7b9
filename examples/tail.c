/* SPDX-License-Identifier: MIT */
/* tail.c - prints what is appended to a file, until SIGINT: `tail FILE`; one that is cut is printed
 * from its beginning. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <weir.h>

#define PAUSE (50 * WEIR_MILLISECOND)

/* One op goes round: look at the length, read what is new, wait, and look again. */
static struct weir_handle file;
static struct weir_op     op, interrupt;
static struct weir_stat   now;
static uint64_t           offset = WEIR_FOREVER; /* until the length was seen */
static char               buf[65536];
static int                status;

static void on_wait(struct weir_op *timer);

static void on_read(struct weir_op *read)
{
    if (read->result > 0) {
        fwrite(buf, 1, (size_t)read->result, stdout);
        fflush(stdout);
        offset += (uint64_t)read->result;
        weir_read(read, &file, buf, sizeof buf, offset, 0, on_read);
    } else if (read->result == 0 && !ferror(stdout)) {
        weir_timer(read, file.loop, PAUSE, 0, on_wait);
    } else if (read->result != WEIR_ECANCELED) {
        fprintf(stderr, "tail: %s\n", read->result ? weir_error_text(read->result) : "output");
        status = 1;
        weir_cancel(&interrupt);
    }
}

static void on_length(struct weir_op *fstat)
{
    if (fstat->result == 0 && (offset > now.size || now.kind != WEIR_HANDLE_FILE))
        offset = offset == WEIR_FOREVER ? now.size : 0; /* the first look, or it was cut */
    if (fstat->result == 0)
        weir_read(fstat, &file, buf, sizeof buf, offset, 0, on_read);
    else
        on_read(fstat);
}

static void on_wait(struct weir_op *timer)
{
    if (timer->result == 0)
        weir_fstat(timer, &file, &now, 0, on_length);
}

static void on_open(struct weir_op *open)
{
    if (open->result == 0)
        weir_fstat(open, &file, &now, 0, on_length);
    else
        on_read(open);
}

static void on_interrupt(struct weir_op *signal)
{
    weir_stop(weir_op_loop(signal)); /* a call that a worker is in cannot be cancelled */
}

int main(int argc, char **argv)
{
    struct weir_loop *loop;
    if (argc != 2)
        return fputs("usage: tail FILE\n", stderr), 2;
    int error = weir_loop_open(&loop, NULL);
    if (error)
        return fprintf(stderr, "tail: WEIR_ENGINE: %s\n", weir_error_text(error)), 1;
    weir_signal(&interrupt, loop, SIGINT, 0, on_interrupt);
    weir_open(&op, loop, &file, argv[1], WEIR_OPEN_READ, 0, on_open);
    weir_run(loop, WEIR_UNTIL_DONE);
    weir_loop_close(loop, WEIR_SECOND);
    return status;
}
