/* SPDX-License-Identifier: MIT */
/* choice_win.c - the engines that a comparison takes by itself on Windows. */
#include "choice.h"

const char choice_stream_engines[] = "iocp";

const char choice_file_engines[] = "iocp";
