"""A plan: the steps of a run. A single command is a plan of one step."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from workbench.model.canonical import digest_of
from workbench.model.command import Command
from workbench.model.statuses import TerminalMode


class StepKind(StrEnum):
    COMMAND = "command"
    AGENT = "agent"
    VALIDATION = "validation"
    APPROVAL = "approval"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanStep:
    step_key: str
    kind: StepKind
    command: Command
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`plan_digest` covers every step; it is written into the run's first event."""

    plan_id: str
    steps: tuple[PlanStep, ...]
    context_documents: tuple[str, ...] = ()

    @property
    def plan_digest(self) -> str:
        return digest_of(render_plan(self))


def single_command(command: Command) -> Plan:
    """Returns the plan that a lone command is."""
    return Plan(
        plan_id="command", steps=(PlanStep(step_key="command", kind=StepKind.COMMAND, command=command),)
    )


def render_plan(plan: Plan) -> dict[str, Any]:
    """Returns the plan as plain JSON values; `parse_plan` reads it back to an equal plan."""
    return {
        "plan_id": plan.plan_id,
        "context_documents": list(plan.context_documents),
        "steps": [
            {
                "step_key": step.step_key,
                "kind": step.kind.value,
                "needs": list(step.needs),
                "command": {
                    "source_text": step.command.source_text,
                    "cwd": step.command.cwd,
                    "env_profile": step.command.env_profile,
                    "connector": step.command.connector,
                    "tool_scope": list(step.command.tool_scope),
                    "mode": step.command.mode.value,
                    "timeout_seconds": step.command.timeout_seconds,
                    "idle_timeout_seconds": step.command.idle_timeout_seconds,
                    "rows": step.command.rows,
                    "columns": step.command.columns,
                    # Left out where there are none: plans of before this field keep their digests.
                    **({"allow_hosts": list(step.command.allow_hosts)} if step.command.allow_hosts else {}),
                },
            }
            for step in plan.steps
        ],
    }


def parse_plan(value: dict[str, Any]) -> Plan:
    """Returns the plan that `render_plan` wrote; raises KeyError or ValueError on anything else."""
    return Plan(
        plan_id=value["plan_id"],
        context_documents=tuple(value["context_documents"]),
        steps=tuple(
            PlanStep(
                step_key=step["step_key"],
                kind=StepKind(step["kind"]),
                needs=tuple(step["needs"]),
                command=Command(
                    **{
                        **step["command"],
                        "tool_scope": tuple(step["command"]["tool_scope"]),
                        "mode": TerminalMode(step["command"]["mode"]),
                        "allow_hosts": tuple(step["command"].get("allow_hosts", ())),
                    }
                ),
            )
            for step in value["steps"]
        ),
    )
