"""A secret reaches the commands of the profile that names it, and neither transcript nor event shows it."""

from __future__ import annotations

import dataclasses

from support.server import Project, Workbench
from workbench.app.clock import SystemClock
from workbench.ledger.ledger import HOUSE, Ledger
from workbench.ledger.move import PutProject
from workbench.model.project import EnvProfile

VALUE = "s3cr3t-value-9f8e7d"


async def give_profile(bench: Workbench, project: Project, profile: EnvProfile) -> None:
    """Adds an environment profile, as the owner of the home may."""
    ledger = Ledger(f"sqlite:///{bench.home}/ledger.db", SystemClock())
    try:
        found = await ledger.project(project.project_id)
        changed = dataclasses.replace(found, env_profiles=(*found.env_profiles, profile))
        await ledger.append(HOUSE, [PutProject(project=changed)], actor="user:ann", via="cli")
    finally:
        await ledger.close()


async def test_a_secret_of_the_profile_is_used_and_masked_everywhere(own: Project, bench: Workbench) -> None:
    said = own.cli("secret", "set", "--project", own.project_id, "DEPLOY", stdin=VALUE.encode() + b"\n")
    assert (said.status, VALUE in said.text + said.err) == (0, False)
    await give_profile(bench, own, EnvProfile(name="ci", variables={"PLAIN": "shown"}, secrets=("DEPLOY",)))
    command = own.script(
        "use.sh",
        'echo "plain=$PLAIN length=${#DEPLOY}"; echo "it is $DEPLOY"; printf %s "$DEPLOY" | base64; '
        'printf "%s" "${DEPLOY:0:9}"; printf "%s\\n" "${DEPLOY:9}" >&1',
    )
    run = own.run(command, env_profile="ci")
    if run["status"] == "blocked":
        bench.post(f"/api/approvals/{run['approvals'][0]['approval_id']}/approve", {"reason": "fine"})
        run = bench.wait(run["run_id"], lambda run: run["status"] in ("succeeded", "failed"))
    assert run["status"] == "succeeded"
    data = bench.watch(run["run_id"]).data
    assert data.startswith(f"plain=shown length={len(VALUE)}\n".encode())
    assert b"***" in data
    for form in ("raw", "text", "asciicast"):
        assert (
            VALUE not in bench.http.get(f"/api/runs/{run['run_id']}/transcript", params={"format": form}).text
        )
    assert VALUE not in str(bench.run_of(run["run_id"]))
    on_disk = b"".join(path.read_bytes() for path in bench.home.rglob("*") if path.is_file())
    assert VALUE.encode() not in on_disk
    without = own.run("env")
    assert b"DEPLOY" not in bench.watch(without["run_id"]).data
    listed = own.cli("secret", "list", "--project", own.project_id, "--json").json
    assert [(secret["name"], secret["version"]) for secret in listed] == [("DEPLOY", 1)]
