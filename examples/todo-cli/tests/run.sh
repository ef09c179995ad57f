#!/usr/bin/env bash
# Runs every check of the to-do list in a folder of its own; ends with 0 when all hold.
set -uo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
export TODO_FILE="$folder/list.txt"
failed=0
count=0

check() {
  local name="$1" expected="$2" actual="$3"
  count=$((count + 1))
  if [ "$expected" = "$actual" ]; then
    printf 'ok %d - %s\n' "$count" "$name"
  else
    printf 'not ok %d - %s\n  expected: %s\n  actual:   %s\n' "$count" "$name" "$expected" "$actual"
    failed=1
  fi
}

todo() { bash "$here/todo.sh" "$@" 2>&1; }

check "a list that does not exist is empty" "" "$(todo list)"
todo add "buy bread" >/dev/null
todo add "call Ann & Bob" >/dev/null
check "tasks are listed in order with their numbers" $'1 [ ] buy bread\n2 [ ] call Ann & Bob' "$(todo list)"
todo done 1 >/dev/null
check "a done task is ticked and the other is not" $'1 [x] buy bread\n2 [ ] call Ann & Bob' "$(todo list)"
todo done 1 >/dev/null
check "ticking twice changes nothing" "1 [x] buy bread" "$(todo list | head -n 1)"
check "a number beyond the list is refused with the limit" "there is no task 9; the list has 2" "$(todo done 9)"
todo done nonsense >/dev/null
check "a text instead of a number is a usage error" "2" "$?"

printf '1..%d\n' "$count"
exit "$failed"
