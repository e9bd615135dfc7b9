/* SPDX-License-Identifier: MIT */
/* read_weir.c - a random reader as a user of weir writes it: so many reads at a time, each started
 * again in its own callback. WEIR_ENGINE chooses the mechanism. */
#include <stdio.h>
#include <stdlib.h>
#include <weir.h>

#include "measure/clock.h"
#include "measure/reader.h"
#include "programs.h"

struct slot {
    struct weir_op op;
    void          *data;
    uint64_t       offset, started_ns;
};

static struct reader      reader;
static struct weir_handle file;

static void on_read(struct weir_op *op);

static void start(struct slot *slot)
{
    slot->offset = reader_next(&reader);
    slot->started_ns = clock_ns();
    weir_read(&slot->op, &file, slot->data, reader.plan.size, slot->offset, 0, on_read);
}

static void on_read(struct weir_op *op)
{
    struct slot *slot = weir_of(op, struct slot, op);
    if (reader_done(&reader, slot->data, op->result, slot->offset, slot->started_ns))
        start(slot);
}

static void on_open(struct weir_op *op)
{
    if (op->result < 0)
        work_fail(&reader.work, "the file could not be opened", (int)-op->result);
}

int read_weir_main(int argc, char **argv)
{
    struct weir_loop *loop = NULL;
    struct weir_op    open = {0};
    unsigned          mode = WEIR_OPEN_READ;
    if (reader_open(&reader, argc, argv) < 0)
        return 2;
    int error = weir_loop_open(&loop, NULL);
    if (error) {
        fprintf(stderr, "weir_loop_open: %s\n", weir_error_text(error));
        return 1;
    }
    if (reader.plan.direct)
        mode |= WEIR_OPEN_DIRECT;
    weir_open(&open, loop, &file, reader.plan.path, mode, 0, on_open);
    weir_run(loop, WEIR_UNTIL_DONE);
    struct slot *slots = calloc(reader.plan.depth, sizeof *slots);
    for (unsigned i = 0; slots && i < reader.plan.depth; i++)
        if (posix_memalign(&slots[i].data, reader.plan.size, reader.plan.size) != 0)
            return 1;
    if (!slots)
        return 1;
    work_begin(&reader.work);
    for (unsigned i = 0; i < reader.plan.depth; i++)
        start(&slots[i]);
    weir_run(loop, WEIR_UNTIL_DONE);
    int status = work_end(&reader.work);
    for (unsigned i = 0; i < reader.plan.depth; i++)
        free(slots[i].data);
    free(slots);
    return weir_loop_close(loop, WEIR_FOREVER) ? 1 : status;
}
