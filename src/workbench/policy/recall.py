"""Marks the calls that a remembered rule covers, and says what of a call such a rule may speak about.

A remembered rule sees the program, the subcommand, the names of flags and the facts; of the values no more
than that there are words, that one is an address or a path, the hosts that are reached, and the container
and the program in it. What it gives is one more fact, `remembered`; which questions that lifts stands in the
rules, not here.
"""

from __future__ import annotations

import json
import posixpath
import re
from dataclasses import dataclass, replace
from itertools import zip_longest

from workbench.policy.calls import Call
from workbench.policy.catalog import Catalog
from workbench.policy.evaluate import RuleSet, ask_recall
from workbench.policy.options import Reading, Value

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]")
_AUTHORITY = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)")
_LOGIN_HOST = re.compile(r"[A-Za-z0-9._-]+@([^:/@]+):(?!//)")
_ADDRESSES = frozenset({"url", "host"})
# What the first words name of a call that runs something in a container.
_ELSEWHERE = ("container", "inside")
_ARCHIVE = re.compile(r"\.(tgz|tar|tar\.[a-z0-9]+|whl|zip|gem|crate|egg)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallForm:
    """A call as a remembered rule sees it; only a call whose every word is understood has one.

    Its facts are the call's own, and besides `names_words` when it has words that are no option's value,
    `names_places` when one of them is an address or a path where a name may stand, `host:NAME` for each
    host that it names, and `container:NAME` and `inside:WORD` for the image or container that it runs in and
    the program there: a rule covers no call with one more of them.
    """

    program: str
    form: str
    flags: tuple[str, ...]
    facts: tuple[str, ...]


def mark_remembered(recall: RuleSet | None, catalog: Catalog, calls: tuple[Call, ...]) -> tuple[Call, ...]:
    """Returns the calls with the fact `remembered` on each that a remembered rule covers."""
    if recall is None:
        return calls
    forms = [read_form(catalog, call) for call in calls]
    contexts = [
        json.dumps({"program": form.program, "form": form.form, "flags": form.flags, "facts": form.facts})
        for form in forms
        if form is not None
    ]
    answers = iter(ask_recall(recall, contexts))
    return tuple(
        replace(call, labels=call.labels | {"remembered"}) if form is not None and next(answers) else call
        for form, call in zip(forms, calls, strict=True)
    )


def read_form(catalog: Catalog, call: Call) -> CallForm | None:
    """Returns the program and form of a call that is understood whole, or None.

    None, too, where the host that is reached cannot be told, as a rule would cover any.
    """
    argv = call.facts.argv
    if "understood" not in call.labels or not argv:
        return None
    program = catalog.find(posixpath.basename(argv[0]))
    known = program.read(argv[1:]) if program is not None else None
    if program is None or known is None:
        return None
    form, reading = known
    bounds = _find_bounds(reading, call.labels)
    if bounds is None:
        return None
    return CallForm(
        # The name it was called by: programs that share an entry are not each other.
        program=posixpath.basename(argv[0]),
        form=" ".join(form.words),
        flags=tuple(sorted(reading.given)),
        facts=tuple(sorted(call.labels | bounds)),
    )


def _find_bounds(reading: Reading, labels: frozenset[str]) -> set[str] | None:
    operands = [value for value in reading.values if value.is_operand]
    bounds = {"names_words"} if operands else set[str]()
    if "runs_elsewhere" in labels:
        named = [value.text for value in operands]
        bounds |= {f"{what}:{text}" for what, text in zip_longest(_ELSEWHERE, named[:2], fillvalue="")}
    if "network" not in labels:
        return bounds
    if any(value.kind == "literal" for value in operands):
        # An address among words of other kinds, as httpie takes them.
        return None
    if any(_is_place(value) for value in operands):
        bounds.add("names_places")
    for value in reading.values:
        named = _find_hosts(value)
        if not all(_HOST.fullmatch(host) for host in named):
            return None
        bounds |= {f"host:{host.lower()}" for host in named}
    return bounds


def _is_place(value: Value) -> bool:
    text = value.text
    is_scoped = text.startswith("@") and text.count("/") == 1 and ":" not in text
    return not is_scoped and ("/" in text or ":" in text or text[:1] == "." or bool(_ARCHIVE.search(text)))


def _find_hosts(value: Value) -> list[str]:
    """Returns the host of each address in a value, without login and port; "" where it cannot be told."""
    if value.kind in _ADDRESSES:
        found = _AUTHORITY.match(value.text)
        authorities = [found[1] if found else re.split(r"[/?#]", value.text, maxsplit=1)[0]]
    else:
        authorities = _AUTHORITY.findall(value.text)
    hosts = [_host_of(authority) for authority in authorities]
    login = _LOGIN_HOST.match(value.text)
    return [*hosts, login[1]] if login is not None and value.is_operand else hosts


def _host_of(authority: str) -> str:
    # Programs do not agree on where the login ends in `a\@b` and `a@b@c`.
    if "\\" in authority or authority.count("@") > 1:
        return ""
    return re.sub(r":\d*$", "", authority.rpartition("@")[2])
