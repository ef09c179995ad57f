"""Runs one attack in the sandbox as whoever executes this; standard library and the sandbox room only."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

sys.path.append(sys.argv[1])

from workbench.model.statuses import TerminalMode
from workbench.sandbox import assignment, probe, seccomp, step_folder
from workbench.sandbox.difference import compare
from workbench.sandbox.host import open_host
from workbench.sandbox.pieces import iterate_pieces
from workbench.sandbox.replica import make_replica
from workbench.sandbox.sightings import shell_line
from workbench.sandbox.watch import Watch
from workbench.sandbox.workspace import check_workspace, survey_workspace
from workbench.sandbox.zygote import Zygote


async def main(ground: Path, script: str, mode: str, places: list[tuple[str, int]]) -> None:
    """Prints the findings of the probe, the output, the end and the connections as JSON."""
    workspace, folder = ground / "workspace", ground / "home" / "step"
    for path in (workspace, folder, ground / "home" / "placeholders"):
        path.mkdir(parents=True, exist_ok=True)
    empty = ground / "home" / "empty"
    empty.touch(mode=0o444)
    machine = seccomp.machine_of_host()
    assert machine is not None
    host, code = open_host(), seccomp.build_filter(machine)
    findings = probe.run_probe(host, code, str(empty))
    root = check_workspace(str(workspace), state_home=str(ground / "home"))
    manifest = make_replica(root, str(ground / "home" / "tree")) if mode == "preview" else {}
    facts = survey_workspace(str(ground / "home" / "tree") if manifest else root)
    profile = assignment.build_profile(
        host=host.survey(),
        workspace=facts,
        cwd=str(workspace),
        environment={},
        mode=TerminalMode.PTY,
        toolchains=(),
        empty_file=str(empty),
        has_network=bool(places),
        shown_at=root if manifest else None,
    )
    network = assignment.Network(
        places=tuple(places), hint="ask for", server_file=str(ground / "home" / "server.json")
    )
    supervision = assignment.Supervision(
        folder=str(folder),
        placeholder_folder=str(ground / "home" / "placeholders"),
        masks=(),
        max_output_bytes=1 << 20,
        rows=24,
        columns=80,
        timeout_seconds=60,
        idle_timeout_seconds=None,
        is_traced=mode == "preview",
    )
    zygote = Zygote(log_path=ground / "home" / "log", scratch=ground / "home" / "rehearsal")
    zygote.nobody = host.nobody
    await zygote.spawn(
        assignment.build_assignment(
            profile,
            (*(shell_line("mark", ":") if mode == "preview" else ()), "/bin/bash", "--norc", "-c", script),
            seccomp=code,
            workspace=facts,
            supervision=supervision,
            network=network if places else None,
        )
    )
    watch = Watch(folder, placeholder_folder=ground / "home" / "placeholders")
    if mode == "cancel":
        while watch.size == 0 and watch.ended is None:
            await watch.wait_change(size=0, phase=watch.phase)
        await watch.send({"op": "cancel", "reason": "x", "grace_seconds": 0.2})
    await watch.wait_end(60)
    assert watch.ended is not None
    output = b"".join(piece.data for piece in iterate_pieces(folder, until=watch.size))
    await watch.close()
    await zygote.close()
    failed = [finding.name for finding in findings if not finding.is_ok]
    said = folder / step_folder.NETWORK
    lines = [json.loads(line) for line in said.read_text().splitlines()] if said.exists() else []
    found = compare(root, facts.root, manifest)
    changed = {"created": found.created, "changed": found.changed, "deleted": found.deleted}
    answer = {
        "failed": failed,
        "changed": changed if manifest else {},
        "output": output.decode(),
        "ended": dict(watch.ended),
        "network": lines,
        "processes": step_folder.read_document(str(folder), step_folder.PROCESSES),
    }
    print(json.dumps(answer))


asyncio.run(main(Path(sys.argv[2]), sys.argv[3], sys.argv[4], json.loads(sys.argv[5])))
