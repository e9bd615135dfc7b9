/* SPDX-License-Identifier: MIT */
/* refused_win.c - the commands that need what the tool does not have on Windows. */
#include "command.h"

int compare_files_command(int argc, char **argv)
{
    (void)argc, (void)argv;
    return say_failed("`weir compare files` cannot be had on Windows: the readers that it measures "
                      "are programs of POSIX");
}

int sim_command(int argc, char **argv)
{
    (void)argc, (void)argv;
    return say_failed("`weir sim` cannot be had on Windows: weir has no simulated world there");
}
