/* SPDX-License-Identifier: MIT */
/* matrix.h - how engines serve each op on each kind of handle, from weir_query() alone. */
#ifndef TOOL_MATRIX_H
#define TOOL_MATRIX_H

#include <jansson.h>
#include <stdio.h>
#include <weir.h>

/* A table for each different way to serve, with the names of the engines that share it; `only`: of
 * this engine, or NULL for all. How many tables: an engine that is not in this build has none. */
int matrix_print(const struct weir_engine_info *engines, int count, const char *only, FILE *file);

/* {"recv": {"stream": "native", ...}, ...}: what is served; what is not stands nowhere. */
json_t *matrix_json(const char *engine);

#endif
