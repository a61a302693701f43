#!/usr/bin/env bash
# From an empty folder to a function that answers, in every language and kind; then the table of docs/languages.md.
#
#   scripts/all-languages.sh [TOMBOLO [LANGUAGE]...]      default: target/release/tombolo, built if it is not there
#
# For each: `new`, `build`, `test`, and what a developer would do next: `serve` and curl, an event on the control socket,
# or `run`. Start-up is the shortest of 40 whole processes of the `command` template, compiled before; requests a second
# are the most of three runs of h2load with 8 connections against the `http` template, a fresh instance each.
# Exits with 1 when anything failed.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
all=(rust c cpp go js ts python zig)
seconds_of_load=${SECONDS_OF_LOAD:-5}

now_us() { echo "${EPOCHREALTIME/[.,]/}"; }

serve() {
    "$tombolo" serve -f tombolo.toml --listen 127.0.0.1:0 --control "unix:$PWD/control.sock" 2>serve.log &
    server=$!
    until grep -q 'serving on' serve.log; do
        kill -0 "$server" 2>/dev/null || return 1
        sleep 0.05
    done
    address=$(sed -n 's/.*serving on //p' serve.log | head -1)
}

stop() {
    kill "$server"
    wait "$server"
}

# What `curl` says to the event of a reading: its status.
event() {
    curl -s -o /dev/null -w '%{http_code}' --unix-socket control.sock -H 'ce-specversion: 1.0' -H 'ce-id: 1' \
        -H 'ce-source: /all' -H 'ce-type: reading' -H 'ce-subject: kitchen' -d "$1" http://localhost/events/greet
}

best_load() {
    for _ in 1 2 3; do
        h2load --h1 -c 8 -D "$seconds_of_load" "http://$address/" 2>/dev/null |
            sed -n 's/^finished in .*, \([0-9.]*\) req\/s.*/\1/p'
    done | sort -n | tail -1
}

best_start() {
    for _ in $(seq 40); do
        local began
        began=$(now_us)
        "$tombolo" run -f tombolo.toml greet </dev/null >/dev/null
        echo $(($(now_us) - began))
    done | sort -n | head -1
}

try_http() {
    serve
    [ "$(curl -s "http://$address/")" = 'Hello, world!' ]
    [ "$(curl -s "http://$address/Ada")" = 'Hello, Ada!' ]
    requests=$(best_load)
    stop
}

try_event() {
    serve
    [ "$(event 21.50)" = 204 ]
    [ "$(event warm)" -ge 400 ]
    stop
    grep -q 'kitchen: 21.5 °C' serve.log
}

try_command() {
    [ "$(printf 'one two\nthree\n' | "$tombolo" run -f tombolo.toml greet)" = '2 lines, 3 words' ]
    start=$(best_start)
}

# All steps in one language and kind; leaves its findings as variables in the file `found`.
steps() {
    local language=$1 kind=$2 began size requests='' start=''
    "$tombolo" new greet --lang "$language" --kind "$kind"
    cd greet
    began=$(now_us)
    "$tombolo" build
    built=$(($(now_us) - began))
    size=$("$tombolo" build 2>&1 | sed -n 's/^  \([0-9.]* [KM]\?i\?B\), .*/\1/p')
    "$tombolo" test
    case $kind in
        http) try_http ;;
        event) try_event ;;
        command) try_command ;;
    esac
    printf 'built=%q size=%q requests=%q start=%q\n' "$built" "$size" "$requests" "$start" >../found
}

check() {
    local language=$1 kind=$2 folder=$work/$1-$2 built=0 size='' requests='' start=''
    mkdir "$folder"
    # In a process of its own, so that the first step that fails is the last.
    if ! (cd "$folder" && "$here/scripts/all-languages.sh" --steps "$tombolo" "$language" "$kind") >"$folder/log" 2>&1
    then
        failed=1
        printf '%-8s %-8s FAILED\n' "$language" "$kind"
        sed 's/^/    /' "$folder/log"
        return
    fi
    # shellcheck source=/dev/null
    . "$folder/found"
    printf '%-8s %-8s %10s  built in %4d.%d s %s\n' "$language" "$kind" "$size" \
        $((built / 1000000)) $((built / 100000 % 10)) "${requests:+$requests requests/s}${start:+start-up $start µs}"
    kinds+="${kinds:+, }$kind"
    case $kind in
        http) row_size=$size row_requests=${requests%.*} ;;
        command) row_start=$start ;;
    esac
}

toolchain() {
    "$tombolo" doctor "$1" 2>/dev/null | sed -n '2p' | sed 's/^ *//; s/ *(\/.*//; s/ ([0-9a-f]\{9\} .*//; s/ (3~.*//'
}

if [ "${1:-}" = --steps ]; then
    tombolo=$2
    steps "$3" "$4"
    exit
fi
tombolo=${1:-$here/target/release/tombolo}
[ -x "$tombolo" ] || cargo build --release --manifest-path "$here/Cargo.toml" -p tombolo
tombolo=$(realpath "$tombolo")
[ $# -gt 1 ] && all=("${@:2}")
"$here/scripts/install-test-tools" tests languages >&2
unset CARGO_TARGET_DIR
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
table='| language | toolchain | kinds | size, http | start-up | requests/s |
| --- | --- | --- | --- | --- | --- |
'
for language in "${all[@]}"; do
    kinds='' row_size='' row_start=0 row_requests=''
    for kind in http event command; do check "$language" "$kind"; done
    table+="| $language | $(toolchain "$language") | $kinds | $row_size"
    table+=" | $((row_start / 1000)).$((row_start / 100 % 10)) ms | $row_requests |
"
done
printf '\n%s' "$table"
exit $failed
