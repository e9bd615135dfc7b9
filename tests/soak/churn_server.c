/* SPDX-License-Identifier: MIT */
/* churn_server.c - the side that echoes: it accepts, sends back what comes, and closes when the
 * other side did. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "churn.h"

/* Connections that the other side closed may still be open here when their successors come. */
#define SLACK 1024u

struct guest {
    struct weir_handle socket;
    struct weir_op     op; /* receives and sends in turn */
    struct server     *server;
    struct guest      *next; /* free ones */
    char               data[BUFFER];
};

struct door {
    struct weir_handle listener;
    struct weir_op     accept;
    struct server     *server;
};

struct server {
    struct churn      *churn;
    struct account    *account;
    struct weir_loop  *loop;
    struct door        doors[LISTENERS];
    struct guest      *guests, *free;
    struct weir_handle control;
    struct weir_op     told, sample;
    char               word;
    uint64_t           began_ns;
    bool               ending;
};

static void accept_next(struct door *door);
static void receive_next(struct guest *guest);

static void on_closed(struct weir_handle *socket)
{
    struct guest  *guest = weir_of(socket, struct guest, socket);
    struct server *server = guest->server;
    server->account->closed++;
    guest->next = server->free;
    server->free = guest;
    for (int i = 0; i < LISTENERS && !server->ending; i++)
        if (weir_ended(&server->doors[i].accept))
            accept_next(&server->doors[i]);
}

static void on_echoed(struct weir_op *op)
{
    struct guest *guest = weir_of(op, struct guest, op);
    if (op->result < 0 || op->error)
        churn_fail("the server's send ended %s",
                   weir_error_name(op->error ? op->error : op->result));
    guest->server->account->sent += (uint64_t)op->result;
    receive_next(guest);
}

static void on_received(struct weir_op *op)
{
    struct guest *guest = weir_of(op, struct guest, op);
    if (op->result > 0) {
        guest->server->account->received += (uint64_t)op->result;
        weir_send(op, &guest->socket, guest->data, (size_t)op->result, WEIR_ALL, on_echoed);
        return;
    }
    /* Some clients end by a reset, when all of their bytes are back. */
    if (op->result < 0 && op->result != WEIR_ECONNRESET)
        churn_fail("the server's receive ended %s", weir_error_name(op->result));
    weir_close(&guest->socket, on_closed);
}

static void receive_next(struct guest *guest)
{
    weir_recv(&guest->op, &guest->socket, guest->data, sizeof guest->data, 0, on_received);
}

static void on_accepted(struct weir_op *op)
{
    struct door  *door = weir_of(op, struct door, accept);
    struct guest *guest = op->user;
    if (op->result < 0) {
        if (!door->server->ending)
            churn_fail("an accept ended %s", weir_error_name(op->result));
        guest->next = door->server->free;
        door->server->free = guest;
        return;
    }
    door->server->account->opened++;
    receive_next(guest);
    accept_next(door);
}

static void accept_next(struct door *door)
{
    struct guest *guest = door->server->free;
    if (!guest)
        return;
    door->server->free = guest->next;
    guest->socket = (struct weir_handle){0};
    door->accept.user = guest;
    weir_accept(&door->accept, &door->listener, &guest->socket, 0, on_accepted);
}

static void on_sample(struct weir_op *op)
{
    struct server *server = weir_of(op, struct server, sample);
    if (op->result < 0)
        return;
    account_sample(server->account, weir_now(server->loop) - server->began_ns,
                   server->churn->seconds * WEIR_SECOND,
                   server->account->opened - server->account->closed);
    weir_timer(op, server->loop, WEIR_SECOND, WEIR_BACKGROUND, on_sample);
}

/* The other side says when the time begins, and when it has closed everything. */
static void on_told(struct weir_op *op)
{
    struct server *server = weir_of(op, struct server, told);
    if (op->result == 1 && server->word == 'b') {
        server->began_ns = weir_now(server->loop);
        weir_timer(&server->sample, server->loop, 0, WEIR_BACKGROUND, on_sample);
        weir_recv(op, &server->control, &server->word, 1, 0, on_told);
        return;
    }
    server->ending = true;
    for (int i = 0; i < LISTENERS; i++)
        weir_close(&server->doors[i].listener, NULL);
    weir_close(&server->control, NULL);
}

static void open_doors(struct server *server)
{
    for (int i = 0; i < LISTENERS; i++) {
        struct door        *door = &server->doors[i];
        struct weir_address bound;
        struct sockaddr_in  address = {.sin_family = AF_INET};
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)i);
        int error = weir_listen(&door->listener, server->loop, &address, sizeof address, 0, 0);
        if (error || weir_local_address(&door->listener, &bound) < 0)
            churn_fail("listening on 127.0.0.%d: %s", i + 1, weir_error_name(error));
        memcpy(&address, bound.data.bytes, sizeof address);
        server->churn->ports[i] = ntohs(address.sin_port);
        door->server = server;
        accept_next(door);
    }
}

void churn_serve(struct churn *churn, struct account *account)
{
    static struct server server;
    struct weir_options  options = {.engine = churn->engine};
    size_t               count = churn->connections + SLACK;
    account->before = holding_now();
    server = (struct server){.churn = churn, .account = account};
    server.guests = calloc(count, sizeof *server.guests);
    if (!server.guests || weir_loop_open(&server.loop, &options) != 0)
        churn_fail("the server's loop on %s cannot be opened", churn->engine);
    for (size_t i = 0; i < count; i++) {
        /* Touched now, so that memory which is touched later is not taken for a leak. */
        memset(server.guests[i].data, 'x', BUFFER);
        server.guests[i].server = &server;
        server.guests[i].next = server.free;
        server.free = &server.guests[i];
    }
    open_doors(&server);
    if (write(churn->control, churn->ports, sizeof churn->ports) != sizeof churn->ports)
        churn_fail("the client is gone");
    if (weir_adopt(&server.control, server.loop, churn->control, WEIR_BORROWED) != 0)
        churn_fail("the control socket cannot be adopted");
    weir_recv(&server.told, &server.control, &server.word, 1, 0, on_told);
    int error = weir_run(server.loop, WEIR_UNTIL_DONE);
    if (!error)
        error = weir_loop_close(server.loop, LAST_WORDS * WEIR_SECOND);
    if (error)
        churn_fail("the server's loop ended %s", weir_error_name(error));
    free(server.guests);
    account->after = holding_now();
}
