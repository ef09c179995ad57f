"""A sealed value opens for its own project, name and version, and for nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.clock import ToldClock
from workbench.model.errors import InvalidInput, NotFound
from workbench.secrets.vault import Vault, VaultBroken

VALUE = "correct horse battery"


@pytest.fixture
def vault(tmp_path: Path, clock: ToldClock) -> Vault:
    return Vault(tmp_path / "vault", clock)


def edit(vault_folder: Path, project_id: str, change: Callable[[dict[str, Any]], None]) -> None:
    path = vault_folder / f"{project_id}.json"
    document = json.loads(path.read_bytes())
    change(document)
    path.write_text(json.dumps(document))


def test_a_value_comes_back_whole_and_lies_nowhere_in_the_clear(vault: Vault, tmp_path: Path) -> None:
    value = "mehrzeilig\nüñ\0" + "x" * 1000
    info = vault.put("prj_1", "TOKEN", value, actor="user:ann")
    assert (info.version, info.created_by) == (1, "user:ann")
    assert vault.get("prj_1", "TOKEN") == value
    for path in (tmp_path / "vault").iterdir():
        assert b"mehrzeilig" not in path.read_bytes()
        assert path.stat().st_mode & 0o077 == 0
    assert (tmp_path / "vault").stat().st_mode & 0o077 == 0


def test_setting_it_again_is_a_new_version_and_removing_it_forgets_it(vault: Vault) -> None:
    vault.put("prj_1", "TOKEN", VALUE, actor="a")
    assert vault.put("prj_1", "TOKEN", VALUE + "2", actor="b").version == 2
    assert vault.get("prj_1", "TOKEN") == VALUE + "2"
    assert [(info.name, info.version) for info in vault.list("prj_1")] == [("TOKEN", 2)]
    vault.remove("prj_1", "TOKEN")
    assert vault.list("prj_1") == []
    with pytest.raises(NotFound):
        vault.get("prj_1", "TOKEN")


def swap_names(document: dict[str, Any]) -> None:
    secrets = document["secrets"]
    secrets["ONE"], secrets["TWO"] = secrets["TWO"], secrets["ONE"]


def older_version(document: dict[str, Any]) -> None:
    document["secrets"]["ONE"]["version"] += 1


def other_bytes(document: dict[str, Any]) -> None:
    sealed = document["secrets"]["ONE"]["sealed"]
    document["secrets"]["ONE"]["sealed"] = ("B" if sealed[0] == "A" else "A") + sealed[1:]


def other_key(document: dict[str, Any]) -> None:
    key = document["sealed_key"]
    document["sealed_key"] = ("B" if key[0] == "A" else "A") + key[1:]


def other_project(document: dict[str, Any]) -> None:
    document["project_id"] = "prj_2"


@pytest.mark.parametrize("change", [swap_names, older_version, other_bytes, other_key, other_project])
def test_a_changed_vault_opens_nothing(
    vault: Vault, tmp_path: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    vault.put("prj_1", "ONE", VALUE, actor="a")
    vault.put("prj_1", "TWO", VALUE + " two", actor="a")
    edit(tmp_path / "vault", "prj_1", change)
    with pytest.raises(VaultBroken) as caught:
        vault.get("prj_1", "ONE")
    assert caught.value.remedy
    assert VALUE not in caught.value.message


def test_one_projects_vault_cannot_stand_in_for_anothers(vault: Vault, tmp_path: Path) -> None:
    vault.put("prj_1", "ONE", VALUE, actor="a")
    vault.put("prj_2", "ONE", VALUE + " two", actor="a")
    first, second = (tmp_path / "vault" / f"{name}.json" for name in ("prj_1", "prj_2"))
    document = json.loads(first.read_bytes())
    second.write_text(json.dumps({**document, "project_id": "prj_2"}))
    with pytest.raises(VaultBroken):
        vault.get("prj_2", "ONE")


def test_another_master_key_opens_nothing(vault: Vault, tmp_path: Path) -> None:
    vault.put("prj_1", "ONE", VALUE, actor="a")
    (tmp_path / "vault" / "master.key").write_bytes(b"\1" * 32)
    with pytest.raises(VaultBroken):
        vault.get("prj_1", "ONE")


@pytest.mark.parametrize("name", ["", "1A", "A B", "A-B", "A\n", "../A", "A" * 129])
def test_a_name_that_is_none_is_refused(vault: Vault, name: str) -> None:
    with pytest.raises(InvalidInput):
        vault.put("prj_1", name, VALUE, actor="a")


@pytest.mark.parametrize("project_id", ["", "..", "../prj", "a/b", "a.b"])
def test_a_project_id_that_is_a_path_is_refused(vault: Vault, project_id: str) -> None:
    with pytest.raises(InvalidInput):
        vault.put(project_id, "ONE", VALUE, actor="a")


def test_a_value_too_short_to_be_masked_is_refused(vault: Vault) -> None:
    with pytest.raises(InvalidInput) as caught:
        vault.put("prj_1", "ONE", "1234567", actor="a")
    assert "1234567" not in caught.value.message
