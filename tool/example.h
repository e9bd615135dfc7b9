/* SPDX-License-Identifier: MIT */
/* example.h - examples/echo.c inside the tool: the program that is measured is the example
 * itself. */
#ifndef TOOL_EXAMPLE_H
#define TOOL_EXAMPLE_H

/* The hidden first argument with which the tool starts itself as the echo server. */
#define EXAMPLE_ECHO_ARGUMENT "--serve-example-echo"

/* main() of examples/echo.c, compiled under this name. */
int example_echo_main(int argc, char **argv);

#endif
