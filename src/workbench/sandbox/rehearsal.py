"""Takes the way of a start once on a scratch folder, while nobody waits, and leaves nothing there.

Standard library only. A forked interpreter shares its memory with its parent until it uses it, and the first
use of each page costs a start more than the work itself does (some 150 pages, 5 ms on a virtual machine). It
changes nothing but the process's memory, and a rehearsal that fails only makes a start slower.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil

from workbench.sandbox import placeholders, step_folder, terminal
from workbench.sandbox.segment import Segment


def rehearse(scratch: str) -> None:
    """Rehearses in a folder of this process's own below `scratch`."""
    folder = os.path.join(scratch, str(os.getpid()))
    try:
        os.mkdir(folder, 0o700)
        _rehearse_launch(folder)
        _rehearse_log(folder)
    except OSError:
        # A full or read-only disk is the step's to report.
        pass
    finally:
        with contextlib.suppress(OSError):
            shutil.rmtree(folder)


def _rehearse_launch(folder: str) -> None:
    request = json.loads(json.dumps({"argv": ["a"] * 200, "protected": [[".git", "folder"], ["a", "file"]]}))
    hold = placeholders.Placeholders(folder, state_folder=folder)
    hold.hold(request["protected"])
    hold.hold(request["protected"])
    placeholders.identify(folder, "")
    for opened in (terminal.open_pipes(), terminal.open_terminal(rows=24, columns=80)):
        for descriptor in {*opened.child, *opened.sources}:
            os.close(descriptor)
    memory = os.memfd_create("rehearsal")
    os.write(memory, base64.b64decode(base64.b64encode(bytes(4096))))
    os.close(memory)
    with select.epoll() as events:
        events.poll(0)
    hold.release()
    hold.close()


def _rehearse_log(folder: str) -> None:
    step_folder.mark_of(folder)
    step_folder.take_claim(folder, {"pid": os.getpid()})
    segment = Segment(folder, limit_bytes=4096, masks=())
    segment.add(0, b"rehearsal", 0)
    segment.finish(0)
    step_folder.listen_control(folder).close()
    step_folder.write_document(folder, step_folder.IDENTITY, {"pid": os.getpid()}, durable=False)
