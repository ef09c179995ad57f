"""Says where a path lies and what reading, writing, deleting or executing it therefore means.

Paths are compared by component: /ws is no prefix of /ws-evil. Symlinks and `..` are resolved through the
surroundings; both the spelling and the resolved path must be harmless. It decides nothing.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass

from workbench.model.command import Surroundings
from workbench.model.startup import is_startup
from workbench.policy.sensitive import FORBIDDEN, is_secret
from workbench.policy.walk import DYNAMIC

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc")
_HARMLESS_FILES = frozenset(
    [
        "/dev/null",
        "/dev/stdin",
        "/dev/stdout",
        "/dev/stderr",
        "/dev/tty",
        "/proc/cpuinfo",
        "/proc/meminfo",
        "/proc/version",
        "/proc/loadavg",
        "/proc/uptime",
        "/proc/filesystems",
    ]
)
_SINKS = frozenset({"/dev/null", "/dev/stdout", "/dev/stderr", "/dev/tty"})
_DEVICE = re.compile(r"/dev/(?!shm/|fd/|pts/)[^/]+")
_TEMPORARY = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108  These are named to be recognised, not used.
_NETWORK_FILE = re.compile(r"/dev/(tcp|udp)/")
_PROTECTED_IN_GIT = frozenset(
    ["hooks", "config", "config.worktree", "info", "objects", "refs", "HEAD", "index", "modules", "worktrees"]
)
_HOME = re.compile(r"(~[^/]*|\$HOME|\$\{HOME\})(?=/|$)")
_GLOB = re.compile(r"[*?\[{]")
# Files of one kind in one folder; a name that begins with a dot is none of them.
_BY_ENDING = re.compile(r"([^*?\[{]*/)?\*(\.[A-Za-z0-9_-]+)+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """`path` is absolute where known, else the text as given. `zone`: workspace, sink, system, temporary,
    home, outside, unknown. `parts` are the components below the workspace root."""

    path: str
    zone: str
    parts: tuple[str, ...] = ()
    spelled: str = ""


def is_within(path: str, root: str) -> bool:
    """Returns whether `path` is `root` or lies below it, by component."""
    return path == root or path.startswith(root.rstrip("/") + "/")


def locate(text: str, *, cwd: str, root: str, surroundings: Surroundings) -> Place:
    """Returns where the path lies. A glob is taken as the folder it lists, `*.o` as a file in it."""
    if text == "" or DYNAMIC in text:
        return Place(path=text.replace(DYNAMIC, ""), zone="unknown")
    if _HOME.match(text):
        below = _HOME.sub("", text, count=1)
        if match := _GLOB.search(below):
            below = below[: match.start()].rpartition("/")[0]
        return Place(path=text, zone="home", spelled=posixpath.normpath("/" + below.lstrip("/")))
    if text.startswith("$"):
        return Place(path=text, zone="unknown")
    if (match := _GLOB.search(text)) and not _BY_ENDING.fullmatch(text):
        text = text[: match.start()].rpartition("/")[0] or ("/" if text.startswith("/") else ".")
    spelled = text if text.startswith("/") else posixpath.join(cwd, text)
    path = surroundings.real_path(spelled)
    spelled = posixpath.normpath(spelled).replace("//", "/")
    if is_within(path, root):
        relative = path[len(root.rstrip("/")) :].strip("/")
        return Place(
            path=path, zone="workspace", parts=tuple(relative.split("/")) if relative else (), spelled=spelled
        )
    if spelled in _SINKS or path in _SINKS:
        return Place(path=spelled, zone="sink", spelled=spelled)
    if path in _HARMLESS_FILES or any(is_within(path, folder) for folder in _SYSTEM):
        return Place(path=path, zone="system", spelled=spelled)
    if any(is_within(path, folder) and not is_within(root, folder) for folder in _TEMPORARY):
        # A workspace in the temporary folder has neighbours there, which are none of its business.
        return Place(path=path, zone="temporary", spelled=spelled)
    return Place(path=path, zone="outside", spelled=spelled)


def labels_for(kind: str, place: Place) -> set[str]:
    """Returns the facts that follow from using this place as `kind` says."""
    labels: set[str] = set()
    paths = (place.path, place.spelled)
    if any(_NETWORK_FILE.match(path) for path in paths):
        return {"network", "shell_network"}
    if any(FORBIDDEN.match(path) for path in paths) or place.path.endswith("docker.sock"):
        labels.add("reads_forbidden")
    # That a start-up file is written is asked about as such.
    if any(is_secret(path) for path in paths) and not (kind == "write" and is_startup(place.parts)):
        labels.add("reads_secret")
    match kind:
        case "read" | "link" | "shellfile":
            if place.zone in ("outside", "home", "unknown"):
                labels.add("reads_unknown" if place.zone == "unknown" else "reads_outside")
            if kind == "link" and ".git" in place.parts:
                labels.add("writes_git_folder")
        case "code":
            if place.zone != "workspace":
                labels.add("executes_outside")
        case "chdir":
            if place.zone != "workspace":
                labels.add("cwd_unknown" if place.zone == "unknown" else "cwd_outside")
        case "write" | "delete" | "move":
            labels |= _write_labels(kind, place)
    return labels


def _write_labels(kind: str, place: Place) -> set[str]:
    labels: set[str] = set()
    removes = kind in ("delete", "move")
    match place.zone:
        case "sink":
            return {"deletes_root"} if removes else set()
        case "unknown":
            return {"writes_unknown"}
        case "workspace":
            labels |= _workspace_write_labels(place.parts, removes)
        case "home":
            labels.add("writes_outside")
            if removes and place.spelled == "/":
                labels.add("deletes_root")
        case "temporary":
            labels.add("writes_temporary")
        case _:
            labels.add("writes_outside")
            if removes and (
                place.zone == "system" or place.path.count("/") <= 1 or _is_home_folder(place.path)
            ):
                labels.add("deletes_root")
    if any(_DEVICE.fullmatch(path) and path not in _SINKS for path in (place.path, place.spelled)):
        labels.add("writes_device")
    return labels


def _workspace_write_labels(parts: tuple[str, ...], removes: bool) -> set[str]:
    labels = {"writes_workspace"}
    lowered = tuple(part.lower() for part in parts)
    if not parts and removes:
        labels.add("deletes_workspace")
    if ".workbench" in lowered:
        labels.add("writes_protected")
    if ".git" in lowered:
        below = parts[lowered.index(".git") + 1 :]
        if (not below and removes) or (below and (below[0] in _PROTECTED_IN_GIT or removes)):
            labels.add("writes_protected")
        else:
            labels.add("writes_git_folder")
    if is_startup(lowered):
        labels.add("writes_startup")
    return labels


def _is_home_folder(path: str) -> bool:
    return path == "/root" or (path.startswith("/home/") and path.count("/") == 2)
