#!/usr/bin/env bash
# Runs the tests with their folders in memory, where there is room and this user may mount: a ledger waits for the
# disk at each commit, and most of what these tests ask does not depend on one. The folder is seen by this run alone
# and gone with it. Everywhere else, and in `make test-long`, they lie on the disk.
set -euo pipefail
room=$((6 * 1024 * 1024))
free=$(awk '/^MemAvailable:/ {print $2}' /proc/meminfo 2>/dev/null || echo 0)
if [ "$(id -u)" = 0 ] && [ "$free" -gt $((2 * room)) ] && unshare --mount true 2>/dev/null; then
    folder=$(mktemp -d "${TMPDIR:-/tmp}/workbench-tests.XXXXXX")
    trap 'rmdir "$folder"' EXIT
    unshare --mount --propagation slave bash -c '
        mount -t tmpfs -o size="$2k",mode=755 tmpfs "$1" 2>/dev/null || exec "${@:3}"
        exec "${@:3}" --basetemp="$1/tests"
    ' in_memory "$folder" "$room" "$@"
else
    "$@"
fi
