/* SPDX-License-Identifier: MIT */
/* echo_threads.c - an echo server with a thread for each connection, as good as its author could
 * write it.
 *
 * The main thread accepts; a thread receives and sends by calls that block, and ends with its
 * connection. Threads are detached and their stacks small: the C library keeps those of threads
 * that ended for the next. Where no thread can be had, the connection is closed and a sentence
 * says so, once. */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "listen.h"

enum { STACK = 64 * 1024, BUFFER = 16 * 1024 };

static bool send_all(int fd, const char *data, size_t length)
{
    for (ssize_t n; length; data += n, length -= (size_t)n)
        if ((n = send(fd, data, length, 0)) < 0)
            return false;
    return true;
}

static void *serve(void *argument)
{
    char    buffer[BUFFER];
    int     fd = (int)(intptr_t)argument;
    ssize_t n;
    while ((n = recv(fd, buffer, sizeof buffer, 0)) > 0 && send_all(fd, buffer, (size_t)n))
        continue;
    close(fd);
    return NULL;
}

int main(int argc, char **argv)
{
    int            listener = listen_loopback(argc, argv, 0);
    bool           complained = false;
    pthread_attr_t attributes;
    pthread_t      thread;
    must(pthread_attr_init(&attributes) == 0, "pthread_attr_init");
    must(pthread_attr_setstacksize(&attributes, STACK) == 0, "pthread_attr_setstacksize");
    must(pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) == 0,
         "pthread_attr_setdetachstate");
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0)
            continue; /* one that was gone again, or no descriptor is left */
        int error = pthread_create(&thread, &attributes, serve, (void *)(intptr_t)fd);
        if (!error)
            continue;
        close(fd);
        if (!complained)
            fprintf(stderr, "echo_threads: no thread for a connection: %s\n", strerror(error));
        complained = true;
    }
}
