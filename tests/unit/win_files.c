/* SPDX-License-Identifier: MIT */
/* win_files.c - what files of Windows have of their own: names in UTF-8, and handles of others that
 * wait in each call. */
#include <winsock2.h>

#include <string.h>
#include <windows.h>

#include "unit.h"
#include "weir.h"

static struct weir_loop *loop;

static int64_t end_of(struct weir_op *op)
{
    while (!weir_ended(op))
        CHECK(weir_run(loop, WEIR_ONCE) >= 0);
    return op->result;
}

static void names_are_utf_8(void)
{
    const unsigned     mode = WEIR_OPEN_WRITE | WEIR_OPEN_CREATE | WEIR_OPEN_EXCLUSIVE;
    struct weir_handle file = {0};
    struct weir_op     op = {0};
    DeleteFileW(L"unit-win-\u00e4\u4e2d");
    weir_open(&op, loop, &file, "unit-win-\xc3\xa4\xe4\xb8\xad", mode, 0, NULL);
    CHECK_EQ(end_of(&op), 0);
    CHECK_EQ(weir_close_now(&file), 0);
    CHECK(DeleteFileW(L"unit-win-\u00e4\u4e2d"));
    weir_open(&op, loop, &file, "unit-win-\xc3(", mode, 0, NULL);
    CHECK_EQ(end_of(&op), WEIR_EILSEQ);
}

/* Its calls wait, so a worker makes them; the position is the system's, and others see it move. */
static void a_file_that_waits_is_a_workers(void)
{
    struct weir_handle file = {0};
    struct weir_op     op = {0};
    char               text[16];
    HANDLE os = CreateFileW(L"unit-win-file", GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_ALWAYS,
                            FILE_FLAG_DELETE_ON_CLOSE, NULL);
    CHECK(os != INVALID_HANDLE_VALUE);
    CHECK_EQ(weir_adopt(&file, loop, (intptr_t)os, 0), 0);
    CHECK_EQ(weir_handle_kind(&file), WEIR_HANDLE_FILE);
    weir_write(&op, &file, "0123456789", 10, WEIR_STREAM, 0, NULL);
    CHECK_EQ(end_of(&op), 10);
    CHECK_EQ(op.served, WEIR_SERVED_WORKER);
    CHECK_EQ(SetFilePointer(os, 0, NULL, FILE_CURRENT), 10);
    weir_read(&op, &file, text, 16, 6, 0, NULL);
    CHECK_EQ(end_of(&op), 4);
    CHECK(memcmp(text, "6789", 4) == 0);
    CHECK_EQ(weir_close_now(&file), 0);
}

/* No call on it could be taken back. */
static void a_pipe_that_waits_is_refused(void)
{
    struct weir_handle pipe = {0};
    HANDLE             reader, writer;
    CHECK(CreatePipe(&reader, &writer, NULL, 0));
    CHECK_EQ(weir_adopt(&pipe, loop, (intptr_t)reader, 0), WEIR_ENOTSUP);
    CHECK_EQ(weir_handle_kind(&pipe), WEIR_HANDLE_NONE);
    CHECK(CloseHandle(reader) && CloseHandle(writer));
}

/* Windows, and Wine, have other words for them. */
static void wrong_kinds_are_told_as_elsewhere(void)
{
    const unsigned     mode = WEIR_OPEN_READ | WEIR_OPEN_CREATE;
    struct weir_handle file = {0}, socket = {0};
    struct weir_op     op = {0};
    weir_open(&op, loop, &file, ".", mode, 0, NULL);
    CHECK_EQ(end_of(&op), WEIR_EISDIR);
    weir_open(&op, loop, &file, "unit-win-read", mode, 0, NULL);
    CHECK_EQ(end_of(&op), 0);
    weir_truncate(&op, &file, 0, 0, NULL);
    CHECK_EQ(end_of(&op), WEIR_EINVAL);
    CHECK_EQ(weir_close_now(&file), 0);
    CHECK(DeleteFileW(L"unit-win-read"));
    CHECK_EQ(weir_socket(&socket, loop, AF_INET, SOCK_STREAM, 0), 0);
    weir_truncate(&op, &socket, 0, 0, NULL);
    CHECK_EQ(end_of(&op), WEIR_EINVAL);
    weir_fsync(&op, &socket, 0, NULL);
    CHECK_EQ(end_of(&op), WEIR_EINVAL);
    CHECK_EQ(weir_close_now(&socket), 0);
}

int main(void)
{
    CHECK_EQ(weir_loop_open(&loop, NULL), 0);
    names_are_utf_8();
    a_file_that_waits_is_a_workers();
    a_pipe_that_waits_is_refused();
    wrong_kinds_are_told_as_elsewhere();
    CHECK_EQ(weir_loop_close(loop, WEIR_FOREVER), 0);
    return 0;
}
