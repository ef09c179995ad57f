"""Tells which network names a run was refused, with the command that asks for each, as soon as it happens.

It only reads the run's events. What it could not see while the run went on, it says afterwards.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterable
from typing import Any

from workbench.cli.client import Client
from workbench.cli.output import clean, print_note
from workbench.model.errors import WorkbenchError

_ASKABLE = ("not_on_list", "port_not_on_list")


def refused_names(run_id: str, events: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Returns for each name that the proxy kept the run from a line with the command that asks for it."""
    found: dict[str, str] = {}
    for event in events:
        told = event["payload"]
        if event["tag"] == "network:refused" and told["why"] in _ASKABLE:
            entry = told["host"] if told["port"] in (80, 443) else f"{told['host']}:{told['port']}"
            found[entry] = (
                f"the network refused {entry}; to ask for it: "
                f"workbench retry {run_id} --acknowledge --allow-host {entry}"
            )
    return found


class Refusals:
    """Tells each refused name of one run once, on standard error. `is_raw` says that the terminal adds no
    carriage return to a line's end."""

    def __init__(self, run_id: str, *, is_raw: bool) -> None:
        self._run_id, self._is_raw = run_id, is_raw
        self._told: set[str] = set()
        self._lock = threading.Lock()

    def watch(self, client: Client) -> None:
        """Tells names as they are refused, from a thread that ends with the program."""
        threading.Thread(target=self._read, args=(client,), daemon=True).start()

    def tell_rest(self, run: dict[str, Any]) -> None:
        """Tells what an ended run was refused and nobody was told of yet."""
        self._is_raw = False
        self._tell(run["events"])

    def _read(self, client: Client) -> None:
        left = b""
        try:
            for data in client.stream(f"/api/runs/{self._run_id}/events"):
                *lines, left = (left + data).split(b"\n")
                told = [json.loads(line[6:]) for line in lines if line.startswith(b"data: ")]
                self._tell(told)
        except (WorkbenchError, OSError, ValueError):
            # The server went away; the run goes on, and its end tells the rest.
            return

    def _tell(self, events: Iterable[dict[str, Any]]) -> None:
        with self._lock:
            for entry, words in refused_names(self._run_id, events).items():
                if entry in self._told:
                    continue
                self._told.add(entry)
                if self._is_raw:
                    sys.stderr.write(f"\r{clean(words)}\r\n")
                    sys.stderr.flush()
                else:
                    print_note(words)
