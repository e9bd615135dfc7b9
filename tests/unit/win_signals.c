/* SPDX-License-Identifier: MIT */
/* win_signals.c - the console's signals as ops, told again and again, and no more once nobody
 * awaits them. */
#include <signal.h>

#include "os/win.h"
#include "unit.h"

#define TIMES 3

static struct weir_loop *loop;
static int               told;

/* There need not be a console: what it does is to call this, on a thread that it makes. */
static void press_ctrl_c(void)
{
    FARPROC routine = GetProcAddress(GetModuleHandleW(L"kernelbase.dll"), "CtrlRoutine");
    CHECK(routine != NULL);
    HANDLE thread = CreateThread(NULL, 0, (LPTHREAD_START_ROUTINE)(void (*)(void))routine,
                                 (void *)CTRL_C_EVENT, 0, NULL);
    CHECK(thread != NULL);
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
}

static void on_signal(struct weir_op *op)
{
    if (op->result < 0)
        return;
    CHECK_EQ(op->result, SIGINT);
    if (++told < TIMES)
        press_ctrl_c();
    else
        weir_cancel(op);
}

static BOOL WINAPI swallow(DWORD event)
{
    return event == CTRL_C_EVENT;
}

/* Whoever awaits it hears each one, by the thread of the system's that waits for the event. */
static void a_signal_is_told_as_often_as_it_came(void)
{
    struct weir_op many = {0}, once = {0}, hopeless = {0};
    weir_signal(&many, loop, SIGINT, WEIR_MULTISHOT, on_signal);
    weir_signal(&once, loop, SIGINT, 0, NULL);
    weir_signal(&hopeless, loop, SIGSEGV, 0, NULL);
    CHECK(weir_run(loop, WEIR_NOWAIT) >= 0);
    CHECK_EQ(hopeless.result, WEIR_EINVAL);
    press_ctrl_c();
    CHECK_EQ(weir_run(loop, WEIR_UNTIL_DONE), 0);
    CHECK_EQ(told, TIMES);
    CHECK_EQ(once.result, SIGINT);
    CHECK_EQ(many.result, WEIR_ECANCELED);
}

/* And heard again, when somebody awaits it again. */
static void a_signal_that_nobody_awaits_goes_to_others(void)
{
    struct weir_op again = {0};
    CHECK(SetConsoleCtrlHandler(swallow, TRUE));
    press_ctrl_c();
    CHECK(SetConsoleCtrlHandler(swallow, FALSE));
    weir_signal(&again, loop, SIGINT, 0, NULL);
    CHECK(weir_run(loop, WEIR_NOWAIT) >= 0);
    CHECK(!weir_ended(&again));
    press_ctrl_c();
    CHECK_EQ(weir_run(loop, WEIR_UNTIL_DONE), 0);
    CHECK_EQ(again.result, SIGINT);
}

int main(void)
{
    CHECK_EQ(weir_loop_open(&loop, NULL), 0);
    a_signal_is_told_as_often_as_it_came();
    a_signal_that_nobody_awaits_goes_to_others();
    CHECK_EQ(weir_loop_close(loop, WEIR_FOREVER), 0);
    return 0;
}
