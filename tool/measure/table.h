/* SPDX-License-Identifier: MIT */
/* table.h - text in columns as wide as their widest cell. */
#ifndef MEASURE_TABLE_H
#define MEASURE_TABLE_H

#include <stdio.h>

enum { TABLE_COLUMNS = 12, TABLE_ROWS = 64, TABLE_CELL = 200 };

/* All zero is an empty table. What is more than fits is left out. */
struct table {
    int  columns, rows;
    int  column; /* of the next cell in the last row */
    char cells[TABLE_ROWS][TABLE_COLUMNS][TABLE_CELL];
};

/* Begins a row. */
void table_row(struct table *table);

/* Adds a cell to the row. */
__attribute__((format(printf, 2, 3))) void table_cell(struct table *table, const char *format, ...);

void table_print(const struct table *table, FILE *file);

#endif
