"""Projects, features, documents and recommendations."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query

from workbench.api import wire
from workbench.api.house import ActorIn, HouseIn, ProjectQuery, may_see, require_project
from workbench.api.render import advice_out, diagnostics_out, feature_detail_out, feature_out, project_out
from workbench.engine.advise import advise_project, discover_project
from workbench.engine.operate import add_project
from workbench.features import read_document
from workbench.model.actor import Role
from workbench.model.errors import NotFound
from workbench.model.project import ApproverRule, EnvProfile
from workbench.model.verdict import RiskLevel

router = APIRouter()


@router.get("/api/projects")
async def list_projects(house: HouseIn, actor: ActorIn) -> list[wire.ProjectOut]:
    projects = await house.context.ledger.projects()
    return [
        project_out(project, actor, house.context.policy)
        for project in projects
        if may_see(actor, project.project_id)
    ]


@router.post("/api/projects", status_code=201)
async def put_project(body: wire.ProjectIn, house: HouseIn, actor: ActorIn) -> wire.ProjectOut:
    if actor.project_id is not None:
        # Which project a folder is, or becomes, is no question for a token that is bound to one of them.
        require_project(actor, "every project")
    project = await add_project(
        house.context,
        path=Path(body.path),
        actor=actor,
        name=body.name,
        forbid_self_approval=body.forbid_self_approval,
        toolchains=None if body.toolchains is None else tuple(body.toolchains),
        network_allowlist=None if body.network_allowlist is None else tuple(body.network_allowlist),
        network_add=tuple(body.network_add),
        network_remove=tuple(body.network_remove),
        env_profile=None
        if body.env_profile is None
        else EnvProfile(
            name=body.env_profile.name,
            variables=body.env_profile.variables,
            secrets=tuple(body.env_profile.secrets),
        ),
        approval_quorum=body.approval_quorum,
        approvers=None
        if body.approvers is None
        else tuple(
            ApproverRule(
                risk_level=RiskLevel(rule.risk_level),
                role=None if rule.role is None else Role(rule.role),
                people=tuple(dict.fromkeys(rule.people)),
            )
            for rule in body.approvers
        ),
        retention_days=body.retention_days,
        retention_bytes=body.retention_bytes,
    )
    return project_out(project, actor, house.context.policy)


@router.get("/api/features")
async def list_features(house: HouseIn, project: ProjectQuery) -> list[wire.FeatureOut]:
    discovery = await discover_project(house.context, project)
    return [feature_out(feature) for feature in discovery.features]


@router.get("/api/features/{feature_id:path}")
async def get_feature(
    feature_id: str, house: HouseIn, project: ProjectQuery, actor: ActorIn
) -> wire.FeatureDetailOut:
    discovery = await discover_project(house.context, project)
    feature = next((f for f in discovery.features if f.feature_id == feature_id), None)
    if feature is None:
        raise NotFound(
            f"there is no feature {feature_id} in {project.name}", remedy="list them: workbench features"
        )
    advice = await advise_project(house.context, project, discovery, actor=actor, feature_id=feature_id)
    return feature_detail_out(feature, advice[0], discovery.diagnostics)


@router.get("/api/discovery")
async def get_discovery(house: HouseIn, project: ProjectQuery) -> wire.DiscoveryOut:
    discovery = await discover_project(house.context, project)
    return wire.DiscoveryOut(
        repo=discovery.repo,
        commit=discovery.commit,
        reason=discovery.reason,
        diagnostics=diagnostics_out(discovery.diagnostics),
    )


@router.get("/api/documents")
async def get_document(
    house: HouseIn, project: ProjectQuery, path: Annotated[str, Query(max_length=4096)]
) -> wire.DocumentTextOut:
    text = await asyncio.to_thread(read_document, Path(project.workspace_root), path)
    discovery = await discover_project(house.context, project)
    documents = (document for feature in discovery.features for document in feature.documents)
    commit = next((document.commit for document in documents if document.path == path), None)
    return wire.DocumentTextOut(path=path, text=text, commit=commit, truncated=_is_cut(text))


def _is_cut(text: str) -> bool:
    """Tells whether features cut the document: its last line then says so."""
    return text.rstrip("\n").rpartition("\n")[2].startswith("[cut here: ")


@router.get("/api/recommendations")
async def list_recommendations(
    house: HouseIn,
    project: ProjectQuery,
    actor: ActorIn,
    feature_id: Annotated[str | None, Query(max_length=500)] = None,
) -> list[wire.AdviceOut]:
    discovery = await discover_project(house.context, project)
    advice = await advise_project(house.context, project, discovery, actor=actor, feature_id=feature_id)
    return [advice_out(item) for item in advice]
