/* SPDX-License-Identifier: MIT */
/* engine.c - `engine NAME`: whether an engine can be used here. Ends 0, 77 (refused), or 1. */
#include <stdio.h>
#include <string.h>
#include <weir.h>

int main(int argc, char **argv)
{
    struct weir_engine_info engines[64];
    int                     count = weir_engine_list(engines, 64);
    for (int i = 0; argc == 2 && i < count && i < 64; i++)
        if (strcmp(engines[i].name, argv[1]) == 0) {
            printf("%s: %s\n", engines[i].name, engines[i].reason);
            return engines[i].refused ? 77 : 0;
        }
    fprintf(stderr, "engine: weir does not know %s\n", argc == 2 ? argv[1] : "that");
    return 1;
}
