/* SPDX-License-Identifier: MIT */
/* annotate.c - what the order of mappings is known by: annotate.h. */
#include "annotate.h"

char annotated_mappings;
