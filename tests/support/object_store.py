"""A real S3 server as a process of its own: moto's, in an environment of its own (pyproject, s3-server)."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

BUCKET = "transcripts"
SECRET_KEY = "a-secret-key-that-no-log-may-hold"
# Nobody checks the signature, but without one a reader is a stranger.
_SIGNED = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=tester/20260101/us-east-1/s3/aws4_request, "
    "SignedHeaders=host, Signature=0"
}
_PROGRAM = Path(sys.prefix) / "s3-server" / "bin" / "moto_server"


@dataclass(kw_only=True)
class ObjectStore:
    """`environment` is what a server needs to reach it. It is down until `start`, and then empty."""

    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "tester",
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": "us-east-1",
        }

    def start(self) -> None:
        """Starts the server and makes the bucket."""
        self.process = subprocess.Popen(
            [str(_PROGRAM), "-H", "127.0.0.1", "-p", str(self.port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")},
        )
        assert self.process.stderr is not None
        # It says so when it listens.
        for line in self.process.stderr:
            if b"Running on" in line:
                break
        else:
            raise AssertionError(f"moto's server ended with {self.process.wait()}")
        httpx.put(f"{self.endpoint}/{BUCKET}").raise_for_status()

    def stop(self) -> None:
        """Kills it, and with it all that it holds."""
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.wait()
            if process.stderr is not None:
                process.stderr.close()

    def read(self, key: str) -> bytes:
        """Returns an object's bytes as they lie there."""
        return httpx.get(f"{self.endpoint}/{BUCKET}/{key}", headers=_SIGNED).raise_for_status().content

    def write(self, key: str, data: bytes) -> None:
        """Puts other bytes in an object's place."""
        httpx.put(f"{self.endpoint}/{BUCKET}/{key}", content=data, headers=_SIGNED).raise_for_status()

    def keys(self) -> list[str]:
        """Returns the names of all objects."""
        listing = httpx.get(f"{self.endpoint}/{BUCKET}", headers=_SIGNED).raise_for_status().text
        return [part.partition("</Key>")[0] for part in listing.split("<Key>")[1:]]


@contextlib.contextmanager
def object_store() -> Iterator[ObjectStore]:
    """A store that is down; what was started of it is stopped at the end."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port: int = trial.getsockname()[1]
    store = ObjectStore(port=port)
    try:
        yield store
    finally:
        store.stop()
