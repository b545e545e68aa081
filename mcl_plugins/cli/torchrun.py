"""Start a command on several processes, as torchrun does, with short error messages.

torchrun itself adds its own traceback and a table of about forty lines to each message.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

from torch.distributed import DistNetworkError, run
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

# Exit status of a Python process that has printed a traceback or a message.
EXPLAINED = 1


def main(argv: Sequence[str] | None = None) -> None:
    """Run torchrun with the command line's arguments and exit with its status."""
    sys.exit(start(argv))


def start(argv: Sequence[str] | None = None) -> int:
    """Run torchrun and return the exit status.

    Args:
        argv: torchrun's arguments; by default those of the process.
    """
    # Hide the lines on which process received which signal because another one had failed.
    logging.getLogger('torch.distributed.elastic.multiprocessing.api').setLevel(logging.CRITICAL)
    try:
        run.main(None if argv is None else list(argv))
    except ChildFailedError as error:
        _, first = error.get_first_failure()
        if first.exitcode != EXPLAINED:  # killed or crashed: the table says how
            print(error, file=sys.stderr)
        return max(first.exitcode, 1)
    except DistNetworkError as error:
        print(
            f'\nerror: {str(error).splitlines()[0]}\nIf the address is in use, another training '
            'uses it: set PORT to another number, the same on all machines.',
            file=sys.stderr,
        )
        return 1
    except SignalException as error:  # its processes were stopped before it was raised
        return 128 + error.sigval
    return 0
