"""workbench migrate: the ledger from SQLite to PostgreSQL, verified there, and what to do then."""

from __future__ import annotations

from workbench.app.home import load_config
from workbench.app.moving import migrate_ledger
from workbench.cli.output import print_json, print_line, print_note
from workbench.model.counted import render_count


def migrate(to: str, as_json: bool) -> None:
    """Moves the ledger, telling on stderr how far it is, and says where it is now."""

    def tell(what: str, done: int, total: int) -> None:
        if total:
            print_note(f"{what}: {done} of {total}")

    moved = migrate_ledger(load_config(), to, tell)
    if as_json:
        print_json(
            {"place": moved.place, "events": moved.events, "rows": moved.rows, "is_earlier": moved.is_earlier}
        )
        return
    if moved.is_earlier:
        print_line(
            f"it was moved to {moved.place} before; {render_count(moved.events, 'event')} verified there"
        )
    else:
        print_line(
            f"{render_count(moved.rows, 'row')} moved to {moved.place}; "
            f"{render_count(moved.events, 'event')} and every row verified there"
        )
    print_line("from now on: set WORKBENCH_DATABASE_URL, or database_url in config.toml, to that address")
    print_line("transcripts, keys, tokens and the vault stay in the home; no server starts on the old ledger")
