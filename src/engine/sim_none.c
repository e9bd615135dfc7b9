/* SPDX-License-Identifier: MIT */
/* sim_none.c - stands for the simulated world in a build without it: it says why it is missing. */
#include "../engine.h"

static int sim_open(struct weir_loop *loop, const struct weir_options *options, char *reason)
{
    (void)loop, (void)options;
    return loop_refuse(reason, WEIR_ENOTSUP, "The simulated world is not in weir for Windows");
}

static int sim_query(enum weir_op_kind op, enum weir_handle_kind handle)
{
    (void)op, (void)handle;
    return WEIR_SUPPORT_NO;
}

const struct engine engine_sim = {
    .name = "sim",
    .model = "simulation",
    .traits = ENGINE_BY_NAME,
    .open = sim_open,
    .query = sim_query,
    .sys = &system_windows,
};
