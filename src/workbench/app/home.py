"""The home folder: where it is, who holds it, where its server answers, and the owner's token.

Everything in it is private to its user. It starts nothing.
"""

from __future__ import annotations

import fcntl
import getpass
import json
import os
from dataclasses import dataclass
from pathlib import Path

from workbench.config import Config, read_config
from workbench.model.errors import WorkbenchError

Settings = Config
"""What load_config returns, for those who may not import config."""


class AlreadyRunning(WorkbenchError):
    """Another server holds this WORKBENCH_HOME."""

    code = "already_running"
    http_status = 409


def load_config() -> Config:
    """Returns the settings of this process; raises InvalidInput as config does."""
    return read_config(os.environ, default_home=_default_home())


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
        descriptor = os.open(home / "server.lock", os.O_RDWR)
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
        raise WorkbenchError(
            f"the workbench's home {home} cannot be used: {error.strerror}",
            remedy="set WORKBENCH_HOME to a folder this user can write",
            code="home_unusable",
        ) from error


def read_token(config: Config) -> str:
    """Returns the owner's token of this home; raises WorkbenchError when there is none."""
    try:
        return (config.home / "token").read_text().strip()
    except OSError as error:
        raise WorkbenchError(
            f"the token of {config.home} cannot be read: {error.strerror}",
            remedy="start the server once as this user: workbench up",
            code="token_missing",
        ) from error


def set_kill_file(config: Config, reason: str | None) -> None:
    """Writes the kill file with its reason, or removes it for None; no server or database is needed."""
    path = config.home / "KILL"
    if reason is None:
        path.unlink(missing_ok=True)
        return
    prepare_home(config.home)
    write_private(path, f"{reason} (by {local_actor_name()})\n")


def take_lock(home: Path) -> int:
    descriptor = os.open(home / "server.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise AlreadyRunning(
            f"a server already runs for {home}",
            remedy="use it (workbench status), or stop it first: workbench down",
        ) from None
    return descriptor


def wait_until_unlocked(home: Path) -> None:
    """Returns once no server holds the home any more."""
    descriptor = os.open(home / "server.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def write_private(path: Path, text: str) -> None:
    temporary = path.with_suffix(".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
