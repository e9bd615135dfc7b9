/* SPDX-License-Identifier: MIT */
/* document.c - a JSON document is written and dropped. */
#include "document.h"

#include <errno.h>
#include <string.h>

int document_write(json_t *document, const char *path, struct failure *why)
{
    const size_t flags = JSON_INDENT(2) | JSON_REAL_PRECISION(6);
    int          result = strcmp(path, "-") == 0 ? json_dumpf(document, stdout, flags)
                                                 : json_dump_file(document, path, flags);
    int          error = errno;
    json_decref(document);
    if (result == 0 && strcmp(path, "-") == 0)
        putchar('\n');
    if (result < 0)
        return fail(why, "the file %s could not be written: %s", path, strerror(error));
    return 0;
}
