"""Joins what the layouts found into one discovery: ids unique, dependencies resolved, commits filled in.

The same documents give the same discovery, byte for byte. It reads no file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from workbench.features.commits import Commits
from workbench.features.document import Outline
from workbench.features.formats import all_layouts
from workbench.features.formats.layout import Draft, Need
from workbench.features.infer import infer_feature
from workbench.features.machinery import parse_agent_files, parse_test_commands
from workbench.model.counted import render_count
from workbench.model.feature import Diagnostic, Discovery

MAX_DIAGNOSTICS = 1_000


def assemble(
    repo: str,
    head: str | None,
    outlines: Mapping[str, Outline],
    build_files: Mapping[str, str],
    agent_paths: Iterable[str],
    commits: Commits,
    diagnostics: Sequence[Diagnostic],
) -> Discovery:
    """Returns the finished discovery; `reason` tells what was looked for when there is no feature."""
    layouts = all_layouts()
    drafts: list[Draft] = []
    found = list(diagnostics)
    for layout in layouts:
        reading = layout.parse({path: o for path, o in outlines.items() if layout.wants(path)})
        drafts += reading.drafts
        found += reading.diagnostics
    ids = _ids_of(drafts)
    paths = {
        d.path: feature_id for draft, feature_id in zip(drafts, ids, strict=True) for d in draft.documents
    }
    named = {
        draft.slug: feature_id for draft, feature_id in zip(reversed(drafts), reversed(ids), strict=True)
    }
    features = []
    for draft, feature_id in zip(drafts, ids, strict=True):
        needs: dict[str, Need] = {}
        for need in draft.needs:
            name = need.name
            target = named.get(name) or paths.get(name.removeprefix("./"))
            if target is None:
                found.append(
                    Diagnostic(
                        path=need.path,
                        line=need.line,
                        problem=f"the feature depends on “{name[:80]}”, which no document describes",
                        remedy="name a feature's slug or a document's path",
                    )
                )
            elif target != feature_id:
                needs.setdefault(target, need)
        resolved = replace(draft, depends_on=tuple(needs), needs=tuple(needs.values()))
        features.append(infer_feature(resolved, feature_id, commits))
    reason = ""
    if not features:
        looked = "; ".join(layout.looked_for for layout in layouts)
        reason = f"no planning documents were found; looked for: {looked}"
        if found:
            reason += f"; what could not be read: {len(set(found))}, see the diagnostics"
    return Discovery(
        repo=repo,
        commit=head,
        features=tuple(sorted(features, key=lambda feature: feature.feature_id)),
        diagnostics=_capped(sorted(set(found), key=lambda d: (d.path, d.line, d.problem))),
        reason=reason,
        commands=tuple(
            replace(c, commit=commits.at(c.path, c.line)) for c in parse_test_commands(build_files)
        ),
        agent_files=tuple(replace(a, commit=commits.of(a.path)) for a in parse_agent_files(agent_paths)),
        kept_lines={path: frozenset(lines) for path, lines in commits.kept_lines.items()},
    )


def _capped(diagnostics: Sequence[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Keeps the first thousand: a document can hold a mistake on every line, and nobody reads them all."""
    if len(diagnostics) <= MAX_DIAGNOSTICS:
        return tuple(diagnostics)
    last = diagnostics[MAX_DIAGNOSTICS]
    more = len(diagnostics) - MAX_DIAGNOSTICS
    rest = Diagnostic(
        path=last.path,
        line=last.line,
        problem=render_count(more, "more problem, from here on, is", "more problems, from here on, are")
        + " not listed",
        remedy="mend the ones above first",
    )
    return (*diagnostics[:MAX_DIAGNOSTICS], rest)


def _ids_of(drafts: Sequence[Draft]) -> list[str]:
    """Gives each draft its slug; one that another layout already uses gets the layout's name before it."""
    taken: set[str] = set()
    ids: list[str] = []
    for draft in drafts:
        feature_id = draft.slug if draft.slug not in taken else f"{draft.layout}:{draft.slug}"
        taken.add(feature_id)
        ids.append(feature_id)
    return ids
