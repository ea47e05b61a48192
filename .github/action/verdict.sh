#!/usr/bin/env bash
# Decides for action.yml whether the job goes on. Only a finished scan may be green.
#
# in: CODE (the exit code of the scan), FAIL_ON_FINDINGS (true or false)
set -euo pipefail

case "$CODE/$FAIL_ON_FINDINGS" in
    0/*) ;;
    1/false) echo "::warning title=kbsec::secrets found; the job goes on because fail-on-findings is false" ;;
    1/*)
        echo "::error title=kbsec::secrets found; revoke them first, then remove them (see the summary of this job)"
        exit 1
        ;;
    3/*)
        echo "::error title=kbsec::not everything was examined (see the summary); allow-incomplete: true accepts that"
        exit 3
        ;;
    *)
        echo "::error title=kbsec::the scan could not do its work (exit code '$CODE')"
        exit 2
        ;;
esac
