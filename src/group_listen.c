/* SPDX-License-Identifier: MIT */
/* group_listen.c - what a group listens on, and the memory of its connections.
 *
 * An acceptor is a listener on one loop: on each of them, and the kernel spreads the connections,
 * or on one, which deals them out in turn. It is asked by a post on its loop, listens first, and
 * accepts when all of its kind listen, so that a failure of one undoes the others before anybody
 * was accepted.
 *
 * A connection is a block in cache lines of its own, which may be freed on another thread than it
 * was taken on:
 *
 *     [struct weir_op of its move, where it is dealt out] [struct connection] [the caller's record]
 */
#include <string.h>

#include "group.h"
#include "os/os.h"

/* Between two tries to get memory for the next connection. */
#define PACE_NS (50 * WEIR_MILLISECOND)

enum acceptor_step { ACCEPTOR_LISTEN, ACCEPTOR_ACCEPT, ACCEPTOR_GIVE_UP };

/* One weir_group_listen(). */
struct listening {
    struct weir_group *group;
    struct listening  *next;
    bool               in_turn;         /* one acceptor deals them out */
    size_t             connection_size; /* of the caller's record; at least a handle */
    void (*on_accept)(struct weir_handle *connection, void *user);
    void             *user;
    bool              accepts; /* has begun to */
    unsigned          count;
    struct acceptor **acceptors; /* owned, each of them too */
};

/* In cache lines of its own; its loop thread's but for what is under the group's mutex. */
struct acceptor {
    struct listening    *listening;
    struct group_member *member;
    struct weir_handle   listener;
    struct weir_op       accept, pause;
    struct connection   *spare; /* owned: for the next one */
    unsigned             turn;  /* whose it is */

    struct weir_op     ask;
    enum acceptor_step step;
    const void        *address; /* borrowed until the answer */
    size_t             address_length;
    int                backlog;
    unsigned           flags;
    int                result;
    bool               answered; /* under the group's mutex */
};

struct connection {
    struct weir_allocator allocator;
    struct listening     *listening; /* borrowed; not used after on_accept() */
    void                 *lines;     /* owned: the block that it lies in */
};

/* ---- Connections ----------------------------------------------------------------------------- */

#define HEADER_SIZE CACHE_LINE
#define MOVE_SIZE ((sizeof(struct weir_op) + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE)
_Static_assert(sizeof(struct connection) <= HEADER_SIZE, "the record behind it begins a line");

static struct weir_handle *handle_of(struct connection *connection)
{
    return (struct weir_handle *)(void *)((char *)connection + HEADER_SIZE);
}

static struct weir_op *move_of(struct connection *connection)
{
    return (struct weir_op *)(void *)((char *)connection - MOVE_SIZE);
}

static struct connection *connection_of(struct weir_handle *handle)
{
    return (struct connection *)(void *)((char *)handle - HEADER_SIZE);
}

static struct connection *connection_take(struct listening *listening)
{
    const struct weir_allocator *allocator = &listening->group->allocator;
    size_t                       before = listening->in_turn ? MOVE_SIZE : 0;
    char *lines = group_lines_take(allocator, before + HEADER_SIZE + listening->connection_size);
    if (!lines)
        return NULL;
    struct connection *connection = (struct connection *)(void *)(lines + before);
    *connection = (struct connection){*allocator, listening, lines};
    return connection;
}

static void connection_give(struct connection *connection)
{
    struct weir_allocator allocator = connection->allocator;
    group_lines_give(&allocator, connection->lines);
}

void group_forget(struct weir_handle *handle)
{
    connection_give(connection_of(handle));
}

/* ---- Accepting ------------------------------------------------------------------------------- */

static void accept_next(struct acceptor *acceptor);

static void tell(struct connection *connection)
{
    struct listening *listening = connection->listening;
    listening->on_accept(handle_of(connection), listening->user);
}

/* On the loop that it was dealt to; or, where that could not have it, on the one that tried. */
static void on_dealt(struct weir_op *move)
{
    struct connection *connection = (struct connection *)(void *)((char *)move + MOVE_SIZE);
    if (move->result < 0)
        weir_close(handle_of(connection), NULL);
    else
        tell(connection);
}

static void deal(struct acceptor *acceptor, struct connection *connection)
{
    struct weir_group *group = acceptor->listening->group;
    struct weir_loop  *target = group->members[acceptor->turn++ % group->count]->loop;
    weir_move(move_of(connection), handle_of(connection), target, 0, on_dealt);
}

static void on_pause(struct weir_op *op)
{
    struct acceptor *acceptor = weir_of(op, struct acceptor, pause);
    if (!op->result)
        accept_next(acceptor);
}

static void on_accepted(struct weir_op *op)
{
    struct acceptor   *acceptor = weir_of(op, struct acceptor, accept);
    struct connection *connection = acceptor->spare;
    if (op->result < 0) {
        if (op->result != WEIR_ECANCELED)
            loop_log(acceptor->member->loop, WEIR_LOG_WARNING,
                     "A group does not accept any more: %s.", weir_error_text(op->result));
        return;
    }
    acceptor->spare = NULL;
    handle_of(connection)->in.flags |= HANDLE_GROUPS;
    if (acceptor->listening->in_turn)
        deal(acceptor, connection);
    else
        tell(connection);
    accept_next(acceptor);
}

static void accept_next(struct acceptor *acceptor)
{
    if (!acceptor->spare)
        acceptor->spare = connection_take(acceptor->listening);
    if (acceptor->spare)
        weir_accept(&acceptor->accept, &acceptor->listener, handle_of(acceptor->spare), 0,
                    on_accepted);
    else
        weir_timer(&acceptor->pause, acceptor->member->loop, PACE_NS, WEIR_BACKGROUND, on_pause);
}

/* ---- Acceptors ------------------------------------------------------------------------------- */

/* The memory for the first connection is had before anything is promised. */
static int begin_listening(struct acceptor *acceptor)
{
    acceptor->spare = connection_take(acceptor->listening);
    if (!acceptor->spare)
        return WEIR_ENOMEM;
    return weir_listen(&acceptor->listener, acceptor->member->loop, acceptor->address,
                       acceptor->address_length, acceptor->backlog, acceptor->flags);
}

static int take_step(struct acceptor *acceptor)
{
    switch (acceptor->step) {
    case ACCEPTOR_LISTEN:
        return begin_listening(acceptor);
    case ACCEPTOR_ACCEPT:
        accept_next(acceptor);
        return 0;
    case ACCEPTOR_GIVE_UP:
        break;
    }
    weir_close_now(&acceptor->listener);
    return 0;
}

static void on_asked(struct weir_op *op)
{
    struct acceptor   *acceptor = weir_of(op, struct acceptor, ask);
    struct weir_group *group = acceptor->listening->group;
    int                result = op->result < 0 ? (int)op->result : take_step(acceptor);
    pthread_mutex_lock(&group->mutex);
    acceptor->result = result;
    acceptor->answered = true;
    pthread_cond_broadcast(&group->changed);
    pthread_mutex_unlock(&group->mutex);
}

/* What the step said, once it is done; WEIR_ECANCELED of a loop that does not run any more. */
static int ask(struct acceptor *acceptor, enum acceptor_step step)
{
    struct weir_group *group = acceptor->listening->group;
    acceptor->step = step;
    if (group->simulated)
        return acceptor->member->loop ? take_step(acceptor) : WEIR_ECANCELED;
    acceptor->answered = false;
    acceptor->result = WEIR_ECANCELED;
    weir_post(&acceptor->ask, acceptor->member->loop, on_asked);
    pthread_mutex_lock(&group->mutex);
    while (!acceptor->answered && !group_member_rests(acceptor->member))
        pthread_cond_wait(&group->changed, &group->mutex);
    int result = acceptor->answered ? acceptor->result : WEIR_ECANCELED;
    pthread_mutex_unlock(&group->mutex);
    return result;
}

static void listening_free(struct listening *listening)
{
    const struct weir_allocator *allocator = &listening->group->allocator;
    for (unsigned i = 0; listening->acceptors && i < listening->count; i++) {
        struct acceptor *acceptor = listening->acceptors[i];
        if (acceptor && acceptor->spare)
            connection_give(acceptor->spare);
        group_lines_give(allocator, acceptor);
    }
    allocator->resize(allocator->user, listening->acceptors, 0);
    group_lines_give(allocator, listening);
}

void group_listening_free(struct weir_group *group)
{
    while (group->listening) {
        struct listening *listening = group->listening;
        group->listening = listening->next;
        listening_free(listening);
    }
}

/* NULL without memory. */
static struct listening *listening_create(struct weir_group                *group,
                                          const struct weir_group_listener *wanted)
{
    const struct weir_allocator *allocator = &group->allocator;
    struct listening            *listening = group_lines_take(allocator, sizeof *listening);
    if (!listening)
        return NULL;
    listening->group = group;
    listening->in_turn = wanted->spread == WEIR_SPREAD_HAND_OVER ||
                         !os_address_has_port(wanted->address, wanted->address_length);
    listening->connection_size = wanted->connection_size;
    if (listening->connection_size < sizeof(struct weir_handle))
        listening->connection_size = sizeof(struct weir_handle);
    listening->on_accept = wanted->on_accept;
    listening->user = wanted->user;
    listening->count = listening->in_turn ? 1 : group->count;
    size_t size = listening->count * sizeof(struct acceptor *);
    listening->acceptors = allocator->resize(allocator->user, NULL, size);
    if (listening->acceptors)
        memset(listening->acceptors, 0, size);
    for (unsigned i = 0; listening->acceptors && i < listening->count; i++) {
        struct acceptor *acceptor = group_lines_take(allocator, sizeof *acceptor);
        listening->acceptors[i] = acceptor;
        if (!acceptor)
            break;
        acceptor->listening = listening;
        acceptor->member = group->members[i];
        acceptor->backlog = wanted->backlog;
        acceptor->flags = wanted->flags | (listening->in_turn ? 0 : WEIR_REUSE_PORT);
    }
    if (listening->acceptors && listening->acceptors[listening->count - 1])
        return listening;
    listening_free(listening);
    return NULL;
}

/* ---- Listening ------------------------------------------------------------------------------- */

/* All of them, the first one first: it may choose the port. On failure none does. */
static int listen_all(struct listening *listening, struct weir_group_listener *wanted)
{
    int      error = 0;
    unsigned asked = 0;
    for (; asked < listening->count && !error; asked++) {
        struct acceptor *acceptor = listening->acceptors[asked];
        acceptor->address = asked ? wanted->bound.data.bytes : wanted->address;
        acceptor->address_length = asked ? wanted->bound.length : wanted->address_length;
        error = ask(acceptor, ACCEPTOR_LISTEN);
        if (!error && !asked) /* nothing happens to the handle before it is asked to accept */
            error = acceptor->listener.loop->sys->address(&acceptor->listener, false,
                                                          &wanted->bound);
    }
    listening->accepts = !error;
    for (unsigned i = 0; i < listening->count && !error; i++)
        error = ask(listening->acceptors[i], ACCEPTOR_ACCEPT);
    for (unsigned i = 0; i < asked && error; i++)
        ask(listening->acceptors[i], ACCEPTOR_GIVE_UP);
    return error;
}

/* Whether no loop still has a question, or an op, that lies in it. */
static bool is_over(const struct listening *listening)
{
    for (unsigned i = 0; i < listening->count; i++)
        if (!weir_ended(&listening->acceptors[i]->ask))
            return false;
    return !listening->accepts;
}

int weir_group_listen(struct weir_group *group, struct weir_group_listener *wanted)
{
    memset(&wanted->bound, 0, sizeof wanted->bound);
    if (group->generation != os_fork_generation())
        return WEIR_EPERM;
    if (group_has_thread(group))
        return WEIR_EDEADLK;
    if (!wanted->on_accept || !wanted->address ||
        (unsigned)wanted->spread > WEIR_SPREAD_HAND_OVER || wanted->connection_size > UINT32_MAX)
        return WEIR_EINVAL;
    struct listening *listening = listening_create(group, wanted);
    if (!listening)
        return WEIR_ENOMEM;
    int error = listen_all(listening, wanted);
    pthread_mutex_lock(&group->mutex);
    bool over = error && is_over(listening);
    if (!over) { /* a loop that does not run any more may still have the question */
        listening->next = group->listening;
        group->listening = listening;
    }
    pthread_mutex_unlock(&group->mutex);
    if (over)
        listening_free(listening);
    if (error)
        memset(&wanted->bound, 0, sizeof wanted->bound);
    return error;
}
