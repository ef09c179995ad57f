"""Says whether words or text given to a database's client hold a statement that cannot be taken back.

It errs to the side of "cannot": such a call is asked about anyway, and this only says how much is at stake.
It reads no file and knows no client.
"""

from __future__ import annotations

import re

_REMARKS = re.compile(r"/\*.*?\*/|--[^\n]*|#[^\n]*", re.DOTALL)
_DROPS = re.compile(
    r"\bdrop\s+(if\s+exists\s+)?[a-z\"`\[]|\btruncate\b|\balter\s+\w+\s[^;]*\b(drop|delete|detach)\b"
    r"|\bdetach\s+(table|database|view|delete)\b|\bpurge\s|\breset\s+(master|slave|replica)\b|\bshutdown\b|\breassign\s+owned\b"
    r"|\bdrop(database|table|collection|index|indexes|user|role|search\w*)\s*\(|\.drop\s*\(|\.(delete|remove)(one|many)?\s*\("
    r"|\bfindand(delete|remove|modify)\b|\bfindonean(d)?delete\b|\b(replaceone|bulkwrite)\s*\(|\bdropall\b"
    r"|\b(flushall|flushdb|swapdb)\b|\b(script|function)\s+flush\b|\bdelete\s+database\b|\binsert\s+overwrite\b"
    r"|^\s*\.(restore|import)\b|\brestore\s+database\b|\bdelete_?by_?query\b",
    re.IGNORECASE,
)
_WHERE = re.compile(r"\bwhere\b(?!\s*(\(?\s*(1|true|'?(\w+)'?\s*=\s*'?\3'?)\s*\)?\s*($|;)))", re.IGNORECASE)
_REMOVES = re.compile(
    r"\b(delete\s+(from|top|low_priority|quick|ignore|\w+\s+from)|update\s+[\w.\"`\[\]]+\s+(as\s+\w+\s+|\w+\s+)?set)\b",
    re.IGNORECASE,
)
# Cypher: MATCH (n) DELETE n.
_DELETES_FOUND = re.compile(r"\bmatch\b.*\bdelete\b", re.IGNORECASE | re.DOTALL)
# First words of key-value stores, migration tools and administration.
_ACTIONS = frozenset(
    [
        *(
            "del",
            "unlink",
            "hdel",
            "getdel",
            "ltrim",
            "xtrim",
            "rename",
            "flushall",
            "flushdb",
            "drop",
            "drop-all",
        ),
        *(
            "dropall",
            "clean",
            "delete",
            "rm",
            "purge",
            "down",
            "rollback",
            "revert",
            "destroy",
            "wipe",
            "truncate",
        ),
        *(
            "remove",
            "reset",
            "--drop",
            "--clean",
            "--delete",
            "zremrangebyrank",
            "zremrangebyscore",
            "shutdown",
        ),
    ]
)
_MOST_ACTIONS = 12
LONGEST = 64 * 1024
"""As much of one text, in characters, as is looked through."""


def is_irreversible(words: tuple[str, ...], stdin_text: str) -> bool:
    """Returns whether a word or the text on standard input deletes, drops or overwrites for good."""
    return any(_is_lost(text[:LONGEST]) for text in (" ".join(words), *words, stdin_text) if text)


def is_action(words: tuple[str, ...]) -> bool:
    """Returns whether one of the words orders a removal: redis' `del`, `flyway clean`, `--drop`."""
    return any(word.lower() in _ACTIONS for word in words[:_MOST_ACTIONS])


def _is_lost(text: str) -> bool:
    # What a remark hides from one dialect is a statement for another.
    for spelled in (text, _REMARKS.sub(" ", text)):
        if _DROPS.search(spelled) or _DELETES_FOUND.search(spelled):
            return True
        for statement in spelled.split(";"):
            if _REMOVES.search(statement) and not _WHERE.search(statement):
                return True
    return False
