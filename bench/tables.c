/* SPDX-License-Identifier: MIT */
/* tables.c - `tables FILE...`: documents of benchmarks (--json) as tables of Markdown: a row for
 * each program and each goal, a column for each cell. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../tool/measure/report.h"

enum { NAMES_MAX = 256, NAME_LENGTH = 200, WIDE = 4 };

/* Names in the order in which they first came. */
struct names {
    int  count;
    char text[NAMES_MAX][NAME_LENGTH];
};

static const struct {
    const char *figure, *heading;
    bool        times;
} headings[] = {{"operations_per_s", "Operations a second", false},
                {"server_cpu_us", "CPU time an operation", true},
                {"latency_p50_us", "Latency in microseconds, median", false},
                {"peak_kib", "Most memory resident, KiB", false},
                {"connection_bytes", "Bytes a connection", false}};

static const char *word(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static void names_add(struct names *names, const char *name)
{
    for (int i = 0; i < names->count; i++)
        if (strcmp(names->text[i], name) == 0)
            return;
    if (names->count < NAMES_MAX)
        snprintf(names->text[names->count++], NAME_LENGTH, "%.199s", name);
}

/* The object of an array whose `key` is `name`. */
static json_t *named(json_t *array, const char *key, const char *name)
{
    size_t  i;
    json_t *object;
    json_array_foreach(array, i, object)
    {
        if (strcmp(word(object, key), name) == 0)
            return object;
    }
    return NULL;
}

static void print_heads(json_t *cells, const char *first)
{
    size_t  i;
    json_t *cell;
    printf("| %s |", first);
    json_array_foreach(cells, i, cell)
    {
        printf(" %s |", word(cell, "title"));
    }
    printf("\n|---|");
    for (i = 0; i < json_array_size(cells); i++)
        printf("---|");
    putchar('\n');
}

/* "8.45 (6.87..9.68)"; where there are many columns the median alone. */
static void print_figure(json_t *cell, json_t *summary, const char *figure, bool times, bool wide)
{
    json_t *range = json_object_get(summary, figure);
    double  scale = times && json_is_true(json_object_get(cell, "in_ns")) ? 1000 : 1;
    char    text[3][32];
    if (!range) {
        printf(" - |");
        return;
    }
    static const char *const keys[] = {"median", "min", "max"};
    for (int i = 0; i < 3; i++)
        report_number(text[i], sizeof text[i],
                      scale * json_number_value(json_object_get(range, keys[i])));
    if (wide)
        printf(" %s |", text[0]);
    else
        printf(" %s (%s..%s) |", text[0], text[1], text[2]);
}

static void print_figures(json_t *cells, const struct names *programs, const char *figure,
                          const char *heading, bool times)
{
    size_t  i;
    json_t *cell;
    bool    in_ns = json_is_true(json_object_get(json_array_get(cells, 0), "in_ns"));
    printf("\n%s%s:\n\n", heading, !times ? "" : in_ns ? ", nanoseconds" : ", microseconds");
    print_heads(cells, "program");
    for (int p = 0; p < programs->count; p++) {
        printf("| %s |", programs->text[p]);
        json_array_foreach(cells, i, cell)
        {
            const char *name = programs->text[p];
            json_t     *entrant = named(json_object_get(cell, "entrants"), "name", name);
            if (entrant)
                print_figure(cell, json_object_get(entrant, "summary"), figure, times,
                             json_array_size(cells) >= WIDE);
            else
                printf(" %s |",
                       named(json_object_get(cell, "refused"), "name", name) ? "refused" : "");
        }
        putchar('\n');
    }
}

static bool any_counted(json_t *cells)
{
    json_t *entrants = json_object_get(json_array_get(cells, 0), "entrants");
    json_t *calls = json_object_get(json_array_get(entrants, 0), "system_calls");
    return json_object_get(calls, "per_operation") != NULL;
}

static void print_calls(json_t *cells, const struct names *programs)
{
    size_t  i;
    json_t *cell;
    puts("\nSystem calls an operation:\n");
    print_heads(cells, "program");
    for (int p = 0; p < programs->count; p++) {
        printf("| %s |", programs->text[p]);
        json_array_foreach(cells, i, cell)
        {
            json_t *entrants = json_object_get(cell, "entrants");
            json_t *entrant = named(entrants, "name", programs->text[p]);
            json_t *each = json_object_get(json_object_get(entrant, "system_calls"),
                                           "per_operation");
            if (each)
                printf(" %.2f |", json_number_value(each));
            else
                printf(" |");
        }
        putchar('\n');
    }
}

/* What was asked, with the bound where every cell has the same. */
static void print_goals(json_t *cells, const struct names *asked)
{
    size_t  i;
    json_t *cell;
    if (asked->count == 0)
        return;
    puts("\nRatios paired by round, with their 95% interval; CPU time where nothing is said:\n");
    print_heads(cells, "asked");
    for (int a = 0; a < asked->count; a++) {
        printf("| %s |", asked->text[a]);
        json_array_foreach(cells, i, cell)
        {
            json_t *goal = named(json_object_get(cell, "goals"), "row", asked->text[a]);
            if (!goal) {
                printf(" |");
                continue;
            }
            printf(" %.2f (%.2f..%.2f) %s |", json_number_value(json_object_get(goal, "ratio")),
                   json_number_value(json_object_get(goal, "low")),
                   json_number_value(json_object_get(goal, "high")), word(goal, "decision"));
        }
        putchar('\n');
    }
}

static void print_refused(json_t *cells)
{
    static struct names told;
    size_t              i, k;
    json_t             *cell, *refused;
    told.count = 0;
    json_array_foreach(cells, i, cell)
    {
        json_array_foreach(json_object_get(cell, "refused"), k, refused)
        {
            char text[NAME_LENGTH];
            snprintf(text, sizeof text, "%.60s: %.130s", word(refused, "name"),
                     word(refused, "why"));
            names_add(&told, text);
        }
    }
    for (int r = 0; r < told.count; r++)
        printf("- refused: %s\n", told.text[r]);
}

static void print_beside(json_t *cells)
{
    size_t  i;
    json_t *cell;
    json_array_foreach(cells, i, cell)
    {
        char    rate[32], cpu[32];
        json_t *beside = json_object_get(cell, "beside");
        if (!json_is_object(beside))
            continue;
        report_number(rate, sizeof rate,
                      json_number_value(json_object_get(beside, "operations_per_s")));
        report_number(cpu, sizeof cpu, json_number_value(json_object_get(beside, "server_cpu_us")));
        printf("- beside, %s: %s: %s a second, %s us CPU\n", word(cell, "title"),
               word(beside, "name"), rate, cpu);
    }
}

/* The rows of all cells. A goal's row is what was asked and, if any, the bound; it is kept in the
 * goal as "row". */
static void collect(json_t *cells, struct names *programs, struct names *asked)
{
    size_t  i, k;
    json_t *cell, *object;
    programs->count = asked->count = 0;
    json_array_foreach(cells, i, cell)
    {
        json_array_foreach(json_object_get(cell, "entrants"), k, object)
        {
            names_add(programs, word(object, "name"));
        }
        json_array_foreach(json_object_get(cell, "refused"), k, object)
        {
            names_add(programs, word(object, "name"));
        }
        json_array_foreach(json_object_get(cell, "goals"), k, object)
        {
            char row[NAME_LENGTH];
            snprintf(row, sizeof row, "%.120s %.40s", word(object, "asked"), word(object, "bound"));
            row[strlen(row) - (row[strlen(row) - 1] == ' ')] = '\0';
            json_object_set_new(object, "row", json_string(row));
            names_add(asked, row);
        }
    }
}

static void print_source(json_t *document)
{
    json_t *cells = json_object_get(document, "cells");
    json_t *machine = json_object_get(document, "machine");
    size_t  i;
    json_t *cell;
    long    least = -1, most = 0;
    json_array_foreach(cells, i, cell)
    {
        long rounds = (long)json_integer_value(json_object_get(cell, "rounds"));
        least = least < 0 || rounds < least ? rounds : least;
        most = rounds > most ? rounds : most;
    }
    printf("`%s`, %ld to %ld rounds; %s %s, %lld CPUs (%s), %s.%s\n", word(document, "command"),
           least, most, word(machine, "system"), word(machine, "kernel"),
           json_integer_value(json_object_get(machine, "cpus")), word(machine, "cpu"),
           word(document, "compiler"),
           json_is_true(json_object_get(document, "complete")) ? ""
                                                               : " The run was stopped early.");
}

static void print_document(json_t *document)
{
    static struct names programs, asked;
    json_t             *cells = json_object_get(document, "cells"), *figure;
    size_t              i;
    print_source(document);
    collect(cells, &programs, &asked);
    json_array_foreach(json_object_get(document, "shown"), i, figure)
    {
        for (size_t h = 0; h < sizeof headings / sizeof headings[0]; h++)
            if (strcmp(headings[h].figure, json_string_value(figure)) == 0)
                print_figures(cells, &programs, headings[h].figure, headings[h].heading,
                              headings[h].times);
    }
    if (any_counted(cells))
        print_calls(cells, &programs);
    print_goals(cells, &asked);
    putchar('\n');
    print_refused(cells);
    print_beside(cells);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return fputs("usage: tables FILE...\n", stderr), 2;
    for (int i = 1; i < argc; i++) {
        json_error_t error;
        json_t      *document = json_load_file(argv[i], 0, &error);
        if (!document || strcmp(word(document, "schema"), "weir-bench-1") != 0) {
            fprintf(stderr, "tables: %s: %s\n", argv[i],
                    document ? "it is no document of a benchmark" : error.text);
            return 1;
        }
        if (i > 1)
            putchar('\n');
        print_document(document);
        json_decref(document);
    }
    return 0;
}
