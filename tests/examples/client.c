/* SPDX-License-Identifier: MIT */
/* client.c - the other side of the examples, without weir: TCP clients that check every byte, a
 * terminal, a stream of bytes, and a way to start a program as a terminal would. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define CONNECTIONS_MAX 500
#define LATE_MOST 400000000 /* bytes; more than the buffers of the system between two programs */
#define SECONDS_MAX 40      /* of any run; the alarm survives exec() */

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "client: %s: %s\n", what, strerror(errno));
    exit(1);
}

static _Noreturn void wrong(const char *what, long connection, size_t at)
{
    fprintf(stderr, "client: connection %ld, byte %zu: %s\n", connection, at, what);
    exit(1);
}

static long number(const char *text, long most)
{
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno || end == text || *end || value < 0 || value > most) {
        fprintf(stderr, "client: not a number up to %ld: %s\n", most, text);
        exit(2);
    }
    return value;
}

static int receive_room; /* bytes; 0: the system's choice */

/* The byte that stands at a place of a stream; each stream has its own. */
static unsigned char byte_at(long stream, size_t at)
{
    uint64_t x = ((uint64_t)stream << 40) ^ (at / 8);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (unsigned char)((x ^ (x >> 31)) >> (at % 8 * 8));
}

static int connect_to(long port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int                sock = socket(AF_INET, SOCK_STREAM, 0);
    if (sock < 0)
        die("socket");
    if (receive_room &&
        setsockopt(sock, SOL_SOCKET, SO_RCVBUF, &receive_room, sizeof receive_room) != 0)
        die("SO_RCVBUF");
    if (connect(sock, (struct sockaddr *)&to, sizeof to) != 0)
        die("connect");
    return sock;
}

/* ---- echo: many connections at once; each sends so many bytes, ends its sending, and must get all
 * of them back, and then the end ------------------------------------------------------------- */

struct stream {
    size_t sent, received;
    bool   ended;
};

static void send_some(struct stream *s, int sock, long which, size_t bytes)
{
    unsigned char piece[20000];
    size_t        count = 0;
    while (count < sizeof piece && s->sent + count < bytes) {
        piece[count] = byte_at(which, s->sent + count);
        count++;
    }
    ssize_t sent = send(sock, piece, count, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN)
        die("send");
    if (sent > 0)
        s->sent += (size_t)sent;
    if (s->sent == bytes && shutdown(sock, SHUT_WR) != 0)
        die("shutdown");
}

static void receive_some(struct stream *s, int sock, long which, size_t bytes)
{
    unsigned char piece[20000];
    ssize_t       count = recv(sock, piece, sizeof piece, MSG_DONTWAIT);
    if (count < 0 && errno != EAGAIN)
        die("recv");
    for (ssize_t i = 0; i < count; i++, s->received++)
        if (s->received >= s->sent || piece[i] != byte_at(which, s->received))
            wrong("not what was sent", which, s->received);
    if (count != 0)
        return;
    if (s->received != bytes)
        wrong("the stream ended early", which, s->received);
    s->ended = true;
}

static struct pollfd fds[CONNECTIONS_MAX];
static struct stream streams[CONNECTIONS_MAX];

static void exchange(long connections, size_t bytes)
{
    for (long open = connections; open > 0;) {
        if (poll(fds, (nfds_t)connections, -1) < 0)
            die("poll");
        for (long i = 0; i < connections; i++) {
            struct stream *s = &streams[i];
            if (fds[i].revents & POLLOUT && fds[i].events & POLLOUT) {
                send_some(s, fds[i].fd, i, bytes);
                if (s->sent == bytes)
                    fds[i].events = POLLIN;
            }
            if (fds[i].fd >= 0 && fds[i].revents & (POLLIN | POLLHUP | POLLERR))
                receive_some(s, fds[i].fd, i, bytes);
            if (s->ended && fds[i].fd >= 0) {
                close(fds[i].fd);
                fds[i].fd = -1;
                open--;
            }
        }
    }
}

static int echo(long port, long connections, size_t bytes)
{
    for (long i = 0; i < connections; i++)
        fds[i] = (struct pollfd){.fd = connect_to(port), .events = POLLIN | POLLOUT};
    exchange(connections, bytes);
    printf("%ld connections, %zu bytes each: verified\n", connections, bytes);
    return 0;
}

/* One connection that sends, and receives nothing, until the server takes no more for a while: it
 * must neither hold all of it in its memory nor lose what its own sends could not place. */
static int late(long port)
{
    struct stream *s = &streams[0];
    receive_room = 10000;
    fds[0] = (struct pollfd){.fd = connect_to(port), .events = POLLOUT};
    while (poll(fds, 1, 200) > 0) {
        send_some(s, fds[0].fd, 0, LATE_MOST);
        if (s->sent == LATE_MOST)
            wrong("the server is never full", 0, s->sent);
    }
    if (shutdown(fds[0].fd, SHUT_WR) != 0)
        die("shutdown");
    fds[0].events = POLLIN;
    exchange(1, s->sent);
    printf("%zu bytes before the server was full: verified\n", s->received);
    return 0;
}

/* ---- hold: connections that stay until the server ends them; reset: connections cut off ---- */

static int hold(long port, long connections)
{
    static int socks[CONNECTIONS_MAX];
    char       byte = 'h';
    for (long i = 0; i < connections; i++) {
        socks[i] = connect_to(port);
        if (send(socks[i], &byte, 1, MSG_NOSIGNAL) != 1 || recv(socks[i], &byte, 1, 0) != 1)
            die("echo of one byte");
    }
    printf("holding %ld connections\n", connections);
    fflush(stdout);
    for (long i = 0; i < connections; i++)
        if (recv(socks[i], &byte, 1, 0) != 0)
            die("the server ended, but a connection did not");
    return 0;
}

/* The server still has the bytes to send back when the connection is gone. */
static int reset(long port, long connections)
{
    static const char bytes[100000];
    struct linger     at_once = {.l_onoff = 1};
    for (long i = 0; i < connections; i++) {
        int sock = connect_to(port);
        if (send(sock, bytes, sizeof bytes, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
            die("send");
        if (setsockopt(sock, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) != 0)
            die("SO_LINGER");
        close(sock);
    }
    return 0;
}

/* Whether a connection is accepted and then ended without a byte. */
static int closed(long port)
{
    char    byte;
    int     sock = connect_to(port);
    ssize_t count = recv(sock, &byte, 1, 0);
    if (count > 0 || (count < 0 && errno != ECONNRESET))
        wrong("the connection was to be closed", 0, 0);
    return 0;
}

/* ---- Programs and bytes -------------------------------------------------------------------- */

static int pattern(size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if (putchar(byte_at(0, i)) == EOF)
            die("putchar");
    return fflush(stdout) == 0 ? 0 : 1;
}

/* As a terminal starts a program: a shell without job control lets its children ignore SIGINT. */
static _Noreturn void run(char **command)
{
    signal(SIGINT, SIG_DFL);
    signal(SIGQUIT, SIG_DFL);
    execvp(command[0], command);
    die(command[0]);
}

/* Runs a program with a terminal for its standard output, and writes what comes out of that. */
static int terminal(char **command)
{
    struct termios settings;
    int            master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0)
        die("posix_openpt");
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    if (slave < 0 || tcgetattr(slave, &settings) != 0)
        die("the terminal");
    settings.c_oflag &= ~(tcflag_t)OPOST; /* bytes as they are, no carriage returns */
    if (tcsetattr(slave, TCSANOW, &settings) != 0)
        die("tcsetattr");
    pid_t child = fork();
    if (child < 0)
        die("fork");
    if (child == 0) {
        dup2(slave, 1);
        close(slave);
        close(master);
        run(command);
    }
    close(slave);
    char    bytes[4096];
    ssize_t count; /* EIO once nobody has the terminal open any more */
    while ((count = read(master, bytes, sizeof bytes)) > 0)
        fwrite(bytes, 1, (size_t)count, stdout);
    int status;
    if (waitpid(child, &status, 0) != child)
        die("waitpid");
    return fflush(stdout) == 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* ---- ask: says a line on a unix socket, and must get one in answer --------------------------- */

static int ask(const char *path, const char *said, const char *wanted)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    char               text[256];
    size_t             count = 0;
    int                sock = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
    if (sock < 0 || connect(sock, (struct sockaddr *)&to, sizeof to) != 0)
        die("connect");
    if (send(sock, said, strlen(said), MSG_NOSIGNAL) < 0 || send(sock, "\n", 1, MSG_NOSIGNAL) < 0)
        die("send");
    while (!count || text[count - 1] != '\n') {
        ssize_t got = recv(sock, text + count, sizeof text - 1 - count, 0);
        if (got < 0)
            die("recv");
        if (got == 0)
            wrong("the answer ends before its line does", 0, count);
        count += (size_t)got;
    }
    text[count - 1] = '\0';
    if (strcmp(text, wanted) != 0) {
        fprintf(stderr, "client: to '%s' the answer is '%s', not '%s'\n", said, text, wanted);
        return 1;
    }
    return 0;
}

/* ---- line: a connection that says one line and ends --------------------------------------- */

static int line(long port, const char *wanted)
{
    char   told[256];
    size_t count = 0;
    int    sock = connect_to(port);
    for (ssize_t got; (got = recv(sock, told + count, sizeof told - count, 0)) != 0;) {
        if (got < 0)
            die("recv");
        count += (size_t)got;
    }
    if (count != strlen(wanted) + 1 || memcmp(told, wanted, count - 1) != 0 ||
        told[count - 1] != '\n')
        wrong("is not the line", 0, count);
    close(sock);
    return 0;
}

/* ---- datagrams: each of so many comes back as it went, empty ones too ----------------------- */

#define DATAGRAM_MOST 60000

static void return_one(int sock, long which, size_t length)
{
    static unsigned char sent[DATAGRAM_MOST], got[DATAGRAM_MOST + 1];
    struct pollfd        ready = {.fd = sock, .events = POLLIN};
    for (size_t i = 0; i < length; i++)
        sent[i] = byte_at(which, i);
    if (send(sock, sent, length, 0) != (ssize_t)length)
        die("send");
    if (poll(&ready, 1, 10000) != 1)
        wrong("nothing came back", which, 0);
    ssize_t count = recv(sock, got, sizeof got, 0);
    if (count < 0)
        die("recv");
    if ((size_t)count != length || memcmp(got, sent, length) != 0)
        wrong("came back otherwise", which, (size_t)count);
}

/* From several sockets at once, so that an answer to the wrong one is seen. */
static int datagrams(long port, long sockets)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int                socks[CONNECTIONS_MAX];
    for (long i = 0; i < sockets; i++) {
        socks[i] = socket(AF_INET, SOCK_DGRAM, 0);
        if (socks[i] < 0 || connect(socks[i], (struct sockaddr *)&to, sizeof to) != 0)
            die("connect");
        if (send(socks[i], &i, sizeof i, 0) != sizeof i)
            die("send");
    }
    for (long i = 0; i < sockets; i++) {
        struct pollfd ready = {.fd = socks[i], .events = POLLIN};
        long          got = -1;
        if (poll(&ready, 1, 10000) != 1 || recv(socks[i], &got, sizeof got, 0) != sizeof got ||
            got != i)
            wrong("another's datagram came back, or none", i, 0);
        return_one(socks[i], i, (size_t)(i % 5 ? i * 7 : 0));
    }
    return_one(socks[0], sockets, DATAGRAM_MOST);
    return 0;
}

int main(int argc, char **argv)
{
    const char *mode = argc > 2 ? argv[1] : "";
    alarm(SECONDS_MAX);
    if (strcmp(mode, "echo") == 0 && argc == 5)
        return echo(number(argv[2], 65535), number(argv[3], CONNECTIONS_MAX),
                    (size_t)number(argv[4], 1L << 30));
    if (strcmp(mode, "late") == 0 && argc == 3)
        return late(number(argv[2], 65535));
    if (strcmp(mode, "hold") == 0 && argc == 4)
        return hold(number(argv[2], 65535), number(argv[3], CONNECTIONS_MAX));
    if (strcmp(mode, "reset") == 0 && argc == 4)
        return reset(number(argv[2], 65535), number(argv[3], CONNECTIONS_MAX));
    if (strcmp(mode, "closed") == 0 && argc == 3)
        return closed(number(argv[2], 65535));
    if (strcmp(mode, "line") == 0 && argc == 4)
        return line(number(argv[2], 65535), argv[3]);
    if (strcmp(mode, "ask") == 0 && argc == 5)
        return ask(argv[2], argv[3], argv[4]);
    if (strcmp(mode, "datagrams") == 0 && argc == 4)
        return datagrams(number(argv[2], 65535), number(argv[3], CONNECTIONS_MAX));
    if (strcmp(mode, "pattern") == 0 && argc == 3)
        return pattern((size_t)number(argv[2], 1L << 30));
    if (strcmp(mode, "run") == 0)
        run(argv + 2);
    if (strcmp(mode, "terminal") == 0)
        return terminal(argv + 2);
    fputs("usage: client echo PORT CONNECTIONS BYTES | late PORT | hold PORT CONNECTIONS |\n"
          "              reset PORT CONNECTIONS | closed PORT | line PORT TEXT |\n"
          "              ask PATH LINE ANSWER |\n"
          "              datagrams PORT SOCKETS | pattern BYTES | run PROGRAM... | terminal "
          "PROGRAM...\n",
          stderr);
    return 2;
}
