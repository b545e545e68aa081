"""Start a command on several processes, as torchrun does, with short error messages.

torchrun itself adds its own traceback and a table of about forty lines to each message. It waits
silently for other machines, also for one that cannot exist.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

from torch.distributed import DistNetworkError, DistStoreError, run
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

PATIENCE = 600  # seconds that a machine waits for the others, torchrun's default
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
    args = run.parse_args(sys.argv[1:] if argv is None else list(argv))
    try:
        waiting = check_machines(args)
    except ValueError as error:
        print(f'\nerror: {error}', file=sys.stderr)
        return 2
    if waiting:
        print(f'Waiting for {waiting}.', file=sys.stderr, flush=True)
    try:
        run.run(args)
    except ChildFailedError as error:
        _, first = error.get_first_failure()
        if first.exitcode != EXPLAINED:  # killed or crashed: the table says how
            print(error, file=sys.stderr)
        return max(first.exitcode, 1)
    except (DistNetworkError, DistStoreError) as error:
        # The first process of machine 0 has the port itself: any other failure there is a wait.
        if waiting and 'EADDRINUSE' not in str(error):
            print(f'\nerror: waited in vain for {waiting}.', file=sys.stderr)
            return 1
        print(
            f'\nerror: {str(error).splitlines()[0]}\nIf the address is in use, another training '
            'uses it: set PORT to another number, the same on all machines.',
            file=sys.stderr,
        )
        return 1
    except SignalException as error:  # its processes were stopped before it was raised
        return 128 + error.sigval
    return 0


def check_machines(args: argparse.Namespace) -> str | None:
    """Check which of the machines this is, and say for which others torchrun is going to wait.

    Args:
        args: torchrun's arguments; the time that it waits is added to them.

    Returns:
        For a message: for whom and how long. None if there is one machine, or if the machines find
        each other by other means than their numbers.

    Raises:
        ValueError: there is no machine of this number, or no number of machines.
    """
    if args.standalone or args.rdzv_backend != 'static':
        return None
    text = str(args.nnodes)
    machines = int(text) if text.isdigit() else 0
    if machines < 1 and ':' not in text:
        raise ValueError(f'NNODES (--nnodes) is {text!r}; set it to the number of machines.')
    if machines < 1:
        return None
    if not 0 <= args.node_rank < machines:
        raise ValueError(
            f'NODE_RANK (--node_rank) is {args.node_rank}, but with NNODES (--nnodes) = {machines} '
            f'the machines have the numbers 0 to {machines - 1}: start this one with one of them '
            'that no other machine has.'
        )
    if machines == 1:
        return None
    if 'timeout' not in args.rdzv_conf:
        args.rdzv_conf = ','.join(filter(None, [args.rdzv_conf, f'timeout={PATIENCE}']))
    seconds = dict(pair.split('=') for pair in args.rdzv_conf.split(','))['timeout']
    place = f'{args.master_addr}:{args.master_port}'
    if args.node_rank == 0:
        others = ', '.join(map(str, range(1, machines)))
        whom = f'the machines with NODE_RANK {others}, which are to come to {place}'
    else:
        whom = f'machine 0 at {place}, and then for all {machines} machines'
    return (
        f'{whom}; this one is NODE_RANK {args.node_rank} of NNODES {machines}. After {seconds} s '
        'it gives up. MASTER_ADDR must be the address of machine 0, and PORT the same on all'
    )
