"""Reads the names in git's index, versions 2 to 4; what it does not understand it gives up, never guesses.

Format: git's Documentation/gitformat-index.txt. Bytes in, names out.
"""

from __future__ import annotations

import struct

_HEADER = 12
_EXTENDED = 0x4000
_NAME_LENGTH = 0x0FFF


def read_index(data: bytes) -> tuple[str, ...] | None:
    """Returns the paths that the index names; None when it is damaged, split, sparse or of another version.

    Digests are of 20 bytes, or of 32 where only that fits.
    """
    for digest_bytes in (20, 32):
        found = _read_entries(data, digest_bytes)
        if found is not None:
            return found
    return None


def _read_entries(data: bytes, digest_bytes: int) -> tuple[str, ...] | None:
    end = len(data) - digest_bytes
    if end < _HEADER or data[:4] != b"DIRC":
        return None
    version, count = struct.unpack_from(">II", data, 4)
    if version not in (2, 3, 4):
        return None
    fixed = 40 + digest_bytes + 2
    names: list[str] = []
    place, name = _HEADER, b""
    for _ in range(count):
        start = place
        if place + fixed > end:
            return None
        flags = (data[place + fixed - 2] << 8) | data[place + fixed - 1]
        place += fixed + (2 if flags & _EXTENDED else 0)
        if version == 4:
            dropped, place = _read_number(data, place, end)
            if dropped is None or dropped > len(name):
                return None
            close = data.find(b"\0", place, end)
            name = name[: len(name) - dropped] + data[place:close]
            place = close + 1
        else:
            close = data.find(b"\0", place, end)
            name = data[place:close]
            # Entries are padded with one to eight zero bytes to a multiple of eight.
            place = start + ((close - start + 8) & ~7)
        length = flags & _NAME_LENGTH
        if close < 0 or not name or (length < _NAME_LENGTH and len(name) != length) or name.endswith(b"/"):
            # A name that ends in a slash stands for a whole folder of a sparse index.
            return None
        names.append(name.decode("utf-8", "replace"))
    return tuple(names) if _extensions_are_plain(data, place, end) else None


def _read_number(data: bytes, place: int, end: int) -> tuple[int | None, int]:
    """Returns a number in git's offset encoding, and the place after it."""
    value = 0
    for step in range(8):
        if place >= end:
            break
        byte = data[place]
        place += 1
        value = ((value + 1) << 7 if step else 0) | (byte & 0x7F)
        if not byte & 0x80:
            return value, place
    return None, place


def _extensions_are_plain(data: bytes, place: int, end: int) -> bool:
    """Returns whether what follows the entries ends where it should, and names no other index."""
    while place < end:
        if place + 8 > end:
            return False
        if data[place : place + 4] in (b"link", b"sdir"):
            return False
        place += 8 + int(struct.unpack_from(">I", data, place + 4)[0])
    return place == end
