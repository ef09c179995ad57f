"""Reads every module that a program may need, once, in the process that programs are divided from."""

from __future__ import annotations

import gc
import importlib
import pkgutil

import support.divided  # noqa: F401
import workbench
from workbench.cli.commands import build
from workbench.gate import load_policy
from workbench.model.layer import POSTURES

# What the libraries read when it is first needed.
_LATER = (
    "dbos",
    "encodings.idna",
    "platformdirs.unix",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "sqlite3",
    "uvicorn.lifespan.off",
    "uvicorn.protocols.http.httptools_impl",
    "uvicorn.protocols.websockets.websockets_sansio_impl",
)

for _name in _LATER:
    importlib.import_module(_name)
for _found in pkgutil.walk_packages(workbench.__path__, "workbench."):
    if not _found.name.endswith("__main__") and ".migrations" not in _found.name:
        importlib.import_module(_found.name)
# What each program makes of what is shipped, whatever it is asked.
build()
for _posture in POSTURES:
    load_policy(_posture, is_tried=False)
# What was read is never garbage: left out of every later collection, its pages stay shared.
gc.freeze()
