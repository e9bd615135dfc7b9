# SPDX-License-Identifier: MIT
# Prints what a compiled program takes from the public headers: the signature of each function, the
# members, sizes and alignments of structures, and the values of constants; sorted, one a line.
. "${SOURCE:?}/tests/house/lib.sh"
make_scratch

(cd include && find . -name '*.h' | LC_ALL=C sort | sed 's/^\.\/\(.*\)$/#include "\1"/') >"$scratch/all.c"

# The headers' own declarations, without those of the system headers that they include.
"$CC" -std=c11 -Iinclude -E "$scratch/all.c" | awk '
    /^#/ { own = $3 ~ /^"include\//; next }
    own { print }
' >"$scratch/declarations"

# Constants that are macros without parameters: all integers.
"$CC" -std=c11 -Iinclude -E -dD "$scratch/all.c" | awk '
    /^# / { own = $3 ~ /^"include\//; next }
    own && /^#undef / { delete seen[$2] }
    own && /^#define WEIR_[A-Z0-9_]+ [^ ]/ && $2 !~ /_H$|^WEIR_API$|^WEIR_VERSION/ { seen[$2] = 1 }
    END { for (name in seen) print name }
' | LC_ALL=C sort >"$scratch/macros"

awk -v program="$scratch/values.c" -v macros="$scratch/macros" '
    function trim(s) { gsub(/[ \t]+/, " ", s); sub(/^ /, "", s); sub(/ $/, "", s); return s }
    function emit(s,    head, body, n, i, part, name) {
        s = trim(s)
        gsub(/__attribute__ ?\(\(visibility\("default"\)\)\) ?/, "", s)
        if (s == "")
            return
        if (s ~ /^(struct|union|enum) [a-z_0-9]+;$/)
            return
        if (s ~ /^static /)
            sub(/ ?\{.*/, ";", s)
        if (s !~ /^(struct|union|enum) [a-z_0-9]+ \{/) {
            print (s ~ /^typedef/ ? "" : s ~ /\(/ ? "function " : "declaration ") s
            return
        }
        head = s
        sub(/ \{.*/, "", head)
        body = s
        sub(/^[^{]*\{/, "", body)
        sub(/\}[^}]*$/, "", body)
        printf "    printf(\"size %s %%zu, alignment %%zu\\n\", sizeof(%s), _Alignof(%s));\n", \
            head, head, head > program
        if (head ~ /^enum/) {
            n = split(body, part, ",")
            for (i = 1; i <= n; i++) {
                name = trim(part[i])
                sub(/ ?=.*/, "", name)
                if (name != "")
                    printf "    printf(\"constant %s %%lld\\n\", (long long)(%s));\n", name, name > program
            }
            return
        }
        gsub(/\{/, "{;", body)
        n = split(body, part, ";")
        for (i = 1; i <= n; i++)
            if (trim(part[i]) != "")
                printf "member %s %03d: %s\n", head, i, trim(part[i])
    }
    BEGIN {
        print "#include <stdio.h>\n#include \"all.c\"\nint main(void)\n{" > program
        while ((getline name < macros) > 0)
            printf "    printf(\"constant %s %%lld\\n\", (long long)(%s));\n", name, name > program
    }
    {
        line = $0
        while (length(line)) {
            if (!match(line, /[{};]/)) { text = text line; break }
            c = substr(line, RSTART, 1)
            text = text substr(line, 1, RSTART)
            line = substr(line, RSTART + 1)
            if (c == "{") depth++
            if (c == "}") depth--
            if (depth == 0 && (c == ";" || (c == "}" && text ~ /^[ \t]*static /))) { emit(text); text = "" }
        }
        text = text " "
    }
    END { print "    return 0;\n}" > program }
' "$scratch/declarations" >"$scratch/lines"

"$CC" -std=c11 -Iinclude -I"$scratch" -o "$scratch/values" "$scratch/values.c"
"$scratch/values" >>"$scratch/lines"
LC_ALL=C sort -u "$scratch/lines"
