"""What is kept comes back equal, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.features.cache import (
    Contents,
    Remembered,
    load_contents,
    load_remembered,
    store_contents,
    store_remembered,
)
from workbench.features.files import Stamp
from workbench.features.outline import parse_outline
from workbench.model.feature import Discovery

DISCOVERY = Discovery(repo="/r", commit=None, features=(), diagnostics=(), reason="nothing")
TEXT = "---\na: {b: [c, d]}\n---\n# T\n**K**: v\n- [x] done\nVerify: `make test`\n"


def test_a_discovery_and_outlines_come_back_equal(tmp_path: Path) -> None:
    remembered = Remembered(
        code="1",
        head=None,
        stamps={"a.md": Stamp(size=1, mtime_ns=2, ctime_ns=3, inode=4)},
        blob_ids={"a.md": "f"},
        problems=[("b.md", "why")],
        agent_paths=["CLAUDE.md"],
        discovery=DISCOVERY,
    )
    contents = Contents(code="1", outlines={"a.md": ("f", parse_outline("a.md", TEXT))})
    store_remembered(tmp_path, "/r", remembered)
    store_contents(tmp_path, "/r", contents)
    loaded = load_remembered(tmp_path, "/r")
    assert loaded is not None
    assert loaded[0] == remembered
    assert load_contents(tmp_path, "/r") == contents
    assert load_contents(tmp_path, "/other") is None
    assert load_contents(None, "/r") is None
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".new")]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_no_damage_makes_loading_fail(tmp_path: Path, content: bytes) -> None:
    store_contents(tmp_path, "/r", Contents(code="1"))
    (file,) = tmp_path.iterdir()
    file.write_bytes(content)
    loaded = load_contents(tmp_path, "/r")
    assert loaded is None or isinstance(loaded, Contents)
