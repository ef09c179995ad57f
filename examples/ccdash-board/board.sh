#!/usr/bin/env bash
# A board in a text file: "ID COLUMN TEXT" a line. Needs bash and coreutils only.
set -euo pipefail
file="${BOARD_FILE:-board.txt}"

case "${1:-}" in
  show)
    for column in todo doing done; do
      printf '%s\n' "$column"
      while read -r id where text; do
        [ "$where" = "$column" ] && printf '  %s %s\n' "$id" "$text"
      done <"$file" || true
    done
    ;;
  move)
    case "${3:-}" in todo | doing | done) ;; *) echo "a column is todo, doing or done" >&2; exit 2 ;; esac
    lines=()
    while read -r id where text; do
      [ "$id" = "$2" ] && where="$3"
      lines+=("$id $where $text")
    done <"$file"
    printf '%s\n' "${lines[@]}" >"$file"
    ;;
  *) echo "usage: board.sh show | move CARD COLUMN" >&2; exit 2 ;;
esac
