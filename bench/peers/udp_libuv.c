/* SPDX-License-Identifier: MIT */
/* udp_libuv.c - a UDP echo server on libuv, as its guide writes one: each datagram gets a buffer
 * from malloc() and is sent back by a request of its own. Where UDP_BATCH is 1, at its best:
 * datagrams are received in batches (UV_UDP_RECVMMSG) into one buffer, and sent back at once by
 * uv_udp_try_send(). */
#include <uv.h>

#include "peer.h"

enum { BATCH = 32, DATAGRAM_MOST = 64 * 1024 };

struct answer {
    uv_udp_send_t request;
    uv_buf_t      buffer;
};

static char shared[BATCH * DATAGRAM_MOST];

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    if (UDP_BATCH)
        *buffer = uv_buf_init(shared, sizeof shared);
    else
        *buffer = uv_buf_init(malloc(suggested), (unsigned)suggested);
}

static void on_sent(uv_udp_send_t *request, int status)
{
    struct answer *answer = (struct answer *)request;
    free(answer->buffer.base);
    free(answer);
}

static void on_received(uv_udp_t *udp, ssize_t length, const uv_buf_t *buffer,
                        const struct sockaddr *from, unsigned flags)
{
    if (!from || length < 0) {
        if (!UDP_BATCH)
            free(buffer->base);
        return;
    }
    uv_buf_t back = uv_buf_init(buffer->base, (unsigned)length);
    if (UDP_BATCH) {
        uv_udp_try_send(udp, &back, 1, from);
        return;
    }
    struct answer *answer = malloc(sizeof *answer);
    peer_must(answer != NULL, "malloc");
    answer->buffer = back;
    uv_udp_send(&answer->request, udp, &answer->buffer, 1, from, on_sent);
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = peer_address(argc, argv);
    uv_udp_t           udp;
    uv_os_fd_t         fd;
    uv_udp_init_ex(uv_default_loop(), &udp, AF_INET | (UDP_BATCH ? UV_UDP_RECVMMSG : 0));
    peer_must(uv_udp_bind(&udp, (const struct sockaddr *)&address, 0) == 0, "uv_udp_bind");
    peer_must(uv_udp_recv_start(&udp, on_alloc, on_received) == 0, "uv_udp_recv_start");
    peer_must(uv_fileno((uv_handle_t *)&udp, &fd) == 0, "uv_fileno");
    peer_listening(fd);
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
