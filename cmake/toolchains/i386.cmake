# SPDX-License-Identifier: MIT
# Linux on 32-bit x86, by the compiler of a 64-bit machine, which runs its programs too.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR i686)
set(CMAKE_C_COMPILER gcc)
set(CMAKE_C_FLAGS_INIT "-m32 -idirafter /usr/include/x86_64-linux-gnu")
