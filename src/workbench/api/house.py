"""What the routes are handed: engine's context, access, and facts about this server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Query
from fastapi.requests import HTTPConnection

from workbench.api.auth import Access, Identify
from workbench.api.render import PolicyInForce
from workbench.engine.context import Context
from workbench.engine.look import read_policy
from workbench.model.actor import Actor
from workbench.model.errors import InvalidInput, NotAllowed, WorkbenchError
from workbench.model.project import Project
from workbench.sinks.notify import TargetState


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """`notices` says how the targets of notices do."""

    context: Context
    access: Access
    url: str
    version: str
    home: str
    pid: int
    stop: Callable[[], None]
    notices: Callable[[], tuple[TargetState, ...]] = tuple


# Both are coroutines because the framework runs plain functions in a thread, one hop for each.
async def _house(connection: HTTPConnection) -> House:
    return cast(House, connection.app.state.house)


async def _actor(connection: HTTPConnection) -> Actor:
    return cast(Actor, connection.scope["state"]["actor"])


async def _identify(connection: HTTPConnection) -> Identify:
    return cast(Identify, connection.scope["state"]["identify"])


HouseIn = Annotated[House, Depends(_house)]
ActorIn = Annotated[Actor, Depends(_actor)]
IdentifyIn = Annotated[Identify, Depends(_identify)]


async def _project(
    house: HouseIn, actor: ActorIn, project_id: Annotated[str, Query(max_length=100)] = ""
) -> Project:
    return await find_project(house, actor, project_id)


ProjectQuery = Annotated[Project, Depends(_project)]


async def _one_or_all(
    house: HouseIn, actor: ActorIn, project_id: Annotated[str, Query(max_length=100)] = ""
) -> str | None:
    if project_id:
        return (await find_project(house, actor, project_id)).project_id
    return actor.project_id


OneOrAllProjects = Annotated[str | None, Depends(_one_or_all)]
"""The project that was named, or None for all; a token for one project sees that one."""


async def find_project(house: House, actor: Actor, project_id: str) -> Project:
    """Returns the project if this actor may see it; an empty id means the only one there is."""
    if not project_id:
        visible = [p for p in await house.context.ledger.projects() if may_see(actor, p.project_id)]
        if len(visible) != 1:
            raise InvalidInput(
                f"there are {len(visible)} projects, so one must be named",
                remedy="add ?project_id=…; list them at /api/projects",
            )
        return visible[0]
    require_project(actor, project_id)
    return await house.context.ledger.project(project_id)


def may_see(actor: Actor, project_id: str) -> bool:
    """Tells whether the actor's token reaches this project."""
    return actor.project_id is None or actor.project_id == project_id


def require_project(actor: Actor, project_id: str) -> None:
    """Raises NotAllowed when the actor's token is for another project."""
    if not may_see(actor, project_id):
        raise NotAllowed(
            f"this token is for project {actor.project_id} only",
            remedy="use a token for that project, or one for all",
        )


def require_scope(actor: Actor, project_id: str | None) -> None:
    """An actor bound to one project may not act on another, nor on all of them."""
    if actor.project_id is not None:
        require_project(actor, project_id or "every project")


async def policy_in_force(house: House, project_id: str) -> PolicyInForce:
    """Returns the policy in force for a project, or the error with which it would refuse a decision."""
    try:
        return await read_policy(house.context, project_id)
    except WorkbenchError as problem:
        return problem


async def project_of_run(house: House, actor: Actor, run_id: str) -> str:
    """Returns the id of a run's project if this actor may see it."""
    project_id = await house.context.ledger.project_of_run(run_id)
    require_project(actor, project_id)
    return project_id
