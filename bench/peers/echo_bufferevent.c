/* SPDX-License-Identifier: MIT */
/* echo_bufferevent.c - an echo server on libevent's bufferevents, as its book writes one: what came
 * into the input buffer is moved to the output buffer, without a copy; the library receives and
 * sends. */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include "peer.h"

static void on_readable(struct bufferevent *connection, void *data)
{
    evbuffer_add_buffer(bufferevent_get_output(connection), bufferevent_get_input(connection));
}

static void on_event(struct bufferevent *connection, short what, void *data)
{
    if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
        bufferevent_free(connection);
}

static void on_accepted(struct evconnlistener *listener, evutil_socket_t fd,
                        struct sockaddr *address, int length, void *data)
{
    struct bufferevent *connection = bufferevent_socket_new(evconnlistener_get_base(listener), fd,
                                                            BEV_OPT_CLOSE_ON_FREE);
    int                 one = 1;
    peer_must(connection != NULL, "bufferevent_socket_new");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    bufferevent_setcb(connection, on_readable, NULL, on_event, NULL);
    bufferevent_enable(connection, EV_READ | EV_WRITE);
}

int main(int argc, char **argv)
{
    struct sockaddr_in     address = peer_address(argc, argv);
    struct event_base     *base = event_base_new();
    struct evconnlistener *listener = evconnlistener_new_bind(
        base, on_accepted, NULL, LEV_OPT_REUSEABLE | LEV_OPT_CLOSE_ON_FREE, SOMAXCONN,
        (const struct sockaddr *)&address, sizeof address);
    peer_must(listener != NULL, "evconnlistener_new_bind");
    peer_listening(evconnlistener_get_fd(listener));
    return event_base_dispatch(base);
}
