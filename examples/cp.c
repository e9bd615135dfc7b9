/* SPDX-License-Identifier: MIT */
/* cp.c - copies a file, several pieces at a time: `cp FROM TO`; what failed half-way is removed. */
#include <stdio.h>
#include <sys/stat.h>
#include <weir.h>

/* A piece is read, written to the same offset, and goes on with the next that nobody has taken. */
static struct piece {
    struct weir_op op;
    uint64_t       offset;
    char           buf[65536];
} pieces[4];

static struct weir_handle from, to;
static char             **names; /* of these two */
static struct stat        source, target;
static uint64_t           next_offset;
static int                status;

static int fail(const char *name, const char *why)
{
    fprintf(stderr, "cp: %s: %s\n", name, why);
    return status = 1;
}

static void read_next(struct piece *p, weir_done *on_read)
{
    p->offset = next_offset;
    next_offset += sizeof p->buf;
    weir_read(&p->op, &from, p->buf, sizeof p->buf, p->offset, WEIR_ALL, on_read);
}

static void on_moved(struct weir_op *op)
{
    struct piece *p = weir_of(op, struct piece, op);
    int64_t       error = op->error ? op->error : op->result;
    if (status)
        return; /* Another piece failed: whatever this one did, nothing comes after it. */
    if (error < 0 && error != WEIR_EEOF)
        fail(names[op->handle == &to], weir_error_text(error));
    else if (op->handle == &to)
        read_next(p, on_moved);
    else if (op->result > 0)
        weir_write(op, &to, p->buf, (size_t)op->result, p->offset, WEIR_ALL, on_moved);
}

static void on_open(struct weir_op *op)
{
    unsigned mode = WEIR_OPEN_WRITE | WEIR_OPEN_CREATE | WEIR_OPEN_TRUNCATE;
    bool     from_is_open = weir_handle_kind(&from) != WEIR_HANDLE_NONE;
    if (op->result < 0)
        fail(names[from_is_open], weir_error_text(op->result));
    else if (op->handle == &from)
        weir_open(op, from.loop, &to, names[1], mode | (source.st_mode & 0777), 0, on_open);
    else
        for (int i = 0; i < 4; i++)
            read_next(&pieces[i], on_moved);
}

int main(int argc, char **argv)
{
    struct weir_loop *loop;
    struct weir_op    opening = {0};
    if (argc != 3)
        return fputs("usage: cp FROM TO\n", stderr), 2;
    names = argv + 1;
    if (stat(names[0], &source) == 0 && stat(names[1], &target) == 0 &&
        source.st_dev == target.st_dev && source.st_ino == target.st_ino)
        return fail(names[0], "is the same file as the target");
    int error = weir_loop_open(&loop, NULL);
    if (error != 0)
        return fail("WEIR_ENGINE", weir_error_text(error));
    weir_open(&opening, loop, &from, names[0], WEIR_OPEN_READ, 0, on_open);
    weir_run(loop, WEIR_UNTIL_DONE);
    bool opened = weir_handle_kind(&to) != WEIR_HANDLE_NONE;
    weir_loop_close(loop, WEIR_SECOND);
    if (status && opened && stat(names[1], &target) == 0 && S_ISREG(target.st_mode))
        remove(names[1]);
    return status;
}
