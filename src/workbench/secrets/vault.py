"""Keeps secrets enciphered at rest, by project; only engine opens it.

Envelope: HKDF-SHA256(master key, project) wraps a data key a project, the data key seals each value with
AES-256-GCM; the associated data binds project, name and version, so that no sealed value can be put in
another's place. The master key is a 0600 file. A value is never listed, logged or shown again.
"""

from __future__ import annotations

import hmac
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from workbench.model.clock import Clock, render_time
from workbench.model.errors import InvalidInput, NotFound, WorkbenchError

MIN_VALUE_LENGTH: Final = 8
"""A shorter value cannot be masked in output without masking everything."""
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}\Z")


class VaultBroken(WorkbenchError):
    """A sealed value does not open: the file was changed, or another master key is in place."""

    code = "vault_broken"
    http_status = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretInfo:
    name: str
    project_id: str
    version: int
    created_at: str
    created_by: str


class _Sealed(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    created_at: str
    created_by: str
    nonce: bytes
    sealed: bytes


class _VaultFile(msgspec.Struct, forbid_unknown_fields=True):
    project_id: str
    key_nonce: bytes
    sealed_key: bytes
    secrets: dict[str, _Sealed]


class Vault:
    """The secrets of all projects under one folder, one file a project."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock

    def put(self, project_id: str, name: str, value: str, *, actor: str) -> SecretInfo:
        """Seals `value` under `name` as a new version; raises InvalidInput for a bad name or short value."""
        if not _NAME.match(name):
            raise InvalidInput(
                f"{name!r} is no name for a secret",
                remedy="use letters, digits and underscores, not starting with a digit",
            )
        if len(value) < MIN_VALUE_LENGTH:
            raise InvalidInput(
                f"the value of {name} has {len(value)} characters; at least {MIN_VALUE_LENGTH} are needed",
                remedy="use a longer secret: a shorter one could not be masked in output",
            )
        file = self._load(project_id) or self._new_file(project_id)
        version = file.secrets[name].version + 1 if name in file.secrets else 1
        nonce = os.urandom(12)
        sealed = AESGCM(self._data_key(file)).encrypt(
            nonce, value.encode(), _binding(project_id, name, version)
        )
        at = render_time(self._clock.now())
        file.secrets[name] = _Sealed(
            version=version, created_at=at, created_by=actor, nonce=nonce, sealed=sealed
        )
        self._save(file)
        return SecretInfo(name=name, project_id=project_id, version=version, created_at=at, created_by=actor)

    def get(self, project_id: str, name: str) -> str:
        """Opens one value; raises NotFound, or VaultBroken when the seal does not hold."""
        file = self._load(project_id)
        if file is None or name not in file.secrets:
            raise NotFound(
                f"project {project_id} has no secret {name}",
                remedy=f"set it: workbench secret set --project {project_id} {name}",
            )
        entry = file.secrets[name]
        try:
            value = AESGCM(self._data_key(file)).decrypt(
                entry.nonce, entry.sealed, _binding(project_id, name, entry.version)
            )
        except InvalidTag:
            raise VaultBroken(
                f"the sealed value of {name} in project {project_id} does not open",
                remedy="restore the vault and master key from the same back-up, or set the secret again",
            ) from None
        return value.decode()

    def list(self, project_id: str) -> list[SecretInfo]:
        """Lists names, versions and ages; never a value."""
        file = self._load(project_id)
        return (
            [
                SecretInfo(
                    name=name,
                    project_id=project_id,
                    version=entry.version,
                    created_at=entry.created_at,
                    created_by=entry.created_by,
                )
                for name, entry in sorted(file.secrets.items())
            ]
            if file
            else []
        )

    def remove(self, project_id: str, name: str) -> None:
        """Forgets one secret; raises NotFound when there is none."""
        file = self._load(project_id)
        if file is None or name not in file.secrets:
            raise NotFound(
                f"project {project_id} has no secret {name}", remedy="list them: workbench secret list"
            )
        del file.secrets[name]
        self._save(file)

    def open_mark(self, project_id: str) -> hmac.HMAC:
        """Returns an HMAC-SHA256 under a key of the project, for what may be compared and not guessed."""
        key = HKDF(
            algorithm=SHA256(), length=32, salt=None, info=b"workbench mark " + project_id.encode()
        ).derive(self._master_key())
        return hmac.new(key, digestmod="sha256")

    def _path(self, project_id: str) -> Path:
        if not re.fullmatch(r"[A-Za-z0-9_]+", project_id):
            raise InvalidInput(
                f"{project_id!r} is no project id", remedy="use an id from workbench project list"
            )
        return self._folder / f"{project_id}.json"

    def _load(self, project_id: str) -> _VaultFile | None:
        try:
            data = self._path(project_id).read_bytes()
        except FileNotFoundError:
            return None
        try:
            file = msgspec.json.decode(data, type=_VaultFile)
        except msgspec.DecodeError as error:
            raise VaultBroken(
                f"the vault of project {project_id} cannot be read: {error}",
                remedy="restore it from a back-up",
            ) from error
        if file.project_id != project_id:
            raise VaultBroken(
                f"the vault file of project {project_id} belongs to {file.project_id}",
                remedy="restore it from a back-up",
            )
        return file

    def _save(self, file: _VaultFile) -> None:
        _write_private(self._path(file.project_id), msgspec.json.encode(file))

    def _new_file(self, project_id: str) -> _VaultFile:
        nonce = os.urandom(12)
        sealed = AESGCM(self._project_key(project_id)).encrypt(
            nonce, AESGCM.generate_key(256), _binding(project_id, "", 0)
        )
        return _VaultFile(project_id=project_id, key_nonce=nonce, sealed_key=sealed, secrets={})

    def _data_key(self, file: _VaultFile) -> bytes:
        try:
            return AESGCM(self._project_key(file.project_id)).decrypt(
                file.key_nonce, file.sealed_key, _binding(file.project_id, "", 0)
            )
        except InvalidTag:
            raise VaultBroken(
                f"the data key of project {file.project_id} does not open",
                remedy="restore the vault and master key from the same back-up",
            ) from None

    def _project_key(self, project_id: str) -> bytes:
        return HKDF(
            algorithm=SHA256(), length=32, salt=None, info=b"workbench vault " + project_id.encode()
        ).derive(self._master_key())

    def _master_key(self) -> bytes:
        path = self._folder / "master.key"
        try:
            return path.read_bytes()
        except FileNotFoundError:
            _write_private(path, os.urandom(32))
            return path.read_bytes()


def _binding(project_id: str, name: str, version: int) -> bytes:
    """Length-prefixed, so that no two different triples share their bytes."""
    return b"".join(
        len(part).to_bytes(4, "big") + part for part in (project_id.encode(), name.encode(), b"%d" % version)
    )


def _write_private(path: Path, data: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    temporary.replace(path)
