"""Real servers as processes of their own, and a tester's hands on them: HTTP, WebSocket, the command line."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as connect_socket

from support.processes import find_children, kill_and_wait, live_shims
from support.programs import Program, run_program, start_program
from support.terminal import Seen, read_terminal

ENDED = frozenset({"succeeded", "failed", "canceled"})
STOPPED = ENDED | {"blocked"}
SHARED_CACHE = "WORKBENCH_TESTS_CACHE"
"""Names the folder that the programs of one run of the tests share as their user's cache."""
_INHERITED = ("PATH", "HOME", "LANG", "USER", "LOGNAME", "VIRTUAL_ENV", "SSL_CERT_FILE")


class StartFailed(Exception):
    """The server ended before it was ready; `answer` is what it said over the ready descriptor."""

    def __init__(self, answer: dict[str, Any], log: str) -> None:
        super().__init__(f"{answer}: {log}")
        self.answer, self.log = answer, log


@dataclass(kw_only=True)
class Workbench:
    """One WORKBENCH_HOME with a server that can be started, stopped and killed, again and again."""

    home: Path
    settings: dict[str, str] = field(default_factory=dict)
    prefix: tuple[str, ...] = ()
    process: Program | None = None
    url: str = ""
    token: str = ""
    root: str = ""
    _client: httpx.Client | None = None

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        cache = os.environ.get(SHARED_CACHE)
        shared = {"XDG_CACHE_HOME": cache} if cache else {}
        return {**kept, **shared, "WORKBENCH_HOME": str(self.home), **self.settings}

    @property
    def log(self) -> Path:
        return self.home.with_name(self.home.name + ".log")

    # -- its life ------------------------------------------------------------------------------------

    def start(self, *arguments: str, port: int | None = 0) -> Workbench:
        """Starts the server and returns once it is ready; raises StartFailed with what it said."""
        words = [*(() if port is None else ("--port", str(port))), *arguments]
        ready, writing = os.pipe()
        with open(self.log, "ab") as log, open(os.devnull, "rb") as nothing:
            self.process = start_program(
                ["up", "--no-browser", *words],
                environment=self.environment,
                cwd=self.log.parent,
                streams=(nothing.fileno(), log.fileno(), log.fileno()),
                ready=writing,
                prefix=self.prefix,
            )
        os.close(writing)
        try:
            answer = read_answer(ready)
        finally:
            os.close(ready)
        if "url" not in answer:
            self.process.wait(30)
            raise StartFailed(answer, self.log.read_text())
        self.url = str(answer["url"])
        # A server in a mount namespace of its own may see another home than we do.
        self.root = f"/proc/{self.process.pid}/root" if self.prefix else ""
        self.token = Path(f"{self.root}{self.home}/token").read_text().strip()
        self._client = self.as_token(self.token)
        return self

    def kill(self) -> None:
        """kill -9, as a power cut would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.root = ""
        self._close_client()

    def stop(self) -> int:
        """Asks the server to end, as an operator would, and returns its exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(30)
        self.root = ""
        self._close_client()
        return status

    def restart(self) -> Workbench:
        """Stops the server if it runs, and starts it again."""
        if self.process is not None and self.process.poll() is None:
            self.stop()
        return self.start()

    def close(self) -> None:
        """Ends the server and everything it started; nothing of it is left."""
        left = list(live_shims(Path(f"{self.root}{self.home}")).values())
        if self.process is not None and self.process.poll() is None:
            left += find_children(self.process.pid)
            self.kill()
        self._close_client()
        for pid in (*left, *live_shims(self.home).values()):
            kill_and_wait(pid)

    def _close_client(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    @property
    def zygote(self) -> int:
        """The process id of the zygote."""
        assert self.process is not None
        (pid,) = find_children(self.process.pid)
        return pid

    # -- HTTP ----------------------------------------------------------------------------------------

    @property
    def http(self) -> httpx.Client:
        assert self._client is not None
        return self._client

    def get(self, path: str, /, **query: Any) -> Any:
        """Returns the decoded answer; anything but success fails the test with the server's words."""
        answer = self.http.get(path, params=query)
        assert answer.is_success, answer.text
        return answer.json()

    def post(self, path: str, body: dict[str, Any], /, **headers: str) -> Any:
        answer = self.http.post(path, json=body, headers={k.replace("_", "-"): v for k, v in headers.items()})
        assert answer.is_success, answer.text
        return answer.json()

    def as_token(self, token: str) -> httpx.Client:
        """A client with another token; close it after use."""
        return httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=60,
            trust_env=False,
            # Plain HTTP: the authorities that a client would read in first are nobody's.
            verify=False,
            # The server closes a connection that idles for 5 s; one that is about to close is not used.
            limits=httpx.Limits(keepalive_expiry=2),
        )

    def make_token(self, role: str, name: str = "somebody", project_id: str | None = None) -> dict[str, Any]:
        made: dict[str, Any] = self.post(
            "/api/tokens", {"name": name, "role": role, "project_id": project_id}
        )
        return made

    # -- runs ----------------------------------------------------------------------------------------

    def add(self, repo: Path, **fields: Any) -> Project:
        """Makes a repository a project of this server."""
        made = self.post("/api/projects", {"path": str(repo), **fields})
        return Project(bench=self, project_id=made["project_id"], repo=repo)

    def run_of(self, run_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"/api/runs/{run_id}")
        return found

    def wait(self, run_id: str, until: Callable[[dict[str, Any]], bool] | None = None) -> dict[str, Any]:
        """Returns the run once it has ended or is held, or once `until` holds; woken by its events."""
        is_reached = until or (lambda run: run["status"] in STOPPED)
        run = self.run_of(run_id)
        if is_reached(run):
            return run
        for _event in self.events(run_id):
            run = self.run_of(run_id)
            if is_reached(run):
                return run
        raise AssertionError(f"the events of {run_id} ended while it was {run['status']}")

    def events(self, run_id: str, *, after: int | None = None) -> Iterator[dict[str, Any]]:
        """Yields the run's events as they come, resumed after a sequence number."""
        headers = {} if after is None else {"Last-Event-ID": str(after)}
        with self.http.stream("GET", f"/api/runs/{run_id}/events", headers=headers) as answer:
            assert answer.status_code == 200, answer.read()
            for line in answer.iter_lines():
                if line.startswith("data: "):
                    yield json.loads(line[6:])

    def terminal(self, run_id: str, *, offset: int | str = 0, token: str = "") -> ClientConnection:
        """Opens the run's terminal."""
        return connect_socket(
            f"{self.url.replace('http', 'ws')}/api/runs/{run_id}/terminal?offset={offset}",
            additional_headers={"Authorization": f"Bearer {token or self.token}"},
            compression=None,
            max_size=None,
            # A full queue would keep the other side's farewell back, which closing waits for.
            max_queue=None,
            proxy=None,
        )

    def wait_until(self, holds: Callable[[], Any]) -> None:
        """Returns once something holds; the server is asked in between, and must answer."""
        for _ in range(20_000):
            if holds():
                return
            self.http.get("/healthz").raise_for_status()
        raise AssertionError("it does not come to hold")

    def watch(self, run_id: str, *, offset: int = 0, until: bytes | None = None) -> Seen:
        """Reads the terminal from an offset to the end of the run, or until these bytes were seen."""
        with self.terminal(run_id, offset=offset) as socket:
            return read_terminal(socket, offset=offset, until=until)

    def wait_output(self, run_id: str, mark: bytes) -> Seen:
        """Returns once the run has put these bytes out."""
        return self.watch(run_id, until=mark)

    # -- the command line ----------------------------------------------------------------------------

    def cli(
        self,
        *words: str,
        cwd: Path | None = None,
        stdin: bytes = b"",
        settings: dict[str, str] | None = None,
        prefix: tuple[str, ...] = (),
    ) -> Said:
        """Runs `workbench WORDS` as a process against this home."""
        status, out, err = run_program(
            words,
            environment={**self.environment, **(settings or {})},
            cwd=cwd or self.log.parent,
            stdin=stdin,
            prefix=prefix,
        )
        return Said(status=status, out=out, err_bytes=err)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a command answered."""

    status: int
    out: bytes
    err_bytes: bytes

    @property
    def err(self) -> str:
        return self.err_bytes.decode()

    @property
    def text(self) -> str:
        return self.out.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True, kw_only=True)
class Project:
    """One repository as a project of a running server."""

    bench: Workbench
    project_id: str
    repo: Path

    def submit(self, command: str, **fields: Any) -> dict[str, Any]:
        """Asks for a run, by default in pipe mode, and returns it as it stands at once."""
        headers = {"Idempotency_Key": fields.pop("key")} if "key" in fields else {}
        body = {"project_id": self.project_id, "command": command, "mode": "pipe", **fields}
        made: dict[str, Any] = self.bench.post("/api/runs", body, **headers)
        return made

    def run(self, command: str, **fields: Any) -> dict[str, Any]:
        """Runs a command until it has ended or is held."""
        return self.bench.wait(self.submit(command, **fields)["run_id"])

    def script(self, name: str, text: str) -> str:
        """Writes a bash script into the repository and returns a command for it that policy allows.

        Policy looks into shell scripts and recipes; behind a program of the project it is the project's code.
        """
        (self.repo / name).write_text(text)
        program = f"import os\nos.execvp('bash', ['bash', {name!r}])\n"
        (self.repo / f"{name}.py").write_text(program)
        return f"python3 {name}.py"

    def pending(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.bench.get(
            "/api/approvals", project_id=self.project_id, status="pending"
        )
        return found

    def end(self) -> None:
        """Cancels what still runs in it and returns once that has ended."""
        for run in self.bench.get("/api/runs", project_id=self.project_id):
            if "cancel" in run["moves"]:
                reason = {"reason": "the test is over"}
                answer = self.bench.http.post(f"/api/runs/{run['run_id']}/cancel", json=reason)
                # 409: it ended by itself meanwhile.
                assert answer.is_success or answer.status_code == 409, answer.text
            if run["status"] != "blocked":
                self.bench.wait(run["run_id"])

    def cli(self, *words: str, stdin: bytes = b"", settings: dict[str, str] | None = None) -> Said:
        """Runs `workbench WORDS` inside the repository."""
        return self.bench.cli(*words, cwd=self.repo, stdin=stdin, settings=settings)


def read_answer(descriptor: int) -> dict[str, Any]:
    """Returns what a started program says over its ready descriptor, {} when it ends without a word."""
    data = b""
    while b"\n" not in data:
        if not select.select([descriptor], [], [], 60)[0]:
            raise TimeoutError("the server said nothing for 60 s")
        piece = os.read(descriptor, 65536)
        if not piece:
            return {}
        data += piece
    answer: dict[str, Any] = json.loads(data)
    return answer


@contextlib.contextmanager
def running(home: Path, *, prefix: Sequence[str] = (), **settings: str) -> Iterator[Workbench]:
    """A started server on a fresh home; everything of it is ended afterwards."""
    bench = Workbench(home=home, settings=settings, prefix=tuple(prefix))
    try:
        bench.start()
        yield bench
    finally:
        bench.close()
