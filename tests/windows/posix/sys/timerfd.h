/* SPDX-License-Identifier: MIT */
/* Its part of POSIX is in plain.h. */
#include "../plain.h"
