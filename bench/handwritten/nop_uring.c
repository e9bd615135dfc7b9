/* SPDX-License-Identifier: MIT */
/* nop_uring.c - nops on a bare io_uring: 32 go in with one io_uring_enter, and all 32 come out
 * before the next go in. The ring is set up with SINGLE_ISSUER and DEFER_TASKRUN. */
#include <errno.h>
#include <liburing.h>

#include "../../tool/measure/work.h"

enum { NOPS = 32 };

static struct work     work;
static struct io_uring ring;

static void run_round(void)
{
    struct io_uring_cqe *cqe;
    unsigned             head, ended = 0;
    for (int i = 0; i < NOPS; i++)
        io_uring_prep_nop(io_uring_get_sqe(&ring)); /* there is room for all: never NULL */
    int submitted = io_uring_submit_and_wait(&ring, NOPS);
    if (submitted != NOPS)
        work_fail(&work, "io_uring_enter", submitted < 0 ? -submitted : EBUSY);
    io_uring_for_each_cqe(&ring, head, cqe)
    {
        ended += cqe->res == 0;
    }
    io_uring_cq_advance(&ring, NOPS);
    if (ended != NOPS)
        work_fail(&work, "a nop failed", EIO);
}

int main(int argc, char **argv)
{
    if (work_open(&work, argc, argv) != 1)
        return 2;
    int error = io_uring_queue_init(NOPS, &ring,
                                    IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
    if (error)
        work_fail(&work, "the ring could not be had", -error);
    work_begin(&work);
    do
        run_round();
    while (work_done(&work, NOPS, clock_ns()));
    io_uring_queue_exit(&ring);
    return work_end(&work);
}
