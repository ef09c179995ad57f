"""The command line: one file a subcommand. People read stderr, programs read stdout.

Every error says what happened and what to do, and ends with a status that scripts can tell apart.
"""

from __future__ import annotations

import gc
import sys
from typing import Final

from workbench.model.errors import ServerUnavailable, WorkbenchError

_OBJECTS_BEFORE_COLLECTING: Final = 100_000


def main() -> None:
    """Runs one command and exits with its status."""
    # Most commands are over before they have made garbage worth looking for.
    gc.set_threshold(_OBJECTS_BEFORE_COLLECTING)
    from workbench.cli.commands import build
    from workbench.cli.output import print_error

    try:
        build()(standalone_mode=True)
    except ServerUnavailable as error:
        from workbench.cli.run import SERVER_LOST

        print_error(error)
        sys.exit(SERVER_LOST)
    except WorkbenchError as error:
        print_error(error)
        sys.exit(2 if error.http_status in (400, 404, 422) else 1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output has gone; what it wanted it has.
        sys.stderr.close()
        sys.exit(0)
