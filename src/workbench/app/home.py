"""The home folder: where it is, who holds it, where its server answers, and the owner's token.

Everything in it is private to its user. It starts nothing.
"""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from workbench.config import Config, home_in, read_config
from workbench.model.errors import WorkbenchError

_LOCK_TRIALS: Final = 5
_LOCK_PAUSE_SECONDS: Final = 0.05

Settings = Config
"""What load_config returns, for those who may not import config."""


class AlreadyRunning(WorkbenchError):
    """Another server holds this WORKBENCH_HOME."""

    code = "already_running"
    http_status = 409


def load_config(*, for_reading: bool = False, for_stopping: bool = False) -> Config:
    """Returns the settings of this process; raises InvalidInput as config does.

    Raises WorkbenchError for a home that is no folder, lies inside a repository or, unless it is only read
    from, cannot be written by this user. What stops things is not kept from it by where the home lies.
    """
    # Said before its settings are read: a home that is a file has none.
    home = find_home()
    if not for_stopping:
        _check_place(home)
    if not for_reading:
        _check_writable(home)
    return read_config(os.environ, default_home=home)


def config_at(home: Path) -> Config:
    """Returns the settings of this process for another home, which is not looked at."""
    return read_config({**os.environ, "WORKBENCH_HOME": str(home)}, default_home=home)


def find_unwritable() -> WorkbenchError | None:
    """Returns what keeps this user from writing the home, for those who can do without it."""
    try:
        _check_writable(find_home())
    except WorkbenchError as error:
        return error
    return None


def find_home() -> Path:
    """Returns the folder that is or will be the home of this process's commands."""
    return home_in(os.environ, default_home=_default_home())


def _check_place(home: Path) -> None:
    try:
        str(home).encode()
    except UnicodeEncodeError:
        raise _unusable(
            home, "its name is no UTF-8", remedy="set WORKBENCH_HOME to a folder with a name of plain text"
        ) from None
    real = Path(os.path.realpath(home))
    for folder in (real, *real.parents):
        if os.path.lexists(folder) and not os.path.isdir(folder):
            raise _unusable(home, f"{folder} is a file, not a folder")
        if os.path.lexists(folder / ".git") and _may_be_project(folder):
            raise _unusable(
                home,
                f"it lies inside the repository {folder}, where its keys could be committed and a run could "
                "reach them",
                remedy="set WORKBENCH_HOME to a folder outside every repository",
            )


def _may_be_project(folder: Path) -> bool:
    """Tells whether a repository there could be a workspace; a home folder that is kept in git never is."""
    from workbench.connectors.machine import check_breadth

    try:
        check_breadth(folder)
    except WorkbenchError:
        return False
    return True


def _check_writable(home: Path) -> None:
    there = next(folder for folder in (home, *home.parents) if os.path.exists(folder))
    if not os.access(there, os.W_OK | os.X_OK):
        owner = f"user {there.stat().st_uid}'s" if os.geteuid() else "on a read-only disk"
        raise _unusable(home, f"this user may not write {there}, which is {owner}")


def _unusable(home: Path, why: str, *, remedy: str = "") -> WorkbenchError:
    return WorkbenchError(
        f"the workbench's home {home} cannot be used: {why}",
        remedy=remedy or "set WORKBENCH_HOME to a folder this user can write",
        code="home_unusable",
    )


def _default_home() -> Path:
    from platformdirs import user_data_path

    return user_data_path("workbench", appauthor=False)


def local_actor_name() -> str:
    """Returns the name under which this machine's user acts."""
    try:
        return f"user:{getpass.getuser()}"
    except (KeyError, OSError):
        return f"user:uid-{os.getuid()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where the server of a home answers, as it wrote it down itself."""

    pid: int
    port: int
    version: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def find_server(config: Config) -> Endpoint | None:
    """Returns the live server of this home, or None.

    Live means that the home's lock is held: a port alone could by now belong to a stranger, who must not
    be sent our token.
    """
    if not is_locked(config.home):
        return None
    try:
        return Endpoint(**json.loads((config.home / "server.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None


def is_locked(home: Path) -> bool:
    """Tells whether some process holds the home's lock."""
    try:
        descriptor = _open_lock(home)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def prepare_home(home: Path) -> None:
    """Makes the home private to its user; raises WorkbenchError when it cannot be."""
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        home.chmod(0o700)
    except OSError as error:
        raise _unusable(home, str(error.strerror)) from error


def read_token(config: Config) -> str:
    """Returns the owner's token of this home; raises WorkbenchError when there is none."""
    try:
        token = (config.home / "token").read_text().strip()
    except (OSError, ValueError) as error:
        raise WorkbenchError(
            f"the token of {config.home} cannot be read: {getattr(error, 'strerror', error)}",
            remedy="start the server once as this user: workbench up",
            code="token_missing",
        ) from error
    if not token:
        raise WorkbenchError(
            f"the token file of {config.home} is empty",
            remedy="end the server (its pid is in server.json there) and start it, which makes a new token: "
            "workbench up",
            code="token_missing",
        )
    return token


def set_kill_file(config: Config, reason: str | None) -> bool:
    """Writes the kill file with its reason, or removes it for None; no server or database is needed.

    Returns False where the disk had no room for the reason: the file is there, empty, and counts as well.
    Raises WorkbenchError when not even that can be made.
    """
    path = config.home / "KILL"
    if reason is None:
        path.unlink(missing_ok=True)
        return True
    from workbench.engine.operate import write_kill_file

    prepare_home(config.home)
    try:
        return write_kill_file(path, f"{reason} (by {local_actor_name()})")
    except OSError as error:
        raise WorkbenchError(
            f"the file {path}, which stops everything, cannot be made: {error.strerror}",
            remedy="make room on its disk, then set it again",
            code="home_unusable",
        ) from error


def take_lock(home: Path) -> int:
    """Takes the home for one server and returns the open lock; raises AlreadyRunning when another has it."""
    descriptor = _open_lock(home)
    for trial in range(_LOCK_TRIALS):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            # Whoever only asks whether there is a server holds it for an instant, too.
            if trial + 1 < _LOCK_TRIALS:
                time.sleep(_LOCK_PAUSE_SECONDS)
        else:
            return descriptor
    os.close(descriptor)
    raise AlreadyRunning(
        f"a server already runs for {home}",
        remedy="use it (workbench status), or stop it first: workbench down",
    )


def wait_until_unlocked(home: Path) -> None:
    """Returns once no server holds the home any more."""
    descriptor = _open_lock(home)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _open_lock(home: Path) -> int:
    """Opens what is locked: the folder itself, as a file in it could be cleaned away under a server."""
    return os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def write_private(path: Path, text: str) -> None:
    temporary = path.with_suffix(".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
