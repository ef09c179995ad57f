"""workbench worker: one more machine on the PostgreSQL of a server."""

from __future__ import annotations

import json
import os

import uvloop

from workbench.app.home import load_config
from workbench.cli.output import print_note
from workbench.model.errors import WorkbenchError


def work_here(*, pool: str, concurrency: int | None) -> None:
    """Works until it is told to end; a descriptor in WORKBENCH_READY_FD is told when it is ready."""
    config = load_config()
    ready = os.environ.pop("WORKBENCH_READY_FD", None)
    from workbench.app.work import work

    def tell(answer: dict[str, str]) -> None:
        if ready is not None:
            os.write(int(ready), json.dumps(answer).encode() + b"\n")
            os.close(int(ready))

    def on_ready(worker_id: str) -> None:
        tell({"worker_id": worker_id})
        print_note(f"Worker {worker_id} takes runs of pool {pool}; end it with Ctrl-C or SIGTERM.")

    try:
        uvloop.run(work(config, pool=pool, places=concurrency, on_ready=on_ready))
    except WorkbenchError as error:
        tell({"code": error.code, "message": error.message, "remedy": error.remedy})
        raise
