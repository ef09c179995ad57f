"""Keeps what the parts of a command before this one have done, as far as it changes what the next one finds.

Where it is not known what a part did, the course says so, and nothing is claimed of what comes after.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field, replace

from workbench.features.programs import SHELLS, STARTERS
from workbench.model.verdict import CommandFacts, Effect

PATTERN = re.compile(r"[$`*?\[\]{}<>()~\\!]")
_ASKERS = frozenset({"command", "which", "type", "hash"})
_REWRITERS = frozenset({"git", "cmake", "meson", "configure", "autoreconf", "tar", "unzip", "patch"})


@dataclass(slots=True)
class Course:
    """What the parts of a command before this one have done, as far as it is known."""

    written: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    added: tuple[str, ...] = ()
    is_path_open: bool = False
    is_known: bool = True
    may_rewrite: bool = False
    has_moved: bool = False
    is_lost: bool = False
    # Folders that a package manager puts before the PATH, and whether PYTHONPATH or the like may be set.
    bins: tuple[str, ...] = ()
    is_python_open: bool = False

    def inside(self) -> Course:
        """Returns the course as a shell finds it that is started now."""
        return replace(
            self,
            written={*self.written},
            asked={*self.asked},
            names={*self.names},
            has_moved=False,
            is_lost=False,
        )

    def may_make(self, path: str) -> bool:
        return not self.is_known or any(
            path == made or path.startswith(made + "/") or made.startswith(path + "/")
            for made in self.written
        )

    def go_on(self, call: CommandFacts) -> None:
        name = posixpath.basename(call.argv[0])
        if name in ("test", "["):
            self.asked |= {*call.reads}
        if name in _ASKERS and (name != "command" or {"-v", "-V"} & {*call.argv}):
            self.names |= {*call.argv[1:]}
        if name in ("source", "."):
            # What is sourced may set the PATH; of an environment it is known where it leads.
            script = next(iter(call.reads), "")
            folder = posixpath.dirname(script)
            is_environment = posixpath.basename(script) == "activate"
            self.added += (folder,) if is_environment else ()
            self.is_path_open = self.is_path_open or not is_environment
        if name in _REWRITERS:
            self.may_rewrite = True
        self.written |= {*call.writes}
        is_wrapper = name in STARTERS and (name not in SHELLS or "-c" in call.argv)
        is_plain = not {Effect.EXECUTES, Effect.UNKNOWN, Effect.NETWORK, Effect.PRIVILEGE} & {*call.effects}
        writes_unseen = Effect.WRITES in call.effects and not call.writes
        writes_somewhere = any(PATTERN.search(path) for path in call.writes)
        if writes_unseen or writes_somewhere or not (is_plain or is_wrapper):
            self.is_known = False
