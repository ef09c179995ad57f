"""Who may have let what start, told from the logs alone: a reader of its own, which asks no code of the gate.

It takes the events of both chains in the order in which they came, keeps the project's rules, tokens, authors
and votes as they were told, and holds each start and each vote against them.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from workbench.model.event import Event

_OVER = {"approval:denied", "approval:expired", "approval:withdrawn", "approval:lapsed"}


class Replay:
    """`house` takes the events of the house's own chain, `project` those of the project's."""

    def __init__(self) -> None:
        self.rules: dict[str, Any] = {}
        self._tokens: dict[str, tuple[str, str]] = {}
        self._persons: dict[str, str] = {}
        self._requesters: dict[str, str] = {}
        self._editors: dict[str, list[str]] = defaultdict(list)
        self._asked: dict[str, Event] = {}
        self._told: dict[str, list[Event]] = defaultdict(list)

    def house(self, events: Iterable[Event]) -> None:
        for event in events:
            told = event.payload
            match event.tag:
                case "project:added" | "project:changed":
                    self.rules = json.loads(told["settings"])
                case "token:created":
                    self._tokens[told["token_id"]] = (told["person"], told["role"])
                    self._persons[told["token_actor"]] = told["person"]
                case "token:revoked":
                    self._tokens.pop(told["token_id"], None)

    def project(self, events: Iterable[Event]) -> None:
        """Raises AssertionError at the first start or vote that should not have been."""
        for event in events:
            told = event.payload
            if event.run_id is not None and event.run_id not in self._requesters:
                self._requesters[event.run_id] = event.actor
            if event.tag == "approval:requested":
                self._asked[told["approval_id"]] = event
                if told["edited_by"] is not None:
                    self._editors[str(event.step_id)].append(told["edited_by"])
            if event.tag.startswith("approval:"):
                self._told[told["approval_id"]].append(event)
            if event.tag in ("approval:voted", "approval:approved"):
                self._check_vote(event)
            if event.tag == "step:started":
                self._check_start(event)
            if event.tag == "policy:remembered" and self.rules["forbid_self_approval"]:
                authors = {self._requesters[told["from_run_id"]]}
                assert self._person(event.actor) not in self._people(authors), "remembered their own"

    def _check_vote(self, event: Event) -> None:
        is_own = self._person(event.actor) in self._authors(event)
        assert not (is_own and event.payload["via"] == "mcp"), f"the agent {event.actor} approved its own"
        assert not (is_own and self.rules["forbid_self_approval"]), f"{event.actor} approved their own"

    def _check_start(self, event: Event) -> None:
        verdict = event.payload["verdict"]
        assert verdict["verdict"] in ("allow", "requires_approval")
        approval_id = event.payload["approval_id"]
        if approval_id is None:
            assert verdict["verdict"] == "allow", f"{event.step_id} started unasked"
            return
        asked, told = self._asked[approval_id], self._told[approval_id]
        assert (asked.step_id, asked.payload["subject_digest"]) == (
            event.step_id,
            event.payload["subject_digest"],
        )
        tags = [each.tag for each in told]
        assert tags.count("approval:approved") == tags.count("approval:used") == 1
        assert not _OVER & set(tags)
        approved = next(each for each in told if each.tag == "approval:approved")
        assert approved.at < asked.payload["expires_at"]
        assert event.at < approved.payload["start_by"]
        needed = max(1, asked.payload["quorum"], self.rules["approval_quorum"] or 1)
        people = self._who_count(event, asked, told)
        assert len(people) >= needed, f"{event.step_id} started with {sorted(people)} of {needed}"

    def _who_count(self, start: Event, asked: Event, told: list[Event]) -> set[str]:
        """Returns the people whose votes are good at the start, under the rules and tokens of that moment."""
        people = set()
        for vote in told:
            if vote.tag not in ("approval:voted", "approval:approved"):
                continue
            person, role = self._tokens.get(vote.payload["decision"]["token_id"], ("", ""))
            if self._may(person, role, asked.payload["risk_level"]):
                people.add(person)
        return people - self._authors(start) if self.rules["forbid_self_approval"] else people

    def _may(self, person: str, role: str, risk: str) -> bool:
        if role not in ("approver", "admin"):
            return False
        for rule in self.rules["approvers"]:
            if rule["risk_level"] == risk:
                by_role = rule["role"] is not None and role in (rule["role"], "admin")
                return by_role or person in self._people(rule["people"])
        return True

    def _authors(self, event: Event) -> set[str]:
        """Returns the people who asked for what a step is to do, or ever changed it."""
        return self._people([self._requesters[str(event.run_id)], *self._editors[str(event.step_id)]])

    def _people(self, actors: Iterable[str]) -> set[str]:
        return {self._person(actor) for actor in actors}

    def _person(self, actor: str) -> str:
        return self._persons.get(actor, actor.rpartition(":")[2])
