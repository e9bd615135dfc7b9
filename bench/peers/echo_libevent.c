/* SPDX-License-Identifier: MIT */
/* echo_libevent.c - an echo server on libevent's plain events: a persistent read event for each
 * connection, one receive buffer for all, an answer sent at once. What a full socket does not take
 * is kept, and a write event takes the read event's place until it has gone. */
#include <event2/event.h>
#include <event2/listener.h>
#include <event2/util.h>
#include <signal.h>

#include "../handwritten/pending.h"
#include "peer.h"

struct conn {
    struct event  *in, *out;
    struct pending pending;
};

static char buffer[64 * 1024];

static void conn_close(struct conn *c, evutil_socket_t fd)
{
    event_free(c->in);
    event_free(c->out);
    evutil_closesocket(fd);
    free(c->pending.data);
    free(c);
}

static void on_readable(evutil_socket_t fd, short what, void *data)
{
    struct conn *c = data;
    ssize_t      n = recv(fd, buffer, sizeof buffer, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    enum sending sending = n <= 0 ? SENT_FAILED : send_or_keep(&c->pending, fd, buffer, (size_t)n);
    if (sending == SENT_FAILED) {
        conn_close(c, fd);
    } else if (sending == SENT_PART) {
        event_del(c->in);
        event_add(c->out, NULL);
    }
}

static void on_writable(evutil_socket_t fd, short what, void *data)
{
    struct conn *c = data;
    enum sending sending = send_kept(&c->pending, fd);
    if (sending == SENT_FAILED) {
        conn_close(c, fd);
    } else if (sending == SENT_ALL) {
        event_del(c->out);
        event_add(c->in, NULL);
    }
}

static void on_accepted(struct evconnlistener *listener, evutil_socket_t fd,
                        struct sockaddr *address, int length, void *data)
{
    struct event_base *base = evconnlistener_get_base(listener);
    struct conn       *c = calloc(1, sizeof *c);
    int                one = 1;
    peer_must(c != NULL, "calloc");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    c->in = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, c);
    c->out = event_new(base, fd, EV_WRITE | EV_PERSIST, on_writable, c);
    peer_must(c->in && c->out, "event_new");
    event_add(c->in, NULL);
}

int main(int argc, char **argv)
{
    struct sockaddr_in     address = peer_address(argc, argv);
    struct event_base     *base = event_base_new();
    struct evconnlistener *listener = evconnlistener_new_bind(
        base, on_accepted, NULL, LEV_OPT_REUSEABLE | LEV_OPT_CLOSE_ON_FREE, SOMAXCONN,
        (const struct sockaddr *)&address, sizeof address);
    peer_must(listener != NULL, "evconnlistener_new_bind");
    signal(SIGPIPE, SIG_IGN);
    peer_listening(evconnlistener_get_fd(listener));
    return event_base_dispatch(base);
}
