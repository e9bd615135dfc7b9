/* SPDX-License-Identifier: MIT */
/* planted_server.c - an echo server with one planted fault, for the verifier of the load to
 * find.
 *
 * `planted_server PORT FAULT [FIRST]`: poll(), one message at a time. From the FIRST answer on
 * (20 if not given) the fault strikes once: corrupt (one bit of one byte), stale (the answer
 * before), swap (the bytes of another connection), double (the answer twice), short (a byte is
 * lost), close (the connection), reset, exit (the server). "extra" sends one byte more after
 * the peer's end, "none" does nothing wrong, "mute" never answers, "silent" never says where it
 * listens, "stubborn" ignores the signals that ask it to end, "failing" ends with status 3. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS = 64, MESSAGE = 65536 };

static struct pollfd fds[CONNECTIONS + 1];
static nfds_t        count;
static char          message[MESSAGE], before[MESSAGE], other[MESSAGE];
static const char   *fault;
static long          answers, first = 20;

static bool is(const char *name)
{
    return strcmp(fault, name) == 0;
}

static void send_all(int fd, const char *data, size_t length)
{
    while (length > 0) {
        ssize_t n = send(fd, data, length, 0);
        if (n <= 0)
            return;
        data += n;
        length -= (size_t)n;
    }
}

static void drop(nfds_t i, bool reset)
{
    struct linger now = {.l_onoff = reset};
    setsockopt(fds[i].fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(fds[i].fd);
    fds[i] = fds[--count];
}

static void on_failing(int signo)
{
    (void)signo;
    _exit(3);
}

/* Answers a message, wrongly when it is time. */
static void answer(nfds_t i, size_t length)
{
    bool strike = ++answers == first;
    if (is("mute"))
        return;
    if (strike && is("corrupt"))
        message[length / 2] ^= 0x10;
    if (strike && is("stale"))
        memcpy(message, before, length);
    else
        memcpy(before, message, length);
    if (strike && is("swap"))
        memcpy(message, other, length);
    if (i == 1)
        memcpy(other, message, length);
    if (strike && is("exit"))
        exit(0);
    send_all(fds[i].fd, message, strike && is("short") ? length - 1 : length);
    if (strike && is("double"))
        send_all(fds[i].fd, message, length);
    if (strike && (is("close") || is("reset")))
        drop(i, is("reset"));
}

static void serve(nfds_t i)
{
    ssize_t n = recv(fds[i].fd, message, sizeof message, 0);
    if (n > 0) {
        answer(i, (size_t)n);
        return;
    }
    if (n == 0 && is("extra"))
        send_all(fds[i].fd, "!", 1);
    drop(i, false);
}

static int listen_at(const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)atoi(port)),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t          length = sizeof address;
    int                fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 64) < 0)
        exit(1);
    getsockname(fd, (struct sockaddr *)&address, &length);
    if (!is("silent"))
        printf("listening on 127.0.0.1:%u\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    fault = argv[2];
    signal(SIGPIPE, SIG_IGN);
    first = argc > 3 ? atol(argv[3]) : first;
    if (is("stubborn")) {
        signal(SIGINT, SIG_IGN);
        signal(SIGTERM, SIG_IGN);
    }
    if (is("failing"))
        signal(SIGINT, on_failing);
    fds[count++] = (struct pollfd){.fd = listen_at(argv[1]), .events = POLLIN};
    for (;;) {
        if (poll(fds, count, -1) < 0)
            continue;
        for (nfds_t i = count; --i > 0;)
            if (fds[i].revents != 0)
                serve(i);
        if (fds[0].revents != 0 && count <= CONNECTIONS)
            fds[count++] = (struct pollfd){.fd = accept(fds[0].fd, NULL, NULL), .events = POLLIN};
    }
}
