/* SPDX-License-Identifier: MIT */
/* pty.h - openpty(), which macOS keeps in a header that not every compiler brings. */
#ifndef CONTRACT_DARWIN_PTY_H
#define CONTRACT_DARWIN_PTY_H

#include <termios.h>

struct winsize;

int openpty(int *master, int *slave, char *name, struct termios *settings, struct winsize *size);

#endif
