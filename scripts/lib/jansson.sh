# SPDX-License-Identifier: MIT
# The tool's jansson for another system: its source, as Debian keeps it, built by that system's compiler.
# Read after common.sh.
jansson=2.14
jansson_checksum=c739578bf6b764aa0752db9a2fdadcfe921c78f1228c7ec0bb47fa804c55d17b
jansson_kept=$root/build-packages/jansson

# The machine's own sources of packages, told as sources of source.
fetch_jansson()
{
    apt=$jansson_kept/apt
    mkdir -p "$apt/parts" "$apt/lists/partial" "$apt/cache/archives/partial"
    : >"$apt/none"
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/debian.*; do
        [ ! -f "$file" ] || sed 's/^Types: deb$/Types: deb-src/; s/^deb /deb-src /' "$file" \
            >"$apt/parts/$(basename "$file")"
    done
    set -- -q -o Dir::Etc::sourcelist="$apt/none" -o Dir::Etc::sourceparts="$apt/parts" \
        -o Dir::State::lists="$apt/lists" -o Dir::Cache="$apt/cache"
    (cd "$jansson_kept" && apt-get "$@" update && apt-get "$@" --download-only source jansson) \
        >"$jansson_kept/apt.log" 2>&1
}

# jansson_source: its source, unpacked in $jansson_kept/jansson-$jansson. Returns 1 with $jansson_lacking, a
# sentence, where it cannot be had; ends the script where it is not the one that is known.
jansson_source()
{
    archive=$jansson_kept/jansson_$jansson.orig.tar.gz
    if [ ! -f "$archive" ]; then
        jansson_lacking="apt-get, which fetches jansson's source, is not installed"
        command -v apt-get >/dev/null || return 1
        fetch_jansson && [ -f "$archive" ] || {
            jansson_lacking="apt-get cannot fetch the source of jansson $jansson: $(tail -n 1 "$jansson_kept/apt.log")"
            return 1
        }
    fi
    found=$(sha256sum "$archive" | cut -d ' ' -f 1)
    [ "$found" = "$jansson_checksum" ] ||
        die "jansson $jansson has the checksum $found, and $jansson_checksum was expected"
    [ -d "$jansson_kept/jansson-$jansson" ] || tar -xzf "$archive" -C "$jansson_kept"
}

# build_jansson NAME CONFIGURE...: as a static library in build-packages/NAME, by a command that takes source,
# folder and CMake's options; pkg-config finds it there and nowhere else.
build_jansson()
{
    libraries=$root/build-packages/$1 jansson_build=$jansson_kept/$1
    shift
    "$@" "$jansson_kept/jansson-$jansson" "$jansson_build" -DCMAKE_BUILD_TYPE=Release \
        -DCMAKE_INSTALL_PREFIX="$libraries" -DJANSSON_BUILD_SHARED_LIBS=OFF -DJANSSON_BUILD_DOCS=OFF \
        -DJANSSON_EXAMPLES=OFF -DJANSSON_WITHOUT_TESTS=ON
    quietly "$jansson_build/build.log" cmake --build "$jansson_build" --target install
    export PKG_CONFIG_LIBDIR="$libraries/lib/pkgconfig"
}
