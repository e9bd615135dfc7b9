# SPDX-License-Identifier: MIT
# A file includes only its own floor and lower ones; engines do not include each other; what is not
# the library sees only include/; what one system has alone stays in src/os and src/engine; and
# conditional compilation stays where a platform is chosen.
. "${SOURCE:?}/tests/house/lib.sh"
make_scratch

sources | xargs awk '
    # The floors of docs/design.md. -1: no floor, such as a system header.
    function floor(path) {
        # engine.h is the contract between the floors, and stands below them all.
        if (path ~ /^include\// || path ~ /^src\/base\// || path == "src/engine.h") return 0
        if (path ~ /^src\/(os|sim)\//) return 1
        if (path ~ /^src\/engine\//) return 2
        if (path ~ /^src\/(ready|offload)\./) return 3
        if (path ~ /^src\//) return 4
        if (path ~ /^(tool|examples|bench|tests)\//) return 5
        return -1
    }
    function exists(path,    line, there) {
        if (path in known)
            return known[path]
        there = (getline line < path) >= 0
        close(path)
        known[path] = there
        return there
    }
    # Removes "." and "x/.." from a path.
    function plain(path) {
        while (sub(/(^|\/)\.\//, "/", path)) { sub(/^\//, "", path) }
        while (path ~ /[^\/.]+\/\.\.\//) { sub(/[^\/.]+\/\.\.\//, "", path) }
        return path
    }
    function find(folder, name,    path) {
        path = plain(folder name)
        if (exists(path)) return path
        if (exists("include/" name)) return "include/" name
        if (exists("src/" name)) return "src/" name
        return ""
    }
    function complain(text) { printf "%s:%d: %s\n", FILENAME, FNR, text }

    FNR == 1 {
        folder = FILENAME
        sub(/[^\/]*$/, "", folder)
        mine = floor(FILENAME)
        depth = 0
        guard = ""
    }
    /^[ \t]*#[ \t]*include[ \t]*["<]/ {
        name = $0
        sub(/^[^"<]*["<]/, "", name)
        sub(/[">].*/, "", name)
        path = $0 ~ /</ ? (exists("include/" name) ? "include/" name : "") : find(folder, name)
        if (path == "" && $0 ~ /"/)
            complain("includes \"" name "\", which is nowhere")
        other = path == "" ? -1 : floor(path)
        if (other > mine)
            complain("floor " mine " includes " path " of floor " other)
        if (mine == 5 && path ~ /^src\// && FILENAME !~ /^tests\/(unit|fuzz)\//)
            complain("sees " path "; outside the library only tests/unit and tests/fuzz may")
        if (FILENAME ~ /^src\/engine\// && path ~ /^src\/engine\//) {
            # An engine of several files shares its first name: uring.c, uring_buffers.h.
            a = FILENAME; sub(/.*\//, "", a); sub(/[._].*/, "", a)
            b = path; sub(/.*\//, "", b); sub(/[._].*/, "", b)
            if (a != b)
                complain("an engine includes another one: " path)
        }
        if (FILENAME ~ /^(src|include)\// && FILENAME !~ /^src\/(os|engine)\// &&
            name ~ /^(linux\/|liburing|sys\/(epoll|eventfd|signalfd|timerfd|inotify|sendfile|prctl|syscall|pidfd|event|random)\.h|windows\.h|winsock|mach\/|aio\.h)/)
            complain("<" name "> belongs into src/os or src/engine")
    }
    # The guard of a header is no choice between platforms.
    /^[ \t]*#[ \t]*if/ {
        depth++
        if (FILENAME ~ /\.h$/ && depth == 1 && guard == "" && $0 ~ /^#ifndef [A-Z0-9_]+_H$/) {
            guard = $2
            next
        }
        if (FILENAME ~ /^(src|tool|examples)\// &&
            FILENAME !~ /^src\/(os|base)\// && FILENAME != "src/pick.c")
            complain("conditional compilation; it belongs into include, src/os, src/base or src/pick.c")
    }
    /^[ \t]*#[ \t]*endif/ { depth-- }
' >"$scratch/findings"
verdict "$scratch/findings"
