/* SPDX-License-Identifier: MIT */
/* streams_ttys.c - terminals: a program's own are blocking and shared with its parent, and stay
 * so. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include "contract.h"

/* A pseudo-terminal: the test types at `master`; `slave` is the program's, blocking. */
struct pty {
    int master, slave;
};

static struct pty open_pty(bool raw)
{
    struct pty     pty = {posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), -1};
    struct termios mode;
    CHECK(pty.master >= 0);
    CHECK_EQ(grantpt(pty.master), 0);
    CHECK_EQ(unlockpt(pty.master), 0);
    pty.slave = open(ptsname(pty.master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    CHECK(pty.slave >= 0);
    CHECK_EQ(tcgetattr(pty.slave, &mode), 0);
    if (raw)
        cfmakeraw(&mode);
    else
        mode.c_lflag = (mode.c_lflag | ICANON) & ~(tcflag_t)ECHO;
    CHECK_EQ(tcsetattr(pty.slave, TCSANOW, &mode), 0);
    return pty;
}

static void type(const struct pty *pty, const char *text)
{
    size_t length = strlen(text);
    CHECK_EQ(write(pty->master, text, length), length);
}

/* The other side of ops on the slave is plain: whatever weir did to its own description, the one
 * that was adopted is blocking as before. */
static void close_pty(struct contract *c, struct weir_handle *tty, const struct pty *pty)
{
    CHECK(!contract_raw_nonblocking(pty->slave));
    contract_close(c, tty);
    CHECK(!contract_raw_nonblocking(pty->slave));
    contract_raw_close(pty->slave);
    contract_raw_close(pty->master);
}

static void adopt_tty(struct contract *c, struct weir_handle *tty, const struct pty *pty)
{
    CHECK_EQ(weir_adopt(tty, c->loop, pty->slave, WEIR_BORROWED), 0);
    CHECK_EQ(weir_handle_kind(tty), WEIR_HANDLE_TTY);
}

/* The loop still turns: a timer ends while whatever is pending stays so. */
static void loop_turns(struct contract *c)
{
    struct weir_op timer = {0};
    weir_timer(&timer, c->loop, WEIR_MILLISECOND, 0, contract_done);
    CHECK_EQ(contract_await(c, &timer), 0);
}

static int64_t recv_now(struct contract *c, struct weir_handle *tty, void *data, size_t length)
{
    struct weir_op op = {0};
    weir_recv(&op, tty, data, length, 0, contract_done);
    return contract_await(c, &op);
}

static int64_t send_now(struct contract *c, struct weir_handle *tty, const void *data,
                        size_t length, unsigned flags)
{
    struct weir_op op = {0};
    weir_send(&op, tty, data, length, flags, contract_done);
    return contract_await(c, &op);
}

/* ------------------------------------------------------------------------------------------------
 * Input
 * ---------------------------------------------------------------------------------------------- */

static void raw_input_as_it_is_typed(struct contract *c)
{
    static struct weir_handle tty;
    struct weir_op            recv = {0};
    struct pty                pty = open_pty(true);
    char                      data[16];
    adopt_tty(c, &tty, &pty);
    weir_recv(&recv, &tty, data, sizeof data, 0, contract_done);
    loop_turns(c);
    CHECK(contract_live(&recv));
    type(&pty, "k");
    CHECK_EQ(contract_await(c, &recv), 1);
    CHECK_EQ(data[0], 'k');
    type(&pty, "abc");
    CHECK_EQ(recv_now(c, &tty, data, 2), 2);
    CHECK_EQ(recv_now(c, &tty, data + 2, 8), 1);
    CHECK(memcmp(data, "abc", 3) == 0);
    weir_read(&recv, &tty, data, 4, WEIR_STREAM, WEIR_ALL, contract_done);
    type(&pty, "de");
    loop_turns(c);
    CHECK(contract_live(&recv));
    type(&pty, "fgh");
    CHECK_EQ(contract_await(c, &recv), 4);
    CHECK(memcmp(data, "defg", 4) == 0);
    close_pty(c, &tty, &pty);
}

/* A line at a time, however much room there is; a half line waits for its end. */
static void canonical_input_line_by_line(struct contract *c)
{
    static struct weir_handle tty;
    struct weir_op            recv = {0};
    struct pty                pty = open_pty(false);
    char                      data[64];
    adopt_tty(c, &tty, &pty);
    weir_recv(&recv, &tty, data, sizeof data, 0, contract_done);
    type(&pty, "half");
    loop_turns(c);
    CHECK(contract_live(&recv));
    type(&pty, " a line\nsecond\n");
    CHECK_EQ(contract_await(c, &recv), 12);
    CHECK(memcmp(data, "half a line\n", 12) == 0);
    CHECK_EQ(recv_now(c, &tty, data, sizeof data), 7);
    CHECK(memcmp(data, "second\n", 7) == 0);
    close_pty(c, &tty, &pty);
}

/* Control-D is an end that can be read beyond. */
static void canonical_end_of_file_is_0(struct contract *c)
{
    static struct weir_handle tty;
    struct weir_op            recv = {0};
    struct pty                pty = open_pty(false);
    char                      data[64];
    adopt_tty(c, &tty, &pty);
    weir_recv(&recv, &tty, data, sizeof data, 0, contract_done);
    loop_turns(c);
    type(&pty, "\004");
    CHECK_EQ(contract_await(c, &recv), 0);
    type(&pty, "on\n");
    CHECK_EQ(recv_now(c, &tty, data, sizeof data), 3);
    close_pty(c, &tty, &pty);
}

/* What is typed after a cancelled receive belongs to the next one. */
static void pending_input_is_cancelled(struct contract *c)
{
    static struct weir_handle tty;
    struct weir_op            recv = {0};
    struct pty                pty = open_pty(true);
    char                      data[16];
    adopt_tty(c, &tty, &pty);
    for (int i = 0; i < 5; i++) {
        weir_recv(&recv, &tty, data, sizeof data, 0, contract_done);
        loop_turns(c);
        CHECK_EQ(weir_cancel(&recv), 0);
        CHECK_EQ(contract_await(c, &recv), WEIR_ECANCELED);
        weir_recv(&recv, &tty, data, sizeof data, 0, contract_done);
        weir_deadline(&recv, WEIR_MILLISECOND);
        CHECK_EQ(contract_await(c, &recv), WEIR_EDEADLINE);
        type(&pty, "kept");
        CHECK_EQ(recv_now(c, &tty, data, sizeof data), 4);
        CHECK(memcmp(data, "kept", 4) == 0);
    }
    close_pty(c, &tty, &pty);
}

static void close_ends_pending_input(struct contract *c)
{
    static struct weir_handle tty;
    struct weir_op            recv[3] = {{0}};
    struct pty                pty = open_pty(true);
    char                      data[3][4];
    adopt_tty(c, &tty, &pty);
    for (int i = 0; i < 3; i++)
        weir_recv(&recv[i], &tty, data[i], 4, 0, contract_done);
    loop_turns(c);
    contract_close(c, &tty);
    for (int i = 0; i < 3; i++)
        CHECK_RESULT(&recv[i], WEIR_ECANCELED);
    type(&pty, "x");
    CHECK_EQ(read(pty.slave, data, 4), 1);
    CHECK(!contract_raw_nonblocking(pty.slave));
    contract_raw_close(pty.slave);
    contract_raw_close(pty.master);
}

/* The terminal goes away under a pending receive. tty_ioctl(4): reads tell the end then. */
static void hang_up_ends_input(struct contract *c)
{
    static struct weir_handle tty;
    struct weir_op            recv = {0};
    struct pty                pty = open_pty(true);
    char                      data[4];
    adopt_tty(c, &tty, &pty);
    weir_recv(&recv, &tty, data, sizeof data, 0, contract_done);
    loop_turns(c);
    contract_raw_close(pty.master);
    int64_t result = contract_await(c, &recv);
    CHECK(result == 0 || result == WEIR_EIO);
    CHECK_EQ(recv_now(c, &tty, data, sizeof data), 0);
    CHECK_EQ(send_now(c, &tty, "x", 1, 0), WEIR_EIO);
    contract_close(c, &tty);
    contract_raw_close(pty.slave);
}

/* ------------------------------------------------------------------------------------------------
 * Output, and both
 * ---------------------------------------------------------------------------------------------- */

static void output_arrives_in_order(struct contract *c)
{
    static struct weir_handle tty;
    struct weir_op            send[3] = {{0}};
    struct pty                pty = open_pty(true);
    char                      data[16];
    adopt_tty(c, &tty, &pty);
    weir_send(&send[0], &tty, "one", 3, 0, contract_done);
    weir_write(&send[1], &tty, "two", 3, WEIR_STREAM, WEIR_ALL, contract_done);
    weir_send(&send[2], &tty, "three", 5, WEIR_ALL, contract_done);
    contract_run(c);
    contract_raw_recv(pty.master, data, 11);
    CHECK(memcmp(data, "onetwothree", 11) == 0);
    close_pty(c, &tty, &pty);
}

/* Nobody reads the terminal: the output waits, the loop does not. */
static void full_output_does_not_block(struct contract *c)
{
    static struct weir_handle tty;
    static unsigned char      data[200000], in[200000];
    struct weir_op            send = {0}, recv = {0};
    struct pty                pty = open_pty(true);
    char                      typed[4];
    size_t                    got = 0;
    contract_fill(data, sizeof data, 0, 1);
    adopt_tty(c, &tty, &pty);
    weir_send(&send, &tty, data, sizeof data, WEIR_ALL, contract_done);
    weir_recv(&recv, &tty, typed, sizeof typed, 0, contract_done);
    loop_turns(c);
    CHECK(contract_live(&send));
    type(&pty, "in");
    CHECK_EQ(contract_await(c, &recv), 2);
    CHECK(contract_live(&send));
    while (got < sizeof in)
        if (contract_raw_readable(pty.master, 0))
            got += contract_raw_recv_some(pty.master, in + got, sizeof in - got);
        else
            loop_turns(c);
    CHECK_EQ(contract_await(c, &send), sizeof data);
    CHECK(contract_filled(in, sizeof in, 0, 1));
    close_pty(c, &tty, &pty);
}

/* The controlling side cannot be opened a second time: that would be another terminal. */
static void master_side_is_served(struct contract *c)
{
    static struct weir_handle master;
    struct weir_op            recv = {0};
    struct pty                pty = open_pty(true);
    char                      data[16];
    CHECK_EQ(weir_adopt(&master, c->loop, pty.master, 0), 0);
    weir_recv(&recv, &master, data, sizeof data, 0, contract_done);
    loop_turns(c);
    CHECK(contract_live(&recv));
    CHECK(!contract_raw_nonblocking(pty.master));
    CHECK_EQ(write(pty.slave, "prompt", 6), 6);
    CHECK_EQ(contract_await(c, &recv), 6);
    CHECK(memcmp(data, "prompt", 6) == 0);
    CHECK_EQ(send_now(c, &master, "typed", 5, WEIR_ALL), 5);
    CHECK_EQ(read(pty.slave, data, sizeof data), 5);
    CHECK(memcmp(data, "typed", 5) == 0);
    weir_recv(&recv, &master, data, sizeof data, 0, contract_done);
    loop_turns(c);
    contract_raw_close(pty.slave);
    CHECK_EQ(contract_await(c, &recv), WEIR_EIO); /* what read(2) says there */
    contract_close(c, &master);
}

/* A terminal of another user cannot be opened by its name, but what was inherited works. */
static void tty_of_another_user_is_served(struct contract *c)
{
    static struct weir_handle tty;
    struct weir_op            recv = {0};
    struct pty                pty = open_pty(true);
    char                      data[16];
    CHECK_EQ(fchmod(pty.slave, 0), 0);
    uid_t user = geteuid();
    if (user == 0)
        CHECK_EQ(seteuid(65534), 0);
    adopt_tty(c, &tty, &pty);
    weir_recv(&recv, &tty, data, sizeof data, 0, contract_done);
    loop_turns(c);
    CHECK(contract_live(&recv));
    type(&pty, "typed");
    CHECK_EQ(contract_await(c, &recv), 5);
    CHECK_EQ(send_now(c, &tty, "answer", 6, WEIR_ALL), 6);
    contract_raw_recv(pty.master, data, 6);
    if (user == 0)
        CHECK_EQ(seteuid(user), 0);
    close_pty(c, &tty, &pty);
}

/* In a session without a terminal, adopting one does not make it the session's. */
static void in_a_new_session(struct contract *c)
{
    static struct weir_handle tty;
    struct pty                pty;
    CHECK(setsid() > 0);
    CHECK_EQ(contract_open(c, &c->loop, NULL), 0);
    pty = open_pty(true);
    adopt_tty(c, &tty, &pty);
    type(&pty, "x");
    char byte;
    CHECK_EQ(recv_now(c, &tty, &byte, 1), 1);
    CHECK(open("/dev/tty", O_RDWR | O_CLOEXEC) < 0);
    close_pty(c, &tty, &pty);
    contract_loop_close(c, c->loop);
    c->loop = NULL;
}

static void adopting_takes_no_controlling_terminal(struct contract *c)
{
    contract_in_fork(c, in_a_new_session);
}

/* What was close-on-exec is so at every moment: it is not set again afterwards, when another thread
 * may have forked. */
static void adopted_tty_stays_close_on_exec(struct contract *c)
{
    static struct weir_handle tty;
    struct pty                pty = open_pty(true);
    char                      byte;
    int                       number = contract_fd_copy(pty.slave);
    int                       inherited = fcntl(pty.slave, F_DUPFD, 0);
    static struct weir_handle other;
    CHECK_EQ(fcntl(number, F_SETFD, FD_CLOEXEC), 0);
    contract_deny_when(SYS_fcntl, 1, F_SETFD, EPERM);
    CHECK_EQ(weir_adopt(&tty, c->loop, number, 0), 0);
    CHECK_EQ(weir_adopt(&other, c->loop, inherited, 0), 0);
    CHECK_EQ(weir_handle_os(&tty), number);
    CHECK_EQ(fcntl(number, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(fcntl(inherited, F_GETFD), 0); /* nor is it set where it was not */
    type(&pty, "x");
    CHECK_EQ(recv_now(c, &tty, &byte, 1), 1);
    contract_close(c, &other);
    close_pty(c, &tty, &pty);
}

const struct contract_case contract_cases[] = {
    {"raw_input_as_it_is_typed", raw_input_as_it_is_typed, 0},
    {"canonical_input_line_by_line", canonical_input_line_by_line, 0},
    {"canonical_end_of_file_is_0", canonical_end_of_file_is_0, 0},
    {"pending_input_is_cancelled", pending_input_is_cancelled, 0},
    {"close_ends_pending_input", close_ends_pending_input, 0},
    {"hang_up_ends_input", hang_up_ends_input, 0},
    {"output_arrives_in_order", output_arrives_in_order, 0},
    {"full_output_does_not_block", full_output_does_not_block, 0},
    {"master_side_is_served", master_side_is_served, 0},
    {"tty_of_another_user_is_served", tty_of_another_user_is_served, 0},
    {"adopted_tty_stays_close_on_exec", adopted_tty_stays_close_on_exec, 0},
    /* The loop has to be opened in the new session. */
    {"adopting_takes_no_controlling_terminal", adopting_takes_no_controlling_terminal,
     CONTRACT_OWN_LOOP},
    {0},
};
