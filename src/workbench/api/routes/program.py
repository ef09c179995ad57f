"""The audit, the entry gates and the program's numbers."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter, Response

from workbench.api import wire_house
from workbench.api.exposition import MEDIA_TYPE, render_exposition
from workbench.api.house import ActorIn, HouseIn, ProjectQuery
from workbench.program.gates import compute_gates
from workbench.program.metrics import compute_metrics

router = APIRouter()


@router.get("/api/audit/verify")
async def verify_audit(house: HouseIn, project: ProjectQuery) -> wire_house.AuditOut:
    finding = await house.context.ledger.verify(project.project_id)
    return wire_house.AuditOut(
        ok=finding.ok,
        project_id=finding.project_id,
        events=finding.events,
        checkpoints=0,
        first_bad=finding.first_bad,
        problem=finding.problem,
    )


@router.get("/api/gates")
async def list_gates(house: HouseIn, project: ProjectQuery) -> list[wire_house.GateOut]:
    return [
        wire_house.GateOut(**asdict(gate)) for gate in await compute_gates(house.context, project.project_id)
    ]


@router.get("/api/metrics")
async def list_metrics(house: HouseIn, project: ProjectQuery) -> list[wire_house.MetricOut]:
    found = await compute_metrics(house.context, project.project_id)
    return [wire_house.MetricOut(**asdict(metric)) for metric in found]


@router.get(
    "/metrics",
    response_class=Response,
    responses={
        200: {"description": "Prometheus text", "content": {"text/plain": {"schema": {"type": "string"}}}}
    },
)
async def get_exposition(house: HouseIn, actor: ActorIn) -> Response:
    """The server's own numbers for Prometheus; a token for one project sees that project's."""
    counts = await house.context.ledger.counts(actor.project_id)
    return Response(render_exposition(counts, version=house.version), media_type=MEDIA_TYPE)
