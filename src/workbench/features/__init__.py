"""Reads a repository's own planning documents, and says what to do next and why.

`discover` looks, `advise` recommends, `read_document` shows. Everything else in this room is behind them.
It runs nothing and decides nothing about what may run: that is the gate's.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.model.feature import Discovery

if TYPE_CHECKING:
    from workbench.model.recommendation import Advice
    from workbench.model.verdict import Judgement

__all__ = ["advise", "discover", "read_document"]


def discover(repo: Path, *, cache_dir: Path | None) -> Discovery:
    """Returns the repository's features, each with evidence, and what could not be read.

    Never starts a program and never reads outside the repository and its git folder. `cache_dir` (or None)
    keeps what was parsed. Raises InvalidInput when `repo` is no readable folder.
    """
    from workbench.features.scan import scan

    return scan(repo, cache_dir=cache_dir)


def read_document(repo: Path, path: str) -> str:
    """Returns the text of one document of the repository, none of its path behind a link.

    Only Markdown, build files and agents' files are shown, and of a document its first 2 MiB; a cut one says
    so in its last line. Raises NotFound for anything else, InvalidInput when `repo` is no readable folder.
    """
    from workbench.features.scan import read_text

    return read_text(repo, path)


def advise(
    discovery: Discovery,
    feature_id: str | None = None,
    *,
    program_path: Callable[[str], str | None],
    policy_preview: Callable[[str], Judgement],
    connectors: Collection[str] = ("local",),
    missing_module: Callable[[str, str, str], str] = lambda interpreter, module, folder: "",
    measured: Mapping[str, tuple[int, int]] | None = None,
    has_network: bool = False,
    toolchains: Sequence[str] = (),
) -> list[Advice]:
    """Returns what to do next: for one feature a list of one, else the best over all features, then the rest.

    `program_path` gives a program's absolute path on the sandbox's PATH or None, `policy_preview` what
    policy would say of a command and which calls it found in it, `connectors` the configured ones.
    `missing_module` says what is wrong with a module that a Python interpreter (its absolute path) is to run
    in a folder, or "" when nothing is or it cannot be known. `measured` holds (tried, succeeded) by rule id,
    from which confidence comes. `has_network` says whether the project lists any network name;
    `toolchains` are the folders outside the repository that its commands are shown.
    Deterministic. Raises NotFound for an unknown feature.
    """
    from workbench.features.recommend import Machine, recommend
    from workbench.features.scan import has_file, has_revision, kind_of, read_build_file

    repo = Path(discovery.repo)
    machine = Machine(
        program_path=program_path,
        policy_preview=policy_preview,
        has_file=lambda path: has_file(repo, path),
        read_file=lambda path: read_build_file(repo, path),
        kind_of=lambda path: kind_of(repo, path),
        missing_module=missing_module,
        has_revision=lambda name: has_revision(repo, name),
        connectors=connectors,
        has_network=has_network,
        toolchains=toolchains,
        home=os.path.expanduser("~"),
    )
    return recommend(discovery, feature_id, machine=machine, measured=measured or {})
