"""The audit, the entry gates and the program's numbers."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter

from workbench.api import wire
from workbench.api.house import HouseIn, ProjectQuery
from workbench.program.gates import compute_gates
from workbench.program.metrics import compute_metrics

router = APIRouter()


@router.get("/api/audit/verify")
async def verify_audit(house: HouseIn, project: ProjectQuery) -> wire.AuditOut:
    finding = await house.context.ledger.verify(project.project_id)
    return wire.AuditOut(
        ok=finding.ok,
        events=finding.events,
        checkpoints=0,
        first_bad=finding.first_bad,
        problem=finding.problem,
    )


@router.get("/api/gates")
async def list_gates(house: HouseIn, project: ProjectQuery) -> list[wire.GateOut]:
    return [wire.GateOut(**asdict(gate)) for gate in await compute_gates(house.context, project.project_id)]


@router.get("/api/metrics")
async def list_metrics(house: HouseIn, project: ProjectQuery) -> list[wire.MetricOut]:
    found = await compute_metrics(house.context, project.project_id)
    return [wire.MetricOut(**asdict(metric)) for metric in found]
