/* SPDX-License-Identifier: MIT */
/* engines.c - for the checks of the documents: every engine that the library knows, each as "name
 * model works" or "name model not"; with a name, whether that one can be used here. */
#include <stdio.h>
#include <string.h>
#include <weir.h>

#define ENGINES_MAX 64

/* An engine that was only refused here, by this kernel or this build, is one that weir has. */
static int is_had(const struct weir_engine_info *engine)
{
    return strncmp(engine->reason, "Not here:", 9) != 0;
}

int main(int argc, char **argv)
{
    static struct weir_engine_info engines[ENGINES_MAX];
    int                            count = weir_engine_list(engines, ENGINES_MAX);
    if (count > ENGINES_MAX)
        return fputs("too many engines\n", stderr), 1;
    for (int i = 0; i < count; i++) {
        if (argc < 2)
            printf("%s %s %s\n", engines[i].name, engines[i].model,
                   is_had(&engines[i]) ? "works" : "not");
        else if (strcmp(engines[i].name, argv[1]) == 0)
            return engines[i].refused ? 77 : 0;
    }
    return argc < 2 ? 0 : 1;
}
