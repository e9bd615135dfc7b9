/* SPDX-License-Identifier: MIT */
/* consumer.c - a user's program against the installed weir, in C that is C++ as well: opens a loop
 * and runs it with nothing pending. */
#include <stdio.h>

#include <weir.h>
#include <weir/sim.h>

int main(void)
{
    struct weir_loop *loop = NULL;
    int error;

    if (weir_version() != WEIR_VERSION) {
        fprintf(stderr, "header of %d, library of %u\n", WEIR_VERSION, weir_version());
        return 1;
    }
    error = weir_loop_open(&loop, NULL);
    if (error) {
        fprintf(stderr, "open: %s\n", weir_error_text(error));
        return 1;
    }
    error = weir_run(loop, WEIR_UNTIL_DONE);
    printf("weir %s on %s ran: %d\n", weir_version_text(), weir_loop_engine(loop), error);
    return error || weir_loop_close(loop, WEIR_SECOND) ? 1 : 0;
}
