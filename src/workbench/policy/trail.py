"""A walk over folders as data: where it starts, what it takes and passes over, which links it follows.

It is made by reach.py from a call's arguments. It looks at no disk.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from workbench.policy.paths import Place
from workbench.policy.search import Entry, Search
from workbench.policy.sensitive import compile_pattern, expand_braces, is_exact_pattern


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    """`roots` are places with the text that named them. Of `patterns` a name has to fit one, if there is one;
    the excluded names are left out, folders with all that lies in them. `endings` are the last letters of
    paths.

    `skips_ignored` and `skips_hidden` hold for what no pattern takes; `asks_for_secrets` tells that a
    pattern is made for them; `is_tracked` that it is no walk, but what git's index has, `goes_by_index` that
    it meets nothing else, so that ignore files are no matter. `ignore_file` names the one file, in each root,
    that says what is left out.
    """

    roots: tuple[tuple[Place, str], ...]
    patterns: tuple[str, ...] = ()
    excluded_files: tuple[str, ...] = ()
    excluded_folders: tuple[str, ...] = ()
    endings: tuple[tuple[str, ...], ...] = ()
    search: Search | None = None
    depth: int | None = None
    is_listed: bool = False
    hands_links_on: bool = False
    follows_links: bool = False
    skips_hidden: bool = False
    skips_ignored: bool = False
    ignore_file: str = ""
    is_code: bool = False
    asks_for_secrets: bool = False
    is_tracked: bool = False
    goes_by_index: bool = False

    def only(self, endings: tuple[str, ...]) -> Trail:
        """Returns the same walk, of which only paths with one of these endings are handed on."""
        return replace(self, endings=(*self.endings, endings))

    def takes(self, entry: Entry) -> tuple[bool, bool]:
        """Returns whether the walk may meet or hand on this file, and whether it goes no deeper there."""
        name = entry.shown.rpartition("/")[2]
        excluded = self.excluded_folders if entry.kind == "folder" else self.excluded_files
        is_folder = entry.kind == "folder"
        if any(_leaves_out(pattern, name, is_folder) for pattern in excluded):
            return False, True
        taken, stops = self.search.meets(entry) if self.search is not None else (True, False)
        if self.patterns and not self.fits(entry):
            taken = False
        if any(not entry.shown.endswith(choice) for choice in self.endings):
            taken = False
        return taken, stops

    def fits(self, entry: Entry) -> bool:
        """Returns whether a pattern takes the entry by its name or path."""
        name = entry.shown.rpartition("/")[2]
        return any(_fits(pattern, entry.shown, name) for pattern in self.patterns)


def _leaves_out(pattern: str, name: str, is_folder: bool) -> bool:
    if pattern.endswith("/") and not is_folder:
        return False
    bare = pattern.removeprefix("**/").removesuffix("/")
    return is_exact_pattern(bare) and not set(bare) & set("/{") and fnmatchcase(name, bare)


def _fits(pattern: str, path: str, name: str) -> bool:
    for spelled in expand_braces(pattern):
        bare = spelled.strip("/").removeprefix("**/")
        if bare.endswith("/**"):
            # All that lies in a folder of this name, and the folder on the way there.
            below = bare.replace("**/", "*")
            if compile_pattern(below).fullmatch(path) or compile_pattern("*/" + below).fullmatch(path):
                return True
            bare = bare.removesuffix("/**")
        if "/" not in bare:
            if compile_pattern(bare).fullmatch(name):
                return True
        elif compile_pattern(bare.replace("**/", "*")).fullmatch(path) or compile_pattern(
            "*/" + bare.replace("**/", "*")
        ).fullmatch(path):
            return True
    return False
