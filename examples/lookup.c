/* SPDX-License-Identifier: MIT */
/* lookup.c - prints the addresses of names: `lookup NAME[:SERVICE]...`, each line one of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <weir.h>

#define ROOM 16

/* All look-ups are under way at a time, on workers of weir's; they are told in the order given. */
struct name {
    struct weir_op      op;
    struct weir_lookup  lookup;
    struct weir_address addresses[ROOM];
    const char         *text;
};

static void begin(struct name *name, struct weir_loop *loop, char *text)
{
    char *service = strchr(text, ':');
    if (service)
        *service++ = 0;
    name->text = text;
    name->lookup.host = text;
    name->lookup.service = service;
    name->lookup.type = SOCK_STREAM;
    name->lookup.addresses = name->addresses;
    name->lookup.room = ROOM;
    weir_resolve(&name->op, loop, &name->lookup, 0, NULL);
}

static int print(const struct name *name)
{
    char text[160];
    if (name->op.result < 0)
        return fprintf(stderr, "lookup: %s: %s\n", name->text, weir_error_text(name->op.result)), 1;
    for (int64_t i = 0; i < name->op.result && i < ROOM; i++) {
        weir_address_format(&name->addresses[i], text, sizeof text);
        if (!name->lookup.service)
            *strrchr(text, ':') = 0;
        printf("%s %s\n", name->text, text);
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct weir_loop *loop;
    int               status = 0;
    if (argc < 2)
        return fputs("usage: lookup NAME[:SERVICE]...\n", stderr), 2;
    int          error = weir_loop_open(&loop, NULL);
    struct name *names = calloc((size_t)argc, sizeof *names);
    if (error || !names) {
        fprintf(stderr, "lookup: WEIR_ENGINE: %s\n", weir_error_text(error));
        free(names);
        return 1;
    }
    for (int i = 1; i < argc; i++)
        begin(&names[i], loop, argv[i]);
    weir_run(loop, WEIR_UNTIL_DONE);
    for (int i = 1; i < argc; i++)
        status |= print(&names[i]);
    weir_loop_close(loop, WEIR_FOREVER);
    free(names);
    return status;
}
