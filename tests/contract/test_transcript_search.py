"""The index of transcripts on both databases: what is found is there, all of it, and only one project's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.ledger.found import CHUNK_CHARACTERS, cut_chunks, grams_of
from workbench.ledger.ledger import Ledger
from workbench.ledger.search import TranscriptSearch
from workbench.model.artifact import Artifact, ArtifactKind
from workbench.model.errors import InvalidInput


def artifact(number: int, project: str = "prj_1") -> Artifact:
    return Artifact(
        artifact_id=f"art_{number}",
        project_id=project,
        run_id=f"run_{number}",
        step_id=f"stp_{number}",
        kind=ArtifactKind.TRANSCRIPT,
        media_type="application/octet-stream",
        uri=f"run_{number}/stp_{number}.1#transcript",
        digest="sha256:",
        size_bytes=0,
        truncated=False,
    )


@pytest.fixture
def search(ledger: Ledger, tmp_path: Path) -> TranscriptSearch:
    return ledger.transcript_search(tmp_path / "search")


async def fill(search: TranscriptSearch, number: int, text: str, project: str = "prj_1") -> None:
    await search.add(artifact(number, project), [text.encode()])


async def find_all(search: TranscriptSearch, text: str, limit: int = 3, project: str = "prj_1") -> list[str]:
    """Returns RUN:LINE of all that is found, page by page."""
    found: list[str] = []
    cursor = None
    while True:
        page = await search.find(project, text, cursor=cursor, limit=limit)
        found += [f"{line.run_id.removeprefix('run_')}:{line.line}" for line in page.lines]
        if page.cursor is None:
            return found
        cursor = page.cursor


async def test_lines_are_found_newest_first_in_one_project_only(search: TranscriptSearch) -> None:
    await fill(search, 1, "one\nConnection REFUSED by 10.0.0.1\nthree\n")
    await fill(search, 2, "connection refused\n" * 7)
    await fill(search, 3, "connection refused\n", project="prj_2")
    assert await find_all(search, "connection refused") == [
        "2:7",
        "2:6",
        "2:5",
        "2:4",
        "2:3",
        "2:2",
        "2:1",
        "1:2",
    ]
    assert await find_all(search, "CTION ref", limit=100) == await find_all(search, "connection refused")
    assert await find_all(search, "connection refused", project="prj_2") == ["3:1"]
    assert await find_all(search, "connection refused", project="prj_3") == []
    assert await find_all(search, "refused connection") == []
    page = await search.find("prj_1", "10.0", cursor=None, limit=5)
    assert [line.text for line in page.lines] == ["Connection REFUSED by 10.0.0.1"]


async def test_short_and_odd_texts_are_found_as_they_are(search: TranscriptSearch) -> None:
    await fill(search, 1, 'a\n"quoted" AND x* NOT %_\\\nStraße ÄÖ 日本語\nab\n')
    for text, lines in (
        ("a", ["1:4", "1:3", "1:2", "1:1"]),
        ("ab", ["1:4"]),
        ('"quoted" AND', ["1:2"]),
        ("x* NOT", ["1:2"]),
        ("%_\\", ["1:2"]),
        ("STRASSE", ["1:3"]),
        ("äö", ["1:3"]),
        ("本語", ["1:3"]),
        ("日本語", ["1:3"]),
        ("_%", []),
    ):
        assert await find_all(search, text) == lines, text


async def test_what_is_taken_out_is_found_no_more_and_what_is_put_in_again_once(
    search: TranscriptSearch,
) -> None:
    for number in (1, 2):
        await fill(search, number, "the needle\n")
    await fill(search, 2, "the needle\nand another needle\n")
    assert await find_all(search, "needle") == ["2:2", "2:1", "1:1"]
    assert await search.known("prj_1") == {"art_1", "art_2"}
    await search.remove(artifact(2))
    await search.remove(artifact(9))
    assert await find_all(search, "needle") == ["1:1"]
    assert await search.known("prj_1") == {"art_1"}


async def test_a_transcript_that_could_not_be_read_to_its_end_is_not_known(search: TranscriptSearch) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half of it\n"
        raise InvalidInput("no", remedy="no")

    with pytest.raises(InvalidInput):
        await search.add(artifact(1), broken())
    assert await search.known("prj_1") == set()
    assert await find_all(search, "half") == []
    await fill(search, 1, "here\n")
    assert await find_all(search, "here") == ["1:1"]


@pytest.mark.parametrize("cursor", ["x", "1.x", ".", "-1", "9" * 40, "1.2.3"])
async def test_a_cursor_that_leads_nowhere_is_refused(search: TranscriptSearch, cursor: str) -> None:
    with pytest.raises(InvalidInput):
        await search.find("prj_1", "text", cursor=cursor, limit=5)


async def test_lines_of_a_long_transcript_have_their_own_numbers(search: TranscriptSearch) -> None:
    lines = [f"line {number} of the long one\n" for number in range(1, 6001)]
    lines[4321] = "the needle\n"
    await fill(search, 1, "".join(lines))
    assert len("".join(lines)) > 4 * CHUNK_CHARACTERS
    assert await find_all(search, "the needle") == ["1:4322"]
    assert await find_all(search, "line 5999 of") == ["1:5999"]
    assert await find_all(search, "of the long one", limit=500) == [
        f"1:{number}" for number in range(6000, 0, -1) if number != 4322
    ]


@given(st.lists(st.text(alphabet="ab\n", max_size=30), max_size=20), st.integers(min_value=1, max_value=12))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_chunks_hold_every_character_at_its_line(
    monkeypatch: pytest.MonkeyPatch, parts: list[str], size: int
) -> None:
    monkeypatch.setattr("workbench.ledger.found.CHUNK_CHARACTERS", size)
    whole = "".join(parts)
    chunks = list(cut_chunks(parts))
    assert "".join(chunk.text for chunk in chunks) == whole
    before = ""
    for chunk in chunks:
        assert chunk.first_line == before.count("\n") + 1
        before += chunk.text


def test_a_text_asks_for_a_bounded_number_of_letter_runs() -> None:
    assert grams_of("abcd") == ["abc", "bcd"]
    assert grams_of("ab") == []
    text = "".join(chr(97 + number * 7 % 26) + chr(97 + number % 26) for number in range(500))
    asked = grams_of(text)
    assert len(asked) == 24
    assert set(asked) <= set(grams_of(text, most=None))
