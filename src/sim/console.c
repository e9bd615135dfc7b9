/* SPDX-License-Identifier: MIT */
/* console.c - the standard streams of a simulated host: the input is empty, and what is written
 * comes out of the program that runs the simulation. */
#include "world.h"

struct console {
    struct sim_object object;
    FILE             *stream; /* borrowed; NULL: the input */
};

static int64_t write_through(FILE *stream, const struct weir_op *op)
{
    struct rest            rest = rest_of(op);
    struct weir_buf        one = {rest.data, rest.length};
    const struct weir_buf *pieces = rest.count ? rest.buffers : &one;
    for (size_t left = rest.length; left; left -= pieces++->length)
        if (fwrite(pieces->data, 1, pieces->length, stream) < pieces->length)
            return WEIR_EIO;
    return fflush(stream) ? WEIR_EIO : (int64_t)rest.length;
}

static int64_t tell_stat(const struct console *console, struct weir_stat *stat)
{
    *stat = (struct weir_stat){.inode = console->object.number,
                               .mode = 0020620u, /* a character device, as a terminal is */
                               .links = 1,
                               .block_size = 1024,
                               .kind = console->object.kind};
    return 0;
}

static int64_t console_perform(struct sim_object *object, struct weir_op *op)
{
    const struct console *console = (const struct console *)object;
    if (op_reads(op))
        return console->stream ? WEIR_EBADF : 0;
    if (op_writes(op))
        return console->stream ? write_through(console->stream, op) : WEIR_EBADF;
    switch ((enum weir_op_kind)op->kind) {
    case WEIR_OP_POLL:
        return op->in.arg.events & (WEIR_IN | WEIR_OUT);
    case WEIR_OP_FSTAT:
        return tell_stat(console, op->in.arg.stat);
    case WEIR_OP_ADVISE:
        return 0;
    case WEIR_OP_FSYNC:
    case WEIR_OP_TRUNCATE:
        return WEIR_EINVAL;
    case WEIR_OP_PREALLOCATE:
        return console->stream ? WEIR_ENODEV : WEIR_EBADF;
    default:
        return WEIR_ENOTSOCK; /* what is left is of sockets */
    }
}

static unsigned console_events(struct sim_object *object)
{
    (void)object;
    return WEIR_IN | WEIR_OUT;
}

static void console_close(struct sim_object *object)
{
    (void)object; /* the stream is the program's */
}

static const struct sim_object_type console_type = {.name = "console",
                                                    .perform = console_perform,
                                                    .events = console_events,
                                                    .close = console_close};

/* Not by sim_descriptor_take(): a host is never without its standard streams, whatever fails. */
void sim_console_open(struct weir_sim_host *host)
{
    FILE *const streams[] = {NULL, stdout, stderr};
    if (host->descriptor_room < 3) {
        host->descriptors = sim_resize(host->descriptors,
                                       host->descriptor_room * sizeof(struct sim_object *),
                                       16 * sizeof(struct sim_object *));
        host->descriptor_room = 16;
    }
    for (int number = 0; number < 3; number++) {
        struct console *console = sim_object_new(host, &console_type, WEIR_HANDLE_FILE,
                                                 sizeof *console);
        console->stream = streams[number];
        console->object.handle_flags = number ? HANDLE_NO_IN : HANDLE_NO_OUT;
        host->descriptors[number] = &console->object;
        sim_hold(&console->object);
    }
}
