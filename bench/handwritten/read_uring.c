/* SPDX-License-Identifier: MIT */
/* read_uring.c - a random reader on io_uring, as good as its author could write it: one thread, one
 * io_uring_enter for all reads that a turn starts and ends. */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdlib.h>

#include "../../tool/measure/clock.h"
#include "../../tool/measure/reader.h"

struct slot {
    void    *data;
    uint64_t offset, started_ns;
};

static struct reader   reader;
static struct io_uring ring;
static int             fd;

static void start(struct slot *slot)
{
    struct io_uring_sqe *entry = io_uring_get_sqe(&ring); /* as many as slots: never NULL */
    slot->offset = reader_next(&reader);
    slot->started_ns = clock_ns();
    io_uring_prep_read(entry, fd, slot->data, (unsigned)reader.size, slot->offset);
    io_uring_sqe_set_data(entry, slot);
}

/* Serves every completion that is there, and starts the next reads. */
static void serve(unsigned *in_flight)
{
    struct io_uring_cqe *completion;
    unsigned             head, count = 0, started = 0;
    io_uring_for_each_cqe(&ring, head, completion)
    {
        struct slot *slot = io_uring_cqe_get_data(completion);
        count++;
        if (reader_done(&reader, slot->data, completion->res, slot->offset, slot->started_ns)) {
            start(slot);
            started++;
        }
    }
    io_uring_cq_advance(&ring, count);
    *in_flight -= count - started;
}

int main(int argc, char **argv)
{
    if (reader_open(&reader, argc, argv) < 0)
        return 2;
    fd = open(reader.path, O_RDONLY | O_CLOEXEC | (reader.direct ? O_DIRECT : 0));
    if (fd < 0)
        reader_fail(&reader, "the file could not be opened", errno);
    int error = io_uring_queue_init(reader.depth, &ring,
                                    IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
    if (error)
        reader_fail(&reader, "the ring could not be had", -error);
    struct slot *slots = calloc(reader.depth, sizeof *slots);
    if (!slots)
        return 1;
    for (unsigned i = 0; i < reader.depth; i++)
        if (posix_memalign(&slots[i].data, reader.size, reader.size) != 0)
            return 1;
    reader_begin(&reader);
    unsigned in_flight = reader.depth;
    for (unsigned i = 0; i < reader.depth; i++)
        start(&slots[i]);
    while (in_flight) {
        error = io_uring_submit_and_wait(&ring, 1);
        if (error < 0 && error != -EINTR)
            reader_fail(&reader, "io_uring_enter", -error);
        serve(&in_flight);
    }
    int status = reader_end(&reader);
    for (unsigned i = 0; i < reader.depth; i++)
        free(slots[i].data);
    free(slots);
    return status;
}
