"""Many threads read the cache at once, as a server's requests do."""

from __future__ import annotations

import subprocess
import sys

READERS = """
import sys, threading
import msgspec
from workbench.features.cache import Remembered, _decoder

sys.setswitchinterval(1e-6)
gate = threading.Barrier(8)

def read():
    gate.wait()
    for _ in range(50):
        try:
            _decoder(Remembered).decode(bytes.fromhex("81a16101"))
        except msgspec.MsgspecError:
            pass

threads = [threading.Thread(target=read) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def test_threads_that_read_for_the_first_time_at_once_end_no_process() -> None:
    """Decoding without the one decoder ends two of three such processes."""
    for _ in range(5):
        assert subprocess.run([sys.executable, "-c", READERS], check=False).returncode == 0
