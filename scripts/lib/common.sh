# SPDX-License-Identifier: MIT
# Pieces shared by the scripts. A script sets `root`, the checkout, and defines usage() before it
# reads this file.
cd "$root"

say()
{
    printf '%s\n' "$*"
}

die()
{
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# help_or_go "$@": answers --help. Whatever else there is, is the script's own.
help_or_go()
{
    case ${1:-} in
    -h | --help)
        usage
        exit 0
        ;;
    esac
}

# bad_usage SENTENCE
bad_usage()
{
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    usage >&2
    exit 2
}

jobs()
{
    nproc 2>/dev/null || echo 2
}

seconds_now()
{
    date +%s
}

# install_packages PACKAGE...: installs what is missing of Debian's packages; asks nothing. On other
# systems need() tells what to install.
install_packages()
{
    command -v apt-get >/dev/null && command -v dpkg-query >/dev/null || return 0
    missing=
    for package; do
        [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
            missing="$missing $package"
    done
    [ -n "$missing" ] || return 0

    as_root=
    if [ "$(id -u)" != 0 ]; then
        as_root="sudo -n"
        $as_root true 2>/dev/null ||
            die "these packages are missing, and sudo does not install them without a password; run:
    sudo apt-get install --no-install-recommends$missing"
    fi
    say "installing:$missing"
    started=$(seconds_now)
    log=$(mktemp)
    {
        $as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q &&
            $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y \
                --no-install-recommends $missing
    } </dev/null >"$log" 2>&1 || {
        tail -n 20 "$log" >&2
        rm -f "$log"
        die "apt-get could not install:$missing"
    }
    rm -f "$log"
    say "installed in $(($(seconds_now) - started)) s"
}

# foreign_packages ARCHITECTURE TRIPLET PACKAGE...: unpacks Debian's packages of another architecture
# into build-packages/ARCHITECTURE, and lets pkg-config find them there and nowhere else. Nothing of the
# system changes: apt works on lists of its own.
foreign_packages()
{
    architecture=$1 triplet=$2
    shift 2
    folder=$root/build-packages/$architecture
    if [ ! -e "$folder/complete" ]; then
        need "apt-get:apt-get, or liburing for $architecture in $folder/root"
        say "unpacking for $architecture: $*"
        quietly "$folder/unpack.log" unpack_packages "$architecture" "$folder" "$@"
        : >"$folder/complete"
    fi
    export PKG_CONFIG_LIBDIR="$folder/root/usr/lib/$triplet/pkgconfig"
    export PKG_CONFIG_SYSROOT_DIR="$folder/root"
}

# A list that cannot be had does no harm where the packages can.
unpack_packages()
{
    architecture=$1 folder=$2
    shift 2
    mkdir -p "$folder/lists/partial" "$folder/cache/archives/partial"
    : >"$folder/status"
    foreign_apt update || true
    (cd "$folder" && foreign_apt download "$@") || return 1
    for package in "$folder"/*.deb; do
        dpkg-deb -x "$package" "$folder/root" || return 1
    done
}

foreign_apt()
{
    apt-get -q -o APT::Architecture="$architecture" -o APT::Architectures="$architecture" \
        -o APT::Sandbox::User= -o Dir::State::status="$folder/status" \
        -o Dir::State::lists="$folder/lists" -o Dir::Cache="$folder/cache" "$@"
}

# need COMMAND:WHAT...: ends with the list of what is missing, if anything is.
need()
{
    lacking=
    for pair; do
        command -v "${pair%%:*}" >/dev/null || lacking="$lacking
    ${pair#*:}"
    done
    [ -z "$lacking" ] || die "install these first:$lacking"
}

need_build_tools()
{
    need "cmake:cmake (3.25 or newer)" "ninja:ninja" "cc:a C11 compiler (gcc or clang)" \
        "pkg-config:pkg-config"
    have=$(cmake --version | sed -n 's/^cmake version //p')
    oldest=$(printf '%s\n3.25\n' "$have" | sort -V | head -n 1)
    [ "$oldest" = 3.25 ] || die "cmake $have is too old: 3.25 is needed"
}

# quietly LOG COMMAND...: keeps the output of a step in LOG and shows its end if the step fails.
quietly()
{
    log=$1
    shift
    mkdir -p "$(dirname "$log")"
    "$@" >"$log" 2>&1 </dev/null || {
        grep -E -A 4 '(error|warning|CMake Error)' "$log" | head -n 40 | cut -c 1-200 >&2 || true
        tail -n 5 "$log" | cut -c 1-200 >&2
        die "failed: $* (all of it: $log)"
    }
}

# build PRESET-OR-FOLDER [--target NAME...] -- CMAKE-OPTION...: configures and builds.
build()
{
    where=$1
    shift
    targets=
    while [ "${1:-}" != -- ]; do
        targets="$targets $1"
        shift
    done
    shift
    started=$(seconds_now)
    if [ "$where" = release ]; then
        folder=build
    else
        folder=build-$where
    fi
    case $where in
    release | debug | asan | tsan | msan | valgrind | fuzz) set -- --preset "$where" "$@" ;;
    *) set -- -S . -B "$folder" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo "$@" ;;
    esac
    quietly "$folder/configure.log" cmake "$@"
    # shellcheck disable=SC2086 -- targets is a list of words
    quietly "$folder/build.log" cmake --build "$folder" --parallel "$(jobs)" $targets
    say "built $folder in $(($(seconds_now) - started)) s"
}

# suite FOLDER CTEST-OPTION...: runs CTest and adds its counts to $WEIR_COUNTS, if that is set. Leaves
# them in passed, failed and skipped. Returns 1 if something failed.
suite()
{
    folder=$1
    shift
    rm -f "$folder/results.xml"
    code=0
    # Most tests wait more than they work.
    ctest "$@" --parallel "$(($(jobs) * 2))" --output-junit "$root/$folder/results.xml" </dev/null || code=1
    attribute()
    {
        sed -n "s/.*[ \t]$1=\"\([0-9]*\)\".*/\1/p" "$folder/results.xml" | head -n 1
    }
    passed=0 failed=1 skipped=0
    if [ -s "$folder/results.xml" ]; then
        failed=$(attribute failures)
        skipped=$(($(attribute skipped) + $(attribute disabled)))
        passed=$(($(attribute tests) - failed - skipped))
    fi
    [ "$code" = 0 ] || [ "$failed" != 0 ] || failed=1
    [ -z "${WEIR_COUNTS:-}" ] || echo "$passed $failed $skipped" >>"$WEIR_COUNTS"
    [ "$failed" = 0 ]
}

# platform NAME CMAKE-OPTION...: all of it in build-NAME; unit tests, and contract and examples on two
# engines, epoll and io_uring. What another compiler, or another set of libraries, changes is the same on
# the other engines.
platform()
{
    name=$1
    shift
    need_build_tools
    build "$name" -- -DWEIR_WERROR=ON -DWEIR_BUILD_BENCH=OFF "$@"
    suite "build-$name" --test-dir "build-$name" --output-on-failure --no-tests=error \
        --tests-regex '^(unit|tool[.](usage|engines)$|(contract|examples)[.](epoll|io_uring)[.])'
}

# foreign_platform NAME TESTS: another C library or processor, by the toolchain file of that name, in
# build-NAME, with the io_uring engine: the contract's tests that match TESTS, unit tests, simulated worlds,
# scripts on all engines, and the fuzz targets' inputs. scripts/soak platforms runs every topic on every
# engine.
foreign_platform()
{
    name=$1 tests=$2
    need_build_tools
    build "$name" -- --toolchain "cmake/toolchains/$name.cmake" -DWEIR_WERROR=ON \
        -DWEIR_WITH_LIBURING=ON -DWEIR_BUILD_TOOL=OFF -DWEIR_BUILD_BENCH=OFF -DWEIR_BUILD_EXAMPLES=OFF
    [ -z "${WEIR_EVERY_ENGINE:-}" ] || tests='[a-z_-]+[.]'
    suite "build-$name" --test-dir "build-$name" --output-on-failure --no-tests=error \
        --tests-regex "^(unit|sim|differential|fuzz)[.]|^contract[.](selftest\$|($tests))"
}
