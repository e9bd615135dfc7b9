/* SPDX-License-Identifier: MIT */
/* cat.c - writes files to the standard output, one after another: `cat FILE...`, - is the input. */
#include <stdio.h>
#include <string.h>
#include <weir.h>

static struct weir_loop  *loop;
static struct weir_handle in, out;
static struct weir_op     op;    /* opens, reads and writes, one at a time */
static char             **names; /* of the files that are left; NULL ends them */
static char               buf[65536];
static int                status;

static void next_file(void);
static void on_read(struct weir_op *ended);

static void tell(const char *what, int64_t error)
{
    fprintf(stderr, "cat: %s: %s\n", what, weir_error_text(error));
    status = 1;
}

static void on_written(struct weir_op *ended)
{
    if (ended->result >= 0 && !ended->error)
        weir_read(&op, &in, buf, sizeof buf, WEIR_STREAM, 0, on_read);
    else
        tell("standard output", ended->error ? ended->error : ended->result);
}

static void on_read(struct weir_op *ended)
{
    if (ended->result > 0) {
        weir_write(&op, &out, buf, (size_t)ended->result, WEIR_STREAM, WEIR_ALL, on_written);
        return;
    }
    if (ended->result < 0)
        tell(names[-1], ended->result);
    weir_close_now(&in);
    next_file();
}

/* What could not be opened is told, and left, like what could not be read. */
static void on_open(struct weir_op *ended)
{
    if (ended->result == 0)
        weir_read(&op, &in, buf, sizeof buf, WEIR_STREAM, 0, on_read);
    else
        on_read(ended);
}

static void next_file(void)
{
    const char *name = *names++;
    in = (struct weir_handle){0};
    if (name && strcmp(name, "-") != 0) {
        weir_open(&op, loop, &in, name, WEIR_OPEN_READ, 0, on_open);
    } else if (name) {
        op.result = weir_adopt(&in, loop, 0, WEIR_BORROWED);
        on_open(&op);
    }
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return fputs("usage: cat FILE...\n", stderr), 2;
    names = argv + 1;
    int error = weir_loop_open(&loop, NULL);
    if (error == 0)
        error = weir_adopt(&out, loop, 1, WEIR_BORROWED);
    if (error != 0)
        tell(loop ? "standard output" : "WEIR_ENGINE", error);
    else
        next_file();
    if (loop && weir_run(loop, WEIR_UNTIL_DONE) == 0)
        weir_loop_close(loop, WEIR_SECOND);
    return status;
}
