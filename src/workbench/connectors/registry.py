"""Finds connectors by id: the built-in local one, and those that installed packages offer.

A package offers one under the entry point group `workbench.connectors`: the name is the connector id, the
value a callable that takes a Surrounds and returns a Connector. Nothing is imported until it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import cast

from workbench.connectors.contract import Connector
from workbench.model.clock import Clock
from workbench.model.errors import NotFound, WorkbenchError

GROUP = "workbench.connectors"
LOCAL = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surrounds:
    """What every connector is built from."""

    state_home: Path
    clock: Clock


class ConnectorBroken(WorkbenchError):
    """A package offers this connector, but it cannot be loaded."""

    code = "connector_broken"
    http_status = 503


Build = Callable[[Surrounds], Connector]


def list_connector_ids() -> tuple[str, ...]:
    """Returns the ids of all connectors, local first, without importing any."""
    return (LOCAL, *sorted({point.name for point in _offered()} - {LOCAL}))


def load_connector(connector_id: str, surrounds: Surrounds) -> Connector:
    """Builds one connector. Raises NotFound for an unknown id, ConnectorBroken when its package fails.

    The built-in local connector cannot be replaced by a package: it is the one with the sandbox.
    """
    if connector_id == LOCAL:
        from workbench.connectors.local import LocalConnector

        return LocalConnector(state_home=surrounds.state_home, clock=surrounds.clock)
    point = next((point for point in _offered() if point.name == connector_id), None)
    if point is None:
        raise NotFound(
            f"there is no connector {connector_id!r}; there are {', '.join(list_connector_ids())}",
            remedy="install the package that offers it, or choose one of these",
        )
    return build_offered(point, surrounds)


def build_offered(point: EntryPoint, surrounds: Surrounds) -> Connector:
    """Builds the connector of one entry point; raises ConnectorBroken when that fails in any way."""
    try:
        connector = cast(Build, point.load())(surrounds)
    except Exception as error:
        raise ConnectorBroken(
            f"the connector {point.name!r} cannot be loaded from {point.value}: {error}",
            remedy="update or remove the package that offers it",
        ) from error
    if connector.connector_id != point.name:
        raise ConnectorBroken(
            f"the package {point.value} offers {point.name!r} but builds {connector.connector_id!r}",
            remedy="update or remove the package that offers it",
        )
    return connector


def _offered() -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=GROUP))
