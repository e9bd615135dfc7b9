/* SPDX-License-Identifier: MIT */
/* echo_libuv.c - an echo server on libuv as its guide writes one: each read gets a buffer of the
 * suggested size from malloc(), each answer a write request of its own; both are freed when it is
 * written. */
#include <uv.h>

#include "peer.h"

struct answer {
    uv_write_t request;
    uv_buf_t   buffer;
};

static void on_closed(uv_handle_t *handle)
{
    free(handle);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    buffer->base = malloc(suggested);
    buffer->len = suggested;
}

static void on_written(uv_write_t *request, int status)
{
    struct answer *answer = (struct answer *)request;
    if (status < 0 && !uv_is_closing((uv_handle_t *)request->handle))
        uv_close((uv_handle_t *)request->handle, on_closed);
    free(answer->buffer.base);
    free(answer);
}

static void on_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer)
{
    if (length > 0) {
        struct answer *answer = malloc(sizeof *answer);
        peer_must(answer != NULL, "malloc");
        answer->buffer = uv_buf_init(buffer->base, (unsigned)length);
        uv_write(&answer->request, stream, &answer->buffer, 1, on_written);
        return;
    }
    if (length < 0 && !uv_is_closing((uv_handle_t *)stream))
        uv_close((uv_handle_t *)stream, on_closed);
    free(buffer->base);
}

static void on_connection(uv_stream_t *listener, int status)
{
    uv_tcp_t *connection = malloc(sizeof *connection);
    if (status < 0 || !connection) {
        free(connection);
        return;
    }
    uv_tcp_init(listener->loop, connection);
    if (uv_accept(listener, (uv_stream_t *)connection) < 0) {
        uv_close((uv_handle_t *)connection, on_closed);
        return;
    }
    uv_tcp_nodelay(connection, 1);
    uv_read_start((uv_stream_t *)connection, on_alloc, on_read);
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = peer_address(argc, argv);
    uv_tcp_t           listener;
    uv_os_fd_t         fd;
    uv_tcp_init(uv_default_loop(), &listener);
    peer_must(uv_tcp_bind(&listener, (const struct sockaddr *)&address, 0) == 0, "uv_tcp_bind");
    peer_must(uv_listen((uv_stream_t *)&listener, SOMAXCONN, on_connection) == 0, "uv_listen");
    peer_must(uv_fileno((uv_handle_t *)&listener, &fd) == 0, "uv_fileno");
    peer_listening(fd);
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
