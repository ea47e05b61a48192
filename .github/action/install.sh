#!/usr/bin/env bash
# Gets kbsec for action.yml: the release of the wanted version for this machine, checked against the checksums of that
# release; where there is none, a build of the source that the action came with. Prints nothing secret, trusts no input.
#
# in:  VERSION (may be empty), ACTION_REPOSITORY (may be empty), SERVER_URL, GITHUB_ACTION_PATH, RUNNER_TEMP,
#      RUNNER_OS, RUNNER_ARCH
# out: kbsec=PATH in the file GITHUB_OUTPUT
set -euo pipefail

fail() {
    echo "::error title=kbsec::$1" >&2
    exit 2
}

# One file over HTTPS; prints the HTTP status.
get() {
    curl --silent --show-error --location --retry 3 --proto '=https' --proto-redir '=https' \
        --output "$2" --write-out '%{http_code}' "$1" || fail "cannot reach $1; run the job again"
}

digest() {
    if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d ' ' -f 1
}

target() {
    case "$RUNNER_OS-$RUNNER_ARCH" in
        Linux-X64) echo x86_64-unknown-linux-musl ;;
        Linux-ARM64) echo aarch64-unknown-linux-musl ;;
        macOS-X64) echo x86_64-apple-darwin ;;
        macOS-ARM64) echo aarch64-apple-darwin ;;
        Windows-X64) echo x86_64-pc-windows-msvc ;;
    esac
}

# Downloads the release into the folder; fails with 1 when there is none.
download() {
    local folder=$1 machine archive base status expected found
    machine=$(target)
    [ -n "$machine" ] && [ -n "$ACTION_REPOSITORY" ] || return 1
    archive="kbsec-$version-$machine.tar.gz"
    base="$SERVER_URL/$ACTION_REPOSITORY/releases/download/v$version"
    status=$(get "$base/SHA256SUMS" "$folder/SHA256SUMS") || exit 2
    [ "$status" != 404 ] || return 1
    [ "$status" = 200 ] || fail "$base/SHA256SUMS: HTTP status $status"
    expected=$(tr -d '*\r' <"$folder/SHA256SUMS" | awk -v name="$archive" '$2 == name { print $1 }')
    [ -n "$expected" ] || return 1
    status=$(get "$base/$archive" "$folder/$archive") || exit 2
    [ "$status" = 200 ] || fail "$base/$archive: HTTP status $status"
    found=$(digest "$folder/$archive")
    [ "$found" = "$expected" ] || fail "$archive does not have the checksum of its release: it is not used"
    tar -xzf "$folder/$archive" -C "$folder" || fail "$archive cannot be unpacked"
}

# Builds the source of the action; in its folder, so that no setting of the scanned repository takes part.
build() {
    [ "$version" = "$own" ] ||
        fail "there is no release $version for $RUNNER_OS $RUNNER_ARCH, and this is the source of $own; use the action at v$version"
    command -v cargo >/dev/null ||
        fail "there is no release $version for $RUNNER_OS $RUNNER_ARCH and no cargo to build it; set up Rust in a step before"
    cd "$GITHUB_ACTION_PATH"
    CARGO_TARGET_DIR="$RUNNER_TEMP/kbsec-build" CARGO_PROFILE_RELEASE_LTO=thin CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
        cargo install --locked --path . --root "$1"
    mv "$1/bin/"kbsec* "$1/"
}

own=$(sed -n 's/^version = "\([^"]*\)".*/\1/p' "$GITHUB_ACTION_PATH/Cargo.toml" | head -n 1)
version=${VERSION:-$own}
version=${version#v}
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.]+)?$ ]] || fail "the input version is not of the form 1.2.3"

# To tar, the colon of a Windows path would mean another machine.
[ "$RUNNER_OS" != Windows ] || RUNNER_TEMP=$(cygpath -u "$RUNNER_TEMP")
folder=$(mktemp -d "$RUNNER_TEMP/kbsec.XXXXXX")
download "$folder" || {
    code=$?
    [ "$code" -eq 1 ] || exit "$code"
    build "$folder"
}
program="$folder/kbsec"
[ "$RUNNER_OS" != Windows ] || program="$program.exe"
"$program" --version
echo "kbsec=$program" >>"$GITHUB_OUTPUT"
