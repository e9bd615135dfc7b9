# SPDX-License-Identifier: MIT
# Warnings, hardening and sanitizers, for this directory and those below it.
include(CheckCCompilerFlag)
include(CheckLinkerFlag)
include(CheckPIESupported)

# Adds each option that the compiler knows, so that one list serves every compiler and machine.
function(weir_compile_options)
    foreach(flag ${ARGN})
        string(MAKE_C_IDENTIFIER "weir_has${flag}" known)
        check_c_compiler_flag("-Werror ${flag}" ${known})
        if(${known})
            add_compile_options("$<$<COMPILE_LANGUAGE:C>:${flag}>")
        endif()
    endforeach()
endfunction()

function(weir_link_options)
    foreach(flag ${ARGN})
        string(MAKE_C_IDENTIFIER "weir_links${flag}" known)
        check_linker_flag(C "${flag}" ${known})
        if(${known})
            add_link_options("${flag}")
        endif()
    endforeach()
endfunction()

weir_compile_options(
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef -Wvla -Wformat=2 -Wpointer-arith
    -Wwrite-strings -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition
    # A callback or a table's function often needs only a part of what it is given.
    -Wno-unused-parameter
    # These are errors in every build: each is a defect in C11, or a case that a switch forgot.
    -Werror=switch -Werror=implicit-function-declaration -Werror=implicit-int -Werror=return-type
    -Werror=incompatible-pointer-types -Werror=int-conversion)
if(WEIR_WERROR)
    add_compile_options(-Werror)
endif()

# On a 32-bit machine too, a file has 64-bit offsets and a time outlasts 2038. No public header of weir
# has a type that depends on it.
if(CMAKE_SIZEOF_VOID_P EQUAL 4)
    add_compile_definitions(_FILE_OFFSET_BITS=64 _TIME_BITS=64)
endif()

# Only what is marked WEIR_API leaves the shared library.
if(NOT WIN32)
    set(CMAKE_C_VISIBILITY_PRESET hidden)
endif()
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
check_pie_supported(LANGUAGES C)

# Users of the static library that link with --gc-sections get only the functions that they call.
weir_compile_options(-ffunction-sections -fdata-sections)

weir_compile_options(-fstack-protector-strong)
if(NOT WIN32) # there each page of the stack is touched in its turn anyway, and gcc 12 breaks down
    weir_compile_options(-fstack-clash-protection)
endif()
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|i[3-6]86")
    weir_compile_options(-fcf-protection)
endif()
weir_link_options(-Wl,--as-needed -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)

if(WEIR_SANITIZE)
    add_compile_options(
        -fsanitize=${WEIR_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${WEIR_SANITIZE})
else()
    # Needs optimisation, and hides accesses from sanitizers.
    add_compile_options("$<$<CONFIG:Release,RelWithDebInfo,MinSizeRel>:SHELL:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2>")
    weir_link_options(-Wl,--no-undefined)
endif()
