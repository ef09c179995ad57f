"""Tries whether the disks that the server writes to take anything: home's, ledger's, transcripts'.

It tries by effect, so that quotas, read-only disks and missing inodes are found too, and leaves nothing
behind. It only tells; what cannot be written waits by itself.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path
from typing import Final

from workbench.engine.context import Context
from workbench.model.errors import WorkbenchError

_ROOM_BYTES: Final = 1 << 20
"""What must fit: more than any one entry of the ledger takes."""


class NotReady(WorkbenchError):
    """The server answers, but could not record anything now; it goes on by itself once it can."""

    code = "not_ready"
    http_status = 503


async def check_room(context: Context) -> None:
    """Returns when every disk that the server writes to has room; raises NotReady, LedgerUnavailable."""
    # A ledger that cannot even be read, or that another process holds, says so itself.
    await context.ledger.kill_records()
    folders = {"the transcripts": context.home / "runs", "WORKBENCH_HOME": context.home}
    if (folder := context.ledger.folder) is not None:
        folders = {"the ledger": folder, **folders}
    await asyncio.to_thread(_try_all, folders)
    await context.ledger.check_writable()


def _try_all(folders: dict[str, Path]) -> None:
    for what, folder in folders.items():
        try:
            with tempfile.TemporaryFile(dir=folder) as trial:
                os.posix_fallocate(trial.fileno(), 0, _ROOM_BYTES)
        except OSError as error:
            raise NotReady(
                f"nothing can be written to the disk that holds {what}: {error.strerror}",
                remedy=f"free at least {_ROOM_BYTES >> 20} MiB there and see that this user may write; "
                "then the server goes on by itself",
            ) from error
