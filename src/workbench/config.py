"""Reads settings once: WORKBENCH_* variables over $WORKBENCH_HOME/config.toml over defaults.

Only app reads it and hands it on in pieces. It checks every value and names the one that is wrong.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from workbench.model.errors import InvalidInput
from workbench.model.layer import POSTURES

DEFAULT_PORT: Final = 7717
LOG_LEVELS: Final = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Times in seconds, sizes in bytes. `database_url` "" means SQLite inside `home`, and `artifacts_url` ""
    that transcripts stay there.

    `concurrency` None is 256 for a ledger of its own, and twice the processors for one that others share.

    `notify` holds addresses between white space; they may hold passwords. `telemetry` is the base address of
    an OpenTelemetry collector (OTLP over HTTP), "" for none. `flags` is `package.module:factory` of a flag
    system of one's own, "" for none.
    """

    home: Path
    database_url: str = ""
    artifacts_url: str = ""
    port: int = DEFAULT_PORT
    log_level: str = "info"
    default_timeout_seconds: int = 3600
    approval_expiry_seconds: int = 86400
    execution_expiry_seconds: int = 900
    approval_quorum: int = 1
    policy_posture: str = "standard"
    cancel_deadline_seconds: int = 5
    concurrency: int | None = None
    max_queued: int = 10_000
    lease_seconds: int = 30
    max_output_bytes: int = 1 << 30
    notify: str = field(default="", repr=False)
    telemetry: str = ""
    flags: str = ""

    @property
    def ledger_url(self) -> str:
        return self.database_url or f"sqlite:///{self.home / 'ledger.db'}"


def home_in(environ: Mapping[str, str], *, default_home: Path) -> Path:
    """Returns the absolute path of the home, which need not be there."""
    return Path(environ.get("WORKBENCH_HOME") or default_home).expanduser().absolute()


def read_config(environ: Mapping[str, str], *, default_home: Path) -> Config:
    """Returns the settings in force; raises InvalidInput naming the setting, its value and what it takes."""
    home = home_in(environ, default_home=default_home)
    values: dict[str, Any] = {**_read_file(home / "config.toml"), **_read_variables(environ)}
    known = {field.name for field in fields(Config)} - {"home"}
    unknown = sorted(set(values) - known)
    if unknown:
        raise InvalidInput(
            f"config.toml has a setting {unknown[0]!r} that nobody reads",
            remedy=f"use one of: {', '.join(sorted(known))}",
        )
    return Config(home=home, **{name: _checked(name, value) for name, value in values.items()})


def _read_variables(environ: Mapping[str, str]) -> dict[str, str]:
    names = {field.name: f"WORKBENCH_{field.name.upper()}" for field in fields(Config)}
    return {
        name: environ[variable]
        for name, variable in names.items()
        if name != "home" and environ.get(variable)
    }


def _read_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}", remedy="correct or remove the file") from error


def _checked(name: str, value: Any) -> Any:
    match name:
        case "database_url" | "artifacts_url":
            return str(value)
        case "notify":
            return " ".join(str(address) for address in value) if isinstance(value, list) else str(value)
        case "telemetry":
            return _address(name, str(value).strip())
        case "flags":
            return _factory(name, str(value).strip())
        case "log_level":
            if value not in LOG_LEVELS:
                raise InvalidInput(f"log_level is {value!r}", remedy=f"use one of: {', '.join(LOG_LEVELS)}")
            return value
        case "policy_posture":
            if value not in POSTURES:
                raise InvalidInput(
                    f"policy_posture is {value!r}", remedy=f"use one of: {', '.join(POSTURES)}"
                )
            return value
        case "port":
            return _whole(name, value, 0, 65535)
        case "approval_quorum":
            return _whole(name, value, 1, 100)
        case "concurrency":
            return _whole(name, value, 0, 100_000)
        case "max_queued":
            return _whole(name, value, 1, 1_000_000)
        case "lease_seconds":
            return _whole(name, value, 2, 3600)
        case "max_output_bytes":
            return _whole(name, value, 1 << 10, 1 << 50)
        case _:
            return _whole(name, value, 1, 31_536_000)


def _whole(name: str, value: Any, least: int, most: int) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = least - 1
    if not least <= number <= most or isinstance(value, bool):
        raise InvalidInput(f"{name} is {value!r}", remedy=f"use a whole number from {least} to {most}")
    return number


def _factory(name: str, value: str) -> str:
    if value and not re.fullmatch(r"[A-Za-z_]\w*(\.\w+)*:[A-Za-z_]\w*", value):
        raise InvalidInput(
            f"{name} is {value!r}, which names no factory",
            remedy="use package.module:factory, or nothing for the ledger's switches alone",
        )
    return value


def _address(name: str, value: str) -> str:
    parts = urlsplit(value)
    if value and (
        parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment
    ):
        raise InvalidInput(
            f"{name} is {value!r}, which is no address of a collector",
            remedy="name its base address, such as http://127.0.0.1:4318, or nothing for none",
        )
    return value
