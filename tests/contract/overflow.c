/* SPDX-License-Identifier: MIT */
/* overflow.c - far more completes between two turns of the loop than its mechanism has room for:
 * ops of many kinds, then some that are cancelled and closed before anybody looked. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "contract.h"

#define STREAMS 64
#define SENDERS 12
#define ACCEPTS 12
#define READS 32
#define OTHERS 16
#define LAPS 4
#define LARGE 400000u /* bytes, more than a socket holds */
#define PIECE 512u

static struct flood {
    struct weir_handle streams[STREAMS], polled[STREAMS], senders[SENDERS], file, listener;
    struct weir_handle accepted[ACCEPTS];
    struct weir_op     recvs[STREAMS], polls[STREAMS], sends[SENDERS], accepts[ACCEPTS];
    struct weir_op     reads[READS], posts[OTHERS], timers[OTHERS], nops[OTHERS];
    int                peers[STREAMS], polled_peers[STREAMS], send_peers[SENDERS];
    int                clients[ACCEPTS];
    char               bytes[STREAMS];
    unsigned char      in[READS][PIECE];
    uint16_t           port;
} flood;

static unsigned char large[LARGE];

static void open_flood(struct contract *c)
{
    struct weir_options options = {.ring_entries = 2};
    struct weir_op      op = {0};
    unsigned char       data[READS * PIECE];
    memset(&flood, 0, sizeof flood);
    CHECK_EQ(contract_open(c, &c->loop, &options), 0);
    for (int i = 0; i < STREAMS; i++) {
        flood.peers[i] = contract_unix_peer(c, &flood.streams[i]);
        flood.polled_peers[i] = contract_unix_peer(c, &flood.polled[i]);
    }
    for (int i = 0; i < SENDERS; i++)
        flood.send_peers[i] = contract_unix_peer(c, &flood.senders[i]);
    flood.port = contract_listen_any(c, &flood.listener);
    weir_open(&op, c->loop, &flood.file, contract_temp_file(c),
              WEIR_OPEN_READ | WEIR_OPEN_WRITE | WEIR_OPEN_CREATE, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 0);
    contract_fill(data, sizeof data, 0, 6);
    CHECK_EQ(pwrite((int)weir_handle_os(&flood.file), data, sizeof data, 0), sizeof data);
    contract_fill(large, LARGE, 0, 7);
}

static void ask_for_everything(struct contract *c)
{
    for (int i = 0; i < STREAMS; i++) {
        flood.bytes[i] = 0;
        weir_recv(&flood.recvs[i], &flood.streams[i], &flood.bytes[i], 1, 0, contract_done);
        weir_poll(&flood.polls[i], &flood.polled[i], WEIR_IN, 0, contract_done);
    }
    for (int i = 0; i < SENDERS; i++)
        weir_send(&flood.sends[i], &flood.senders[i], large, LARGE, 0, contract_done);
    for (int i = 0; i < ACCEPTS; i++) {
        flood.accepted[i] = (struct weir_handle){0};
        weir_accept(&flood.accepts[i], &flood.listener, &flood.accepted[i], 0, contract_done);
    }
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    for (int i = 0; i < READS; i++)
        weir_read(&flood.reads[i], &flood.file, flood.in[i], PIECE, (uint64_t)i * PIECE, 0,
                  contract_done);
    for (int i = 0; i < OTHERS; i++) {
        weir_timer(&flood.timers[i], c->loop, 0, 0, contract_done);
        weir_nop(&flood.nops[i], c->loop, 0, contract_done);
        weir_post(&flood.posts[i], c->loop, contract_done);
    }
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
}

/* The peers bring about everything that is waited for, while the loop does not look. */
static void everything_happens(void)
{
    for (int i = 0; i < STREAMS; i++) {
        contract_raw_send(flood.peers[i], "y", 1);
        contract_raw_send(flood.polled_peers[i], "p", 1);
    }
    for (int i = 0; i < ACCEPTS; i++)
        flood.clients[i] = contract_raw_connect(flood.port);
}

static void drain(int fd, uint64_t length)
{
    static unsigned char data[LARGE];
    contract_raw_recv(fd, data, (size_t)length);
    CHECK(contract_filled(data, (size_t)length, 0, 7));
}

static void check_files_and_others(void)
{
    for (int i = 0; i < READS; i++) {
        CHECK_RESULT(&flood.reads[i], PIECE);
        CHECK(contract_filled(flood.in[i], PIECE, (uint64_t)i * PIECE, 6));
    }
    for (int i = 0; i < OTHERS; i++) {
        CHECK_RESULT(&flood.timers[i], 0);
        CHECK_RESULT(&flood.nops[i], 0);
        CHECK_RESULT(&flood.posts[i], 0);
    }
}

static void check_everything(struct contract *c)
{
    char byte;
    for (int i = 0; i < STREAMS; i++) {
        CHECK_RESULT(&flood.recvs[i], 1);
        CHECK_EQ(flood.bytes[i], 'y');
        CHECK(flood.polls[i].result & WEIR_IN);
        CHECK_EQ(weir_try_recv(&flood.polled[i], &byte, 1, 0), 1);
        CHECK_EQ(byte, 'p');
    }
    for (int i = 0; i < SENDERS; i++) {
        CHECK(flood.sends[i].result > 0);
        drain(flood.send_peers[i], (uint64_t)flood.sends[i].result);
    }
    for (int i = 0; i < ACCEPTS; i++) {
        CHECK_RESULT(&flood.accepts[i], 0);
        contract_close(c, &flood.accepted[i]);
        contract_raw_close(flood.clients[i]);
    }
    check_files_and_others();
}

static void close_flood(struct contract *c)
{
    for (int i = 0; i < STREAMS; i++) {
        weir_close(&flood.streams[i], NULL);
        weir_close(&flood.polled[i], NULL);
        contract_raw_close(flood.peers[i]);
        contract_raw_close(flood.polled_peers[i]);
    }
    for (int i = 0; i < SENDERS; i++) {
        weir_close(&flood.senders[i], NULL);
        contract_raw_close(flood.send_peers[i]);
    }
    weir_close(&flood.file, NULL);
    weir_close(&flood.listener, NULL);
    contract_run(c);
    contract_loop_close(c, c->loop);
    c->loop = NULL;
}

static void everything_completes_between_two_turns(struct contract *c)
{
    open_flood(c);
    for (int lap = 0; lap < LAPS; lap++) {
        ask_for_everything(c);
        everything_happens();
        contract_run(c);
        check_everything(c);
    }
    close_flood(c);
}

/* All is done, nobody has looked, and everything is cancelled: each tells its true result, or that
 * it was cancelled and took nothing. */
static void cancelled_before_anybody_looked(struct contract *c)
{
    char byte;
    open_flood(c);
    for (int lap = 0; lap < LAPS; lap++) {
        ask_for_everything(c);
        everything_happens();
        for (int i = 0; i < STREAMS; i++) {
            weir_cancel(&flood.recvs[i]);
            weir_cancel(&flood.polls[i]);
        }
        weir_cancel_all(&flood.listener);
        contract_run(c);
        for (int i = 0; i < STREAMS; i++) {
            bool taken = flood.recvs[i].result == 1;
            if (!taken)
                CHECK_RESULT(&flood.recvs[i], WEIR_ECANCELED);
            CHECK_EQ(weir_try_recv(&flood.streams[i], &byte, 1, 0), taken ? WEIR_EAGAIN : 1);
            CHECK_EQ(taken ? flood.bytes[i] : byte, 'y');
            CHECK_EQ(weir_try_recv(&flood.polled[i], &byte, 1, 0), 1);
        }
        for (int i = 0; i < ACCEPTS; i++) { /* those that came to nobody are in the queue */
            if (flood.accepts[i].result != 0) {
                CHECK_RESULT(&flood.accepts[i], WEIR_ECANCELED);
                weir_accept(&flood.accepts[i], &flood.listener, &flood.accepted[i], 0,
                            contract_done);
                CHECK_EQ(contract_await(c, &flood.accepts[i]), 0);
            }
            contract_close(c, &flood.accepted[i]);
            contract_raw_close(flood.clients[i]);
        }
        for (int i = 0; i < SENDERS; i++)
            drain(flood.send_peers[i], (uint64_t)flood.sends[i].result);
        check_files_and_others();
    }
    close_flood(c);
}

/* The same, and every handle is closed: connections that nobody will hear of are closed too. */
static void closed_before_anybody_looked(struct contract *c)
{
    for (int lap = 0; lap < LAPS; lap++) {
        open_flood(c);
        ask_for_everything(c);
        everything_happens();
        close_flood(c);
        for (int i = 0; i < STREAMS; i++)
            CHECK(flood.recvs[i].result == 1 || flood.recvs[i].result == WEIR_ECANCELED);
        for (int i = 0; i < ACCEPTS; i++) {
            CHECK(flood.accepts[i].result == 0 || flood.accepts[i].result == WEIR_ECANCELED);
            CHECK_EQ(weir_handle_kind(&flood.accepted[i]), WEIR_HANDLE_NONE);
            contract_raw_close(flood.clients[i]);
        }
    }
}

/* Their loops have small rings. */
const struct contract_case contract_cases[] = {
    {"everything_completes_between_two_turns", everything_completes_between_two_turns,
     CONTRACT_OWN_LOOP},
    {"cancelled_before_anybody_looked", cancelled_before_anybody_looked, CONTRACT_OWN_LOOP},
    {"closed_before_anybody_looked", closed_before_anybody_looked, CONTRACT_OWN_LOOP},
    {0},
};
