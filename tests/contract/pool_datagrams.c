/* SPDX-License-Identifier: MIT */
/* pool_datagrams.c - datagrams that one op receives into buffers of a pool, again and again: each
 * is told as if it had been received alone. */
#include <sys/time.h>

#include "datagrams_ends.h"

#define SIZE 256u

static struct weir_pool *open_pool(struct contract *c, uint32_t count)
{
    struct weir_pool_options options = {.buffer_size = SIZE, .count = count};
    struct weir_pool        *pool = NULL;
    CHECK_EQ(weir_pool_open(&pool, c->loop, &options), 0);
    return pool;
}

static uint32_t out_of(const struct weir_pool *pool)
{
    struct weir_pool_counts counts;
    weir_pool_stats(pool, &counts);
    return counts.out;
}

#define TOLD_MOST 64

/* What was told: each is a datagram, whose bytes are its number in the order of sending. */
struct inbox {
    struct weir_op      op;
    struct weir_pool   *pool;
    struct weir_msg     message;
    struct weir_address from;
    struct weir_address expected; /* of the sender */
    bool                keeps;
    int                 count, ends, stop_at;
    int64_t             results[TOLD_MOST];
    uint32_t            told[TOLD_MOST], segments[TOLD_MOST];
    void               *kept[TOLD_MOST];
    int                 kept_count;
};

static void check_message(struct inbox *in)
{
    CHECK_EQ(in->message.result, in->op.result);
    CHECK_EQ(in->message.told, in->op.told);
    CHECK(in->message.buffers == NULL && in->message.count == 0);
    CHECK_EQ(in->message.address_length, in->expected.length);
    CHECK(!memcmp(in->from.data.bytes, in->expected.data.bytes, in->expected.length));
    memset(&in->from, 0, sizeof in->from);
}

static void told_one(struct weir_op *op)
{
    struct inbox   *in = op->user;
    struct weir_buf piece = {0};
    CHECK_EQ(in->ends, 0);
    in->ends += !op->more;
    if (!op->more)
        return;
    CHECK_EQ(weir_pooled(op, &piece, 1), op->result > 0);
    CHECK_EQ(piece.length, op->result);
    CHECK(in->count < TOLD_MOST);
    CHECK(contract_filled(piece.data, piece.length, 0, (unsigned)in->count));
    if (in->message.address)
        check_message(in);
    in->results[in->count] = op->result;
    in->told[in->count] = op->told;
    in->segments[in->count++] = in->message.segment;
    if (piece.data && in->keeps)
        in->kept[in->kept_count++] = piece.data;
    else if (piece.data)
        CHECK_EQ(weir_pool_give(in->pool, piece.data), 0);
    if (in->count == in->stop_at)
        CHECK_EQ(weir_cancel(op), 0);
}

static void inbox_begin(struct inbox *in, struct weir_handle *handle, struct weir_pool *pool,
                        bool message)
{
    in->pool = pool;
    in->op.user = in;
    if (message)
        weir_recv_msg_pooled(&in->op, handle, pool, &in->message, WEIR_MULTISHOT, told_one);
    else
        weir_recv_pooled(&in->op, handle, pool, WEIR_MULTISHOT, told_one);
}

static void inbox_await(struct contract *c, const struct inbox *in, int count)
{
    while (in->count < count)
        weir_run(c->loop, WEIR_ONCE);
    CHECK_EQ(in->count, count);
}

static void inbox_cancel(struct contract *c, struct inbox *in)
{
    CHECK_EQ(weir_cancel(&in->op), 0);
    CHECK_EQ(contract_await(c, &in->op), WEIR_ECANCELED);
    CHECK_EQ(in->ends, 1);
}

static void give_kept(struct inbox *in)
{
    while (in->kept_count)
        CHECK_EQ(weir_pool_give(in->pool, in->kept[--in->kept_count]), 0);
}

static void send_number(struct contract *c, struct weir_handle *handle, int number, size_t length)
{
    char bytes[2 * SIZE];
    contract_fill(bytes, length, 0, (unsigned)number);
    send_one(c, handle, bytes, length);
}

/* ------------------------------------------------------------------------------------------------
 * What is told
 * ---------------------------------------------------------------------------------------------- */

/* Two sockets of a family, the first connected to the second; false where there is no such family.
 * The address is that of the first. */
static bool one_way(struct contract *c, int family, struct weir_handle *a, struct weir_handle *b,
                    struct weir_address *at_a)
{
    struct weir_address at[2];
    struct weir_handle *ends[2] = {a, b};
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(weir_address_parse(&at[i], family == AF_INET ? "127.0.0.1:0" : "[::1]:0"), 0);
        if (weir_socket(ends[i], c->loop, family, SOCK_DGRAM, 0) != 0)
            return false;
        if (weir_bind(ends[i], at[i].data.bytes, at[i].length, 0) != 0) {
            contract_close(c, ends[i]);
            return false;
        }
        CHECK_EQ(weir_local_address(ends[i], &at[i]), 0);
    }
    connect_to(c, a, &at[1]);
    *at_a = at[0];
    return true;
}

static const size_t lengths[] = {5, 0, 1, SIZE, SIZE + 1, 0, 0, 2 * SIZE, 7};
#define LENGTHS ((int)(sizeof lengths / sizeof lengths[0]))

static void check_lengths(const struct inbox *in, int begin)
{
    for (int i = 0; i < LENGTHS; i++) {
        size_t length = lengths[i] < SIZE ? lengths[i] : SIZE;
        CHECK_EQ(in->results[begin + i], length);
        CHECK_EQ(in->told[begin + i], lengths[i] > SIZE ? WEIR_TOLD_TRUNCATED : 0);
        CHECK_EQ(in->segments[begin + i], 0);
    }
}

/* Those that came before, and those that come when it waits. */
static void tell_family(struct contract *c, int family, bool message)
{
    struct weir_handle a = {0}, b = {0};
    struct inbox       in = {0};
    struct weir_pool  *pool = open_pool(c, 3);
    if (message)
        ask_source(&in.message, &in.from);
    if (one_way(c, family, &a, &b, &in.expected)) {
        for (int i = 0; i < LENGTHS; i++)
            send_number(c, &a, i, lengths[i]);
        inbox_begin(&in, &b, pool, message);
        inbox_await(c, &in, LENGTHS);
        check_lengths(&in, 0);
        for (int i = 0; i < LENGTHS; i++) {
            send_number(c, &a, LENGTHS + i, lengths[i]);
            inbox_await(c, &in, LENGTHS + i + 1);
        }
        check_lengths(&in, LENGTHS);
        inbox_cancel(c, &in);
        close_both(c, &a, &b);
    } else {
        CHECK_EQ(family, AF_INET6);
    }
    CHECK_EQ(out_of(pool), 0);
    CHECK_EQ(weir_pool_close(pool), 0);
}

static void each_is_told(struct contract *c)
{
    tell_family(c, AF_INET, true);
    tell_family(c, AF_INET, false);
    tell_family(c, AF_INET6, true);
    tell_family(c, AF_INET6, false);
}

/* An address has less room than it needs: so much of it is written, and told, each time. There is
 * more memory behind it, since the address sanitizer takes the length that is told for what was
 * written. */
static void short_addresses_are_told(struct contract *c)
{
    struct weir_handle a = {0}, b = {0};
    struct inbox       in = {0};
    struct weir_pool  *pool = open_pool(c, 2);
    unsigned char      room[32];
    const uint32_t     length = 8;
    CHECK(one_way(c, AF_INET, &a, &b, &in.expected));
    in.message.address = room;
    in.message.address_room = in.expected.length = length;
    inbox_begin(&in, &b, pool, true);
    for (int i = 0; i < 3; i++) {
        memcpy(in.from.data.bytes, in.expected.data.bytes, length);
        memset(room, 0xee, sizeof room);
        send_number(c, &a, i, 3);
        inbox_await(c, &in, i + 1);
        CHECK_EQ(in.told[i], WEIR_TOLD_ADDRESS_TRUNCATED);
        CHECK(!memcmp(room, in.expected.data.bytes, length));
        CHECK_EQ(room[length], 0xee);
        CHECK_EQ(in.message.address_room, length);
    }
    inbox_cancel(c, &in);
    CHECK_EQ(weir_pool_close(pool), 0);
    close_both(c, &a, &b);
}

/* What was told of a message is not told again of the end, which is of none; nor while the receive
 * waits for a buffer. */
static void the_end_is_of_no_message(struct contract *c)
{
    for (int kept = 0; kept < 2; kept++) {
        struct weir_handle a = {0}, b = {0};
        struct inbox       in = {.keeps = kept};
        struct weir_pool  *pool = open_pool(c, 1);
        CHECK(one_way(c, AF_INET, &a, &b, &in.expected));
        inbox_begin(&in, &b, pool, false);
        for (int i = 0; i < 1 + kept; i++)
            send_number(c, &a, i, 2 * SIZE);
        inbox_await(c, &in, 1);
        CHECK_EQ(in.told[0], WEIR_TOLD_TRUNCATED);
        for (int i = 0; i < 5; i++)
            weir_run(c->loop, WEIR_NOWAIT);
        inbox_cancel(c, &in);
        CHECK_EQ(in.op.told, 0);
        give_kept(&in);
        CHECK_EQ(weir_pool_close(pool), 0);
        close_both(c, &a, &b);
    }
}

#ifdef SO_TIMESTAMP
/* One datagram with a time stamp beside it, into so much room; of a single receive, and of one that
 * the mechanism may serve by itself. */
static void receive_stamp(struct contract *c, struct weir_handle ends[2], struct weir_pool *pool,
                          struct weir_msg *message, bool multishot)
{
    struct inbox    in = {.pool = pool};
    struct weir_op  single = {0};
    struct weir_buf bytes = {(char[SIZE]){0}, SIZE};
    send_number(c, &ends[0], 0, 9);
    if (multishot) {
        in.message = *message;
        inbox_begin(&in, &ends[1], pool, true);
        inbox_await(c, &in, 1);
        CHECK_EQ(in.told[0], in.message.told);
        inbox_cancel(c, &in);
        *message = in.message;
    } else {
        message->buffers = &bytes;
        message->count = 1;
        weir_recv_msg(&single, &ends[1], message, 0, contract_done);
        CHECK_EQ(contract_await(c, &single), 9);
    }
}

/* Control data is told as by a receive of one message, whatever its room. */
static void control_data_is_told(struct contract *c)
{
    static const uint32_t rooms[] = {0, 8, 16, 24, 31, 32, 33, 64, 79, 80, 81, 112, 200};
    struct weir_handle    ends[2] = {{0}};
    struct weir_pool     *pool = open_pool(c, 2);
    int                   one = 1;
    udp_pair(c, &ends[0], &ends[1]);
    int fd = (int)weir_handle_os(&ends[1]);
    CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_TIMESTAMP, &one, sizeof one), 0);
    for (size_t i = 0; i < sizeof rooms / sizeof rooms[0]; i++) {
        struct weir_msg            messages[2];
        _Alignas(16) unsigned char control[2][256];
        memset(control, 0xee, sizeof control);
        for (int multishot = 0; multishot < 2; multishot++) {
            messages[multishot] = (struct weir_msg){.control = control[multishot],
                                                    .control_room = rooms[i]};
            receive_stamp(c, ends, pool, &messages[multishot], multishot);
            for (size_t k = rooms[i]; k < sizeof control[0]; k++)
                CHECK_EQ(control[multishot][k], 0xee);
        }
        CHECK_EQ(messages[1].told, messages[0].told);
        CHECK_EQ(messages[1].control_length, messages[0].control_length);
        CHECK_EQ(messages[1].told & WEIR_TOLD_CONTROL_TRUNCATED,
                 rooms[i] < CMSG_LEN(sizeof(struct timeval)) ? WEIR_TOLD_CONTROL_TRUNCATED : 0);
        if (rooms[i] >= sizeof(struct cmsghdr)) /* which is the same for both; the time is not */
            CHECK(!memcmp(control[0], control[1], sizeof(struct cmsghdr)));
    }
    CHECK_EQ(out_of(pool), 0);
    CHECK_EQ(weir_pool_close(pool), 0);
    close_both(c, &ends[0], &ends[1]);
}
#else
static void control_data_is_told(struct contract *c)
{
    (void)c;
    SKIP("this system stamps no datagrams");
}
#endif

#define CUT 100

/* Datagrams that were glued (GRO) tell how long each was, with room for control data and
 * without. */
static void segments_are_told(struct contract *c)
{
    for (int with_control = 0; with_control < 2; with_control++) {
        struct weir_handle a = {0}, b = {0};
        struct inbox       in = {0};
        uint64_t           control[8];
        char               bytes[SIZE - 10];
        struct weir_pool  *pool = open_pool(c, 2);
        CHECK(one_way(c, AF_INET, &a, &b, &in.expected));
        ask_source(&in.message, &in.from);
        if (weir_option_set(&b, WEIR_OPTION_RECEIVE_OFFLOAD, 1) != 0 ||
            weir_option_set(&a, WEIR_OPTION_SEND_SEGMENT, CUT) != 0)
            SKIP(NO_OFFLOAD);
        if (with_control) {
            in.message.control = control;
            in.message.control_room = sizeof control;
        }
        inbox_begin(&in, &b, pool, true);
        for (int i = 0; i < 4; i++) {
            contract_fill(bytes, sizeof bytes, 0, (unsigned)i);
            send_one(c, &a, bytes, i % 2 ? CUT : sizeof bytes);
            inbox_await(c, &in, i + 1);
            CHECK_EQ(in.segments[i], i % 2 ? 0 : CUT);
            CHECK_EQ(in.told[i], 0);
        }
        inbox_cancel(c, &in);
        CHECK_EQ(weir_pool_close(pool), 0);
        close_both(c, &a, &b);
    }
}

/* ------------------------------------------------------------------------------------------------
 * How it goes on, and ends
 * ---------------------------------------------------------------------------------------------- */

/* Who keeps the buffers is told as many as there are; given back, it goes on. Nothing is lost. */
static void who_keeps_is_told_no_more(struct contract *c)
{
    struct weir_handle a = {0}, b = {0};
    struct inbox       in = {.keeps = true};
    struct weir_pool  *pool = open_pool(c, 3);
    CHECK(one_way(c, AF_INET, &a, &b, &in.expected));
    ask_source(&in.message, &in.from);
    inbox_begin(&in, &b, pool, true);
    for (int i = 0; i < 20; i++)
        send_number(c, &a, i, 10);
    for (int count = 3; count <= 20; count += 3) {
        inbox_await(c, &in, count);
        for (int turns = 0; turns < 4; turns++)
            weir_run(c->loop, WEIR_NOWAIT);
        CHECK_EQ(in.count, count);
        CHECK_EQ(out_of(pool), 3);
        give_kept(&in);
    }
    inbox_await(c, &in, 20);
    inbox_cancel(c, &in);
    give_kept(&in);
    CHECK_EQ(weir_pool_close(pool), 0);
    close_both(c, &a, &b);
}

/* A quota that is set while it waits, and taken away again. */
static void quota_paces_datagrams(struct contract *c)
{
    struct weir_handle a = {0}, b = {0};
    struct inbox       in = {.keeps = true};
    struct weir_pool  *pool = open_pool(c, 8);
    CHECK(one_way(c, AF_INET, &a, &b, &in.expected));
    ask_source(&in.message, &in.from);
    inbox_begin(&in, &b, pool, true);
    weir_run(c->loop, WEIR_NOWAIT);
    CHECK_EQ(weir_handle_quota(&b, 2), 0);
    for (int i = 0; i < 6; i++)
        send_number(c, &a, i, 10);
    for (int count = 2; count <= 6; count += 2) {
        inbox_await(c, &in, count);
        for (int turns = 0; turns < 4; turns++)
            weir_run(c->loop, WEIR_NOWAIT);
        CHECK_EQ(in.count, count);
        give_kept(&in);
    }
    CHECK_EQ(weir_handle_quota(&b, 0), 0);
    for (int i = 6; i < 12; i++)
        send_number(c, &a, i, 10);
    inbox_await(c, &in, 12);
    inbox_cancel(c, &in);
    give_kept(&in);
    CHECK_EQ(weir_pool_close(pool), 0);
    close_both(c, &a, &b);
}

/* A cancel from its callback: what was received is told first, and what was not stays there. */
static void cancel_loses_none(struct contract *c)
{
    struct weir_handle a = {0}, b = {0};
    struct inbox       in = {.stop_at = 2};
    struct weir_pool  *pool = open_pool(c, 4);
    char               bytes[SIZE];
    struct weir_op     recv = {0};
    CHECK(one_way(c, AF_INET, &a, &b, &in.expected));
    ask_source(&in.message, &in.from);
    for (int i = 0; i < 9; i++)
        send_number(c, &a, i, 10);
    inbox_begin(&in, &b, pool, true);
    CHECK_EQ(contract_await(c, &in.op), WEIR_ECANCELED);
    CHECK_EQ(in.ends, 1);
    for (int i = in.count; i < 9; i++) {
        weir_recv(&recv, &b, bytes, sizeof bytes, 0, contract_done);
        CHECK_EQ(contract_await(c, &recv), 10);
        CHECK(contract_filled(bytes, 10, 0, (unsigned)i));
    }
    CHECK_EQ(out_of(pool), 0);
    CHECK_EQ(weir_pool_close(pool), 0);
    close_both(c, &a, &b);
}

/* A port that nobody has, when it waits: it ends with that. */
static void errors_end_it(struct contract *c)
{
    struct weir_handle  handle = {0}, peer = {0};
    struct inbox        in = {0};
    struct weir_pool   *pool = open_pool(c, 2);
    struct weir_address nobody;
    udp_handle(c, &handle);
    nobody = udp_handle(c, &peer);
    contract_close(c, &peer);
    connect_to(c, &handle, &nobody);
    inbox_begin(&in, &handle, pool, true);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    send_one(c, &handle, "x", 1);
    CHECK_EQ(contract_await(c, &in.op), WEIR_ECONNREFUSED);
    CHECK_EQ(in.message.result, WEIR_ECONNREFUSED);
    CHECK_EQ(in.ends, 1);
    CHECK_EQ(in.count, 0);
    CHECK_EQ(weir_pool_close(pool), 0);
    contract_close(c, &handle);
}

/* A stream and datagrams, out of the same buffers, even out of one: each gets on. */
static void share_with_a_stream(struct contract *c, uint32_t buffers)
{
    struct weir_handle a = {0}, b = {0}, stream = {0};
    struct inbox       in = {0}, bytes = {0};
    struct weir_pool  *pool = open_pool(c, buffers);
    int                peer = contract_tcp_peer(c, &stream);
    CHECK(one_way(c, AF_INET, &a, &b, &in.expected));
    ask_source(&in.message, &in.from);
    inbox_begin(&bytes, &stream, pool, false);
    for (int i = 0; i < 10; i++) {
        char data[20];
        if (i == 3)
            inbox_begin(&in, &b, pool, true);
        contract_fill(data, sizeof data, 0, (unsigned)i);
        send_number(c, &a, i, 10);
        contract_raw_send(peer, data, sizeof data);
        inbox_await(c, &bytes, i + 1);
        if (i >= 3)
            inbox_await(c, &in, i + 1);
    }
    inbox_cancel(c, &bytes);
    send_number(c, &a, 10, 10);
    inbox_await(c, &in, 11);
    inbox_cancel(c, &in);
    CHECK_EQ(out_of(pool), 0);
    CHECK_EQ(weir_pool_close(pool), 0);
    contract_raw_close(peer);
    contract_close(c, &stream);
    close_both(c, &a, &b);
}

static void streams_and_datagrams_share(struct contract *c)
{
    for (uint32_t buffers = 1; buffers <= 4; buffers++)
        share_with_a_stream(c, buffers);
}

const struct contract_case contract_cases[] = {
    {"each_is_told", each_is_told, 0},
    {"short_addresses_are_told", short_addresses_are_told, 0},
    {"the_end_is_of_no_message", the_end_is_of_no_message, 0},
    {"control_data_is_told", control_data_is_told, 0},
    {"segments_are_told", segments_are_told, 0},
    {"who_keeps_is_told_no_more", who_keeps_is_told_no_more, 0},
    {"quota_paces_datagrams", quota_paces_datagrams, 0},
    {"cancel_loses_none", cancel_loses_none, 0},
    {"errors_end_it", errors_end_it, 0},
    {"streams_and_datagrams_share", streams_and_datagrams_share, 0},
    {0},
};
