"""Start a command on several processes, as torchrun does, with short error messages.

torchrun itself adds its own traceback and a table of about forty lines to each message. It waits
silently for other machines, also for one that cannot exist. At a signal it kills its processes
after 30 seconds, which a step and a checkpoint may exceed, and it ends with another status.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from torch.distributed import DistNetworkError, DistStoreError, run
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure

from ..utils.processes import child_processes
from ..utils.signals import LOST, STOPPED, SignalThread

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
        with forwarded_signals(args) as signals:
            run.run(args)
    except ChildFailedError as error:
        return explain(error, signals)
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


@contextmanager
def forwarded_signals(args: argparse.Namespace) -> Iterator[list[signal.Signals]]:
    """Hand each signal that asks to stop to the processes, and wait for them as long as it takes.

    They write a checkpoint at the first signal and end at once at the second. Before they are
    started, while this machine waits for others, a signal ends the launcher.

    Args:
        args: torchrun's arguments; the signals that torchrun handles itself are taken from them.

    Yields:
        The signals that have arrived.
    """
    signals: list[signal.Signals] = []

    def forward(number: signal.Signals) -> None:
        signals.append(number)
        workers = started_workers()
        if not workers:
            os._exit(128 + number)
        for worker in workers:
            with suppress(ProcessLookupError):
                os.kill(worker, number)

    args.signals_to_handle = 'SIGHUP,SIGQUIT'
    thread = SignalThread(forward)
    thread.install()
    try:
        yield signals
    finally:
        thread.restore()


def started_workers() -> list[int]:
    """The processes that torchrun has started from this one, each in a session of its own (Linux).

    Python's own helper processes are not among them.
    """
    return [child for child, session in child_processes().items() if child == session]


def explain(error: ChildFailedError, signals: Sequence[signal.Signals]) -> int:
    """Say which process has failed, if it could not say so itself, and return the exit status.

    The first process that fails takes others with it: they lose the connection to it, and torchrun
    ends them by SIGTERM.

    Args:
        error: says how each process ended.
        signals: those that the launcher has handed on.
    """
    own = {
        rank: failure
        for rank, failure in error.failures.items()
        if failure.exitcode not in (LOST, -signal.SIGTERM)
    }
    rank, first = min(own.items(), key=_moment) if own else error.get_first_failure()
    if first.exitcode == STOPPED:
        return STOPPED
    if first.exitcode < 0 and signals:  # a signal before the training, or the second one
        return 128 - first.exitcode
    if first.exitcode == LOST:
        return 1
    if first.exitcode < 0:
        print(
            f'\nerror: process {rank} (PID {first.pid}) has ended by {describe_signal(first)}; the '
            'others were stopped.',
            file=sys.stderr,
        )
    elif first.exitcode not in (EXPLAINED, *(128 + number for number in signals)):
        print(
            f'\nerror: process {rank} (PID {first.pid}) has ended with status {first.exitcode}; '
            'the others were stopped.',
            file=sys.stderr,
        )
    return max(first.exitcode, 1)


def _moment(item: tuple[int, ProcessFailure]) -> tuple[int, bool]:
    """When a process was found to have ended; of those of one second, killed ones come first."""
    return item[1].timestamp, item[1].exitcode >= 0


def describe_signal(failure: ProcessFailure) -> str:
    """Name the signal that a process has ended by, and its usual cause."""
    name = failure.signal_name()
    causes = {
        'SIGKILL': ', perhaps because the memory was full: see the kernel log (dmesg)',
        'SIGBUS': ', perhaps because /dev/shm was full',
    }
    return f'Signal {-failure.exitcode} ({name}){causes.get(name, "")}'


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
