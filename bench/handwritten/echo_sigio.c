/* SPDX-License-Identifier: MIT */
/* echo_sigio.c - an echo server on signal-driven I/O, as good as its author could write it.
 *
 * One thread. Each connection signals its changes to this thread by a real-time signal that names
 * its descriptor; the signal is blocked, and the queued ones are read from a signalfd, up to 64 in
 * a call that also waits. One receive buffer of 64 KiB is shared by all connections. Every arrival
 * is signalled, the end too, so a recv that was shorter than the buffer is the last. While a socket
 * is full it is not read; the signal that it has room goes on with the sending and then with the
 * reading that had stopped. A full queue of signals is told by SIGIO: then all are looked at. */
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "listen.h"
#include "pending.h"

struct conn {
    bool           open;
    struct pending pending;
};

static struct conn *conns; /* indexed by descriptor */
static int          room, number;
static char         buffer[64 * 1024];

static void conn_close(int fd)
{
    close(fd);
    free(conns[fd].pending.data);
    conns[fd] = (struct conn){0};
}

static void conn_serve(int fd)
{
    struct conn *c = &conns[fd];
    if (c->pending.data) {
        enum sending sending = send_kept(&c->pending, fd);
        if (sending == SENT_FAILED)
            conn_close(fd);
        if (sending != SENT_ALL)
            return;
    }
    for (;;) {
        ssize_t n = recv(fd, buffer, sizeof buffer, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        enum sending sending = n <= 0 ? SENT_FAILED
                                      : send_or_keep(&c->pending, fd, buffer, (size_t)n);
        if (sending == SENT_FAILED)
            conn_close(fd);
        if (sending != SENT_ALL || n < (ssize_t)sizeof buffer)
            return;
    }
}

static void signal_changes_of(int fd)
{
    struct f_owner_ex owner = {F_OWNER_TID, (pid_t)syscall(SYS_gettid)};
    int               on = 1;
    must(fcntl(fd, F_SETOWN_EX, &owner) == 0, "F_SETOWN_EX");
    must(fcntl(fd, F_SETSIG, number) == 0, "F_SETSIG");
    must(ioctl(fd, FIOASYNC, &on) == 0, "FIOASYNC");
}

static void accept_all(int listener)
{
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        must(fd < room, "a number for the connection");
        conns[fd].open = true;
        signal_changes_of(fd);
        conn_serve(fd); /* what came before the signals is not signalled */
    }
}

static void on_signal(const struct signalfd_siginfo *info, int listener)
{
    int fd = info->ssi_fd;
    if (info->ssi_signo == SIGIO) {
        accept_all(listener);
        for (fd = 0; fd < room; fd++)
            if (conns[fd].open)
                conn_serve(fd);
    } else if (fd == listener) {
        accept_all(listener);
    } else if (fd >= 0 && fd < room && conns[fd].open) {
        conn_serve(fd);
    }
}

int main(int argc, char **argv)
{
    struct signalfd_siginfo news[64];
    struct rlimit           limit;
    sigset_t                set;
    int                     listener = listen_loopback(argc, argv, SOCK_NONBLOCK);
    number = SIGRTMIN;
    must(getrlimit(RLIMIT_NOFILE, &limit) == 0, "getrlimit");
    room = limit.rlim_cur > 1 << 20 ? 1 << 20 : (int)limit.rlim_cur;
    conns = calloc((size_t)room, sizeof *conns);
    must(conns != NULL, "calloc");
    sigemptyset(&set);
    sigaddset(&set, number);
    sigaddset(&set, SIGIO);
    must(sigprocmask(SIG_BLOCK, &set, NULL) == 0, "sigprocmask");
    int signals = signalfd(-1, &set, SFD_CLOEXEC);
    must(signals >= 0, "signalfd");
    signal_changes_of(listener);
    accept_all(listener);
    for (;;) {
        ssize_t size = read(signals, news, sizeof news);
        must(size >= 0 || errno == EINTR, "read");
        for (ssize_t i = 0; i < size / (ssize_t)sizeof *news; i++)
            on_signal(&news[i], listener);
    }
}
