# SPDX-License-Identifier: MIT
# What `cmake --install` lays down serves a user: a program in C and in C++17 builds against it through
# pkg-config and through find_package(weir), shared and static, and runs.
. "${SOURCE:?}/tests/house/lib.sh"
[ -n "${CXX:-}" ] || skip "there is no C++ compiler"
command -v pkg-config >/dev/null || skip "pkg-config is not installed"
make_scratch
prefix=$scratch/prefix
consumer=tests/house/consumer

"$CMAKE" --install "$BUILD" --prefix "$prefix" >"$scratch/log" || {
    cat "$scratch/log"
    exit 1
}
# The directory of libraries differs between systems (lib, lib64, lib/x86_64-linux-gnu).
pc=$(find "$prefix" -name weir.pc)
[ -n "$pc" ] || {
    echo "no weir.pc was installed"
    exit 1
}
libraries=$(dirname "$(dirname "$pc")")
for file in "$prefix/include/weir.h" "$libraries/libweir.a" "$libraries/libweir.so.$ABI_VERSION"; do
    [ -e "$file" ] || echo "not installed: ${file#"$prefix/"}"
done >"$scratch/findings"
for page in docs/man/*.[137]; do
    [ ! -e "$page" ] || [ -e "$prefix/share/man/man${page##*.}/${page##*/}" ] ||
        echo "not installed: $page" >>"$scratch/findings"
done

ran=0
# run WHAT PROGRAM: it must say the version that the header has.
run()
{
    ran=$((ran + 1))
    said=$(timeout 20 "$2" 2>&1) && case $said in
    "weir $version on "*" ran: 0") return ;;
    esac
    echo "$1: $said" >>"$scratch/findings"
}

# compile WHAT COMMAND...
compile()
{
    what=$1
    shift
    "$@" -o "$scratch/program" >"$scratch/log" 2>&1 || {
        echo "$what does not build: $*"
        cat "$scratch/log"
        return
    } >>"$scratch/findings"
    run "$what" "$scratch/program"
}

pkg()
{
    PKG_CONFIG_PATH=$libraries/pkgconfig pkg-config "$@" weir
}

version=$(pkg --modversion)
flags=$(pkg --cflags)
shared="$(pkg --libs) -Wl,-rpath,$libraries"
static=$(pkg --static --libs | sed 's/-lweir\b/-l:libweir.a/')
c="$consumer/consumer.c"
cp "$c" "$scratch/consumer.cc"
compile "C, shared, pkg-config" "$CC" -std=c11 -Wall -Werror $flags "$c" $shared
compile "C, static, pkg-config" "$CC" -std=c11 -Wall -Werror $flags "$c" $static
compile "C++17, shared, pkg-config" "$CXX" -std=c++17 -Wall -Werror $flags "$scratch/consumer.cc" $shared
compile "C++17, static, pkg-config" "$CXX" -std=c++17 -Wall -Werror $flags "$scratch/consumer.cc" $static

if { "$CMAKE" -S "$consumer" -B "$scratch/build" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" \
    -DWANTED="$version" -DCMAKE_C_COMPILER="$CC" -DCMAKE_CXX_COMPILER="$CXX" &&
    "$CMAKE" --build "$scratch/build" --parallel 2; } >"$scratch/log" 2>&1; then
    for program in c_shared c_static cxx_shared cxx_static; do
        run "$program, find_package" "$scratch/build/$program"
    done
else
    echo "find_package(weir) does not serve:" >>"$scratch/findings"
    cat "$scratch/log" >>"$scratch/findings"
fi

if [ -x "$BUILD/weir" ]; then
    timeout 20 "$prefix/bin/weir" --version >"$scratch/log" 2>&1 && grep -qF "$version" "$scratch/log" ||
        echo "the installed tool does not tell its version" >>"$scratch/findings"
fi
echo "$ran programs ran"
verdict "$scratch/findings"
