/* SPDX-License-Identifier: MIT */
/* peer.c - clients that want their bytes back, and a server that gives them back. */
#include "peer.h"

#include <string.h>
#include <sys/socket.h>

#define PAUSE (20 * WEIR_MILLISECOND)
#define PATIENCE (60 * WEIR_SECOND)
#define TRIES 500u

static struct weir_address address_of(const char *host, unsigned port)
{
    struct weir_address address;
    char                text[64];
    snprintf(text, sizeof text, "%s:%u", host, port);
    CHECK(weir_address_parse(&address, text) == 0);
    return address;
}

/* ---- Clients --------------------------------------------------------------------------------- */

static void connect_again(struct weir_op *timer);

static void end(struct client *client, int64_t error)
{
    if (client->ended)
        return;
    client->ended = true;
    client->error = error;
    client->on_ended(client);
}

static void on_closed(struct weir_handle *sock)
{
    struct client *client = weir_of(sock, struct client, sock);
    end(client, client->received == client->length ? 0 : client->error);
}

static void hang_up(struct client *client, int64_t error)
{
    if (!client->error)
        client->error = error;
    weir_close(&client->sock, on_closed);
}

static void on_sent(struct weir_op *op)
{
    struct client *client = weir_of(op, struct client, sending);
    client->sent += op->result > 0 ? (size_t)op->result : 0;
    size_t left = client->length - client->sent;
    size_t piece = left < sizeof client->out ? left : sizeof client->out;
    if (op->result < 0 || op->error) {
        hang_up(client, op->error ? op->error : op->result);
        return;
    }
    driver_fill(client->out, piece, client->place + client->sent);
    if (piece) {
        weir_send(op, &client->sock, client->out, piece, WEIR_ALL, on_sent);
        weir_deadline(op, PATIENCE);
    }
}

static void on_received(struct weir_op *op)
{
    struct client *client = weir_of(op, struct client, receiving);
    if (op->result > 0) {
        size_t length = (size_t)op->result;
        CHECK(length <= client->length - client->received);
        CHECK(driver_filled(client->in, length, client->place + client->received));
        client->received += length;
    }
    if (op->result <= 0 || client->received == client->length) {
        hang_up(client, op->result < 0 ? op->result : WEIR_EEOF);
        return;
    }
    weir_recv(op, &client->sock, client->in, sizeof client->in, 0, on_received);
    weir_deadline(op, PATIENCE);
}

static void try_later(struct client *client, int64_t error)
{
    if (error == WEIR_ECANCELED || ++client->tries == TRIES)
        end(client, error);
    else
        weir_timer(&client->waiting, client->driver->loop, PAUSE, 0, connect_again);
}

static void on_connected(struct weir_op *op)
{
    struct client *client = weir_of(op, struct client, sending);
    if (op->result < 0) {
        weir_close_now(&client->sock);
        try_later(client, op->result);
        return;
    }
    op->result = 0;
    on_sent(op);
    weir_recv(&client->receiving, &client->sock, client->in, sizeof client->in, 0, on_received);
    weir_deadline(&client->receiving, PATIENCE);
}

static void connect_again(struct weir_op *timer)
{
    struct client *client = weir_of(timer, struct client, waiting);
    int            error = WEIR_ECANCELED;
    if (timer->result != WEIR_ECANCELED) {
        memset(&client->sock, 0, sizeof client->sock);
        error = weir_socket(&client->sock, client->driver->loop, AF_INET, SOCK_STREAM, 0);
    }
    if (error) {
        try_later(client, error);
        return;
    }
    weir_connect(&client->sending, &client->sock, &client->server.data, client->server.length, 0,
                 on_connected);
    weir_deadline(&client->sending, PATIENCE);
}

void client_start(struct client *client, struct driver *driver, unsigned port, size_t length,
                  void (*on_ended)(struct client *client))
{
    static uint64_t place;
    client->driver = driver;
    client->server = address_of("127.0.0.1", port);
    client->length = length;
    client->place = place;
    client->on_ended = on_ended;
    place += 1000003;
    weir_timer(&client->waiting, driver->loop, PAUSE, 0, connect_again);
}

/* ---- The server ------------------------------------------------------------------------------ */

static struct weir_handle listener, connection;
static struct weir_op     moving;
static unsigned char      bytes[5000];

static void on_accepted(struct weir_op *op);

static void on_moved(struct weir_op *op)
{
    if (op->result == WEIR_ECANCELED)
        return;
    if (op->result <= 0 || op->error) {
        weir_close_now(&connection);
        memset(&connection, 0, sizeof connection);
        weir_accept(op, &listener, &connection, 0, on_accepted);
    } else if (op->kind == WEIR_OP_RECV) {
        weir_send(op, &connection, bytes, (size_t)op->result, WEIR_ALL, on_moved);
    } else {
        weir_recv(op, &connection, bytes, sizeof bytes, 0, on_moved);
    }
}

static void on_accepted(struct weir_op *op)
{
    if (op->result == 0)
        weir_recv(op, &connection, bytes, sizeof bytes, 0, on_moved);
    else if (op->result != WEIR_ECANCELED)
        weir_accept(op, &listener, &connection, 0, on_accepted);
}

void server_start(struct driver *driver, unsigned port)
{
    struct weir_options there = {.engine = "sim", .sim_host = driver->far};
    struct weir_address address = address_of("10.0.0.2", port);
    CHECK(weir_loop_open(&driver->other_loop, &there) == 0);
    CHECK(weir_listen(&listener, driver->other_loop, &address.data, address.length, 0, 0) == 0);
    weir_accept(&moving, &listener, &connection, WEIR_BACKGROUND, on_accepted);
}
