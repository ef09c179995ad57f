"""Names the files of one step and their layouts, for the shim that writes them and for all who read.

Standard library only: the shim runs without site-packages. A step folder belongs to one attempt of one
step; what is in it is enough to adopt, replay and prove the end of the step. It decides nothing.

    claim.json   who may start the step: created once, by the shim or by whoever gives the step up
    request.json what was asked, without secrets          shim.json  the shim and its pid namespace
    output.bin   the byte log                             index.bin  (offset, length, stream, time)
    tail.N.bin, tail.N.idx   the same of the output from byte N on, of one that did not fit in output.bin; the
                 oldest are gone where even that was too much
    control      the shim's socket                        exit.json  the proven end
    lost.json    found out later: the shim died without writing the end
    network.jsonl  one line a connection, of a step that has a list of network names
    waiting.json  since when a running step waits for somebody to type, while it does
    processes.json  what a traced step started: how many processes and threads, and the programs they became
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
import struct
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

CLAIM = "claim.json"
REQUEST = "request.json"
IDENTITY = "shim.json"
OUTPUT = "output.bin"
INDEX = "index.bin"
CONTROL = "control"
EXIT = "exit.json"
LOST = "lost.json"
NETWORK = "network.jsonl"
PROCESSES = "processes.json"
WAITING = "waiting.json"

INDEX_RECORD = struct.Struct("<QIIQ")
"""Offset, length, stream number, milliseconds since the start."""

START = b"start"
"""The word on which a shim that has everything ready takes the claim and lets the command go."""

STREAMS = ("terminal", "stdout", "stderr")

_BLOCK = re.compile(r"tail\.([0-9]{20})\.bin")

_END_BYTES = 8192
"""What is kept free for the word on the end: enough for all the names that its detail may hold."""


class Part(NamedTuple):
    """One file of the byte log, and its index, `times`; `start` is its first byte's place in all output."""

    start: int
    output: str
    times: str


def name_block(start: int) -> tuple[str, str]:
    """Returns the names of the files with output from byte `start` on: the bytes, and their index."""
    return f"tail.{start:020d}.bin", f"tail.{start:020d}.idx"


def order_parts(names: Iterable[str]) -> list[Part]:
    """Returns the parts of the log that a folder with these files holds, in order, and the first one in any
    case; what lies between two was dropped."""
    starts = sorted(int(found[1]) for name in names if (found := _BLOCK.fullmatch(name)))
    return [Part(0, OUTPUT, INDEX), *(Part(start, *name_block(start)) for start in starts)]


def end_of(ended: Mapping[str, Any]) -> int:
    """Returns the place behind the last kept byte in the whole output, from the document of an end."""
    # An end that an earlier version wrote knows no gap.
    return int(ended.get("end_offset", ended["output_bytes"]))


def lost_behind(ended: Mapping[str, Any]) -> int:
    """Returns how many bytes came after all that was kept, from the document of an end."""
    return int(ended["dropped_bytes"]) - (end_of(ended) - int(ended["output_bytes"]))


def mark_of(folder: str) -> str:
    """Returns the environment variable that bubblewrap itself carries, to be found by after a crash."""
    return f"WORKBENCH_STEP={hashlib.sha256(os.fsencode(folder)).hexdigest()}"


def take_claim(folder: str, owner: dict[str, Any]) -> bool:
    """Takes the one leave to start this step, signed by its owner; False when somebody has it already.

    The name appears together with its whole content, so whoever finds a claim knows whose it is.
    """
    path = os.path.join(folder, CLAIM)
    part = f"{path}.{os.getpid()}.part"
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(owner, file)
    try:
        os.link(part, path)
    except FileExistsError:
        return False
    finally:
        os.unlink(part)
    return True


def write_document(folder: str, name: str, document: dict[str, Any], *, durable: bool) -> None:
    """Puts a JSON document in place in one step; with `durable` it survives a power cut."""
    data = json.dumps(document, sort_keys=True).encode()
    _put(folder, name, data, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, durable=durable)


def reserve_end(folder: str) -> None:
    """Has the disk keep room for the word on the end; raises OSError where there is none left."""
    descriptor = os.open(os.path.join(folder, f"{EXIT}.part"), os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, _END_BYTES)
    finally:
        os.close(descriptor)


def write_end(folder: str, document: dict[str, Any]) -> None:
    """Puts the word on the end in place in one step, durably, into the room that was kept for it.

    So a step ends, and its supervisor with it, on a disk that its own output has filled. Raises OSError.
    """
    # White space after a JSON document means nothing; a file cut short would give its room away.
    data = json.dumps(document, sort_keys=True).encode().ljust(_END_BYTES)
    _put(folder, EXIT, data, os.O_WRONLY | os.O_CREAT, durable=True)


def read_document(folder: str, name: str) -> dict[str, Any] | None:
    """Returns the JSON document, or None when it is not there or not whole."""
    try:
        with open(os.path.join(folder, name), "rb") as file:
            document = json.loads(file.read())
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None


def _put(folder: str, name: str, data: bytes, flags: int, *, durable: bool) -> None:
    path = os.path.join(folder, name)
    part = f"{path}.part"
    descriptor = os.open(part, flags, 0o600)
    try:
        # A disk that fills up takes a part and refuses the rest; only the whole may get the name.
        while data:
            data = data[os.write(descriptor, data) :]
        if durable:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.rename(part, path)
    if durable:
        holder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(holder)
        finally:
            os.close(holder)


def listen_control(folder: str) -> socket.socket:
    """Binds the control socket. The path goes through /proc: a socket name holds 108 bytes at most."""
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    holder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        server.bind(f"/proc/self/fd/{holder}/{CONTROL}")
    finally:
        os.close(holder)
    server.listen(64)
    server.setblocking(False)
    return server


def connect_control(folder: str) -> socket.socket:
    """Connects to the shim; raises OSError when none listens. The socket does not block."""
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        holder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            client.connect(f"/proc/self/fd/{holder}/{CONTROL}")
        finally:
            os.close(holder)
    except OSError:
        client.close()
        raise
    client.setblocking(False)
    return client
