/* SPDX-License-Identifier: MIT */
/* fio.h - what fio tells of the same reads, beside the cells: it is a program of its own, which
 * keeps no rounds with the others. */
#ifndef BENCH_FIO_H
#define BENCH_FIO_H

#include "../../tool/measure/reader.h"
#include "cell.h"

/* Runs fio for a second at least, with io_uring on the CPU of the others. Without fio, or when it
 * fails, `beside` says so. */
void fio_read(struct beside *beside, const struct reader_plan *plan, uint64_t window_ns);

#endif
