"""Applies the moves of what the house holds beside runs: projects, layers, switches, tokens, rules."""

from __future__ import annotations

from dataclasses import asdict

from workbench.ledger import move as m
from workbench.ledger import tables
from workbench.ledger.persons import find_person
from workbench.ledger.row_writer import Change, RowWriter
from workbench.ledger.rows import parse_project, render_json, render_overridden, render_project_settings
from workbench.model.errors import Conflict, NotFound


class HouseRows(RowWriter):
    """Their writers; each method applies the move it is named after."""

    def put_project(self, move: m.PutProject) -> Change:
        p = move.project
        settings = render_project_settings(p)
        payload = {"project_id": p.project_id, "name": p.name, "workspace_root": p.workspace_root}
        row = self._find(tables.projects, {"project_id": p.project_id})
        if row is None:
            row = {**payload, "settings": settings, "created_at": self._at}
            return self._insert(tables.projects, row, "project:added", {**payload, "settings": settings})
        if move.seen and parse_project(row) != move.seen:
            raise Conflict("the project has changed meanwhile", remedy="look at it again, and try again")
        row.update(name=p.name, settings=settings)
        return self._update(
            tables.projects, row, "project:changed", {**payload, "settings": settings}, versioned=False
        )

    def put_layer(self, move: m.PutLayer) -> Change:
        found = self._find(tables.policy_layers, {"layer": move.layer})
        if (None if found is None else found["digest"]) != move.seen:
            raise Conflict("the layer's record has changed meanwhile", remedy="look at it again")
        row = {"layer": move.layer, "digest": move.digest, "changed_by": self._actor, "changed_at": self._at}
        return self._put(tables.policy_layers, row, move.tag, dict(move.payload))

    def set_switch(self, move: m.SetSwitch) -> Change:
        found = self._find(tables.switches, {"name": move.name, "project_id": move.scope_project_id})
        if move.seen_at not in (None, "" if found is None else found["changed_at"]):
            raise Conflict("the switch was set meanwhile", remedy="look at it again: workbench switch list")
        row = {
            "name": move.name,
            "project_id": move.scope_project_id,
            "state": move.state.value,
            "since": move.since,
            "until": move.until,
            "people": render_json(list(move.people)),
            "reason": move.reason,
            "changed_by": self._actor,
            "changed_at": self._at,
            "overridden": render_overridden(move.overridden),
        }
        payload = {
            **row,
            "people": list(move.people),
            "overridden": [asdict(gate) for gate in move.overridden],
            "gates": [asdict(gate) for gate in move.gates],
        }
        return self._put(tables.switches, row, "switch:set", payload)

    def set_kill(self, move: m.SetKill) -> Change:
        row = {
            "scope": move.scope,
            "engaged": int(move.engaged),
            "reason": move.reason,
            "changed_by": self._actor,
            "changed_at": self._at,
        }
        tag = "kill:engaged" if move.engaged else "kill:released"
        return self._put(tables.kill_records, row, tag, {"scope": move.scope, "reason": move.reason})

    def put_token(self, move: m.PutToken) -> Change:
        person = find_person(self._connection, move)
        row = {
            "token_id": move.token_id,
            "token_sha256": move.token_sha256,
            "kind": move.kind,
            "actor": move.token_actor,
            "role": move.role,
            "project_id": move.token_project_id,
            "created_at": self._at,
            "expires_at": move.expires_at,
            "revoked_at": None,
            "person": person,
            "made_with": move.made_with,
        }
        payload = {
            "token_id": move.token_id,
            "kind": move.kind,
            "token_actor": move.token_actor,
            "role": move.role,
            "person": person,
        }
        return self._insert(tables.access_tokens, row, "token:created", payload)

    def revoke_token(self, move: m.RevokeToken) -> Change:
        row = self._find(tables.access_tokens, {"token_id": move.token_id})
        if row is None:
            raise NotFound(f"there is no token {move.token_id}", remedy="list them: workbench token list")
        row["revoked_at"] = row["revoked_at"] or self._at
        return self._update(
            tables.access_tokens, row, "token:revoked", {"token_id": move.token_id}, versioned=False
        )

    def remember_rule(self, move: m.RememberRule) -> Change:
        row = {
            "rule_id": move.rule_id,
            "project_id": self._project_id,
            "program": move.program,
            "form": move.form,
            "cedar": move.cedar,
            "from_run_id": move.from_run_id,
            "created_by": self._actor,
            "created_at": self._at,
            "expires_at": move.expires_at,
            "revoked_at": None,
        }
        return self._insert(
            tables.remembered_rules, row, "policy:remembered", dict(row), run_id=move.from_run_id
        )

    def forget_rule(self, move: m.ForgetRule) -> Change:
        row = self._find(tables.remembered_rules, {"rule_id": move.rule_id, "project_id": self._project_id})
        if row is None:
            raise NotFound(
                f"there is no remembered rule {move.rule_id} in this project",
                remedy="list them: workbench policy remembered",
            )
        row["revoked_at"] = row["revoked_at"] or self._at
        return self._update(
            tables.remembered_rules, row, "policy:forgotten", {"rule_id": move.rule_id}, versioned=False
        )
