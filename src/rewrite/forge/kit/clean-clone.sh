#!/bin/sh
# Tells whether this clone holds commits that were taken out of the history, and how to bring your own work over.
# It changes nothing. Keep the file commit-map beside it and run it inside each clone: sh clean-clone.sh
# Exit codes: 0 no old commit is here, 1 some are, 2 it could not look.
set -u
first='@FIRST@'
map=$(dirname "$0")/commit-map
if ! git rev-parse --git-dir >/dev/null 2>&1; then
    echo "This is no clone: go into one and run the script again." >&2
    exit 2
elif [ ! -r "$map" ]; then
    echo "$map is missing: it comes with this script, put it there." >&2
    exit 2
fi
held=''
for id in $first; do
    if git cat-file -e "$id^{commit}" 2>/dev/null; then held="$held $id"; fi
done
if [ -z "$held" ]; then
    echo "clean: this clone holds none of the commits that were taken out."
    exit 0
fi
echo "This clone holds commits that were taken out. Do not push or merge from it."
refs=$(for id in $held; do git for-each-ref --contains "$id" --format='%(refname)'; done | sort -u)
here=$(git symbolic-ref --quiet --short HEAD)
echo "1. Get the new history:  git fetch --prune --tags --force"
echo "2. Move your branches:"
for ref in $refs; do
    name=${ref#refs/heads/}
    [ "$name" != "$ref" ] || continue
    # The newest commit of the branch that has a new counterpart; what follows it is your own.
    found=$(git rev-list --topo-order "$ref" | awk 'NR == FNR { new[$1] = $2; next }
        $1 in new { print $1, new[$1]; exit }' "$map" -)
    base=${found% *} new=${found#* }
    own=$(git rev-list "$base..$ref" | awk 'NR == FNR { old[$1]; next } !($1 in old)' "$map" - | grep -c .)
    case $new in *[!0]*) ;; *) new='the commit before it that was kept' ;; esac
    if [ "$own" -gt 0 ]; then
        echo "   $name, $own commits of your own:  git rebase --rebase-merges --onto $new $base $name"
    elif [ "$name" = "$here" ]; then
        echo "   $name, nothing of your own:  git reset --keep $new"
    else
        echo "   $name, nothing of your own:  git branch -f $name $new"
    fi
done
others=$(printf '%s\n' "$refs" | grep -v '^refs/heads/')
if [ -n "$others" ]; then
    echo "   These lead to old commits, too. What step 1 leaves of them, delete:"
    printf '%s\n' "$others" | sed 's/^/     /'
fi
stashes=$(git stash list | grep -c .)
if [ "$stashes" -gt 0 ]; then
    echo "   $stashes stashes:  git stash branch NAME stash@{0}  makes a branch of one, to be moved as above."
fi
echo "3. When nothing is left above, let the old commits go; your reflogs go with them:"
echo "   git reflog expire --expire=now --all && git gc --prune=now"
echo "   Then run this again. Or clone anew, and delete this clone once your work is elsewhere."
exit 1
