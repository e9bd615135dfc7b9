/* SPDX-License-Identifier: MIT */
/* syscall.h - numbers for contract_deny(), which skips the case. */
#ifndef CONTRACT_DARWIN_SYSCALL_H
#define CONTRACT_DARWIN_SYSCALL_H

enum {
    SYS_copy_file_range,
    SYS_fcntl,
    SYS_io_uring_register,
    SYS_sendfile,
    SYS_socket,
    SYS_splice
};

#endif
