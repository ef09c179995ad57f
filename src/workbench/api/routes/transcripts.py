"""What is found in a project's transcripts."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from workbench.api.house import HouseIn, ProjectQuery
from workbench.api.wire_house import FoundLineOut
from workbench.engine.find import find

router = APIRouter()


@router.get("/api/transcripts/search")
async def search_transcripts(
    response: Response,
    house: HouseIn,
    project: ProjectQuery,
    q: Annotated[str, Query(max_length=2000)],
    cursor: Annotated[str | None, Query(max_length=40)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> list[FoundLineOut]:
    """The newest lines of ended transcripts that hold the text, its case ignored.

    A page may hold fewer than there are, or none: `X-Next-Cursor` leads on as long as there is one.
    """
    page = await find(house.context, project.project_id, q, cursor=cursor, limit=limit)
    if page.cursor is not None:
        response.headers["X-Next-Cursor"] = page.cursor
    return [
        FoundLineOut(run_id=line.run_id, step_id=line.step_id, line=line.line, text=line.text)
        for line in page.lines
    ]
