/* SPDX-License-Identifier: MIT */
/* read_uring.c - a random reader on io_uring, as good as its author could write it: one thread, one
 * io_uring_enter for all reads that a turn starts and ends. */
#include <errno.h>
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
    io_uring_prep_read(entry, fd, slot->data, (unsigned)reader.plan.size, slot->offset);
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
    fd = reader_file(&reader);
    if (fd < 0)
        work_fail(&reader.work, "the file could not be opened", errno);
    int error = io_uring_queue_init(reader.plan.depth, &ring,
                                    IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
    if (error)
        work_fail(&reader.work, "the ring could not be had", -error);
    struct slot *slots = calloc(reader.plan.depth, sizeof *slots);
    if (!slots)
        return 1;
    for (unsigned i = 0; i < reader.plan.depth; i++)
        if (posix_memalign(&slots[i].data, reader.plan.size, reader.plan.size) != 0)
            return 1;
    work_begin(&reader.work);
    unsigned in_flight = reader.plan.depth;
    for (unsigned i = 0; i < reader.plan.depth; i++)
        start(&slots[i]);
    while (in_flight) {
        error = io_uring_submit_and_wait(&ring, 1);
        if (error < 0 && error != -EINTR)
            work_fail(&reader.work, "io_uring_enter", -error);
        serve(&in_flight);
    }
    int status = work_end(&reader.work);
    for (unsigned i = 0; i < reader.plan.depth; i++)
        free(slots[i].data);
    free(slots);
    return status;
}
