# SPDX-License-Identifier: MIT
# The checks can fail: each finds a violation that is planted in a copy of the sources, one at a time.
. "${SOURCE:?}/tests/house/lib.sh"
make_scratch
original=$SOURCE
copy=$scratch/copy
: >"$scratch/findings"
planted=0
build=$BUILD

# plant CHECK TEXT-EXPECTED COMMAND: runs COMMAND in a fresh copy; CHECK must then print the text.
plant()
{
    planted=$((planted + 1))
    rm -rf "$copy"
    mkdir "$copy"
    (cd "$original" && tar -cf - --exclude=.git --exclude='./build*' .) | tar -C "$copy" -xf -
    (cd "$copy" && eval "$3")
    if (SOURCE=$copy BUILD=$build sh "$copy/tests/house/check_$1.sh") >"$scratch/said" 2>&1; then
        echo "check_$1.sh does not see: $3" >>"$scratch/findings"
    elif ! grep -qF -e "$2" "$scratch/said"; then
        {
            echo "check_$1.sh fails, but not with '$2', on: $3"
            cat "$scratch/said"
        } >>"$scratch/findings"
    fi
}

licence='/* SPDX-License-Identifier: MIT */'
plant text 'no line SPDX' 'echo "int x;" >src/planted.c'
plant text 'tab' 'printf "%s\n\tint x;\n" "$licence" >src/planted.c'
plant text '101 columns' 'printf "%s\n/*%97s*/\n" "$licence" x | tr " " - >src/planted.c; sed -i "1s/-/ /g" src/planted.c'
plant functions 'function planted has 62 lines' \
    '{ echo "$licence"; echo "void planted(void)"; echo "{"; yes "    x();" | head -n 60; echo "}"; } >src/planted.c'
plant functions 'src/planted.c: 701 lines' 'yes "$licence" | head -n 701 >src/planted.c'
plant functions 'is not long' 'echo "src/gone.c: a reason that is long enough" >>tests/house/long.txt'
plant floors 'floor 1 includes src/engine/planted.h of floor 2' \
    'echo >src/engine/planted.h; echo "#include \"../engine/planted.h\"" >src/os/planted.c'
plant floors 'an engine includes another one' \
    'echo >src/engine/one.h; echo "#include \"one.h\"" >src/engine/two.c'
plant floors 'outside the library' 'echo "#include \"../src/engine.h\"" >examples/planted.c'
plant floors 'belongs into src/os' 'echo "#include <sys/epoll.h>" >src/planted.c'
plant floors 'conditional compilation' 'echo "#ifdef __linux__" >src/planted.c'
plant floors 'which is nowhere' 'echo "#include \"nowhere.h\"" >src/planted.c'
plant headers 'as c99' 'echo "struct planted { struct { int a; }; };" >>include/weir/sim.h'
plant headers 'as c++17' 'echo "static int *planted = (void *)0;" >>include/weir/sim.h'
plant documents 'docs/api.md lacks: int weir_planted(void);' \
    'echo "WEIR_API int weir_planted(void);" >>include/weir.h'
plant documents 'there is no weir_planted()' 'echo "weir_planted()" >>docs/api.md'
plant documents 'leads nowhere' 'echo "[x](planted.md)" >>docs/api.md'
plant symbols 'weir_planted: declared, but not exported' \
    'echo "WEIR_API int weir_planted(void);" >>include/weir.h'
plant symbols 'weir_run: exported, but in no public header' \
    'sed -i "s/^WEIR_API int weir_run(/int weir_run(/" include/weir.h'
plant scripts 'not executable' 'chmod -x scripts/run'
plant scripts 'does not parse' 'echo "if" >>scripts/run'
if [ "$MACHINE" = x86_64 ]; then
    plant abi 'gone or changed: size struct weir_handle' \
        'sed -i "s/^struct weir_handle {/&\n    void *planted;/" include/weir.h'
    plant abi 'gone or changed: function int weir_run(' \
        'sed -i "s/^WEIR_API int weir_run(/WEIR_API long weir_run(/" include/weir.h'
    plant abi 'gone or changed: constant WEIR_ALL' \
        'sed -i "s/^#define WEIR_ALL .*/#define WEIR_ALL 0x40000000u/" include/weir.h'
    plant abi 'new: function int weir_planted(void);' \
        'echo "WEIR_API int weir_planted(void);" >>include/weir/sim.h'
fi
case $("${CLANG_FORMAT:-false}" --version) in
*" 14."*)
    plant format 'src/planted.c:2: layout differs' \
        'rm -rf bench examples include src tests/[a-gi-z]* tool; mkdir src
        printf "%s\nint x(void) {\n    return 1;\n}\n" "$licence" >src/planted.c'
    ;;
esac

# These two look at a build: a small one, of the planted file alone.
build=$copy/build-planted
# compile FOLDER/NAME TEXT
compile()
{
    object=$build/src/CMakeFiles/weir_objects.dir/$1.o
    mkdir -p "$(dirname "$object")"
    echo "$2" | "$CC" -x c -c -o "$object" -
}
plant calls 'src/engine/one.c: calls up to handle_planted of src/handle.c' \
    'compile handle.c "int handle_planted(void) { return 1; }";
    compile engine/one.c "int handle_planted(void); int one(void) { return handle_planted(); }"'
plant calls 'src/engine/one.c: calls two of another engine, src/engine/two.c' \
    'compile engine/two.c "int two(void) { return 1; }";
    compile engine/one.c "int two(void); int one(void) { return two(); }"'
plant calls 'src/post.c: uses a lock, pthread_mutex_lock' \
    'compile post.c "int pthread_mutex_lock(void *); int post(void) { return pthread_mutex_lock(0); }"'
case $("${CLANG_TIDY:-false}" --version) in
*"version 14."*)
    plant tidy 'bugprone-sizeof-expression' \
        'echo "int planted(int *p) { return (int)sizeof(sizeof(*p)); }" >src/planted.c
        mkdir -p "$build"
        cat >"$build/compile_commands.json" <<JSON
[
{
  "directory": "$copy",
  "command": "cc -c src/planted.c",
  "file": "$copy/src/planted.c"
}
]
JSON'
    ;;
esac
echo "$planted violations planted"
verdict "$scratch/findings"
