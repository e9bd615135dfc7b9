# SPDX-License-Identifier: MIT
# Valgrind: WEIR_LAUNCHER is what a test's program runs under, a list; empty in other builds.
set(WEIR_LAUNCHER "")
if(WEIR_VALGRIND)
    include(CheckIncludeFile)
    check_include_file(valgrind/memcheck.h WEIR_HAS_MEMCHECK_H)
    find_program(WEIR_VALGRIND_PROGRAM valgrind REQUIRED)
    if(NOT WEIR_HAS_MEMCHECK_H)
        message(FATAL_ERROR "WEIR_VALGRIND is ON, but there is no valgrind/memcheck.h")
    endif()
    add_compile_definitions(WEIR_VALGRIND)
    # One thread runs at a time: in turns, or one that spins would starve the others. What it finds
    # is told by the exit status, also of a process that a test forks.
    set(WEIR_LAUNCHER ${WEIR_VALGRIND_PROGRAM} --quiet --vgdb=no --fair-sched=yes
        --error-exitcode=99 --show-leak-kinds=definite --errors-for-leak-kinds=definite
        --num-callers=20)
endif()
