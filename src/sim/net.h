/* SPDX-License-Identifier: MIT */
/* net.h - what the parts of the simulated network share: packets, places, sockets, connections.
 *
 * packet.c      bytes on their way, and the pieces of memory that they come from and go to
 * place.c       addresses, ports, and who is to be found there
 * net.c         what a host owns of the network; crashes and mended links
 * connection.c  two ends, and how they come together
 * wire.c        what goes between them: segments, FIN, RST, retransmission
 * stream.c      the socket at an end; listener.c those that wait to be accepted
 * datagram.c, pipe.c, message.c, option.c, name.c */
#ifndef WEIR_SIM_NET_H
#define WEIR_SIM_NET_H

#include "world.h"

/* ---- Packets --------------------------------------------------------------------------------- */

enum packet_kind { PACKET_DATA, PACKET_OPEN, PACKET_END, PACKET_RESET };

struct packet {
    struct packet      *next;
    enum packet_kind    kind;
    uint32_t            segment;      /* of a datagram: the length of those that came as one */
    uint32_t            passed_count; /* objects of which it holds a reference */
    struct sim_object **passed;       /* owned array */
    uint64_t            due_ns;
    size_t              length, at; /* [at, length) is still to be read */
    struct weir_address from;       /* of a datagram; length 0: nobody that has a name */
    unsigned char       data[];
};

struct packets {
    struct packet *first, *last;
    size_t         bytes; /* not read yet */
    uint32_t       count;
};

struct packet *packet_new(enum packet_kind kind, size_t length);
void           packet_free(struct packet *packet);
void           packets_push(struct packets *packets, struct packet *packet);
struct packet *packets_take(struct packets *packets);
void           packets_drop(struct packets *packets); /* all of them */

/* The caller's memory of one transfer. */
struct pieces {
    const struct weir_buf *buffers;
    struct weir_buf        one; /* where there is one only */
    size_t                 count, length;
};

void pieces_of_rest(struct pieces *pieces, const struct rest *rest);
void pieces_of_message(struct pieces *pieces, const struct weir_msg *message);
/* `length` bytes from, or to, the place `at` in them. */
void pieces_read(const struct pieces *pieces, size_t at, void *data, size_t length);
void pieces_write(const struct pieces *pieces, size_t at, const void *data, size_t length);

/* One transfer, whatever op it is of. */
struct transfer {
    struct pieces       pieces;
    bool                peek, discard;
    struct weir_address address; /* to whom, or from whom; length 0: none */
    struct sim_object **passed;  /* owned array of references: goes over to the packet when it is
                                    sent, to here when it is received */
    uint32_t            passed_count;
    uint32_t            segment;
    bool                truncated;
};

/* Releases what is passed and nobody took over. */
void transfer_drop_passed(struct transfer *transfer);

/* ---- Places ---------------------------------------------------------------------------------- */

/* An address of either family: IPv4 as IPv6 has it (::ffff:a.b.c.d). */
struct place {
    unsigned char ip[16];
    uint16_t      port;
    uint32_t      scope;
};

/* Also of struct sim_object: every socket begins with it. */
struct socket {
    struct sim_object   object;
    int                 family, type;
    bool                bound, v6only, reuse_port, reuse_address;
    bool                shut; /* for sending */
    struct place        local, peer;
    struct weir_address name, peer_name; /* of a unix socket; length 0: none */
    int64_t             inode;           /* of the path that it is bound to, or 0 */
};

bool place_is_v4(const struct place *place);
bool place_is_any(const struct place *place);
bool place_is_loopback(const struct place *place);
bool place_is_group(const struct place *place); /* multicast, or IPv4's broadcast to all */
bool place_equal(const struct place *one, const struct place *other);
/* As the sockets of a family have it. */
void place_tell(const struct place *place, int family, struct weir_address *address);
/* 0; WEIR_EINVAL, WEIR_EAFNOSUPPORT for what is no address of the socket's family. */
int place_read(const struct socket *socket, const void *address, size_t length,
               struct place *place);
/* The host that has it, as seen from one; NULL: nobody. */
struct weir_sim_host *place_host(struct weir_sim_host *from, const struct place *place);
/* The address that a host uses towards another place: 0 or WEIR_ENETUNREACH. */
int place_source(const struct weir_sim_host *host, const struct place *to, struct place *source);

/* The family of an address of the system; -1 where it is too short to have one. */
int address_family(const void *address, size_t length);

/* As bind(2), of sockets of the internet; flags: WEIR_REUSE_PORT. */
int place_bind(struct socket *socket, const void *address, size_t length, unsigned flags);
/* A port of the system's choice where the socket has none yet. 0 or WEIR_EADDRNOTAVAIL. */
int place_bind_port(struct socket *socket);
/* Whether the socket receives what is sent to the place. */
bool place_covers(const struct socket *socket, const struct place *place);

/* Unix names. */
int  name_read(const void *address, size_t length, struct weir_address *name);
int  name_bind(struct socket *socket, const void *address, size_t length);
bool name_equal(const struct weir_address *one, const struct weir_address *other);
/* The socket of a name on the host; NULL and WEIR_ENOENT, WEIR_ECONNREFUSED, and more of paths. */
struct socket *name_find(struct weir_sim_host *host, const struct weir_address *name, int *error);
void           name_tell(const struct weir_address *name, struct weir_address *address);

bool object_is_socket(const struct sim_object *object);
/* 0; the pending error, which is taken. */
int socket_take_error(struct socket *socket);
/* As of struct sim_object_type. */
int socket_bind(struct sim_object *object, const void *address, size_t length, unsigned flags);
int socket_address(struct sim_object *object, bool peer, struct weir_address *address);

/* ---- The network of a host ------------------------------------------------------------------- */

struct connection;
struct flying;

struct sim_net {
    struct connection *connections; /* begun by a socket of this host; linked, owned */
    struct flying     *flying;      /* datagrams that were sent by it; linked, owned */
    uint32_t           begun;       /* connections so far */
};

struct sim_net *net_of(struct weir_sim_host *host);

/* How long a packet takes from one host to another. */
uint64_t net_latency(struct weir_sim_host *from, const struct weir_sim_host *to);
/* Whether it arrives. */
bool net_reaches(const struct weir_sim_host *from, const struct weir_sim_host *to);

/* ---- Connections ----------------------------------------------------------------------------- */

struct stream;
struct listener;

/* The life of an end. */
enum end_state {
    END_NONE,    /* the one that is asked for, while nobody has answered */
    END_OPENING, /* the one that asks */
    END_OPEN,
    END_DEAD /* reset, refused, timed out, or its host crashed */
};

struct end {
    struct connection    *connection;
    struct weir_sim_host *host;     /* NULL: nobody has the address */
    struct stream        *stream;   /* borrowed; NULL: not accepted yet, or closed */
    struct listener      *listener; /* where it waits to be accepted, or is about to; else NULL */
    struct end           *behind;   /* in the listener's queue */
    struct place          place;
    struct packets        received, flight; /* from the other end; to the other end */
    size_t                receive_room, send_room;
    struct sim_event      arrive; /* of the first in flight */
    uint64_t              last_due_ns;
    uint64_t              stalled_ns; /* since when nothing is acknowledged, or 0 */
    uint64_t              backoff_ns; /* until it is sent again */
    struct sim_event      probe;      /* of an idle connection: SO_KEEPALIVE */
    unsigned              probes;     /* that nobody answered */
    int                   error;      /* came before it was accepted */
    struct weir_address   name;       /* that the unix stream had which the program closed */
    enum end_state        state;
    bool                  queued; /* in the listener's queue */
    bool                  ending; /* a FIN was sent, or is behind the data */
    bool                  ended;  /* a FIN arrived */
    bool                  left;   /* the program closed it */
    bool                  held;   /* the first in flight waits for room */
};

struct connection {
    struct connection *next, *previous; /* of the owner's list; NULL at both ends */
    struct sim_net    *owner;
    struct end         ends[2]; /* the one that asked, the one that was asked */
    struct sim_event   knock;   /* a SYN arrives */
    unsigned           tries;
    bool               is_unix;
    size_t             segment;      /* bytes at most */
    uint64_t           time_wait_ns; /* until when its port is not free, or 0 */
    const struct end  *closer;       /* which was the first to end, or NULL */
};

struct end *end_other(struct end *end);

/* Frees it when nothing of it is left; a port may not be free for a while. */
void connection_settle(struct connection *connection);

/* Behind all that is on its way. */
void end_transmit(struct end *end, struct packet *packet);
/* Nothing of it is on its way any more. */
void end_ground(struct end *end);
/* There is room at the other end, or it takes no more: what is held goes on. */
void end_unhold(struct end *end);
/* It is no more, and its program hears of it; the other end does not. */
void end_die(struct end *end, int error);

/* A connection from `stream` to a place; told by changes of the stream. */
void connection_begin(struct stream *stream, const struct place *to);
/* To a unix listener: open at once; its second end is in the queue. */
void connection_local(struct stream *stream, struct listener *listener);

/* The bytes that were taken of a transfer, or WEIR_EAGAIN. */
int64_t end_send(struct end *end, struct transfer *transfer);
int64_t end_receive(struct end *end, struct transfer *transfer);
bool    end_has_room(const struct end *end); /* enough to be told */
/* FIN behind what is on its way. */
void end_finish(struct end *end);
/* The program has closed it; `abort`: with RST. */
void end_leave(struct end *end, bool abort);

void connections_crash(struct sim_net *net, struct weir_sim_host *host);
void connections_mended(struct sim_net *net);
/* A link was cut, or a host crashed: who asked to be told of it by probes will be. */
void connections_probe(struct sim_net *net);
/* Those that have an end on the host; NULL: all. Nobody is told. */
void connections_drop(struct sim_net *net, const struct weir_sim_host *host);
/* A listener is gone before the answers of those that are about to wait there arrived. */
void connections_forget(struct weir_sim_host *host, const struct listener *listener);
/* Whether one in TIME_WAIT has the socket's place. */
bool connections_hold(const struct weir_sim_host *host, const struct socket *socket);

/* ---- Sockets --------------------------------------------------------------------------------- */

enum stream_state { STREAM_IDLE, STREAM_CONNECTING, STREAM_CONNECTED, STREAM_BROKEN };

struct stream {
    struct socket     socket;
    enum stream_state state;
    struct end       *end; /* NULL while there is none */
};

struct listener {
    struct socket socket;
    uint32_t      backlog, count, coming; /* in the queue; about to be */
    struct end   *first, *last;
};

extern const struct sim_object_type sim_stream_type, sim_listener_type, sim_datagram_type;

struct stream *stream_new(struct weir_sim_host *host, int family);
/* The end becomes the stream's. */
void stream_attach(struct stream *stream, struct end *end);
/* Its end says: it is open; it broke, with an error. */
void stream_opened(struct stream *stream);
void stream_broke(struct stream *stream, int error);

struct socket *listener_new(struct weir_sim_host *host, int family, int backlog);
bool           listener_is_full(const struct listener *listener);
void           listener_queue(struct listener *listener, struct end *end);
void           listener_forget(struct end *end);
/* One that is to be asked for the place, or NULL. */
struct listener *listener_find(struct weir_sim_host *host, const struct place *place);

struct socket *datagram_new(struct weir_sim_host *host, int family);
bool           datagram_has_peer(const struct sim_object *object);
bool           stream_has_peer(const struct sim_object *object);
int  datagram_join(struct sim_object *object, const struct place *group, unsigned interface_index,
                   bool join);
void datagrams_drop(struct sim_net *net);

/* The transfer of a plain op; what it passes along is let go. */
int64_t socket_perform_transfer(struct sim_object *object, struct weir_op *op);
/* Buffers as the options have them now. */
void stream_fit(struct stream *stream);

/* Bytes, or WEIR_E*. */
int64_t stream_send(struct sim_object *object, struct transfer *transfer);
int64_t stream_receive(struct sim_object *object, struct transfer *transfer);
int64_t datagram_send(struct sim_object *object, struct transfer *transfer);
int64_t datagram_receive(struct sim_object *object, struct transfer *transfer);

/* Whether anything was there to be dropped. */
bool            socket_drop_received(struct sim_object *object);
struct packets *datagram_received(struct sim_object *object);
struct packets *listener_received(struct sim_object *object); /* of one that has some, or NULL */

/* RECV_MSG, SEND_MSG and batches of a stream or datagram socket. */
int64_t message_perform(struct sim_object *object, struct weir_op *op);
/* What sockets and pipes have in common: polls, and ops that are of files. */
int64_t net_perform_other(struct sim_object *object, struct weir_op *op);

/* A new socket, with nothing but its options. */
void socket_begin(struct socket *socket, int family, int type);
void options_begin(struct socket *socket);

#endif
