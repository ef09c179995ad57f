"""Connectors are found by id, and a broken package says which one it is."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from local_steps import StillClock
from workbench.connectors.local import LocalConnector
from workbench.connectors.registry import (
    ConnectorBroken,
    Surrounds,
    build_offered,
    list_connector_ids,
    load_connector,
)
from workbench.model.errors import NotFound


@pytest.fixture
def surrounds(tmp_path: Path) -> Surrounds:
    return Surrounds(state_home=tmp_path, clock=StillClock())


def test_the_local_connector_is_always_there(surrounds: Surrounds) -> None:
    assert list_connector_ids()[0] == "local"
    assert isinstance(load_connector("local", surrounds), LocalConnector)


def test_an_unknown_id_names_those_that_there_are(surrounds: Surrounds) -> None:
    with pytest.raises(NotFound, match="local"):
        load_connector("nowhere", surrounds)


@pytest.mark.parametrize("value", ["no.such.module:build", "json:loads", "os:no_such_name"])
def test_a_package_that_cannot_be_loaded_is_named(surrounds: Surrounds, value: str) -> None:
    point = EntryPoint(name="broken", value=value, group="workbench.connectors")
    with pytest.raises(ConnectorBroken, match="broken"):
        build_offered(point, surrounds)


def test_a_package_cannot_pass_off_another_connector_as_its_own(surrounds: Surrounds) -> None:
    point = EntryPoint(name="mine", value="local_steps:build_local", group="workbench.connectors")
    with pytest.raises(ConnectorBroken, match="mine"):
        build_offered(point, surrounds)
