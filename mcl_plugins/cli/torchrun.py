"""Start a command on several processes, as torchrun does, with short errors.

torchrun itself adds its own traceback and a table, some forty lines, to each message.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

from torch.distributed import DistNetworkError, run
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

SAID_WHY = 1  # how Python ends after an exception: its traceback, or a message instead, is printed


def main(argv: Sequence[str] | None = None) -> None:
    """Run torchrun with the command line's arguments, and end with its status."""
    sys.exit(start(argv))


def start(argv: Sequence[str] | None = None) -> int:
    """Run torchrun and return the exit status.

    Args:
        argv: torchrun's arguments; those of the process by default.
    """
    # Which process was sent which signal because another one had failed.
    logging.getLogger('torch.distributed.elastic.multiprocessing.api').setLevel(logging.CRITICAL)
    try:
        run.main(None if argv is None else list(argv))
    except ChildFailedError as error:
        _, first = error.get_first_failure()
        if first.exitcode != SAID_WHY:  # killed, or crashed without a word: the table says how
            print(error, file=sys.stderr)
        return max(first.exitcode, 1)
    except DistNetworkError as error:
        print(
            f'\nerror: {str(error).splitlines()[0]}\nIf the address is in use, another training '
            'has it: set PORT to another number. It must be the same on all machines.',
            file=sys.stderr,
        )
        return 1
    except SignalException as error:  # its processes were stopped before it was raised
        return 128 + error.sigval
    return 0
