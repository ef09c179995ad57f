"""Outlines of several layouts become one discovery, the same each time."""

from __future__ import annotations

from workbench.features.assemble import assemble
from workbench.features.commits import Commits
from workbench.features.outline import parse_outline
from workbench.model.feature import Diagnostic


def test_ids_commits_and_dependencies_are_filled_in_and_order_does_not_matter() -> None:
    texts = {
        "specs/002-b/spec.md": "**Depends on**: 001-a\n",
        "specs/001-a/spec.md": "# Feature Specification: A\n",
        "docs/a.md": "---\ndoc_type: prd\nfeature_slug: 001-a\nblocked_by: 002-b\n---\n",
    }
    outlines = {path: parse_outline(path, text) for path, text in texts.items()}
    commits = Commits(head="c", whole={"specs/001-a/spec.md", "Makefile"})
    build = {"Makefile": "test:\n"}
    found = assemble("/r", "c", outlines, build, ["CLAUDE.md"], commits, [])
    assert [(f.feature_id, f.depends_on, f.documents[0].commit) for f in found.features] == [
        ("001-a", (), "c"),
        ("002-b", ("001-a",), None),
        ("ccdash:001-a", ("002-b",), None),
    ]
    assert (found.commands[0].commit, found.agent_files[0].commit, found.reason) == ("c", None, "")
    again = assemble("/r", "c", dict(reversed(outlines.items())), build, ["CLAUDE.md"], commits, [])
    assert again == found


def test_nothing_found_says_what_was_looked_for_and_that_something_could_not_be_read() -> None:
    unread = Diagnostic(path="docs", line=1, problem="a link", remedy="r")
    found = assemble("/r", None, {}, {}, [], Commits(), [unread, unread])
    assert found.diagnostics == (unread,)
    assert found.reason.startswith("no planning documents were found; looked for: ")
    assert found.reason.endswith("what could not be read: 1, see the diagnostics")


def test_a_flood_of_problems_is_cut_and_says_how_many_were_left_out() -> None:
    flood = [Diagnostic(path="a.md", line=n, problem="p", remedy="r") for n in range(1, 1502)]
    found = assemble("/r", None, {}, {}, [], Commits(), flood)
    assert len(found.diagnostics) == 1001
    assert found.diagnostics[-1].problem == "501 more problems, from here on, are not listed"
