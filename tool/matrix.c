/* SPDX-License-Identifier: MIT */
/* matrix.c - `weir engines --matrix`: op by kind of handle, a letter a cell. */
#include "matrix.h"

#include <string.h>

#include "measure/table.h"

static const struct {
    const char *letter, *name, *meaning;
} supports[] = {
    [WEIR_SUPPORT_NO] = {".", "no", "not on such a handle"},
    [WEIR_SUPPORT_NATIVE] = {"N", "native", "by the mechanism itself"},
    [WEIR_SUPPORT_EMULATED] = {"E", "emulated", "by weir, from what the mechanism has"},
    [WEIR_SUPPORT_OFFLOADED] = {"W", "offloaded", "by a worker, a thread"},
    [WEIR_SUPPORT_AT_ONCE] = {"A", "at-once", "by a call that never waits"},
};

static int support_of(const char *engine, int op, int handle)
{
    int support = weir_query(engine, (enum weir_op_kind)op, (enum weir_handle_kind)handle);
    return support < 0 ? WEIR_SUPPORT_NO : support;
}

/* A mechanism that is not in this build serves nothing. */
static bool serves_anything(const char *engine)
{
    for (int op = WEIR_OP_NONE + 1; op < WEIR_OP_KINDS; op++)
        if (support_of(engine, op, WEIR_HANDLE_STREAM) != WEIR_SUPPORT_NO)
            return true;
    return false;
}

static bool serve_alike(const char *a, const char *b)
{
    for (int op = WEIR_OP_NONE + 1; op < WEIR_OP_KINDS; op++)
        for (int handle = 0; handle < WEIR_HANDLE_KINDS; handle++)
            if (support_of(a, op, handle) != support_of(b, op, handle))
                return false;
    return true;
}

static void print_one(const char *engine, FILE *file)
{
    static struct table table;
    table = (struct table){0};
    table_row(&table);
    table_cell(&table, "op");
    table_cell(&table, "loop"); /* ops that take the loop in the place of a handle */
    for (int handle = WEIR_HANDLE_NONE + 1; handle < WEIR_HANDLE_KINDS; handle++)
        table_cell(&table, "%s", weir_handle_kind_name((enum weir_handle_kind)handle));
    for (int op = WEIR_OP_NONE + 1; op < WEIR_OP_KINDS; op++) {
        table_row(&table);
        table_cell(&table, "%s", weir_op_name((enum weir_op_kind)op));
        for (int handle = 0; handle < WEIR_HANDLE_KINDS; handle++)
            table_cell(&table, "%s", supports[support_of(engine, op, handle)].letter);
    }
    table_print(&table, file);
}

static bool is_shown(const struct weir_engine_info *engine, const char *only)
{
    return (!only || strcmp(engine->name, only) == 0) && serves_anything(engine->name);
}

/* Whether a table above shows it already. */
static bool is_first(const struct weir_engine_info *engines, int i)
{
    for (int before = 0; before < i; before++)
        if (serve_alike(engines[before].name, engines[i].name))
            return false;
    return true;
}

static void print_legend(FILE *file)
{
    for (int support = WEIR_SUPPORT_AT_ONCE; support >= WEIR_SUPPORT_NO; support--)
        fprintf(file, "%s  %s: %s\n", supports[support].letter, supports[support].name,
                supports[support].meaning);
}

int matrix_print(const struct weir_engine_info *engines, int count, const char *only, FILE *file)
{
    int tables = 0;
    for (int i = 0; i < count; i++) {
        if (!is_shown(&engines[i], only) || (!only && !is_first(engines, i)))
            continue;
        fprintf(file, "%s", engines[i].name);
        for (int k = i + 1; k < count && !only; k++)
            if (serve_alike(engines[k].name, engines[i].name))
                fprintf(file, ", %s", engines[k].name);
        fprintf(file, ":\n");
        print_one(engines[i].name, file);
        tables++;
        fputc('\n', file);
    }
    if (tables)
        print_legend(file);
    return tables;
}

json_t *matrix_json(const char *engine)
{
    json_t *matrix = json_object();
    for (int op = WEIR_OP_NONE + 1; op < WEIR_OP_KINDS; op++) {
        json_t *row = json_object();
        for (int handle = 0; handle < WEIR_HANDLE_KINDS; handle++) {
            int support = support_of(engine, op, handle);
            if (support != WEIR_SUPPORT_NO)
                json_object_set_new(row,
                                    handle == WEIR_HANDLE_NONE
                                        ? "loop"
                                        : weir_handle_kind_name((enum weir_handle_kind)handle),
                                    json_string(supports[support].name));
        }
        json_object_set_new(matrix, weir_op_name((enum weir_op_kind)op), row);
    }
    return matrix;
}
