"""The plays that tests/crash strikes into: each shape that the life of a run may have."""

from __future__ import annotations

from typing import Final

from support.kill_points import FOREVER, Expected, Script, Stage

_NUMBERS: Final = b"".join(b"%d\n" % number for number in range(1, 60_001))


def _effect(stage: Stage, which: int = 0) -> str:
    return f"echo once {which} >> {stage.effect.name}"


def _succeed(stage: Stage) -> list[str]:
    return [stage.settled(stage.submit(f"{_effect(stage)}; echo out")["run_id"])["run_id"]]


def _fail(stage: Stage) -> list[str]:
    return [stage.settled(stage.submit(f"{_effect(stage)}; echo out; exit 9")["run_id"])["run_id"]]


def _flood(stage: Stage) -> list[str]:
    return [stage.settled(stage.submit(f"{_effect(stage)}; seq 1 60000")["run_id"])["run_id"]]


def _approved(stage: Stage) -> list[str]:
    run = stage.ask(f"rm -rf {stage.mark} && {_effect(stage)}")
    stage.approve(run["run_id"])
    return [run["run_id"]]


def _cancel_running(stage: Stage) -> list[str]:
    run = stage.submit(f"{_effect(stage)}; {FOREVER}")
    stage.wait_ready(run["run_id"])
    stage.cancel(stage.bench.run_of(run["run_id"]))
    return [stage.settled(run["run_id"])["run_id"]]


def _cancel_held(stage: Stage) -> list[str]:
    run = stage.ask(f"rm -rf {stage.mark} && {_effect(stage)}")
    stage.cancel(run)
    return [stage.settled(run["run_id"])["run_id"]]


def _time_out(stage: Stage) -> list[str]:
    run = stage.submit(f"{_effect(stage)}; exec sleep 1000", timeout_seconds=1)
    return [stage.settled(run["run_id"])["run_id"]]


def _retry(stage: Stage) -> list[str]:
    text = f"[ -e {stage.mark} ] && n=1 || n=0; echo once $n >> {stage.effect.name}; exit 3"
    first = stage.settled(stage.submit(text)["run_id"])["run_id"]
    # What runs from here on is the second, though the first was lost before it began.
    (stage.project.repo / stage.mark).touch()
    made = stage.bench.get("/api/runs", project_id=stage.project.project_id)
    again = next((run for run in made if run["retry_of_run_id"] == first), None)
    if again is None:
        again = stage.bench.post(f"/api/runs/{first}/retry", {"acknowledge": True})
    return [first, stage.settled(again["run_id"])["run_id"]]


def _two_at_once(stage: Stage) -> list[str]:
    runs = [
        stage.submit(f"{_effect(stage, which)}; echo out", which=f"-{which}")["run_id"] for which in (0, 1)
    ]
    return [stage.settled(run_id)["run_id"] for run_id in runs]


_DONE: Final = Expected(status="succeeded", effects=1, output=b"out\n")
_FAILED_3: Final = Expected(status="failed", effects=1, output=b"", says="exit code 3")

PLAYS: Final = {
    script.name: script
    for script in (
        Script(name="success", play=_succeed, expected=(_DONE,)),
        Script(
            name="failure",
            play=_fail,
            expected=(Expected(status="failed", effects=1, output=b"out\n", says="exit code 9"),),
        ),
        Script(
            name="flood",
            play=_flood,
            expected=(Expected(status="succeeded", effects=1, output=_NUMBERS),),
        ),
        Script(
            name="approved",
            play=_approved,
            expected=(Expected(status="succeeded", effects=1, output=b""),),
        ),
        Script(
            name="canceled while running",
            play=_cancel_running,
            expected=(Expected(status="canceled", effects=1, output=b"ready\n"),),
        ),
        Script(
            name="canceled while held",
            play=_cancel_held,
            expected=(Expected(status="canceled", effects=0, output=b""),),
        ),
        Script(
            name="time-out",
            play=_time_out,
            expected=(Expected(status="failed", effects=1, output=b"", says="timed out"),),
        ),
        Script(name="retry", play=_retry, expected=(_FAILED_3, _FAILED_3)),
        Script(name="two at once", play=_two_at_once, expected=(_DONE, _DONE)),
    )
}
