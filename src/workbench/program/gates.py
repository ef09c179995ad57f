"""The roadmap's entry gates as checks over live evidence: pass, fail, or not enough data.

A gate never guesses: what nothing measures yet says so, and counts as not passed.
"""

from __future__ import annotations

from collections.abc import Collection

from workbench.engine.context import Context
from workbench.engine.switch import SWITCHES
from workbench.gate.switches import CONNECTORS
from workbench.model.counted import render_count
from workbench.model.entry_gate import EntryGate as Gate


async def compute_gates(
    context: Context, project_id: str, *, phases: Collection[str] = SWITCHES
) -> list[Gate]:
    """Returns every entry gate of these phases with its state and the evidence for it."""
    gates = await _compute(context, project_id, is_sandbox_asked=CONNECTORS in phases)
    return [gate for gate in gates if gate.phase in phases]


async def _compute(context: Context, project_id: str, *, is_sandbox_asked: bool) -> list[Gate]:
    """Returns all gates; the one that rests on the sandbox's self-test, which starts processes, if asked."""
    finding = await context.ledger.verify(project_id)
    problems = {
        connector_id: await connector.validate_config() if is_sandbox_asked else ()
        for connector_id, connector in sorted(context.connectors.items())
    }
    local = problems.get("local", [])
    return [
        Gate(
            gate_id="audit_storage",
            phase="execution.local",
            text="Audit event storage validated for command lifecycle events",
            state="pass" if finding.ok else "fail",
            evidence=f"{render_count(finding.events, 'event')} verified"
            if finding.ok
            else f"verification fails: {finding.problem}",
        ),
        Gate(
            gate_id="policy_model",
            phase="execution.local",
            text="Approval workflow and command policy model defined",
            state="pass",
            evidence="the shipped policy was loaded and every example in it holds; else no server starts",
        ),
        Gate(
            gate_id="recommendation_mismatch",
            phase="execution.local",
            text="Recommendation mismatch rate below 2 %",
            state="not_enough_data",
            evidence="commands run outside the workbench are not seen yet, so the rate has no denominator",
        ),
        Gate(
            gate_id="phase_2_safety",
            phase="execution.connectors",
            text="Phase 2 execution safety controls validated",
            state="fail" if local else "pass",
            evidence="; ".join(problem.message for problem in local)
            or "every sandbox self-test holds by effect on this machine",
            measure=len(local),
        ),
        Gate(
            gate_id="connector_contract",
            phase="execution.connectors",
            text="Connector contract and capability matrix approved",
            state="not_enough_data",
            evidence=f"{len(problems)} connector present: {', '.join(problems)}",
        ),
        Gate(
            gate_id="reconciliation",
            phase="execution.orchestration",
            text="Connectors support reliable run state tracking and reconciliation",
            state="not_enough_data",
            evidence="no run on an external platform yet",
        ),
    ]
