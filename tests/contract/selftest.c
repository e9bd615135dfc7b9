/* SPDX-License-Identifier: MIT */
/* selftest.c - plants what the ledger must catch, a fault a case, and checks what the ledger
 * says. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host.h"
#include "torture.h"

#define LIMIT_S 5u
#define NOT_DONE "not done within 5 s"

/* Runs the planted case inside a ledger of its own; its verdict must hold `words`. */
static void expect(struct contract *c, void (*planted)(struct contract *c), unsigned flags,
                   const char *words)
{
    const struct contract_case wanted = {c->name, planted, flags};
    struct host_outcome        outcome;
    harness_run(&outcome, c, &wanted, LIMIT_S);
    if (!strstr(outcome.verdict, words))
        contract_fail(__FILE__, __LINE__, "expected \"%s\", but the verdict is: %s", words,
                      outcome.verdict);
}

/* The same where what is planted writes a report, which would puzzle whoever reads the output. */
static void quietly(struct contract *c, void (*planted)(struct contract *c), const char *words)
{
    int kept = dup(STDERR_FILENO), nowhere = open("/dev/null", O_WRONLY);
    CHECK(kept >= 0 && nowhere >= 0);
    dup2(nowhere, STDERR_FILENO);
    expect(c, planted, 0, words);
    dup2(kept, STDERR_FILENO);
    close(kept);
    close(nowhere);
}

static void plant_nothing(struct contract *c)
{
    static struct weir_op op;
    weir_nop(&op, c->loop, 0, contract_done);
    contract_run(c);
    CHECK_EQ(contract_told(&op), 1);
}

static void clean_case_passes(struct contract *c)
{
    expect(c, plant_nothing, 0, "ok");
}

static void plant_double_completion(struct contract *c)
{
    static struct weir_op op;
    weir_nop(&op, c->loop, 0, contract_done);
    weir_done *done = op.done;
    CHECK_EQ(contract_await(c, &op), 0);
    done(&op);
}

static void double_completion(struct contract *c)
{
    expect(c, plant_double_completion, 0, "done() came from an op (nop) that had ended");
}

static void plant_lost_completion(struct contract *c)
{
    static struct weir_op op;
    (void)c;
    contract_watch(&op, contract_done, "nop");
}

static void lost_completion(struct contract *c)
{
    expect(c, plant_lost_completion, 0, "a nop was started and never ended");
}

static void plant_callback_in_call(struct contract *c)
{
    static struct weir_op op;
    weir_nop(&op, c->loop, 0, contract_done);
    contract_call_begins();
    contract_run(c);
}

static void callback_in_call(struct contract *c)
{
    expect(c, plant_callback_in_call, 0, "done() of a nop ran inside a call");
}

static void plant_leaked_descriptor(struct contract *c)
{
    (void)c;
    CHECK(open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0);
}

static void leaked_descriptor(struct contract *c)
{
    expect(c, plant_leaked_descriptor, 0, "(/dev/null) was left open");
}

static void plant_closed_descriptor(struct contract *c)
{
    (void)c;
    close(STDIN_FILENO);
}

static void closed_descriptor(struct contract *c)
{
    expect(c, plant_closed_descriptor, 0, "descriptor 0 (");
}

static void plant_leaked_allocation(struct contract *c)
{
    CHECK(c->options.allocator->resize(c->options.allocator->user, NULL, 24) != NULL);
}

static void leaked_allocation(struct contract *c)
{
    expect(c, plant_leaked_allocation, 0,
           "1 blocks (24 bytes) of the loop's memory were not given");
}

/* Several: the address of the last may still lie on the stack. */
static void plant_lost_memory(struct contract *c)
{
    void *volatile lost;
    (void)c;
    for (int i = 0; i < 10; i++) {
        lost = malloc(77);
        CHECK(lost != NULL);
    }
    lost = NULL;
}

/* Memory beside the loop's is the leak checker's to find, where a sanitizer has one. */
static void lost_memory(struct contract *c)
{
    bool checked = contract_sanitized("address") || contract_sanitized("valgrind");
    quietly(c, plant_lost_memory, checked ? "memory that nobody holds" : "ok");
}

/* What is read but was never written is found by some builds, which tell it by their status. */
static const char *words_of_unwritten_memory(void)
{
    bool watched = contract_sanitized("memory") || contract_sanitized("valgrind");
    return watched ? "ended with status" : "ok";
}

static void plant_unwritten_send(struct contract *c)
{
    static struct weir_op     op;
    static struct weir_handle in, out;
    char *volatile unwritten = malloc(100);
    CHECK(unwritten != NULL);
    contract_pipe_pair(c, &in, &out);
    weir_write(&op, &out, unwritten, 100, WEIR_STREAM, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 100);
    contract_close(c, &in);
    contract_close(c, &out);
    free(unwritten);
}

static void unwritten_memory_is_sent(struct contract *c)
{
    quietly(c, plant_unwritten_send, words_of_unwritten_memory());
}

/* What was received has been written, by the kernel; what lies behind it has not. */
static void receive_five(struct contract *c, size_t looked_at)
{
    static struct weir_op     op;
    static struct weir_handle in, out;
    volatile char            *unwritten = malloc(100);
    unsigned                  set = 0;
    CHECK(unwritten != NULL);
    contract_pipe_pair(c, &in, &out);
    CHECK_EQ(weir_try_send(&out, "five ", 5, 0), 5);
    weir_recv(&op, &in, (void *)(uintptr_t)unwritten, 100, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 5);
    for (size_t i = 0; i < looked_at; i++)
        set += unwritten[i] ? 1 : 0;
    CHECK(set <= looked_at);
    contract_close(c, &in);
    contract_close(c, &out);
    free((void *)(uintptr_t)unwritten);
}

static void plant_look_at_received(struct contract *c)
{
    receive_five(c, 5);
}

static void plant_look_behind_received(struct contract *c)
{
    receive_five(c, 6);
}

static void received_memory_is_written(struct contract *c)
{
    expect(c, plant_look_at_received, 0, "ok");
    quietly(c, plant_look_behind_received, words_of_unwritten_memory());
}

static void plant_foreign_memory(struct contract *c)
{
    static uint64_t not_ours[16]; /* large enough for what stands in front of a block */
    c->options.allocator->resize(c->options.allocator->user, &not_ours[8], 0);
}

static void memory_not_the_loops(struct contract *c)
{
    expect(c, plant_foreign_memory, 0, "memory was given back that no loop was given");
}

/* A sanitizer turns the signal into a report and an exit status. */
static const char *words_of_a_fault(void)
{
    bool sanitized = contract_sanitized("address") || contract_sanitized("thread") ||
                     contract_sanitized("memory");
    return sanitized ? "ended with status" : "ended by signal 11";
}

static void plant_store_into_sealed(struct contract *c)
{
    char *buffer = contract_buffer(c, 100);
    contract_seal(c, buffer);
    *(volatile char *)buffer = 1;
}

static void store_into_sealed_buffer(struct contract *c)
{
    quietly(c, plant_store_into_sealed, words_of_a_fault());
}

static void plant_kernel_write_into_sealed(struct contract *c)
{
    char *buffer = contract_buffer(c, 100);
    contract_seal(c, buffer);
    /* The kernel writes through the protection here, as it does into pages that it had pinned. */
    int memory = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
    CHECK(memory >= 0);
    CHECK_EQ(pwrite(memory, "late", 4, (off_t)(uintptr_t)buffer), 4);
    close(memory);
}

static void kernel_write_into_sealed_buffer(struct contract *c)
{
    expect(c, plant_kernel_write_into_sealed, 0, "a sealed buffer of 100 bytes was written to");
}

static void plant_late_read(struct contract *c)
{
    int   ends[2];
    char *buffer = contract_buffer(c, 100);
    contract_seal(c, buffer);
    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(write(ends[1], "late", 4), 4);
    CHECK_EQ(read(ends[0], buffer, 4), -1);
    CHECK_EQ(errno, EFAULT);
    close(ends[0]);
    close(ends[1]);
}

static void system_call_into_sealed_buffer_fails(struct contract *c)
{
    expect(c, plant_late_read, 0, "ok");
}

static void plant_overrun(struct contract *c)
{
    char *buffer = contract_buffer(c, 100);
    *(volatile char *)(buffer + 100) = 1;
}

static void overrun(struct contract *c)
{
    quietly(c, plant_overrun, words_of_a_fault());
}

static void plant_pending(struct contract *c)
{
    static struct weir_op op;
    weir_timer(&op, c->loop, 3600 * WEIR_SECOND, 0, contract_done);
}

static void loop_left_pending(struct contract *c)
{
    quietly(c, plant_pending, "the case left 1 ops pending");
    expect(c, plant_pending, CONTRACT_LEAVES_PENDING, "ok");
}

static void plant_hang(struct contract *c)
{
    static struct weir_op op;
    weir_timer(&op, c->loop, 3600 * WEIR_SECOND, 0, contract_done);
    contract_run(c);
}

static void hang(struct contract *c)
{
    quietly(c, plant_hang, NOT_DONE);
}

static void *wait_for_ever(void *argument)
{
    (void)argument;
    pause();
    return NULL;
}

static void plant_thread(struct contract *c)
{
    static pthread_t thread;
    (void)c;
    CHECK_EQ(pthread_create(&thread, NULL, wait_for_ever, NULL), 0);
}

static void leaked_thread(struct contract *c)
{
    const struct contract_case wanted = {c->name, plant_thread, 0};
    struct host_outcome        outcome;
    harness_run(&outcome, c, &wanted, 20);
    if (!strstr(outcome.verdict, "threads, but"))
        contract_fail(__FILE__, __LINE__, "the verdict is: %s", outcome.verdict);
}

static void plant_mask(struct contract *c)
{
    sigset_t set;
    (void)c;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static void changed_signal_mask(struct contract *c)
{
    expect(c, plant_mask, 0, "the signal mask has changed");
}

static void plant_child(struct contract *c)
{
    (void)c;
    if (fork() == 0) {
        pause();
        _exit(0);
    }
}

static void leaked_child(struct contract *c)
{
    expect(c, plant_child, 0, "a child process was left");
}

static void plant_wrong_result(struct contract *c)
{
    static struct weir_op op;
    weir_nop(&op, c->loop, 0, contract_done);
    contract_run(c);
    CHECK_RESULT(&op, WEIR_ECONNRESET);
}

static void wrong_result(struct contract *c)
{
    expect(c, plant_wrong_result, 0, "&op (nop) ended 0");
    expect(c, plant_wrong_result, 0, "ECONNRESET");
}

static void plant_undeclared_skip(struct contract *c)
{
    (void)c;
    SKIP("no reason at all");
}

static void skip_is_told(struct contract *c)
{
    expect(c, plant_undeclared_skip, 0, "skip no reason at all");
}

static void plant_return(struct contract *c)
{
    (void)c;
}

static void plant_expectation(struct contract *c)
{
    contract_expect_abort(c, plant_return, "words");
}

static void abort_that_does_not_come(struct contract *c)
{
    expect(c, plant_expectation, 0, "expected an abort, but it ended with 0");
}

/* ------------------------------------------------------------------------------------------------
 * Torture: what a failure excuses, and what it does not
 * ---------------------------------------------------------------------------------------------- */

/* Runs the planted case with its nth allocation failing. */
static void expect_tortured(struct contract *c, void (*planted)(struct contract *c), unsigned nth,
                            const char *words)
{
    const struct torture_point point = {TORTURE_MEMORY, nth, false},
                               none = {TORTURE_NONE, 0, false};
    torture_plan(&point);
    expect(c, planted, 0, words);
    CHECK_EQ(torture_fired(), nth <= torture_counted());
    torture_plan(&none);
}

static void *ask(struct contract *c)
{
    return c->options.allocator->resize(c->options.allocator->user, NULL, 24);
}

static void give_back(struct contract *c, void *memory)
{
    c->options.allocator->resize(c->options.allocator->user, memory, 0);
}

/* It holds a descriptor, a pending op on the stack and a thread at a gate when it is given up. */
static void *wait_at_the_gate(void *gate)
{
    contract_gate_wait(gate);
    return NULL;
}

static void plant_unkept_promise(struct contract *c)
{
    struct weir_op         op = {0};
    struct contract_thread thread;
    struct contract_gate   gate = {0};
    CHECK(open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0);
    contract_thread_start(&thread, wait_at_the_gate, &gate);
    weir_timer(&op, c->loop, 3600 * WEIR_SECOND, 0, contract_done);
    contract_inside_begins();
    void *memory = ask(c);
    contract_inside_ends();
    CHECK(memory != NULL);
    give_back(c, memory);
    CHECK(false && "the failure came");
}

static void torture_excuses_an_unkept_promise(struct contract *c)
{
    expect_tortured(c, plant_unkept_promise, 1, "gave up selftest.c");
    expect_tortured(c, plant_unkept_promise, 2, "gave up selftest.c"); /* the timer's, or ask() */
    expect_tortured(c, plant_unkept_promise, 3, "FAIL selftest.c");
}

static void check_nothing(struct weir_op *op)
{
    CHECK_EQ(op->result, WEIR_ECONNRESET);
}

static void plant_check_in_callback(struct contract *c)
{
    static struct weir_op ops[2];
    weir_timer(&ops[0], c->loop, 3600 * WEIR_SECOND, 0, contract_done);
    weir_timer(&ops[1], c->loop, 0, 0, check_nothing);
    contract_inside_begins();
    void *memory = ask(c);
    contract_inside_ends();
    if (memory)
        give_back(c, memory);
    contract_run(c);
}

static void torture_leaves_a_callback(struct contract *c)
{
    expect_tortured(c, plant_check_in_callback, 2, "gave up selftest.c");
}

static void plant_wait_in_vain(struct contract *c)
{
    struct weir_handle a = {0}, b = {0};
    struct weir_op     op = {0};
    char               byte;
    contract_unix_pair(c, &a, &b);
    weir_recv(&op, &a, &byte, 1, 0, contract_done);
    contract_inside_begins();
    void *memory = ask(c);
    contract_inside_ends();
    if (memory)
        give_back(c, memory);
    contract_await(c, &op);
}

static void torture_ends_a_wait_in_vain(struct contract *c)
{
    expect_tortured(c, plant_wait_in_vain, 1, "gave up nothing happened any more");
}

/* Fails in turn: each of these keeps what weir must not keep. */
static void plant_block_kept(struct contract *c)
{
    contract_inside_begins();
    void *first = ask(c), *second = ask(c);
    contract_inside_ends();
    CHECK(first != NULL && second != NULL);
}

static void torture_excuses_no_leak(struct contract *c)
{
    expect_tortured(c, plant_block_kept, 2, "1 blocks (24 bytes) of the loop's memory");
}

static void plant_descriptor_kept(struct contract *c)
{
    contract_inside_begins();
    int   kept = open("/dev/null", O_RDONLY | O_CLOEXEC);
    void *memory = ask(c);
    contract_inside_ends();
    CHECK(kept >= 0 && memory != NULL);
}

static void torture_excuses_no_open_descriptor(struct contract *c)
{
    expect_tortured(c, plant_descriptor_kept, 1, "(/dev/null) was left open");
}

static void plant_own_descriptor(struct contract *c)
{
    int own = open("/dev/null", O_RDONLY | O_CLOEXEC);
    contract_inside_begins();
    void *memory = ask(c);
    contract_inside_ends();
    CHECK(own >= 0 && memory != NULL);
}

/* What the case opened itself is closed for it, what others opened is not. */
static void torture_counts_descriptors_of_a_world(struct contract *c)
{
    struct contract in_a_world = *c;
    in_a_world.engine = "sim";
    expect_tortured(&in_a_world, plant_own_descriptor, 1, "gave up selftest.c");
    expect_tortured(&in_a_world, plant_descriptor_kept, 1, "1 descriptors were left in the world");
}

static void plant_op_forgotten(struct contract *c)
{
    static struct weir_handle none;
    static struct weir_op     op;
    contract_watch(&op, contract_done, "timer");
    op = (struct weir_op){.kind = WEIR_OP_TIMER, .handle = &none};
    contract_inside_begins();
    void *memory = ask(c);
    contract_inside_ends();
    CHECK(memory != NULL);
}

static void torture_excuses_no_lost_op(struct contract *c)
{
    expect_tortured(c, plant_op_forgotten, 1, "a timer was started and never ended");
}

static void plant_op_slept_over(struct contract *c)
{
    static struct weir_handle a, b;
    static struct weir_op     op;
    contract_unix_pair(c, &a, &b);
    CHECK_EQ(weir_try_send(&b, "x", 1, 0), 1);
    contract_watch(&op, contract_done, "recv");
    op = (struct weir_op){.kind = WEIR_OP_RECV, .handle = &a};
    contract_inside_begins();
    void *memory = ask(c);
    contract_inside_ends();
    CHECK(memory != NULL);
}

static void torture_excuses_no_sleep_over_data(struct contract *c)
{
    const struct torture_point point = {TORTURE_MEMORY, 1, false}, none = {TORTURE_NONE, 0, false};
    const struct contract_case wanted = {c->name, plant_op_slept_over, 0};
    struct host_outcome        outcome;
    torture_plan(&point);
    harness_run(&outcome, c, &wanted, 20);
    torture_plan(&none);
    if (!strstr(outcome.verdict, "a recv did not end, though all that it needs was there"))
        contract_fail(__FILE__, __LINE__, "the verdict is: %s", outcome.verdict);
}

static void plant_hang_inside(struct contract *c)
{
    contract_inside_begins();
    if (!ask(c))
        while (true)
            pause();
    contract_inside_ends();
}

static void torture_excuses_no_hang(struct contract *c)
{
    const struct torture_point point = {TORTURE_MEMORY, 1, false}, none = {TORTURE_NONE, 0, false};
    torture_plan(&point);
    quietly(c, plant_hang_inside, NOT_DONE);
    torture_plan(&none);
}

/* The loops are those of the planted cases. */
const struct contract_case contract_cases[] = {
    {"clean_case_passes", clean_case_passes, CONTRACT_OWN_LOOP},
    {"double_completion", double_completion, CONTRACT_OWN_LOOP},
    {"lost_completion", lost_completion, CONTRACT_OWN_LOOP},
    {"callback_in_call", callback_in_call, CONTRACT_OWN_LOOP},
    {"leaked_descriptor", leaked_descriptor, CONTRACT_OWN_LOOP},
    {"closed_descriptor", closed_descriptor, CONTRACT_OWN_LOOP},
    {"leaked_allocation", leaked_allocation, CONTRACT_OWN_LOOP},
    {"lost_memory", lost_memory, CONTRACT_OWN_LOOP},
    {"unwritten_memory_is_sent", unwritten_memory_is_sent, CONTRACT_OWN_LOOP},
    {"received_memory_is_written", received_memory_is_written, CONTRACT_OWN_LOOP},
    {"memory_not_the_loops", memory_not_the_loops, CONTRACT_OWN_LOOP},
    {"store_into_sealed_buffer", store_into_sealed_buffer, CONTRACT_OWN_LOOP},
    {"kernel_write_into_sealed_buffer", kernel_write_into_sealed_buffer, CONTRACT_OWN_LOOP},
    {"system_call_into_sealed_buffer_fails", system_call_into_sealed_buffer_fails,
     CONTRACT_OWN_LOOP},
    {"overrun", overrun, CONTRACT_OWN_LOOP},
    {"loop_left_pending", loop_left_pending, CONTRACT_OWN_LOOP},
    {"hang", hang, CONTRACT_OWN_LOOP},
    {"leaked_thread", leaked_thread, CONTRACT_OWN_LOOP},
    {"changed_signal_mask", changed_signal_mask, CONTRACT_OWN_LOOP},
    {"leaked_child", leaked_child, CONTRACT_OWN_LOOP},
    {"wrong_result", wrong_result, CONTRACT_OWN_LOOP},
    {"skip_is_told", skip_is_told, CONTRACT_OWN_LOOP},
    {"abort_that_does_not_come", abort_that_does_not_come, CONTRACT_OWN_LOOP},
    {"torture_excuses_an_unkept_promise", torture_excuses_an_unkept_promise, CONTRACT_OWN_LOOP},
    {"torture_leaves_a_callback", torture_leaves_a_callback, CONTRACT_OWN_LOOP},
    {"torture_ends_a_wait_in_vain", torture_ends_a_wait_in_vain, CONTRACT_OWN_LOOP},
    {"torture_excuses_no_leak", torture_excuses_no_leak, CONTRACT_OWN_LOOP},
    {"torture_excuses_no_open_descriptor", torture_excuses_no_open_descriptor, CONTRACT_OWN_LOOP},
    {"torture_counts_descriptors_of_a_world", torture_counts_descriptors_of_a_world,
     CONTRACT_OWN_LOOP},
    {"torture_excuses_no_lost_op", torture_excuses_no_lost_op, CONTRACT_OWN_LOOP},
    {"torture_excuses_no_sleep_over_data", torture_excuses_no_sleep_over_data, CONTRACT_OWN_LOOP},
    {"torture_excuses_no_hang", torture_excuses_no_hang, CONTRACT_OWN_LOOP},
    {0},
};
