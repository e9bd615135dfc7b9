/* SPDX-License-Identifier: MIT */
/* udp_batch.c - a UDP echo server on level-triggered epoll that moves up to 32 datagrams with one
 * recvmmsg() and one sendmmsg(). A batch that was not full says that the socket is empty: no
 * further call asks for that. A full socket drops answers, as UDP may. */
#include <errno.h>
#include <sys/epoll.h>

#include "udp.h"

enum { BATCH = 32, DATAGRAM_MOST = 64 * 1024 };

static char               buffers[BATCH][DATAGRAM_MOST];
static struct sockaddr_in from[BATCH];
static struct iovec       vectors[BATCH];
static struct mmsghdr     messages[BATCH];

static void prepare(int count)
{
    for (int i = 0; i < count; i++) {
        vectors[i] = (struct iovec){buffers[i], DATAGRAM_MOST};
        messages[i].msg_hdr = (struct msghdr){.msg_name = &from[i],
                                              .msg_namelen = sizeof from[i],
                                              .msg_iov = &vectors[i],
                                              .msg_iovlen = 1};
    }
}

static void echo_all(int fd)
{
    int received;
    do {
        received = recvmmsg(fd, messages, BATCH, 0, NULL);
        for (int i = 0; i < received; i++)
            vectors[i].iov_len = messages[i].msg_len;
        for (int sent = 0; sent < received;) {
            int n = sendmmsg(fd, messages + sent, (unsigned)(received - sent), 0);
            sent += n > 0 ? n : 1; /* the first was refused: it is dropped */
        }
        prepare(received > 0 ? received : 0);
    } while (received == BATCH);
}

int main(int argc, char **argv)
{
    int                fd = bind_loopback(argc, argv), epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};
    must(epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0, "epoll");
    prepare(BATCH);
    for (;;) {
        int n = epoll_wait(epoll, &event, 1, -1);
        must(n >= 0 || errno == EINTR, "epoll_wait");
        if (n > 0)
            echo_all(fd);
    }
}
