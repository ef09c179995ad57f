"""What is tried is what was asked about: judged when it is looked at, and again in the copy."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path

import pytest

from support.engine import House, Notebook, open_engine_house
from workbench.connectors.contract import DispatchRequest, PreviewFound, PreviewTerms
from workbench.connectors.local import surroundings_of
from workbench.engine.preview import preview
from workbench.engine.submit import submit
from workbench.model.actor import Actor, Role
from workbench.model.command import Command
from workbench.model.errors import Conflict
from workbench.sandbox.copied import CopiedSurroundings
from workbench.sandbox.replica import make_replica

ANN = Actor(name="user:ann", role=Role.ADMIN, via="cli")


class Swapping(Notebook):
    """Changes the Makefile before it copies the workspace, and puts it back before anything is judged."""

    def __init__(self, folder: Path, text: str) -> None:
        super().__init__()
        self._root, self._tree, self._text = folder / "ws", folder / "tree", text
        self.tried: list[str] = []

    async def preview(self, request: DispatchRequest, *, name: str, terms: PreviewTerms) -> PreviewFound:
        makefile = self._root / "Makefile"
        before = makefile.read_text()
        makefile.write_text(self._text)
        manifest = make_replica(str(self._root), str(self._tree), hides=terms.hides)
        makefile.write_text(before)
        await terms.check(
            CopiedSurroundings(root=str(self._root), tree=str(self._tree), manifest=manifest, toolchains=())
        )
        self.tried.append((self._tree / "Makefile").read_text())
        report = {"is_cut": False, "end_reason": "exited", "exit_code": 0, "counts": {}}
        return PreviewFound(name=name, report=report, digest="sha256:1", size_bytes=1)

    def preview_report(self, name: str) -> bytes:
        raise NotImplementedError


async def try_make(house: House, folder: Path, swapped: str) -> tuple[Swapping, list[str]]:
    """Previews a held `make mk`; returns the connector, and the tags of the run's events."""
    makefile = folder / "ws" / "Makefile"
    makefile.write_text("mk:\n\trm -rf src\n")
    connector = Swapping(folder, swapped)
    context = dataclasses.replace(
        house.context,
        connectors={"local": connector},
        surroundings=lambda project: surroundings_of(project.workspace_root),
    )
    run = await submit(context, project_id="prj_1", command=Command(source_text="make mk", cwd=""), actor=ANN)
    reads = context.ledger.for_project("prj_1")
    assert len(await reads.approvals(run_id=run.run_id)) == 1
    with contextlib.suppress(Conflict):
        await preview(context, project_id="prj_1", run_id=run.run_id, actor=ANN)
    return connector, [event.tag for event in await reads.events(run_id=run.run_id)]


@pytest.mark.parametrize("swapped", ["mk:\n\trm -f nothing\n", "mk:\n\trm -rf src d5\n", ""])
async def test_a_change_between_the_look_and_the_copy_is_no_preview_of_the_approval(
    tmp_path: Path, swapped: str
) -> None:
    async with open_engine_house(f"sqlite:///{tmp_path}/ledger.db", tmp_path) as house:
        connector, tags = await try_make(house, tmp_path.resolve(), swapped)
    assert connector.tried == []
    assert "preview:recorded" not in tags
    assert "artifact:recorded" not in tags


async def test_a_copy_of_what_was_asked_about_is_tried(tmp_path: Path) -> None:
    async with open_engine_house(f"sqlite:///{tmp_path}/ledger.db", tmp_path) as house:
        connector, tags = await try_make(house, tmp_path.resolve(), "mk:\n\trm -rf src\n")
    assert connector.tried == ["mk:\n\trm -rf src\n"]
    assert tags[-1] == "preview:recorded"
