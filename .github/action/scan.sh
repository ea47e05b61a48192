#!/usr/bin/env bash
# Scans for action.yml: a SARIF file for code scanning, a report for the log and the summary of the job.
#
# in:  KBSEC, SCAN_PATH, ALLOW_INCOMPLETE, ANNOTATE (true or false), RUNNER_TEMP, RUNNER_OS
# out: exit-code=N and sarif=PATH (empty when there is none) in the file GITHUB_OUTPUT; the file GITHUB_STEP_SUMMARY
set -euo pipefail

# The next step of the action is no shell and reads only paths of its own system.
[ "$RUNNER_OS" != Windows ] || RUNNER_TEMP=$(cygpath -m "$RUNNER_TEMP")
folder=$(mktemp -d "$RUNNER_TEMP/kbsec-report.XXXXXX")
sarif="$folder/kbsec.sarif"
report="$folder/report.txt"
options=(scan --quiet)
[ "$ALLOW_INCOMPLETE" != true ] || options+=(--allow-incomplete)

code=0
"$KBSEC" "${options[@]}" -f sarif -o "$sarif" -- "$SCAN_PATH" || code=$?
"$KBSEC" "${options[@]}" -f text -o "$report" -- "$SCAN_PATH" || true
[ -s "$report" ] || echo "kbsec could not finish its work (exit code $code); see the log." >"$report"

# A file name may look like a command to the runner; between these two lines none is obeyed.
token=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
echo "::stop-commands::$token"
cat "$report"
echo "::$token::"
[ "$ANNOTATE" != true ] || "$KBSEC" "${options[@]}" -f github -- "$SCAN_PATH" || true

{
    case "$code" in
        0) echo "### kbsec: clean" ;;
        1) echo "### kbsec: secrets found" ;;
        3) echo "### kbsec: incomplete" ;;
        *) echo "### kbsec: the scan failed (exit code $code)" ;;
    esac
    # A summary may have 1 MiB. An empty line would end the block, and with it the quoting of what follows.
    echo "<pre>"
    head -c 200000 "$report" | sed -e 's/&/\&amp;/g' -e 's/</\&lt;/g' -e 's/>/\&gt;/g' -e 's/^[[:space:]]*$/\&#8203;/'
    echo
    echo "</pre>"
} >>"$GITHUB_STEP_SUMMARY"

case "$code" in 0 | 1 | 3) [ -s "$sarif" ] || sarif= ;; *) sarif= ;; esac
{
    echo "exit-code=$code"
    echo "sarif=$sarif"
} >>"$GITHUB_OUTPUT"
