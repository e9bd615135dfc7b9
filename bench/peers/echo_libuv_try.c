/* SPDX-License-Identifier: MIT */
/* echo_libuv_try.c - an echo server on libuv at its best: one receive buffer for all connections,
 * and an answer is tried at once; only what the socket does not take is copied and written by a
 * request. Reading stops until that is done, so that memory stays bounded. */
#include <uv.h>

#include "peer.h"

struct answer {
    uv_write_t request;
    uv_buf_t   buffer;
    char       bytes[];
};

static char shared[64 * 1024];

static void on_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer);

static void on_closed(uv_handle_t *handle)
{
    free(handle);
}

static void end(uv_stream_t *stream)
{
    if (!uv_is_closing((uv_handle_t *)stream))
        uv_close((uv_handle_t *)stream, on_closed);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    *buffer = uv_buf_init(shared, sizeof shared);
}

static void on_written(uv_write_t *request, int status)
{
    if (status < 0)
        end(request->handle);
    else if (!uv_is_closing((uv_handle_t *)request->handle))
        uv_read_start(request->handle, on_alloc, on_read);
    free(request);
}

/* The rest of an answer, which the socket did not take. */
static void write_rest(uv_stream_t *stream, const char *bytes, size_t length)
{
    struct answer *answer = malloc(sizeof *answer + length);
    peer_must(answer != NULL, "malloc");
    memcpy(answer->bytes, bytes, length);
    answer->buffer = uv_buf_init(answer->bytes, (unsigned)length);
    uv_read_stop(stream);
    uv_write(&answer->request, stream, &answer->buffer, 1, on_written);
}

static void on_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer)
{
    if (length < 0)
        end(stream);
    if (length <= 0)
        return;
    uv_buf_t answer = uv_buf_init(buffer->base, (unsigned)length);
    int      sent = uv_try_write(stream, &answer, 1);
    if (sent < 0 && sent != UV_EAGAIN)
        end(stream);
    else if (sent < length)
        write_rest(stream, buffer->base + (sent > 0 ? sent : 0),
                   (size_t)(length - (sent > 0 ? sent : 0)));
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
        end((uv_stream_t *)connection);
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
