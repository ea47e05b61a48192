#!/usr/bin/env bash
# Proves that kbsec stops a secret from inside the pre-commit framework, in real commits of a real repository.
# usage: framework.sh KBSEC PRE_COMMIT   (two programs; the hook definition is that of the newest commit here)
set -euo pipefail

program=$(realpath "$1")
framework=$(realpath "$2")
source=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Nothing of the machine's own configuration takes part.
unset "${!GIT_@}" KBSEC
export HOME="$work" GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 PRE_COMMIT_HOME="$work/framework"
export GIT_AUTHOR_NAME=Ada GIT_AUTHOR_EMAIL=ada@example.com GIT_COMMITTER_NAME=Ada GIT_COMMITTER_EMAIL=ada@example.com
mkdir "$work/bin"
ln -s "$program" "$work/bin/kbsec"
export PATH="$work/bin:$PATH"

# A GitHub token with a valid checksum, made here so that no file of the repository holds one.
secret=$(python3 -c '
import random, string, zlib
letters = string.digits + string.ascii_uppercase + string.ascii_lowercase
body = "".join(random.Random(7).choices(letters, k=30))
number, check = zlib.crc32(body.encode()), ""
for _ in range(6):
    number, digit = divmod(number, 62)
    check = letters[digit] + check
print("gh" + "p_" + body + check)')

cases=0
# Commits what is staged and checks whether it went through: expect passes|stopped WHAT
expect() {
    local before after
    before=$(git rev-parse --quiet --verify HEAD || true)
    git commit --quiet --message "$2" >"$work/said" 2>&1 </dev/null || true
    after=$(git rev-parse --quiet --verify HEAD || true)
    if [ "$1" = passes ] && [ "$before" = "$after" ] || [ "$1" = stopped ] && [ "$before" != "$after" ]; then
        echo "framework: $2: the commit should have been: $1" >&2
        cat "$work/said" >&2
        exit 1
    fi
    if grep -qF "$secret" "$work/said"; then
        echo "framework: $2: the output shows the secret" >&2
        exit 1
    fi
    cases=$((cases + 1))
}

git init --quiet "$work/project"
cd "$work/project"
cat >.pre-commit-config.yaml <<END
repos:
  - repo: $source
    rev: $(git -C "$source" rev-parse HEAD)
    hooks:
      - id: kbsec-system
END
"$framework" install >/dev/null
git add .pre-commit-config.yaml
expect passes "the first commit of a repository"

echo "token = \"$secret\"" >settings.toml
git add settings.toml
expect stopped "a staged secret"
grep -q 'exit code: 1' "$work/said" || { cat "$work/said" >&2; exit 1; }

echo 'token = "from the environment"' >settings.toml
expect stopped "a staged secret that the file on disk no longer has"

git add settings.toml
echo "token = \"$secret\"" >settings.toml
expect passes "a secret that is only in the file on disk"
grep -qF "$secret" settings.toml || { echo "framework: the change that was not staged is lost" >&2; exit 1; }

git checkout --quiet -- settings.toml
git commit --quiet --allow-empty --message "nothing changes" >"$work/said" 2>&1 || { cat "$work/said" >&2; exit 1; }
cases=$((cases + 1))

rm "$work/bin/kbsec"
echo 'note' >notes.txt
git add notes.txt
PATH="$(dirname "$framework"):$(dirname "$(command -v git)"):/usr/bin:/bin" expect stopped "kbsec is not installed"
echo "framework: all $cases cases hold"
