/* SPDX-License-Identifier: MIT */
/* document.h - a JSON document as a file. */
#ifndef MEASURE_DOCUMENT_H
#define MEASURE_DOCUMENT_H

#include <jansson.h>

#include "failure.h"

/* Writes the document (and drops it) to a file; "-" is standard output. 0, or -1 with a
 * sentence. */
int document_write(json_t *document, const char *path, struct failure *why);

#endif
