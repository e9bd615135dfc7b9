/* SPDX-License-Identifier: MIT */
/* sim_faults.c - the faults of a run: as its trace tells them, and as the next run is told. */
#include "sim_faults.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int add(struct fault_list *list, uint32_t number)
{
    uint32_t *numbers = realloc(list->numbers, (list->count + 1) * sizeof *numbers);
    if (!numbers)
        return -1;
    list->numbers = numbers;
    numbers[list->count++] = number;
    return 0;
}

/* Of a line such as "0.008710834 fault 12 disk-error write"; 0: it tells of something else. */
static uint32_t number_of(const char *line)
{
    const char *at = strchr(line, ' ');
    char       *end;
    if (!at || strncmp(at, " fault ", 7) != 0 || at[7] < '1' || at[7] > '9')
        return 0;
    errno = 0;
    unsigned long long number = strtoull(at + 7, &end, 10);
    return *end == ' ' && !errno && number <= UINT32_MAX ? (uint32_t)number : 0;
}

int fault_list_read(struct fault_list *list, const char *trace, struct failure *why)
{
    FILE  *file = fopen(trace, "re");
    char  *line = NULL;
    size_t room = 0;
    int    error = 0;
    *list = (struct fault_list){0};
    if (!file)
        return fail(why, "cannot read %s: %s", trace, strerror(errno));
    while (!error && getline(&line, &room, file) >= 0)
        if (number_of(line))
            error = add(list, number_of(line));
    free(line);
    fclose(file);
    return error ? fail(why, "no memory is left") : 0;
}

void fault_list_finish(struct fault_list *list)
{
    free(list->numbers);
    *list = (struct fault_list){0};
}

char *fault_list_text(const struct fault_list *list)
{
    char *text = malloc(list->count * 11 + 2), *at = text;
    if (!text)
        return NULL;
    memcpy(text, "0", 2);
    for (size_t i = 0; i < list->count; i++)
        at += sprintf(at, i ? ",%u" : "%u", list->numbers[i]);
    return text;
}
