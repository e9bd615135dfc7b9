/* SPDX-License-Identifier: MIT */
/* on_terminal.c - `on_terminal COMMAND...`: runs a command whose standard error is a terminal,
 * copies to standard error what it shows there, and ends with its status. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    if (argc < 2 || master < 0 || grantpt(master) < 0 || unlockpt(master) < 0) {
        perror("on_terminal");
        return 2;
    }
    int   terminal = open(ptsname(master), O_RDWR | O_NOCTTY);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(terminal, STDERR_FILENO);
        close(master);
        execvp(argv[1], argv + 1);
        _exit(127);
    }
    close(terminal);
    char    text[512];
    ssize_t n;
    /* EIO comes when the last holder of the terminal has closed it. */
    while ((n = read(master, text, sizeof text)) > 0)
        fwrite(text, 1, (size_t)n, stderr);
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
