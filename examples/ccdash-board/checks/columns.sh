#!/usr/bin/env bash
# Checks that a card moves to its column and to no other; ends with 0 when all hold.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
BOARD_FILE="$(mktemp)"
export BOARD_FILE
trap 'rm -f "$BOARD_FILE"' EXIT
printf 'card-1 todo One\ncard-2 todo Two\n' >"$BOARD_FILE"

bash "$here/board.sh" move card-1 doing
[ "$(head -n 1 "$BOARD_FILE")" = "card-1 doing One" ] || { echo "card-1 did not move"; exit 1; }
[ "$(tail -n 1 "$BOARD_FILE")" = "card-2 todo Two" ] || { echo "card-2 moved too"; exit 1; }
if bash "$here/board.sh" move card-1 nowhere 2>/dev/null; then echo "an unknown column was taken"; exit 1; fi
echo "columns: 3 checks hold"
