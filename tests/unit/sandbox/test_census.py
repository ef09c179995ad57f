"""Who lives in a namespace is ended there and nowhere else, and whoever has ended meanwhile is no trouble."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator

import pytest

from workbench.sandbox import census


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "1000"]) as process:
        yield process
        process.kill()


def test_a_member_is_ended_and_is_none_afterwards(sleeper: subprocess.Popen[bytes]) -> None:
    namespace = census.read_pid_namespace(sleeper.pid)
    assert namespace is not None
    assert census.end_member(sleeper.pid, namespace, signal.SIGKILL)
    assert sleeper.wait() == -signal.SIGKILL
    assert not census.end_member(sleeper.pid, namespace, signal.SIGKILL)


def test_a_process_of_another_namespace_is_left_alone(sleeper: subprocess.Popen[bytes]) -> None:
    namespace = census.read_pid_namespace(sleeper.pid)
    assert namespace is not None
    assert not census.end_member(sleeper.pid, namespace + 1, signal.SIGKILL)
    assert sleeper.poll() is None


def test_a_process_that_ends_between_the_look_and_the_signal_is_no_trouble(
    sleeper: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its step would else be lost: whoever supervises it asks for its end whenever a start fails."""

    def look(pid: int, namespace: int) -> bool:
        sleeper.kill()
        sleeper.wait()
        return True

    monkeypatch.setattr(census, "_lives_in", look)
    assert not census.end_member(sleeper.pid, 1, signal.SIGKILL)
