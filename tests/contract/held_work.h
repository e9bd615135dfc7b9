/* SPDX-License-Identifier: MIT */
/* held_work.h - work that holds its worker from when it begins until it is allowed to end. */
#ifndef HELD_WORK_H
#define HELD_WORK_H

#include "contract.h"

#define HELD_WORK_RESULT 4711

struct held_work {
    struct weir_op       op;
    struct contract_gate begun, may_end;
};

static inline int64_t held_work_run(struct weir_op *op)
{
    struct held_work *work = op->user;
    contract_gate_open(&work->begun);
    contract_gate_wait(&work->may_end);
    return HELD_WORK_RESULT;
}

static inline void held_work_start(struct held_work *work, struct weir_loop *loop)
{
    *work = (struct held_work){.op = {.user = work}};
    weir_work(&work->op, loop, held_work_run, 0, contract_done);
}

#endif
