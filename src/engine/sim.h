/* SPDX-License-Identifier: MIT */
/* sim.h - what the two halves of the sim engine share: sim.c, which opens loops and runs the world
 * while they wait, and sim_completion.c and sim_readiness.c, its two models of a mechanism. */
#ifndef WEIR_ENGINE_SIM_H
#define WEIR_ENGINE_SIM_H

#include "../sim/state.h"

extern const struct engine sim_models[SIM_MODELS];

/* As the entries of struct engine. */
enum started sim_completion_start(struct weir_loop *loop, struct weir_op *op);
void         sim_completion_cancel(struct weir_loop *loop, struct weir_op *op);
void         sim_completion_ended(struct weir_loop *loop, struct weir_op *op);
void         sim_completion_forget(struct weir_loop *loop, struct weir_handle *handle);
int          sim_readiness_watch(struct weir_loop *loop, struct weir_handle *handle);

/* Whether a wait would bring something now; what it brings; and the end of all of it. */
bool sim_completion_has_news(const struct sim_loop *own);
void sim_completion_harvest(struct sim_loop *own);
void sim_completion_close(struct sim_loop *own);
bool sim_readiness_has_news(const struct sim_loop *own);
void sim_readiness_harvest(struct sim_loop *own);
void sim_readiness_close(struct sim_loop *own);

/* Something happened that a wait of the loop would tell. */
void sim_loop_news(struct sim_loop *own);

#endif
