/* SPDX-License-Identifier: MIT */
/* table.c - collects cells, then prints them in columns. */
#include "table.h"

#include <stdarg.h>
#include <string.h>

void table_row(struct table *table)
{
    if (table->rows < TABLE_ROWS)
        table->rows++;
    table->column = 0;
}

void table_cell(struct table *table, const char *format, ...)
{
    if (table->rows == 0 || table->column == TABLE_COLUMNS)
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(table->cells[table->rows - 1][table->column++], TABLE_CELL, format, arguments);
    va_end(arguments);
    if (table->columns < table->column)
        table->columns = table->column;
}

void table_print(const struct table *table, FILE *file)
{
    int widths[TABLE_COLUMNS] = {0};
    for (int r = 0; r < table->rows; r++)
        for (int c = 0; c < table->columns; c++) {
            int width = (int)strlen(table->cells[r][c]);
            widths[c] = width > widths[c] ? width : widths[c];
        }
    for (int r = 0; r < table->rows; r++) {
        /* No blanks behind the last filled cell. */
        int last = table->columns - 1;
        while (last > 0 && table->cells[r][last][0] == '\0')
            last--;
        for (int c = 0; c <= last; c++)
            fprintf(file, "%-*s%s", c < last ? widths[c] : 0, table->cells[r][c],
                    c < last ? "  " : "\n");
    }
}
