"""Decides which secrets a step receives: those its environment profile names, and no others."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.model.errors import NotFound
from workbench.model.project import EnvProfile, Project
from workbench.secrets.redact import forms_of
from workbench.secrets.vault import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What one step gets: its environment, the byte strings to mask, and the names for the audit."""

    environment: dict[str, str]
    masks: tuple[bytes, ...]
    secret_names: tuple[str, ...]


def find_profile(project: Project, name: str) -> EnvProfile:
    """Returns the profile `name` of the project; raises NotFound with the names there are."""
    for profile in project.env_profiles:
        if profile.name == name:
            return profile
    known = ", ".join(profile.name for profile in project.env_profiles)
    raise NotFound(
        f"project {project.name} has no environment profile {name!r}", remedy=f"use one of: {known}"
    )


def release(vault: Vault, project: Project, profile_name: str) -> Release:
    """Opens exactly the secrets that the profile names; the server's own environment is never handed on."""
    profile = find_profile(project, profile_name)
    values = {name: vault.get(project.project_id, name) for name in profile.secrets}
    masks = sorted(
        {form for value in values.values() for form in forms_of(value)}, key=lambda f: (-len(f), f)
    )
    return Release(
        environment={**profile.variables, **values}, masks=tuple(masks), secret_names=tuple(sorted(values))
    )
