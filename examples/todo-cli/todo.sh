#!/usr/bin/env bash
# A to-do list in a text file: one task a line, "[ ] text" or "[x] text". Needs bash and coreutils only.
set -euo pipefail

file="${TODO_FILE:-todo.txt}"

usage() {
  echo "usage: todo.sh add TEXT | list | done NUMBER" >&2
  exit 2
}

add() {
  [ "$#" -ge 1 ] || usage
  printf '[ ] %s\n' "$*" >>"$file"
}

list() {
  local number=0 line
  [ -f "$file" ] || return 0
  while IFS= read -r line; do
    number=$((number + 1))
    printf '%d %s\n' "$number" "$line"
  done <"$file"
}

mark_done() {
  [[ "${1:-}" =~ ^[1-9][0-9]*$ ]] || usage
  local lines=()
  [ -f "$file" ] && mapfile -t lines <"$file"
  if [ "$1" -gt "${#lines[@]}" ]; then
    echo "there is no task $1; the list has ${#lines[@]}" >&2
    exit 1
  fi
  lines[$1 - 1]="[x] ${lines[$1 - 1]#\[?\] }"
  printf '%s\n' "${lines[@]}" >"$file"
}

command="${1:-}"
[ "$#" -gt 0 ] && shift
case "$command" in
  add) add "$@" ;;
  list) list ;;
  done) mark_done "$@" ;;
  *) usage ;;
esac
