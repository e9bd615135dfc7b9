/* SPDX-License-Identifier: MIT */
/* resolve_server.c - look-ups against a name server of the case's own, in a network of its own:
 * slow answers, and every kind of answer. resolver(3), RFC 1035. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "contract.h"
#include "own_mounts.h"

#define NO_NAMESPACE "this process may not have a network namespace of its own"

/* RFC 1035, 4.1.1: the answer codes. */
enum answer { ANSWER_ADDRESS = 0, ANSWER_FAILED = 2, ANSWER_NO_NAME = 3, ANSWER_NOTHING = 256 };

static void put_over(struct contract *c, const char *path, const char *text)
{
    const char *own = contract_temp_file(c);
    int         fd = open(own, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    CHECK(fd >= 0);
    CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
    contract_raw_close(fd);
    if (mount(own, path, "none", MS_BIND, NULL) != 0)
        SKIP(NO_MOUNT);
}

/* A world in which 127.0.0.1 answers for every name; the socket of its server. */
static int enter_own_world(struct contract *c)
{
    struct ifreq       loopback = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    enter_own_mounts();
    if (unshare(CLONE_NEWNET) != 0)
        SKIP(NO_NAMESPACE);
    put_over(c, "/etc/nsswitch.conf", "hosts: dns\n");
    put_over(c, "/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:20 attempts:1\n");
    int server = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    CHECK(server >= 0);
    CHECK_EQ(ioctl(server, SIOCSIFFLAGS, &loopback), 0);
    CHECK_EQ(bind(server, (const struct sockaddr *)(const void *)&address, sizeof address), 0);
    return server;
}

struct question {
    unsigned char      bytes[512 + 16];
    size_t             length; /* up to the end of the first question */
    struct sockaddr_in from;
};

/* Waits for a question; a worker is in its look-up for sure then. */
static void take_question(struct contract *c, int server, struct question *question)
{
    socklen_t size = sizeof question->from;
    ssize_t   length;
    while (!contract_raw_readable(server, 0)) {
        CHECK(weir_run(c->loop, WEIR_NOWAIT) >= 0);
        contract_breathe();
    }
    length = recvfrom(server, question->bytes, 512, 0, (struct sockaddr *)(void *)&question->from,
                      &size);
    CHECK(length > 12 + 5);
    question->length = 12;
    while (question->bytes[question->length])
        question->length += question->bytes[question->length] + 1u;
    question->length += 5; /* the name's end, type and class */
    CHECK(question->length <= (size_t)length);
}

static void give_answer(int server, struct question *question, enum answer answer)
{
    static const unsigned char record[16] = {0xc0, 12, 0, 1, 0,   1, 0, 0,
                                             0,    60, 0, 4, 192, 0, 2, 99};
    question->bytes[2] = 0x81; /* an answer, to one who asked for recursion */
    question->bytes[3] = (unsigned char)(0x80 | (answer & 15));
    memset(question->bytes + 6, 0, 6);
    if (answer == ANSWER_ADDRESS) {
        question->bytes[7] = 1;
        memcpy(question->bytes + question->length, record, sizeof record);
        question->length += sizeof record;
    }
    CHECK_EQ(sendto(server, question->bytes, question->length, 0,
                    (const struct sockaddr *)(const void *)&question->from, sizeof question->from),
             question->length);
}

static struct weir_lookup look_up(struct weir_address *address, const char *host)
{
    memset(address, 0xa5, sizeof *address);
    return (struct weir_lookup){.host = host,
                                .service = "1",
                                .family = AF_INET,
                                .type = SOCK_STREAM,
                                .addresses = address,
                                .room = 1};
}

/* Answers the question in hand, and those that follow, until the op has ended. */
static int64_t answer_until_ended(struct contract *c, int server, struct question *question,
                                  enum answer answer, struct weir_op *op)
{
    give_answer(server, question, answer);
    while (!weir_ended(op)) {
        if (contract_raw_readable(server, 0)) {
            take_question(c, server, question);
            give_answer(server, question, answer);
        }
        CHECK(weir_run(c->loop, WEIR_NOWAIT) >= 0);
        contract_breathe();
    }
    return op->result;
}

static void answers_have_their_errors(struct contract *c)
{
    static const struct {
        enum answer answer;
        int64_t     result;
    } answers[] = {
        {ANSWER_ADDRESS, 1},
        {ANSWER_NO_NAME, WEIR_ENONAME},
        {ANSWER_NOTHING, WEIR_ENONAME},
        {ANSWER_FAILED, WEIR_ETRYNAME},
        {ANSWER_ADDRESS, 1},
    };
    struct weir_address address;
    struct question     question;
    char                text[160];
    int                 server = enter_own_world(c);
    CHECK_EQ(contract_open(c, &c->loop, NULL), 0);
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        struct weir_lookup lookup = look_up(&address, "weir.test.");
        struct weir_op     op = {0};
        weir_resolve(&op, c->loop, &lookup, 0, contract_done);
        take_question(c, server, &question);
        CHECK_EQ(answer_until_ended(c, server, &question, answers[i].answer, &op),
                 answers[i].result);
        CHECK_EQ(op.served, WEIR_SERVED_WORKER);
    }
    CHECK(weir_address_format(&address, text, sizeof text) > 0);
    CHECK(!strcmp(text, "192.0.2.99:1"));
    contract_raw_close(server);
    contract_loop_close(c, c->loop);
    c->loop = NULL;
}

/* A running look-up cannot be ended: busy, then its true result. A queued one can. Nothing else
 * waits with them. */
static void slow_name_is_awaited(struct contract *c)
{
    struct weir_options       options = {.resolve_workers = 1};
    struct weir_address       address, never;
    struct weir_lookup        slow = look_up(&address, "slow.test.");
    struct weir_lookup        behind = look_up(&never, "behind.test.");
    struct weir_op            running = {0}, queued[2] = {{0}}, op = {0};
    static struct weir_handle file;
    struct question           question;
    int                       server = enter_own_world(c);
    CHECK_EQ(contract_open(c, &c->loop, &options), 0);
    weir_resolve(&running, c->loop, &slow, 0, contract_done);
    take_question(c, server, &question);
    for (int i = 0; i < 2; i++)
        weir_resolve(&queued[i], c->loop, &behind, 0, contract_done);
    weir_deadline(&queued[1], WEIR_MILLISECOND);
    weir_open(&op, c->loop, &file, contract_temp_file(c),
              WEIR_OPEN_READ | WEIR_OPEN_WRITE | WEIR_OPEN_CREATE, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 0);
    weir_write(&op, &file, "passing", 7, 0, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 7);
    CHECK_EQ(contract_await(c, &queued[1]), WEIR_EDEADLINE);
    CHECK_EQ(weir_cancel(&running), WEIR_EBUSY);
    CHECK_EQ(weir_cancel(&queued[0]), 0);
    CHECK_EQ(contract_await(c, &queued[0]), WEIR_ECANCELED);
    CHECK(contract_live(&running));
    CHECK_EQ(answer_until_ended(c, server, &question, ANSWER_ADDRESS, &running), 1);
    CHECK_EQ(never.length, 0xa5a5a5a5u);
    contract_raw_close(server);
    contract_loop_close(c, c->loop);
    c->loop = NULL;
}

/* The lane's workers all wait for a server: the loop can be closed once they come back. */
static void closing_awaits_slow_names(struct contract *c)
{
    struct weir_address address[3];
    struct weir_lookup  lookups[3];
    struct weir_op      ops[3] = {{0}};
    struct question     questions[2];
    int                 server = enter_own_world(c);
    CHECK_EQ(contract_open(c, &c->loop, NULL), 0);
    for (int i = 0; i < 3; i++) {
        lookups[i] = look_up(&address[i], "slow.test.");
        weir_resolve(&ops[i], c->loop, &lookups[i], 0, contract_done);
    }
    for (int i = 0; i < 2; i++)
        take_question(c, server, &questions[i]);
    CHECK_EQ(weir_loop_close(c->loop, WEIR_MILLISECOND), WEIR_EBUSY);
    CHECK_RESULT(&ops[2], WEIR_ECANCELED);
    for (int i = 0; i < 2; i++)
        give_answer(server, &questions[i], ANSWER_NO_NAME);
    contract_loop_close(c, c->loop);
    c->loop = NULL;
    for (int i = 0; i < 2; i++)
        CHECK_RESULT(&ops[i], WEIR_ENONAME);
    contract_raw_close(server);
}

/* Their loops are opened in the other world. */
const struct contract_case contract_cases[] = {
    {"answers_have_their_errors", answers_have_their_errors, CONTRACT_OWN_LOOP},
    {"slow_name_is_awaited", slow_name_is_awaited, CONTRACT_OWN_LOOP},
    {"closing_awaits_slow_names", closing_awaits_slow_names, CONTRACT_OWN_LOOP},
    {0},
};
