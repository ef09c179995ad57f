"""How an event becomes a leaf: one hash over the stored bytes, which carry the hash before them.

The hash is that of an RFC 6962 leaf, SHA-256 over 0x00 and the bytes, so that the same leaves can later
stand in a Merkle tree. Verifying never re-encodes: what was stored is what is hashed.
"""

from __future__ import annotations

import hashlib
from typing import Final

FIRST_PREVIOUS: Final = "0" * 64
"""What the first event of a chain names as its predecessor."""


def leaf_hash(body: bytes) -> str:
    """Returns the lower-case hex SHA-256 of 0x00 followed by `body`."""
    return hashlib.sha256(b"\x00" + body).hexdigest()
