/* SPDX-License-Identifier: MIT */
/* echo_threads_win.c - echo_threads.c for Windows: a thread for each connection, by Winsock's calls
 * that block. */
#include <winsock2.h>

#include <process.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <ws2tcpip.h>

enum { STACK = 64 * 1024, BUFFER = 16 * 1024 };

static bool send_all(SOCKET to, const char *data, int length)
{
    for (int n; length; data += n, length -= n)
        if ((n = send(to, data, length, 0)) < 0)
            return false;
    return true;
}

static unsigned __stdcall serve(void *argument)
{
    char   buffer[BUFFER];
    SOCKET with = (SOCKET)(uintptr_t)argument;
    int    n;
    while ((n = recv(with, buffer, sizeof buffer, 0)) > 0 && send_all(with, buffer, n))
        continue;
    closesocket(with);
    return 0;
}

static SOCKET listen_loopback(int argc, char **argv)
{
    WSADATA            data;
    BOOL               one = TRUE;
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((u_short)(argc > 1 ? atoi(argv[1]) : 0)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int                length = sizeof at;
    int                code = WSAStartup(MAKEWORD(2, 2), &data);
    SOCKET             made = code ? INVALID_SOCKET : socket(AF_INET, SOCK_STREAM, 0);
    if (made == INVALID_SOCKET || bind(made, (struct sockaddr *)&at, sizeof at) != 0 ||
        listen(made, SOMAXCONN) != 0 || getsockname(made, (struct sockaddr *)&at, &length) != 0) {
        fprintf(stderr, "echo_threads: it cannot listen: error %d\n",
                code ? code : WSAGetLastError());
        exit(1);
    }
    /* What is accepted has it from there. */
    setsockopt(made, IPPROTO_TCP, TCP_NODELAY, (const char *)&one, sizeof one);
    printf("listening on 127.0.0.1:%d\n", ntohs(at.sin_port));
    fflush(stdout);
    return made;
}

int main(int argc, char **argv)
{
    SOCKET listener = listen_loopback(argc, argv);
    bool   complained = false;
    for (;;) {
        SOCKET with = accept(listener, NULL, NULL);
        if (with == INVALID_SOCKET)
            continue; /* one that was gone again */
        HANDLE thread = (HANDLE)_beginthreadex(NULL, STACK, serve, (void *)(uintptr_t)with,
                                               STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
        if (thread) {
            CloseHandle(thread);
            continue;
        }
        closesocket(with);
        if (!complained)
            fprintf(stderr, "echo_threads: no thread for a connection\n");
        complained = true;
    }
}
