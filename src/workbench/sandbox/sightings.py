"""Looks which processes a command starts, and learns from the kernel how many there were.

Looked at now and then, a namespace shows only who lives just then. But it numbers its processes and threads
one after the other, so the number of one that starts after the command has ended tells how many came before.
The shell that runs the command starts that one and waits for it; here it is found, read and ended.
Standard library only. What the kernel says counts, never what a process says of itself.
"""

from __future__ import annotations

import contextlib
import os
import signal
from dataclasses import dataclass, field
from pathlib import Path

from workbench.sandbox import census

MOST_PROCESSES = 200
"""Only so many are named, and looked at at a time."""

_LARGEST_LINE = 2000
_MARKED_WORD = 6
"""Which word of the shell's line is the mark."""


def shell_line(mark: str, setting: str) -> tuple[str, ...]:
    """Returns the words to put before a command's own: a shell that runs it as its child and ends as it did.

    `setting` is shell text that comes first. What the shell would say of a killed command goes nowhere. The
    last process needs nobody to end it, so that one who looks no more delays nothing for long.
    """
    text = f"""{setting}; exec 3>&2 2>/dev/null; "$@" 2>&3 3>&-
code=$?; (exec -a "$0" /usr/bin/sleep 2); exit $code"""
    return ("/bin/bash", "--norc", "--noprofile", "-p", "-c", text, mark)


@dataclass(slots=True, kw_only=True)
class Sightings:
    """What was seen of one namespace. `mark` is the word that `shell_line` was given."""

    mark: str
    lines: dict[int, str] = field(default_factory=dict)
    _shell: tuple[int, int] | None = None
    _highest: int = 0
    _last: int = 0

    def look(self, namespace: int, *, ours: str) -> None:
        """Notes who is there now, except where the command line starts with `ours`, and ends the process that
        was started to be counted."""
        for pid in census.members(namespace, at_most=MOST_PROCESSES):
            with contextlib.suppress(OSError, ValueError, KeyError):
                # The descriptor names the process, so that a number used again is never hit by mistake.
                descriptor = os.pidfd_open(pid)
                try:
                    self._note(pid, descriptor, ours)
                finally:
                    os.close(descriptor)

    def _note(self, pid: int, descriptor: int, ours: str) -> None:
        # Read anew each time: a process becomes another program while it keeps its number.
        words = _read_words(pid)
        parent, number = _read_numbers(pid)
        self._highest = max(self._highest, number)
        if words[_MARKED_WORD : _MARKED_WORD + 1] == [self.mark]:
            # Whoever else calls itself so came later; a child looks like it until it is another program.
            if self._shell is None or number < self._shell[1]:
                self._shell = (pid, number)
            return
        if words[0] == self.mark and self._shell is not None and parent == self._shell[0]:
            # The command may do so too: then it is ended, and the real one, which comes later, counts.
            self._last = number
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            return
        line = " ".join(words)
        if line and not line.startswith(ours) and (pid in self.lines or len(self.lines) < MOST_PROCESSES):
            self.lines[pid] = line

    def count(self) -> tuple[int, bool]:
        """Returns how many processes and threads the command was, itself among them, and whether that is
        exact; else there were at least so many.

        It is not exact when the command did not come to its end, ended the shell that ran it, or used up all
        numbers.
        """
        if self._shell is None:
            return len(self.lines), False
        first = self._shell[1]
        if self._last > first and self._highest <= self._last:
            return self._last - first - 1, True
        return max(self._highest - first, len(self.lines)), False


def _read_words(pid: int) -> list[str]:
    data = Path(f"/proc/{pid}/cmdline").read_bytes()[:_LARGEST_LINE].rstrip(b"\0")
    return [os.fsdecode(word) for word in data.split(b"\0")]


def _read_numbers(pid: int) -> tuple[int, int]:
    """Returns a process's parent as we number it, and its own number in its namespace."""
    fields = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text("utf-8", "replace").splitlines()
    )
    return int(fields["PPid"]), int(fields["NSpid"].split()[-1])
