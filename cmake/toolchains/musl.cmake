# SPDX-License-Identifier: MIT
# Linux with musl as the C library, linked statically. The headers of the kernel and of liburing are
# those of the machine, behind musl's own; Debian's liburing.a calls nothing of a C library but
# calloc() and free(). Macros of musl such as FD_SET() convert signs in the lines that use them,
# and its ioctl() takes an int, which most requests overflow.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(CMAKE_C_COMPILER musl-gcc)
set(CMAKE_C_FLAGS_INIT "-idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu -Wno-sign-conversion -Wno-overflow")
set(CMAKE_EXE_LINKER_FLAGS_INIT -static)
