"""Opens the notices of a home: its targets, the place they have reached, and the mask for secrets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from workbench.app.home import Settings
from workbench.engine.context import Context
from workbench.model.errors import WorkbenchError
from workbench.secrets.redact import forms_of, redact_text
from workbench.secrets.vault import Vault

if TYPE_CHECKING:
    from workbench.sinks.notify import TargetState

_WITHHELD: Final = "(not shown: the secrets to take out of it cannot be read)"


@asynccontextmanager
async def open_notices(
    config: Settings, context: Context, url: str
) -> AsyncIterator[Callable[[], tuple[TargetState, ...]]]:
    """Sends notices while it is open, and yields how the targets do; raises InvalidInput for a bad target."""
    if not config.notify.strip():
        yield tuple
        return
    from workbench.sinks.notify import Notices
    from workbench.sinks.targets import parse_targets

    targets = await asyncio.to_thread(parse_targets, config.notify)
    notices = Notices(
        context.ledger,
        targets,
        cursor_file=notices_file(config),
        url=url,
        mask=lambda project_id, text: mask_secrets(context.vault, project_id, text),
    )
    await notices.begin()
    sending = asyncio.create_task(notices.run())
    try:
        yield notices.states
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


def notices_file(config: Settings) -> Path:
    """Returns where a home keeps what its targets have been told."""
    return config.home / "notices.json"


def mask_secrets(vault: Vault, project_id: str, text: str) -> str:
    """Returns the text without any secret of the project; without the text when they cannot be read."""
    try:
        values = [vault.get(project_id, info.name) for info in vault.list(project_id)]
    except WorkbenchError:
        return _WITHHELD
    forms = {form for value in values for form in forms_of(value)}
    return redact_text(text, sorted(forms, key=lambda form: (-len(form), form)))


def examine_targets(config: Settings) -> list[tuple[str, bool, str, str]]:
    """Returns (name, is well, detail, remedy) of each target, as doctor shows them."""
    if not config.notify.strip():
        return [("notices", True, "no target is set; WORKBENCH_NOTIFY names them", "")]
    from workbench.sinks.places import read_problems
    from workbench.sinks.targets import parse_targets

    try:
        targets = parse_targets(config.notify)
    except WorkbenchError as error:
        return [("notices", False, error.message, error.remedy)]
    problems = read_problems(notices_file(config))
    remedy = "check the address in WORKBENCH_NOTIFY; what is not delivered is tried again"
    return [
        (f"notices: {target.name}", not problem, problem or "takes notices", remedy)
        for target in targets
        for problem in [problems.get(target.key, "")]
    ]
