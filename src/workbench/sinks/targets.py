"""Where notices go: each target is one address that apprise understands. The only file that knows apprise.

Targets are the operator's own setting, never a repository's. An address may hold a password or a token, so
a target is named by its kind and its place in the setting, and known to files by a digest. One may be for a
single project: PROJECT=ADDRESS, with the project's name or id.
"""

from __future__ import annotations

import hashlib
import logging
import re
from typing import Any, Final, Protocol

from workbench.model.errors import InvalidInput

_ANSWER_SECONDS: Final = 10.0
_FOR_PROJECT: Final = re.compile(r"([\w.-]+)=(?=[a-zA-Z][a-zA-Z0-9+.-]*://)")


class Target(Protocol):
    """`name` can be shown to anybody; `key` tells targets apart over restarts.

    `project` is the name or id of the one project that it is told of, "" for all.
    """

    name: str
    key: str
    project: str

    def send(self, title: str, body: str) -> str | None:
        """Delivers one notice and returns None, or why it could not be delivered. It blocks."""


def parse_targets(setting: str) -> list[Target]:
    """Returns the targets of a setting, addresses between white space; raises InvalidInput for a bad one."""
    targets: list[Target] = []
    for place, entry in enumerate(setting.split(), start=1):
        found = _FOR_PROJECT.match(entry)
        project, address = (found[1], entry[found.end() :]) if found else ("", entry)
        # Loading its hundred plugins takes a while, which nobody pays who has no target.
        import apprise

        # Its own log repeats addresses, and with them passwords; what matters of it we say ourselves.
        logging.getLogger("apprise").disabled = True
        kind = address.partition(":")[0][:20]
        # Without the addresses of its pictures, which who reads a notice would fetch from a stranger.
        asset = apprise.AppriseAsset(
            app_id="Workbench",
            app_desc="Workbench",
            app_url="",
            image_url_mask="",
            image_url_logo="",
            secure_logging=True,
        )
        plugin = apprise.Apprise.instantiate(address, asset=asset, suppress_exceptions=True)
        if plugin is None:
            raise InvalidInput(
                f"target {place} of notify ({kind}) is no address that a notice can be sent to",
                remedy="write it as apprise does, for example json://host/path or mailto://user:password@host",
            )
        plugin.socket_connect_timeout = plugin.socket_read_timeout = _ANSWER_SECONDS
        name = f"{kind} (target {place}{f', for {project}' if project else ''})"
        targets.append(_AppriseTarget(plugin, name=name, key=_key_of(entry), project=project))
    return targets


def _key_of(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()[:16]


class _AppriseTarget:
    def __init__(self, plugin: Any, *, name: str, key: str, project: str) -> None:
        self._plugin, self.name, self.key, self.project = plugin, name, key, project

    def send(self, title: str, body: str) -> str | None:
        try:
            is_sent = self._plugin.notify(body=body, title=title, body_format="text")
        except Exception as error:
            # A plugin's own words may hold its address, and that a password.
            return f"it failed with {type(error).__name__}"
        return None if is_sent else "it did not take the notice"
