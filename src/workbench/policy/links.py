"""Says where links may arrive by copying or moving, and which call acts on a link itself.

`mv` and `cp -P` bring a link as it is, and what is then reached through its new name is not what lies there
now. `rm` and `mv` take away or rename the link, not what it leads to. It judges nothing.
"""

from __future__ import annotations

import posixpath

from workbench.policy.options import Form, Reading
from workbench.policy.paths import Place, is_within, locate
from workbench.policy.programs import Reader

_KEEPS_LINKS = frozenset(
    {"-P", "-d", "-a", "-r", "-R", "--recursive", "--archive", "--no-dereference", "-l", "-av", "-avz"}
)
_OPENS_LINKS = frozenset({"-L", "--dereference"})
_SURELY_KEEPS = frozenset({"-P", "-d", "-a", "--archive", "--no-dereference"})
_COPIES = frozenset({"cp", "rsync"})
_ON_LINKS = frozenset({"rm", "unlink", "mv"})
_FROM = frozenset({"read", "move", "infile"})
_TO = frozenset({"write", "outfile"})
_GIT_BRINGS = frozenset({"clone", "submodule"})
_MOST_FOLDERS = 400


def acts_on_links(name: str, form: Form) -> bool:
    """Returns whether the program takes a link that it is given as what it is: `rm link` removes the link."""
    return name in _ON_LINKS or (name == "git" and form.words[:1] in (("rm",), ("mv",)))


def locate_itself(reader: Reader, text: str, found: Place, cwd: str) -> Place:
    """Returns the place of the link that a path of the workspace names, or `found` where it names none.

    With a slash behind it, a link stands for the folder it leads to.
    """
    parent, name = posixpath.split(text)
    if found.path == found.spelled or name in ("", ".", ".."):
        return found
    above = locate(parent or ".", cwd=cwd, root=reader.workspace_root, surroundings=reader.surroundings)
    if above.zone != "workspace" or dict(reader.scan(above.path) or ()).get(name) != "link":
        return found
    return Place(
        path=f"{above.path}/{name}", zone="workspace", parts=(*above.parts, name), spelled=found.spelled
    )


def brought_links(reader: Reader, name: str, form: Form, reading: Reading, cwd: str) -> set[str]:
    """Returns the paths of the workspace at or below which this call may bring links, as they are."""
    if name == "git" and form.words[:1] and form.words[0] in _GIT_BRINGS:
        return {reader.workspace_root}
    if not (name == "mv" or (name == "git" and form.words[:1] == ("mv",)) or _copies_links(name, reading)):
        return set()
    values = [value for value in reading.values if value.kind in _FROM and value.is_operand]
    if not any(_may_be_link(reader, value.text, cwd) for value in values):
        return set()
    places = (
        locate(value.text, cwd=cwd, root=reader.workspace_root, surroundings=reader.surroundings)
        for value in reading.values
        if value.kind in _TO
    )
    return {place.path if place.zone == "workspace" else reader.workspace_root for place in places}


def _copies_links(name: str, reading: Reading) -> bool:
    given = reading.given
    if name not in _COPIES or not given & _KEEPS_LINKS:
        return False
    return not given & _OPENS_LINKS or bool(given & _SURELY_KEEPS)


def _may_be_link(reader: Reader, text: str, cwd: str) -> bool:
    """Returns whether the path is a link, holds one below it, or cannot be looked through.

    What is not there is none: whoever makes it later in the command is judged by that.
    """
    place = locate(text, cwd=cwd, root=reader.workspace_root, surroundings=reader.surroundings)
    itself = locate_itself(reader, text.rstrip("/"), place, cwd)
    if place.zone != "workspace" or itself.path != place.path:
        return True
    todo, seen = [place.path], 0
    while todo:
        folder = todo.pop()
        entries = reader.scan(folder)
        seen += 1
        if entries is None or seen > _MOST_FOLDERS or any(kind == "link" for _, kind in entries):
            return True
        todo.extend(f"{folder}/{name}" for name, kind in entries if kind == "folder")
    return False


def may_lead_away(
    uses: frozenset[str], *, written: frozenset[str], brought: set[str], goes_deep: bool, has_moved: bool
) -> bool:
    """Returns whether a call uses a path that an earlier part may have exchanged.

    `written` are those among `uses` that count where another tree was brought, `brought` the paths where
    links arrived; a call that `goes_deep` reaches what lies below its paths as well.
    """
    if has_moved and written:
        return True
    return any(
        is_within(used, path) or (goes_deep and is_within(path, used)) for path in brought for used in uses
    )
