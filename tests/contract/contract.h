/* SPDX-License-Identifier: MIT */
/* contract.h - the contract harness: a case is a function, run in a process of its own, inside a
 * ledger.
 *
 * A topic is one executable, contract-<topic>, made of one file that defines contract_cases[].
 * Each case is written once and runs on every engine. The harness forks a child for it, notes
 * what the process holds (descriptors, threads, children, signal mask), opens a loop on the
 * engine with an allocator that counts, calls run(), and then closes the books:
 *
 *   - every op that was started ended exactly once, nothing came from an op that had ended, and no
 *     callback ran from inside a call that starts, cancels or closes something;
 *   - nothing is pending, and a loop with nothing pending returns from weir_run() at once;
 *   - weir_loop_close() returns 0, and every block of the loop's memory was given back;
 *   - descriptors, threads, child processes and the signal mask are as before;
 *   - buffers that were sealed hold what they held.
 *
 * Ops need no registration: this header wraps each call that starts an op, so that its done()
 * passes through the ledger. What a case does with plain weir_* calls is checked. */
#ifndef CONTRACT_H
#define CONTRACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weir.h"

/* ------------------------------------------------------------------------------------------------
 * Cases
 * ---------------------------------------------------------------------------------------------- */

/* Given to each case. A case that closes the loop itself sets c->loop = NULL; it may open others
 * with contract_open(). */
struct contract {
    const char         *engine;
    struct weir_loop   *loop;
    struct weir_options options; /* what the loop was opened with: the engine, the allocator */
    const char         *topic, *name;
    const char         *directory; /* of the case's own, empty; removed after it */
    void               *user;      /* the case's */
};

/* Flags of cases; each use says why in a comment beside it. */
#define CONTRACT_OWN_LOOP 0x1u       /* the case opens its loops; c->loop is NULL */
#define CONTRACT_LEAVES_PENDING 0x2u /* ops are pending when it returns; the close ends them */
#define CONTRACT_NO_LEDGER_HEAP 0x4u /* memory of the loop is not counted */
#define CONTRACT_SLOW 0x8u           /* four times the time limit */
#define CONTRACT_NO_VALGRIND 0x10u   /* skipped in builds for Valgrind; see its reason there */

struct contract_case {
    const char *name;
    void (*run)(struct contract *c);
    unsigned flags;
};

/* Each topic file defines it, ended by {0}. */
extern const struct contract_case contract_cases[];

/* ------------------------------------------------------------------------------------------------
 * Checks: the first that fails prints file, line and values, and ends the case. Any thread.
 * ---------------------------------------------------------------------------------------------- */

#define CHECK(expression)                                                                          \
    ((expression) ? (void)0 : contract_fail(__FILE__, __LINE__, "%s", #expression))

/* Two integers; values that are errors are named. */
#define CHECK_EQ(a, b)                                                                             \
    contract_check_equal(__FILE__, __LINE__, #a " == " #b, (int64_t)(a), (int64_t)(b))

/* An op that ended, with this result. */
#define CHECK_RESULT(op, expected)                                                                 \
    contract_check_result(__FILE__, __LINE__, #op, (op), (int64_t)(expected))

/* Leaves the case. It must be a row of tests/skips.txt, with this very reason. */
#define SKIP(reason) contract_skip(__FILE__, __LINE__, (reason))

/* The same, where the case runs in a simulated world, which has no such thing: "a simulated world
 * has no <what>". Calls of the system that a case makes itself say so by themselves. */
void contract_needs(const char *what);
bool contract_simulated(void);

/* While it is on, calls go to the system though the case is in a world, as the harness's own do. */
void contract_aside(bool on);

#if defined(__MINGW32__) /* with its own of C11 */
#define CONTRACT_PRINTF(text, first) __attribute__((format(gnu_printf, text, first)))
#elif defined(__GNUC__)
#define CONTRACT_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define CONTRACT_PRINTF(text, first)
#endif

_Noreturn void contract_fail(const char *file, int line, const char *format, ...)
    CONTRACT_PRINTF(3, 4);
_Noreturn void contract_skip(const char *file, int line, const char *reason);
/* What nothing excuses: weir broke. A failed check is, where memory was made to fail: torture.h. */
_Noreturn void contract_broken(const char *file, int line, const char *format, ...)
    CONTRACT_PRINTF(3, 4);
void contract_check_equal(const char *file, int line, const char *text, int64_t a, int64_t b);
void contract_check_result(const char *file, int line, const char *text, const struct weir_op *op,
                           int64_t expected);

/* ------------------------------------------------------------------------------------------------
 * Running the loop
 * ---------------------------------------------------------------------------------------------- */

/* weir_run(WEIR_UNTIL_DONE), which must return 0. */
void contract_run(struct contract *c);

/* weir_run(WEIR_ONCE) until the op has ended; its result. What hangs is ended by the case's time
 * limit, with weir_loop_dump(). */
int64_t contract_await(struct contract *c, struct weir_op *op);

/* weir_run(WEIR_ONCE) until *flag is not 0; for what callbacks count. */
void contract_until(struct contract *c, const int *count, int at_least);

/* Turns until the op that receives on this handle has taken all that is there; until the op whose
 * bytes come out at fd, a plain peer's, has moved some. An engine may leave both to other threads,
 * so that no number of turns is enough. */
void contract_until_taken(struct contract *c, const struct weir_handle *handle);
void contract_until_moved(struct contract *c, int fd);

/* weir_close() and waiting for its on_closed(). */
void contract_close(struct contract *c, struct weir_handle *handle);

/* Opens one more loop, counted by the ledger: `options` (or c->options when NULL) with the engine
 * and the allocator of the case where it names none. The result of weir_loop_open(). */
int contract_open(struct contract *c, struct weir_loop **loop, const struct weir_options *options);

/* weir_loop_close() with a generous time, which must return 0. */
void contract_loop_close(struct contract *c, struct weir_loop *loop);

/* n, made smaller by CONTRACT_SCALE (a number from 0 to 1 in the environment); at least 1. */
unsigned contract_count(unsigned n);

/* Whether this build has the named sanitizer: "address", "thread", "memory", or is one for
 * "valgrind". For bounds of memory, address space and time only; never to leave a check out. */
bool contract_sanitized(const char *name);

/* ------------------------------------------------------------------------------------------------
 * The ledger
 * ---------------------------------------------------------------------------------------------- */

/* A done() that does nothing: the ledger counts, as it does for every other. */
void contract_done(struct weir_op *op);

/* How often the op told something since it was last started, its end included. */
unsigned contract_told(const struct weir_op *op);

/* Whether the op was started and has not ended, as the ledger saw it. */
bool contract_live(const struct weir_op *op);

/* For calls that do not go through the wrappers below: the op is to end once, and has ended. On
 * an op that the wrappers know, both only look. */
void contract_op(struct contract *c, struct weir_op *op);
void contract_ended(struct weir_op *op);

/* An on_closed() that counts: the handle must have been closed once. How often it came for it. */
void     contract_closed(struct weir_handle *handle);
unsigned contract_closed_count(const struct weir_handle *handle);

/* What the counting allocator gave since the case began, and how many bytes are out now. */
struct contract_heap {
    uint64_t calls;  /* of any kind */
    uint64_t blocks; /* out now */
    uint64_t bytes;  /* out now */
};
struct contract_heap contract_heap(void);

/* The nth call of the counting allocator from now on fails (1: the next), every one after it too
 * when `stay`; 0 takes that back. */
void contract_heap_fail(unsigned nth, bool stay);

/* Calls of malloc, calloc, realloc, free and their kin from weir, the harness and the case. */
uint64_t contract_malloc_calls(void);

/* ------------------------------------------------------------------------------------------------
 * Buffers that tell on whoever touches them. They live until the case has ended.
 * ---------------------------------------------------------------------------------------------- */

/* Memory whose end lies against a page that nobody may touch; filled with 0xa5. */
void *contract_buffer(struct contract *c, size_t length);

/* From now on the buffer is read-only and remembered: a write by weir is a SIGSEGV, one by the
 * kernel shows as EFAULT or in the checksum, which is compared at unseal and when the case ends. */
void contract_seal(struct contract *c, void *buffer);
void contract_unseal(struct contract *c, void *buffer);

/* Fills memory with bytes that depend on their position and on seed, and checks that it holds them:
 * `at` is the position of the first byte in the whole stream. */
void contract_fill(void *data, size_t length, uint64_t at, unsigned seed);
bool contract_filled(const void *data, size_t length, uint64_t at, unsigned seed);

/* FNV-1a, to compare streams; start with hash 0. */
uint64_t contract_hash(uint64_t hash, const void *data, size_t length);

/* ------------------------------------------------------------------------------------------------
 * Peers. Everything is on loopback or unnamed; every wait is bounded and fails the case.
 * ---------------------------------------------------------------------------------------------- */

/* Two connected handles on c->loop, both made by weir: listen, connect, accept (TCP, NODELAY). */
void contract_tcp_pair(struct contract *c, struct weir_handle *a, struct weir_handle *b);

/* Two connected unix stream sockets, adopted. */
void contract_unix_pair(struct contract *c, struct weir_handle *a, struct weir_handle *b);

/* weir_pipe(): what is written to b is read from a. */
void contract_pipe_pair(struct contract *c, struct weir_handle *a, struct weir_handle *b);

/* Listens on 127.0.0.1, a port of the system's choice; the port. */
uint16_t contract_listen_any(struct contract *c, struct weir_handle *listener);

/* The same at a loopback address that no other process uses: where the case frees the port for a
 * moment, nobody takes it. */
uint16_t contract_listen_alone(struct contract *c, struct weir_handle *listener);

/* A handle connected (TCP) to a plain socket of the program, which it returns and the case
 * closes. The plain one is blocking and has NODELAY. */
int contract_tcp_peer(struct contract *c, struct weir_handle *handle);

/* The same over unix stream sockets. */
int contract_unix_peer(struct contract *c, struct weir_handle *handle);

/* 127.0.0.1:port as an address of weir's: pass address.data.bytes and address.length. */
struct weir_address contract_loopback(uint16_t port);

/* A port of 127.0.0.1 that refuses connections: bound, never listened on. *holder is a descriptor
 * for the case to close. */
uint16_t contract_refusing_port(int *holder);

/* Plain POSIX peers on 127.0.0.1: blocking descriptors, close-on-exec, for the case to close. */
int    contract_raw_connect(uint16_t port);
int    contract_raw_listen(uint16_t *port, int backlog);
int    contract_raw_accept(int listener);
void   contract_raw_send(int fd, const void *data, size_t length); /* all of it */
void   contract_raw_recv(int fd, void *data, size_t length);       /* all of it */
size_t contract_raw_recv_some(int fd, void *data, size_t length);  /* at least 1; 0 at the end */
void   contract_raw_shutdown(int fd);                              /* SHUT_WR */
void   contract_raw_close(int fd);
void   contract_raw_reset(int fd); /* SO_LINGER 0, then close */
bool   contract_raw_readable(int fd, int timeout_ms);
bool   contract_raw_nonblocking(int fd); /* O_NONBLOCK is set */

/* Whether the descriptor is open in this process; how many are; one more number for it. */
bool     contract_fd_open(intptr_t fd);
unsigned contract_fd_count(void);
int      contract_fd_copy(int fd);

/* Fills the descriptor table so that exactly `spare` more can be opened, by lowering the limit and
 * opening /dev/null; release closes them and restores the limit. */
void contract_fd_exhaust(struct contract *c, unsigned spare);
void contract_fd_release(struct contract *c);

/* A path in the case's directory that does not exist yet; the text lives until the case has
 * ended. */
const char *contract_temp_file(struct contract *c);

/* ------------------------------------------------------------------------------------------------
 * Threads and processes
 * ---------------------------------------------------------------------------------------------- */

struct contract_thread {
    void *(*run)(void *argument);
    void *argument;
    void *handle; /* the host's */
};

void  contract_thread_start(struct contract_thread *thread, void *(*run)(void *), void *argument);
void *contract_thread_join(struct contract_thread *thread);

/* How many threads the process has, kernel threads of rings included. */
unsigned contract_thread_count(void);

/* A door between threads; zeroed it is closed. Waiting is bounded and fails the case. It orders
 * memory: what was written before open is seen after wait. */
struct contract_gate {
    int opened;
};
void contract_gate_open(struct contract_gate *gate);
void contract_gate_wait(struct contract_gate *gate);

/* Lets other threads run for a moment, in loops that wait for a state that nobody announces.
 * Bounded in sum by the time limit of the case. */
void contract_breathe(void);

/* Runs `run` in a forked process, with a contract of its own whose loop (unless the case has
 * CONTRACT_OWN_LOOP) was opened there, and checks that it aborted with these words on its error
 * output. */
void contract_expect_abort(struct contract *c, void (*run)(struct contract *c), const char *words);

/* Runs `run` in a forked process that inherits everything, c->loop too. A check that fails there
 * fails the case. */
void contract_in_fork(struct contract *c, void (*run)(struct contract *c));

/* The same, and returns how it ended: its exit status, or 128 plus the signal. */
int contract_fork_status(struct contract *c, void (*run)(struct contract *c));

/* From now on the system call of this number fails with `error` (an errno) in this process, for
 * good: always, or only when the low 32 bits of an argument (0 to 5) are `value`. By a seccomp
 * filter. */
void contract_deny(int number, int error);
void contract_deny_when(int number, unsigned argument, uint32_t value, int error);

/* The next calls of this number fail with `error`, so many of them, and the others go on. Once in a
 * process, which is to be one of contract_in_fork(): a thread answers until it ends. How many have
 * failed so far. */
void     contract_deny_for_a_while(int number, int error, unsigned times);
unsigned contract_denied_times(void);

/* From now on a mechanism that would wait for ever fails with `error`; one that only looks does
 * not. */
void contract_deny_waiting(int error);

/* From now on no thread can be started: the calls fail with `error`. */
void contract_deny_threads(int error);

/* ------------------------------------------------------------------------------------------------
 * Wrappers: each call that starts an op hands the ledger's done() to weir and notes the case's,
 * and no callback may run before the call has returned.
 * ---------------------------------------------------------------------------------------------- */

/* Notes that op starts, by which call and with which done; what to give to weir in its place. */
weir_done *contract_watch(struct weir_op *op, weir_done *done, const char *call);

/* Between these, a callback on this thread fails the case. */
void contract_call_begins(void);
void contract_call_ends(void);

/* Between these, the calling thread is inside weir, but for the callbacks of the case. */
void contract_inside_begins(void);
void contract_inside_ends(void);

/* Notes whose work function it is; what to give to weir in its place. */
weir_work_call *contract_watch_work(struct weir_op *op, weir_work_call *work);

/* Notes what a poll waits for. */
void contract_watch_poll(struct weir_op *op, unsigned events, unsigned flags);

/* The calls that open, run and close a loop, which is noted. */
int contract_call_loop_open(struct weir_loop **loop, const struct weir_options *options);
int contract_call_run(struct weir_loop *loop, enum weir_run_mode mode);
int contract_call_loop_close(struct weir_loop *loop, uint64_t timeout_ns);

#ifndef CONTRACT_NO_WRAPPERS
#include "wrap.h"
#endif

#endif
